"""The words that stand beside numbers: a sentence each, and what a number of that kind comes to.

Nothing here judges a number as good or bad: what is said of it follows from its definition, by arithmetic. The page has
these words from `js/contract.json`, and says the same of the same numbers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from gscope_widgets.errors import InvalidValue, describe_value


@dataclass(frozen=True)
class Term:
    """A word of the field."""

    name: str
    sentence: str  # ends without a full stop
    scale: Callable[[float, float], str] | None = None  # a number in words; its second argument is a total, or NaN
    examples: tuple[tuple[float, float | None], ...] = ()  # numbers and totals whose words the page is tested with


def define(name: str, value: float | None = None, total: float | None = None) -> str:
    """What a word means, and what the number beside it comes to.

    Args:
        name: of the term, as `TERMS` has it.
        value: the number shown, where there is one; nothing is said of one that is not finite.
        total: what it is a part of: the number of features for "L0", the largest activation for "activation".

    Raises:
        InvalidValue: there is no such term.
    """
    if name not in TERMS:
        raise InvalidValue(f"no term {describe_value(name)}; there are {', '.join(TERMS)}")
    term = TERMS[name]
    if term.scale is None or value is None or not math.isfinite(value):
        return f"{term.sentence}."
    scaled = term.scale(value, math.nan if total is None else total)
    return f"{term.sentence}. {scaled}." if scaled else f"{term.sentence}."


def _write(value: float) -> str:
    """To three digits at most, whole from 100 on."""
    return f"{math.floor(value + 0.5)}" if value >= 100 else f"{math.floor(value * 10 + 0.5) / 10:g}"


def _one_in(share: float) -> str:
    return f"about 1 in {_write(1 / share)}"


def _scale_l0(value: float, total: float) -> str:
    if not (0 < value <= total):
        return ""
    return f"Here {_write(value)} of {math.floor(total)} features: {_one_in(value / total)}"


def _scale_fvu(value: float, _total: float) -> str:
    if value > 1:
        return (
            f"Here {_write(value)}: the copy is further off than the mean would be. Where the tokens of a text are "
            "nearly alike, little varies, and a copy that is close still has a large FVU"
        )
    return f"Here the features account for {_write(100 * (1 - value))} % of the variance"


def _scale_kl(value: float, _total: float) -> str:
    """By the inequalities of Pinsker and of Bretagnolle and Huber, whichever says more."""
    if value < 0:
        return ""
    share = min(math.sqrt(value / 2), math.sqrt(1 - math.exp(-value)))
    bound = math.ceil(1000 * share) / 10  # rounded up, to stay one
    return f"Here no token's probability can have moved by more than {bound:g} percentage points"


def _scale_probability(value: float, _total: float) -> str:
    return f"Here {_one_in(value)}" if 0 < value <= 1 else ""


def _scale_auc(value: float, _total: float) -> str:
    return f"Here in {_write(100 * value)} of 100 pairs" if 0 <= value <= 1 else ""


def _scale_perplexity(value: float, _total: float) -> str:
    return f"Here as unsure as among {_write(value)} equally likely tokens" if value >= 1 else ""


def _scale_density(value: float, _total: float) -> str:
    return f"Here at {_one_in(value)} tokens" if 0 < value <= 1 else ""


def _scale_activation(value: float, total: float) -> str:
    if not total > 0:
        return ""
    return f"Here {_write(100 * value / total)} % of the largest that was measured"


def _scale_error(value: float, total: float) -> str:
    return f"Here {_write(100 * value / total)} % of that vector's length" if total > 0 else ""


def _scale_strength(value: float, _total: float) -> str:
    return f"Here {_write(100 * abs(value))} % of that length{', taken away' if value < 0 else ''}"


def _scale_cosine(value: float, _total: float) -> str:
    return f"Here an angle of {_write(math.degrees(math.acos(value)))}°" if -1 <= value <= 1 else ""


_TERMS = (
    Term("feature", "one direction of a dictionary, with a rule for how strongly a token shows it"),
    Term(
        "dictionary",
        "a list of features learned for one place in the model, so that a few of them add up to its vector",
    ),
    Term("layer", "one of the model's blocks, counted from 0; each reads the stream and adds to it"),
    Term("site", "which of a layer's vectors a dictionary reads: the stream after it, or what its parts put out"),
    Term("BOS", "the token set before every text; dictionaries were not trained on it, so no feature is read there"),
    Term(
        "activation",
        "how strongly a feature fires at a token: 0 where it is silent, with no upper limit",
        _scale_activation,
        ((12.5, 25.0), (0.0, 40.0), (3.0, None)),
    ),
    Term("known maximum", "the largest activation that was met when the feature was measured"),
    Term("L0", "the number of features that fire at a token", _scale_l0, ((12, 1024), (13.4, 16384), (0, 1024))),
    Term(
        "FVU",
        "fraction of variance unexplained, the part that the features leave out: 0 is a perfect copy, 1 is no better "
        "than the mean of the text",
        _scale_fvu,
        ((0.0, None), (0.104, None), (1.3, None)),
    ),
    Term("error term", "what the features leave out of a token's vector: that vector less what they add up to"),
    Term(
        "error norm",
        "the length of what the features leave out of a token's vector",
        _scale_error,
        ((24.5, 54.1), (0.0, 10.0), (3.0, None)),
    ),
    Term(
        "strength",
        "length of what is added, in mean lengths of the residual stream at that layer; text is known to break up "
        "beyond 2",
        _scale_strength,
        ((0.4, None), (-1.0, None)),
    ),
    Term(
        "KL",
        "Kullback-Leibler divergence, in nats: 0 where two distributions are the same, larger the more they differ",
        _scale_kl,
        ((0.0, None), (0.03, None), (2.0, None), (9.0, None)),
    ),
    Term(
        "perplexity",
        "how unsure the unchanged model is of a text: the number of equally likely tokens that would leave it as "
        "unsure",
        _scale_perplexity,
        ((1.0, None), (23.4, None), (1234.5, None)),
    ),
    Term(
        "AUC",
        "of one token with the concept and one without it, how often the feature fires more strongly at the first: "
        "0.5 is chance, 1 always",
        _scale_auc,
        ((0.97, None), (0.5, None)),
    ),
    Term("density", "the share of tokens at which a feature fires", _scale_density, ((0.012, None), (0.5, None))),
    Term(
        "decoder cosine",
        "how alike two features' directions are: 1 is the same direction, 0 is none of it, −1 the opposite",
        _scale_cosine,
        ((1.0, None), (0.5, None), (0.0, None)),
    ),
    Term(
        "co-activation",
        "correlation of two features' activations over tokens: 1 is always in step, 0 is no relation",
    ),
    Term(
        "probability",
        "the share of 100 % that the model gives to a token as the next one",
        _scale_probability,
        ((0.93, None), (0.0123, None)),
    ),
    Term(
        "logit",
        "the model's score of a token before scores are made into probabilities: 1 more makes its odds 2.72 times "
        "as high",
    ),
    Term(
        "influence",
        "how much a node of a graph matters to what is explained, over all paths that lead there; each edge counts by "
        "its share of all that comes into its node",
    ),
    Term(
        "replacement",
        "of all that paths to the answer begin with, the share that tokens begin, and not errors: 1 where features "
        "account for everything",
    ),
    Term(
        "completeness",
        "of all that comes into nodes directly, the share that comes from no error; nodes count by their influence, "
        "tokens and errors as explained: nothing comes into them",
    ),
    Term("error node", "what a layer's MLP wrote at a token and no feature stands for, as a node of a graph"),
    Term("group", "nodes of a graph that a reader put under one name; other tools call it a supernode"),
    Term("rank", "place among all tokens, the likeliest first"),
    Term(
        "head",
        "one of the parts of a layer that move what stands at earlier tokens to later ones, named by layer and number: "
        "5.0 is the first of layer 5",
    ),
    Term(
        "attention pattern",
        "for each token the shares, adding up to 100 %, in which a head takes from it and the tokens before it",
    ),
    Term(
        "induction head",
        "a head that attends to what came after an earlier occurrence of the same token, and so copies what followed "
        "then",
    ),
)

TERMS = {term.name: term for term in _TERMS}
