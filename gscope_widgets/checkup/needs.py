"""What a model asks of a machine, by its name."""

from dataclasses import dataclass
from difflib import get_close_matches

from gscope_widgets.errors import UnknownModel, describe_value

# Parameters in millions: Gemma 3 Technical Report (2025), table 1, embedding + other + vision; 270m: its model card.
_MILLIONS = {"270m": 170 + 100, "1b": 302 + 698, "4b": 675 + 3209 + 417, "12b": 1012 + 10759 + 417}
_MILLIONS["27b"] = 1416 + 25600 + 417
MODELS = ("mini", *(f"gemma-3-{size}" for size in _MILLIONS))  # by the shortest name of each
DISK_BYTES = 2  # of a parameter: published in bfloat16
_ON_CPU = ("270m", "1b")  # small enough to be worked with on a CPU


@dataclass(frozen=True)
class Needs:
    """What a model asks for."""

    model: str
    repository: str  # on the Hub; the licence that is asked about; empty for the embedded model, which needs none
    parameters: int  # 0 for the embedded model
    runs_on_cpu: bool  # within seconds a token

    @property
    def disk_bytes(self) -> int:
        """Of its weights on the Hub."""
        return DISK_BYTES * self.parameters

    def memory_bytes(self, *, float32: bool) -> int:
        """Of its weights alone in memory."""
        return (4 if float32 else 2) * self.parameters


def find_needs(model: str) -> Needs:
    """The needs of "mini" or of a Gemma 3 model, by its short name or its name on the Hub.

    Raises:
        UnknownModel: it is neither.
    """
    names = ["mini", "mini-it", *(f"gemma-3-{size}{end}" for size in _MILLIONS for end in ("", "-pt", "-it"))]
    short = model.removeprefix("google/") if isinstance(model, str) else ""
    if short not in names:
        near = get_close_matches(short, names, n=1)
        meant = f"did you mean {near[0]!r}?" if near else "take 'mini' or one from 'gemma-3-270m' to 'gemma-3-27b-it'"
        raise UnknownModel(f"the needs of {describe_value(model)} are not known; {meant}")
    if short.startswith("mini"):
        return Needs(short, "", 0, True)
    size = short.split("-")[2]
    base = "" if size == "270m" else "-pt"  # as the base models are named on the Hub
    end = "-it" if short.endswith("-it") else base
    return Needs(short, f"google/gemma-3-{size}{end}", 1_000_000 * _MILLIONS[size], size in _ON_CPU)
