"""A feature's address, and what is known of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureLabel:
    """Words for a feature, with where they come from. A label is a hypothesis."""

    text: str
    source: str  # "measured on generated text", ...
    auc: float | None = None  # of the activation as a detector of the concept, on text not used to choose it
    precision: float | None = None  # of "it fires" for the concept
    recall: float | None = None
    author: str = ""  # the model that wrote it, where one did
    score: float | None = None  # that its source gives it; the scale is the source's own
    date: str = ""  # when it was written, "2026-01-31", where the source says

    @property
    def is_machine_guess(self) -> bool:
        """Whether a model wrote it from examples: nothing known of the text was measured for it."""
        return bool(self.author) and self.auc is None


@dataclass(frozen=True)
class FeatureRef:
    """One feature of one dictionary: `dictionary.feature(692)`."""

    dictionary_id: str  # as in DictionaryInfo.id
    feature: int

    def __str__(self) -> str:
        return f"{self.dictionary_id}#{self.feature}"


@dataclass(frozen=True)
class FeatureSummary:
    """What is known of a feature without running the model."""

    ref: FeatureRef
    label: FeatureLabel | None
    max_activation: float | None  # the largest activation seen when it was measured

    @property
    def feature(self) -> int:
        """Its index in its dictionary."""
        return self.ref.feature
