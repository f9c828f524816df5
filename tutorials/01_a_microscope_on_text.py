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
# # A microscope on text
#
# **40 minutes · difficulty ● · no account, no GPU, no network**
#
# Layer after layer, a language model keeps a long list of numbers for each token of a text: the **residual stream**. In
# this tutorial you look inside it with a *sparse autoencoder*: a dictionary of many **features**, each of which fires
# on some tokens and stays silent on the rest, so that a few dozen at most describe any one token. You will
#
# 1. see your own sentence light up, feature by feature;
# 2. guess what a feature means, and test the guess on sentences that could prove you wrong;
# 3. count features by hand, and see why the first token is left out;
# 4. change a feature by hand and watch the model change its mind, beside a control.
#
# The model is **gscope-mini**, a small model of Gemma 3's architecture that comes with the package. It was trained on
# texts about Tarn, an invented archipelago, written by a program that knows which concepts each token carries. So
# here, unlike with a large model, a guess about a feature can be checked against the truth. Nothing you see here is a
# result about Gemma.
#
# *How to use it.* Run each cell with Shift+Enter; the first loads torch, which takes some seconds. Seven exercises, and a quiz at the end, check your answer: fill in, and
# press Commit. Then run the cell above the exercise, which ends in `# gs-answer`, once more: it takes your answer into the
# notebook, so that it is there tomorrow. (On Colab, copy the line that stands under the exercise into it.) Hints come on
# request; take them only when you are stuck. A wrong prediction is no failure: it shows where to look.

# %%
import os
import textwrap

import gscope_widgets as gs

scope = gs.load(os.environ.get("GSCOPE_MODEL", "mini"))  # another model: put its name here
dictionary = scope.dictionary()
print(scope)
print(dictionary)


def find_feature(label, positive, negative):
    """The feature that a label fits best; where none does, the one that tells texts of two kinds apart."""
    return (scope.find(label) or scope.find(positive=positive, negative=negative))[0]


def name_label(feature):
    """Its label and where that is from."""
    return f"label {feature.label.text!r} ({feature.label.source})" if feature.label else "no label: found by texts"


# %% [markdown]
# ## 1 · Tokens
#
# The model does not read letters or words. It reads **tokens**: pieces of text, each with a number. A space belongs to
# the token after it. What is not in the vocabulary falls back to bytes, so every text has tokens.

# %%
tokens = scope.tokens("The old fisherman rowed home. Café 😀")
for pos, (token_id, string) in enumerate(zip(tokens.ids, tokens.strings, strict=True)):
    print(pos, token_id, repr(string), "| left out" if pos in tokens.ignored else "")

# %% [markdown]
# Position 0 is `<bos>`, a token that marks the beginning of a sequence. It is *left out* of all that follows; section 4
# measures why.
#
# ## 2 · First light
#
# The heatmap below reads the sentence and colours each token by how strongly one feature fires there. Full colour is
# the largest value that the feature was ever seen to reach, so weak never looks strong.
#
# Two more numbers stand in it. **L0** says how many features fire at a token; **FVU** how much of the token's numbers they
# leave unexplained, 0 for nothing and 1 for as much as the mean would leave. Section 4 counts both.
#
# **Predict 1.** Which tokens should a feature for *rooms of a house* light up? Pick them, and commit.

# %% tags=["student"]
answer_1 = None  # gs-answer: ex1

# %% tags=["solution"]
answer_1 = [7, 15]  # gs-answer: ex1

# %%
rooms = find_feature(
    "thing:room",
    ["She slept in the bedroom.", "He swept the kitchen.", "They met in the hall.", "It is in the cellar."],
    ["She slept on the ship.", "He swept the street.", "They met in the field.", "It is in the river."],
)
print(f"feature {rooms.feature}, {name_label(rooms)}")
sentence = "The fisherman swept the kitchen, and then he slept in the attic until evening."

ex1 = gs.Predict(
    scope,
    "Which tokens will the feature for rooms light up?",
    gs.truths.fires(rooms.feature, sentence),
    tokens_of=sentence,
    name="ex1",
    answer=answer_1,
    reveal="gs1:eNpTCslIVchITSzJTSxQSErNyS9XKM7ILy9WyACxSory89JzKvUUPIsVMksUEouhQgr5eQqpickZCvlpCiUZqbn2SgCtQhlr",
    hints="gs1:eNolTDkKgDAQ/MqQWvIHP2BlJxYqAwmSXcgu+n1jUgzMvYUZVbUgG1QI15uCxMoYJoT1Zzga/NVeNGSBJ8IoTrlGb2FuXu3Bw3oaRIfyXMZBH8ewf5fdJsg=",
)
ex1

# %% [markdown]
# Now look:

