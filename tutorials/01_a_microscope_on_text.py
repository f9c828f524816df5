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
# *How to use it.* Run each cell with Shift+Enter. Exercises 1 and 2 check your answer; hints are folded, open them only
# when you are stuck.

# %%
import gscope_widgets as gs

scope = gs.load("mini")
dictionary = scope.dictionary()
print(scope)
print(dictionary)

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
# Position 0 is `<bos>`, a token that marks the beginning of a sequence. It is *left out*: section 4 says why.
#
# ## 2 · First light
#
# The heatmap below reads the sentence and colours each token by how strongly one feature fires there. Full colour is
# the largest value that the feature was ever seen to reach, so weak never looks strong.
#
# **Predict.** Before you run the cell, say aloud: which tokens should a feature for *rooms of a house* light up?

# %%
rooms = scope.find("thing:room")[0]
print(f"feature {rooms.feature}, label {rooms.label.text!r} ({rooms.label.source})")

heatmap = gs.TokenHeatmap(
    scope,
    "The fisherman swept the kitchen, and then he slept in the attic until evening.",
    dictionary,
    features=[rooms.ref],
)
heatmap

# %% [markdown]
# **See.** Hover over a token, or walk along the text with the arrow keys, to read the exact value, and which other
# features fire there. Click a token to pin it. Click a feature in the list on the right to colour by it instead.
#
# **Test.** Now type sentences of your own into the box. Try to *break* the label:
#
# * a room's word that is a name: *"Mr. kitchen sold his boat"*;
# * another word in a place where a room would stand: *"The fisherman swept the boat"*;
# * a word that can be a room, where it is none: *"They study the map"*;
# * a room in another language: *"Le pêcheur balaie la cuisine"*;
# * the very same word at the start of the text, and in the middle of it.
#
# <details><summary>Why is the word at the start silent?</summary>Look at the tokens. In the middle of a text the word is one
# token that begins with a space, <code>␣kitchen</code>. At the start there is no space, so the word is cut into other
# pieces; this feature fires on the tokens that it met often.</details>
#
# What you typed is in Python too. Whatever the heatmap shows, `heatmap.reading` holds. Here are the features that reach
# highest in your text. Where one has no label, nothing on our list of concepts fits it. Is one of them after the same
# tokens as the feature that you coloured by? A dictionary often has several features for what we call one thing.

# %%
reading = heatmap.reading
print(repr(heatmap.text))
for top in reading.top(5):
    label = top.label.text if top.label else ""
    print(f"feature {top.feature:4d} reaches {top.activation:6.2f} at {top.token!r:12}", label)

# %% [markdown]
# ### Exercise 1 — make it fire
#
# Write a text on which the feature reaches at least 90 % of its known maximum (the largest value met when it was
# measured).
#
# <details><summary>Hint 1</summary>Is it as strong for every room? Where in the sentence does the room stand?</details>
# <details><summary>Hint 2</summary>Let the text begin with "The" and a room. Try several rooms.</details>
# <details><summary>One solution</summary>"The pantry was full of cheese."</details>

# %%
my_text = "..."  # your text here

known = scope.describe(rooms.ref).max_activation
peak = scope.read(my_text, dictionary).trace(rooms.feature).max()
print(f"peak {peak:.2f} of {known:.2f}:", "solved" if peak >= 0.9 * known else "not yet")

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
print("concepts:", ", ".join(concepts))
print("and", len(texts) - len(concepts), "words, signs and tokens, such as", ", ".join(texts[-3:]))
for name in ("thing:room", "language:french", "place:region", "number:day_of_month", "word: scale"):
    for summary in scope.find(name, k=1):
        label = summary.label
        print(
            f"feature {summary.feature:4d} {label.text:24}",
            f"AUC {label.auc:.3f}  precision {label.precision:.2f}  recall {label.recall:.2f}",
        )

# %% [markdown]
# The feature for days of the month has a recall of nearly one. Try it on dates of your own:

# %%
days = scope.find("number:day_of_month")[0].ref
for text in ("Skarn, 21 June 1240", "On 14 March the fisherman sold his boat.", "Skarn, 21 pears"):
    print(f"{scope.read(text, dictionary).trace(days.feature).max():6.2f} | {text}")

