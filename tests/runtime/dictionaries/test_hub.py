"""Gemma Scope 2 from the Hub: all ten repositories listed, every kind opened and read, nothing fetched too early."""

import json

import numpy as np
import pytest
import torch
from huggingface_hub import constants, snapshot_download
from safetensors.numpy import load_file

import gscope_widgets as gs
from gscope_widgets.runtime.hub import faults as hub_faults
from tests.hub import faults
from tests.hub.disk import no_free_space
from tests.hub.fixtures import hub, no_waiting
from tests.hub.gemma import write_gemma
from tests.hub.geometry import GEOMETRIES, name_repository
from tests.hub.published import list_folders, list_samples, write_folder, write_scope_repository
from tests.runtime.inside import loaded, open_dictionaries

__all__ = ["hub", "no_waiting"]

SIZES = [(size, variant) for size in GEOMETRIES for variant in ("pt", "it")]
WISHES = [
    {},
    {"site": "attn_out"},
    {"site": "mlp_out"},
    {"site": "transcoder"},
    {"site": "transcoder", "affine": True},
    {"site": "crosscoder"},
    {"site": "clt"},
    {"site": "clt", "affine": True},
]
TEXT = "The old fisherman sold two red fish."


@pytest.fixture(autouse=True)
def _quick(monkeypatch, no_waiting):
    monkeypatch.setattr(hub_faults, "PAUSE_S", 0.0)


@pytest.fixture
def open_size(hub, load):
    """Publishes a size and its dictionaries, reduced, and loads it."""

    def publish(size="270m", variant="pt", **options):
        write_gemma(hub.folder, size, variant)
        write_scope_repository(hub.folder, size, variant, **options)
        return load(f"gemma-3-{size}" + ("-it" if variant == "it" else ""))

    return publish


def lies_in(info) -> str:
    return info.id.partition("/")[2]


@pytest.mark.parametrize(("size", "variant"), SIZES)
def test_every_size_lists_all_that_is_published_and_reads_every_kind(hub, open_size, size, variant):
    scope = open_size(size, variant)
    assert {lies_in(info) for info in scope.catalogue()} == set(list_folders(size, variant))
    kinds = set()
    for folder in list_samples(size, variant):
        info = next(info for info in scope.catalogue() if lies_in(info) == folder)
        assert not info.cached
        layer = {} if len(info.layers) > 1 else {"layer": info.layer}
        dictionary = scope.dictionary(info.site, width=info.width, l0=info.l0, affine=info.affine, **layer)
        assert lies_in(dictionary.info) == folder
        with pytest.warns(gs.SanityWarning):  # weights are random
            reading = scope.read(TEXT, dictionary)
        assert reading.total_fvu is not None
        kinds.add((info.base_site, info.affine))
        check_reading(scope, reading, hub.folder / name_repository(size, variant) / folder)
    expected = {"resid_post", "attn_out", "mlp_out", "transcoder", "crosscoder"} | ({"clt"} & {*map(site_of, kinds)})
    assert {site for site, _ in kinds} >= expected - (
        {"attn_out", "mlp_out"} if (size, variant) == ("27b", "pt") else set()
    )


def site_of(kind):
    return kind[0]


def check_reading(scope, reading, folder):
    """Against NumPy in float64 on the published tensors, and activations that plain hooks take."""
    point = json.loads((folder / "config.json").read_text())["hf_hook_point_in"]
    layers = reading.dictionary_info.layers
    seen = hooked(scope, [point.replace(point.split(".")[2], str(layer)) for layer in layers], reading)
    for member, x in enumerate(seen):
        name = "params.safetensors" if len(layers) == 1 else f"params_layer_{member}.safetensors"
        w = {key: value.astype(np.float64) for key, value in load_file(folder / name).items()}
        pre = x @ w["w_enc"] + w["b_enc"]
        expected = np.where(pre > w["threshold"], pre, 0)
        share = expected.shape[1]
        found = reading.to_dense()[list(reading.tokens.used), member * share : (member + 1) * share]
        near = np.abs(pre - w["threshold"]) < 1e-3 * np.abs(pre).max()
        np.testing.assert_allclose(
            np.where(near, 0, found), np.where(near, 0, expected), rtol=2e-3, atol=2e-3 * np.abs(pre).max()
        )


