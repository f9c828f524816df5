# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Matryoshka, splitting, absorption
#
# **60 minutes · difficulty ●●● · no account, no GPU, no network**
#
# A language model keeps a long list of numbers for each token of a text, its **residual stream**. A **dictionary** (a *sparse
# autoencoder*) writes that list anew, as a sum of a few **features** out of many; a feature that takes part at a token **fires**
# there. How many features a dictionary has is up to whoever trains it. So is one feature *the* feature for a thing? In this tutorial you
# will
#
# 1. find out whether the number of a feature says anything about it;
# 2. see what tells general features from special ones;
# 3. watch one feature of a small dictionary turn into several of a larger one;
# 4. measure which features go together, beside what chance would give;
# 5. work out **absorption**, a way in which a feature fails, by hand; and meet a claim about it that the measurement does not support.
#
# The model is **gscope-mini**, a small model of Gemma 3's architecture that comes with the package. It was trained on
# generated texts about Tarn, an invented archipelago. Nothing you see here is a result about Gemma.
#
# *How to use it.* Run each cell with Shift+Enter. An exercise has two cells. Answer in the widget of the second and press its
# button; then run the first, the one with `gs-answer`, again: your answer is written into it, so that it is saved with the
# notebook. Hints come when you ask for them. A wrong prediction is no failure: it shows where to look.

# %%
import json
import os
from functools import cache

import numpy as np
import pandas as pd

import gscope_widgets as gs
from gscope_widgets import mini

scope = gs.load(os.environ.get("GSCOPE_MODEL", "mini"))  # another model: put its name here
is_mini = scope.info.id.startswith("gscope-mini")
WIDE = "4k" if is_mini else "65k"
print(scope)
print(scope.dictionary(l0="small"))

# %% [markdown]
# ## 1 · Does the number of a feature say anything?
#
# The features of a dictionary are numbered from 0 up. In an ordinary dictionary that means nothing: training could have put them in any
# order. The dictionaries of Gemma Scope 2, and those of mini, were trained another way. A **Matryoshka** is a wooden doll with a smaller one
# inside, and a smaller one inside that. In training, a copy of the residual stream was asked of the first few features *alone*, and
# of some more, and so on up to all of them, at each token. Each of these copies had to be as good as it could be.
#
# What does that do to the features? The next cell reads some sixty texts that nothing was trained on, and notes where each feature fires.
# You need not read the code.

# %%
TEXTS = tuple(document.text for document in mini.texts() if len(document.text) < 700)[:60]


@cache
def list_firings(scope, **choice):
    """For each feature of a dictionary, the tokens of all texts at which it fires, as numbers from 0 up."""
    chosen = scope.dictionary(**choice)
    readings = [scope.read(text, chosen) for text in TEXTS]
    starts = np.cumsum([0] + [len(reading.tokens) for reading in readings])[:-1]
    tokens = np.concatenate([reading.positions + start for reading, start in zip(readings, starts, strict=True)])
    features = np.concatenate([reading.features for reading in readings])
    order = np.argsort(features, kind="stable")
    return np.split(tokens[order], np.searchsorted(features[order], np.arange(1, chosen.d_dict)))


def count_firings(scope, **choice):
    """At how many tokens each feature fires."""
    return np.array([len(tokens) for tokens in list_firings(scope, **choice)])


read = [scope.tokens(text) for text in TEXTS]
WORDS = np.array([string.strip() for tokens in read for string in tokens.strings])
TOTAL = sum(len(tokens.used) for tokens in read)  # without the one that begins every text
counts = count_firings(scope, l0="small")
print(f"{len(TEXTS)} texts of {TOTAL} tokens; one of them begins: {TEXTS[0][:60]!r}")
print(f"{(counts > 0).sum()} of {len(counts)} features fire somewhere in them")

# %% [markdown]
# At what share of all tokens a feature fires is its **density**. A **rank correlation** says whether two lists rise together: 1 where the
# larger number of one always stands beside the larger of the other, -1 where it stands beside the smaller, about 0 where the one
# says nothing of the other.


# %%
def rank_correlation(one, other):
    """Of two lists of numbers; only their orders count."""
    return float(np.corrcoef(pd.Series(one).rank(), pd.Series(other).rank())[0, 1])


print("1 2 3 4 5 with 10 20 30 40 90:", round(rank_correlation([1, 2, 3, 4, 5], [10, 20, 30, 40, 90]), 2))
print("1 2 3 4 5 with 9 7 5 2 1:     ", round(rank_correlation([1, 2, 3, 4, 5], [9, 7, 5, 2, 1]), 2))
print("1 2 3 4 5 with 4 1 3 5 2:     ", round(rank_correlation([1, 2, 3, 4, 5], [4, 1, 3, 5, 2]), 2))

# %% [markdown]
# ### Exercise 1 — number and density
#
# Which rank correlation do you expect of the *number* of a feature with its *density*, in this Matryoshka dictionary?

# %% tags=["student"]
answer_1 = None  # gs-answer: ex1

# %% tags=["solution"]
answer_1 = "clearly below 0: low numbers fire more often"  # gs-answer: ex1

# %% tags=["first-idea"]
answer_1 = "about 0: the number says nothing"  # gs-answer: ex1

# %%
ORDERS = (
    "clearly below 0: low numbers fire more often",
    "about 0: the number says nothing",
    "clearly above 0: high numbers fire more often",
)


def correlate(scope):
    """Rank correlation of number and density."""
    counts = count_firings(scope, l0="small")
    return rank_correlation(np.arange(len(counts)), counts)


def name_order(scope):
    """One of the choices."""
    correlation = correlate(scope)
    return ORDERS[0] if correlation < -0.3 else ORDERS[1] if correlation < 0.3 else ORDERS[2]


ex1 = gs.Predict(
    scope,
    "The rank correlation of number and density is …",
    name_order,
    name="ex1",
    answer=answer_1,
    choices=ORDERS,
    reveal="gs1:eNoVjEEOgzAQxL4y4lzxh76C87SZCETIVtkNiN+T3izZ8rSsDJ1q8GBNjrw1D6x0hOHgLhBf+91gsaoXGPjn99C76ow3shi9CTFO2ByukuyAZXQXLusl4TOAHkqjUtM8PRscKoM=",
    hints="gs1:eNo9j0EOwiAQRa/y07XxAG48hCYujAtSphlSyjTMVNLbO1RjAiwG/vuP53DnVGbIBGPClKoaJmq+g22V9ITGaWRweBNMsISZEDDKuvcQvanuPp+poCVj2ewAiR9Vz8MJw0O2HD3yI/p1sF5ECim+CE1qRCr+pgM0lAimvHbQgmUb+do5N3GVf1QpR1lcS7uVWg817/TqkvfDobFkQkyjJSnBNZMi6EzxAsd8v0Ue83F3ug6vD4BKX1k=",
)
ex1

# %% [markdown]
# **See.** When you have committed, run the next cell. Each row is a sixteenth of the features, from the lowest numbers to the highest; the
# bar is its share of all firings. Notice how much falls to the first row; without any order each would have the same. For mini the last
# line says how many features each of the copies had in training, the dolls within each other: do the bars drop where one of them ends?


# %%
def interval(one, other):
    """Their rank correlation, with the range that holds 95 of 100 redrawn sets of features."""
    one, other, generator = np.asarray(one), np.asarray(other), np.random.default_rng(0)
    drawn = generator.integers(len(one), size=(500, len(one)))
    low, high = np.quantile([rank_correlation(one[at], other[at]) for at in drawn], [0.025, 0.975])
    return f"{rank_correlation(one, other):+.2f} ({low:+.2f} to {high:+.2f})"


def show_order(name, counts):
    """Share of all firings by sixteenth, and the rank correlation."""
    print(f"{name}: rank correlation {interval(np.arange(len(counts)), counts)}")
    for part in np.array_split(np.arange(len(counts)), 16):
        share = counts[part].sum() / counts.sum()
        print(f"  features {part[0]:5d} to {part[-1]:5d}  {share:6.1%}  {'█' * round(100 * share)}")


show_order("Matryoshka", count_firings(scope, l0="small"))
if is_mini:
    kept = mini.DICTIONARIES["mini"].parent / scope.dictionary(l0="small").info.id / "training.json"
    print("copies were asked of the first", *json.loads(kept.read_text(encoding="utf-8"))["recipe"]["prefixes"])

# %% [markdown]
# In parentheses stands an **interval**: what other features of this kind might well have given. (The features are drawn anew, with some
# twice and some not at all; 95 of 100 such draws lie within.)
#
# ### Exercise 2 — the control
#
# Perhaps any training puts the frequent ones first. So mini comes with a **twin** of this dictionary: trained on the same residual
# streams from the same random numbers, with as many features, as few of which fire at a token; only the copies of the first few
# alone were not asked for. What is the rank correlation in the twin?

# %% tags=["student"]
answer_2 = None  # gs-answer: ex2

# %% tags=["solution"]
answer_2 = "about 0"  # gs-answer: ex2

# %% tags=["first-idea"]
answer_2 = "below 0, about half as far"  # gs-answer: ex2

# %%
TWINS = ("as far below 0", "below 0, about half as far", "about 0")


def compare_twins(_scope):
    """Means over three trainings each, as measured for gscope-mini."""
    measured = mini.claims()["T4a"].details["correlation"]
    of = {kind: np.mean([one for name, one in measured.items() if name.startswith(kind)]) for kind in ("matr", "plain")}
    share = of["plain"] / of["matr"]
    return TWINS[0] if share > 0.75 else TWINS[1] if share > 0.25 else TWINS[2]


ex2 = gs.Predict(
    scope,
    "In the twin, which was not trained as a Matryoshka, the rank correlation of number and density is …",
    compare_twins,
    name="ex2",
    answer=answer_2,
    choices=TWINS,
    reveal="gs1:eNotjDEOg0AMBL+yoqHjKWl4wZH4wApnR7YR4vf4UNqZ3RleGhvLChbERoiTZXSEFZaOg/bdoUKoVOIwSilHW8hQTRuK5J9s9AmzPgW1T8q3NvL/xL+9VLXTHydermdZ2Tyye07DDfMeMHM=",
    wrong="gs1:eNpdzUEOwjAMRNGrjLyuKtacgwukrU0ipXFxHHWBuDsBKiF1P//Nk0KFBMPEWXdc6Aq6RS7wyFBb2LBrywtmXRliusItpJLKHb2sbY4jDaAjHxAmbY4YsuAn/8VTd8Bbn9cPrvI9FeNH4+LQwh1IVn2k1xurnjms",
    hints="gs1:eNpNjbEOgkAQRH9lco0NX2BDafwCC2NxwMJthF1zeyfh712UwmqSmbw393BLsYAFJRHKynIylBxZWCbMqk+D7/sodekoQ0dEjBRLzdSGBuHCb/qnj82gXuYDszNWrfMALoZeXxs68ibbz3F1qWzQPDjBfmmYVIc9v/1uarAm7hNUyA2LH8ROa2nD4wOlZUSw",
)
ex2

# %% [markdown]
# **See.** The twin, read on the same texts; then both as measured on much more text, trained three times each from other random numbers.
# Why do these not repeat the number of the last exercise? Other texts were read: in sixty, some features never fire, and all of those
# tie for the last place.

# %%
if is_mini:
    show_order("twin", count_firings(scope, path=mini.TWIN))
else:
    print(f"{scope.info.id} has no twin: no dictionary without this training was published for it. Of gscope-mini:")
claim = mini.claims()["T4a"]
for seed in claim.seeds:
    for kind in ("matryoshka", "plain"):
        low, high = claim.details["intervals"][f"{kind}_seed_{seed}"]
        correlation = claim.details["correlation"][f"{kind}_seed_{seed}"]
        print(f"training {seed}, {kind:10} {correlation:+.2f} ({low:+.2f} to {high:+.2f}), {claim.n} features")

# %% [markdown]
# So in these dictionaries a low number does say something: *it fires often*. That is a fact about how they were trained, and not
# about the model that they read.
#
# ## 2 · Frequent, or general?
#
# A feature can fire often and yet on one thing only, as one for the word *the* would. It is **general** if it fires on many different things.
# Are the low numbers general too? To count the different tokens at which each fires would not be fair: who fires more meets more. So
# take the same number of firings of each, ten drawn at random, and count the different tokens among *those*.
#
# **Predict**, aloud: will it be about the same at all numbers, since all have ten? And in the twin?


# %%
def count_kinds(scope, **choice):
    """Different tokens among ten firings of each feature; not a number where it has fewer."""
    generator = np.random.default_rng(0)
    return np.array(
        [
            len(set(WORDS[generator.choice(tokens, 10, replace=False)])) if len(tokens) >= 10 else np.nan
            for tokens in list_firings(scope, **choice)
        ]
    )


