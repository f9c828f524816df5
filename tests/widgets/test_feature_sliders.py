"""FeatureSliders: what they show is what the scope predicts, and the newest setting wins."""

import json
import math

import numpy as np
import pytest
from matplotlib.figure import Figure

import gscope_widgets as gs
from gscope_widgets.widgets.base.changes import build_range
from gscope_widgets.widgets.base.formats import format_percent
from gscope_widgets.widgets.base.limits import CONTROLS, SHOWN_TOKENS
from tests.fake_model import D_MODEL

TEXT = "The old fisherman sold"
OTHER = "On Monday the children"


@pytest.fixture
def refs(scope, dictionary):
    """Features that fire at the last token, so that ablating and scaling them does something."""
    reading = scope.read(TEXT, dictionary)
    return [dictionary.feature(top.feature) for top in reading.top(2, pos=len(reading.tokens) - 1)]


@pytest.fixture
def page(scope, refs, open_page):
    return open_page(gs.FeatureSliders(scope, TEXT, features=refs))


def write(page, *values, kinds=None, ablated=()) -> list:
    """Changes as the page writes them, one a feature; None leaves one alone, a place in `ablated` ablates it."""
    kinds = kinds or [one.intervention.kind for one in page.widget.changes]
    written = []
    for at, (value, kind) in enumerate(zip(values, kinds, strict=True)):
        made = {"ref": page.widget.features[at].feature if at < len(page.widget.features) else 0}
        made |= {"kind": "ablate" if at in ablated else kind, "amount": 0.0 if value is None else value}
        on = value is not None or at in ablated
        written.append(made | {"unit": "fraction", "positions": "all", "on": on})
    return written


def newest(page) -> dict:
    return page.messages("result")[-1][0]


def predict(scope, made=(), text=TEXT):
    """What the widget shows, asked without it."""
    return scope.next_tokens(text, SHOWN_TOKENS, made, controls=CONTROLS)


def check_result(content, distribution):
    """The rows of a message against a prediction made without the widget."""
    chances = {baseline.id: (baseline, changed) for baseline, changed in distribution.pairs}
    assert content["arrays"] == []
    assert content["text"] == distribution.tokens.text
    assert content["kl"] == distribution.kl
    assert content["control_kls"] == [one.kl for one in distribution.controls]
    controls = [{one.id: one.probability for one in each.chances} for each in distribution.controls]
    for row in content["rows"]:
        own = [chances_of[row["id"]] for chances_of in controls] or [row["baseline"]]
        assert row["random"] == pytest.approx(sum(own) / len(own), abs=1e-9)
        baseline, changed = chances[row["id"]]
        assert (row["token"], row["baseline"], row["changed"]) == (
            baseline.token,
            baseline.probability,
            changed.probability,
        )
    best = [max(row["baseline"], row["changed"]) for row in content["rows"]]
    assert best == sorted(best, reverse=True)
    for side in ("baseline", "changed", "random"):
        assert sum(row[side] for row in content["rows"]) + content["rest"][side] == pytest.approx(1, abs=1e-5)


def test_at_first_every_feature_is_left_alone(page, scope):
    widget = page.widget
    page.send({"type": "ready"})
    check_result(newest(page), predict(scope))
    assert newest(page)["kl"] == 0
    assert all(row["baseline"] == row["changed"] for row in newest(page)["rows"])
    assert widget.values == (None, None)
    assert [one.intervention.kind for one in widget.changes] == ["clamp", "clamp"]
    assert widget.interventions == ()


