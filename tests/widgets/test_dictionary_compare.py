"""DictionaryCompare: its numbers are plain arithmetic on the weights, its state is checked, its code prints them."""

import json
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.mini import MODELS
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.matches import KINDS
from gscope_widgets.widgets.base.limits import MATCHED_HERE

TEXT = "The old fisherman sold 12 fish at the market."
LAYERS = [{}, {"layer": 5}]


@pytest.fixture
def page(scope, open_page):
    return open_page(gs.DictionaryCompare(scope, TEXT, LAYERS))


def read_newest(page) -> tuple[dict, dict]:
    page.send({"type": "ready"})
    content, buffers = page.messages("result")[-1]
    heads = zip(content["arrays"], buffers, strict=True)
    return content, {head["name"]: np.frombuffer(data, head["dtype"]).reshape(head["shape"]) for head, data in heads}


def list_members(arrays) -> list[tuple[list[int], list[int]]]:
    """The features of either side of each match."""
    members = [([], []) for _ in arrays["kinds"]]
    for match, side, feature in arrays["members"]:
        members[match][side].append(int(feature))
    return members


# ---- numbers, from the files alone


@pytest.fixture(scope="module")
def plain():
    """Both dictionaries' activations, reconstructions and decoder rows, computed with nothing of the runtime."""
    import torch
    from safetensors.torch import load_file
    from transformers import Gemma3ForCausalLM

    model, seen = Gemma3ForCausalLM.from_pretrained(MODELS["mini"], dtype=torch.float32).eval(), []

    def read(ids, layer, folder):
        handle = model.model.layers[layer].register_forward_hook(
            lambda _module, _inputs, output: seen.append(output[0] if isinstance(output, tuple) else output)
        )
        with torch.no_grad():
            model(torch.tensor([ids]))
        handle.remove()
        residual = seen.pop().reshape(len(ids), -1).double().numpy()
        weights = {name: value.double().numpy() for name, value in load_file(folder / "params.safetensors").items()}
        before = residual @ weights["w_enc"] + weights["b_enc"]
        activations = np.where(before > weights["threshold"], before, 0)
        activations[0] = 0  # BOS
        error = residual - (activations @ weights["w_dec"] + weights["b_dec"])
        spread = residual[1:] - residual[1:].mean(0)
        fvu = (error[1:] ** 2).sum() / (spread**2).sum()
        return activations, fvu, weights["w_dec"] / np.linalg.norm(weights["w_dec"], axis=1, keepdims=True)

    return read


@pytest.mark.row("17", "NEW 21", "NEW 27")
def test_numbers_on_screen_are_plain_arithmetic_on_the_files(mini, open_page, plain):
    homes = [mini.dictionary(), mini.dictionary(width="4k")]
    page = open_page(gs.DictionaryCompare(mini, TEXT, homes, pos=3))
    content, arrays = read_newest(page)
    ids = mini.tokens(TEXT).ids
    (first, *own), (second, *other) = (plain(ids, 4, home.folder.path) for home in homes)
    for side, activations, fvu in zip(content["sides"], (first, second), (own[0], other[0]), strict=True):
        fires = activations > 0
        assert side["mean_l0"] == pytest.approx(fires[1:].sum(1).mean())
        assert side["firing"] == fires.any(0).sum()
        assert side["fvu"] == pytest.approx(fvu, rel=1e-3)
    np.testing.assert_array_equal(arrays["l0"], [(one > 0).sum(1) for one in (first, second)])
    cosines = own[1] @ other[1].T
    assert (content["measure"], content["on"], content["threshold"]) == ("decoder cosine", "decoder rows", 0.5)
    assert (content["one_scale"], content["notes"]) == (True, [])
    matched = {}
    for at, (left, right) in enumerate(list_members(arrays)):
        kind, value = content["counts"][arrays["kinds"][at]]["kind"], arrays["values"][at]
        peaks = [
            max((side[:, one].max() for one in ones), default=0) for side, ones in ((first, left), (second, right))
        ]
        assert arrays["activations"][at] == pytest.approx(peaks, rel=1e-3, abs=1e-3)
        assert kind == {
            (1, 0): "only first", (0, 1): "only second", (1, 1): "one to one",
        }.get((len(left), len(right)), "split" if len(left) == 1 else "merged" if len(right) == 1 else "several to several")  # fmt: skip
        if left and right:
            links = [cosines[one, two] for one in left for two in right]
            assert 0.5 <= value <= max(links) + 1e-3
            assert min(abs(value - link) for link in links) < 1e-3
        else:
            assert np.isnan(value)
            best = cosines[left[0]].max() if left else cosines[:, right[0]].max()
            assert arrays["nearest"][at] == pytest.approx(best, abs=1e-3) and best < 0.5
        matched |= {(0, one): at for one in left} | {(1, one): at for one in right}
    firing = {(side, int(one)) for side, dense in enumerate((first, second)) for one in np.flatnonzero(dense.max(0))}
    assert firing <= set(matched)
    gaps = np.abs(arrays["activations"][:, 1] - arrays["activations"][:, 0])
    assert (np.diff(gaps) <= 1e-3).all()
    for side, word in enumerate(("only first", "only second")):
        assert content["sides"][side]["alone"] == sum(one["count"] for one in content["counts"] if one["kind"] == word)
    assert {"one to one", "only first", "only second"} <= {one["kind"] for one in content["counts"] if one["count"]}
    check_tokens(arrays, matched, (first, second))