# %%
heatmap = gs.TokenHeatmap(
    scope,
    sentence,
    dictionary,
    features=[rooms.ref],
)
heatmap

# %% [markdown]
# **See.** Hover over a token, or walk along the text with the arrow keys, to read the exact value, and which other
# features fire there. Click a token to pin it. Click a feature in the list on the right to colour by it instead.
#
# **Test.** Now type sentences of your own into the heatmap's field *Text*. Try to *break* the label. Guess each before you type it:
#
# * a room's word that is a name: *"Mr. kitchen sold his boat"*;
# * another word in a place where a room would stand: *"The fisherman swept the boat"*;
# * a word that can be a room, where it is none: *"They study the map"*;
# * a room in another language: *"Le pêcheur balaie la cuisine"*;
# * the very same word at the start of the text, and in the middle of it.
#
# When you have guessed all, run the next cell: where the feature fires in each, and how strongly.

# %%
tries = (
    "Mr. kitchen sold his boat",
    "The fisherman swept the boat",
    "They study the map",
    "Le pêcheur balaie la cuisine",
    "kitchen",
    "The fisherman swept the kitchen",
)
for text in tries:
    read = scope.read(text, dictionary)
    found = [
        f"{value:.1f} at {token!r}"
        for token, value in zip(read.tokens.strings, read.trace(rooms.feature), strict=True)
        if value > 0
    ]
    print(f"{text:32} {', '.join(found) or 'silent'}")

# %% [markdown]
# So on mini it follows the *word* more than the thing: it fires on a man of that name, and on a verb that is spelt like a room.
#
# <details><summary>Why is the word at the start silent?</summary>Look at the tokens. In the middle of a text the word is one
# token that begins with a space, <code>␣kitchen</code>. At the start there is no space, so the word is cut into other
# pieces; this feature fires on the tokens that it met often.</details>
#
# <details><summary>Why is it silent on <em>cuisine</em>?</summary>Look at the tokens again: <code>cuisine</code> is cut into
# pieces that this feature hardly met. So its silence says nothing about whether it would know the meaning.</details>
#
# What you typed is in Python too. Whatever the heatmap shows, `heatmap.reading` holds. Here are the features that reach
# highest in your text. Where one has no label, nothing on our list of concepts fits it. Look at the tokens at which they
# are highest: where one stands at the same token as the feature for rooms, it may follow the same thing, a part of it, or
# only the word. A dictionary often has several features for what we call one thing: more than one here has the label
# `language:french`.

# %%
reading = heatmap.reading
print(repr(heatmap.text))
for top in reading.top(5):
    label = top.label.text if top.label else ""
    print(f"feature {top.feature:4d} reaches {top.activation:6.2f} at {top.token!r:12}", label)

# %% [markdown]
# ### Try it — make it fire
#
# Write a text on which the feature reaches at least 90 % of its known maximum (the largest value met when it was
# measured).
#
# <details><summary>Hint 1</summary>Is it as strong for every room? Where in the sentence does the room stand?</details>
# <details><summary>Hint 2</summary>Let the text begin with "The" and a room. Try several rooms.</details>
# <details><summary>One solution</summary>"The pantry was full of cheese."</details>

# %% tags=["yours"]
my_text = "..."  # your text here

known = scope.describe(rooms.ref).max_activation or 20.0  # where nobody measured it, a guess
peak = scope.read(str(my_text), dictionary).trace(rooms.feature).max()
print(
    f"peak {peak:.2f} of {known:.2f}:",
    "solved" if peak >= 0.9 * known else "not yet: try another room, or another place",
)

# %% [markdown]
# ## 3 · A label is a hypothesis
#
# The label you saw was *measured*: the program that wrote Tarn's texts knows which tokens name rooms, and the feature was
# scored as a detector of them on text that nothing was trained on. A label can name a concept (`thing:room`), a word or
# sign, a single token, or the token before or after. Look at the record:
#
# * **AUC** – pick one such token and one other token at random: how often is the feature stronger on the first? One half is
#   chance.
# * **precision** – when it fires, how often is it on one?
# * **recall** – of all such tokens, on how many does it fire?

# %%
texts = sorted({label.text for label in dictionary.labels.values()})
concepts = [text for text in texts if not text.startswith(("word:", "sign:", "token"))]
if not concepts:
    print(f"{scope.info.id} has no measured labels: predictions 2 and 3 need them, and ask about gscope-mini alone.")
print(textwrap.fill(f"concepts: {', '.join(concepts)}", 78))
print("and", len(texts) - len(concepts), "words, signs and tokens, such as", ", ".join(texts[-3:]))
for name in ("thing:room", "language:french", "place:region", "number:day_of_month", "word: scale"):
    for summary in scope.find(name, k=1):
        label = summary.label
        print(
            f"feature {summary.feature:4d} {label.text:24}",
            f"AUC {label.auc:.3f}  precision {label.precision:.2f}  recall {label.recall:.2f}",
        )