@pytest.mark.parametrize("who", ["page", "python"])
@pytest.mark.parametrize(
    ("values", "options", "make"),
    [
        ((20.0, None), {}, lambda refs: [gs.clamp(refs[0], 20.0)]),
        ((0.5, 2), {"kinds": ["add", "scale"]}, lambda refs: [gs.add(refs[0], 0.5), gs.scale(refs[1], 2)]),
        ((None, None), {"ablated": [1]}, lambda refs: [gs.ablate(refs[1])]),
        ((9.0, 9.0), {"ablated": [0]}, lambda refs: [gs.ablate(refs[0]), gs.clamp(refs[1], 9.0)]),
        ((-1.0, None), {"kinds": ["add", "clamp"]}, lambda refs: [gs.add(refs[0], -1.0)]),
    ],
    ids=["clamp", "add and scale", "ablate", "ablate over clamp", "add"],
)
@pytest.mark.row("7", "22")
def test_what_is_shown_is_what_the_scope_predicts(page, scope, refs, who, values, options, make):
    if who == "page":
        page.set(changes=write(page, *values, **options))
    else:
        page.widget.interventions = make(refs)
    assert page.settle()["state"] == "idle"
    expected = predict(scope, make(refs))
    assert page.widget.interventions == tuple(make(refs))
    check_result(newest(page), expected)
    assert newest(page)["kl"] > 0
    assert page.widget.distribution == expected
    assert newest(page)["changes"] == page.widget.get_state("changes")["changes"]


def test_features_back_at_rest_change_nothing(page, scope):
    page.set(changes=write(page, 30.0, None, ablated=[1]))
    assert page.settle()["state"] == "idle"
    assert page.widget.distribution.kl > 0
    page.widget.reset()
    page.settle()
    assert page.widget.distribution == predict(scope)
    assert page.widget.values == (None, None)


def test_natural_activations_are_those_of_the_unchanged_text(page, scope, dictionary, refs):
    page.set(changes=write(page, 30.0, None), text=OTHER)
    page.settle()
    reading = scope.read(OTHER, dictionary)
    for found, ref in zip(newest(page)["natural"], refs, strict=True):
        trace = reading.trace(ref.feature)
        assert found == pytest.approx({"last": float(trace[-1]), "peak": float(trace.max())}, rel=1e-5)


def test_ranges_reach_past_the_peak_and_hold_the_place_of_rest():
    for peak in (1e-3, 0.7, 12.345, 3000.0):
        ranges = build_range(peak, reach=1.0)
        assert ranges["clamp"]["max"] == pytest.approx(1.5 * peak, rel=0.06)
        for one in ranges.values():
            assert one["min"] <= one["rest"] <= one["max"]
            assert 0 < one["step"] <= one["max"]
            assert one["least"] <= one["min"] or one["least"] == 0
    json.dumps(build_range(5.0, reach=1.0), allow_nan=False)


# ---- random controls


@pytest.mark.row("27", "NEW 3")
def test_random_directions_stand_beside_the_first_result_and_whatever_changes_it(scope, refs, open_page):
    page = open_page(gs.FeatureSliders(scope, TEXT, interventions=[gs.clamp(refs[0], 20.0)]))
    for made in ([gs.clamp(refs[0], 20.0)], [gs.add(refs[1], 0.7), gs.ablate(refs[0])]):
        page.widget.interventions = made
        page.settle()
        page.send({"type": "ready"})
        alone = [scope.next_tokens(TEXT, 3, [scope.random_control(made, seed=seed)]).kl for seed in range(3)]
        assert newest(page)["control_kls"] == pytest.approx(alone)
        assert newest(page)["is_controlled"]
        assert len(set(alone)) == 3 and min(alone) > 0
        said = page.widget.shows()[-1]
        assert all(f"{kl:.3g}" in said for kl in alone)
        assert said in page.widget.to_html()
    page.widget.reset()
    page.settle()
    assert newest(page)["control_kls"] == []
    assert page.widget.shows()[-1] == "KL 0 nats from the baseline"


def test_a_change_that_does_no_more_than_its_controls_is_said_to(scope, open_page):
    """A direction that is itself random, the weakest of a few: the control fails it, and passes the strongest."""
    draw = np.random.default_rng(0).standard_normal((12, D_MODEL))
    made = [gs.add(gs.Direction("resid_post", 3, one, f"drawn {at}"), 1.0) for at, one in enumerate(draw)]
    found = [predict(scope, [one]) for one in made]

    def exceeds(one):
        return one.kl - max(control.kl for control in one.controls)

    weak, strong = min(found, key=exceeds), max(found, key=exceeds)
    assert exceeds(weak) < 0 < exceeds(strong)
    widget = open_page(gs.FeatureSliders(scope, TEXT, interventions=weak.interventions)).widget
    assert ", no more than random directions: " in widget.shows()[-1]
    widget.interventions = strong.interventions
    widget.wait()
    assert "; random directions as long: " in widget.shows()[-1]


