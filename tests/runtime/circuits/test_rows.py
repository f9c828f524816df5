"""Circuits through a cross-layer transcoder on the Hub: its encoders and the rows of what fires, and nothing else."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import gscope_widgets as gs
from gscope_widgets.runtime.dictionaries import dictionary as dictionary_module
from gscope_widgets.runtime.files import weights
from gscope_widgets.runtime.hub import faults as hub_faults
from gscope_widgets.runtime.hub import transfer
from gscope_widgets.runtime.naming import write_need
from tests.hub import faults
from tests.hub.fixtures import hub, no_waiting
from tests.hub.gemma import write_gemma
from tests.hub.geometry import name_repository, reduce_geometry
from tests.hub.layout import write_clt, write_crosscoder, write_dictionary

pytestmark = pytest.mark.filterwarnings(
    "ignore::gscope_widgets.errors.SanityWarning",  # weights are random
    "ignore:.*w_dec writes to layers before",
)
__all__ = ["hub", "no_waiting"]

TEXT = "The old fisherman sold two red fish."
SHARE = 600  # features a layer
THRESHOLD = 2.2  # some in a hundred fire
GEOMETRY = reduce_geometry("270m")
ROW = 4 * GEOMETRY.n_layers * GEOMETRY.d_model


@pytest.fixture(autouse=True)
def _quick(monkeypatch, no_waiting):
    monkeypatch.setattr(hub_faults, "PAUSE_S", 0.0)


@pytest.fixture(params=[False, True], ids=["plain", "affine"])
def affine(request):
    return request.param


@pytest.fixture
def published(hub, affine):
    """A 270m and a CLT in the published layout; the CLT's folder."""
    write_gemma(hub.folder, "270m")
    return publish(hub, affine=affine)


def publish(hub, *, affine, share=SHARE):
    root = hub.folder / name_repository("270m", "pt")
    folder = write_clt(
        root,
        n_layers=GEOMETRY.n_layers,
        d_model=GEOMETRY.d_model,
        features_per_layer=share,
        affine=affine,
        below=0.2 * affine,  # what may not be written, and is left out
    )
    for path in folder.glob("*.safetensors"):
        tensors = load_file(path)
        tensors["threshold"] = np.full(share, THRESHOLD, np.float32)
        save_file(tensors, path)
    return folder


def count_encoder_bytes(folder):
    names = ("w_enc", "b_enc", "threshold", "b_dec", "affine_skip_connection")
    return sum(
        array.nbytes
        for path in folder.glob("*.safetensors")
        for name, array in load_file(path).items()
        if name in names
    )


def count_features(graph):
    return len(np.unique(graph.numbers[graph.kinds == 2]))


@pytest.mark.row("10")
def test_a_circuit_fetches_encoders_and_the_rows_of_what_fires(hub, published, affine, load, tmp_path):
    scope = load("gemma-3-270m")
    clt = scope.dictionary("clt", affine=affine)
    encoders, size = count_encoder_bytes(published), clt.info.bytes
    assert clt.missing_encoder_bytes == encoders < size / 8
    told = f"{len(scope.tokens(TEXT))} tokens through {clt.info.id}"
    assert write_need(scope, TEXT, [clt]) == f"{told}, {encoders / 1e6:.1f} MB of it fetched first"
    hub.forget()
    graph = gs.circuit(scope, TEXT, dictionaries=clt)
    assert write_need(scope, TEXT, [clt]) == told
    sent, fired = hub.count_sent_bytes("/lfs/*"), count_features(graph)
    assert 0.005 < fired / clt.d_dict < 0.2
    assert encoders + fired * ROW <= sent <= encoders + 2 * fired * ROW  # with single rows that lie between two
    assert sent < 0.4 * size
    assert not clt.info.cached and clt.missing_bytes == size and not clt.is_loaded
    assert clt.missing_encoder_bytes == 0
    # What was read stays: the same text asks for nothing.
    hub.forget()
    again = gs.circuit(scope, TEXT, dictionaries=clt)
    np.testing.assert_array_equal(again.weights, graph.weights)
    assert hub.count_sent_bytes("/lfs/*") == 0
    # The same graph as from the whole files.
    expected = gs.circuit(scope, TEXT, dictionaries=scope.dictionary(path=copy_folder(published, tmp_path)))
    np.testing.assert_array_equal(expected.numbers, graph.numbers)
    np.testing.assert_allclose(expected.weights, graph.weights, atol=1e-5)
    assert np.abs(graph.weights).max() > 0.1


def copy_folder(folder, tmp_path):
    copied = tmp_path / "copied-pt" / "clt" / folder.name
    copied.mkdir(parents=True)
    for path in folder.iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    return copied


