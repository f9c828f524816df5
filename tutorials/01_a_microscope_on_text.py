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
# A language model turns each token of a text into a long list of numbers. In this tutorial you look inside that list
# with a *sparse autoencoder*: a dictionary that rewrites the list as a few **features**, each of which fires on some
# tokens and stays silent on the rest. You will
#
# 1. see your own sentence light up, feature by feature;
# 2. guess what a feature means, and test the guess on sentences that could prove you wrong;
# 3. find out why the first token is left out;
# 4. change a feature by hand and watch the model change its mind, beside a control.
#
# The model is **gscope-mini**, a small model of Gemma 3's architecture that comes with the package. It was trained on
# texts about Tarn, an invented archipelago, written by a program that knows which concepts each token carries. So
# here, unlike with a large model, a guess about a feature can be checked against the truth. Nothing you see here is a
# result about Gemma.
#
# *How to use it.* Run each cell with Shift+Enter. Every exercise has a check; hints are folded, open them only when
# you are stuck.

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
# **Predict.** Before you run the cell, say aloud: which tokens should a feature for *days of the week* light up?

# %%
days = scope.find("time:day")[0]
print(days.label)

heatmap = gs.TokenHeatmap(
    scope,
    "On Monday the fisherman sold his boat, and before Friday evening he wanted it back.",
    dictionary,
    features=[days.feature],
)
heatmap

# %% [markdown]
# **See.** Hover over a token, or walk along the text with the arrow keys, to read the exact value, and which other
# features fire there. Click a token to pin it. Click a feature in the list on the right to colour by it instead.
#
# **Test.** Now type sentences of your own into the box. Try to *break* the label:
#
# * the name of a day that is no day: *"Mr Friday sold his boat"*;
# * a word that is no day in a place where one would stand: *"On Marble the fisherman sold his boat"*;
# * a day in another language: *"Le lundi, le pêcheur a vendu son bateau"*;
# * a day without anything before it, or seven of them in a row.
#
# What you typed is in Python too. Whatever the heatmap shows, `heatmap.reading` holds:

# %%
reading = heatmap.reading
print(repr(heatmap.text))
for top in reading.top(5):
    label = top.label.text if top.label else ""
    print(f"feature {top.feature:4d} reaches {top.activation:6.2f} at {top.token!r:12}", label)

# %% [markdown]
# ### Exercise 1 — make it fire
#
# Write a text on which the feature reaches at least 80 % of its known maximum.
#
# <details><summary>Hint 1</summary>Which tokens were brightest so far? What came before them?</details>
# <details><summary>Hint 2</summary>Put days into several kinds of text: a story, a letter, a list, the opening
# hours of a market.</details>

# %%
my_text = "..."  # your text here

known = scope.describe(days.feature).known_max
peak = scope.read(my_text, dictionary).trace(days.feature.feature).max()
print(f"peak {peak:.2f} of {known:.2f}:", "solved" if peak >= 0.8 * known else "not yet")

# %% [markdown]
# ## 3 · A label is a hypothesis
#
# The label you saw was *measured*: the program that wrote Tarn's texts knows which tokens are days, and the feature
# was scored as a detector of them on text that nothing was trained on. Look at the record:
#
# * **AUC** – pick one day token and one other token at random: how often is the feature stronger on the day?
# * **precision** – when it fires, how often is it on a day?
# * **recall** – of all day tokens, on how many does it fire?

# %%
for name in ("time:day", "language:french", "thing:weather", "number:price", "sense:"):
    for summary in scope.find(name, k=2):
        label = summary.label
        print(
            f"feature {summary.feature.feature:4d} {label.text:24}",
            f"AUC {label.auc:.3f}  precision {label.precision:.2f}  recall {label.recall:.2f}",
        )

# %% [markdown]
# With a large model nobody has this table. There, labels are guesses, often written by another model from a few top
# examples. That is why the habit of *testing* is worth more than the label.
#
# ### Exercise 2 — one word, two senses
#
# In Tarn a *bank* is where money is kept, or the side of a river. The first token of "bank" is the same in both
# sentences. Does the dictionary tell them apart? Predict, then run.

# %%
money, river = "She put forty crowns in the bank.", "They sat on the grassy bank of the river."
fired = {}
for text in (money, river):
    here = scope.read(text, dictionary)
    pos = here.tokens.strings.index(" bank")
    fired[text] = {top.feature: top for top in here.top(20, pos=pos)}
    print(text)
    for top in here.top(5, pos=pos):
        print(f"   feature {top.feature:4d} {top.activation:6.2f}", top.label.text if top.label else "")

shared = set(fired[money]) & set(fired[river])
print("fires on both:", sorted(shared))
print("tells them apart:", sorted(set(fired[money]) ^ set(fired[river])))

