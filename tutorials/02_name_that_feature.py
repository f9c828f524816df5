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
# # Name that feature (and be wrong)
#
# **45 minutes · difficulty ●● · no account, no GPU, no network**
#
# A language model cuts a text into **tokens**, pieces such as `␣kitchen` or `?`, and keeps a long list of numbers for each:
# its **residual stream**. A **dictionary** (a *sparse autoencoder*, made by training) writes that list as a sum of **features**,
# of which few are above zero at any one token. How much of a feature there is at a token is its **activation**; where
# that is above zero, the feature **fires**, elsewhere it is silent.
#
# Nobody tells us what a feature is for. People look at the few tokens where it is strongest, and give it a **label**, a name.
# In this tutorial you will
#
# 1. name a feature from its strongest examples, and find out how far that name carries;
# 2. write labels as rules, and have them scored on texts that you have not seen;
# 3. count by hand what a label finds and what it misses;
# 4. meet features that nobody can name.
#
# The model is **gscope-mini**, a small model of Gemma 3's architecture that comes with the package. It was trained on
# generated texts about Tarn, an invented archipelago. Nothing you see here is a result about Gemma.
#
# *How to use it.* Run each cell with Shift+Enter. An exercise has two cells. Answer in the widget of the second and press its
# button; then run the first, the one with `gs-answer`, again: your answer is written into it, so that it is saved with the
# notebook. Hints come when you ask for them.

# %%
import os
import re
import textwrap

import numpy as np

import gscope_widgets as gs
from gscope_widgets import mini

scope = gs.load(os.environ.get("GSCOPE_MODEL", "mini"))  # another model: put its name here
dictionary = scope.dictionary()
print(scope)
print(dictionary)

# %% [markdown]
# The next cell draws short sentences from text that mini was not trained on: some ask, some are French, some name a room of a
# house. One part is for you to look at. The other is **held out**: labels are scored on it, and you do not see it
# before. You need not read the code.


# %%
def draw(concept, count=20):
    """Short sentences with a stretch that carries a concept, in a fixed order."""
    found = {}
    for document in mini.texts(concept=concept):
        stretches = document.covered(concept)
        for sentence in re.split(r"(?<=[.?!])\s+|\n+", document.text):
            if 15 <= len(sentence) <= 60 and any(stretch in sentence for stretch in stretches):
                found[sentence.strip()] = None
    return list(found)[:count]


drawn = [draw(concept) for concept in ("structure:question", "language:french", "thing:room", "grammar:past_verb")]
seen = sorted({sentence for part in drawn for sentence in part[0::2]})
held_out = sorted({sentence for part in drawn for sentence in part[1::2]} - set(seen))
print(f"{len(seen)} sentences to look at, such as:", *seen[::12], sep="\n  ")
print(len(held_out), "are held out")

# %% [markdown]
# ## 1 · The strongest examples
#
# Here is a feature without its name. It was picked by a rule that looks at no label: of all features, it rises most at
# one short word. These are the places in the sentences to look at where it is strongest. The token stands in brackets,
# its activation before it.

# %%
readings = [scope.read(sentence, dictionary) for sentence in seen]
values = np.concatenate([reading.to_dense() for reading in readings])  # [tokens of all sentences, features]
strings = np.array([string.strip() for reading in readings for string in reading.tokens.strings])


def list_firings(feature):
    """(activation, token, sentence with that token in brackets), strongest first."""
    firings = []
    for reading in readings:
        text = reading.tokens.strings
        for pos, value in enumerate(reading.trace(feature)):
            if value > 0:
                marked = "".join(text[1:pos]) + f"[{text[pos]}]" + "".join(text[pos + 1 :])
                firings.append((float(value), text[pos].strip(), marked))
    return sorted(firings, key=lambda firing: -firing[0])


def pick_feature(*words, scaled=False):
    """The feature that rises most at certain words: the gap of mean activations, in parts of its largest if scaled."""
    on = np.isin(strings, words)
    gap = values[on].mean(axis=0) - values[~on].mean(axis=0)
    return int((gap / np.maximum(values.max(axis=0), 1.0) if scaled else gap).argmax())


blind = pick_feature("What")
firings = list_firings(blind)
half = firings[0][0] / 2  # of its strongest activation here
for activation, _, marked in firings[:8]:
    print(f"{activation:5.1f}  {marked}")

# %% [markdown]
# **Predict.** Say aloud what you would call it. Most people look at a list like this one, name the feature after the word in
# the brackets, and go on to the next. Before you do: those were the strongest firings. What of all the others?
#
# ### Exercise 1 — how far does the top reach?
#
# Of *all* tokens on which the feature fires in these sentences, what share is the word *What*?

# %% tags=["student"]
answer_1 = None  # gs-answer: ex1

# %% tags=["solution"]
answer_1 = 20  # gs-answer: ex1

# %% tags=["first-idea"]
answer_1 = 90  # gs-answer: ex1


# %%
def share_of_what(scope):
    """In percent; the firings were read from the same scope."""
    tokens = [token for _, token, _ in list_firings(blind)]
    return 100 * tokens.count("What") / len(tokens)


ex1 = gs.Predict(
    scope,
    "Of all tokens on which this feature fires in the sentences above, what share is the word “What”, in percent?",
    share_of_what,
    name="ex1",
    answer=answer_1,
    tolerance=10,
    unit="%",
    reveal="gs1:eNoNy7sNgDAMBcBVnlIjpmEBE14+UmKj2AXjk+qqS1cjPJZppQf4yXwHHbIIQW7WM2EFpa+u1Q+IPoh9TLmVQBkSwbULhtwcmOZxph+fvB+j",
    hints="gs1:eNolj0EOgzAMBL+y4oz4QtVbH9BLVfXggkMsglMlThG/r6Gnle0da/fZPXJDpC+jMitY5mgIUkTnOuCWN6ykO9Zzb5EL480QBaV0zI6psY5cL12P7orAZM1dI+nxh7ExLWlHVqxtjM6QQSo0u5grrTwc6D2KLsgBhBrJwdO55ZYm1FY+RSpj97QUjMv/mqRaD9LJKyTvIDZ0rx+vf0m8",
)
ex1

# %% [markdown]
# **See.** When you have committed, run the next cell: the same list, but from its middle and its end.

# %%
middle = len(firings) // 2
print("from the middle")
for activation, _, marked in firings[middle : middle + 6]:
    print(f"{activation:5.1f}  {marked}")
print("the weakest")
for activation, _, marked in firings[-4:]:
    print(f"{activation:5.1f}  {marked}")

# %% [markdown]
# The card below says all that is known of the feature. Its **density** is the share of all tokens at which it fires. Under
# *Examples*, *Show* says *from all over its range*: each band holds a fifth of the range of activations, with the number of
# tokens in it. Read from the top downwards, and notice in which band the framed word stops being the one you named, and how
# many tokens lie below. Then write sentences of your own into the field *Text*: *What* in the middle of a sentence; other words
# that ask.

# %%
card = gs.FeatureCard(scope, blind, text="What did she sell? I know what she sold. Who sold it, and why?")
card

# %% [markdown]
# ## 2 · A label as a rule
#
# A label in words bends to fit whatever one sees. A **rule** cannot: it says of each sentence *fires* or *silent*, and is right
# or wrong. Here a rule is a list of words: it says *fires* where one of them stands in the sentence. A star is any ending:
# `fish*` takes *fishes* too.
#
# The score is **balanced accuracy**: the share of firing sentences that the rule finds, and the share of silent sentences that
# it leaves alone, and the mean of the two. Whoever always says *fires*, and whoever throws a coin, gets about one half,
# however few sentences fire. Beside it stands a control: the same rule, scored after the answers have been dealt out among the
# sentences at random. A rule that is no better than that has found nothing.
#
# ### Exercise 2 — strong firings
#
# Count the feature as firing only above half of its strongest activation here. On which of the sentences held out does it
# fire? Write one word, or a few.

# %% tags=["student"]
answer_2 = None  # gs-answer: ex2

# %% tags=["solution"]
answer_2 = ["what", "which"]  # gs-answer: ex2

# %% tags=["first-idea"]
answer_2 = ["room"]  # gs-answer: ex2

# %%
ex2 = gs.NameFeature(
    scope,
    dictionary.feature(blind),
    held_out,
    name="ex2",
    answer=answer_2,
    prompt="In which sentences held out does the feature fire strongly, above half of its strongest activation?",
    threshold=half,
    hints="gs1:eNolzDEOg0AMRNGrjLZGXCFHSEmBKBbWwRawjmxH5PhZQjfFfzOmgXOgSEEwwcO0ruQB+ubjvZPDORs9UodWysI41UrrVAukYra8bBR+7evgJdaw6el/8qx0A3FQ1c/KfZp+Xi0ocw==",
    solution="gs1:eNpTilYvz0gsUY9VAgAQgAL/",
)
ex2

# %% [markdown]
# ### Exercise 3 — all firings
#
# Now drop the threshold: the feature counts as firing wherever it is above zero. The rule stays: the one word *what*.

# %% tags=["student"]
answer_3 = None  # gs-answer: ex3

# %% tags=["solution"]
answer_3 = "it falls by more than 0.1"  # gs-answer: ex3

# %% tags=["first-idea"]
answer_3 = "it rises"  # gs-answer: ex3


# %%
def score_rule(feature, rule, threshold=0.0):
    """Balanced accuracy on the sentences held out."""
    labelled = gs.NameFeature(scope, dictionary.feature(feature), held_out, name="score", threshold=threshold)
    return labelled.check(rule).score


def compare_thresholds(scope):
    """What becomes of the score, as one of the choices."""
    strong, all_of_it = (score_rule(blind, ["what"], cut) for cut in (half, 0.0))
    if all_of_it > strong + 0.1:
        return "it rises"
    return "it stays within 0.1" if all_of_it > strong - 0.1 else "it falls by more than 0.1"


ex3 = gs.Predict(
    scope,
    "What becomes of the balanced accuracy of the rule “what” when every firing counts, weak ones too?",
    compare_thresholds,
    name="ex3",
    answer=answer_3,
    choices=["it rises", "it stays within 0.1", "it falls by more than 0.1"],
    reveal="gs1:eNodzNEJgDAMhOFVDgdwAOdwgbTGNtAm0ETE7a2+HP/Dxy17ZTh1xrgaI5MizZZSA5TsCsQHYpgWnDJEi4P0QBd3dPOAnb+xOcM3EBolblDmwxE235/P3FVyXZcX6dMn0w==",
    hints="gs1:eNpFjkEKQjEMRK8ydF28ggjewYW4KD+pLfQ30KT+61sj6HImvHm5h1upW4FyN+4bK9JgJCImmMAKI9dR+xPSWc8hIly/9Z/IQ3av9krUGJI9taqGIo08HTLI8cuPXJM43O4aTjaH61gjUv9wyfw25pptnF7LJtMi6vpz6VRP4fEG+SJDjg==",
)
ex3

# %% [markdown]
# **Control.** Perhaps weak firings obey no rule at all, whatever the feature. Then the same rule should fail on others too. The
# next cell scores it, every firing counted, on this feature, on one that was found by another rule (it rises most at *What* in
# parts of its own strongest activation), and on one that was chosen for nothing but firing about as often as the first. Run it
# when you have committed.

# %%
counts = (values > 0).sum(axis=0)  # firings by feature
rival = pick_feature("What", scaled=True)
alike = min(set(range(dictionary.d_dict)) - {blind, rival}, key=lambda feature: abs(counts[feature] - counts[blind]))
for name, feature in (("the feature", blind), ("the other find", rival), ("as frequent", alike)):
    print(
        f"{name:15} {feature:5d}  fires {counts[feature]:4d} times   score of “what”: {score_rule(feature, ['what']):.2f}"
    )

# %% [markdown]
# On mini the second one keeps the rule wherever it fires: it deserves the name that the first one seemed to have. At the top
# of both lists stands the same word, so a few of the strongest examples hardly tell the two apart; texts that were
# chosen without looking at the feature do. In the heatmap below, click one and then the other in the list of features, and see
# where each of them colours the text. Type questions of your own into its field *Text*.

# %%
heatmap = gs.TokenHeatmap(
    scope,
    "What does she sell? Which boat is hers? I know what he saw there.",
    dictionary,
    features=list(dict.fromkeys([blind, rival])),  # on another model the two may be one
)
heatmap

# %% [markdown]
# ## 3 · A label for a class
#
# Here is another feature: in parts of its strongest activation, it rises most at the words *parlour* and *kitchen*. Every
# firing in the sentences to look at is listed.

# %%
place = pick_feature("parlour", "kitchen", scaled=True)
for activation, token, marked in list_firings(place):
    print(f"{activation:5.1f}  {token:10} {marked}")

# %% [markdown]
# ### Exercise 4 — words that you have not seen
#
# The sentences held out hold words that are not in the list. Write a rule that finds them all the same, and takes no more
# than it must: every firing counts. When you press the button, the sentences on which your rule went wrong are shown: mend
# it once, and mind that from then on you have seen them.

# %% tags=["student"]
answer_4 = None  # gs-answer: ex4

# %% tags=["solution"]
answer_4 = ["kitchen", "nursery", "loft", "attic", "scullery", "hall", "corridor", "study", "bedroom"]  # gs-answer: ex4

# %% tags=["first-idea"]
answer_4 = ["kitchen"]  # gs-answer: ex4

# %%
ex4 = gs.NameFeature(
    scope,
    dictionary.feature(place),
    held_out,
    name="ex4",
    answer=answer_4,
    prompt="In which sentences held out does this feature fire? Write the words of a rule.",
    hints="gs1:eNodjUEOwjAMBL+yyrnqFxCv4IA4uMTFEU2MYpeK3+P04IO9M+t7ugk5qDNo2+DCxji0Z0OjygZdL2lCUOUp0Mj7uA0QFgDepWXU8pIogegeutCXJ6xdK1w/MVjUXetZdI39aMHENwqVYL7n3ymN1uHonB5/ygI0UQ==",
    solution="gs1:eNotizEKgDAMAL8iXbL4I3GoSaXF2EiaDP5eUpzu4Li0wdUMa+mwLvBkZXEN7a6j6BvKclowmzUMGejMf6yZOYii2kjmO8xpxqOQitywpw/ObCEb",
)
ex4

# %% [markdown]
# ### Exercise 5 — precision and recall
#
# Two numbers say how a label and a feature go together, token by token:
#
# * **precision**: of the tokens on which the feature *fires*, what share is what the label says?
# * **recall**: of the tokens that *are* what the label says, on what share does the feature fire?
#
# What you estimated in exercise 1 was the precision of the label "What". Now take the list above, and the label "a room of a
# house". The cell below prints how many tokens of the sentences name a room by our list. Work out the precision.

# %%
rooms = {word for document in mini.texts(concept="thing:room") for word in document.covered("thing:room")}
print(textwrap.fill(f"words for rooms: {', '.join(sorted(rooms))}", 78))


def count_firings(feature, words, threshold=0.0):
    """Tokens on which it fires, tokens that are one of the words, and tokens of which both holds."""
    fires, named = values[:, feature] > threshold, np.isin(strings, list(words))
    return int(fires.sum()), int(named.sum()), int((fires & named).sum())


print("tokens that name a room:", count_firings(place, rooms)[1])

# %% tags=["student"]
answer_5 = None  # gs-answer: ex5

# %% tags=["solution"]
answer_5 = 0.91  # gs-answer: ex5

# %% tags=["first-idea"]
answer_5 = 1.0  # gs-answer: ex5


# %%
def precision_of_rooms(scope):
    """Of the firings on the sentences to look at."""
    fires, _, both = count_firings(place, rooms)
    return both / fires


ex5 = gs.Predict(
    scope,
    "What is the precision of the label “a room of a house” for this feature, on the sentences in the list above?",
    precision_of_rooms,
    name="ex5",
    answer=answer_5,
    tolerance=0.02,
    reveal="gs1:eNoVjO0JgEAMQ1cJDuAATuEKh1au3EegrYjbW3+FvDyy7CaHunKik83B2V+UQLDJ/CueqkdFVMElJW7LVBPfYOTwHNLWwFB3cZzEZOTZI5Z4XT7y1SN+",
    hints="gs1:eNotzLsKwzAMheFXOXgOoV2zdCp07lo6KL7UooldJCchb187ZBIc/XwvcycbIXlDDijRY2ItYAUhsHD6DHWlY9na/Ym3rJwTHK/svGLce9PBPCoxU9qbpYi0+kpIzjM4HfAoZL++6K3VzxZtXOIZdSfnKgeapkMZ6jMt8+gFQSp0Qcm49ub9B1sDPbU=",
)
ex5

# %% [markdown]
# Now the same for all three, at each of three thresholds. Notice which of the two numbers a higher threshold tends to raise, and
# at what price. A label that is published with one of them alone, or without its threshold, leaves out half.

# %%
print("label       feature   counts above   firings   precision   recall")
for label, feature, words in (("What", blind, {"What"}), ("What", rival, {"What"}), ("a room", place, rooms)):
    for part in (0.0, 0.5, 0.9):
        fires, named, both = count_firings(feature, words, part * list_firings(feature)[0][0])
        print(f"{label:10} {feature:8d} {part:11.0%} of top {fires:7d} {both / fires:11.2f} {both / named:8.2f}")

# %% [markdown]
# Few sentences, few firings: each of these numbers could easily be some tenths off on others. For gscope-mini itself the same
# was measured on much more text, over all features, with a control; the next cell reads it from the file that comes with it.
# The interval in parentheses would hold the true number in 95 of 100 such measurements.

# %%
top, unnamed = mini.claims()["T2a"], mini.claims()["T2b"]
low, high = top.interval
print(
    f"gscope-mini: of {top.n} features, {top.value:.0f} ({low:.0f} to {high:.0f}) have ten strongest tokens of one concept,"
)
print("at least nine of them, and keep it at no more than six in ten of their middling firings.")
for name, value in top.control.items():
    print(f"Control, {name.replace('_', ' ')}: {value}")
low, high = unnamed.interval
print(f"Of {unnamed.n} features that fire at all, {unnamed.value:.0f} ({low:.0f} to {high:.0f}) have no label.")

# %% [markdown]
# ## 4 · Without a name
#
# The last number is no failure of the measurement alone. Below is the feature that fires on the most different tokens here, of
# those that fire at less than a tenth of all. Try to name it, from the top of the list as people do, then from the whole.

# %%
kinds = np.sum([(values[strings == string] > 0).any(axis=0) for string in set(strings)], axis=0)  # different tokens
wide = int(np.where(counts < len(strings) / 10, kinds, 0).argmax())
found = scope.describe(dictionary.feature(wide))
print("feature", wide, "| label:", found.label.text if found.label else "none")
for activation, _, marked in list_firings(wide)[::3]:
    print(f"{activation:5.1f}  {marked}")

# %% [markdown]
# Perhaps it follows several things at once, perhaps one that we have no word for, perhaps a part of a larger whole that is
# spread over several features. "I cannot name this one" is a result too, and worth more than a name from the top of a list.
#
# ## Quiz
#
# Eight questions on what you did. Of a wrong answer is said what it misunderstands; choose again until all are right.

# %% tags=["student"]
answer_6 = None  # gs-answer: ex6

# %% tags=["solution"]
answer_6 = [
    "when its activation there is above zero",
    "nothing: they must be looked at",
    0.5,
    "a label can be bent to fit the texts it was made from",
    0.25,
    0.5,
    "to see what score chance would give",
    "on these texts the rule tells well where this feature of mini fires",
]  # gs-answer: ex6

# %%
questions = [
    gs.Question(
        "When does a feature fire at a token?",
        "gs1:eNpTKs9IzVPILClWSEwuySxLLMnMz1MoyUgtSlXIBIol5ZelKlSlFuUrAQA7sA76",
        choices=(
            "when its activation there is above zero",
            "when its label fits the token",
            "when it is the strongest feature there",
            "when the model predicts the token",
        ),
        wrong="gs1:eNpljkEOwkAIRa9CZm16AF15Bk+ALdOZtAUDtDUx3t0ZbXXhjvA/j/cIayKG7AYjXmmEWEdPBC4DcThCOG9JNpBZoZ/J7PSuREKflWBgWQ1YPGXuQWLBNeEAO7pe1rq5Cvdk/j0sW6X640ILKY57YEWjxOggvJn8gBU1SVeMbkpdbv98W88LehY2wEJRwg6iyvSp0d3LgLuVUhOeL/cSW7w=",
    ),
    gs.Question(
        "The ten strongest examples all fit a label. What follows for the other firings?",
        "gs1:eNpTyssvycjMS7dSKMlIrVTILS0uUUhKVcjJz89OTVFILFECAMqHC7M=",
        choices=(
            "they fit it too, only more weakly",
            "they are noise",
            "nothing: they must be looked at",
            "they fit the opposite label",
        ),
        wrong="gs1:eNpFj8Fqw0AMRH9l2HMItMf03mMu/QLVK2eFNytjKTUm9N+rjUMDQiAYvZm5Jy+8YRRHjKseoK1uuOrCWJmmuqUT0hcPLtrwBiu6cgZhZPJbiHTEWmQo8WIeoEXaxZAVTf2YDtgNKJRNxbjTzuolVDDaDKYnhATGg7YcgFjBtKfjOybm2SKdYbnVCFU4WPKwYntmfBn1Jh2n86wmzqj0zbW7fu6BDYV+eph/yQeq6gTaH6+Sc33U6leVKEUXknZMv3+bJGi/",
    ),
    gs.Question(
        "A rule says “fires” of every text. What is its balanced accuracy?",
        0.5,
        tolerance=0.01,
        wrong="gs1:eNqNjrEOwjAMRH/llLmq2oGlfAE7P+C2Lq1IYylxoRLi33EiBiQGmHyyfe/u4VrXwZ0U0xLGBPLeVFzCBcq7pgr9pvBMN04IEhgyQWdGWjwHhW2yyUYHpSuX28oU8l8vOiPNFDnVroJr3lGjmCnnfcX9AWmbgjnnDoNERtyC0aKsaKCC9ggy8kfHQsYgm2lKuLP3hXT4Aard8wXIM13x",
    ),
    gs.Question(
        "Why are labels scored on texts held out?",
        "gs1:eNoNx4sJgDAQBNFWhnS20Q0K+YA50PI9GHhMEV3VnUOT6mwGsWh3cpnwF5ucV5uh07RnjfIDBZcS2g==",
        choices=(
            "they are harder to read",
            "the model was trained on the others",
            "a label can be bent to fit the texts it was made from",
            "the feature fires more there",
        ),
        wrong="gs1:eNpdj0EOwjAMBL+yyhn1AfACLpz4gFFcGtHEyElVVYi/s1EFBy6R41mP7Fdok24QV0ziUR3N4CoxHBGuXxRd1oJUwDCqZMUqJJV/q4rNFnbXIRzQdcgWdWaE3CUVjbB91Ph47epz++dFU6d4irefaVRpCxcYk2ull2UPaVdcaEvljiwPstROREKtLXNEsYabQvotlfZdPoT3BxniUxw=",
    ),
    gs.Question(
        "A feature fires on 20 tokens, of which 5 are towns; the text has 10 towns. What is the precision of “town”?",
        0.25,
        tolerance=0.01,
        wrong="gs1:eNpljUEOgjAQRa/y03XTgJENO2/gwguMttBJoGM6CCHGu1vBhYnb/1/ee5rKNaaFuUSawIopBuRwo2GwaCAd6gqTLEkdzmVnZUnwPLMPiuu68R1nTr06Y2EOm+2kIGikXM4sIz4O1Bb3IZCGDTzu1QApioyFVmR5JN/uOdAoqf/V22/W/2Vfb//aP8E=",
    ),
    gs.Question(
        "The same feature: what is the recall?",
        0.5,
        tolerance=0.01,
        wrong="gs1:eNotjkEKwyAURK8yuJZgA26y6xVKL2DjT/PBavCnlVB692qS7TDz3nyV6XqrBqj77FawYJ0JS6aRhVPUsEgTeoOJM8endLjR6EKA5w97Ejy2fbGmEqVTGsqaRrsKHGR2mTDl9IKpDVw0lkBOaC/2h5WQKiCjuA05vaMfDljF1kOFGqHF+lT6pmwPTuXvDzEFPmw=",
    ),
    gs.Question(
        "What was the control with shuffled answers for?",
        "gs1:eNpTKslXKE5NVSjPSCxRKE7OL0pVSM5IzEsGiuSX5qQopGeWpSoBAPfZDS0=",
        choices=(
            "to make the rule better",
            "to see what score chance would give",
            "to mix the words of the sentences",
            "to save time",
        ),
        wrong="gs1:eNpNkM1OxDAMhF9llPOqD7CcOHJH4mxS78aitVHsUlaId8ep+DtmNPPNOB8lDCu9MKIx+rYwnjmCezmj3KOaRrcFtZFe2aEWTfQK0V//GRJwujn2RoHEVVtfqfPQd4k2lROOFnk/Qrv12WGX4+GswVrZR9/jfwEedLtLqNT27V4TvWmAHBfpxw7HzLQEbEtZef8pc3rLk2TlwX2IDHok0lae8JSjhl/iBIJXy62N/o4b8SCd8ydcZp7K5xf1QmYS",
    ),
    gs.Question(
        "Your label scores 0.95 on mini. What may you say?",
        "gs1:eNoViEEKADEIxL4y9Gd7GFFwW1BL9/lrLyHJWBOlTKL4VV5HbL/pnjhNHGX0UEsIn9odS/DaNIgFc/xv7Bke",
        choices=(
            "the feature means what the label says",
            "on these texts the rule tells well where this feature of mini fires",
            "Gemma has such a feature",
            "mini uses the feature to write",
        ),
        wrong="gs1:eNpNjksOwjAMRK8yyhpxADgAS9YsTWuaiCSWYodSIe5OUj5iO0/zZh7OPOPCZLUwElNWzJ4MPY505gilRd0O7pghLS0wvpsiGBItuITWkx/yIU+6wyIVnm4MHaTwCEKpkbduA3fglKhBhdbBN/IZ7xNvNjeWxRBFrr1ray+FHFCVFf+PTTCXYGv79B2VHBcUpnHfPf3S6hw85akJQ14VSUaOW/d8AZgqWWg=",
    ),
]
ex6 = gs.Quiz(
    scope,
    "What have you seen?",
    questions,
    name="ex6",
    answer=answer_6,
    hints="gs1:eNoljkEKwzAMBL+y+Gzyhx7aT5QeFEtgE2KBJUd9fk16W4Yddt/pSaWCuoUMmFNnQ+sgmBRvutKul2wpI710wKugz3OXYRkxmsuNPBRFZ3cDayypM7hdjf/mww5EJUeQ4RSyOYTz3VoLUdu64PJ129LnB4EnMnw=",
)
ex6

# %% [markdown]
# ## What this does not show
#
# * That a high score is the feature's meaning. A rule was scored on a few dozen short sentences of one kind; on other texts the
#   same feature may fire on other things.
# * That most features are like these. They were picked because they show something; the shares printed in section 3
#   are over all features, those that nobody could name included.
# * That the model uses any of these features. You have only read; to see whether a feature does something, it must be changed.
# * gscope-mini is a small model trained on generated text. What holds here is no result about Gemma 3. To ask the same
#   questions of Gemma, put `gemma-3-270m` in place of `mini` where the scope is loaded: that downloads the model, and needs a
#   network, its licence accepted on the Hub and a token (`gs.doctor()` says what is missing). The texts stay those of
#   Tarn, the features are picked by the same rules, and what you then see may be quite different from what is said here.