def check_tokens(arrays, matched, sides) -> None:
    """What is listed at a token is what fires there, each match with the largest activation of either side."""
    for pos, (row, told) in enumerate(zip(arrays["token_matches"], arrays["token_activations"], strict=True)):
        here: dict[int, list[float]] = {}
        for side, dense in enumerate(sides):
            for one in np.flatnonzero(dense[pos]):
                values = here.setdefault(matched[side, int(one)], [0.0, 0.0])
                values[side] = max(values[side], dense[pos, one])
        assert arrays["token_counts"][pos] == len(here)
        listed = row[row >= 0].tolist()
        wanted = {
            at
            for side in range(2)
            for at in sorted((at for at in here if here[at][side]), key=lambda at: -here[at][side])[:MATCHED_HERE]
        }
        assert set(listed) == wanted
        for at, pair in zip(listed, told, strict=False):
            assert pair == pytest.approx(here[at], rel=1e-3, abs=1e-3)
        gaps = [abs(here[at][1] - here[at][0]) for at in listed]
        assert gaps == pytest.approx(sorted(gaps, reverse=True), abs=2e-3)


@pytest.mark.row("NEW 21")
@pytest.mark.filterwarnings("ignore::gscope_widgets.errors.SanityWarning")
def test_a_dictionary_with_shuffled_decoder_rows_has_no_partners(mini, open_page, tmp_path):
    """The control: nothing is matched that does not point the same way, and a copy is matched whole."""
    from safetensors.torch import load_file, save_file

    home, others = mini.dictionary(), []
    for name, random in (("layer_4_width_1k_l0_small", np.random.default_rng(0)), ("layer_4_width_1k_l0_big", None)):
        folder = shutil.copytree(home.folder.path, tmp_path / "shuffled" / "resid_post" / name)
        tensors = load_file(folder / "params.safetensors")
        if random is not None:
            rows = random.permuted(tensors["w_dec"].float().numpy(), axis=1)
            tensors["w_dec"] = tensors["w_dec"].new_tensor(rows)
        save_file(tensors, folder / "params.safetensors")
        others.append(mini.dictionary(path=folder))
    widget = open_page(gs.DictionaryCompare(mini, TEXT, [home, *others])).widget
    pair = widget.comparison.pairs[0]
    assert pair.count("only first") == pair.count("only second") == len(np.unique(mini.read(TEXT).features))
    assert len(pair.matches) == 2 * pair.count("only first")
    widget.compared = [home, others[1]]
    pair = widget.comparison.pairs[0]
    assert pair.count("one to one") == len(pair.matches) > 5
    assert all(match.first[0].feature == match.second[0].feature for match in pair.matches)


def test_with_texts_of_their_own_each_token_lists_the_matches_that_fire_there(scope, open_page):
    """Features that are silent in those texts are of no match, whatever they do in the text shown."""
    page = open_page(gs.DictionaryCompare(scope, TEXT, LAYERS, texts=["The old"]))
    _, arrays = read_newest(page)
    readings = [scope.read(TEXT, one) for one in page.widget.dictionaries]
    members, count = list_members(arrays), len(readings[0].tokens)
    fires = [
        [any(trace(reading, side, pos) > 0 for reading, side in zip(readings, sides, strict=True)) for sides in members]
        for pos in range(count)
    ]
    listed = [sorted(int(one) for one in row if one >= 0) for row in arrays["token_matches"]]
    assert all(len(row) <= 2 * MATCHED_HERE for row in listed)
    assert listed == [[at for at, one in enumerate(row) if one] for row in fires]
    assert arrays["token_counts"].tolist() == [sum(row) for row in fires]
    assert 0 < len(members) < min(len(set(reading.features)) for reading in readings)  # the control: most are of none


