"""Which dictionaries gscope-mini ships, and which are trained only to measure the spread over seeds."""

from collections.abc import Iterator
from dataclasses import replace

from factory.training.dictionary import DictionaryRecipe

LAYERS = 8
SWEEP = (2, 4, 5, 6)  # about 25, 50, 65 and 85 % of depth, as Gemma Scope 2 chose them
MIDDLE = 4
L0 = {"small": 4, "medium": 10, "big": 30}
WIDTHS = {"512": 512, "1k": 1024, "2k": 2048, "4k": 4096}
SEEDS = (0, 1, 2)
PRETRAINED, TWIN, CHAT = "gscope-mini-pt", "gscope-mini-twin", "gscope-mini-it"


def list_family() -> dict[str, list[DictionaryRecipe]]:
    """What ships, by the name of its root: the dictionaries of `mini`, one's twin, those of `mini-it`."""
    return {PRETRAINED: list(_pretrained()), TWIN: [plain_twin()], CHAT: list(_chat())}


def list_repeats() -> dict[str, list[DictionaryRecipe]]:
    """Further seeds of the default dictionary, of the small one and of that one's twin, by root; not shipped."""
    small = small_dictionary()
    return {
        f"seed_{seed}{kind}": [replace(recipe, seed=seed) for recipe in recipes]
        for seed in SEEDS[1:]
        for kind, recipes in (("", (middle_dictionary(), small)), ("_twin", (plain_twin(),)))
    }


def middle_dictionary() -> DictionaryRecipe:
    """The documented default: `resid_post`, layer 4, 1k, medium."""
    return single("resid_post", MIDDLE, "1k", "medium")


def small_dictionary() -> DictionaryRecipe:
    """The sparsest of the default's site, layer and width."""
    return single("resid_post", MIDDLE, "1k", "small")


def plain_twin() -> DictionaryRecipe:
    """The small dictionary without Matryoshka prefixes, on the same activations.

    Of the small one, in which absorption can be seen: where few features are active, some parents'
    features of a plain dictionary are inactive on their children. The default's twin, at 10
    features a token, does not.
    """
    recipe = small_dictionary()
    return replace(recipe, prefixes=(recipe.features,))


def single(site: str, layer: int, width: str, l0: str, *, suite: str = "", affine: bool = False) -> DictionaryRecipe:
    """A dictionary of one layer: an SAE, or a transcoder where the site says so."""
    features = WIDTHS[width]
    name = f"layer_{layer}_width_{width}_l0_{l0}" + ("_affine" if affine else "")
    transcoder = site == "transcoder"
    shown = (site, layer, width) == ("resid_post", MIDDLE, "1k")
    wide = width == "4k"
    return DictionaryRecipe(
        kind="transcoder" if transcoder else "sae",
        folder=f"{site}{suite}/{name}",
        inputs=(("mlp_in", layer),) if transcoder else ((site, layer),),
        targets=(("mlp_out", layer),) if transcoder else ((site, layer),),
        features=features,
        l0=L0[l0],
        prefixes=(features // 16, features // 5, features // 2, features),
        affine=affine,
        # Whitening leaves fewer features dead and less variance unexplained. Concepts are looked for in these, and
        # in trials of the default fewer concepts above the word had a feature with it.
        whitening=0.0 if shown else 0.5,
        steps=2500 if shown and l0 == "medium" else 1500 if wide else 700,
    )


def crosscoder() -> DictionaryRecipe:
    """One dictionary over the residual stream of the sweep layers."""
    places = tuple(("resid_post", layer) for layer in SWEEP)
    features = WIDTHS["1k"] // len(SWEEP)
    name = f"layer_{'_'.join(map(str, SWEEP))}_width_1k_l0_medium"
    return DictionaryRecipe("crosscoder", f"crosscoder/{name}", places, places, features, 20, (features,), steps=900)


def cross_layer_transcoder() -> DictionaryRecipe:
    """One dictionary over all MLPs, each feature writing to its own layer and every later one.

    It has as many features a token as the small transcoders of all layers together, and no affine
    skip, like those of them beside which its graphs are measured.
    """
    inputs = tuple(("mlp_in", layer) for layer in range(LAYERS))
    targets = tuple(("mlp_out", layer) for layer in range(LAYERS))
    features = WIDTHS["2k"] // LAYERS
    l0 = LAYERS * L0["small"]
    return DictionaryRecipe("clt", "clt/width_2k_l0_medium", inputs, targets, features, l0, (features,), steps=900)


def _pretrained() -> Iterator[DictionaryRecipe]:
    yield middle_dictionary()
    for l0 in ("small", "big"):
        yield single("resid_post", MIDDLE, "1k", l0)
    for site in ("attn_out", "mlp_out"):
        for l0 in L0:
            yield single(site, MIDDLE, "1k", l0)
    for layer in SWEEP:
        if layer != MIDDLE:
            yield single("resid_post", layer, "1k", "medium")
    yield single("resid_post", MIDDLE, "4k", "medium")
    yield crosscoder()
    yield cross_layer_transcoder()
    for affine in (True, False):
        for layer in range(LAYERS):
            yield single("transcoder", layer, "512", "small", suite="_all", affine=affine)
    for layer in range(LAYERS):
        yield single("resid_post", layer, "512", "small", suite="_all")


def _chat() -> Iterator[DictionaryRecipe]:
    for layer in SWEEP:
        yield replace(single("resid_post", layer, "1k", "medium"), steps=700)
    yield replace(crosscoder(), steps=700)
    for layer in (4, 5):
        yield single("transcoder", layer, "512", "small", suite="_all", affine=True)