# %% [markdown]
# The feature for days of the month has a recall of nearly one.
#
# **Predict 2.** It is read on *"Skarn, 21 June 1240"* and on *"Skarn, 21 pears"*. On which is it larger?

# %% tags=["student"]
answer_2 = None  # gs-answer: ex2

# %% tags=["solution"]
answer_2 = "the same"  # gs-answer: ex2

# %% tags=["first-idea"]
answer_2 = "21 June"  # gs-answer: ex2


# %%
def compare_days(scope):
    """Where the feature for days of the month is larger, on the model."""
    feature = scope.find("number:day_of_month")[0].ref.feature
    date, pears = (
        scope.read(f"Skarn, 21 {word}", features=[feature]).trace(feature).max() for word in ("June 1240", "pears")
    )
    if abs(date - pears) < 0.001 * max(date, pears):
        return "the same"
    return "21 June" if date > pears else "21 pears"


ex2 = gs.Predict(
    scope,
    "On which text does the feature for days of the month reach more?",
    compare_days,
    choices=("21 June", "21 pears", "the same"),
    name="ex2",
    answer=answer_2,
    wrong="gs1:eNqtzDEOgCAMBdCr/DATExjdXL0FSk2JQg3UOBjvbvQMrm94l/EO41HI9DCDQpmgslKBLPDOfpAl0gYODUUUlULEyUExS6aGiTiViKSdsXi7nUJtv3z3A7GDM2g=",
    reveal="gs1:eNodx0EKwzAMBMCvLD6XQnLsE3LuB0S8rk1sKcgK+X5LbzPpXYlhmR1OyRPFbaCzBMLg7VPjBQmsC1rgULsnBGeXnRDNP+82hjz+UbaodGyXEmqOk+Lzmb7bHCJm",
    hints="gs1:eNoljDsKgDAQBa/y2Fq8glh6AguxiGbjBhMD64p4e3/VwMzjDdQaTomzwMrKG3zhHSaMwM4OfRiVG6pAvTiDuL/m4jlB2XlM12u2b9PZ53YELRmJgz230LiI1TTe8/UkxA==",
)
ex2

# %% [markdown]
# Try it on dates of your own:

# %%
for days in scope.find("number:day_of_month", k=1):
    for text in ("Skarn, 21 June 1240", "On 14 March the fisherman sold his boat.", "Skarn, 21 pears"):
        print(f"{scope.read(text, dictionary).trace(days.feature).max():6.2f} | {text}")

# %% [markdown]
# A score holds for the text that was scored. There, days stand where a letter or a report is dated, after a place and a
# comma. Elsewhere the feature is both narrower and wider than its name.
#
# With a large model nobody has this table. There, labels are guesses, often written by another model from a few top
# examples. That is why the habit of *testing* is worth more than the label.
#
# ### Predict 3 — one word, two senses
#
# In Tarn a *scale* is, among other things, what things are weighed on, or a row of musical notes. The last row of the
# table claims a feature for the *word*, and it misses hardly one. Is it blind to the sense?

# %% tags=["student"]
answer_3 = None  # gs-answer: ex3

# %% tags=["solution"]
answer_3 = "music"  # gs-answer: ex3

# %% tags=["first-idea"]
answer_3 = "weight"  # gs-answer: ex3

# %%
scales = {
    "She put the pears on the scale.": "weight",
    "He weighed the flour on a scale.": "weight",
    "She played a scale on the lute.": "music",
    "The pupil practised a scale before the song.": "music",
}


def read_scales(scope):
    """The feature for the word, at the word, by sentence: on the model."""
    feature = scope.find("word: scale")[0].ref.feature
    readings = {text: scope.read(text, features=[feature]) for text in scales}
    return {text: float(one.trace(feature)[one.tokens.strings.index(" scale")]) for text, one in readings.items()}


def compare_scales(scope):
    """In which sense the feature fires harder, where all sentences of one are above all of the other."""
    values = read_scales(scope)
    weight, music = ([values[text] for text in scales if scales[text] == sense] for sense in ("weight", "music"))
    return "music" if min(music) > max(weight) else "weight" if min(weight) > max(music) else "neither"