def trace(reading, features, pos) -> float:
    """The largest activation of some features at a token; 0 where there are none."""
    return max((float(reading.trace(one)[pos]) for one in features), default=0.0)


def test_lists_are_in_the_order_and_of_the_kind_that_the_reader_sets(page):
    widget = page.widget
    whole = widget.comparison.pairs[0].matches
    for order, key in (
        ("difference", lambda one: -abs(one.difference)),
        ("first", lambda one: -one.activations[0]),
        ("second", lambda one: -one.activations[1]),
        ("measure", lambda one: -(one.value or -1)),
    ):
        page.set(order=order)
        page.settle()
        assert [key(one.match) for one in widget._list()] == sorted(map(key, whole))
    kinds = {match.kind for match in whole}
    assert len(kinds) > 1
    for kind in kinds:
        widget.kind = kind
        assert [one.match for one in widget._list()] == sorted(
            (one for one in whole if one.kind == kind), key=lambda one: -(one.value or -1)
        )
    widget.kind, widget.selected_pos = "all", 3
    assert 0 < len(widget._list()) <= 2 * MATCHED_HERE
    assert "position 3" in widget.to_html()


# ---- what is picked


@pytest.mark.row("17")
def test_the_match_selected_shows_where_either_side_fires_without_another_run(page, scope):
    match = next(one for one in page.widget.comparison.pairs[0].matches if one.first and one.second)
    scope.calls.clear()
    page.set(selected_feature={"dictionary_id": page.widget.compared[1], "feature": match.second[0].feature})
    assert page.settle()["state"] == "idle"
    content, arrays = read_newest(page)
    assert scope.calls == []
    assert [one["feature"] for one in content["selected"]["first"]] == [one.feature for one in match.first]
    assert content["selected"]["kind"] == match.kind
    for row, reading, members in zip(
        arrays["painted"], page.widget.comparison.readings, (match.first, match.second), strict=True
    ):
        np.testing.assert_array_equal(row, np.max([reading.trace(one.feature) for one in members], axis=0))
    assert arrays["painted"].any(1).all()
    silent = next(one for one in range(1024) if not any(one == each for each in readings_of(page)))
    page.widget.selected_feature = silent
    page.widget.wait()
    content, arrays = read_newest(page)
    assert not arrays["painted"].any()
    page.widget.text = "The old house."  # the control
    page.widget.wait()
    assert scope.calls == ["compare_dictionaries"]


def readings_of(page) -> set[int]:
    """Every feature of the first dictionary that is in a match."""
    return {one.feature for match in page.widget.comparison.pairs[0].matches for one in match.first}


def test_the_sides_change_places_and_other_dictionaries_come(scope, open_page):
    page = open_page(gs.DictionaryCompare(scope, TEXT, [*LAYERS, {"site": "mlp_out"}], threshold=0.9))
    widget = page.widget
    first, second, third = (one.info.id for one in widget.dictionaries)
    kinds = {kind: widget.comparison.pairs[0].count(kind) for kind in KINDS}
    widget.selected_feature = FeatureRef(first, 3)
    page.set(compared=[second, first])
    assert page.settle()["state"] == "idle"
    turned = {kind: widget.comparison.pairs[0].count(kind) for kind in KINDS}
    assert (turned["only first"], turned["only second"]) == (kinds["only second"], kinds["only first"])
    assert (turned["split"], turned["merged"]) == (kinds["merged"], kinds["split"])
    assert widget.selected_feature == FeatureRef(first, 3)
    widget.compared = [second, widget.dictionaries[2]]
    widget.wait()
    assert widget.compared == (second, third)
    assert widget.selected_feature is None
    assert (first in widget.footer, third in widget.footer) == (False, True)
    assert read_newest(page)[0]["compared"] == [second, third]
    page.set(threshold=0.2)
    assert page.settle()["state"] == "idle"
    assert read_newest(page)[0]["threshold"] == pytest.approx(0.2)
    assert widget.comparison.pairs[0].count("only second") < turned["only second"] + turned["only first"]


def test_text_token_and_feature_follow_a_linked_heatmap(scope, open_page):
    compare = open_page(gs.DictionaryCompare(scope, "The bird", LAYERS)).widget
    heatmap = open_page(gs.TokenHeatmap(scope, TEXT, features=[3])).widget
    gs.link(heatmap, compare)
    compare.wait()
    assert compare.text == TEXT
    assert compare.selected_feature == scope.dictionary().feature(3)
    heatmap.selected_pos = 3
    assert compare.selected_pos == 3
    compare.selected_pos = 2
    assert heatmap.selected_pos == 2
    compare.selected_feature = scope.dictionary(layer=5).feature(9)  # which the heatmap has not
    assert heatmap.read_shared("feature") == scope.dictionary().feature(3)
    compare.selected_feature = 7
    assert heatmap.selected_feature == scope.dictionary().feature(7)
    elsewhere = gs.TokenHeatmap(scope, TEXT, scope.dictionary(layer=1), features=[5])
    gs.link(elsewhere, compare, share="feature")
    assert compare.selected_feature == scope.dictionary().feature(7)
    elsewhere.close()


# ---- another model's dictionary


@pytest.mark.row("NEW 21")
def test_a_base_model_stands_beside_its_tuned_one_on_mini(mini, open_page):
    tuned = gs.load("mini-it")
    homes = [mini.dictionary(), tuned.dictionary(), mini.dictionary(layer=5)]
    page = open_page(gs.DictionaryCompare(mini, TEXT, homes, other=tuned))
    content, _ = read_newest(page)
    assert (content["measure"], content["one_scale"]) == ("activation correlation", False)
    assert [side["mean_l0"] for side in content["sides"]] == pytest.approx(
        [scope.read(TEXT).l0[1:].mean() for scope in (mini, tuned)]
    )
    assert [mini.info.id in content["sides"][0]["name"], tuned.info.id in content["sides"][1]["name"]] == [True, True]
    notes = " ".join(content["notes"])
    assert "on a scale of its own" in notes and "both fire alike" in notes and "by accident" in notes
    assert "a cosine of their decoder rows would mean nothing" in notes
    page.set(text="Le vieux peintre est fier.")
    assert page.settle()["state"] == "idle"
    assert page.widget.comparison.readings[1].dictionary_info.id == homes[1].info.id
    record = page.widget.provenance.to_dict()
    assert list(record["dictionaries"]) == [homes[0].info.id]
    assert record["settings"]["other"]["model"] == tuned.info.id
    page.widget.selected_feature = tuned.dictionary().feature(5)
    page.widget.wait()
    assert read_newest(page)[0]["selected"]["second"][0]["feature"] == 5
    page.widget.compared = [homes[0], homes[2]]  # both of one model again: no reading is given
    page.widget.wait()
    assert "both fire alike" not in " ".join(read_newest(page)[0]["notes"])


def test_two_comparisons_across_models_that_wait_for_each_other_both_end(mini, open_page):
    tuned = gs.load("mini-it")
    homes = [mini.dictionary(), tuned.dictionary()]
    widgets = [
        open_page(gs.DictionaryCompare(one, TEXT, homes, other=two)).widget
        for one, two in ((mini, tuned), (tuned, mini))
    ]
    gates = [threading.Event(), threading.Event()]
    for scope, gate in zip((mini, tuned), gates, strict=True):
        scope.submit(lambda _job, gate=gate: gate.wait(60))
    for widget in widgets:
        widget.text = "The children sang."
    for gate in gates:
        gate.set()
    for widget in widgets:
        widget.wait()
        assert widget.comparison.readings[1].tokens == mini.tokens("The children sang.")


# ---- what is refused


@pytest.mark.parametrize(
    ("dictionaries", "sentence"),
    [
        ((), r"dictionaries must be 2 to 6, such as .*, got 0"),
        ([{}], "got 1"),
        ([{}, {}], "holds fake/resid_post/layer_3.* twice; compare different dictionaries"),
        ([{"layer": one} for one in range(6)] + [{"site": "mlp_out"}], "got 7"),
        ([{}, {"layer": 77}], "layers 0 to 5"),
        ([{}, {"colour": 1}], "dictionaries holds .*colour"),
        ([{}, 5], r"dictionary comes from scope.dictionary\(\), got 5"),
        ("ab", "dictionaries must be a list"),
        (5, "dictionaries must be a list"),
    ],
)
def test_dictionaries_that_cannot_be_compared_are_refused_in_words(scope, dictionaries, sentence):
    with pytest.raises(gs.GscopeError, match=sentence):
        gs.DictionaryCompare(scope, TEXT, dictionaries)


def test_a_dictionary_of_another_model_is_refused_with_what_to_do(mini):
    tuned = gs.load("mini-it")
    homes = [mini.dictionary(), tuned.dictionary()]
    with pytest.raises(gs.InvalidValue, match="was not opened by gscope-mini.*give the scope that did as other="):
        gs.DictionaryCompare(mini, TEXT, homes)
    with pytest.raises(gs.InvalidValue, match="leave them out where a reading is given"):
        gs.DictionaryCompare(mini, TEXT, homes, other=tuned, texts=["The bird"])
    with pytest.raises(gs.InvalidValue, match="the first argument is a scope"):
        gs.DictionaryCompare(mini, TEXT, homes, other=5)