def test_where_a_recording_has_no_control_the_change_is_shown_and_that_is_said(mini, tmp_path, open_page, check_copy):
    made = [gs.clamp(mini.dictionary().feature(20), 9.0)]
    with mini.recording(tmp_path / "old.gscope"):
        expected = mini.next_tokens(TEXT, SHOWN_TOKENS, made)
        mini.tokens(TEXT)
        mini.read(TEXT, mini.dictionary())
        mini.describe(made[0].ref)
    replayed = gs.replay(tmp_path / "old.gscope")
    page = open_page(gs.FeatureSliders(replayed, TEXT, interventions=made))
    assert page.widget.distribution.kl == expected.kl
    assert "no random control was recorded" in check_copy(page.widget._build_copy())
    page.send({"type": "ready"})
    assert not newest(page)["is_controlled"]
    assert {row["random"] for row in newest(page)["rows"]} == {None}
    assert page.widget.to_frame()["random 0"].isna().all()
    page.widget.plot().canvas.draw()


# ---- what is refused


def test_settings_out_of_range_are_refused_from_page_and_python(page, refuse_all):
    numbers = [write(page, one, None) for one in ("5", math.inf, math.nan, 1e30, -5.0, True, [1], {}, "NaN")]
    refuse_all(page, "changes", numbers, message="value must be a finite number from 0 to 1e+06")
    kinds = [write(page, 1, None, kinds=["clamp", one]) for one in ("x", None, ["add"], {}, 1, "random")]
    refuse_all(page, "changes", kinds, message="a change is one of add, clamp, scale, ablate")
    for values in ([], [1], [1, 2, 3], [None] * 100_000):
        with pytest.raises(gs.InvalidValue, match="values must have 2 values, one a feature"):
            page.widget.values = values
    for values in ("12", 5, None, True):
        with pytest.raises(gs.InvalidValue, match="values must be a list of 2 values"):
            page.widget.values = values
    with pytest.raises(gs.InvalidValue, match="finite"):
        page.widget.values = [math.nan, None]


def test_a_value_that_the_kind_does_not_take_is_refused_and_the_old_one_stays(page, scope, refs):
    widget = page.widget
    page.set(changes=write(page, 12.0, None))
    page.settle()
    expected, before = widget.distribution, widget.changes
    page.forget()
    page.set(changes=write(page, -5.0, None))
    status = page.settle()
    assert status["state"] == "error"
    assert "value must be a finite number from 0" in status["message"]
    assert widget.values == (12.0, None)
    assert [one["amount"] for one in page.patches("changes")[-1]] == [12.0, 0.0]
    with pytest.raises(gs.InvalidValue, match="value must be a finite number from 0"):
        widget.values = [-5.0, None]
    assert widget.changes == before
    assert widget.distribution == expected
    page.set(changes=write(page, 0.5, None, kinds=["add", "clamp"]))
    assert page.settle()["state"] == "idle"
    assert widget.distribution == predict(scope, [gs.add(refs[0], 0.5)])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"features": [-1]}, gs.UnknownFeature),
        ({"features": [3], "mode": "push"}, gs.InvalidValue),
        ({"features": [3], "values": [1]}, TypeError),
        ({"features": [3], "interventions": 5}, gs.InvalidValue),
    ],
    ids=str,
)
def test_sliders_that_cannot_be_made_are_refused(scope, arguments, error):
    with pytest.raises(error):
        gs.FeatureSliders(scope, **arguments)


# ---- newest wins, errors


