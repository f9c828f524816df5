"""Dashboards: the file's own rows, effects by independent arithmetic, and a note for what could not be had."""

import json
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import gscope_widgets as gs
from gscope_widgets.runtime import showing
from gscope_widgets.runtime.engine import ACTIVATION_CACHE_BYTES, SAMPLE_CACHE_BYTES
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia
from gscope_widgets.runtime.hub import faults as hub_faults
from tests.hub import faults
from tests.hub.fixtures import hub, neuronpedia, no_waiting
from tests.hub.gemma import write_gemma
from tests.hub.layout import write_dictionary
from tests.hub.neuronpedia import build_record
from tests.runtime.inside import ask_at, loaded

__all__ = ["hub", "neuronpedia", "no_waiting"]
NAME = "google/gemma-scope-2-270m-pt"
FOLDER = "resid_post/layer_9_width_16k_l0_medium"


@contextmanager
def capture_passes(scope, ran):
    """Adds the tokens of every forward pass to a list."""
    handle = loaded(scope).text_model.register_forward_pre_hook(
        lambda _module, _inputs, options: ran.append(options["input_ids"].numel()), with_kwargs=True
    )
    try:
        yield
    finally:
        handle.remove()


def test_a_card_shows_what_the_examples_file_holds(scope, dictionary):
    table = load_file(dictionary.folder.path / "examples.safetensors")
    feature = int(table["activations"][:, 0].argmax())
    card = scope.card(dictionary.feature(feature), examples=5, sources=())
    assert [one.activation for one in card.examples] == pytest.approx(table["activations"][feature, :5].tolist())
    assert card.density == pytest.approx(table["feature_frequencies"][feature])
    rows, length = table["tokens"].shape
    assert card.density_on == f"{OWN} (examples.safetensors, {rows:,} rows of {length} tokens)"
    assert card.examples_on == f"the {(table['activations'][feature] > 0).sum()} strongest of {OWN}"
    assert [one.id for one in card.promoted] == table["top_tokens"][feature].tolist()
    for one, row, pos in zip(card.examples, table["seq_ids"][feature], table["positions"][feature], strict=False):
        ids = table["tokens"][row]
        assert one.tokens[one.peak] == loaded(scope).tokenizer.describe(int(ids[pos]))
        assert len(one.cut("medium").tokens) <= 33
        if one.logit_effect is not None:
            assert np.isfinite(one.logit_effect)
    assert card.labels[:1] == tuple(filter(None, [dictionary.label(feature)]))
    assert all("no examples" not in note and "no histogram" not in note for note in card.notes)
    assert f"#{feature}" in str(card)
    assert f"#{feature}, " in repr(card) and "5 examples" in repr(card) and len(repr(card)) < 200
    assert list(card.to_frame().columns) == ["band", "activation", "token", "text", "logit_effect"]


def test_a_printed_card_says_what_each_count_is_of(scope, dictionary):
    card = scope.card(dictionary.feature(20), texts=TEXTS, sources=())
    share = card.histogram.fired / card.histogram.tokens
    assert card.density != pytest.approx(share, rel=0.01)  # it is of another text than the histogram
    assert card.density == dictionary.density(20)  # the measured one: of the reader's texts is what is counted in them
    assert card.density_on == dictionary.measured_on == "held-out generated text"
    assert f"fires at {card.density:.3%} of held-out generated text\n" in str(card)
    assert f"fires at {card.density:.3%} of tokens\n" in str(replace(card, density_on=""))
    near = card.neighbours[0]
    assert f"nearest by {near.measure} on {near.on}:\n{near.value:10.2f}  feature {near.ref.feature} (" in str(card)


@pytest.mark.parametrize("show", [True, False])
def test_a_card_that_takes_long_says_how_far_it_is(scope, dictionary, monkeypatch, capsys, show):
    for name in ("_SILENT_S", "_LOG_S"):
        monkeypatch.setattr(showing, name, 0.0)
    scope.card(dictionary.feature(3), texts=TEXTS, sources=(), show=show)
    said = capsys.readouterr().err
    assert ("looking up feature 3: done in" in said) == show == (said != "")


