"""Whether a dictionary does on real text what its files say."""

from dataclasses import dataclass, field

from gscope_widgets.records.provenance import Provenance


@dataclass(frozen=True)
class DictionaryCheck:
    """What a dictionary reaches on a short built-in text, set against what it declares."""

    dictionary_id: str
    fvu: float | None  # fraction of variance unexplained, over all tokens and layers; near 0 is good, 1 is the mean
    l0: float  # features a token, mean
    declared_l0: float | None  # of config.json; published files hold the target of training
    tokens: int  # that were read
    faults: tuple[str, ...] = ()  # what is wrong, in sentences, the likely cause with it
    provenance: Provenance | None = field(default=None, compare=False, repr=False)  # where a scope computed it

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults
