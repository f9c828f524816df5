"""A sweep against all activations at once, computed by plain transformers and NumPy, and against itself when stopped."""

import gc
import io
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from safetensors.numpy import load_file, save_file

import gscope_widgets as gs
from factory.corpus import generate_documents
from gscope_widgets.mini import DICTIONARIES
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.sweeps import Sweep, SweepProgress
from gscope_widgets.runtime import showing
from gscope_widgets.runtime.dictionaries.shelf import Shelf
from gscope_widgets.runtime.examples import sweeps as examples_sweeps
from gscope_widgets.runtime.sweeps import folder, hand
from gscope_widgets.runtime.sweeps import sweep as sweeps
from gscope_widgets.runtime.sweeps.hand import Hand
from gscope_widgets.runtime.sweeps.rows import HEAD
from gscope_widgets.runtime.sweeps.state import SweepState, split_places
from tests.hub.disk import disk_full
from tests.runtime.inside import loaded
from tests.runtime.sweeps.plain import bin_up, check_state, collect, rank, sample

K, SEQ_LEN = 4, 40
RARE, SILENT = 3, 7


@pytest.fixture
def run(tiny, tiny_dictionary, texts, tmp_path):
    """`gs.sweep` of the tiny model in small steps; keywords replace arguments."""

    def run_here(out="out", corpus=None, **options):
        options = {"k": K, "seq_len": SEQ_LEN, "batch_tokens": 200, "show": False} | options
        place = tmp_path / out if out else out
        return gs.sweep(tiny, tiny_dictionary, texts if corpus is None else corpus, place, **options)

    return run_here


@pytest.fixture
def tiny_dictionary(tiny, make_dictionary):
    """Of features that fire everywhere, one that hardly ever does and one that never does."""
    threshold = torch.rand(40, generator=torch.Generator().manual_seed(0)) * 3 + 0.1
    threshold[RARE], threshold[SILENT] = 22, 1e6
    return tiny.dictionary(path=make_dictionary(threshold=threshold))


@pytest.fixture(autouse=True)
def _small_units(monkeypatch):
    monkeypatch.setattr(sweeps, "_UNIT_TOKENS", 300)


def read_all(scope, dictionary, table, lengths):
    """The activations of all rows as the sweep's own reading gives them: float32, [row, pos, feature], and what counts."""
    dense = np.zeros((*table.shape, dictionary.d_dict), np.float32)
    tokenizer = loaded(scope).tokenizer

    def read(_job):
        reader = Hand(loaded(scope), dictionary, batch_tokens=10**9, threads=1)
        rows = np.concatenate([lengths[:, None], np.zeros((len(table), HEAD - 1), int), table], 1).astype(np.int32)
        for found in reader.read([(0, rows)]):
            if not isinstance(found, int):
                features, values, places = found
                where, columns = split_places(places)
                dense[where, columns, features] = values

    scope.submit(read).result()
    return dense, tokenizer.mask_used(table, lengths)


def plain_activations(scope, folder, table, lengths, load_plain, plain_run, read_weights, *, layer):
    """The same, by transformers and float64: [row, pos, feature]."""
    weights, model = read_weights(folder), load_plain(scope.name)
    dense = np.zeros((*table.shape, weights["w_enc"].shape[1]))
    for row, (ids, length) in enumerate(zip(table, lengths, strict=True)):
        _, residual = plain_run(model, ids[:length].tolist(), layer=layer)
        pre = residual @ weights["w_enc"] + weights["b_enc"]
        dense[row, :length] = np.where(pre > weights["threshold"], pre, 0)
    return dense


@pytest.fixture
def swept(run, tiny, tiny_dictionary):
    result = run()
    files = load_file(result.folder / "examples.safetensors") | load_file(result.folder / "sweep.safetensors")
    return result, files


def test_every_panel_is_that_of_all_activations_at_once(
    swept, tiny, tiny_dictionary, load_plain, plain_run, read_weights
):
    result, files = swept
    table, lengths = files["tokens"], files["row_lengths"]
    plain = plain_activations(
        tiny, tiny_dictionary.folder.path, table, lengths, load_plain, plain_run, read_weights, layer=1
    )
    dense, used = read_all(tiny, tiny_dictionary, table, lengths)
    np.testing.assert_allclose(np.where(used[..., None], plain, 0), dense, atol=1e-3)
    found = collect(dense, used)
    assert sum(map(len, found)) > 1000
    assert len(found[SILENT]) == 0 < len(found[RARE]) < 200
    state = SweepState(tiny_dictionary.d_dict, K)
    rows, positions, features = np.nonzero(dense * used[..., None])
    state.add(features.astype(np.int32), dense[rows, positions, features], (rows << 16) | positions)
    check_state(state, found, K)
    assert result.used == used.sum()
    for feature, firings in enumerate(found):
        strongest = rank(firings, K)
        count = len(strongest)
        np.testing.assert_allclose(files["activations"][feature, :count], [one[0] for one in strongest], rtol=1e-4)
        # Rows of a batch of other lengths differ in the last bits, and may change places of what is as good as equal.
        for value, row, pos in zip(
            files["activations"][feature], files["seq_ids"][feature], files["positions"][feature], strict=True
        ):
            assert dense[row, pos, feature] == pytest.approx(value, rel=1e-4)
        assert files["counts"][feature] == len(firings)
        assert files["feature_frequencies"][feature] == len(firings) / used.sum()
        if not firings:
            continue
        width, _ = bin_up([one[0] for one in firings])
        assert 2.0 ** files["exponents"][feature] == width
        counted = np.bincount(bin_up([one[0] for one in firings])[1], minlength=32)
        near = sum(abs(one[0] / width - round(one[0] / width)) < 1e-4 for one in firings)
        assert np.abs(np.cumsum(counted - files["bins"][feature])).max() <= near
        for at, (value, row, pos) in sample(feature, firings).items():
            if near == 0:
                kept = files["sample_rows"][feature, at], files["sample_positions"][feature, at]
                assert kept == (row, pos)
                assert files["sample_activations"][feature, at] == pytest.approx(value, rel=1e-4)


def test_rows_are_the_documents(swept, tiny, texts):
    result, files = swept
    assert result.documents == len(texts) and result.rows == len(files["tokens"])
    for number, text in enumerate(texts):
        mine = files["row_documents"] == number
        ids = [
            one
            for row, length in zip(files["tokens"][mine], files["row_lengths"][mine], strict=True)
            for one in row[1:length]
        ]
        assert ids == loaded(tiny).tokenizer.encode_all([text])[0]
    assert result.tokens == files["row_lengths"].sum()


@pytest.mark.parametrize("options", [{}, {"pack": True}], ids=["apart", "packed"])
def test_a_dictionary_of_several_layers_and_packed_rows(
    tiny, make_multilayer, texts, tmp_path, load_plain, read_weights, options
):
    dictionary = tiny.dictionary(path=make_multilayer(site="crosscoder"))
    result = gs.sweep(tiny, dictionary, texts[:8], tmp_path / "out", k=3, seq_len=30, show=False, **options)
    files = load_file(result.folder / "examples.safetensors")
    lengths = load_file(result.folder / "sweep.safetensors")["row_lengths"]
    dense = np.stack([_read_padded(tiny, dictionary, row[:length], len(row)) for row, length in zip(files["tokens"], lengths, strict=True)])  # fmt: skip
    for feature in range(dictionary.d_dict):
        np.testing.assert_allclose(
            files["activations"][feature], np.sort(dense[:, :, feature].ravel())[::-1][:3], atol=1e-3
        )
    assert (files["activations"][:, 0] > 0).sum() > 20


def _read_padded(scope, dictionary, ids, length):
    found = scope.read(ids.tolist(), dictionary).to_dense()
    return np.pad(found, ((0, length - len(found)), (0, 0)))


def test_top_examples_are_those_that_ship_with_mini(scope, tmp_path):
    """The shipped ones are of 1,000 packed rows; all that lie in its first rows are found first in a sweep of those."""
    dictionary = scope.dictionary(width="1k")
    shipped = load_file(dictionary.folder.path / "examples.safetensors")
    rows = 100
    documents = itertools.islice(generate_documents(4), 120)  # factory.training.corpus_tokens.HELD_OUT_SEED
    result = gs.sweep(
        scope, dictionary, documents, tmp_path / "out", k=16, seq_len=128, pack=True, max_tokens=128 * rows, show=False
    )
    found = load_file(result.folder / "examples.safetensors")
    assert found["tokens"].shape == (rows, 128)
    np.testing.assert_array_equal(found["tokens"], shipped["tokens"][:rows])
    compared = 0
    for feature in range(dictionary.d_dict):
        inside = (shipped["seq_ids"][feature] < rows) & (shipped["activations"][feature] > 0)
        values = shipped["activations"][feature][inside]
        count = len(values)
        np.testing.assert_allclose(found["activations"][feature, :count], values, rtol=1e-3, atol=1e-3)
        ours = list(zip(found["seq_ids"][feature, :count], found["positions"][feature, :count], strict=True))
        theirs = list(zip(shipped["seq_ids"][feature][inside], shipped["positions"][feature][inside], strict=True))
        if count and len(set(np.round(values, 2))) == count and _is_apart(found["activations"][feature], count):
            assert ours == theirs
            compared += count
    assert compared > 500


def _is_apart(values, count):
    return count == len(values) or values[count - 1] - values[count] > 0.01


def test_the_texts_of_mini_are_the_first_of_that_corpus():
    assert [one.text for one in itertools.islice(generate_documents(4), 300)] == [one.text for one in gs.mini.texts()]
    assert (DICTIONARIES["mini"] / "resid_post/layer_4_width_1k_l0_medium/examples.safetensors").is_file()


# ---- cards


def test_the_features_that_fired_are_a_table_the_most_frequent_first(swept, tiny, tiny_dictionary, monkeypatch):
    result, files = swept
    monkeypatch.setattr(examples_sweeps, "_BLOCK", 16)  # of 40 features: three blocks, the last one short
    table = result.to_frame()
    assert list(table.columns) == ["feature", "label", "firings", "density", "max_activation", "tokens"]
    counts = files["counts"]
    assert sorted(table.feature) == np.flatnonzero(counts).tolist() and SILENT not in set(table.feature)
    assert len(table) == result.features and table.firings.is_monotonic_decreasing
    assert table.firings.tolist() == counts[table.feature].tolist()
    assert table.density.tolist() == (counts[table.feature] / result.used).tolist()
    assert table.max_activation.tolist() == files["activations"][table.feature, 0].tolist()
    describe = loaded(tiny).tokenizer.describe
    for feature, tokens in zip(table.feature, table.tokens, strict=True):
        here = files["activations"][feature] > 0
        ids = files["tokens"][files["seq_ids"][feature][here], files["positions"][feature][here]]
        assert tokens == tuple(dict.fromkeys(describe(int(one)) for one in ids))
        assert tokens[0] == describe(int(ids[0]))
    beside = load_file(result.folder / "sweep.safetensors")
    beside["counts"][int(table.feature[0])] = 0
    save_file(beside, result.folder / "sweep.safetensors")
    with pytest.raises(gs.BadArtefact, match="its counts are not those of its examples"):
        result.to_frame()


def test_labels_stand_in_the_table_and_places_that_cannot_be_are_refused(scope, tmp_path):
    home = scope.dictionary()
    result = gs.sweep(scope, home, ["Il est tard. Le boulanger est fatigué."], tmp_path / "out", show=False)
    table = result.to_frame().set_index("feature")
    french = scope.find("language:french")[0].ref.feature
    assert table.label[french] == "language:french" and len(set(table.label.dropna())) > 5
    files = load_file(result.folder / "examples.safetensors")
    files["seq_ids"][french, 0] = 5
    save_file(files, result.folder / "examples.safetensors")
    with pytest.raises(gs.BadArtefact, match=r"seq_ids are 0 to 0, got 5"):
        result.to_frame()


@pytest.mark.parametrize("parted_by", ["blank lines", "lines"])
def test_a_text_file_says_how_many_documents_it_was_read_as(run, tmp_path, capsys, parted_by):
    place = tmp_path / "texts.txt"
    place.write_text("one text\nanother text\na third text\n")
    result = run(corpus=place, parted_by=parted_by, show=True)
    told = capsys.readouterr().err.splitlines()[-1]
    advice = '; no blank line parts it: if each line is a text, give parted_by="lines", in a shell --parted-by lines'
    if parted_by == "lines":
        assert result.documents == 3 and " tokens of 3 documents" in told and "blank line" not in told
    else:
        assert result.documents == 1 and " tokens of 1 document" in told and told.endswith(advice)


def test_one_text_of_one_line_and_one_that_is_given_as_it_is_are_not_advised(run, tmp_path, capsys):
    place = tmp_path / "texts.txt"
    place.write_text("one text\n")
    for out, corpus in (("a", place), ("b", ["one\nand the same"])):
        run(out, corpus=corpus, show=True)
        assert "blank line" not in capsys.readouterr().err


@pytest.mark.row("11")
def test_a_card_shows_what_the_sweep_found(swept, tiny, tiny_dictionary, texts):
    result, files = swept
    feature = int(np.argmax(files["counts"]))
    ref = tiny_dictionary.feature(feature)
    assert tiny.card(ref).histogram is None  # control
    assert tiny.use_examples(result.folder, tiny_dictionary) is tiny_dictionary
    card = tiny.card(ref, examples=3)
    assert [one.activation for one in card.examples] == files["activations"][feature, :3].tolist()
    for one, row, pos in zip(card.examples, files["seq_ids"][feature], files["positions"][feature], strict=False):
        assert one.tokens[one.peak] == loaded(tiny).tokenizer.describe(files["tokens"][row, pos])
        assert "<pad>" not in one.tokens
        document = texts[files["row_documents"][row]]
        assert "".join(one.tokens).removeprefix("<bos>").strip() in document.replace("\t", " ")
    assert card.density == files["feature_frequencies"][feature]
    assert card.density_on == f"the {result.used:,} tokens of the 25 texts given"
    assert card.max_activation == files["activations"][feature, 0] == card.histogram.edges[-1]
    assert card.histogram.fired == files["counts"][feature]
    assert card.histogram.tokens == result.used
    assert f"the {result.used:,} tokens of the 25 texts given" in card.examples_on
    assert card.bands_on == card.histogram.on == f"the {result.used:,} tokens of the 25 texts given"
    assert [band.high for band in card.bands] == sorted((band.high for band in card.bands), reverse=True)
    assert sum(band.count for band in card.bands) == files["counts"][feature]
    assert card.bands[0].high == card.max_activation and card.bands[-1].low == 0
    for band in card.bands:
        assert bool(band.examples) == (band.count > 0)
        assert all(band.low < one.activation <= band.high for one in band.examples)
    assert card.promoted  # worked out for this card
    assert not any("no histogram" in note or "no examples" in note for note in card.notes)
    tiny.use_examples(None, tiny_dictionary)
    assert tiny.card(ref).histogram is None


def test_a_feature_that_never_fired_has_an_honest_card(swept, tiny, tiny_dictionary):
    result, files = swept
    assert files["counts"][SILENT] == 0
    tiny.use_examples(result)  # what was given stands for its folder
    card = tiny.card(tiny_dictionary.feature(SILENT))
    assert (card.examples, card.bands, card.histogram, card.density) == ((), (), None, 0.0)
    assert {note.split(" the feature never fired in the ")[0] for note in card.notes} >= {
        "no histogram:",
        "no examples:",
    }