OWN = "the text that came with the dictionary"
TEXTS = [
    "The old fisherman sold 12 fish at the market, and the children sang.",
    "Le vieux peintre est très fier de la maison.",
    "She said that it was not far to the red house by the river.",
    "On Monday the king of Paris bought bread.",
]


@pytest.fixture(scope="module")
def by_hand(scope, dictionary, plain_mini, plain_run, read_weights):
    """Activations of every feature at the used tokens of `TEXTS`, text by text: float64, [pos, d_dict]."""
    weights = read_weights(dictionary.folder.path)
    found = []
    for text in TEXTS:
        tokens = scope.tokens(text)
        x = plain_run(plain_mini, list(tokens.ids), layer=4)[1].reshape(len(tokens), -1)
        pre = np.asarray(x, np.float64) @ weights["w_enc"] + weights["b_enc"]
        fires = pre * (pre > weights["threshold"])
        fires[list(tokens.ignored)] = 0
        found.append(fires)
    return found


@pytest.mark.row("11", "12")
def test_histogram_bands_and_density_are_those_of_a_plain_forward_pass(scope, dictionary, by_hand):
    every = np.concatenate([one[1:] for one in by_hand])
    strongest = np.argsort(-(every > 0).sum(0))[:5]
    for feature in map(int, strongest):
        card = scope.card(dictionary.feature(feature), texts=TEXTS, sources=())
        values = every[:, feature][every[:, feature] > 0]
        assert card.histogram.tokens == len(every) and card.histogram.on == f"{len(every)} tokens of the texts given"
        assert card.histogram.fired == len(values)
        np.testing.assert_allclose(card.histogram.edges[[0, -1]], [0, values.max()], rtol=1e-4)
        edges = card.histogram.edges.astype(np.float64)
        edges[-1] = np.inf
        inside = [((values > low) & (values <= high)).sum() for low, high in pairwise(edges)]
        assert np.abs(card.histogram.counts - inside).sum() <= 2  # one that rounds over an edge counts twice
        assert [one.activation for one in card.examples[:1]] == pytest.approx([values.max()], rel=1e-4)
        assert [band.count for band in card.bands] == [
            int(((values > band.low) & (values <= band.high * (1 + 1e-5))).sum()) for band in card.bands
        ]
        for one in [*card.examples, *(one for band in card.bands for one in band.examples)]:
            home = next(at for at, text in enumerate(TEXTS) if scope.tokens(text).strings == one.tokens)
            np.testing.assert_allclose(one.activations, by_hand[home][:, feature], rtol=1e-3, atol=1e-3)
    silent = int(np.flatnonzero(~every.any(0))[0])
    card = scope.card(dictionary.feature(silent), texts=TEXTS, sources=())
    assert (card.histogram, card.bands, card.examples) == (None, (), ())
    assert any(note.startswith("no histogram: the feature fires at none") for note in card.notes)


@pytest.mark.row("16")
def test_neighbours_are_cosines_of_rows_and_correlations_of_activations(scope, dictionary, by_hand, read_weights):
    every = np.concatenate([one[1:] for one in by_hand])
    feature = int(np.argmax((every > 0).sum(0)))
    card = scope.card(dictionary.feature(feature), texts=TEXTS, sources=())
    rows = read_weights(dictionary.folder.path)["w_dec"]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows[feature]
    cosines[feature] = -2
    near = [one for one in card.neighbours if one.measure == "decoder cosine"]
    assert [one.ref.feature for one in near] == np.argsort(-cosines)[:8].tolist()
    assert [one.value for one in near] == pytest.approx(np.sort(cosines)[:-9:-1].tolist(), rel=1e-4)
    firing = np.flatnonzero(every.std(0) > 0)
    correlations = np.corrcoef(every[:, firing].T)[firing.tolist().index(feature)]
    best = sorted((value for number, value in zip(firing, correlations, strict=True) if number != feature))[:-9:-1]
    together = [one for one in card.neighbours if one.measure == "co-activation"]
    assert [one.value for one in together] == pytest.approx(best, abs=1e-3)
    for one in together:
        assert one.value == pytest.approx(correlations[firing.tolist().index(one.ref.feature)], abs=1e-3)
    assert {one.on for one in together} == {card.histogram.on}
    assert all(one.label == dictionary.label(one.ref.feature) for one in card.neighbours)


