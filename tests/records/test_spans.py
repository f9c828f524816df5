"""What is said of where features write, beside the code that measured the claim about it (T7w)."""

import math

import numpy as np
import pytest

import gscope_widgets as gs
from factory.claims.circuits.spans import sort_features
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.spans import WriteSpans, check_spanned


def make(norms, *, scales=None, layers=None, reads=None):
    norms = np.array(norms, np.float32)
    layers = tuple(range(norms.shape[1])) if layers is None else layers
    refs = tuple(FeatureRef("a/clt/width_1k_l0_medium", one) for one in range(len(norms)))
    scales = np.ones(len(layers), np.float32) if scales is None else np.array(scales, np.float32)
    return WriteSpans(refs, layers, reads or (layers[0],) * len(norms), norms, scales)


def test_kinds_by_hand():
    spans = make([[9, 1, 1, 1], [1, 1, 1, 9], [9, 1, 1, 4.5], [9, 1, 1, 4.4], [0, 0, 0, 0], [0, 0, 7, 7]])
    assert spans.kinds == ("early", "late", "persistent", "early", "early", "persistent")
    # Norms alone say something else than norms beside what is written: the second layer's is ten times longer.
    assert make([[2, 10]], scales=[1, 10]).shares.tolist() == [[2, 1]]
    assert make([[2, 10, 0]], scales=[1, 20, 1]).kinds == ("early",)
    assert make([[2, 10, 0]]).kinds == ("early",) and make([[2, 10, 0, 0, 0]]).near_peak.tolist()[0][:2] == [
        False,
        True,
    ]


@pytest.mark.parametrize("outputs", [4, 5, 8])
def test_kinds_are_those_of_the_claim(outputs):
    random = np.random.default_rng(outputs)
    norms = random.uniform(0.05, 1, (300, outputs)) ** 2
    spans = make(norms, scales=random.uniform(1, 9, outputs))
    expected = sort_features(spans.norms / spans.scales)
    for kind, which in expected.items():
        assert [one == kind for one in spans.kinds] == which.tolist()
        assert 0.05 < which.mean() < 0.95


def test_a_table_has_a_row_for_each_layer_that_may_be_written(tmp_path):
    spans = make([[1, 2, 4], [0, 3, 1]], scales=[1, 2, 4], layers=(5, 9, 12), reads=(5, 9))
    frame = spans.to_frame()
    assert frame["feature"].tolist() == [0, 0, 0, 1, 1]
    assert frame["layer"].tolist() == [5, 9, 12, 9, 12]
    assert frame["reads"].tolist() == [5, 5, 5, 9, 9]
    assert frame["share"].tolist() == [1, 1, 1, 1.5, 0.25]
    assert frame["near_peak"].tolist() == [True, True, True, True, False]
    assert set(frame["kind"][:3]) == {"persistent"} and len(spans) == 2


@pytest.mark.row("10")
def test_a_picture_has_a_bar_for_each_layer_and_marks_what_is_read():
    spans = make([[1, 2, 4], [0, 3, 1]], layers=(5, 9, 12), reads=(5, 9))
    figure = spans.plot()
    first, second = figure.axes
    assert [bar.get_height() for bar in first.containers[0]] == [0.25, 0.5, 1]
    assert [line.get_xdata().tolist() for line in second.lines if line.get_marker() == "^"] == [[1]]
    assert [label.get_text() for label in second.get_xticklabels()] == ["5", "9", "12"]
    assert first.get_ylabel() == "0\npersistent" and spans.plot(kinds=False).axes[0].get_ylabel() == "0"
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert len(make(np.ones((60, 3))).plot().axes) == 40
    make([[0, 0, math.pi]]).plot()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("features", "a list of refs"),
        (7, "a list of refs"),
        ([], "1 to 10000"),
        ([7], "a feature comes from"),
        ([FeatureRef([1], 3)], "a feature comes from"),
        ([FeatureRef("a", [])], "a feature comes from"),
        (FeatureRef("a", True), "a feature comes from"),
        ([FeatureRef("a", 1), FeatureRef("a", 1)], "different"),
        ([FeatureRef("a", 1), FeatureRef("b", 1)], "of one dictionary, got a and b"),
    ],
    ids=str,
)
def test_what_is_no_list_of_features_of_one_dictionary_is_refused(given, words):
    with pytest.raises(gs.InvalidValue, match=words):
        check_spanned(given)
    assert check_spanned(FeatureRef("a", 1)) == (FeatureRef("a", 1),)