def hooked(scope, points, reading):
    """What plain hooks see at points of a `config.json`, on the language model found by its class: [used pos, d] each."""
    text_model = next(m for m in loaded(scope).model.modules() if type(m).__name__ == "Gemma3TextModel")
    seen = {}

    def watch(point):
        name, side = point.removeprefix("model.").rsplit(".", 1)
        module = text_model.get_submodule(name)

        def keep(_module, inputs, output=None):
            value = inputs[0] if output is None else output
            seen[point] = value[0] if isinstance(value, tuple) else value

        return (module.register_forward_pre_hook if side == "input" else module.register_forward_hook)(keep)

    handles = [watch(point) for point in points]
    with torch.no_grad():
        text_model(input_ids=torch.tensor([list(reading.tokens.ids)]))
    for handle in handles:
        handle.remove()
    return [seen[point][0].double().numpy()[list(reading.tokens.used)] for point in points]


def test_opening_fetches_headers_alone_and_a_row_comes_by_itself(hub, open_size):
    scope = open_size()
    scope.catalogue()
    hub.forget()
    dictionary = scope.dictionary()
    size = hub.folder / "google/gemma-scope-2-270m-pt" / lies_in(dictionary.info) / "params.safetensors"
    assert hub.count_sent_bytes("/lfs/*") <= 4096 < size.stat().st_size
    hub.forget()
    row = dictionary.direction(7)
    np.testing.assert_array_equal(row, load_file(size)["w_dec"][7])
    assert hub.count_sent_bytes("/lfs/*") == row.nbytes
    assert not dictionary.info.cached
    with pytest.warns(gs.SanityWarning):
        scope.read(TEXT, dictionary)
    assert next(info for info in scope.catalogue() if info.id == dictionary.info.id).cached
    assert not hub.find_requests("*examples*")
    hub.forget()
    np.testing.assert_array_equal(dictionary.direction(8), load_file(size)["w_dec"][8])
    assert hub.requests == []


def test_a_server_without_ranges_costs_the_file_and_gives_the_same_row(hub, open_size):
    scope = open_size()
    hub.fail("/lfs/*params*", faults.RangeIgnored(), times=None)
    dictionary = scope.dictionary()
    path = hub.folder / "google/gemma-scope-2-270m-pt" / lies_in(dictionary.info) / "params.safetensors"
    np.testing.assert_array_equal(dictionary.direction(7), load_file(path)["w_dec"][7])


def test_what_was_read_once_is_read_without_a_network(hub, open_size, load):
    scope = open_size()
    with pytest.warns(gs.SanityWarning):
        before = scope.read(TEXT).to_dense()
    scope.close()
    hub.forget()
    hub.close()
    again = gs.load("gemma-3-270m")
    with pytest.warns(gs.SanityWarning):
        np.testing.assert_array_equal(again.read(TEXT).to_dense(), before)
    with pytest.raises(gs.Offline, match="attn_out"):
        again.read(TEXT, again.dictionary("attn_out"))
    again.close()


def test_an_unknown_choice_lists_the_nearest_that_exist(open_size):
    scope = open_size()
    for wishes, sentence in [
        (
            {"layer": 18},
            "there is no dictionary site='resid_post' layer=18; layers of resid_post are 0 to 17; there are: resid_post_all layer=17 width='16k'",
        ),
        ({"width": "131k"}, "width='131k'; there are: resid_post layer=5 width='16k'"),
        ({"site": "clt", "width": "1m"}, "clt layers 0, 1, 2.*width='262k' l0='medium'"),
        (
            {"site": "transcoder", "layer": 18},
            "site='transcoder' layer=18; layers of transcoder are 0 to 17; there are: transcoder_all layer=17 width='16k'",
        ),
    ]:
        with pytest.raises(gs.UnknownDictionary, match=sentence):
            scope.dictionary(**wishes)


@pytest.mark.parametrize(
    "name", ["google/gemma-3-270m-pt", "google/gemma-v3-270m-pt", "gemma-3-270m", "gemma-v3-270m-pt"]
)
def test_spellings_of_the_model_in_a_config_are_taken(hub, open_size, name):
    scope = open_size()
    folder = "resid_post/layer_9_width_16k_l0_medium"
    path = hub.folder / "google/gemma-scope-2-270m-pt" / folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_name": name}))
    assert scope.catalogue(refresh=True)
    assert scope.dictionary().info.model == name


def test_a_dictionary_of_the_other_variant_is_refused(hub, open_size, load):
    scope = open_size("270m", "it")
    path = next((hub.folder / "google/gemma-scope-2-270m-it").glob("resid_post/*/config.json"))
    path.write_text(path.read_text().replace("270m-it", "270m-pt"))
    scope.catalogue(refresh=True)
    with pytest.raises(gs.UnknownDictionary, match=r"was made for google/gemma-3-270m-pt, and this is gemma-3-270m-it"):
        scope.dictionary()