def test_minis_own_text_is_read_once_and_says_how_much_of_it(scope, dictionary):
    feature = next(number for number, label in dictionary.labels.items() if label.text == "language:french")
    card = scope.card(dictionary.feature(feature))
    assert 20_000 < card.histogram.tokens < 30_000
    assert card.histogram.on == card.bands_on == f"{card.histogram.tokens:,} tokens of mini's held-out text"
    assert len(card.bands) == 5 and all(band.examples for band in card.bands)
    assert card.histogram.fired / card.histogram.tokens == pytest.approx(card.density, rel=0.25)
    ran = []
    with capture_passes(scope, ran):
        again = scope.card(dictionary.feature(feature + 1))
    assert again.histogram.on == card.histogram.on
    assert sum(ran) < card.histogram.tokens / 4  # the examples of the file alone
    for one in card.examples[:3]:
        assert not np.isnan(one.activations).any()
        assert one.activations[one.peak] == pytest.approx(one.activation, rel=1e-3)
        assert one.activations.max() == one.activations[one.peak]


@pytest.mark.row("11")
def test_another_dictionary_of_the_place_needs_no_second_pass_of_that_text(scope, dictionary):
    """The text of a card is run once for a place; the control is a place further down."""
    other, below = scope.dictionary(l0="small"), scope.dictionary(layer=2)
    scope.limit_memory(samples=0, activations=0)
    scope.limit_memory(samples=SAMPLE_CACHE_BYTES, activations=ACTIVATION_CACHE_BYTES)
    scope.card(dictionary.feature(3), sources=())
    counts = []
    for one in (other, below):
        with capture_passes(scope, ran := []):
            card = scope.card(one.feature(3), sources=())
        counts.append(sum(ran))
        assert "tokens of mini's held-out text" in card.bands_on
    assert counts[0] < 4_000 < 20_000 < counts[1]


def test_truth_is_what_was_measured_beside_its_rivals(scope, dictionary):
    entries = json.loads((dictionary.folder.path / "features.json").read_text())["features"]
    entry = next(one for one in entries if one.get("label"))
    truth = scope.card(dictionary.feature(entry["feature"]), sources=()).truth
    assert (truth.concept, truth.auc, truth.precision, truth.recall, truth.positives) == tuple(
        entry[name] for name in ("label", "auc", "precision", "recall", "positives")
    )
    assert {one.name: one.auc for one in truth.rivals} == {
        "best neuron": entry["rivals"]["neuron"],
        "best residual coordinate": entry["rivals"]["coordinate"],
        "linear probe": entry["rivals"]["probe"],
        "the token alone": entry["rivals"]["token"],
    }
    nameless = next(one["feature"] for one in entries if not one.get("label"))
    card = scope.card(dictionary.feature(nameless), sources=())
    assert card.truth is None and card.examples and card.histogram is not None
    assert "no truth: no known concept fits it" in card.notes
    other = scope.dictionary(layer=2)
    card = scope.card(other.feature(next(iter(other.labels))), texts=TEXTS, sources=())
    assert card.truth.rivals == () and any(note.startswith("no rivals:") for note in card.notes)


def test_a_card_answers_inside_a_job_and_can_be_stopped_outside(scope, dictionary):
    ref = dictionary.feature(3)
    assert scope.submit(lambda _job: scope.card(ref, sources=())).result(60).ref == ref
    many = [f"The old fisherman sold {number} fish." for number in range(900)]
    job = scope.start_card(ref, texts=many)
    soon = scope.submit(lambda _job: "a turn")
    assert soon.result(60) == "a turn" and not job.done()
    job.cancel()
    with pytest.raises(gs.Cancelled):
        job.result(60)