def test_state_that_is_wrong_is_refused_and_the_view_kept(page, refuse_all, scope):
    widget, shown = page.widget, page.widget._last_message
    first, second = widget.compared
    refuse_all(page, "compared", [[first], "ab", None, 5, [first, second, first]], message="compared must be two of")
    refuse_all(page, "compared", [[first, "elsewhere"], [5, second]], message=f"two of {first}, {second}, got")
    refuse_all(page, "compared", [[first, first]], message="stands on both sides; compare two different dictionaries")
    refuse_all(
        page, "threshold", [-0.1, 1.5, "1", float("nan")], message="threshold must be a finite number from 0 to 1"
    )
    refuse_all(page, "selected_feature", [-1, 1024], message="a feature is a whole number from 0 to 1023")
    refuse_all(page, "order", ["size", 5, None, ["first"]], message="order must be one of difference, first")
    refuse_all(page, "kind", ["size", 5, None], message="kind must be one of all, one to one, split")
    refuse_all(page, "text", ["word " * 100_000], message="at most 256 tokens")
    with pytest.raises(gs.InvalidValue, match="is of neither dictionary compared"):
        widget.selected_feature = scope.dictionary(layer=1).feature(3)
    assert widget._last_message is shown


@pytest.mark.parametrize("name", ["fake", "mini"])
def test_of_an_empty_text_it_says_that_nothing_is_read(request, open_page, name):
    scope = request.getfixturevalue({"fake": "scope"}.get(name, name))
    page = open_page(gs.DictionaryCompare(scope, "", LAYERS))
    content, _ = read_newest(page)
    assert [(side["mean_l0"], side["fvu"], side["firing"]) for side in content["sides"]] == [(None, None, 0)] * 2
    assert content["notes"] == ["No token is left to read features at, and so there is nothing to compare."]
    assert content["notes"][0] in page.widget.to_html()
    assert page.widget.plot()._repr_png_()
    page.widget.text = TEXT
    page.widget.wait()
    assert content["notes"][0] not in page.widget.to_html()
    page.widget.text = ""
    page.widget.wait()
    assert page.widget.status["state"] == "idle"
    assert len(page.widget.to_frame()) == 0


# ---- code


@pytest.mark.row("17", "33")
def test_the_code_prints_what_is_on_screen(mini, open_page):
    """In a fresh process: rows, correlations on texts of one's own, and another model's dictionary."""
    tuned = gs.load("mini-it")
    widgets = [
        open_page(gs.DictionaryCompare(mini, TEXT, [{}, {"width": "4k"}], threshold=0.6)).widget,
        open_page(gs.DictionaryCompare(mini, TEXT, LAYERS, texts=[TEXT, "Le vieux peintre est fier."])).widget,
        open_page(gs.DictionaryCompare(mini, TEXT, [mini.dictionary(), tuned.dictionary()], other=tuned)).widget,
    ]
    mark = "=" * 20
    code = f"\nprint('{mark}')\n".join(widget.to_code() for widget in widgets)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    for printed, widget in zip(run.stdout.split(f"{mark}\n"), widgets, strict=True):
        check_printed(printed.splitlines(), widget.comparison)


def check_printed(lines, comparison) -> None:
    for line, summary in zip(lines, comparison.summaries, strict=False):
        id_, *numbers = line.split()
        assert id_ == summary.info.id
        assert [float(one) for one in numbers] == pytest.approx([summary.mean_l0, summary.fvu], rel=1e-4)
    matches = comparison.pairs[0].matches
    assert len(lines) == 2 + len(matches) > 10
    for line, match in zip(lines[2:], matches, strict=True):
        features = [[one.feature for one in side] for side in (match.first, match.second)]
        assert line.startswith(f"{match.kind} {features[0]} {features[1]} ")
        value, *activations = line.rsplit(" ", 3)[1:]
        assert value == "None" if match.value is None else float(value) == pytest.approx(match.value, abs=1e-4)
        assert [float(one) for one in activations] == pytest.approx(match.activations, rel=1e-4)


def test_hostile_words_are_inert_in_the_copy(scope, open_page, check_copy, hostile_words):
    page = open_page(gs.DictionaryCompare(scope, TEXT, LAYERS, selected_feature=4))  # its label holds markup
    for word in hostile_words:
        page.set(text=word)
        assert page.settle()["state"] == "idle"
        check_copy(page.widget._build_copy())
        json.dumps(page.widget.provenance.to_dict(), allow_nan=False)
