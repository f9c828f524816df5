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


@dataclass(frozen=True)
class DictionaryInfo:
    """What a dictionary's folder and `config.json` say."""

    id: str  # "{repository}/{site folder}/{folder}"; "{repository}@{revision}/..." where a revision was asked for
    kind: str  # "sae", "transcoder", "crosscoder" or "clt"
    site: str  # the site folder's name: "resid_post", "resid_post_all", "clt", ...
    layers: tuple[int, ...]  # zero-based; several for a crosscoder, all of them for a CLT
    width: str  # the size class in the folder's name: "16k"
    d_dict: int | None  # the number of features, over all layers; None in a list of the Hub, until it is opened
    l0: str  # the sparsity class in the folder's name: "small", "medium", "big"
    mean_l0: float | None  # the number in config.json; Gemma Scope's own files hold the training target
    affine: bool
    bytes: int  # of the weight files
    cached: bool = True  # its weights were on this machine when this was written
    commit: str = ""  # of its repository on the Hub; empty for a folder of this machine
    model: str = ""  # whose activations it was trained on, as config.json spells it; empty where it is silent

    @property
    def layer(self) -> int:
        """The one layer of a single-layer dictionary; the first one of others."""
        return self.layers[0]

    @property
    def base_site(self) -> str:
        """What is read, whichever suite it is of: "resid_post" for "resid_post_all" too."""
        return self.site.removesuffix("_all")


@dataclass(frozen=True)
class ModelInfo:
    """Which model answers, and what it takes."""

    id: str
    revision: str  # the commit on the Hub, or a digest of the embedded weights
    model_class: str
    layers: int
    d_model: int
    vocabulary: int
    context: int  # most tokens in one text
    device: str
    dtype: str
    bytes: int  # of the weights in memory
    licence: str
    d_attention: int = 0  # heads x head size: what attn_out dictionaries read