@pytest.mark.parametrize(
    "wishes",
    [{"site": "resid_post", "layer": 2}, {"site": "mlp_out"}, {"site": "attn_out"}, {"site": "transcoder"},
     {"site": "crosscoder"}, {"site": "clt"}],
    ids=lambda wishes: wishes["site"],
)  # fmt: skip
def test_effects_without_a_file_are_the_directions_times_the_unembedding_with_its_gain(scope, plain_mini, wishes):
    dictionary = scope.dictionary(**wishes)
    feature = dictionary.d_dict // 2 + 3
    card = scope.card(dictionary.feature(feature), texts=TEXTS[:1], sources=())
    state = {name: value.double().numpy() for name, value in plain_mini.state_dict().items()}
    row = dictionary.decoder_rows()[feature].astype(np.float64)
    if wishes["site"] == "attn_out":
        row = state["model.layers.4.self_attn.o_proj.weight"] @ row
        row = row * (1 + state["model.layers.4.post_attention_layernorm.weight"])
    row = row.sum(0) if wishes["site"] == "clt" else row[-1] if wishes["site"] == "crosscoder" else row
    effect = (state["lm_head.weight"] * (1 + state["model.norm.weight"])) @ row
    order = np.argsort(effect)
    assert [one.id for one in card.promoted] == order[:-11:-1].tolist()
    assert [one.id for one in card.suppressed] == order[:10].tolist()
    assert [one.effect for one in card.promoted] == pytest.approx(effect[order[:-11:-1]].tolist(), rel=1e-4)
    assert not any(note.startswith("no effects") for note in card.notes)


@pytest.fixture
def published(hub, neuronpedia, load, monkeypatch, no_waiting):
    """270m with one dictionary and its examples on the Hub, and a label of it on Neuronpedia."""
    monkeypatch.setattr(hub_faults, "PAUSE_S", 0.0)
    write_gemma(hub.folder, "270m")
    write_dictionary(hub.folder / NAME, layer=9, d_in=20, examples=True)
    for index in (3, 5):
        neuronpedia.add(
            build_record(
                "gemma-3-270m",
                "9-gemmascope-2-res-16k",
                index,
                repository=NAME,
                folder=FOLDER,
                labels={"g": f"cats {index}"},
            )
        )
    scope = load("gemma-3-270m")
    ask_at(scope, Neuronpedia(base=neuronpedia.endpoint))
    return scope


def test_a_card_from_the_hub_reads_one_features_rows_and_not_the_file(hub, published):
    dictionary = published.dictionary()
    path = hub.folder / NAME / FOLDER / "examples.safetensors"
    table = load_file(path)
    hub.forget()
    card = published.card(dictionary.feature(3), examples=4)
    assert [one.activation for one in card.examples] == pytest.approx(table["activations"][3, :4].tolist())
    assert [label.text for label in card.labels] == ["cats 3"]
    kept = table["activations"][3][table["activations"][3] > 0]
    assert sum(band.count for band in card.bands) == len(kept) and len(card.bands) == 5
    assert (card.bands[0].high, card.bands_on) == (kept.max(), f"the {len(kept)} strongest of {OWN}")
    for band in card.bands:
        assert band.count == ((kept > band.low) & (kept <= band.high)).sum()
        assert all(band.low < one.activation <= band.high for one in band.examples)
    for one, row, pos in zip(card.examples, table["seq_ids"][3], table["positions"][3], strict=False):
        first = max(0, int(pos) - 96)
        known = {
            int(there) - first: value
            for value, seq, there in zip(kept, table["seq_ids"][3], table["positions"][3], strict=False)
            if seq == row and first <= there < first + len(one.tokens)
        }
        assert {at: one.activations[at] for at in np.flatnonzero(~np.isnan(one.activations))} == pytest.approx(known)
    assert any(note.startswith("no activations beside") for note in card.notes)
    sent = hub.count_sent_bytes("/lfs/*examples*")
    assert sent < path.stat().st_size / 2
    assert not dictionary.folder.is_here("examples.safetensors")