# %% [markdown]
# **See**, when you have said it. Each row is a part of the features, by number. A feature that fires on one word gets 1, one that never
# fires twice on the same gets 10.

# %%
for name, choice in (("Matryoshka", {"l0": "small"}), ("twin", {"path": mini.TWIN}))[: 1 + is_mini]:
    kinds, width = count_kinds(scope, **choice), scope.dictionary(**choice).d_dict
    print(name)
    for low, high in ((0, width // 16), (width // 16, width // 4), (width // 4, width // 2), (width // 2, width)):
        part = kinds[low:high]
        part = part[~np.isnan(part)]
        print(
            f"  features {low:5d} to {high - 1:5d}: of ten firings {part.mean():4.1f} different, mean of {len(part)} features"
        )
if not is_mini:
    print(f"(The control is mini's twin; {scope.info.id} has none.)")

# %% [markdown]
# On mini the low numbers of the Matryoshka dictionary are more general as well as more frequent, and the high ones special. In the twin all
# parts are much alike: general features are there too, but anywhere.
#
# The heatmap below shows two of the Matryoshka dictionary: of the first sixteenth the one with the most different tokens among its ten, and
# of the upper half one with the fewest. The text is one at which both fire; in how many of the texts each does is printed above it. Each
# has a box over the text. The first colours the tokens, the other is a bar under them; click the other's box, and they change places. On
# what does each fire? Then type a text of your own into the field *Text*: can you silence the first one?

# %%
kinds, small = np.nan_to_num(count_kinds(scope, l0="small")), scope.dictionary(l0="small")
width = len(kinds)
general = max(range(width // 16), key=lambda feature: (kinds[feature], counts[feature]))
special = max(range(width // 2, width), key=lambda feature: (kinds[feature] > 0, -kinds[feature], counts[feature]))
openings = [text[:300] for text in TEXTS]
readings = [scope.read(opening, small) for opening in openings]
firings = {one: [int((reading.trace(one) > 0).sum()) for reading in readings] for one in (general, special)}
for feature, found in firings.items():
    label = small.label(feature)
    print(f"feature {feature:4d}: {counts[feature]} firings in all texts; label: {label.text if label else 'none'}")
    print(f"  it fires in the first 300 characters of {np.count_nonzero(found)} of {len(openings)} texts")
both = [at for at in range(len(openings)) if all(found[at] for found in firings.values())] or range(len(openings))
ordinary = sorted(both, key=lambda at: firings[general][at])[len(both) // 2]  # as many firings as the middle one has
heatmap = gs.TokenHeatmap(scope, openings[ordinary], small, features=[general, special])
heatmap

# %% [markdown]
# ## 3 · More features: splitting
#
# What does a dictionary do with more room? Below, a text is read by two dictionaries: the usual **narrow** one and a **wide** one with
# several times as many features, about as few of which fire at a token.
#
# To say which feature of the one answers which of the other, their **directions** are compared: what a feature adds to the residual
# stream when it fires, a row of the **decoder**. The **decoder cosine** of two directions is 1 where they point the same way and 0
# where they have nothing in common. Each feature is linked to the one that comes nearest in the other dictionary, if their
# cosine is at least one half. Where one of the narrow is linked to several of the wide, the widget says **split**.
#
# Press the button **split** above the list. Many features have no label; the rows with a label on both sides are printed above
# the widget. Of mini's labels, `token: x` and `word: x` say on what a feature fires, `token before: x` and `token after: x` what
# stands before or after it, `register: x` in what kind of text; the others, such as `place: town`, name a thing spoken of. Do the labels
# say what tells the children from the parent, and from each other? Where they do not, click the row and look where each fires. Then press **only second**: what stands there is in the
# wide dictionary alone. (What other people found in real models is where the word comes from: in a wider dictionary the feature for a thing
# gives way to features for its kinds.)

# %%
narrow, wide = scope.dictionary(), scope.dictionary(width=WIDE)
compare = gs.DictionaryCompare(scope, "The old fisherman sold two red coats in the market.", [narrow, wide])


def list_labels(dictionary, side):
    """The features of one side of a row, each with its label; none where no feature of it has one."""
    labels = {one.feature: dictionary.label(one.feature) for one in side}
    named = [f"{feature} ({label.text if label else 'no label'})" for feature, label in labels.items()]
    return ", ".join(named) if any(labels.values()) else ""


splits = [match for match in compare.comparison.pairs[0].matches if match.kind == "split"]
sides = [(list_labels(narrow, match.first), list_labels(wide, match.second)) for match in splits]
print(f"{sum(all(pair) for pair in sides)} of {len(splits)} split rows have a label on both sides:")
print(*(f"  {first}  is split into  {second}" for first, second in sides if first and second), sep="\n")
compare

# %% [markdown]
# One sentence shows what fires in one sentence. The next cell compares both on twenty of the texts and gathers the splits: which
# feature of the narrow dictionary, its **parent**, is linked to which of the wide, its **children**. It takes some seconds.


# %%
@cache
def find_matches(scope, texts=TEXTS[:20]):
    """Linked features of both dictionaries, as (of the narrow, of the wide), with their weakest decoder cosine."""
    pair = [scope.dictionary(), scope.dictionary(width=WIDE)]
    found = {}
    for text in texts:
        for match in scope.compare_dictionaries(text, pair).pairs[0].matches:
            sides = tuple(tuple(one.feature for one in side) for side in (match.first, match.second))
            if all(sides):
                found[sides] = match.value
    return found


def find_splits(scope, least=20):
    """Children by parent, where at least two fire often enough in all texts to count."""
    counts, families = count_firings(scope, width=WIDE), {}
    for parents, children in find_matches(scope):
        if len(parents) == 1 < len(children):
            families.setdefault(parents[0], set()).update(one for one in children if counts[one] >= least)
    return {parent: sorted(children) for parent, children in families.items() if len(children) > 1}


def find_parent(scope):
    """The parent that fires most."""
    counts = count_firings(scope)
    return max(find_splits(scope), key=lambda feature: counts[feature])


def name_feature(scope, feature, **choice):
    """Its number and label."""
    label = scope.dictionary(**choice).label(feature)
    return f"feature {feature:5d} ({label.text if label else 'no label'})"


splits = find_splits(scope)
print(f"{len(splits)} parents with {sum(map(len, splits.values()))} children; the parent that fires most:")
parent = find_parent(scope)
print(f"  {name_feature(scope, parent)} fires at {len(list_firings(scope)[parent])} of {TOTAL} tokens")
print(f"  and is linked to {', '.join(name_feature(scope, one, width=WIDE) for one in splits[parent])}")

# %% [markdown]
# ### Exercise 3 — where do the children fire?
#
# They are linked to this parent since their directions are alike. Nobody looked at *where* they fire. What do you expect?

# %% tags=["student"]
answer_3 = None  # gs-answer: ex3

# %% tags=["solution"]
answer_3 = "at the parent's tokens, but together at only a part of them"  # gs-answer: ex3

# %% tags=["first-idea"]
answer_3 = "at the parent's tokens, and together at nearly all of them"  # gs-answer: ex3

# %%
PLACES = (
    "at the parent's tokens, and together at nearly all of them",
    "at the parent's tokens, but together at only a part of them",
    "mostly at other tokens: only the directions are alike",
)


def share_within(tokens, others):
    """Which share of some tokens are among others."""
    return np.isin(tokens, others).mean()


def place_children(scope):
    """One of the choices."""
    parent = find_parent(scope)
    its, theirs = list_firings(scope)[parent], list_firings(scope, width=WIDE)
    together = np.unique(np.concatenate([theirs[child] for child in find_splits(scope)[parent]]))
    if share_within(together, its) < 0.75:
        return PLACES[2]
    return PLACES[0] if share_within(its, together) >= 0.8 else PLACES[1]


ex3 = gs.Predict(
    scope,
    "The children of the parent printed above fire …",
    place_children,
    name="ex3",
    answer=answer_3,
    choices=PLACES,
    reveal="gs1:eNodjTESg0AMA7+ioWZ4AF3KPMPkxMSDYzN3puD3Oa7VaqXp7U0LkV/ilErPGduV8EiIGWKH5jpwZUtoQ8pBx3Zjp+TV006ltyuHZeoHCzK6OCPq0/RwLnihnaZjo9FK/CD4GMWf59TU8GX6A2h1MpE=",
    wrong="gs1:eNpNjkEOwkAMA79i7YUL6gPKC7jzgcCmdEXJwiYFVYi/k9AD3CzHnviVyGAj40aNxTYKqxcW3YIkuz6zHxs8JExtWkDThDpE5Zp6pL1oyfxHCOmpxjs8x7X8dYbixWIo6uT69e8zq5UqXdoiXata4A3rcZ3Ro4q7gc+l8SniGnTfUS4cCw6jd051njJGejCOzNKDfnnkygr/CaUlRkUbA5PNrgaPaYe94UkaHDHOXXp/ANRoY3Q=",
    hints="gs1:eNpdj7FuwzAMRH/l4NnwB3Qp+gOZAmQoOrAVDRNRxEakYvjvQzlIhiwajnfvTt/DcVVcG5uLFvtAUvjCG8xpgxSTxCOopNdhlpwh/jmMGL6wxh1J/nqa6oaFDMY3rpTDrs16dGbyVtkmHJhT143jJQdVRpZy7mrni0EL45dBOT8srnqGBhFz1cuz+bRw7QzGfzCKx6zKadyV902X+EmLxucMrPuAFIndY/uMaxOP2qKBqNPwcwci1WSU",
)
ex3

# %% [markdown]
# **See**, when you have committed. *Inside*: of its own firings, the share at which the parent fires too. *Filled*: of the parent's
# firings, the share at which any of the children fires.

# %%
its, theirs = list_firings(scope)[parent], list_firings(scope, width=WIDE)
for child in splits[parent]:
    words = pd.Series(WORDS[theirs[child]]).value_counts().index[:5]
    print(
        f"{name_feature(scope, child, width=WIDE):40} inside {share_within(theirs[child], its):4.0%}   most on",
        *map(repr, words),
    )
together = np.unique(np.concatenate([theirs[child] for child in splits[parent]]))
print(
    f"{'all children together':40} inside {share_within(together, its):4.0%}   filled {share_within(its, together):4.0%}"
)

# %% [markdown]
# The heatmap colours a text by the children, one in the tokens and the others as bars under them. Click another's box above the text to have
# it in the tokens; to see it alone, take the others away with their ×. Each takes a piece; none takes the whole.

# %%
best = max(TEXTS, key=lambda text: min((scope.read(text, wide).trace(child) > 0).sum() for child in splits[parent][:4]))
heatmap = gs.TokenHeatmap(scope, best[:300], wide, features=splits[parent][:4])
heatmap

# %% [markdown]
# ## 4 · Beside what chance would give
#
# "The parent fires at nearly all tokens of its child" sounds like a finding. But a feature that fires at every second token anyway would fire at
# half of the tokens of *any* other. So divide: the share of the child's tokens at which the parent fires, by the share of *all* tokens at
# which it fires. The quotient is the **lift**: 1 is chance, 2 is twice as often as chance.
#
# ### Exercise 4 — a lift
#
# Work it out for the child that fires most, and its parent, from the numbers that the next cell prints. The last row is for later: it is
# the feature of the narrow dictionary that fires most of all.


# %%
def count_together(scope):
    """Tokens of: the child, its parent, both; the most frequent feature, that and the child."""
    parent = find_parent(scope)
    its, theirs = list_firings(scope), list_firings(scope, width=WIDE)
    child = max((theirs[one] for one in find_splits(scope)[parent]), key=len)
    most = max(its, key=len)
    return len(child), len(its[parent]), np.isin(child, its[parent]).sum(), len(most), np.isin(child, most).sum()


of_child, of_parent, both, of_most, with_most = count_together(scope)
print(f"all tokens                      {TOTAL:6d}")
print(f"the child fires at              {of_child:6d}")
print(f"its parent fires at             {of_parent:6d}, at {both} of them together with the child")
print(f"the most frequent one fires at  {of_most:6d}, at {with_most} of them together with the child")

# %% tags=["student"]
answer_4 = None  # gs-answer: ex4

# %% tags=["solution"]
answer_4 = 7.2  # gs-answer: ex4

# %% tags=["first-idea"]
answer_4 = 0.97  # gs-answer: ex4


# %%
def lift(together, one, other):
    """How many times as often as chance: firings together, of the one, and of the other."""
    return together / one / (other / TOTAL)


def lift_of_parent(scope):
    """At the tokens of its child."""
    child, parent, both, _, _ = count_together(scope)
    return lift(both, child, parent)


def name_slips(scope):
    """Wrong ways to divide, by what they give."""
    child, parent, both, _, _ = count_together(scope)
    return {
        f"{both / child:.4f}": "That is the share of the child's tokens at which the parent fires. Divide it by what chance gives.",
        f"{both / parent:.4f}": "That is the share of the parent's tokens at which the child fires. Divide it by what chance gives.",
        f"{both / child / (child / TOTAL):.4f}": "Chance is the parent's share of all tokens, not the child's.",
    }


ex4 = gs.Predict(
    scope,
    "What is the lift of the parent at the tokens of its child? To one decimal.",
    lift_of_parent,
    name="ex4",
    answer=answer_4,
    tolerance=0.1,
    wrong=name_slips(scope),
    reveal="gs1:eNoVy9EJwCAMRdFVHg7QATpHFwg2qYHGgAkUt6/+nftxy9UYr0pCA7kcZAwZbmBdPRB684nmH4z6RKpxgAIuyX2jNuqV9zwhOpb84b0e5QcfDCFH",
    hints="gs1:eNqFjj0OwjAMha/ylIWl4gAsSAycgA0xhMbFESFGsUXV22NSIbGxWPL7+exzOOamBmOCcmy0QzSwzHjEukCm7oycS9ooTO5UFUlIu/70QjVMudE+DAgnpurhWMeVM7OPjv2QYil/CQcx9tCN3Gy4Lr/nB6T8yonSV1/L/pfvDt+GyxsgX0di",
)
ex4

# %% [markdown]
# **See.** The last row of the table is the reason for all this: **predict**, aloud, the lift of the most frequent feature, then run the cell.

# %%
print(
    f"the parent:            at {both / of_child:4.0%} of the child's tokens, lift {lift(both, of_child, of_parent):.1f}"
)
print(
    f"the most frequent one: at {with_most / of_child:4.0%} of the child's tokens, lift {lift(with_most, of_child, of_most):.1f}"
)

# %% [markdown]
# **Control.** One pair is one pair. Now all pairs of parent and child are taken, and beside each the same child with another feature of
# the narrow dictionary: the one that fires most nearly as often as the parent. If directions said nothing about where features fire,
# both rows would agree.

# %%
its, theirs, counts = list_firings(scope), list_firings(scope, width=WIDE), count_firings(scope)
pairs = [(parent, child) for parent, children in splits.items() for child in children]
others = {
    parent: min(np.flatnonzero(np.arange(len(counts)) != parent), key=lambda one: abs(counts[one] - counts[parent]))
    for parent in splits
}
lifts = {
    "parent and child": [
        lift(np.isin(theirs[child], its[one]).sum(), len(theirs[child]), counts[one]) for one, child in pairs
    ],
    "another feature and child": [
        lift(np.isin(theirs[child], its[others[one]]).sum(), len(theirs[child]), counts[others[one]])
        for one, child in pairs
    ],
}
for name, values in lifts.items():
    values, generator = np.array(values), np.random.default_rng(0)
    low, high = np.quantile(np.median(generator.choice(values, (1000, len(values))), axis=1), [0.025, 0.975])
    print(f"{name:26} median lift {np.median(values):5.2f} ({low:.2f} to {high:.2f}), {len(values)} pairs")
limit = np.quantile(lifts["another feature and child"], 0.95)
print(f"{np.mean(np.array(lifts['parent and child']) > limit):.0%} of the pairs lie above 95 of 100 of the others")

# %% [markdown]
# Parent and child fire together far beyond chance. But how well does the decoder cosine tell *how much*? The next cell takes the features
# that are linked one to one, in groups by their cosine. *Together*: of all tokens at which either fires, the share at which both do. The
# control gives each the partner of another. Notice what a cosine near 1 promises, and what it gives.

# %%
linked = {sides: value for sides, value in find_matches(scope).items() if len(sides[0]) == len(sides[1]) == 1}
linked = {
    (one, other): value for ((one,), (other,)), value in linked.items() if min(len(its[one]), len(theirs[other])) >= 5
}
cosines, partners = (
    np.array(list(linked.values())),
    np.random.default_rng(0).permutation([other for _, other in linked]),
)


def share_together(one, other):
    """Of the tokens of either, the share of both."""
    return np.isin(one, other).sum() / len(np.union1d(one, other))


shares = np.array([share_together(its[one], theirs[other]) for one, other in linked])
control = np.array([share_together(its[one], theirs[other]) for (one, _), other in zip(linked, partners, strict=True)])
for low in (0.5, 0.6, 0.7, 0.8, 0.9):
    here = (cosines >= low) & (cosines < low + 0.1)
    if here.any():
        print(
            f"cosine {low:.1f} to {low + 0.1:.1f}: {here.sum():4d} pairs, together {shares[here].mean():4.0%}, another's partner {control[here].mean():4.0%}"
        )
print(f"rank correlation of cosine and together: {interval(cosines, shares)}")
print(f"the same number in both dictionaries: {np.mean([one == other for one, other in linked]):.0%} of the pairs")

# %% [markdown]
# A cosine far above chance says that two features have to do with one another. It does not say that they fire together: where a feature
# fires is up to its **encoder** and threshold, and the cosine looks at neither. "The same feature in two dictionaries" is a matter of degree.
# And one thing flatters all these numbers: on mini many partners bear the same number, since the training of both dictionaries
# began from the same random numbers. Of dictionaries trained apart, fewer features agree.
#
# ## 5 · Absorption
#
# Say a dictionary has a feature for *animal*, a parent, and one for *bird*, a child. Then *bird* may write *animal* along with it, and the parent can stay
# silent on birds: fewer features fire, the copy is as good. Whoever reads the parent as "animal" is misled, for it misses birds and nobody
# told. This is **absorption**: the child has absorbed a part of the parent.
#
# To count it one needs to know where the parent *should* have fired. For that one trains a **probe**: a detector for *animal*, fitted to
# examples, that reads the residual stream and no feature. A token of the child counts as **absorbed** where all three hold:
#
# * the probe finds the parent's concept there;
# * the parent's feature is silent;
# * a feature of the child's own fires, and so stands in its place.
#
# The **absorption rate** is the share of absorbed tokens among those tokens of the child at which the probe finds the parent's concept. (In
# practice the child's feature must also write a good part of what the features write along the probe. The definition is that of Chanin and
# others, 2024.)
#
# ### Exercise 5 — by hand
#
# The table is made up. What is the absorption rate of *animal* by *bird*?

# %%
TABLE = pd.DataFrame(
    [
        ("gull", "yes", "yes", 0.0, 6.1),
        ("heron", "yes", "yes", 0.0, 4.0),
        ("crow", "yes", "yes", 3.2, 5.0),
        ("owl", "yes", "yes", 0.0, 0.0),
        ("swan", "yes", "yes", 2.8, 0.0),
        ("goose", "yes", "no", 0.0, 3.0),
        ("dog", "no", "yes", 4.1, 0.0),
        ("cat", "no", "yes", 0.0, 0.0),
    ],
    columns=["token", "is a bird", "probe finds animal", "feature for animal", "feature for bird"],
)
print(TABLE.to_string(index=False))

# %% tags=["student"]
answer_5 = None  # gs-answer: ex5

# %% tags=["solution"]
answer_5 = 0.4  # gs-answer: ex5

# %% tags=["first-idea"]
answer_5 = 0.6  # gs-answer: ex5

# %%
ex5 = gs.Predict(
    scope,
    "What is the absorption rate of animal by bird in the table? As a share from 0 to 1, to two decimals.",
    "gs1:eNoz0DMBAAEjAJM=",
    name="ex5",
    answer=answer_5,
    tolerance=0.009,
    wrong="gs1:eNqFksFuwjAMhl/F6mUXhCYmtom9BheObmOItRBXcUqFpr37nKwdTGMiJyuyv/+rm4/mcfncbKDZyQCdDDGTg+wJZAybWvSYKGZgBeVQKrtMtIB2yBAF9oR5SNa/r92d5+BAM0anwBE4K/QBO1rC1mPFIBxZdWHDGbBVSX1mictmAeayvuVyEFGabJK0BHsueEvHyEcMs5LKtXEkGy8hHk9lJJGbQp7slJztzJ6F8SjxUBlZ3imqleZ8Nh3HJ3bGa893PaaQ1ev6Zf6YyzRgCDPc0KPnzv8BYpyA31kJM5XFyYmSXRTf623Peet/0pKMehM0zT/oXaHLVq25k9hRn2vsqq5xlB+CvYT6T1tyb78yreYE6rEs6PMLj7DU7Q==",
    reveal="gs1:eNodjEEKgDAMBL+y9Cw+wJtPiTS2gZqUJlD8vdTTDAxMOuHSWAOdxoI41ECX2+ghpng5DkRl2GyrEnojUTzivoE0g+Lvxcx52WBMWpuoogVhuEXznj4dryYD",
    hints="gs1:eNpljsEKwkAQQ38l9Fz6AV6KIF79APGw7c7SwbojM1OLf+9uUUS8BZKX5NwcWc1hrnwlyOLwiaCyWhHBEQVZHKMs2XdFYmCN1iLkiHUipS1/VxkIiXO0mgmZb2HumhbNKX0LZ0peSC8gjxPYNitR8KX0JNE3COOZsveV33/SUovEqDyif7C+KvtKPQ784EgYnr/DXXN5AYQPUnI=",
    solution="gs1:eNpTCsovL1bISU0rsVJIL83J0VHISC3Kz9NRSC7KL9dRyC8HihSXJ+bpKTgmFecXJaWmQNQpJOalQJTqKRgp5KcpmOopAQDfYhjg",
)
ex5

# %% [markdown]
# ### Exercise 6 — a claim, and its measurement
#
# In a Matryoshka dictionary the parent has to do its work where the special features cannot help. So it should not leave birds to *bird*: less
# absorption was one of the reasons for which such dictionaries were proposed (Bussmann and others, 2025). That is an expectation. For
# gscope-mini it was put to the test: absorption was measured in three trainings of the dictionary and of its twin, over all pairs of parent
# and child concepts for which both have features. Before anything was measured, the bar was set: in each of the three, the twin absorbs at
# least twice as much.
#
# What came out?

# %% tags=["student"]
answer_6 = None  # gs-answer: ex6

# %% tags=["solution"]
answer_6 = "neither: the measurement supports no such claim"  # gs-answer: ex6

# %% tags=["first-idea"]
answer_6 = "the twin absorbs at least twice as much, in each of the three"  # gs-answer: ex6

# %%
FINDINGS = (
    "the twin absorbs at least twice as much, in each of the three",
    "the Matryoshka dictionary absorbs clearly more, in each of the three",
    "neither: the measurement supports no such claim",
)


def judge_claim(_scope):
    """One of the choices, from the ratios of the three trainings and their intervals."""
    claim = mini.claims()["T4b"]
    if claim.passed:
        return FINDINGS[0]
    is_reversed = all(one["interval"][1] < 1 for one in claim.details["by_seed"].values())
    return FINDINGS[1] if is_reversed else FINDINGS[2]


ex6 = gs.Predict(
    scope,
    "Does the Matryoshka dictionary of mini absorb less than its twin?",
    judge_claim,
    name="ex6",
    answer=answer_6,
    choices=FINDINGS,
    wrong="gs1:eNp1jjEOwjAMRa/ylbnqAdhY2Ni4gJsaEpHGyHEpFeLuuB3YGP/3f9Z7B0sMW3IFDU10aCBDYWq2tZFBDdMcUwefMMUEuWJnkjKHA8IlObH4bGv59eBoZFlqjyNuIiPUv0lFbqhiIEyeZ+WJq/Whw25wJtNVWroTxhw3nHT9KUUX0rJiEuX/IidRD2QdTKTbb7ka65NKwyJzGZHo6YCgZIYrSWW0PHIfPl9MxlzI",
    reveal="gs1:eNpli8kJgDAQRVv55CwWYB02MDEDGcwi/oG0L0Hw4vUtYc+Ko4hVDCGqkZoWSEswhxGnXo7PbGjdwdxHg2fxGUlkvyNRlHzPf5O6cuI1PMntJ6M=",
    hints="gs1:eNo9jzFuw0AMBL+yUG0YqdMEeUWKIAV1onyE70jhSFvw70M5gWvOzi6/p69Kgd1ubUFUhmjwuFODrWAqFYNCDJXujDA0syuaXBmrjWdgleGBUk0Kn0C6vC7OxXT5mE6YuqhAHN6ptT/KDTSyLxyLlOxQGsL+jmo7OukDG6X62JGawluCXS414AdxADS7je2IIn9I87Pr839yBmM36K3PnB5lGnhDIcXMCXfL2WmJKno5Tz+/85ZdiA==",
)
ex6

# %% [markdown]
# **See**, when you have committed. *Ratio*: the twin's absorption rate over that of the Matryoshka dictionary; above 1 the Matryoshka one
# absorbs less. A rate of 0 would have no ratio, so a floor is added to both first: half a token, as a share of the tokens of all
# the children. Where both rates are near 0, the ratio is little more than that floor over itself. *Silent*: the share of
# the child's tokens at which the parent is silent, absorbed or not. The control takes a child with a parent that is none of its own.

# %%
claim = mini.claims()["T4b"]
for seed, one in claim.details["by_seed"].items():
    low, high = one["interval"]
    ratio = f"ratio {one['ratio']:.2f} ({low:.3f} to {high:.1f})"
    if one["matryoshka"] == one["plain"] == 0:
        ratio = "nothing was absorbed in either, so there is no ratio"
    print(f"training {seed}, {one['pairs']} pairs: {ratio}")
    for kind, name in (("matryoshka", "Matryoshka"), ("plain", "twin")):
        chance = claim.control[f"random_pairs_{kind}_seed_{seed}"]
        print(
            f"  {name:10} absorbed {one[kind]:7.3%}   silent {one['silent'][kind]:4.0%}   control, absorbed {chance:7.3%}"
        )
print(f"bar: {claim.threshold}; {'reached' if claim.passed else 'missed'}")

# %% [markdown]
# Look at three things. The intervals: none lies wholly above 1, and one goes from next to nothing to hundreds, so that the ratio could be almost
# anything. The rates: most are near 0, below those of the control, which is what chance gives. And the silences: parents
# *are* silent on many of their children's tokens, in both kinds. Without a probe and a look at the child, one would take
# that for absorption.
#
# Where there was any, it sat in few pairs. (The next list has every pair of which a dictionary has the parent; the ratios above
# only those that both dictionaries have.)

# %%
for kind, name in (("matryoshka", "Matryoshka"), ("plain", "twin")):
    for seed in claim.seeds:
        most = [one for one in claim.details["most_absorbed"][f"{kind}_seed_{seed}"] if one["rate"] > 0.1]
        words = [f"{one['parent']} by {one['child']} {one['rate']:.0%}" for one in most]
        print(f"{name:10} training {seed}: {'; '.join(words) or 'no pair above a tenth'}")

# %% [markdown]
# So absorption does happen here, in one family, and in some trainings only. A number that hangs on two or three
# pairs is not evidence about a way of training. A missed claim stays in the file with its numbers; the ones that hold are worth
# more for it.
#
# ## Quiz
#
# Eight questions on what you did. Of a wrong answer is said what it misunderstands; choose again until all are right.

# %% tags=["student"]
answer_7 = None  # gs-answer: ex7

# %% tags=["solution"]
answer_7 = [
    "that its first few features make a copy alone",
    "the order might come from any training",
    "who fires more meets more different tokens",
    "what is rare and special",
    15,
    "they write almost the same; where they fire must be counted",
    "no: nothing stands in the parent's place",
    "neither that the Matryoshka one absorbs less, nor that it does not",
]  # gs-answer: ex7

# %%
questions = [
    gs.Question(
        "What is asked of a Matryoshka dictionary in training, and not of its twin?",
        "gs1:eNpTKslILFHILClWSMssKi5RSEstB+LEktKi1GKF3MTsVIVEheT8gkqFxJz8vFQlAJZuENg=",
        choices=(
            "that few of its features fire at a token",
            "that its first few features make a copy alone",
            "that its features have labels",
            "that its features fire equally often",
        ),
        wrong="gs1:eNp1jjsOwjAQRK8yco0i0eYMlDSUG7LGVqys8G5iRYi7YyeioKAbaX7v5SyQwXOBeETTKsmWzFXEzKgewWTi2fVw15YtpCCdeGyNQSz0UL5blBlnKG2K0mJj9J6zdu6E4+NnPNDKSDRw0jZ82RWoPj7iyjPIG+dCedQThq0uCq+ckUSmf5M7Lz8XSmmraHYg32SpUAVBCpb5a1vgbS907v0BsBFapA==",
    ),
    gs.Question(
        "Why was the twin read on the same texts?",
        "gs1:eNpTKslIVcgvSkktUsjNTM8oUUjOz01VSCvKz1VIzKtUKClKzMzLzEtXAgAldw53",
        choices=(
            "to have twice as many features",
            "the order might come from any training",
            "to find features for the same things",
            "the twin's copy is better",
        ),
        wrong="gs1:eNo9jjEOwjAMRa/ylYUF9QAs3IAJidk0LolE4ypxWlWIu5O0obPff88fowJHM0MX3zMoYaSwYmDSHDmZC8xN1PnwwlKOZC1b5Akyc4S6upMOD0eKXvLbNlmOoXCSFWXMcfGJr+aMWht8sIcfg+yaRGOZ1U5r/hHI0Do+bC/0Mk4Ui33x6iDhILZS+6WAe68tT3U3rfAJT1blWCP3RiKIYmRKuWqLhDvz/QG9q2JY",
    ),
    gs.Question(
        "Why were ten firings of each feature taken, and not all?",
        "gs1:eNpTKs/IV0jLLEotVsjNL0pVyE1NLYEyUzLT0lKLUvNKFErys1PzipUAaIUQOw==",
        choices=(
            "to save time",
            "ten is enough for an interval",
            "who fires more meets more different tokens",
            "most features have only ten",
        ),
        wrong="gs1:eNpFj01OQzEMhK8yyhr1ALBAXIBVJdamb9JETWKUOE2fEHcnoQgWln/Hn/3pTNHkSljMdI9wLynBxxrLuSHIhneyoHJGkpbbD3gLYhja04aT9mJzdjYT1MMCM3K8oX88uwc4m+LYwKL9HOC1QmahGOtV0sK96l+KIQ1blVHWmspf0JRLihfOS2ysY2woPMV6ZcOIFrAolFP4QWZt9t8P6zctaV9DC3gM2niXeQ5WTCMSvUG7PSFL2e+q0MtWubWD+/oGRv5nRQ==",
    ),
    gs.Question(
        "Only the first sixteenth of a Matryoshka dictionary is kept. What is lost first?",
        "gs1:eNpTKs9ILFHILFYoSixKVUjMS1EoLkhNzkzMUQIAebMJEw==",
        choices=(
            "what is frequent and general",
            "what is rare and special",
            "a sixteenth of everything",
            "nothing: the copy is as good",
        ),
        wrong="gs1:eNo1jtFtwzAQQ1ch9B1kgMzRBa41bRlWdO7dOY4RZPfKavvNx0e+0p4lMDtG4/fGGpA6YGKlSUk3pI+sTmR5EJGJojvqdv+k+aWjYsTCNa7pgiTw+RlsmgwdwQftiDzX6ddEjJTYjN5rVQO+GmU4yVoOaCv0mb+JLm3Yqbj14EvX47wrjkl1+Pc2pOEI1QWCIjYRq1icL6QUjLM1hXfHgZ1tvSWud2JzXtP7BwkFXFE=",
    ),
    gs.Question(
        "A feature fires at 2 of 100 tokens, and at 30 of 100 tokens of a child. What is its lift there?",
        "gs1:eNozNAUAAJkAZw==",
        tolerance=0.01,
        wrong="gs1:eNpNjdEKAiEURH9l8FlECrbY1/qEfuC23lIKBXWVJfr3dH3pcTgzcz5Cq6OYIW6WMlxCtoxkKbLC1RVnGC7jvqF2vljyC6OG9W3wdIWVkBCHcz+4DNYuzL4zbSXhQ0amF3tQpW2va6Wn6TScjNCEEY0hhtWbeYgqJTx6lgil8z979yYlvj+kNjxW",
    ),
    gs.Question(
        "Two features of two dictionaries have a decoder cosine of 0.9. What follows?",
        "gs1:eNpTKslIrVQoL8osSVVIzMnNLy5RAIooFCfmplorlGekFqUqgFWkZQJZuaVA6aRUheT80ryS1BQlALAKFhk=",
        choices=(
            "they fire at nine of ten tokens together",
            "they write almost the same; where they fire must be counted",
            "they are one feature under two numbers",
            "they have the same label",
        ),
        wrong="gs1:eNpFj8FuAyEMRH9ltOdVpUo55dIf6LE/4F1MQFlsCbNZRVH+vYaozQkD43kzj6klviPmyqAGycLQiMaCplcW8+PCrqnTGdO36rXL/I6NzAdatrFgvLasgtMZR3JFyAGEVa0bClPFJy75xn218tc04wUm56pLIlPbfd4lcEU7FLKXhat17E/iXMGyqn8aCt3dP0auM0hCtxS8a/BmfHTKxz8l0YsMo9KTL7yNOn2wkaFQ8BBVC8bqXx4blrM/5jW9CwX1H9HmtZ3y/AWpQHCk",
    ),
    gs.Question(
        "On a gull, the feature for animals is silent, and so is every feature for birds. Is that absorption?",
        "gs1:eNpTysu3UsjLL8nIzEtXKC5JzEspVsjMUyjJSFUoSCxKzStRL1YoyElMTlUCAECSDuE=",
        choices=(
            "yes: the parent is silent on a child's token",
            "no: nothing stands in the parent's place",
            "yes, if the probe finds an animal",
            "no: a gull is no animal for the model",
        ),
        wrong="gs1:eNpNj7EOwjAMRH/llIWl6sZSBv6ACYk5tG5jNbWrJKhUiH8nTUFisqU7vzu/zEqxQXKE2QaSBI6I7LdNBRatY98dIpKOJKaBuTqWEdqXG108WEBPCi1HwrE2FTZkBd4dc9A7oWfpImwGCk/W75yfmBNVaEcGIrQqHSdWiTVujltX5OwSTZgonbcM0Sa3Gx7e78qXjF5DyZ20o5Jz0ZQbD3AUCNGu+T09ZYstry7bTP9VMqA27w/rRl7N",
    ),
    gs.Question(
        "What may you say about absorption in mini's dictionaries?",
        "gs1:eNpTykvNLMlILVIoyUgsARKpCr6JJUWV+cUZ2YkK+XmpColJxflFScUKOanFxToKeflQlZklCin5qcVAgRIlAFqdGJM=",
        choices=(
            "the Matryoshka one absorbs less",
            "the Matryoshka one absorbs more",
            "neither that the Matryoshka one absorbs less, nor that it does not",
            "there is none",
        ),
        wrong="gs1:eNp9jjEOwjAMRa/ylRl1g6EbB2DjAqZxlahNXNkRpULcnQRUiYnZz++/pyuBcaGim1iYCJIZdDPRm2FmM9fDXQMVDDPFhJUMKZqx7zGLTKiXZoi5sN5pNsgIfrAO0Rinzh3wbyGJ8nfhV+EFWQqMtuquAxyrQneXVtQqkD+fZ4y8YqGoBguysodJ4r5VbaAKL9rMfi/l7Fuj8VCiZBw793oDtoBaZA==",
    ),
]
ex7 = gs.Quiz(
    scope,
    "What have you seen?",
    questions,
    name="ex7",
    answer=answer_7,
    hints="gs1:eNoljEEOAjEMA79i9bziDxzgE4hDtonUCrZBTdp8n7LcLHs8j3SjXEDNQjrMqbGhNhBMslddadcpl7Qh3bXDi6CNY5e+IXp1AWu0s/ZQWKEutnQMrrPy/3i1F6KQI8iQ9fgsiLeTOuus480oNOW3CnQ4dCl7VFuG5xd4hjll",
)
ex7

# %% [markdown]
# ## What this does not show
#
# * That splitting finds the true parts of a thing. A wider dictionary cuts differently; whether better was not asked, and another
#   training may cut elsewhere again.
# * That width alone does what you saw between the narrow and the wide dictionary. On mini they differ in how they were trained, too (its
#   model card says how); the twin of sections 1 and 2 differs in nothing but what was said.
# * That a low number makes a feature important. It fires often, on many things. What the model does with it was not touched.
# * That parent and child are concepts and their kinds. They are features with like directions that fire together; read their labels and
#   firings, and say in how many you would have put them so.
# * Anything for or against Matryoshka training and absorption. The one measurement of it here was missed, and a small model with few
#   pairs of concepts is a weak test either way.
# * gscope-mini is a small model trained on generated text. What holds here is no result about Gemma 3. To ask the same questions of Gemma,
#   put `gemma-3-270m` in place of `mini` where the scope is loaded: that downloads the model and three dictionaries, the wide one of
#   which is large, and needs a network, its licence accepted on the Hub and a token (`gs.doctor()` says what is missing). There is no
#   twin of Gemma's dictionaries, and no known truth to measure absorption with: those parts stay mini's, and say so.