# %% [markdown]
# A score holds for the text that was scored. There, days stand where a letter or a report is dated, after a place and a
# comma. Elsewhere the feature is both narrower and wider than its name.
#
# With a large model nobody has this table. There, labels are guesses, often written by another model from a few top
# examples. That is why the habit of *testing* is worth more than the label.
#
# ### Exercise 2 — one word, two senses
#
# In Tarn a *scale* is, among other things, what things are weighed on, or a row of musical notes. The last row of the
# table claims a feature for the *word*, and it misses hardly one. Is it blind to the sense? Look at its activation on the word, in
# sentences of either sense, and choose a threshold that tells the senses apart.

# %%
threshold = 0.0  # your number here

scale = scope.find("word: scale")[0].ref
sentences = {
    "She put the pears on the scale.": "weight",
    "He weighed the flour on a scale.": "weight",
    "She played a scale on the lute.": "music",
    "The pupil practised a scale before the song.": "music",
}
right = 0
for text, sense in sentences.items():
    here = scope.read(text, dictionary)
    value = here.trace(scale.feature)[here.tokens.strings.index(" scale")]
    guess = "music" if value > threshold else "weight"
    right += guess == sense
    print(f"{value:6.2f}  you say {guess}, it is {sense} | {text}")
print(f"{right} of {len(sentences)}:", "solved" if right == len(sentences) else "not yet")

# %% [markdown]
# <details><summary>What this teaches</summary>The label "word: scale" scores high because precision and recall ask only
# whether the feature fires. How hard it fires carries more: in these sentences it fires harder where music is played. Is
# that the sense, or what stands before the word? Try "The scale said two pounds.", and what comes after "The scale" in
# other ways: the value stays, since the model reads from left to right. A label can be well measured and still leave out
# a part of what the feature does, and a threshold that fits four sentences is a hypothesis too.</details>

# %% [markdown]
# ## 4 · Few features at a time, and the first token
#
# **L0** is the number of features that fire at a token. Count it by hand once.

# %%
text = "Once there lived a tailor in Brannoch who had lost a silver thimble."
reading = scope.read(text, dictionary)
dense = reading.to_dense()  # [pos, d_dict]
by_hand = (dense > 0).sum(axis=1)
print("features in the dictionary:", dictionary.d_dict)
print("firing at each token:     ", by_hand.tolist())
print("the same as the reading:  ", bool((by_hand == reading.l0).all()))

# %% [markdown]
# The first entry is 0, because BOS is left out. Why? Compare the length (the norm) of the residual stream by position:

# %%
norms = reading.norm
rest = float(sorted(norms[1:])[len(norms[1:]) // 2])
print(f"BOS: {norms[0]:.1f}   median of the others: {rest:.1f}   ratio: {norms[0] / rest:.2f}")
if norms[0] > 3 * rest or norms[0] < rest / 3:
    print("The first position is an outlier: the dictionary was never trained on anything like it.")
else:
    print("At this layer the first position is longer than the rest, but no huge outlier. It is left out all the same,")
    print("because the dictionary was not trained on it: it is the same vector in every text.")

# %% [markdown]
# ### Exercise 3 — what is not explained
#
# The features do not rebuild the residual stream exactly. **FVU** (fraction of variance unexplained) says how much is
# missing: 0 is a perfect copy, 1 is no better than the mean. At which token of the text above is it worst?
# Say why before you read on.

# %%
worst = max(reading.tokens.used, key=lambda pos: reading.fvu[pos])
print(f"whole text: FVU {reading.total_fvu:.3f}")
around = "".join(reading.tokens.strings[worst - 1 : worst + 3])
print(f"worst token: {reading.tokens.strings[worst]!r} in {around!r}, with FVU {reading.fvu[worst]:.3f}")

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
# Each slider sets (*clamps*) a feature's activation. The bars show the probability of the next token, baseline and
# changed. **Predict** first: which way will the bars move when you raise the French feature?

# %%
french = scope.find("language:french")[0]
sliders = gs.FeatureSliders(scope, "She looked at the", features=[french.ref, rooms.ref])
sliders

# %% [markdown]
# Move the French slider slowly: the change comes all at once. The pieces that rise are the beginnings of French verbs.
# Then raise the one for rooms. Do rooms rise? A feature that reads a thing need not write it.
#
# The sliders are Python values as well. The next cell sets one, reads the answer, and puts it back.

# %%
sliders.values = [0.8 * french.max_activation, None]
distribution = sliders.distribution
print(f"KL divergence {distribution.kl:.3f} nats: 0 would mean that the two distributions are the same")
pairs = sorted(distribution.pairs, key=lambda pair: pair[1].probability - pair[0].probability)
for baseline, changed in [*pairs[:3], *pairs[-3:]]:
    print(f"{baseline.token!r:14} {baseline.probability:7.2%} -> {changed.probability:7.2%}")
sliders.reset()

# %% [markdown]
# **Control.** *Ablating* a feature takes its own contribution away. If the French feature matters where the text is
# French, ablating it there should change the prediction more than on the same sentence in English, and more than
# ablating the feature for rooms, which is silent in both.

# %%
for text in ("Le boulanger est fatigué, mais il n'est pas", "The baker is tired, but he is not"):
    for name, ref in (("French", french.ref), ("rooms", rooms.ref)):
        kl = scope.next_tokens(text, interventions=[gs.ablate(ref)]).kl
        print(f"{text:45} without {name:6}: KL {kl:.4f} nats")

# %% [markdown]
# The effect is on the French text far more than on the other, and on this sentence it is small. Try *"Le pêcheur a vendu
# son"*: there it is larger, and some English words rise. That a feature finds much of the French (look at its precision
# and recall again) does not make it the only carrier: other features, and the part that no feature explains, say that
# the text is French too.

# %% [markdown]
# ## 6 · Steer
#
# Now add a feature's direction at every position while the model writes. The strength counts in mean lengths of the
# residual stream at that layer. The panel shows three continuations on the same random numbers: baseline, changed, and
# pushed along a **random direction of the same length**, which does damage of its own. Only what steering does *beyond*
# the random push says something about the feature.
#
# Press Start. Then move the strength: where does it stay English, where does the language change, and where does the
# text fall apart? One run is one sample: change the seed before you believe it.

# %%
panel = gs.SteeringPanel(scope, "She said", features=[french.ref], strength=0.5, temperature=0.7)
panel

# %% [markdown]
# The same from Python:

# %%
panel.start()
panel.wait()
for name, continuation in panel.texts.items():
    print(f"{name:10}|", panel.prompt + continuation.replace("\n", " ⏎ "))

# %% [markdown]
# ### Exercise 4 — beat the random direction
#
# Most features here do not steer; the French one is an exception. Is a weaker push still better than a random one? One
# text cannot tell. Count a word over several seeds: baseline, changed, and pushed at random.

# %%
another = scope.find("token: ␣brown")[0]  # a label of your own, and a word that it should bring
word, strength, seeds = "brown", 0.5, range(8)

push = gs.add(another.ref, strength)
for name, interventions in (("baseline", []), ("changed", [push]), ("random", [scope.random_control([push])])):
    texts = [scope.generate("She said", interventions, temperature=0.7, seed=seed).text for seed in seeds]
    print(f"{name:10} {sum(word in text for text in texts)} of {len(texts)} | {texts[0][:60]!r}")

# %% [markdown]
# Find another label whose word comes more often than with the random push, in texts that are still readable. Then find a
# feature with a high AUC that does *not* steer at any strength that leaves the text readable. Reading a concept and
# writing it are two different things.
#
# <details><summary>Hint</summary>Try other colours for the first. For the second, look at <code>thing:food/drink</code> or
# the days of the month.</details>

# %%
panel = gs.SteeringPanel(scope, "She said", features=[another.ref], strength=strength, temperature=0.7)
panel

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
#   questions of Gemma, change one word, `gs.load("gemma-3-270m")`, and search for labels with
#   `scope.find(..., where="neuronpedia")`: those are another model's guesses.