def test_without_leave_to_ask_nothing_is_asked_and_the_card_says_so(hub, neuronpedia, published):
    dictionary = published.dictionary()
    hub.forget()
    card = published.card(dictionary.feature(3), sources=())
    assert hub.requests == [] and neuronpedia.requests == []
    assert (card.labels, card.examples, card.promoted) == ((), (), ())
    assert card.notes[:2] == (
        "no examples: examples.safetensors is on the Hub and was not asked for",
        "no effects: its decoder row is on the Hub and was not asked for",
    )
    assert [note.partition(":")[0] for note in card.notes[2:]] == [
        "no decoder neighbours",
        "no co-activation",
        "no histogram",
        "no label",
    ]
    assert (card.bands, card.neighbours, card.histogram) == ((), (), None)
    dictionary.direction(3)
    assert len(published.card(dictionary.feature(3), sources=()).promoted) == 10


def test_offline_a_card_is_what_is_here_with_notes(hub, neuronpedia, published):
    dictionary = published.dictionary()
    hub.close()
    neuronpedia.close()
    card = published.card(dictionary.feature(3))
    assert (card.labels, card.examples, card.promoted) == ((), (), ())
    assert any(note.startswith("no examples: ") for note in card.notes)
    assert any(note.startswith("no label: Neuronpedia cannot be reached") for note in card.notes)


@pytest.mark.parametrize(
    "fault", [faults.NOT_FOUND, faults.RangeIgnored(), faults.HtmlPage()], ids=lambda one: type(one).__name__
)
def test_examples_that_cannot_be_had_in_parts_leave_a_note_and_are_not_fetched_whole(hub, published, fault):
    dictionary = published.dictionary()
    size = (hub.folder / NAME / FOLDER / "examples.safetensors").stat().st_size
    hub.forget()
    hub.fail("*examples.safetensors", fault, times=None)
    card = published.card(dictionary.feature(3))
    assert card.examples == () and card.notes[0].startswith("no examples: ")
    assert [label.text for label in card.labels] == ["cats 3"] and len(card.promoted) == 10
    assert not dictionary.folder.is_here("examples.safetensors")
    assert hub.count_sent_bytes("/lfs/*examples*") <= size


def test_labels_are_found_here_after_they_were_seen_and_at_neuronpedia_before(neuronpedia, published):
    dictionary = published.dictionary()
    assert "is known on this machine" in published.find("cats").note
    there = published.find("cats", where="neuronpedia")
    assert {one.feature for one in there} == {3, 5}
    published.card(dictionary.feature(5))
    assert {(one.feature, one.label.text) for one in published.find("CATS")} >= {(5, "cats 5")}
    assert published.find("cats 4").nearest[0] == "cats 5"
    with pytest.raises(gs.UnknownLabel, match="holds 'cats 4'; the nearest are 'cats 5'"):
        published.find("cats 4")[0]
    with pytest.raises(gs.InvalidValue, match="three characters"):
        published.find("ca", where="neuronpedia")


def test_what_cannot_be_asked_is_refused(scope, dictionary):
    with pytest.raises(gs.InvalidValue, match="no labels of gscope-mini-pt/.* are known at Neuronpedia"):
        scope.find("cats", where="neuronpedia")
    with pytest.raises(gs.InvalidValue, match='where must be "here" or "neuronpedia"'):
        scope.find("cats", where="web")
    with pytest.raises(gs.InvalidValue, match="sources must be among examples, neuronpedia, got 'web'"):
        scope.card(dictionary.feature(3), sources=["web"])
    with pytest.raises(gs.InvalidValue, match="sources must be a list"):
        scope.card(dictionary.feature(3), sources="examples")
    with pytest.raises(gs.InvalidValue, match="examples must be a whole number from 0 to 1000"):
        scope.card(dictionary.feature(3), examples=-1)
    assert torch.is_tensor(next(loaded(scope).model.parameters()))