def test_on_mini_a_sweep_stands_alone_and_says_what_is_of_it(scope, tmp_path):
    home = scope.dictionary()
    folder = gs.sweep(scope, home, [one.text for one in gs.mini.texts()[:3]], tmp_path / "out", show=False).folder
    files = load_file(folder / "examples.safetensors")
    largest, known = files["activations"][:, 0], np.array([home.max_activation(one) or 0 for one in range(home.d_dict)])
    dead = int(np.flatnonzero((largest == 0) & (known > 0))[0])  # of this text, not of the held-out one
    live = int(np.flatnonzero((largest > 0) & (known > largest * 2))[0])
    assert scope.card(home.feature(dead), sources=()).examples  # the control
    scope.use_examples(folder, home)
    try:
        card, other = scope.card(home.feature(dead), sources=()), scope.card(home.feature(live), sources=())
        widget = gs.FeatureCard(scope, home.feature(dead))
        copy = widget.to_html()
        widget.close()
    finally:
        scope.use_examples(None, home)
    sentence = "the feature never fired in the "
    assert (card.examples, card.bands, card.histogram, card.density, card.examples_on) == ((), (), None, 0, "")
    assert {f"no {part}: {sentence}" for part in ("examples", "histogram")} <= {
        note.partition(sentence)[0] + sentence for note in card.notes
    }
    assert len(card.to_frame()) == 0 and sentence in copy
    assert sentence in " ".join(one.get_text() for one in card.plot().axes[0].texts)
    words = f"largest activation known: {known[live]:.4g}; {largest[live]:.4g} in {other.histogram.on}\n"
    assert words in str(other) and "the 3 texts given" in words
    assert other.max_activation == pytest.approx(known[live])
    shelf = Shelf(scope.info, name="mini")  # as of a new session
    with pytest.raises(gs.UnknownDictionary, match="no dictionary that this scope has opened"):
        shelf.find_id(home.info.id)
    fresh = shelf.open_id(home.info.id)
    assert fresh is not home and fresh.folder.path == home.folder.path and shelf.open_id(home.info.id) is fresh


def test_texts_of_ones_own_still_come_first(swept, tiny, tiny_dictionary):
    result, files = swept
    tiny.use_examples(result.folder, tiny_dictionary)
    card = tiny.card(tiny_dictionary.feature(int(np.argmax(files["counts"]))), texts=["The old fisherman sold fish."])
    assert "the texts given" in card.histogram.on and card.histogram.tokens < 20


def test_a_sweep_of_something_else_is_not_shown(swept, tiny, load, make_model, make_dictionary, tmp_path):
    result, _ = swept
    other = tiny.dictionary(path=make_dictionary(layer=0))
    with pytest.raises(
        gs.UnknownDictionary, match=r"holds a sweep of another dictionary: .*layer_1.*, and this is .*layer_0"
    ):
        tiny.use_examples(result.folder, other)
    again = load(str(make_model("again")))
    changed = again.dictionary(path=make_dictionary("again-pt", seed=1))
    with pytest.raises(gs.UnknownDictionary, match="another model"):
        again.use_examples(result.folder, changed)
    with pytest.raises(gs.UnknownDictionary, match="holds a sweep of another model"):
        again.use_examples(result.folder)
    fresh = load(tiny.name, dtype="bfloat16")
    with pytest.raises(
        gs.UnknownDictionary, match=r"is not open, and none of .*: give it too, scope\.dictionary\(path=\.\.\.\)"
    ):
        fresh.use_examples(result.folder)
    with pytest.raises(gs.InvalidValue, match=r"holds no sweep: it has no sweep\.json"):
        tiny.use_examples(tmp_path)
    manifest = json.loads((result.folder / "sweep.json").read_text())
    for change, sentence in (
        ({"version": 2}, "it is of version 2, this package reads 1: upgrade"),
        ({"format": "x"}, "it is another program's"),
        ({"settings": None}, "parts of it are missing"),
        ({"finished": {"used": "5"}}, "its end is not as it was written"),
        ({"corpus": manifest["corpus"] | {"unit_starts": [0, 5, 5]}}, "its corpus is not as it was written"),
    ):
        (result.folder / "sweep.json").write_text(json.dumps(manifest | change))
        with pytest.raises(gs.BadArtefact, match=sentence):
            tiny.use_examples(result.folder)
    content = (result.folder / "sweep.safetensors").read_bytes()
    (result.folder / "sweep.json").write_text(json.dumps(manifest))
    (result.folder / "sweep.safetensors").write_bytes(content[:-1])
    with pytest.raises(gs.BadArtefact, match="cut short or changed"):
        tiny.use_examples(result.folder)
    (result.folder / "sweep.safetensors").write_bytes(content)
    del manifest["finished"]
    (result.folder / "sweep.json").write_text(json.dumps(manifest))
    with pytest.raises(gs.InvalidValue, match="has not ended; run the same gs.sweep again"):
        tiny.use_examples(result.folder)


# ---- on several threads


def test_any_number_of_threads_gives_the_same_bytes(
    run, folder_of, tiny, tiny_dictionary, texts, tmp_path, make_multilayer
):
    across = tiny.dictionary(path=make_multilayer(site="crosscoder"))
    for name, dictionary in (("one layer", tiny_dictionary), ("several", across)):
        found = [
            gs.sweep(
                tiny,
                dictionary,
                texts,
                tmp_path / f"{name} {threads}",
                k=K,
                batch_tokens=200,
                threads=threads,
                show=False,
            )
            for threads in (1, 2, 3, 16)
        ]
        whole, *others = [folder_of(one.folder) for one in found]
        assert len({one.tokens for one in found}) == 1 and found[0].features > 20
        assert all(other == whole for other in others)