def test_changing_a_node_fetches_rows_alone(hub, published, affine, load, tmp_path):
    scope = load("gemma-3-270m")
    clt = scope.dictionary("clt", affine=affine)
    graph = gs.circuit(scope, TEXT, dictionaries=clt)
    hub.forget()
    effect = gs.change_circuit(scope, graph, [graph.first_row], controls=3)
    assert hub.count_sent_bytes("/lfs/*") < 0.2 * clt.info.bytes
    whole = scope.dictionary(path=copy_folder(published, tmp_path))
    same = gs.circuit(scope, TEXT, dictionaries=whole)
    expected = gs.change_circuit(scope, same, [same.first_row], controls=3)
    for name in ("frozen", "free", "baseline"):
        np.testing.assert_allclose(getattr(effect, name), getattr(expected, name), atol=2e-3)
    assert np.abs(effect.free).max() > 0


def test_heads_of_an_edge_are_found_without_the_files(hub, published, affine, load, tmp_path):
    scope = load("gemma-3-270m")
    clt = scope.dictionary("clt", affine=affine)
    graph = gs.circuit(scope, TEXT, dictionaries=clt)
    hub.forget()
    edge = len(graph) - 1, int(np.abs(graph.weights[-1, graph.first_row :]).argmax()) + graph.first_row
    heads = gs.circuit_heads(scope, graph, *edge)
    assert hub.count_sent_bytes("/lfs/*") == 0
    same = gs.circuit(scope, TEXT, dictionaries=scope.dictionary(path=copy_folder(published, tmp_path)))
    expected = gs.circuit_heads(scope, same, *edge)
    np.testing.assert_allclose(heads.weights, expected.weights, atol=1e-5)


@pytest.mark.parametrize("kind", ["clt", "crosscoder"])
def test_spans_of_a_few_features_cost_their_rows(hub, load, kind):
    write_gemma(hub.folder, "270m")
    root, layers = hub.folder / name_repository("270m", "pt"), GEOMETRY.sweep
    common = {"d_model": GEOMETRY.d_model, "features_per_layer": SHARE}
    folder = (
        write_clt(root, n_layers=GEOMETRY.n_layers, **common)
        if kind == "clt"
        else write_crosscoder(root, layers=layers, **common)
    )
    scope = load("gemma-3-270m")
    home = scope.dictionary(kind)
    hub.forget()
    features = [5, 40, SHARE + 7, 3 * SHARE + 100, 3 * SHARE + 300]
    spans = scope.write_spans([home.feature(one) for one in features])
    row = 4 * len(home.info.layers) * GEOMETRY.d_model
    assert hub.count_sent_bytes("/lfs/*") == len(features) * row < 2e-3 * home.info.bytes
    for at, feature in enumerate(features):
        member, local = divmod(feature, SHARE)
        rows = load_file(folder / f"params_layer_{member}.safetensors")["w_dec"][local]
        np.testing.assert_allclose(spans.norms[at], np.linalg.norm(rows, axis=1), rtol=1e-5)
        assert not spans.norms[at, :member].any() and spans.norms[at, member:].all()
        assert spans.source_layers[at] == home.info.layers[member]
        np.testing.assert_allclose(spans.norms[at], home.write_span(feature), rtol=1e-6)
    assert spans.scales.shape == (len(home.info.layers),) and (spans.scales > 0).all()
    assert not home.info.cached


def test_some_features_are_read_off_the_encoders_of_their_layers(hub, published, affine, load, tmp_path):
    scope = load("gemma-3-270m")
    clt = scope.dictionary("clt", affine=affine)
    features = [SHARE + 3, SHARE + 40, 5 * SHARE + 9]
    hub.forget()
    reading = scope.read(TEXT, clt, features=features)
    assert hub.count_sent_bytes("/lfs/*") == count_encoder_bytes(published) * 2 / GEOMETRY.n_layers
    expected = scope.read(TEXT, scope.dictionary(path=copy_folder(published, tmp_path)), features=features)
    np.testing.assert_allclose(reading.to_dense(), expected.to_dense(), rtol=1e-5)


def test_a_server_without_ranges_costs_the_files_and_gives_the_same_graph(hub, published, affine, load, tmp_path):
    hub.fail("/lfs/*params*", faults.RangeIgnored(), times=None)
    scope = load("gemma-3-270m")
    clt = scope.dictionary("clt", affine=affine)
    graph = gs.circuit(scope, TEXT, dictionaries=clt)
    expected = gs.circuit(scope, TEXT, dictionaries=scope.dictionary(path=copy_folder(published, tmp_path)))
    np.testing.assert_allclose(expected.weights, graph.weights, atol=1e-5)
    assert clt.missing_bytes == 0