def test_a_revision_is_another_list_and_is_written_into_code(hub, open_size):
    scope = open_size()
    root = hub.folder / "google/gemma-scope-2-270m-pt"
    older = root.with_name(f"{root.name}@older")
    (older / "resid_post").mkdir(parents=True)
    (root / "resid_post/layer_9_width_16k_l0_medium").rename(older / "resid_post/layer_9_width_16k_l0_medium")
    assert [lies_in(info) for info in scope.catalogue(revision="older")] == ["resid_post/layer_9_width_16k_l0_medium"]
    dictionary = scope.dictionary(revision="older")
    assert scope.write_opening(dictionary.info.id) == (
        "scope.dictionary('resid_post', layer=9, width='16k', l0='medium', revision='older')"
    )
    with pytest.raises(gs.UnknownDictionary, match="has no revision 'v9'"):
        scope.dictionary(revision="v9")


def test_a_new_commit_with_the_same_weights_changes_nothing_and_with_others_brings_them(hub, open_size):
    scope = open_size()
    first = scope.dictionary()
    checked = scope.check(first).fvu
    root = hub.folder / "google/gemma-scope-2-270m-pt"
    (root / "README.md").write_text("new")
    scope.catalogue(refresh=True)
    assert scope.dictionary() is first
    assert scope.provenance([first.info.id]).dictionaries == {first.info.id: first.info.commit}
    write_folder(root, lies_in(first.info), size="270m", seed=99)
    scope.catalogue(refresh=True)
    second = scope.dictionary()
    assert second is not first and second.info.commit != first.info.commit
    assert scope.check(second).fvu != checked
    expected = load_file(root / lies_in(first.info) / "params.safetensors")["w_dec"][3]
    np.testing.assert_array_equal(second.direction(3), expected)


@pytest.mark.parametrize("revision", [123, "", ["x"]])
def test_a_revision_that_is_none_is_refused(open_size, revision):
    scope = open_size()
    for ask in (scope.dictionary, scope.catalogue):
        with pytest.raises(gs.InvalidValue, match="revision must be a branch, tag or commit"):
            ask(revision=revision)


def test_suites_without_medium_give_small(open_size):
    scope = open_size()
    with pytest.raises(gs.GscopeError, match="resid_post_all/layer_7_width_16k_l0_small"):
        scope.dictionary("resid_post_all", layer=7)  # listed, not written


def test_room_for_a_whole_dictionary_is_asked_for_before_its_first_file(hub, open_size):
    scope = open_size()
    clt = scope.dictionary("clt", width="262k", l0="medium")
    size = clt._members[0].file.missing_bytes
    hub.forget()
    with no_free_space(hub.home, free_bytes=50_000_000 + 2 * size), pytest.raises(gs.DiskFull, match="18 files of"):
        scope.read(TEXT, clt)
    assert not hub.find_requests("/lfs/*")


def test_weights_held_in_bfloat16_take_half_and_read_nearly_the_same(open_size):
    scope = open_size()
    whole = scope.dictionary()
    x = np.random.default_rng(0).normal(size=(5, 20)).astype(np.float32)
    expected = whole.reconstruct(x)
    open_dictionaries(scope).clear()
    half = scope.dictionary(dtype="bfloat16")
    assert np.abs(half.reconstruct(x) - expected).max() < 0.1 * np.abs(expected).max()
    assert half.bytes < 0.6 * whole.bytes
    with pytest.raises(gs.InvalidValue, match="is open on cpu in bfloat16"):
        scope.dictionary(dtype="float32")
    assert scope.dictionary() is half


def test_provenance_names_the_commit_of_the_model(open_size):
    assert len(open_size().info.revision) == 40


def test_an_incomplete_crosscoder_is_not_listed(hub, open_size):
    scope = open_size(listed=False)
    path = next((hub.folder / "google/gemma-scope-2-270m-pt").glob("crosscoder/*/params_layer_2.safetensors"))
    path.unlink()
    assert "crosscoder" not in {info.site for info in scope.catalogue(refresh=True)}


def test_an_empty_file_on_the_hub_is_told_as_what_it_is(hub, open_size):
    """As the layer-0 file of a published CLT was found in 2026."""
    scope = open_size("270m", "it")
    path = next((hub.folder / "google/gemma-scope-2-270m-it").glob("clt/width_*_medium/params_layer_0.safetensors"))
    faults.spoil(path, faults.EmptyFile())
    scope.catalogue(refresh=True)
    with pytest.raises(gs.BadArtefact, match=r"params_layer_0\.safetensors of .* \(0 bytes\) is empty"):
        scope.dictionary("clt", width="262k", l0="medium")


FETCHED = "resid_post/layer_9_width_16k_l0_medium"
MODEL, SCOPE = "google/gemma-3-270m", "google/gemma-scope-2-270m-pt"