def test_of_a_slider_storm_the_newest_wins_and_few_are_predicted(scope, refs, open_page):
    page = open_page(gs.FeatureSliders(scope, TEXT, features=refs))
    page.forget()
    scope.calls.clear()
    for number in range(200):
        page.set(changes=write(page, number / 10, None))
    assert page.settle()["state"] == "idle"
    results = page.messages("result")
    assert 1 <= len(results) < 100
    assert scope.calls.count("next_tokens") < 100
    assert [one["amount"] for one in results[-1][0]["changes"]] == [19.9, 0.0]
    check_result(results[-1][0], predict(scope, [gs.clamp(refs[0], 19.9)]))
    requests = [content["request"] for content, _ in results]
    assert requests == sorted(requests)
    assert requests[-1] == page.widget.status["request"] == 200
    for content, _ in results:  # each answer carries the settings that it answers
        check_result(content, predict(scope, [gs.clamp(refs[0], content["changes"][0]["amount"])]))


def test_a_storm_on_a_slow_model_is_answered_once_or_twice_and_last_for_the_last_move(scope, refs, open_page):
    page = open_page(gs.FeatureSliders(scope, TEXT, features=refs))
    page.forget()
    scope.calls.clear()
    scope.gate.clear()
    for number in range(200):
        page.set(changes=write(page, number / 10, None))
    scope.gate.set()
    page.settle()
    assert scope.calls.count("next_tokens") <= 2
    *earlier, last = [content["changes"][0]["amount"] for content, _ in page.messages("result")]
    assert last == 19.9
    assert len(earlier) <= 1


# ---- what every widget offers


def test_the_frame_and_the_figure_hold_both_distributions(page):
    page.set(changes=write(page, 20.0, None))
    page.settle()
    frame = page.widget.to_frame()
    known = {one.id: (one, other) for one, other in page.widget.distribution.pairs}
    assert list(frame.columns) == ["id", "token", "baseline", "changed", "random 0", "random 1", "random 2"]
    for _, line in frame.iloc[:-1].iterrows():
        baseline, changed = known[line["id"]]
        assert (line["token"], line["baseline"], line["changed"]) == (
            baseline.token,
            baseline.probability,
            changed.probability,
        )
    assert tuple(frame.iloc[-1][["id", "token"]]) == (-1, "all other tokens")
    assert frame["baseline"].sum() == pytest.approx(1)
    assert frame["changed"].sum() == pytest.approx(1)
    for number, control in enumerate(page.widget.distribution.controls):
        own = {one.id: one.probability for one in control.chances}
        assert frame[f"random {number}"].tolist()[:-1] == [own[id_] for id_ in frame["id"][:-1]]
        assert frame[f"random {number}"].sum() == pytest.approx(1)
    figure = page.widget.plot()
    assert isinstance(figure, Figure)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert len(widths) == 3 * (len(newest(page)["rows"]) + 1)  # and all other tokens
    rows, rest = newest(page)["rows"], newest(page)["rest"]
    for at, run in enumerate(("baseline", "changed", "random")):
        assert widths[at * (len(rows) + 1) :][: len(rows) + 1] == [*(row[run] for row in rows), rest[run]]
    assert figure.axes[0].get_yticklabels()[-1].get_text() == "all other tokens"
    figure.canvas.draw()


def test_the_copy_has_the_numbers_and_only_what_an_untrusted_page_keeps(page, refs, check_copy):
    page.set(changes=write(page, 20.0, None, ablated=[1]))
    page.settle()
    text = check_copy(page.widget._build_copy())
    for row in newest(page)["rows"]:
        assert format_percent(row["baseline"]) in text
        assert format_percent(row["changed"]) in text
    assert "all other tokens" in text
    assert f"feature {refs[0].feature}: clamp 20; feature {refs[1].feature}: ablate" in text


def test_an_empty_text_predicts_from_bos_alone(scope, open_page):
    page = open_page(gs.FeatureSliders(scope, "", features=[3]))
    check_result(page.widget._last_message[0], predict(scope, text=""))


# ---- features that change