def test_how_much_has_come_is_told_and_it_can_be_stopped(hub, published, affine, load, monkeypatch):
    monkeypatch.setattr(weights, "_RANGE_BYTES", 10_000)
    scope = load("gemma-3-270m")
    clt = scope.dictionary("clt", affine=affine)
    told, gate = [], threading.Event()
    scope.submit(lambda _job: gate.wait(60))
    job = scope.start_circuit(TEXT, dictionaries=clt)
    job.watch(lambda one: told.append(one.fetched) if one.fetched is not None else None)
    gate.set()
    graph = job.wait()
    expected = count_encoder_bytes(published) + count_features(graph) * ROW
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert len(told) > 20 and told[-1].total == expected
    clt.close()
    gate.clear()
    scope.submit(lambda _job: gate.wait(60))
    job = scope.start_circuit(TEXT, dictionaries=clt)
    job.watch(lambda one: one.cancel() if one.fetched is not None else None)
    gate.set()
    with pytest.raises(gs.Cancelled):
        job.wait()
    assert clt.missing_encoder_bytes > 0


def publish_transcoders(hub):
    """A 270m and a transcoder of each layer."""
    write_gemma(hub.folder, "270m")
    root = hub.folder / name_repository("270m", "pt")
    for layer in range(GEOMETRY.n_layers):
        write_dictionary(root, site="transcoder_all", layer=layer, d_in=GEOMETRY.d_model, seed=layer)


def test_what_comes_of_all_transcoders_is_told_first_and_as_one_total(hub, load):
    publish_transcoders(hub)
    scope = load("gemma-3-270m")
    homes = [scope.dictionary("transcoder_all", layer=layer) for layer in range(GEOMETRY.n_layers)]
    told, gate, total = [], threading.Event(), sum(one.missing_bytes for one in homes)
    hub.forget()
    scope.submit(lambda _job: gate.wait(60))
    job = scope.start_circuit(TEXT, dictionaries=homes)

    def watch(one):
        if one.fetched is not None:
            told.append((one.fetched.done, one.fetched.total, hub.count_sent_bytes("/lfs/*")))

    job.watch(watch)
    gate.set()
    job.wait()
    assert told[0] == (0, total, 0) and {one[1] for one in told} == {total}
    assert [one[0] for one in told] == sorted(one[0] for one in told)
    assert total <= hub.count_sent_bytes("/lfs/*") < 1.1 * total  # with headers
    assert not any(one.missing_bytes for one in homes)


def test_a_disk_too_small_for_all_transcoders_is_told_before_any_comes(hub, load, monkeypatch):
    publish_transcoders(hub)
    scope = load("gemma-3-270m")
    homes = [scope.dictionary("transcoder_all", layer=layer) for layer in range(GEOMETRY.n_layers)]
    room = transfer._SPARE_BYTES + 2 * homes[0].missing_bytes
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _path: SimpleNamespace(free=room))
    hub.forget()
    with pytest.raises(gs.DiskFull, match=f"{GEOMETRY.n_layers} files"):
        gs.circuit(scope, TEXT, dictionaries=homes)
    assert hub.count_sent_bytes("/lfs/*") == 0


def test_rows_that_would_not_fit_are_refused_before_they_are_read(hub, published, affine, load, monkeypatch):
    scope = load("gemma-3-270m")
    clt = scope.dictionary("clt", affine=affine)
    monkeypatch.setattr(dictionary_module, "find_free", lambda _device: 100 * ROW)
    hub.forget()
    with pytest.raises(gs.OutOfMemory, match=r"features of .*clt.* fire on this text, whose decoder rows take .* free"):
        gs.circuit(scope, TEXT, dictionaries=clt)
    assert hub.count_sent_bytes("/lfs/*") <= 2 * count_encoder_bytes(published)


def test_a_damaged_member_is_told_before_anything_is_fetched(hub, published, affine, load):
    """As the upload of the 270m-it CLT was reported."""
    (published / "params_layer_0.safetensors").write_bytes(b"")
    scope = load("gemma-3-270m")
    hub.forget()
    with pytest.raises(gs.BadArtefact, match=r"params_layer_0.* \(0 bytes\) is empty"):
        scope.dictionary("clt", affine=affine)
    assert hub.count_sent_bytes("/lfs/*") < 4096 * GEOMETRY.n_layers


def test_memory_stays_far_below_the_files(hub, load):
    """Resident memory while a circuit is traced, beside what the files take."""
    write_gemma(hub.folder, "270m")
    folder = publish(hub, affine=False, share=4000)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    scope = load("gemma-3-270m")
    scope.next_tokens(TEXT)
    clt = scope.dictionary("clt")
    before, peak, over = resident(), [0], threading.Event()

    def watch():
        while not over.wait(0.002):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        graph = gs.circuit(scope, "The old man", dictionaries=clt, max_features=50)
    finally:
        over.set()
        watcher.join()
    fired = count_features(graph)
    assert fired == 50
    assert peak[0] - before < 0.5 * size, (peak[0] - before, size)
    assert clt.bytes < 0.3 * size


def resident():
    with open("/proc/self/status", encoding="utf-8") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
