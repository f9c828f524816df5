"""Which dictionary: what its folder and its configuration say."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DictionaryInfo:
    """What a dictionary's folder and `config.json` say."""

    id: str  # "{repository}/{site folder}/{folder}"; "{repository}@{revision}/..." where a revision was asked for
    kind: str  # "sae", "transcoder", "crosscoder" or "clt"
    site: str  # the site folder's name: "resid_post", "resid_post_all", "clt", ...
    layers: tuple[int, ...]  # zero-based; several for a crosscoder, all of them for a CLT
    width: str  # the size class in the folder's name: "16k"
    d_dict: int | None  # the number of features, over all layers; None in a list of the Hub, until it is opened
    l0: str  # the sparsity class in the folder's name: "small", "medium", "big"; empty where it names none
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