@pytest.fixture
def fetch_plainly(hub, monkeypatch):
    """Publishes the smallest size, fetches the model and one dictionary as huggingface_hub does, and goes offline."""

    def fetch(*, dictionary=FETCHED, revision=None):
        write_gemma(hub.folder, "270m", "pt")
        write_scope_repository(hub.folder, "270m", "pt", listed=False)
        model = snapshot_download(MODEL, revision=revision)
        root = snapshot_download(SCOPE, allow_patterns=[f"{dictionary}/*"], revision=revision)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        hub.close()
        return model, f"{root}/{dictionary}"

    return fetch


def test_what_was_fetched_by_other_means_is_enough_offline(hub, fetch_plainly, load):
    fetch_plainly()
    assert not (hub.home / "gscope_widgets" / "listings").exists()
    scope = load("gemma-3-270m")
    (info,) = scope.catalogue()
    assert (lies_in(info), info.cached) == (FETCHED, True)
    dictionary = scope.dictionary()
    assert lies_in(dictionary.info) == FETCHED
    with pytest.warns(gs.SanityWarning):  # weights are random
        reading = scope.read(TEXT, dictionary)
    check_reading(scope, reading, hub.folder / SCOPE / FETCHED)
    assert scope.write_opening(dictionary.info.id) == (
        "scope.dictionary('resid_post', layer=9, width='16k', l0='medium')"
    )
    # Control: what was not fetched is not there, and the message says which is.
    with pytest.raises(gs.Offline, match=r"the Hub cannot be asked, and on this machine there is no .*layer=9"):
        scope.dictionary("resid_post", 5)


def test_nothing_fetched_is_still_offline(hub, fetch_plainly, load):
    fetch_plainly(dictionary="no/such")
    with pytest.raises(gs.Offline, match="the list of files of google/gemma-scope-2-270m-pt is not on this machine"):
        load("gemma-3-270m").dictionary()


def test_a_model_of_which_only_the_configuration_was_fetched_is_offline(hub, monkeypatch, load):
    write_gemma(hub.folder, "270m", "pt")
    snapshot_download(MODEL, allow_patterns=["config.json"])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(gs.Offline, match=r"on this machine google/gemma-3-270m lacks model\.safetensors; unset HF"):
        load("gemma-3-270m")


def test_code_holds_no_path_of_the_cache(hub, fetch_plainly, load):
    model, folder = fetch_plainly()
    scope = load(model)
    assert scope.info.id == MODEL
    dictionary = scope.dictionary(path=folder)
    commit = folder.split("/")[-3]
    assert dictionary.info.commit == commit
    assert dictionary.info.id == f"gemma-scope-2-270m-pt@{commit}/{FETCHED}"
    code = [scope.to_code(), scope.write_opening(dictionary.info.id)]
    assert code == [
        f"scope = gs.load({MODEL!r}, revision={scope.info.revision!r})",
        f"scope.dictionary(path='hf://{SCOPE}@{commit}/{FETCHED}')",
    ]
    assert str(hub.home) not in "".join(code)
    # What is written opens the same weights.
    expected = scope.read(TEXT, dictionary).to_dense()
    scope.close()
    opened = {"gs": gs}
    exec(code[0], opened)
    again = eval(code[1], opened)
    assert again.info.id == dictionary.info.id
    np.testing.assert_array_equal(opened["scope"].read(TEXT, again).to_dense(), expected)
    opened["scope"].close()


def test_a_seed_variant_which_no_choice_names_is_written_by_its_address(hub, open_size):
    scope = open_size(listed=False)
    root = hub.folder / SCOPE
    write_folder(root, FETCHED, size="270m", seed=5)
    (root / FETCHED).rename(root / f"{FETCHED}_seed_1")
    write_folder(root, FETCHED, size="270m")
    address = f"hf://{SCOPE}/{FETCHED}_seed_1"
    dictionary = scope.dictionary(path=address)
    assert scope.write_opening(dictionary.info.id) == f"scope.dictionary(path={address!r})"
    expected = load_file(root / f"{FETCHED}_seed_1" / "params.safetensors")["w_dec"][3]
    np.testing.assert_array_equal(dictionary.direction(3), expected)
    assert not np.array_equal(scope.dictionary().direction(3), expected)


@pytest.mark.parametrize("address", ["hf://", "hf://a", "hf://a/b/c", f"hf://{SCOPE}/resid_post/x/y/z"])
def test_an_address_of_another_form_is_refused(open_size, address):
    with pytest.raises(gs.InvalidValue, match="an address is hf://owner/name/site/folder"):
        open_size().dictionary(path=address)


def test_an_address_of_no_folder_is_told(open_size):
    with pytest.raises(gs.UnknownDictionary, match="google/gemma-scope-2-270m-pt has no folder resid_post/x"):
        open_size().dictionary(path=f"hf://{SCOPE}/resid_post/x")