ex3 = gs.Predict(
    scope,
    "On the word scale, in which sense does the feature fire harder?",
    compare_scales,
    choices=("weight", "music", "neither"),
    name="ex3",
    answer=answer_3,
    wrong="gs1:eNodisEJgDAQBFtZUoAF+LOUk6wkkNxBcioi9m70MwzD3EGZPbGFGWFBkZUFtsGUOK1FKDlgjkpReBIHD7YLe+c3ZkfuoxNdKuH2e7XIMoXnBRSpIK0=",
    reveal="gs1:eNody9EJgDAMRdFVHh2gA7iGLlDqkwglKU0qjm/x88I9aTeYEiGDLtZOBFvz1XTisjng1KBWOkovIzIOIZRvoK4VfdwaP8BT2qRvqGK29B05faGJIrQ=",
    hints="gs1:eNodzEEOwjAMBdGrfGWNeg4O0B1i4RKbWARbclxFvX0L63maR1kbo9PGHS/fLQdEQ+0N6m68lBvK3ScaRYXmL/LAlw5UFeH4g7WpfeCC2SgxkqwObCwejLz206Mu5XkC0bEk0A==",
)
ex3

# %%
for text, value in read_scales(scope).items() if scope.find("word: scale") else ():
    print(f"{value:6.2f}  {scales[text]:6} | {text}")

# %% [markdown]
# <details><summary>What this teaches</summary>The label "word: scale" scores high because precision and recall ask only
# whether the feature fires. How hard it fires carries more: in these sentences it is harder in one sense. Is
# that the sense, or what stands before the word? Try "The scale said two pounds.", and what comes after "The scale" in
# other ways: the value stays, since the model reads from left to right. A label can be well measured and still leave out
# a part of what the feature does, and a threshold that fits four sentences is a hypothesis too.</details>

# %% [markdown]
# ## 4 · Few features at a time, and the first token
#
# **L0** is the number of features that fire at a token; **density** is the share of all tokens at which one feature fires.
# Count the first by hand once.

# %%
tale = "Once there lived a tailor in Brannoch who had lost a silver thimble."
sample = scope.read(tale, dictionary)
dense = sample.to_dense()  # [pos, d_dict]
by_hand = (dense > 0).sum(axis=1)
print("features in the dictionary:", dictionary.d_dict)
print("firing at each token:     ", by_hand.tolist())
print("the same as the reading:  ", bool((by_hand == sample.l0).all()))

# %% [markdown]
# The first entry is 0, because BOS is left out. Why? Compare the length (the norm) of the residual stream by position:

# %%
norms = scope.read(tale, dictionary).norm
rest = float(sorted(norms[1:])[len(norms[1:]) // 2])
print(f"BOS: {norms[0]:.1f}   median of the others: {rest:.1f}   ratio: {norms[0] / rest:.2f}")
if norms[0] > 3 * rest or norms[0] < rest / 3:
    print("The first position is an outlier: the dictionary was never trained on anything like it.")
else:
    print("At this layer the first position is longer than the rest, but no huge")
    print("outlier. It is left out all the same, because the dictionary was not")
    print("trained on it: it is the same vector in every text.")

# %% [markdown]
# ### Predict 4 — what is not explained
#
# The features do not rebuild the residual stream exactly. FVU (fraction of variance unexplained) says how much is
# missing: 0 is a perfect copy, 1 is no better than the mean.

# %% tags=["student"]
answer_4 = None  # gs-answer: ex4

# %% tags=["solution"]
answer_4 = [14]  # gs-answer: ex4


# %%
def find_worst(scope):
    """The position at which most is left unexplained, as a list; on the model."""
    reading = scope.read(tale)
    return [max(reading.tokens.used, key=lambda pos: float(reading.fvu[pos]))]


ex4 = gs.Predict(
    scope,
    "At which token of this text do the features leave most unexplained?",
    find_worst,
    tokens_of=tale,
    name="ex4",
    answer=answer_4,
    reveal="gs1:eNpTCslIVchLrShRSE7NyVEoKMrMKylWKAEKliXmlKbqKCSlFmempAJFEksU8tPAMuUZ+TlAEaAmPSUA3+YWlA==",
    hints="gs1:eNoVjDEOgzAQBL+yco34AkpPnyKisMwhnxJ86LyR4feYZorRaD7hhVUT1Ur0Cz+JXipajoQSuwgrbKOUMQwI76wp41BJ8mgwawXlJKILvGN6stnsi35o5mtF+vdXAZuNYbkBlKMmVQ==",
)
ex4

# %%
told = scope.read(tale, dictionary)
worst = max(told.tokens.used, key=lambda pos: told.fvu[pos])
print(f"whole text: FVU {told.total_fvu:.3f}")
around = "".join(told.tokens.strings[worst - 1 : worst + 3])
print(f"worst token: {told.tokens.strings[worst]!r} in {around!r}, with FVU {told.fvu[worst]:.3f}")

# %% [markdown]
# <details><summary>A likely reason</summary>Pieces of rare words are rare themselves, and a dictionary spends its features
# where they pay most: on what it met often. It is not the only reason: look at <code>␣of</code> in "The pantry was full
# of cheese." Try texts of your own with common and with rare words.</details>

# %% [markdown]
# ## 5 · Change a feature, and watch the prediction
#
# So far you have only looked. Looking cannot show that the model *uses* a feature. For that, change it, and see
# whether what the model does changes too.
#
# Each slider below sets (*clamps*) a feature's activation. The bars show the probability of the next token, baseline and
# changed. How far two such distributions are apart is their **KL divergence**, in nats: 0 where they are the same, 1 where a
# token that the one expects is about a third as likely in the other.
#
# **Predict 5.** *"She looked at the"* is English. Which tokens become likelier when the feature for French is set to most of
# its maximum? (What comes true is told of mini, whichever model is loaded.)

# %% tags=["student"]
answer_5 = None  # gs-answer: ex5

# %% tags=["solution"]
answer_5 = "beginnings of French verbs"  # gs-answer: ex5

# %% tags=["first-idea"]
answer_5 = "French nouns"  # gs-answer: ex5


# %%
def find_french():
    """The feature for French."""
    return find_feature(
        "language:french",
        ["Le pêcheur est fatigué.", "Elle a vendu son manteau.", "Il est tard.", "Une pomme rouge."],
        ["The fisherman is tired.", "She sold her coat.", "It is late.", "A red apple."],
    )


ex5 = gs.Predict(
    scope,
    "Which tokens rise at the end of “She looked at the”?",
    "gs1:eNpTSkpNz8zLy8xLL1bIT1NwK0rNS85QKEstSipWAgCTOgoW",
    choices=("English nouns", "French nouns", "beginnings of French verbs", "none"),
    name="ex5",
    answer=answer_5,
    wrong="gs1:eNo9jMsJgDAQBVt55CwW4M2LfUSzUSHsQj6IiGAh2pyVGCN4G94bZlOdJx4msCQOqoFqC2KR5AysOCcL7uOME93HVaFPEZlhScfkCUGv4f2/TFE0m9yI7zoKhKEDerLiqcLM+M1a7Q8wUzGG",
    reveal="gs1:eNpT8s0vS1UoyUhVKM7JTEktUijJVyhOBYvk6igk5qWA5ZJTc3IUEtNKgPKZJSAlRamJYJlcPSUA+tsWmA==",
    hints="gs1:eNotjLENgzAURFc5uUaskA6JgjpFlMKGb9mSY0v2EVIyCCzHJNhS2vfu3UuNxJY9pWDIEmfXwaxETBU7TVjPgms/6OTaz151UM/G5/SpibaU3LSE0Dx8hP4fgfLjowVT+grqAUrwS90bCWnr1fsGeiguHA==",
)
ex5

# %%
french = find_french()
print(f"feature {french.feature}, {name_label(french)}; and {rooms.feature}, for rooms")
sliders = gs.FeatureSliders(scope, "She looked at the", features=[french.ref, rooms.ref])
sliders

# %% [markdown]
# Move the first slider, for French, slowly: the change comes all at once. The pieces that rise are the beginnings of French verbs.
# Then raise the second slider, for rooms: no room rises among the ten likeliest. A feature that reads a thing need not
# write it.
#
# The sliders are Python values as well. The next cell sets one, reads the answer, and puts it back.

# %%
sliders.values = [0.8 * (french.max_activation or 20.0), None]
distribution = sliders.distribution
print(f"KL divergence {distribution.kl:.3f} nats: 0 would mean that the two distributions are the same")
pairs = sorted(distribution.pairs, key=lambda pair: pair[1].probability - pair[0].probability)
for baseline, changed in [*pairs[:3], *pairs[-3:]]:
    print(f"{baseline.token!r:14} {baseline.probability:7.2%} -> {changed.probability:7.2%}")
sliders.reset()

# %% [markdown]
# **Control.** *Ablating* a feature takes its own contribution away. If the French feature matters where the text is
# French, ablating it there should change the prediction more than on the same sentence in English, and more than ablating
# another feature that fires there. (A silent one would be no control: to ablate it does nothing, whatever it means.)
#
# **Predict 6.** *"Le pêcheur a vendu son"*: which ablation changes the prediction more?

# %% tags=["student"]
answer_6 = None  # gs-answer: ex6

# %% tags=["solution"]
answer_6 = "that of the other"  # gs-answer: ex6

# %% tags=["first-idea"]
answer_6 = "that of French"  # gs-answer: ex6


# %%
def ablate_two(scope, text="Le pêcheur a vendu son"):
    """KL of ablating the French feature, and of ablating the strongest other one at the last token."""
    dictionary = scope.dictionary()
    french = find_french().ref
    last = scope.read(text).top(8, pos=len(scope.tokens(text)) - 1)
    other = next(dictionary.feature(top.feature) for top in last if top.feature != french.feature)
    return tuple(scope.next_tokens(text, interventions=[gs.ablate(ref)]).kl for ref in (french, other))


def compare_ablations(scope):
    """Which of the two changes the prediction more."""
    french, other = ablate_two(scope)
    return "that of French" if french > other else "that of the other"


ex6 = gs.Predict(
    scope,
    "Which ablation changes the next token more: of the French feature, or of the strongest other one there?",
    compare_ablations,
    choices=("that of French", "that of the other"),
    name="ex6",
    answer=answer_6,
    reveal="gs1:eNpTCslIVchLrShRSE7NyVEoKMrMKylWSMovydBRyM9TKMkoSk1VKAHKF+spAQBbcQ95",
    hints="gs1:eNody0sKgCAUBdCtXByHW2gRBQ2igeglBX0PfEbb7zM/Z3drJqLK6FoRg+Au4t0Et+USM1SIpDSMlzVNrBAyIbNz/tjyRjlRDKLjVxYaEQyXMXl3PFXXIMI=",
)
ex6

# %%
print("KL in nats, without                    French   the strongest other")
for text in (
    "Le pêcheur a vendu son",
    "Le boulanger est fatigué, mais il n'est pas",
    "The baker is tired, but he is not",
):
    of_french, of_other = ablate_two(scope, text)
    print(f"{text:38} {of_french:.4f}   {of_other:.4f}")

# %% [markdown]
# To ablate French does more where the text is French, and next to nothing on the English sentence: so the model does use
# the feature there. But the control has won on every text: without the strongest other feature at the last token, one that
# nobody has a name for, the prediction changes more. An effect is large or small only beside another. Three texts are few;
# and that a feature finds much of the French (look at its precision and recall again) does not make it the only carrier.

# %% [markdown]
# ## 6 · Steer
#
# Where a feature fires, it adds something to the residual stream: a list of numbers as long, always the same one, as many times as
# its activation says. That list is its **direction**. Now add a feature's direction at every position while the model writes,
# whether the feature fires or not. The **strength** counts in mean lengths of the
# residual stream at that layer. The panel shows three continuations on the same random numbers: baseline, changed, and
# pushed along a **random direction of the same length**, which does damage of its own. Only what steering does *beyond*
# the random push says something about the feature.
#
# Press **Start** in the panel. Then move the slider beside *add*, which is the strength, and press **Start** again: at some strengths
# the changed text stays English, at some the language changes, and beyond them the text falls apart. Write down where, then
# change **Seed**: one run is one sample.

# %%
panel = gs.SteeringPanel(scope, "She said", features=[french.ref], strength=0.5, temperature=0.7)
panel

# %% [markdown]
# The same from Python:

# %%
panel.start()
panel.wait()
for name, continuation in panel.texts.items():
    whole = panel.prompt + continuation.replace("\n", " ⏎ ")
    print(textwrap.fill(whole, 78, initial_indent=f"{name:10}| ", subsequent_indent=f"{'':10}| "))

# %% [markdown]
# ### Exercise 7 — beat the random direction
#
# Most features here do not steer. Bring the word *brown* into half of the texts, keep them readable (a median **perplexity**,
# which is how surprised the unchanged model is at a text, of at most three times the baseline's), and do what a random push
# of the same length does not. The check makes eight texts of each kind; it takes some seconds.

# %% tags=["student"]
answer_7 = None  # gs-answer: ex7

# %% tags=["solution"]
answer_7 = [["add", 542, 0.6]]  # gs-answer: ex7

# %% tags=["first-idea"]
answer_7 = [["add", 542, 0.3]]  # gs-answer: ex7

# %%
another = find_feature(
    "token: ␣brown",
    ["She has a brown coat.", "The brown dog sleeps.", "A brown hat."],
    ["She has a red coat.", "The old dog sleeps.", "A white hat."],
)
print(f"feature {another.feature}, {name_label(another)}")
ex7 = gs.ReachGoal(
    scope,
    "She said",
    ["brown"],
    name="ex7",
    answer=answer_7,
    share=0.5,
    max_perplexity=3.0,
    hints="gs1:eNodzcENwyAQRNFWRpwjSynBaSPKYRGDQbJ3I1iH9oNdwPv/HdaU4IXIFD8bMYp1Qs8jsqF2fFtVZ4JE+3EJD4TVIejeqJsXWMYTal6qboinIzYbesmd2W/wog9SUWTPEJ2/YfNZW+oXv+4HRSe4i3tlnweVNksYVZONJXz+2F47Xw==",
)
ex7

# %% [markdown]
# Some features with a high AUC do *not* steer at any strength that leaves the text readable: reading a concept and writing it are
# two different things. The next cell prints a few good readers. In the panel below it, write the number of one into *feature number*, press
# **Add a change**, take *brown* out with its ×, and press **Start** at several strengths. Does its concept come, and the random
# pushes not bring it?

# %%
for name in ("thing:food/drink", "number:day_of_month", "place:river"):
    for reader in scope.find(name, k=1):
        print(f"feature {reader.feature:4d}, {name_label(reader)}, AUC {reader.label.auc:.3f}")
panel = gs.SteeringPanel(scope, "She said", features=[another.ref], strength=0.5, temperature=0.7)
panel

# %% [markdown]
# ## Quiz
#
# Eight questions on what you did. Of a wrong answer is said what it misunderstands; choose again until all are right.

# %% tags=["student"]
answer_8 = None  # gs-answer: ex8

# %% tags=["solution"]
answer_8 = [
    "a direction that a dictionary learnt",
    "nothing, before its known maximum is beside it",
    "because any change of that size does something",
    "that its direction can push the text to French",
    "nothing: it was not measured here",
    "the two distributions are the same",
    "L0 counts features at a token, density is of one feature over many tokens",
    "it holds no text, and the dictionary was not trained on it",
]  # gs-answer: ex8

# %%
questions = [
    gs.Question(
        "What is a feature?",
        "gs1:eNpTSlRIySxKTS7JzM9TKMlILFEACYC5iUWVCjmpiUV5JUoACD4N1Q==",
        choices=("a neuron of the model", "a direction that a dictionary learnt", "a token", "a label"),
        wrong="gs1:eNpNjlEOwiAQRK8y4ccf0wPol3fwAltZUmJhE6CpxHh3WUKjf7PZmTfzNoTIW5IIcSgLI4jl1VxgbsfDZ0hk0EuFA2GlyunahGMqW2J1EKxP/Cj+R7K+n5TqqQX3OJkzWl2RJ0ctuKtoyQbYFypKSUz2H+waU9uRJfDghsFZaT6Gdqn5zlHvLLYiUx2LB28yny+Aq1FD",
    ),
    gs.Question(
        "A feature's activation is 12. What does that say alone?",
        "gs1:eNpTyssvycjMS9dRSEpNyy9KVcgsKVbIzssvz1PITazIzC3NVcgsBsoVZ6aA5JQArDoRWw==",
        choices=(
            "that it fires strongly",
            "that 12 tokens hold it",
            "nothing, before its known maximum is beside it",
            "that its label is right",
        ),
        wrong="gs1:eNpNjrEOwjAMRH/llLlCgpGNjd9wadpYpLYUu5QK8e8kdIDN0t07v1fwRA52jFyiwbyoTHkLZ4TjCTNt6GONrZ5Pnpe5gxYQPIon6FijQ+iwr1TA9R7FkDQPNWorFwHdnB/krAK2BqnEvflj24tMfcytUnhKX/iqKxKV4U+QNoOoJ5YJ1OviWLUMhrF6NZn3ByYVRzA=",
    ),
    gs.Question(
        "Why does a control stand beside each change?",
        "gs1:eNoFwcERABAMBMBWbnQWHPGQPBIPqrdbKpucIMQumopNwgdSJRHrEd0ZCN9MXTbLB6TDEWU=",
        choices=(
            "to make the effect larger",
            "because any change of that size does something",
            "because the model is random",
            "to save time",
        ),
        wrong="gs1:eNpNjzEOwjAQBL+yckMT5QF00PGMi7PBEXYs+c4ghPg7Dqagnr3ZvZezjCQ3wgLBZaE3RClXFneEO8HnzUqOiJQ79T8litWw6gDZZqg8FSE/kKoPyEtn3/xCsVp40NENcBO9VO19Kc+Me6w0RU574zlbgLJzlcQfw1bTxNIdbbO2ObA1cT+6GKz9oE1YOLr3B7obSHc=",
    ),
    gs.Question(
        "A feature steers the text to French. What does that show?",
        "gs1:eNoFwdEJACAIBcBVHg7THmGC/ljoCxq/O6FPIthYUaaMndCZOLcddAPtEdwYZakuH6mdETg=",
        choices=(
            "that the model uses it when nobody pushes",
            "that its direction can push the text to French",
            "that it means French",
            "that no other feature carries French",
        ),
        wrong="gs1:eNpNj0EOwjAQA79i5Yx4AA/gyoUPbBujRAq7KLtVhRB/Jy0HONse268URQJRiLtlNixORw2shQq1yfITj8ULPZ2Qrpt5taVlKJkhCpmaRDU9YKLXTAhm0+jWjumAL37w7hR1nDt1LjvJsPYaRPVRMxbYbvll1GBjVseNEksnZum98p9x2XTHyqE23gLi25MnpPOY3h/qs0us",
    ),
    gs.Question(
        "What may be said of Gemma from this tutorial?",
        "gs1:eNpTyssvycjMS7dSyCxRKE8sVgDyFXJTE4tLi1JTFDJSi1KVAOGjDIk=",
        choices=(
            "that its features are like these",
            "nothing: it was not measured here",
            "that it has a feature for rooms",
            "that its labels are measured too",
        ),
        wrong="gs1:eNpNjsENwyAMRVf54tJLlAG6QBfoAm5iAgpgFTunqrsXiCL1/N979sdZIEM0hWeyo7KCKiPFnWGBld0dLscSEUjx4Jzp1pElROOlCxOorChSGOJHySo1oWyzm3D1h07XEXipqCJZe/45kD6/D1aLUmAC0r15/w1Fohen88PMpK20NlTOiOj4IFHd2izrRW4tqqyz+/4Af8JSOQ==",
    ),
    gs.Question(
        "KL is 0 nats. What does that mean?",
        "gs1:eNpTKslIVSgpz1dIySwuKcpMKi3JzM8rVkgsAooCZYoTc1OVAPbUDTI=",
        choices=(
            "the two distributions are the same",
            "the feature is dead",
            "the model is certain",
            "nothing was predicted",
        ),
        wrong="gs1:eNo1jksOwjAMRK8yyrriALBjh+ASbuw2Fm1SOa4qhLg7/ajbGb038w2eBJ2QzybQChbicEV4OEb6oFOTBpQZMVHuBbl40twjicklNNj5sbAMGx3FnDRvgucLsYwTmVT4UsBa3bSdXUuuN4iuoO0brWBRPmynfqGKyYQ1uux/7mtxJschGvS9Qr8/ZXBCmg==",
    ),
    gs.Question(
        "What is the difference between L0 and density?",
        "gs1:eNo1ysEJgDAQBMBWlrx9WIhNHGYDQbyD3EZI9z7EeU85dpwxXYlG0xxMmGBQXPQNlZ5dCz0RDeH8G+LhwG2+vprlBeXYGsM=",
        choices=(
            "none",
            "L0 counts features at a token, density is of one feature over many tokens",
            "L0 is of the model, density of the text",
            "density counts features at a token, L0 is of one feature",
        ),
        wrong="gs1:eNo9jsEKAjEMRH9l6Lksnj16Frz4A2Wb1aIm0GbVRfx3k5XuJZDMy8x8AgtT2COcmHARapAnVUyUdK7UIvRKEBv1L6jciNsQIsJxh2L4tCIPyXSPyCYWXfpV6a1ufjAHpEp+T8hl1CKcqnFsu1OrY/8eZWZtWwkkdcqTI7ZU690JjzhvPV9pQTWHPITvD02wS+o=",
    ),
    gs.Question(
        "Why is the first token left out?",
        "gs1:eNoVyUEKgDAMBMCvLD37qWACXZAN1IXq78W5zqAx+8obargeHwglPAvJ02zFerHjf8MrqEq0QI8PhoQVUQ==",
        choices=(
            "it holds no text, and the dictionary was not trained on it",
            "it is the longest by far",
            "it comes too early to be read",
            "its features are secret",
        ),
        wrong="gs1:eNo1jUEKwzAMBL+y+BzygPygl957VGIlMXUskGVKKP175ZTetGJn9h2SIVXYzshSNq6G+cRKGiaEhzQcTLUpRySbfhX1NpULUe8PoBJRBHvbGNIsJ9YxDOjqRQ52uwiYNJ9+Ye4Yxe6/Xds9Iacnu+iEuPePV6xM5usVpIzKi7J18C6F8WL/ZfcWG8PnC1IYRJI=",
    ),
]
ex8 = gs.Quiz(
    scope,
    "What have you seen?",
    questions,
    name="ex8",
    answer=answer_8,
    hints="gs1:eNoljEEKgDAMBL+y9Cz+wYM3fyAeoo20VBtoov2+VW8DM8zsRtoCKGvlAjXKXhEzCMqbRWm0ys296+AmkYRdCiwwqpS/XOXwnx40oQYyVFKcTHoV9l1be7TNa3q3PGYPJbc=",
)
ex8

# %% [markdown]
# ## What this does not show
#
# * That a feature fires on rooms does not show that the model has one place for them. Other features fire on the same
#   tokens, and part of the residual stream is explained by none.
# * A label says what we asked about. The features were scored against a list of concepts; a feature may follow
#   something finer, broader or other than anything on that list.
# * Steering shows that a direction *can* push the text. It does not show that the model uses that direction when
#   nobody pushes.
# * gscope-mini is a small model trained on generated text. What holds here is no result about Gemma 3. To ask the same
#   questions of Gemma, put `gemma-3-270m` in place of `mini` where the scope is loaded: that downloads the model, and needs a network, its licence
#   accepted on the Hub and a token (`gs.doctor()` says what is missing). Search for labels with
#   `scope.find(..., where="neuronpedia")`: those are another model's guesses.
