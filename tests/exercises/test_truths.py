"""Right answers that are computed, against the scope asked directly."""

import math

import numpy as np
import pytest

import gscope_widgets as gs

TEXT = "The old fisherman sold 12 fish."


def test_each_truth_is_what_the_scope_says(scope):
    reading = scope.read(TEXT)
    feature = int(reading.top(1)[0].feature)
    trace = np.array([reading.trace(feature)[pos] for pos in range(len(reading.tokens))])
    truths = gs.truths
    assert truths.peak(feature, TEXT)(scope) == [int(pos) for pos in np.flatnonzero(trace == trace.max())]
    assert truths.fires(feature, TEXT)(scope) == [int(pos) for pos in np.flatnonzero(trace > 0)]
    assert truths.activation(feature, TEXT, 2)(scope) == pytest.approx(float(trace[2]))
    assert truths.l0(TEXT, 2)(scope) == int(reading.l0[2])
    assert truths.count_tokens(TEXT)(scope) == len(reading.tokens)
    assert truths.next_token(TEXT)(scope) == scope.next_tokens(TEXT, 1).chances[0].token.strip()


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_move_is_that_of_the_token_named(scope, sign):
    made = [gs.add(scope.dictionary().feature(4), sign * 0.8)]
    token_id = scope.tokens(TEXT + " fish").ids[-1]

    def find(interventions):
        chances = scope.next_tokens(TEXT, scope.info.vocabulary, interventions).chances
        return next(math.log(one.probability) for one in chances if one.id == token_id)

    change = find(made) - find([])
    assert abs(change) > 0.01  # the control: there is something to see
    assert gs.truths.moves(" fish", TEXT, made)(scope) == ("up" if change > 0 else "down")
    assert gs.truths.moves(" fish", TEXT, [gs.add(scope.dictionary().feature(4), 1e-6)])(scope) == "same"


def test_a_truth_prints_as_the_call_that_makes_it():
    made = gs.truths.peak(21, TEXT)
    assert eval(repr(made), {"gs": gs}) == made
    question = gs.Question("How many?", gs.truths.l0(TEXT, -1), tolerance=0.5, wrong={"12": "That is the token."})
    again = eval(repr(question), {"gs": gs})
    assert again == question