def test_several_threads_read_at_once_each_alone_and_nothing_of_it_stays(run, tiny, monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        real, at_once, seen = hand.run_through, threading.Barrier(2, timeout=60), []

        def look(model, points, **inputs):
            if len(seen) < 2:  # each waits for the other: one thread alone would wait for ever
                at_once.wait()
            seen.append((threading.get_ident(), torch.get_num_threads(), model))
            return real(model, points, **inputs)

        monkeypatch.setattr(hand, "run_through", look)
        run(threads=2)
        assert len({thread for thread, _, _ in seen}) == 2
        assert {count for _, count, _ in seen} == {1}
        models = {id(model): model for _, _, model in seen}.values()
        assert len(models) == 2
        mine = loaded(tiny).text_model
        for model in models:  # hooks of its own, weights of all
            assert model is not mine
            pairs = zip(model.parameters(), mine.parameters(), strict=True)
            assert all(one is other for one, other in pairs)
        counts = []
        later = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert counts == [torch.get_num_threads()] == [2]
        assert not [one for one in threading.enumerate() if one.name.startswith("gscope sweep")]
    finally:
        torch.set_num_threads(before)


def test_a_cancel_of_several_threads_keeps_what_is_done(
    run, tiny, tiny_dictionary, texts, tmp_path, folder_of, units_read
):
    whole = folder_of(run("whole").folder)
    units_read.clear()
    settings = {"k": K, "seq_len": SEQ_LEN, "batch_tokens": 200, "threads": 2}
    job = gs.start_sweep(tiny, tiny_dictionary, texts, tmp_path / "out", **settings)
    job.watch(lambda _job: len(units_read) > 5 and job.cancel())
    with pytest.raises(gs.Cancelled):
        job.result()
    assert not [one for one in threading.enumerate() if one.name.startswith("gscope sweep")]
    before = len(units_read)
    assert 5 < before < 15
    assert folder_of(run().folder) == whole
    assert len(units_read) < before + 15  # of what was whole nothing is read again


def test_what_befalls_a_thread_is_told(run, monkeypatch):
    def fail(*_arguments, **_inputs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(hand, "run_through", fail)
    with pytest.raises(gs.OutOfMemory, match="sweeping with tiny-pt/.*batch_tokens=256"):
        run(threads=2)


@pytest.mark.parametrize(("workers", "threads"), [(1, 4), (2, 2), (3, 1), (8, 1)])
def test_workers_share_the_threads_that_torch_has(run, monkeypatch, workers, threads):
    before, plans = torch.get_num_threads(), []
    real = sweeps._Course.run
    monkeypatch.setattr(sweeps._Course, "run", lambda self: (plans.append(self._plan), real(self))[1])
    torch.set_num_threads(4)
    try:
        run(workers=workers, max_tokens=1)  # one unit: nobody else is hired
    finally:
        torch.set_num_threads(before)
    assert plans[0].threads == threads


# ---- stopped and gone on with


def test_the_same_line_again_gives_the_same_without_reading_anything(run, texts, monkeypatch, folder_of, capsys):
    first = run()
    before = folder_of(first.folder)
    monkeypatch.setattr(Hand, "read", None)
    assert run(show=True) == first
    assert capsys.readouterr().err.endswith(f"sweep done: {first.tokens:,} tokens of {len(texts)} documents\n")
    assert folder_of(first.folder) == before
    assert sorted(path.name for path in first.folder.iterdir()) == [
        "examples.safetensors", "sweep.json", "sweep.lock", "sweep.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize("units", [0, 1, 5])
def test_a_cancel_keeps_what_is_done(run, tiny, tiny_dictionary, texts, tmp_path, folder_of, units_read, units):
    whole = folder_of(run("whole").folder)
    units_read.clear()
    progress = SweepProgress()
    job = gs.start_sweep(
        tiny, tiny_dictionary, texts, tmp_path / "out", k=K, seq_len=SEQ_LEN, batch_tokens=200, progress=progress
    )
    job.watch(lambda _job: len(units_read) > units and job.cancel())
    with pytest.raises(gs.Cancelled):
        job.result()
    assert 0 < len(units_read) < 20
    first = list(units_read)
    result = run()
    assert folder_of(result.folder) == whole
    done = set(first) & set(units_read[len(first) :])
    assert len(done) <= 1  # the unit that was under way is read again, and no other
    assert isinstance(result, Sweep)


def test_a_sweep_is_killed_and_goes_on_with_the_same_bits(
    run, tiny, tiny_dictionary, texts, tmp_path, folder_of, units_read
):
    """`kill -9` of a real process, at the moment when its checkpoint has been written a few times."""
    whole = folder_of(run("whole", checkpoint_s=0).folder)
    program = """
import json, sys, time
import gscope_widgets as gs
from gscope_widgets.runtime.sweeps import sweep as sweeps
from gscope_widgets.runtime.sweeps.hand import Hand
sweeps._UNIT_TOKENS = 300
real = Hand._read_batch
def slow(self, *given):
    time.sleep(0.05)
    return real(self, *given)
Hand._read_batch = slow
model, dictionary, texts, out = json.load(sys.stdin)
scope = gs.load(model)
gs.sweep(scope, scope.dictionary(path=dictionary), texts, out, k=4, seq_len=40, batch_tokens=200, checkpoint_s=0, show=False)
"""
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    given = json.dumps([tiny.name, str(tiny_dictionary.folder.path), texts, str(out)])
    process.stdin.write(given.encode())
    process.stdin.close()
    checkpoint, seen = out / "checkpoint.safetensors", set()
    while len(seen) < 4 and process.poll() is None:
        if checkpoint.exists():
            seen.add(checkpoint.stat().st_mtime_ns)
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = load_file(checkpoint)["done"]
    assert 0 < done.sum() < len(done)
    assert not (out / "examples.safetensors").exists()
    units_read.clear()
    result = run("out")
    assert len(units_read) == (done == 0).sum()
    assert folder_of(result.folder) == whole


def test_a_refused_sweep_deletes_and_makes_nothing(run, tmp_path):
    """Neither a stranger's files nor what another process is writing now."""
    strange = tmp_path / "strange"
    strange.mkdir()
    for name in ("thesis.unfinished", ".thesis.0123abcd.unfinished", "thesis.txt"):
        (strange / name).write_text("mine")
    before = sorted(strange.iterdir())
    with pytest.raises(gs.InvalidValue, match="is no sweep's"):
        run("strange")
    assert sorted(strange.iterdir()) == before
    out = tmp_path / "out"
    out.mkdir()
    writing = out / ".rows.i32.0123abcd.unfinished"
    writing.write_text("half")
    with sweeps.SweepFolder(out).hold():
        assert not writing.exists()  # a killed run's, which nobody goes on with
        writing.write_text("half")
        with pytest.raises(gs.InvalidValue, match="another process is sweeping into"):
            run()
        assert writing.read_text() == "half"
    run()
    assert not writing.exists()


def test_a_fault_inside_is_told_as_it_is(run, monkeypatch):
    """Not as one of the folder: some of our errors are OSErrors too."""

    def fail(_self, _order):
        raise gs.Offline("no cluster")

    monkeypatch.setattr(sweeps._Course, "_read_all", fail)
    with pytest.raises(gs.Offline, match="no cluster"):
        run()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks of one process, which is quick")
def test_killed_before_or_after_any_file_appears_it_goes_on_with_the_same_bits(
    run, tiny, tiny_dictionary, texts, tmp_path, folder_of
):
    """`kill -9` while the corpus is read, while it sweeps and while results are written: at each file, to either side."""
    whole = folder_of(run("whole", checkpoint_s=0).folder)
    program = """
import json, os, signal, sys
import gscope_widgets as gs
from gscope_widgets.runtime.sweeps import folder, sweep as sweeps
sweeps._UNIT_TOKENS = 300
real, left = os.replace, -1
def replace(*given):
    global left
    for done in (False, True):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        done or real(*given)
folder.os.replace = replace
model, dictionary, texts, outs = json.load(sys.stdin)
gs.Scope  # what it needs of torch, once for all forks
for number, out in enumerate(outs):
    child = os.fork()
    if not child:
        left = number
        scope = gs.load(model)
        scope_dictionary = scope.dictionary(path=dictionary)
        gs.sweep(
            scope, scope_dictionary, texts, out, k=4, seq_len=40, batch_tokens=200, checkpoint_s=0, threads=1, show=False
        )
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
    outs = [tmp_path / f"out{number}" for number in range(16)]
    given = json.dumps([tiny.name, str(tiny_dictionary.folder.path), texts, list(map(str, outs))])
    ended = subprocess.run([sys.executable, "-c", program], input=given, capture_output=True, text=True, check=True)
    statuses = list(map(int, ended.stdout.split()))
    killed = statuses.count(-signal.SIGKILL)
    # Manifest, rows, manifest, one checkpoint or more, examples, sidecar, manifest: two kills at each.
    assert killed >= 14 and statuses == [-signal.SIGKILL] * killed + [0] * (len(outs) - killed), ended.stderr
    for out in outs[:killed]:
        assert folder_of(run(out.name).folder) == whole
        assert not list(out.glob(".*.unfinished"))


def test_another_process_keeps_out(run, tmp_path):
    program = "import fcntl, sys, time; f = open(sys.argv[1], 'ab'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"
    (tmp_path / "out").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "out" / "sweep.lock")], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(gs.InvalidValue, match="another process is sweeping into"):
            run()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    run()


def test_whatever_the_bits_hang_on_is_refused_by_name_where_it_was_another(run, tmp_path):
    """Each setting of the manifest in turn: weights, tokenizer, dtypes, positions, torch and the machine too."""
    run()
    manifest = tmp_path / "out" / "sweep.json"
    content = json.loads(manifest.read_text())
    settings = content["settings"]
    assert {"weights", "dictionary_weights", "tokenizer", "positions", "dtype", "dictionary_dtype", "torch"} < set(
        settings
    )
    for key in settings:
        manifest.write_text(json.dumps(content | {"settings": settings | {key: "what it was"}}))
        words = re.escape(folder._WORDS.get(key, key))
        with pytest.raises(
            gs.InvalidValue, match=f"holds another sweep: {words} is .* now and was 'what it was'; give"
        ):
            run()
    manifest.write_text(json.dumps(content))
    run()


def test_what_changed_is_refused_by_name(run, tiny, texts, make_dictionary, load, make_model, tmp_path, monkeypatch):
    run()
    for options, sentence in (
        ({"k": 5}, "k is 5 now and was 4"),
        ({"seq_len": 30}, "seq_len is 30 now and was 40"),
        ({"pack": True}, "pack is True now and was False"),
        ({"batch_tokens": 100}, "batch_tokens is 100 now and was 200"),
        ({"max_tokens": 500}, "max_tokens is 500 now and was None"),
        ({"corpus": [*texts[:-1], "x"]}, "another corpus, 'the 25 texts given': a text among its 25 documents"),
        ({"corpus": texts[:-1]}, "another corpus, 'the 25 texts given': it has 24 documents now and had 25"),
    ):
        with pytest.raises(gs.InvalidValue, match="holds (another sweep: |a sweep of )" + sentence):
            run(**options)
    out = tmp_path / "out"
    options = {"k": K, "seq_len": SEQ_LEN, "batch_tokens": 200, "show": False}
    other = tiny.dictionary(path=make_dictionary(layer=0))
    with pytest.raises(gs.InvalidValue, match="the dictionary is '.*layer_0.*' now and was '.*layer_1"):
        gs.sweep(tiny, other, texts, out, **options)
    changed = load(str(make_model("changed", seed=1)))
    home = changed.dictionary(path=make_dictionary())
    with pytest.raises(gs.InvalidValue, match="the model is 'changed' now and was 'tiny'"):
        gs.sweep(changed, home, texts, out, **options)
    monkeypatch.setattr(sweeps, "fingerprint_dictionary", lambda _dictionary: "f00")
    with pytest.raises(gs.InvalidValue, match="the dictionary's weights is 'f00' now"):
        run()
    assert run.__name__  # the folder is as it was
    monkeypatch.undo()


def test_another_sweep_takes_the_place_of_one_where_that_is_asked_and_of_nothing_else(run, texts, tmp_path):
    run("plain", corpus=texts[:-1], k=5)
    run()
    out = tmp_path / "out"
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(gs.InvalidValue, match=r"overwrite=True \(in a shell --overwrite\) to begin anew in this"):
        run(corpus=texts[:-1], k=5)
    run(corpus=texts[:-1], k=5, overwrite=True)
    for name in ("examples.safetensors", "sweep.safetensors"):
        assert (out / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
    assert (out / "thesis.txt").read_text() == "mine"
    with pytest.raises(gs.InvalidValue, match="overwrite must be True or False, got 'yes'"):
        run(overwrite="yes")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(gs.InvalidValue, match="is no sweep's"):
        run("other", overwrite=True)


def test_a_sweep_of_other_weights_or_words_under_the_same_name_is_not_shown(
    load, make_model, make_dictionary, texts, tmp_path
):
    home = make_dictionary()
    one = load(str(make_model("a/tiny")))
    swept = gs.sweep(one, one.dictionary(path=home), texts[:3], tmp_path / "out", show=False)
    other = load(str(make_model("b/tiny", seed=1)))
    for use in (other.use_examples, lambda *of: gs.open_sweep(other, *of)):
        with pytest.raises(gs.UnknownDictionary, match="holds a sweep of another model's weights: [0-9a-f]+, and this"):
            use(swept, other.dictionary(path=home))
    manifest = json.loads((swept.folder / "sweep.json").read_text())
    manifest["settings"] |= {"dtype": "bfloat16", "weights": "as they are rounded there"}
    (swept.folder / "sweep.json").write_text(json.dumps(manifest))
    assert one.use_examples(swept).swept is not None
    manifest["settings"]["tokenizer"] = "another"
    (swept.folder / "sweep.json").write_text(json.dumps(manifest))
    with pytest.raises(gs.UnknownDictionary, match="of another tokenizer: another, and this"):
        one.use_examples(swept)


def test_a_finished_sweep_is_opened_from_its_folder_without_its_corpus(run, tiny, tiny_dictionary, texts, tmp_path):
    class Corpus(list):
        """A list that can be watched."""

    corpus = Corpus(texts)
    made = run(corpus=corpus, name="harbour news")
    opened = gs.open_sweep(tiny, tmp_path / "out")
    assert opened == made
    assert (opened.corpus, opened.documents, opened.k, opened.d_dict) == ("harbour news", 25, K, 40)
    assert opened.rows == len(load_file(made.folder / "examples.safetensors")["tokens"])
    pandas.testing.assert_frame_equal(opened.to_frame(), made.to_frame())
    assert gs.open_sweep(tiny, made, tiny_dictionary) == made
    watched = weakref.ref(corpus)
    del corpus
    gc.collect()
    assert watched() is None
    manifest = json.loads((made.folder / "sweep.json").read_text())
    del manifest["finished"]
    (made.folder / "sweep.json").write_text(json.dumps(manifest))
    with pytest.raises(gs.InvalidValue, match="has not ended; run the same gs.sweep again"):
        gs.open_sweep(tiny, made)
    with pytest.raises(gs.InvalidValue, match="holds no sweep"):
        gs.open_sweep(tiny, tmp_path)
    with pytest.raises(gs.InvalidValue, match="is opened with a scope from gs.load"):
        gs.open_sweep(tmp_path / "out", tiny)


@pytest.mark.parametrize("room", [None, 3000])
def test_a_sweep_stays_until_the_corpus_that_takes_its_place_was_read(
    run, texts, tmp_path, folder_of, monkeypatch, room
):
    whole = folder_of(run().folder)
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "one"}\n{"text"')
    if room is None:
        with pytest.raises(gs.InvalidValue, match="line 2 of"):
            run(corpus=bad, overwrite=True)
    else:
        with disk_full(tmp_path / "out", after_bytes=room), pytest.raises(gs.DiskFull, match=r"rows\.i32"):
            run(corpus=texts[:-1], overwrite=True)
    assert folder_of(tmp_path / "out") == whole
    monkeypatch.setattr(Hand, "read", None)
    run()  # is still done


def test_a_sweep_that_is_replaced_and_its_successor_are_never_mixed(run, texts, tmp_path, folder_of, monkeypatch):
    """Of a sweep that was under way, with rows as long as those of the next, whatever name cannot be given."""
    others = [*texts[1:], texts[0]]
    old, new = folder_of(run("old").folder), folder_of(run("new", corpus=others).folder)
    out, real, stays = tmp_path / "out", folder.os.replace, []
    for at in range(4):
        with monkeypatch.context() as patch:
            patch.setattr(sweeps.SweepFolder, "write_results", lambda *_: (_ for _ in ()).throw(gs.DiskFull("full")))
            with pytest.raises(gs.DiskFull):
                run(checkpoint_s=0)
        left = iter(range(at))

        def replace(*given, left=left):
            if next(left, None) is None:
                raise OSError("no more names")
            real(*given)

        with monkeypatch.context() as patch:
            patch.setattr(folder.os, "replace", replace)
            with pytest.raises(gs.InvalidValue, match="no more names"):
                run(corpus=others, overwrite=True)
        try:
            found = run(corpus=others)
        except gs.InvalidValue as error:
            assert "a sweep of another corpus" in str(error)
            stays.append(at)
            assert folder_of(run().folder) == old
            found = run(corpus=others, overwrite=True)
        assert folder_of(found.folder) == new
        shutil.rmtree(out)
    assert stays == [0]


def test_a_finished_sweep_takes_a_new_name(run, tiny, tiny_dictionary, monkeypatch):
    assert run().corpus == "the 25 texts given"
    monkeypatch.setattr(Hand, "read", None)
    found = run(name="harbour news")
    assert found.corpus == "harbour news"
    tiny.use_examples(found, tiny_dictionary)
    assert "harbour news" in tiny.card(tiny_dictionary.feature(RARE)).examples_on
    assert run() == found  # the control: it stays where none is given


def test_an_iterator_that_was_read_before_is_told_as_one(run, texts, folder_of):
    given = iter(texts)
    found = run(corpus=given)
    whole = folder_of(found.folder)
    for options in ({}, {"overwrite": True}, {"out": "another"}):
        with pytest.raises(gs.InvalidValue, match="an iterator gives its documents once.*make it anew"):
            run(corpus=given, **options)
    assert folder_of(found.folder) == whole
    begun = iter(texts)
    next(begun)
    with pytest.raises(gs.InvalidValue, match=r"24 documents now and had 25 \(an iterator gives .* once: is it new"):
        run(corpus=begun)
    assert run(corpus=iter(texts)) == found  # the control


@pytest.mark.parametrize(
    "fault",
    [
        ConnectionError("HTTPSConnectionPool(host='huggingface.co'): Max retries exceeded"),
        FileNotFoundError(2, "No such file or directory", "/data/shard-3.parquet"),
        OSError(28, "No space left on device", "/root/.cache/huggingface"),
        KeyError("shard"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_fault_of_the_corpus_is_told_as_its_own(run, texts, tmp_path, fault):
    def give():
        yield from texts[:-1]
        raise fault

    def go_on():
        with pytest.raises(gs.GscopeError) as caught:
            run(corpus=give())
        told = str(caught.value)
        assert f"document 24 of the corpus could not be had ({type(fault).__name__}: {fault})" in told
        assert "rows.i32" not in told and "another folder" not in told and "the disk is full" not in told
        assert caught.value.__cause__ is fault

    go_on()
    assert not (tmp_path / "out").exists()
    found = run()
    go_on()  # when it is only compared
    assert run() == found


def test_a_weight_that_changed_is_another_model_or_dictionary(tiny, tiny_dictionary, make_dictionary):
    from gscope_widgets.runtime.dictionaries.fingerprints import fingerprint_dictionary
    from gscope_widgets.runtime.gemma.fingerprints import fingerprint_model

    model = loaded(tiny).model
    before = fingerprint_model(model), fingerprint_dictionary(tiny_dictionary)
    assert (fingerprint_model(model), fingerprint_dictionary(tiny_dictionary)) == before
    weight = model.model.layers[2].mlp.up_proj.weight.data
    weight[3, 4] += 1e-3
    assert fingerprint_model(model) != before[0]
    weight[3, 4] -= 1e-3
    path = tiny_dictionary.folder.path / "params.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    assert fingerprint_dictionary(tiny_dictionary) != before[1]


def test_a_folder_of_something_else_is_left_alone(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(gs.InvalidValue, match=r"holds 'thesis\.txt' and is no sweep's; give a new or empty folder"):
        run()
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(gs.InvalidValue, match="out must be a folder, got the file|cannot be written"):
        run("file")


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "sweep.json"])
def test_a_damaged_file_is_named(run, tiny, tiny_dictionary, texts, tmp_path, name, monkeypatch):
    monkeypatch.setattr(sweeps.SweepFolder, "write_results", lambda *_: (_ for _ in ()).throw(gs.DiskFull("full")))
    with pytest.raises(gs.DiskFull):
        run()
    monkeypatch.undo()
    monkeypatch.setattr(sweeps, "_UNIT_TOKENS", 300)
    path = tmp_path / "out" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    with pytest.raises(gs.BadArtefact, match=name):
        run()
    path.write_bytes(whole)
    run()


def remake(folder, change):
    """Write the results of a sweep anew, of arrays that `change` was given."""
    for name in ("examples.safetensors", "sweep.safetensors"):
        arrays = {key: array.copy() for key, array in load_file(folder / name).items()}
        change(arrays)
        save_file(arrays, folder / name)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("exponents", 10**6, r"do not fit activations up to"),
        ("exponents", -2000, r"32 bins of width 2\*\*-2000 do not fit"),
        ("exponents", -60, "do not fit"),
        ("exponents", -25, "do not fit"),
        ("exponents", 40, "do not fit"),
        ("activations", -1, "activations fall from the largest to 0"),
        ("activations", np.nan, "activations holds NaN"),
        ("feature_frequencies", np.nan, "feature_frequencies holds NaN"),
        ("feature_frequencies", 7, "its frequency should be .* tokens, got 7"),
        ("positions", -1, "positions of feature .* should be 0 to 39, got -1"),
        ("seq_ids", 10**9, "seq_ids of feature .* should be"),
        ("counts", -3, "counts are 0 to"),
        ("counts", 10**12, "counts are 0 to"),
        ("counts", 1, "its frequency should be 1 of"),
        ("bins", -5, "bins hold -160 of"),
        ("bins", 0, "bins hold 0 of"),
        ("sample_rows", -7, "rows of samples are 0 to .*, got -7|bins and their samples"),
        ("sample_rows", 10**9, "bins and their samples"),
        ("sample_rows", -1, "bins and their samples"),
        ("sample_positions", 40, "positions of samples are 0 to 39, got 40"),
        ("tokens", 10**6, r"examples\.safetensors: tokens are ids 0 to .*, got 1000000; delete the folder and sweep"),
        ("tokens", -1, r"examples\.safetensors: tokens are ids 0 to .*, got -1; delete the folder and sweep"),
        ("sample_activations", np.nan, "sample_activations holds NaN"),
        ("sample_activations", 0, "samples lie outside their bins"),
    ],
)
def test_a_card_says_where_the_folder_was_not_used(swept, tiny, tiny_dictionary, name, value, sentence):
    result, files = swept
    ref = tiny_dictionary.feature(int(np.argmax(files["counts"])))
    tiny.use_examples(result.folder, tiny_dictionary)
    assert not any("is not shown" in note for note in tiny.card(ref).notes)  # control
    remake(result.folder, lambda arrays: name in arrays and arrays[name].fill(value))
    swept_again = tiny.use_examples(result.folder, tiny_dictionary).swept
    assert swept_again is not None
    card = tiny.card(ref)
    assert sum("is not shown" in note for note in card.notes) == 1
    (note,) = (note for note in card.notes if "is not shown" in note)
    assert re.search(f"the sweep in {re.escape(str(result.folder))} is not shown: .*(?:{sentence})", note)
    assert "again" in note
    assert card.histogram is None and card.bands == () and card.density is None


def test_a_corpus_of_a_very_long_name_is_shown_short(swept, tiny, tiny_dictionary, run):
    result, files = swept
    manifest = json.loads((result.folder / "sweep.json").read_text())
    manifest["corpus"]["name"] = "x" * 100_000
    (result.folder / "sweep.json").write_text(json.dumps(manifest))
    tiny.use_examples(result.folder, tiny_dictionary)
    card = tiny.card(tiny_dictionary.feature(int(np.argmax(files["counts"]))))
    assert card.histogram.on == f"the {result.used:,} tokens of {'x' * 197}..."
    assert max(len(str(note)) for note in (*card.notes, card.examples_on, card.bands_on)) < 500
    assert run().corpus == "x" * 197 + "..."


def test_every_feature_of_a_real_sweep_is_as_it_should_be(swept, tiny, tiny_dictionary):
    """The checks refuse nothing that a sweep writes."""
    found = tiny.use_examples(swept[0].folder, tiny_dictionary).swept
    fired = [found.read(feature).histogram.fired for feature in range(found.d_dict) if feature != SILENT]
    assert fired == np.delete(swept[1]["counts"], SILENT).tolist()


@pytest.mark.parametrize(
    "change",
    [
        lambda corpus, _: corpus.update(unit_starts=[]),
        lambda corpus, _: corpus.update(unit_starts=[0]),
        lambda corpus, _: corpus.update(unit_starts=[3, 5]),
        lambda corpus, _: corpus.update(unit_starts=[-5, 3]),
        lambda corpus, _: corpus.update(unit_starts=[0, 10**30]),
        lambda corpus, _: corpus.update(documents=-1),
        lambda corpus, _: corpus.update(documents=True),
        lambda corpus, _: corpus.update(tokens=10**30),
        lambda _, finished: finished.pop("features"),
        lambda _, finished: finished.update(used=-1),
        lambda _, finished: finished.update(used=10**9),
        lambda _, finished: finished.update(features=1.5),
        lambda corpus, _: corpus.clear(),
    ],
)
def test_a_manifest_that_is_not_as_it_was_written_is_told(run, tiny, tiny_dictionary, change):
    folder = run().folder
    manifest = json.loads((folder / "sweep.json").read_text())
    change(manifest["corpus"], manifest["finished"])
    (folder / "sweep.json").write_text(json.dumps({key: part for key, part in manifest.items() if part}))
    for again in (run, lambda: tiny.use_examples(folder, tiny_dictionary)):
        with pytest.raises(gs.BadArtefact, match=r"sweep\.json cannot be read .*delete its folder and sweep again"):
            again()


@pytest.mark.parametrize("name", ["examples.safetensors", "sweep.safetensors"])
@pytest.mark.parametrize("damage", ["deleted", "damaged", "empty"])
def test_a_finished_sweep_whose_results_are_lost_is_swept_anew(run, tiny, tiny_dictionary, name, damage, folder_of):
    first = run()
    whole = folder_of(first.folder)
    if damage == "deleted":
        (first.folder / name).unlink()
    else:
        (first.folder / name).write_bytes(b"x" * 100 if damage == "damaged" else b"")
    with pytest.raises(gs.BadArtefact, match=name):
        tiny.use_examples(first.folder, tiny_dictionary)
    with pytest.raises(gs.InvalidValue, match="a sweep of another corpus, 'the 25 texts given'"):
        run(corpus=["Another text."])
    assert run() == first
    assert folder_of(first.folder) == whole
    assert not (first.folder / "rows.i32").exists()
    tiny.use_examples(first.folder, tiny_dictionary)


def test_rows_that_are_lost_are_written_again(run, tmp_path, monkeypatch, folder_of):
    whole = folder_of(run("whole").folder)
    with monkeypatch.context() as patch:
        patch.setattr(sweeps.SweepFolder, "write_results", lambda *_: (_ for _ in ()).throw(gs.DiskFull("full")))
        for lose in (lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-4])):
            with pytest.raises(gs.DiskFull):
                run()
            lose(tmp_path / "out" / "rows.i32")
            with pytest.raises(gs.InvalidValue, match="another corpus"):
                run(corpus=["Another text."])
    assert folder_of(run().folder) == whole


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("sweep.json", '{"format": "a broom"}', gs.BadArtefact),
        ("examples.safetensors", "mine", gs.InvalidValue),
        ("checkpoint.safetensors", "of a sweep whose manifest is gone", gs.InvalidValue),
        (".thesis.0123abcd.unfinished", "mine", gs.InvalidValue),
        (".rows.i32.thesis.unfinished", "mine", gs.InvalidValue),
    ],
)
def test_a_folder_that_is_no_sweeps_is_refused_as_it_was(run, tmp_path, name, content, error):
    """No lock is left in it, and nothing of it is deleted."""
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text(content)
    left = {".rows.i32.0123abcd.unfinished": "half", name: content}
    (out / ".rows.i32.0123abcd.unfinished").write_text("half")
    with pytest.raises(error):
        run()
    assert {path.name: path.read_text() for path in out.iterdir()} == left


# ---- what is not there, and what does not fit


def test_the_disk_may_be_full_at_any_write(run, tmp_path, folder_of):
    """In the midst of each, results and last manifest too: each time told, nothing torn, and gone on with."""
    written: list[tuple[str, int]] = []
    with disk_full(tmp_path / "whole", after_bytes=math.inf, written=written):
        whole = folder_of(run("whole", checkpoint_s=0).folder)
    files = [re.fullmatch(r"\.(.*)\.[0-9a-f]{8}\.unfinished", Path(name).name)[1] for name, _ in written]
    assert list(dict.fromkeys(files)) == [
        *("sweep.json", "rows.i32", "checkpoint.safetensors", "examples.safetensors", "sweep.safetensors")
    ]
    assert files[-1] == "sweep.json"
    ends = list(itertools.accumulate(size for _, size in written))
    for number, (end, (_, size)) in enumerate(zip(ends, written, strict=True)):
        out = tmp_path / f"out{number}"
        with (
            disk_full(out, after_bytes=end - size + size // 2),
            pytest.raises(gs.DiskFull, match="the disk is full .*: it goes on where it was"),
        ):
            run(out.name, checkpoint_s=0)
        assert not list(out.glob("*.unfinished")) and not list(out.glob(".*.unfinished"))
        for path in out.glob("*.safetensors"):
            load_file(path)  # whole
        if (out / "sweep.json").exists():
            assert "finished" not in json.loads((out / "sweep.json").read_text())
        assert folder_of(run(out.name).folder) == whole
        shutil.rmtree(out)


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_memory_that_runs_out_while_a_checkpoint_is_sorted_loses_no_example(run, folder_of, monkeypatch, moment):
    sort, seen = SweepState._sort_in, []

    def fail_once(state, *columns):
        seen.append(state)
        if len(seen) == moment:
            raise MemoryError
        sort(state, *columns)

    with monkeypatch.context() as patched:
        patched.setattr(sweeps, "_UNIT_TOKENS", 300)
        whole = folder_of(run("parts").folder)
        patched.setattr(SweepState, "_sort_in", fail_once)
        with pytest.raises(gs.OutOfMemory):
            run(checkpoint_s=0)
        assert folder_of(run(checkpoint_s=0).folder) == whole


def test_an_empty_corpus_leaves_nothing_behind_that_stops_the_next(run, tmp_path):
    for corpus in ([], ["", ""]):
        with pytest.raises(gs.InvalidValue, match="the corpus( is empty|, . documents?, holds no token)"):
            run(corpus=corpus)
    assert run().documents == 25


@pytest.mark.parametrize(
    "content",
    ["", '{"body": "x"}', '{"text": "a"}\n{"text"', '{"text": ""}'],
    ids=["empty", "field", "bad", "no token"],
)
def test_what_was_made_for_a_refused_corpus_is_taken_away(run, tmp_path, content):
    path, known = tmp_path / "a.jsonl", tmp_path / "known"
    path.write_text(content)
    known.mkdir()
    for out in ("new/inner", "known"):
        with pytest.raises(gs.InvalidValue):
            run(out, corpus=path)
    assert not (tmp_path / "new").exists() and list(known.iterdir()) == []
    path.write_text('{"text": "one"}')
    before = sorted(one.name for one in run("new/inner", corpus=path, k=3).folder.iterdir())
    path.write_text(content)  # the control: of a sweep that was there nothing is taken away
    with pytest.raises(gs.InvalidValue):
        run("new/inner", corpus=path, k=3)
    assert sorted(one.name for one in (tmp_path / "new" / "inner").iterdir()) == before


def test_several_files_are_one_corpus_and_a_change_in_any_is_seen(run, tmp_path):
    files = [tmp_path / name for name in ("one.jsonl", "two.jsonl")]
    for file in files:
        file.write_text('{"text": "The old fisherman sold two fish."}\n{"text": "The sea is calm."}')
    found = run(corpus=files)
    assert (found.documents, found.corpus) == (4, "one.jsonl and two.jsonl") and run(corpus=files) == found
    files[1].write_text('{"text": "The old fisherman sold two fish."}\n{"text": "The sea was calm."}')
    with pytest.raises(
        gs.InvalidValue, match="holds a sweep of another corpus, 'one.jsonl and two.jsonl': a text among"
    ):
        run(corpus=files)


def test_a_bad_line_stops_before_the_model_runs(run, tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one"}\n{"text"')
    with monkeypatch.context() as patch:
        patch.setattr(Hand, "read", None)
        with pytest.raises(gs.InvalidValue, match=r"line 2 of .*a\.jsonl is not JSON"):
            run(corpus=path)
    path.write_text('{"text": "one"}\n{"text": "two"}')
    assert run(corpus=path).corpus == "a.jsonl"
    assert run("named", corpus=path, name="my lectures").corpus == "my lectures"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"k": 0}, "k must be a whole number from 1 to 1000"),
        ({"seq_len": 121}, "seq_len must be a whole number from 2 to 120"),
        ({"max_tokens": 0}, "max_tokens must be"),
        ({"workers": 0}, "workers must be"),
        ({"threads": 1.5}, "threads must be"),
        ({"checkpoint_s": float("nan")}, "checkpoint_s must be"),
        ({"patience_s": 0.5}, "patience_s must be a finite number from 1 to"),
        ({"engine": "spark"}, 'engine must be "local" or "ray", got \'spark\''),
        ({"address": "auto"}, 'address is of a Ray cluster; give engine "ray" with it'),
        ({"pack": 1}, "pack must be True or False"),
        ({"show": "no"}, "show must be True or False, got 'no'"),
        ({"field": 5}, "field must be a string"),
        ({"name": ""}, "name must be 1 to 200 characters"),
        ({"corpus": "nowhere.txt"}, "'nowhere.txt' is no file"),
        ({"out": "\0"}, "out must be a folder"),
        ({"corpus": ["a"], "out": ""}, "out must be a folder, got ''; give its name"),
        ({"out": "x" * 5000}, "cannot be written .*; give another folder"),
    ],
)
def test_arguments_that_do_not_do_are_refused(run, options, sentence):
    with pytest.raises(gs.InvalidValue, match=sentence):
        run(**options)


def test_conversations_are_not_packed(load, make_model, make_dictionary, tmp_path):
    chat = load(str(make_model("tiny", tokenizer="chat")))
    home = chat.dictionary(path=make_dictionary())
    messages = [[{"role": "user", "content": "The old fisherman sold fish."}]]
    with pytest.raises(gs.InvalidValue, match="chat messages are not packed"):
        gs.sweep(chat, home, messages, tmp_path / "out", pack=True, show=False)
    result = gs.sweep(chat, home, messages, tmp_path / "out2", show=False)
    assert result.used == len(chat.tokens(messages[0]).used)


def test_the_scope_answers_while_it_sweeps_and_is_as_it_was(run, tiny, tiny_dictionary, texts, tmp_path, count_hooks):
    before = tiny.read("The old fisherman", tiny_dictionary).to_dense()
    job = gs.start_sweep(tiny, tiny_dictionary, texts, tmp_path / "out", k=K, seq_len=SEQ_LEN, batch_tokens=50)
    seen = []
    while not job.done():
        seen.append((job.progress, tiny.read("The old fisherman", tiny_dictionary, features=(3,)).to_dense()))
    assert len(seen) > 5
    assert all((found[:, 3] == before[:, 3]).all() for _, found in seen)
    shares = [share for share, _ in seen if share is not None]
    assert shares == sorted(shares) and shares[-1] <= 1
    assert count_hooks(loaded(tiny).model) == 0


@pytest.mark.parametrize("threads", [1, 3])
def test_steering_beside_a_sweep_changes_neither(tiny, tiny_dictionary, texts, tmp_path, threads):
    options = {"k": K, "seq_len": SEQ_LEN, "batch_tokens": 50, "threads": threads}
    gs.sweep(tiny, tiny_dictionary, texts, tmp_path / "alone", **options, show=False)
    change = gs.add(FeatureRef(tiny_dictionary.info.id, 3), 0.5)

    def write(*interventions):
        return [one.id for one in tiny.generate("The old fisherman", interventions, max_new_tokens=8)]

    steered = write(change)
    assert steered != write()
    sweep, beside = gs.start_sweep(tiny, tiny_dictionary, texts, tmp_path / "beside", **options), 0
    while not sweep.done():
        assert write(change) == steered
        beside += 1
    sweep.result()
    assert beside > 2
    for name in ("examples.safetensors", "sweep.safetensors"):
        assert (tmp_path / "beside" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_a_thread_makes_no_copy_of_a_model_that_others_have_hooks_on(
    tiny, tiny_dictionary, texts, tmp_path, monkeypatch
):
    """Which a copy would take along: they are made by the thread on which all jobs have their turns."""
    made, model_thread = [], tiny.submit(lambda _job: threading.get_ident()).result()
    share = hand.share_weights
    monkeypatch.setattr(hand, "share_weights", lambda model: made.append(threading.get_ident()) or share(model))
    gs.sweep(tiny, tiny_dictionary, texts, tmp_path / "out", k=K, seq_len=SEQ_LEN, threads=3, show=False)
    assert made == [model_thread] * 3


def test_where_the_system_starts_no_more_threads_that_is_said(tiny, tiny_dictionary, texts, tmp_path, monkeypatch):
    start, begun = threading.Thread.start, []

    def start_three(self):
        if self.name.startswith("gscope sweep"):
            begun.append(self)
            if len(begun) > 3:
                raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", start_three)
    with pytest.raises(gs.InvalidValue, match="starts no 8 threads .*; give fewer with threads="):
        gs.sweep(tiny, tiny_dictionary, texts, tmp_path / "out", k=K, seq_len=SEQ_LEN, threads=8, show=False)
    for thread in begun[:3]:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_a_moving_line_is_shorter_than_the_terminal_is_wide(monkeypatch):
    """One that wraps is not written over, and scrolls; the last is whole."""
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    for columns in (80, 132):
        monkeypatch.setenv("COLUMNS", str(columns))
        write, _ = showing.choose_writer()
        stream.truncate(stream.seek(0))
        write("a" * 200, False)
        write("b", False)
        assert stream.getvalue() == f"\r{'a' * (columns - 1)}\rb{' ' * (columns - 2)}"
        write("c" * 200, True)
        assert stream.getvalue().endswith(f"\r{'c' * 200}\n")


def test_progress_says_how_much_is_left(capsys, run, monkeypatch):
    monkeypatch.setattr(showing, "_LOG_S", 0.0)
    run(show=True)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("sweep")]
    assert not any("begins" in line or "sweeps" in line for line in lines)
    assert lines[-1].startswith("sweep done: ")
    moving = [line for line in lines if "a second" in line]
    assert moving and all(" tokens of 25 documents; " in line and "left" in line for line in moving)
    with pytest.raises(gs.InvalidValue):
        run("x" * 5000, show=True)
    assert "sweep" not in capsys.readouterr().err  # the error says it
    progress = SweepProgress("sweeps", 5000, 20_000, 1000, 8.0)
    assert (progress.share, progress.rate, progress.seconds_left) == (0.25, 500.0, 30.0)
    assert str(progress) == "25 %, 5,000 of 20,000 tokens; 500 a second, 30 s left"


def test_an_interrupt_keeps_what_is_done(run, tiny, tiny_dictionary, monkeypatch, tmp_path, folder_of, capsys):
    whole = folder_of(run("whole").folder)
    real, looks = time.sleep, []

    def interrupt(seconds):
        looks.append(seconds)
        if (tmp_path / "out" / "rows.i32").exists():
            raise KeyboardInterrupt
        real(0.001)

    monkeypatch.setattr(showing.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run("out", show=True)
    assert "sweep: stopping; what is done is kept\nsweep stopped: " in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(sweeps, "_UNIT_TOKENS", 300)
    assert not (tmp_path / "out" / "examples.safetensors").exists()
    assert folder_of(run("out").folder) == whole
