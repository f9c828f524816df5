"""Cards: the file's own rows, effects by independent arithmetic, and a note for what could not be had."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import gscope_widgets as gs
from gscope_widgets.runtime.features.neuronpedia import Neuronpedia
from gscope_widgets.runtime.hub import faults as hub_faults
from tests.hub import faults
from tests.hub.fixtures import hub, neuronpedia, no_waiting, short_time_outs
from tests.hub.gemma import write_gemma
from tests.hub.layout import write_dictionary
from tests.hub.neuronpedia import build_record
from tests.runtime.inside import ask_at, loaded

__all__ = ["hub", "neuronpedia", "no_waiting", "short_time_outs"]
NAME = "google/gemma-scope-2-270m-pt"
FOLDER = "resid_post/layer_9_width_16k_l0_medium"


def test_a_card_shows_what_the_examples_file_holds(scope, dictionary):
    table = load_file(dictionary.folder.path / "examples.safetensors")
    feature = int(table["activations"][:, 0].argmax())
    card = scope.card(dictionary.feature(feature), examples=5, sources=())
    assert [one.activation for one in card.examples] == pytest.approx(table["activations"][feature, :5].tolist())
    assert card.density == pytest.approx(table["feature_frequencies"][feature])
    assert [one.id for one in card.promoted] == table["top_tokens"][feature].tolist()
    for one, row, pos in zip(card.examples, table["seq_ids"][feature], table["positions"][feature], strict=False):
        ids = table["tokens"][row]
        assert one.tokens[one.peak] == loaded(scope).tokenizer.describe(int(ids[pos]))
        assert len(one.cut("medium").tokens) <= 33
        if one.logit_effect is not None:
            assert np.isfinite(one.logit_effect)
    assert card.labels[:1] == tuple(filter(None, [dictionary.label(feature)]))
    assert card.notes == ()
    assert f"#{feature}" in str(card)
    assert list(card.to_frame().columns) == ["band", "activation", "token", "text", "logit_effect"]


@pytest.mark.parametrize(
    "wishes",
    [{"site": "resid_post", "layer": 2}, {"site": "mlp_out"}, {"site": "attn_out"}, {"site": "transcoder"},
     {"site": "crosscoder"}, {"site": "clt"}],
    ids=lambda wishes: wishes["site"],
)  # fmt: skip
def test_effects_without_a_file_are_the_directions_times_the_unembedding_with_its_gain(scope, plain_mini, wishes):
    dictionary = scope.dictionary(**wishes)
    feature = dictionary.d_dict // 2 + 3
    card = scope.card(dictionary.feature(feature), sources=())
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
    assert card.examples == ()
    assert any("comes without examples.safetensors" in note for note in card.notes)


@pytest.fixture
def published(hub, neuronpedia, load, monkeypatch, no_waiting, short_time_outs):
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
    sent = hub.count_sent_bytes("/lfs/*examples*")
    assert sent < path.stat().st_size / 2
    assert not dictionary.folder.is_here("examples.safetensors")


def test_without_leave_to_ask_nothing_is_asked_and_the_card_says_so(hub, neuronpedia, published):
    dictionary = published.dictionary()
    hub.forget()
    card = published.card(dictionary.feature(3), sources=())
    assert hub.requests == [] and neuronpedia.requests == []
    assert (card.labels, card.examples, card.promoted) == ((), (), ())
    assert card.notes == (
        "no examples: examples.safetensors is on the Hub and was not asked for",
        "no effects: its decoder row is on the Hub and was not asked for",
    )
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
