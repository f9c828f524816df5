"""A reading's questions, on arrays small enough to check by eye."""

import json

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.activations import SparseActivations
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.generation import SamplingPlan, TokenChance, TokenDistribution
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Tokens

DENSE = np.zeros((4, 9), np.float32)
DENSE[1, [2, 7]] = [3.0, 1.0]
DENSE[2, [2, 8]] = [5.0, 5.0]
DENSE[3, 7] = 4.0


def make_reading(*, selected=None) -> FeatureReading:
    tokens = Tokens("a<b", (2, 5, 6, 7), ("<bos>", "a", "<", "b"), ((0, 0), (0, 1), (1, 2), (2, 3)), (), {0: "BOS"})
    info = DictionaryInfo("d/resid_post/x", "sae", "resid_post", (1,), "9", 9, "medium", 7.0, False, 100)
    positions, features = np.nonzero(DENSE)
    return FeatureReading(
        tokens=tokens,
        dictionary_info=info,
        positions=positions.astype(np.int32),
        features=features.astype(np.int32),
        activations=DENSE[positions, features],
        l0=(DENSE > 0).sum(1).astype(np.int32),
        error_norm=np.zeros(4, np.float32),
        norm=np.ones(4, np.float32),
        fvu=np.zeros(4, np.float32),
        total_fvu=0.5,
        selected=selected,
        labels={2: FeatureLabel("ducks", "by eye")},
    )


def test_a_reading_shows_itself_in_a_line():
    assert repr(make_reading()) == "<FeatureReading of 4 tokens by d/resid_post/x: 3 features fire>"


def test_a_trace_is_the_dense_column():
    reading = make_reading()
    for feature in range(9):
        np.testing.assert_array_equal(reading.trace(feature), DENSE[:, feature])
    np.testing.assert_array_equal(reading.to_dense(), DENSE)


@pytest.mark.parametrize("feature", [-1, 9, 1.0, True, "2", None])
def test_a_trace_of_no_feature_is_refused(feature):
    with pytest.raises(gs.UnknownFeature, match="from 0 to 8"):
        make_reading().trace(feature)


def test_the_strongest_features_of_each_token_are_those_of_its_dense_row():
    features, activations = make_reading().top_by_token(3)
    assert (features.dtype, activations.dtype) == (np.int32, np.float32)
    for row, found, values in zip(DENSE, features, activations, strict=True):
        strongest = sorted((feature for feature in range(9) if row[feature]), key=lambda feature: -row[feature])
        assert found.tolist() == (strongest + [-1] * 3)[:3]
        assert values.tolist() == [*row[strongest].tolist(), 0, 0, 0][:3]
    assert make_reading().top_by_token(1)[0].tolist() == [[-1], [2], [2], [7]]
    for wrong in (0, 10, 1.0, None):
        with pytest.raises(gs.InvalidValue, match="k must be a whole number from 1 to 9"):
            make_reading().top_by_token(wrong)


def test_a_trace_of_a_feature_that_was_not_asked_for_is_refused_and_not_zero():
    reading = make_reading(selected=(2, 7))
    assert reading.trace(7)[3] == 4.0
    with pytest.raises(gs.UnknownFeature, match=r"was not read.*\[2, 7\]"):
        reading.trace(8)


def test_top_ranks_features_by_their_largest_activation_and_says_where():
    found = make_reading().top(3)
    assert [(top.feature, top.activation, top.pos, top.token) for top in found] == [
        (2, 5.0, 2, "<"),
        (8, 5.0, 2, "<"),
        (7, 4.0, 3, "b"),
    ]
    assert found[0].label.text == "ducks"
    assert found[1].label is None


def test_top_at_a_position_sees_that_position_alone():
    assert [top.feature for top in make_reading().top(5, pos=1)] == [2, 7]
    assert make_reading().top(5, pos=0) == []


@pytest.mark.parametrize("arguments", [{"k": 0}, {"k": 10}, {"k": 1.0}, {"pos": 4}, {"pos": -1}, {"pos": "1"}])
def test_top_refuses_what_is_out_of_range(arguments):
    with pytest.raises(gs.InvalidValue, match="must be a whole number"):
        make_reading().top(**arguments)


def test_the_frame_lists_every_firing_once():
    frame = make_reading().to_frame()
    assert list(frame.columns) == ["pos", "token", "feature", "activation"]
    dense = np.zeros_like(DENSE)
    dense[frame["pos"], frame["feature"]] = frame["activation"]
    np.testing.assert_array_equal(dense, DENSE)
    assert frame["token"].tolist() == ["a", "a", "<", "<", "b"]


def test_sparse_activations_and_their_dense_form_are_the_same():
    positions, features = np.nonzero(DENSE)
    sparse = SparseActivations(positions, features, DENSE[positions, features], DENSE.shape)
    np.testing.assert_array_equal(sparse.to_dense(), DENSE)


def test_positions_in_use_are_those_not_ignored():
    tokens = Tokens("", (2, 105, 9, 1), ("", "", "", ""), ((0, 0),) * 4, (), {0: "BOS", 3: "EOS"})
    assert tokens.used == (1, 2)
    assert len(tokens) == 4


@pytest.mark.parametrize(
    ("setting", "value", "range_said"),
    [
        ("max_new_tokens", 0, "1 to 100000"),
        ("max_new_tokens", 100_001, "1 to 100000"),
        ("max_new_tokens", 5.0, "1 to 100000"),
        ("temperature", -0.1, "0 to 100"),
        ("temperature", 101, "0 to 100"),
        ("temperature", float("nan"), "0 to 100"),
        ("temperature", "1", "0 to 100"),
        ("top_p", 0, "to 1"),
        ("top_p", 1.0001, "to 1"),
        ("top_p", float("inf"), "to 1"),
        ("seed", -1, "0 to 2147483647"),
        ("seed", 2**31, "0 to 2147483647"),
        ("seed", True, "0 to 2147483647"),
    ],
)
def test_a_sampling_plan_out_of_range_cannot_be_made(setting, value, range_said):
    with pytest.raises(gs.InvalidValue, match=f"{setting} must be .* {range_said}"):
        SamplingPlan(**{setting: value})
    SamplingPlan(100_000, 100, 1e-6, 2**31 - 1)
    SamplingPlan(1, 0, 1, 0)


def test_a_distributions_frame_has_its_chances_in_order():
    tokens = Tokens("", (2,), ("<bos>",), ((0, 0),))
    chances = (TokenChance(5, " a", 0.75, 2.0), TokenChance(6, " b", 0.25, 1.0))
    frame = TokenDistribution(tokens, (), chances, (), 0.0).to_frame()
    assert frame.to_dict("list") == {
        "id": [5, 6], "token": [" a", " b"], "probability": [0.75, 0.25], "logit": [2.0, 1.0],
    }  # fmt: skip


def test_provenance_becomes_plain_data():
    record = Provenance("m", "r", "cpu", "float32", {"d": ""}, (2, 5), {"seed": 0}, {"torch": "1"})
    assert json.loads(json.dumps(record.to_dict(), allow_nan=False))["settings"] == {"seed": 0}