# %% [markdown]
# ## 4 · Few features at a time, and an odd first token
#
# **L0** is the number of features that fire at a token. Count it by hand once.

# %%
text = "Once there lived a tailor in Brannoch who had lost her silver thimble."
reading = scope.read(text, dictionary)
dense = reading.to_dense()  # [pos, d_dict]
by_hand = (dense > 0).sum(axis=1)
print("features in the dictionary:", dictionary.width)
print("firing at each token:     ", by_hand.tolist())
print("the same as the reading:  ", bool((by_hand == reading.l0).all()))

# %% [markdown]
# The first entry is 0, because BOS is left out. Why? Compare how long the residual stream is at each position:

# %%
norms = reading.norm
rest = float(sorted(norms[1:])[len(norms[1:]) // 2])
print(f"BOS: {norms[0]:.1f}   median of the others: {rest:.1f}   ratio: {norms[0] / rest:.2f}")
if norms[0] > 3 * rest or norms[0] < rest / 3:
    print("The first position is an outlier: the dictionary was never trained on anything like it.")
else:
    print("In this model the first position is no outlier in length. It is left out all the same,")
    print("because the dictionary was not trained on it: it is the same vector in every text.")

# %% [markdown]
# ### Exercise 3 — what is not explained
#
# The features do not rebuild the residual stream exactly. **FVU** (fraction of variance unexplained) says how much is
# missing: 0 is a perfect copy, 1 is no better than the mean. At which token of your text is the dictionary worst?

# %%
worst = max(reading.tokens.used, key=lambda pos: reading.fvu[pos])
print(f"whole text: FVU {reading.total_fvu:.3f}")
print(f"worst token: {reading.tokens.strings[worst]!r} with FVU {reading.fvu[worst]:.3f}")

# %% [markdown]
# ## 5 · Change a feature, and watch the prediction
#
# So far you have only looked. Looking cannot show that the model *uses* a feature. For that, change it, and see
# whether what the model does changes too.
#
# Each slider sets (*clamps*) a feature's activation. The bars show the probability of the next token, unchanged and
# changed. **Predict** first: which way will the bars move when you raise the French feature?

# %%
french = scope.find("language:french")[0]
sliders = gs.FeatureSliders(scope, "She looked at the", features=[french.feature, days.feature])
sliders

# %% [markdown]
# The sliders are Python values as well. The next cell sets one, reads the answer, and puts it back.

# %%
sliders.values = [0.8 * french.known_max, None]
changed = sliders.distribution
print("KL from the unchanged distribution:", round(changed.kl, 3), "nats")
for base, now in changed.pairs[:5]:
    print(f"{base.token!r:14} {base.probability:7.2%} -> {now.probability:7.2%}")
sliders.reset()

# %% [markdown]
# **Control.** *Ablate* the feature for days with its switch, on a text in which no day occurs. What should happen?
# A feature that is silent contributes nothing, so taking it away must change nothing at all:

# %%
silent_text = "She looked at the"
kl = scope.next_tokens(silent_text, interventions=[gs.ablate(days.feature)]).kl
fires = scope.read(silent_text, dictionary).trace(days.feature.feature).max()
print(f"the feature's peak on this text: {fires:.2f}; KL after ablating it: {kl:.2g} nats")

# %% [markdown]
# ## 6 · Steer
#
# Now add a feature's direction at every position while the model writes. The panel shows three continuations on the
# same random numbers: unsteered, steered, and pushed along a **random direction of the same length**. Only what
# steering does *beyond* the random push says something about the feature.
#
# Press Start. Then move the strength: where does nothing happen yet, where does the topic change, and where does the
# text fall apart?

# %%
panel = gs.SteeringPanel(scope, "In the morning", features=[french.feature], strength=0.7, temperature=0.7)
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
# Choose another feature with `scope.find(...)`, and a strength, so that the steered text is plainly about the
# feature's concept while the random one is not. Then look for a feature with a high AUC that does *not* steer.
# Reading a concept and writing it are two different things.
#
# ## What this does not show
#
# * That a feature fires on days does not show that the model has one place for "day". Other features fire on the same
#   tokens, and part of the residual stream is explained by none.
# * A label says what we asked about. The features were scored against a list of concepts; a feature may follow
#   something finer, broader or other than anything on that list.
# * Steering shows that a direction *can* push the text. It does not show that the model uses that direction when
#   nobody pushes.
# * gscope-mini is a small model trained on generated text. What holds here is no result about Gemma 3. To ask the same
#   questions of Gemma, change one word, `gs.load("gemma-3-270m")`, and pass a Gemma Scope 2 folder that you have
#   downloaded to `scope.dictionary(path=...)`.