def test_new_features_keep_the_settings_of_those_that_were_there(page, scope, refs, dictionary):
    widget = page.widget
    widget.interventions = [gs.scale(refs[0], 2.0), gs.ablate(refs[1])]
    widget.wait()
    new = scope.dictionary(layer=1).feature(7)
    page.forget()
    widget.features = [refs[1], new]
    widget.wait()
    assert [(one.intervention.kind, one.on) for one in widget.changes] == [("ablate", True), ("clamp", False)]
    assert widget.distribution == predict(scope, [gs.ablate(refs[1])])
    assert len(page.messages("result")) == 1
    assert len(widget.ranges) == len(newest(page)["natural"]) == 2
    trace = scope.read(TEXT, new.dictionary_id, features=[7]).trace(7)
    assert newest(page)["natural"][1] == pytest.approx({"last": float(trace[-1]), "peak": float(trace.max())})
    assert new.dictionary_id in widget.footer
    assert list(widget.provenance.dictionaries) == [refs[1].dictionary_id, new.dictionary_id]


def test_features_and_their_changes_may_come_in_one_patch(page, scope, dictionary):
    changes = [gs.add(dictionary.feature(5), 0.5), gs.clamp(dictionary.feature(7), 12.0)]
    written = [
        {"ref": 5, "kind": "add", "amount": 0.5, "unit": "fraction", "positions": "all", "on": True},
        {"ref": 6, "kind": "add", "amount": 0.5, "unit": "fraction", "positions": "all", "on": False},
        {"ref": 7, "kind": "clamp", "amount": 12.0, "unit": "fraction", "positions": "all", "on": True},
    ]
    page.set(changes=written, features=[5, 6, 7])
    assert page.settle()["state"] == "idle"
    assert page.widget.distribution == predict(scope, changes)


def test_features_of_two_layers_are_told_apart_in_words(scope, open_page, check_copy):
    """ "feature 21: clamp 3; feature 21: clamp 20" says nothing."""
    refs = [scope.dictionary(layer=layer).feature(21) for layer in (2, 4)]
    page = open_page(gs.FeatureSliders(scope, TEXT, features=refs))
    page.widget.values = [3.0, 20.0]
    page.settle()
    said = "feature 21 of resid_post layer 2: clamp 3; feature 21 of resid_post layer 4: clamp 20"
    assert said in check_copy(page.widget._build_copy())
    assert [info["name"] for info in page.widget.known] == [f"feature 21 of resid_post layer {at}" for at in (2, 4)]
    other = scope.dictionary("mlp_out", layer=4).feature(21)
    page.widget.features = [refs[1], other]
    assert [info["name"] for info in page.widget.known] == [
        f"feature 21 of {site} layer 4" for site in ("resid_post", "mlp_out")
    ]


def test_a_value_set_in_place_cannot_half_work_and_a_list_does(mini, open_page):
    """KL 14.0418 on mini, after a change in place that once changed the interventions and no result."""
    text, feature = "She looked at the", 20
    sliders = open_page(gs.FeatureSliders(mini, text, features=[mini.dictionary().feature(feature)])).widget
    with pytest.raises(TypeError):
        sliders.values[0] = 40.0
    assert sliders.interventions == ()
    sliders.values = [40.0]
    assert sliders.distribution.kl == pytest.approx(14.0418, abs=2e-4)
    assert sliders.distribution == predict(mini, [gs.clamp(sliders.features[0], 40.0)], text)


@pytest.mark.row("7")
def test_the_likeliest_of_either_run_are_shown_though_the_other_run_excludes_them(mini, open_page):
    """As when French is clamped to 26, and the likeliest are English words of the baseline alone."""
    french = mini.find("language:french")[0].ref
    sliders = open_page(gs.FeatureSliders(mini, "She looked at the", features=[french])).widget
    sliders.values = [26.0]
    rows = sliders.distribution.pairs
    shown = [row["token"] for row in sliders._rows()]
    for run in (0, 1):
        best = sorted(rows, key=lambda pair, run=run: pair[run].probability, reverse=True)[:6]
        assert {pair[run].token for pair in best} <= set(shown)
