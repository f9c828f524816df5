"""`scope.direction`: mean differences against plain NumPy on a plain model."""

import json

import numpy as np
import pytest

import gscope_widgets as gs

POSITIVE = ["The cat sat on the mat by the door.", "A cat met a cat."]
NEGATIVE = ["The ship sailed out.", "Boats on the grey sea were many.", "A net."]


def mean_of(run, plain, tiny, texts, *, layer, over):
    """Each text's own mean first, as many words as it may have."""
    means = []
    for text in texts:
        _, residual = run(plain, tiny.tokens(text).ids, layer=layer)
        means.append(residual[-1] if over == "last" else residual[1:].mean(0))
    return np.mean(means, axis=0)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("over", ["all", "last"])
def test_a_direction_is_the_difference_of_the_means_of_texts(tiny, load_plain, plain_run, over, layer):
    plain = load_plain(tiny.name)
    found = tiny.direction(POSITIVE, NEGATIVE, layer=layer, over=over)
    expected = mean_of(plain_run, plain, tiny, POSITIVE, layer=layer, over=over)
    expected = expected - mean_of(plain_run, plain, tiny, NEGATIVE, layer=layer, over=over)
    np.testing.assert_allclose(found.vector, expected, atol=1e-4 * np.abs(expected).max())
    assert found.norm == pytest.approx(np.linalg.norm(expected), rel=1e-4)
    assert (found.site, found.layer) == ("resid_post", layer)
    # Controls: the other choice of positions, and all tokens in one pot, are other vectors.
    other = tiny.direction(POSITIVE, NEGATIVE, layer=layer, over="last" if over == "all" else "all")
    assert np.abs(other.vector - expected).max() > 0.01 * np.abs(expected).max()
    pot = [
        np.concatenate([plain_run(plain, tiny.tokens(t).ids, layer=layer)[1][1:] for t in s])
        for s in (POSITIVE, NEGATIVE)
    ]
    assert np.abs(pot[0].mean(0) - pot[1].mean(0) - expected).max() > 0.01 * np.abs(expected).max()


def test_the_sets_turned_round_give_the_opposite(tiny):
    one, other = tiny.direction(POSITIVE, NEGATIVE, layer=1), tiny.direction(NEGATIVE, POSITIVE, layer=1)
    np.testing.assert_allclose(one.vector, -other.vector, atol=1e-6)


@pytest.mark.parametrize(("site", "size"), [("resid_post", 24), ("attn_out", 32), ("mlp_out", 24)])
def test_other_sites_have_their_own_size_and_what_is_found_can_be_added(tiny, site, size):
    found = tiny.direction(POSITIVE, NEGATIVE, site=site, layer=1)
    assert found.vector.shape == (size,)
    assert tiny.next_tokens("The old", 3, [gs.add(found, 0.5)]).kl > 1e-6


def test_it_moves_the_model_towards_the_positive_set(scope):
    """What was averaged comes more likely along it and less likely against it; a shuffled split does less."""
    sets = (
        ["the cat slept", "a cat ate", "her cat ran", "one cat sat"],
        ["the ship slept", "a ship ate", "her ship ran", "one ship sat"],
    )
    cat, ship = (scope.tokens(f"a {word}").ids[2] for word in ("cat", "ship"))

    def lean(direction, strength):
        chances = scope.next_tokens("In the garden there was a", 4096, [gs.add(direction, strength)]).chances
        logits = {one.id: one.logit for one in chances}
        return logits[cat] - logits[ship]

    found = scope.direction(*sets, layer=5)
    mixed = scope.direction(sets[0][:2] + sets[1][2:], sets[1][:2] + sets[0][2:], layer=5)
    pull, control = (lean(one, 0.3) - lean(one, -0.3) for one in (found, mixed))
    assert pull > 1
    assert pull > 2 * abs(control)


def test_the_record_says_where_it_comes_from_and_cannot_be_changed(scope):
    found = scope.direction(POSITIVE, NEGATIVE, layer=4)
    assert repr(found).startswith("<Direction: mean difference of 2 and 3 texts, over all used positions at resid_post")
    settings = json.loads(json.dumps(found.provenance.to_dict()))["settings"]
    assert settings["positive"] == [list(scope.tokens(text).ids) for text in POSITIVE]
    assert (settings["site"], settings["layer"], settings["over"]) == ("resid_post", 4, "all")
    again = scope.direction(settings["positive"], settings["negative"], layer=4)
    assert again == found
    assert hash(again) == hash(found)
    assert not found.vector.flags.writeable


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive": []}, "positive must be 1 to 1000 texts, got 0"),
        ({"negative": []}, "negative must be 1 to 1000 texts, got 0"),
        ({"positive": "The cat"}, "positive must be a list, got 'The cat'"),
        ({"positive": ["a"] * 1001}, "positive must be 1 to 1000 texts, got 1001"),
        ({"positive": [""]}, "positive holds a text without a token that counts: ''"),
        ({"positive": [5]}, "a prompt is a string"),
        ({"layer": 8}, "layer must be a whole number from 0 to 7, got 8"),
        ({"layer": -1}, "layer must be"),
        ({"layer": 1.0}, "layer must be"),
        ({"site": "resid_pre"}, "site must be one of resid_post, attn_out, mlp_out, got 'resid_pre'"),
        ({"site": None}, "site must be one of"),
        ({"over": "first"}, 'over must be "all" or "last"'),
        ({"over": True}, "over must be"),
        ({"positive": ["A cat."], "negative": ["A cat."]}, "the same mean there"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_makes_no_direction_is_refused_in_words(scope, options, message):
    given = {"positive": POSITIVE, "negative": NEGATIVE, "layer": 4} | options
    with pytest.raises(gs.InvalidValue, match=message):
        scope.direction(given.pop("positive"), given.pop("negative"), **given)
