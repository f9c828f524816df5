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
# # What a dictionary buys
#
# **60 minutes · difficulty ●●● · no account, no GPU, no network**
#
# A language model keeps a long list of numbers for each token of a text, its **residual stream**. A **dictionary** (a *sparse
# autoencoder*) writes that list anew, as a sum of a few **features** out of many. The copy is never exact. So before anyone
# says what a feature means, three questions come first: how good is the copy, what does it cost the model, and is a
# feature better than what one gets without a dictionary? In this tutorial you will
#
# 1. make a copy by hand;
# 2. see what more features at a token buy, by two measures that do not agree;
# 3. meet two copies that look alike, of which one costs far more;
# 4. look at what is left out;
# 5. set features beside single neurons and beside a detector that was trained for the job.
#
# The model is **gscope-mini**, a small model of Gemma 3's architecture that comes with the package. It was trained on
# generated texts about Tarn, an invented archipelago. Nothing you see here is a result about Gemma.
#
# *How to use it.* Run each cell with Shift+Enter. An exercise has two cells. Answer in the widget of the second and press its
# button; then run the first, the one with `gs-answer`, again: your answer is written into it, so that it is saved with the
# notebook. Hints come when you ask for them. A wrong prediction is no failure: it shows where to look.

# %%
import os
import random
import re
from functools import cache

import numpy as np

import gscope_widgets as gs
from gscope_widgets import mini

scope = gs.load(os.environ.get("GSCOPE_MODEL", "mini"))  # another model: put its name here
dictionary = scope.dictionary()
print(scope)
print(dictionary)

# %% [markdown]
# ## 1 · A copy by hand
#
# Here is a dictionary that fits on a page: the residual stream has two numbers, and there are three features. It
# works in four steps, and the large ones do the same.
#
# * Each feature has a row of the **encoder**. Multiply it with the residual stream, number by number, add up, and add the
#   feature's own **encoder offset**: that is its *score* here.
# * Where the score is above the feature's **threshold**, the feature **fires**, and its **activation** is that score, whole.
#   Where it is not, the activation is 0. (This rule is called *JumpReLU*.)
# * Each feature has a row of the **decoder**, its **direction**. The **reconstruction**, the copy, is the sum of all directions,
#   each times its activation, and the **decoder offset**.
# * What the copy lacks is the **error**: the residual stream less the reconstruction.

# %%
stream = np.array([3.0, 2.0])
encoder = np.array([[1.0, 0.0], [-0.5, 1.0], [0.0, -1.0]])  # a row for each feature
encoder_offset = np.array([0.0, 0.0, 0.0])
threshold = np.array([1.0, 1.0, 1.0])
decoder = np.array([[0.8, 0.2], [2.0, 0.5], [0.0, -1.0]])  # a row for each feature
decoder_offset = np.array([0.5, 0.5])
for feature in range(3):
    print(f"feature {feature}: encoder {encoder[feature]}, threshold {threshold[feature]}, decoder {decoder[feature]}")
print("residual stream", stream, "  decoder offset", decoder_offset)

# %% [markdown]
# ### Exercise 1 — the first number of the copy
#
# Work it out with pen and paper: scores, who fires, how strongly, the sum.

# %% tags=["student"]
answer_1 = None  # gs-answer: ex1

# %% tags=["solution"]
answer_1 = 2.9  # gs-answer: ex1

# %% tags=["first-idea"]
answer_1 = 3.9  # gs-answer: ex1

# %%
ex1 = gs.Predict(
    scope,
    "What is the first of the two numbers of the reconstruction?",
    "gs1:eNoz0rMEAAEuAJo=",
    name="ex1",
    answer=answer_1,
    tolerance=0.01,
    wrong="gs1:eNptkM1qxDAMhF9F5LwE0p9D99Z7T6X7AIqtYFNvVCw5gZa+e2UnhF3oUWN5vhn9dI/9S3eG7iOgQiIVmAi1ZIIBppjpDNE0cWxKFMCRF4JvynyCsSjMrLtW1zRkksDJ99D8ckkEK5fkYSRA+EoYZ3int0vfnaB76J9u0LiQAJunBgJPjj1l4GkS0hOsIbrQAnhP3kZUWuy9RpTdbDjMFD9Jms+RqDo1BZ3GBTXy3MPrXmxrcL/vuMxWabWBdsDzP4D7oAfFXKIvmEA0E16t/lRB9akhpV6IxP5HV7NgjmbouR600YabOnFDiaHmWmRLutpyuY6Urf/vH9bJmkM=",
    reveal="gs1:eNoli1EKgDAMQ68S9i1ewEN4hqmRDsYKbWXXt+hPAu8lZR/EzRqPZTejL5gtBC0cU7QTfqpxQwihGfYDR83Hwa7zUyHJcn+t5QX+Jh45",
    hints="gs1:eNpNj7FuwzAQQ3+F8GwECbJlCTp26lKgQ5FBkShIgK0LTucE+fuc3QxdST4e73f4LoQVJdGjKDuizESu2u0EhljAFiVRofKA1dkj5oxHa1rChG7KMI8IKTFhue2GEcNPqU5K3qLv4qBEuMqdOJzxMU0QN3U9uDRD6NiPeBSu4oo9/wF7iKKJbd1fbXoiM9iiq+NT2f284bjDp3UkF6JVae+1Rzdb2pYk/r0iOXd62+UFZ09XMQ==",
    solution="gs1:eNo9jUEKgzAQRa/ycZ0OwVBoewk3XiCpIwloAskoePtOXHT7ef+9YY6M9i2VG3xlOANLT/i84DESprxdEEXWVJsgKRTKyfckUU+xbItBK1jZy6EC29EuEzjC/L/mYw9cu8FB0q6EpZe5Qxr8YKQ3DT/GeyyG",
)
ex1

# %% [markdown]
# **See.** When you have committed, let Python do the same.

# %%
scores = encoder @ stream + encoder_offset
activations = np.where(scores > threshold, scores, 0)
reconstruction = activations @ decoder + decoder_offset
print("scores        ", scores)
print("activations   ", activations)
print("reconstruction", reconstruction)
print("error         ", stream - reconstruction)

# %% [markdown]
# ## 2 · More features at a token
#
# A dictionary is made to let few features fire: a token told by ten features can be read by a person, one told by a thousand
# cannot. How many fire at a token, on average, is its **L0**. How good the copy is says **FVU**, the fraction of variance
# unexplained: the squared length of the error, over the squared distance from the text's mean, both added up over its tokens. 0 is an exact
# copy; 1 is as bad as writing the mean in place of every token.
#
# Dictionaries of one layer come in sizes of L0: *small*, *medium* and *big*. The next cell draws a dozen short texts that
# nothing was trained on, and reads them with *small*. You need not read the code.

# %%
TEXTS = [document.text for document in mini.texts() if len(document.text) < 500][:12]


@cache
def read_all(scope, texts=tuple(TEXTS), site="resid_post", **choice):
    """L0 and FVU of each text, by one dictionary."""
    chosen = scope.dictionary(site, **choice)
    readings = [scope.read(text, chosen) for text in texts]
    l0 = [float(reading.l0[list(reading.tokens.used)].mean()) for reading in readings]
    return np.array(l0), np.array([reading.total_fvu for reading in readings])


def interval(*columns, of=lambda *means: means[0]):
    """A number made of means over texts, with the range that holds 95 of 100 redrawn sets of these texts."""
    drawn = np.random.default_rng(0).integers(len(columns[0]), size=(1000, len(columns[0])))
    redrawn = of(*(column[drawn].mean(axis=1) for column in columns))
    number, *ends = (
        np.round([of(*(column.mean() for column in columns)), *np.quantile(redrawn, [0.025, 0.975])], 3) + 0.0
    )
    return f"{number:7.3f} ({ends[0]:.3f} to {ends[1]:.3f})"


print(len(TEXTS), "texts; one of them:", TEXTS[0][:70].replace("\n", " ⏎ "), "...")
l0, fvu = read_all(scope, l0="small")
print(f"small: L0 {interval(l0)}, FVU {interval(fvu)}")

# %% [markdown]
# In parentheses stands an **interval**: what other sets of such texts might well have given. (The texts are drawn anew, with some
# twice and some not at all, a thousand times; 95 of 100 such draws lie within.) Two numbers whose intervals overlap may be the same.
#
# ### Exercise 2 — the copy
#
# *Big* lets several times as many features fire. What becomes of FVU?

# %% tags=["student"]
answer_2 = None  # gs-answer: ex2

# %% tags=["solution"]
answer_2 = "to between a third and three quarters"  # gs-answer: ex2

# %% tags=["first-idea"]
answer_2 = "to less than a third"  # gs-answer: ex2

# %%
FALLS = ("to less than a third", "to between a third and three quarters", "it stays above three quarters, or rises")


def name_fall(share):
    """One of the choices."""
    return FALLS[0] if share < 1 / 3 else FALLS[1] if share < 3 / 4 else FALLS[2]


def compare_fvu(scope):
    """How FVU falls from small to big."""
    small, big = (read_all(scope, l0=size)[1].mean() for size in ("small", "big"))
    return name_fall(big / small)


ex2 = gs.Predict(
    scope,
    "From small to big: to what share of its value does FVU fall?",
    compare_fvu,
    name="ex2",
    answer=answer_2,
    choices=FALLS,
    reveal="gs1:eNoVi8ENgDAMA1exOgALsAYLROCqFaVFSSoYn/Dw5+6ctkLkqubIfGLiU2lwOQkPdw3zFZS9IE8Nohj9v/TD0GiRDvC9m9S+pA9snhxT",
    hints="gs1:eNo9jjsOAjEMRK8ySo32ClTcAIkCUQQ02UQEBzleBLfHWT6NC/u98RzDPhOJ0RZlh+VoSEWJW+uGbtpkrq/Pqghirc4oOYUNwmHQpaMyudXUTwQrHxTLv1C0hAhrV4pP8Hmvsch2+Lt4cWxR1/SPf4GR2tdCssY2Ic70J97DpnB6A8WsQU0=",
)
ex2

# %% [markdown]
# **See.** All three sizes, when you have committed.

# %%
for size in ("small", "medium", "big"):
    l0, fvu = read_all(scope, l0=size)
    print(f"{size:7} L0 {interval(l0)}   FVU {interval(fvu)}")

# %% [markdown]
# **Control.** Would any few directions do? A check that could fail: the same dictionary with its decoder rows in another order, so
# that each feature fires where it did and writes what another one writes. It was measured for gscope-mini; the next cell
# reads the numbers from the file that comes with it. (There FVU is taken over all tokens together, above text by text: compare
# rows of one table, not of two.)

# %%
claim = mini.claims()["F1"]
low, high = claim.interval
print(f"gscope-mini, medium, {claim.n} documents: FVU {claim.value:.3f} ({low:.3f} to {high:.3f})")
print(f"with its decoder rows in another order: {claim.control['fvu_with_decoder_rows_in_another_order']:.3f}")

# %% [markdown]
# A value above 1 is worse than the mean: the rows say something only where they belong.
#
# ## 3 · What the model makes of the copy
#
# FVU counts every number of the residual stream alike. The model need not: it may live on a part that is small. So ask the
# model. Put the reconstruction in the place of the residual stream at that layer, let the layers above go on from it, and see
# how well the next tokens are still told.
#
# **Loss** is the measure of that: minus the logarithm of the probability that the model gave to the token that came, on average. Its
# unit is the *nat*: a loss that rises by 0.7 nats halves the probabilities. The rise that the copy brings about is its **delta-loss**. As a
# control the layer is **ablated**: the mean of the text stands in for every token, which says nothing of any of them. That costs what
# the whole layer is worth, and so sets the scale. The share of it that the copy saves is the **loss recovered**: 1 for an exact
# copy, 0 for one no better than the mean, below 0 for one that is worse.


# %%
@cache
def lose_all(scope, site="resid_post", **choice):
    """Delta-loss of each text, and what ablating costs there; nats a token."""
    chosen = scope.dictionary(site, **choice)
    losses = [scope.delta_loss(text, chosen) for text in TEXTS]
    return np.array([loss.delta for loss in losses]), np.array([loss.ablated - loss.loss for loss in losses])


def recover(delta, damage):
    """The share of the damage that is avoided."""
    return 1 - delta / damage


delta, damage = lose_all(scope, l0="small")
print(f"small: delta-loss {interval(delta)} nats, ablated {interval(damage)} nats")

# %% [markdown]
# ### Exercise 3 — the loss
#
# You have seen what became of FVU from *small* to *big*. What becomes of the delta-loss?

# %% tags=["student"]
answer_3 = None  # gs-answer: ex3

# %% tags=["solution"]
answer_3 = "to less than a third"  # gs-answer: ex3

# %% tags=["first-idea"]
answer_3 = "to between a third and three quarters"  # gs-answer: ex3


# %%
def compare_loss(scope):
    """How delta-loss falls from small to big."""
    small, big = (lose_all(scope, l0=size)[0].mean() for size in ("small", "big"))
    return name_fall(big / small)


ex3 = gs.Predict(
    scope,
    "From small to big: to what share of its value does delta-loss fall?",
    compare_loss,
    name="ex3",
    answer=answer_3,
    choices=FALLS,
    reveal="gs1:eNo9zjESwjAQA8CvaFIDD+AB/AB6EZ8TDxebuTvD9zEpUqnZkTTdHnewJiTR4FmbO6pIQm2BTFVQy0uu+K4MxCrI3UYYsjC6iYMpoYyAb3//pgVa3u2HVlhnOe0TMyueMqDSFjng0by1cQLdxS/TD9wJNPo=",
    hints="gs1:eNo1jksKwzAMRK8yeF16gG5CocveoHSh2Ao2sa1iKf3cvo5LNwLxZh5zcxdhhUVGkcAZmzL4ye2DBzWDLIM11hQ2ylBrTAWU08qTO8CdfzlPFTNDo/SHaujBlDMC+xR4KCq/DSYr1+Peu4qsIMMr9rNzmjNZkgovanoYkj/XQl02wAlpzG198OYjmkjpWiw9Mbn7F45LSG0=",
)
ex3

# %% [markdown]
# **See.** The cell takes some seconds for each row. Notice which of the two columns falls faster, and that the recovered share
# of even the smallest size looks high: it is measured against the loss of everything.

# %%
for size in ("small", "medium", "big"):
    delta, damage = lose_all(scope, l0=size)
    print(
        f"{size:7} FVU {read_all(scope, l0=size)[1].mean():.3f}   delta-loss {interval(delta)}",
        f"  recovered {interval(delta, damage, of=recover)}",
    )

# %% [markdown]
# ## 4 · Two copies that look alike
#
# A layer has more than one place to read. The **residual stream** after layer 4 is all that the layers so far have written. What the
# attention of one layer *adds* to it is another place, and has dictionaries of its own. The next cell compares the *big*
# dictionaries of both by their FVU.

# %%
PLACES = {"the residual stream": "resid_post", "what attention adds": "attn_out"}
layer = dictionary.info.layers[0]
for name, site in PLACES.items():
    l0, fvu = read_all(scope, site=site, layer=layer, l0="big")
    print(f"{name:20} layer {layer}   L0 {interval(l0)}   FVU {interval(fvu)}")

# %% [markdown]
# ### Exercise 4 — which is dearer?
#
# By FVU the two copies are about as good. Each is now put in its place, and the loss is taken.

# %% tags=["student"]
answer_4 = None  # gs-answer: ex4

# %% tags=["solution"]
answer_4 = "less than a third of it"  # gs-answer: ex4

# %% tags=["first-idea"]
answer_4 = "between a third of it and three times it"  # gs-answer: ex4

# %%
COSTS = ("less than a third of it", "between a third of it and three times it", "more than three times it")


def compare_places(scope):
    """Delta-loss of the copy of what attention adds, beside that of the residual stream's."""
    stream, added = (lose_all(scope, site=site, layer=layer, l0="big")[0].mean() for site in PLACES.values())
    ratio = added / stream
    return COSTS[0] if ratio < 1 / 3 else COSTS[1] if ratio <= 3 else COSTS[2]


ex4 = gs.Predict(
    scope,
    "The delta-loss of the copy of what attention adds, beside that of the copy of the residual stream: how large is it?",
    compare_places,
    name="ex4",
    answer=answer_4,
    choices=COSTS,
    reveal="gs1:eNodi90JgDAMBlf56ACOITiAvoc2GqE1pUkpbu/P23HchXlbcRoIJtQYumMI+a8c/mHNFHnC4kjKhksdRjdEB0qP8i0ujKKJMyqZvZFL034ITp/CA34uIgc=",
    hints="gs1:eNpFj7EKwzAMRH/l8FxCh+4hX9GhdBCJEps6VrBkTP++jmnpIoHu3R16uLsnQ1BEUUP1nGCekVnDUihCLTPtJ1DDwQuk2IgpLX+UzDhZkARZIYkR6c25OUZ3gZtibFSr6FfFFSa44ZWk4iBV1iZnKZvv3hZxZloVHJFm1qGHJHDOkn+y0t6Gp8yoHDavIMVeZn/u7vchbQj9MfqSsg7u+QF7CFL1",
)
ex4

# %% [markdown]
# **See.** *Ablated* and *recovered* are the control: what the place itself is worth, and the share of that which the copy saves. Where the
# interval of a delta-loss holds 0, a dozen texts cannot tell the copy from the original.

# %%
for name, site in PLACES.items():
    delta, damage = lose_all(scope, site=site, layer=layer, l0="big")
    print(f"{name}:")
    print(
        f"  delta-loss {interval(delta)}   ablated {interval(damage)}   recovered {interval(delta, damage, of=recover)}"
    )

# %% [markdown]
# So an FVU is half a sentence; of which place, and at what cost, is the other half. Was it an accident of two dictionaries? For
# gscope-mini all pairs of places with like FVU were measured, and as a control dictionaries of *one* place that
# differ by nothing but the random numbers of their training. If those lay apart as well, the gap would say nothing about places.

# %%
claim = mini.claims()["T3c"]
low, high = claim.interval
dearer, cheaper = (claim.details["shown"][one] for one in ("dearer", "cheaper"))
print(f"gscope-mini, {claim.details['pairs_apart']} pairs of places alike in FVU to 0.02 lie apart in delta-loss.")
print(f"The widest gap, on {claim.n} documents: {claim.value:.2f} nats ({low:.2f} to {high:.2f}), between")
for one in (dearer, cheaper):
    print(f"  {one['folder']} (FVU {one['fvu']:.2f})")
print(
    f"Control: of {claim.control['pairs_of_seeds']} pairs of trainings for one place, {claim.control['pairs_of_seeds_apart']} lie apart;",
    end=" ",
)
print(f"widest gap {claim.control['widest_gap_of_seeds']:.3f} nats.")

# %% [markdown]
# The three sizes, at three places of layer 4, on more text than here. *mlp_out* is what the layer's neurons add. Read down, not across:
# at each place more features buy a smaller loss, and the residual stream stands apart from the two places that only add to it.

# %%
claim = mini.claims()["T3a"]
print(
    f"gscope-mini, {claim.details['documents']['loss']} documents; delta-loss in nats, and (last column) the mean ablation"
)
for site, sizes in claim.details["fronts"].items():
    for size, one in sizes.items():
        loss, (low, high) = (next(iter(one[name].values())) for name in ("delta_loss", "delta_loss_interval"))
        print(f"{site:11} {size:7} L0 {one['l0']:5.1f}  FVU {one['fvu']:.2f}", end="  ")
        print(f"delta-loss {loss:.4f} ({low:.4f} to {high:.4f})  {claim.control[site]['mean_ablation']:5.2f}")

# %% [markdown]
# ## 5 · What is left out
#
# What the features do not explain is the **error term**. It differs from token to token, and from text to text. The heatmap below
# colours each token by its own FVU. Hover over those with the strongest colour, or walk along the text with the arrow keys, and read how many
# features fire there. Then open *Colour, range, find in the text* and set **Colour by** to *L0*, and back. **Predict**, aloud: do the tokens with
# much error have few features, or many?

# %%
heatmap = gs.TokenHeatmap(
    scope,
    "She went to the kitchen, and then the lighthouse keeper from Ostrava told her that the bank was closed.",
    dictionary,
    color_by="fvu",
)
heatmap

# %% [markdown]
# **See.** One sentence is one sentence. In each of the dozen texts the tokens are parted at the text's median of L0.

# %%
few, many = [], []
for text in TEXTS:
    reading = scope.read(text)
    used = list(reading.tokens.used)
    is_few = reading.l0[used] <= np.median(reading.l0[used])
    few.append(reading.fvu[used][is_few].mean())
    many.append(reading.fvu[used][~is_few].mean())
print(f"mean FVU of a token   with few features {interval(np.array(few))}   with many {interval(np.array(many))}")

# %% [markdown]
# Few features can mean two things: that a token is simple, and a few say it all; or that the dictionary has nothing for it. L0 alone does
# not tell which, the error does. In the heatmap, compare the full stop with the tokens where the error is largest.
#
# ### Exercise 5 — other text
#
# A dictionary was trained on ordinary text. Take the dozen texts from above, and put the words of each into a random order: the
# same words, as many tokens. What becomes of FVU, by the *medium* dictionary?

# %% tags=["student"]
answer_5 = None  # gs-answer: ex5

# %% tags=["solution"]
answer_5 = "it rises by more than a tenth"  # gs-answer: ex5

# %% tags=["first-idea"]
answer_5 = "it stays within a tenth"  # gs-answer: ex5


# %%
def shuffle_words(text):
    """The same words in another order; always the same one."""
    words = text.split(" ")
    random.Random(0).shuffle(words)
    return " ".join(words)


SHUFFLED = tuple(map(shuffle_words, TEXTS))
CHANGES = ("it falls by more than a tenth", "it stays within a tenth", "it rises by more than a tenth")


def compare_order(scope):
    """FVU on the words in random order, beside that on the texts."""
    ordered, shuffled = (read_all(scope, texts)[1].mean() for texts in (tuple(TEXTS), SHUFFLED))
    ratio = shuffled / ordered
    return CHANGES[0] if ratio < 0.9 else CHANGES[1] if ratio <= 1.1 else CHANGES[2]


ex5 = gs.Predict(
    scope,
    "With the words of each text in random order: what becomes of FVU?",
    compare_order,
    name="ex5",
    answer=answer_5,
    choices=CHANGES,
    reveal="gs1:eNpdjTEOwjAMRa/y1bnqAdhYOAGwW41RI1Jbio1Kbo+TCXWx7O+n96f7xji0JgNVhsdltPMMU2RHNoh6j1sMGhtSXj2rUG0otL7tMtJCjSs2LaE6OmpOMrT6kdSRHa664Cq4PR9drS/Qvy34CJy/Po/a03+Zfu+NPP4=",
    hints="gs1:eNoljjEOwjAMRa/ylRl1YkdIHIENMRjiKlZDLDmuSm+PUzZ/6/1nP9JNucMLw7hLXqmiuzF9QI5KOxvOKFrzwbgu3EBVG1/SCekeu5nJ1yhjY4sk7hywYithGKW/ZTiCKQPa1GLuTi1DGiKxTcN3RZa3izayHdLx4u7QdmgWCVpnOH+HN+Ti2CieN5IWN7VN6fkDG2xJPA==",
)
ex5

# %% [markdown]
# **Control.** Perhaps any cutting up of a text does it. So the last row has the *sentences* of each text in random order, with the words of
# each as they were. Notice in which rows the intervals of FVU overlap. Run the cell when you have committed.


# %%
def shuffle_sentences(text):
    """The same sentences in another order."""
    sentences = re.split(r"(?<=[.?!])(?=\s)", text)
    random.Random(0).shuffle(sentences)
    return "".join(sentences)


rows = {
    "in order": tuple(TEXTS),
    "words shuffled": SHUFFLED,
    "sentences shuffled": tuple(map(shuffle_sentences, TEXTS)),
}
for name, texts in rows.items():
    l0, fvu = read_all(scope, texts)
    print(f"{name:19} L0 {interval(l0)}   FVU {interval(fvu)}")

# %% [markdown]
# **Width.** There is another way to a better copy: not more features at a token, but more to choose from. Below, a text is read by a
# dictionary of the usual **width**, its number of features, and by one four times as wide (on mini), with about the same L0. Look at the
# two rows of L0 and FVU at the top. Then pick a token: the list says which features of one answer which of the other there, and which have
# **no partner**. The next tutorial asks what those are. (On mini the
# two differ in how they were trained, too, as its model card says: what you see is not of width alone.)

# %%
WIDE = "4k" if scope.info.id.startswith("gscope-mini") else "65k"
compare = gs.DictionaryCompare(scope, TEXTS[0][:200], [dictionary, scope.dictionary(width=WIDE)])
compare

# %%
for name, choice in (("usual width, medium", {}), (f"{WIDE}, medium", {"width": WIDE})):
    l0, fvu = read_all(scope, **choice)
    print(f"{name:20} L0 {interval(l0)}   FVU {interval(fvu)}")

# %% [markdown]
# ## 6 · Is a feature better than a neuron?
#
# A layer of the model has **neurons**, which need no dictionary. And for a concept that one can name, one can train a **linear probe**: one
# direction, fitted to examples, for just this question. What does a dictionary buy beside those?
#
# **AUC** says how well a number detects a concept: pick a token of the concept and another one at random; how often is the number
# larger on the first? One half is chance, 1 is never wrong. For gscope-mini the truth about its texts is known, so the best
# feature, the best neuron of layer 4 and a probe were chosen for each concept on some texts, and measured on others. (All numbers of
# this section are mini's, whichever model is loaded.)
#
# ### Exercise 6 — for how many concepts?

# %% tags=["student"]
answer_6 = None  # gs-answer: ex6

# %% tags=["solution"]
answer_6 = "between one in ten and one in four"  # gs-answer: ex6

# %% tags=["first-idea"]
answer_6 = "more than one half"  # gs-answer: ex6

# %%
SHARES = (
    "fewer than one in ten",
    "between one in ten and one in four",
    "between one in four and one half",
    "more than one half",
)


def count_wins(_scope):
    """The share of concepts, as one of the choices."""
    claim = mini.claims()["T3b"]
    share = claim.value / claim.n
    return SHARES[0] if share < 0.1 else SHARES[1] if share < 0.25 else SHARES[2] if share < 0.5 else SHARES[3]


ex6 = gs.Predict(
    scope,
    f"Of {mini.claims()['T3b'].n} concepts: at how many is the best feature's AUC higher than the best neuron's by 0.1 or more?",
    count_wins,
    name="ex6",
    answer=answer_6,
    choices=SHARES,
    reveal="gs1:eNo1jUEOwjAMBL+y6hn1Dxx5hkkcYonayNmC8ntaJI6jmdUuV1QrtHDJCRvwIO5KakIIfWtOdvPHihtPv0lVfIw99jM8DBjPCvGJEl70xcsBFdEwYlMY0WVA0FS4p6JJ/h/YxX9L1z3D1+ULXLUy7A==",
    hints="gs1:eNpFjjEOAjEMBL+ySo3uGZRUdIjCl/gUixCj2CHi94RDgma32VnNJZwzY2Vz6AbjJzcqyL2mxgmVe9NqEEPMalyxaQNTzIhaIz8cZBhcyhIOCCddNb3gWhJ83iaJLlqpvTCy/CEDNYZWaG8oYr7TRybvjW2i5NhkTj7NYx7eeFrcxWboV5V+Bvt8Gg5JvITrG8+JSl8=",
)
ex6

# %% [markdown]
# **See**, when you have committed. The rows are medians: half of the concepts lie above. The control is a random direction in the
# residual stream, the best of as many as there are features. *Coordinate* is the best single number of the residual stream, *token* what the
# current token alone tells.

# %%
claim = mini.claims()["T3b"]
low, high = claim.interval
print(
    f"gscope-mini: {claim.value:.0f} of {claim.n} concepts ({low:.0f} to {high:.0f}), the fewest of three trainings:",
    end=" ",
)
print(*claim.details["by_dictionary_seed"], sep=", ")
print(f"Control, random directions: {claim.control['concepts_where_a_random_direction_does_so']}")
print(
    f"Of the {claim.value:.0f}, a linear probe is at least as good on {claim.details['concepts_where_the_probe_is_at_least_as_good']}."
)
print("Median AUC over all concepts:")
for name, auc in sorted(claim.details["median_auc"].items(), key=lambda one: -one[1]):
    print(f"  {name:10} {auc:.2f}")

# %% [markdown]
# Read the last table twice. On the median concept a feature is no better than a neuron, and the current token alone tells most
# concepts of our list; a probe, which was told the concept, beats all. What a dictionary buys is something else: features for things that
# nobody had named beforehand, at a price that you can now state.
#
# The card below is of a feature that reads fruit. Open *Ground truth* at its top (mini alone has it): there stand its AUC and those of its
# rivals. Notice which of them it beats, and which it does not. (The cell reads a few hundred texts first, which takes some seconds.)

# %%
fruits = "They sold plums, apples and pears at the market."
reading = scope.read(fruits)
best = reading.top(1, pos=reading.tokens.strings.index(" pears"))[0].feature
card = gs.FeatureCard(scope, best, text=fruits)
card

# %% [markdown]
# ## Quiz
#
# Eight questions on what you did. Of a wrong answer is said what it misunderstands; choose again until all are right.

# %% tags=["student"]
answer_7 = None  # gs-answer: ex7

# %% tags=["solution"]
answer_7 = [
    0,
    "its copy is as bad as the text's mean",
    "how many features fire at a token, on average",
    0.75,
    "more of what the model uses passes through one of the places",
    "it shows what the whole place is worth",
    "where a concept is known beforehand, a probe is the rival to beat",
    "on texts like these, its copy costs mini less",
]  # gs-answer: ex7

# %%
questions = [
    gs.Question(
        "A feature's threshold is 2, its score at a token 1.5. What is its activation there?",
        "gs1:eNozAAAAMQAx",
        tolerance=0.001,
        wrong="gs1:eNpFjjEOwjAMRa/y5TmNysDSc3ABtzhK1CiWGtMOiLvTlgCDF/v95/+ki7/SALpFQZ10EaSKogYedRVYPGaRGjXfHaqemyBsjw9aU5Zinhyo6/+qX+arM56lQEMYMErWDclOFU+WVrak5SB71/6267YrWi9PrzdQqjnu",
    ),
    gs.Question(
        "A dictionary has an FVU of 1 on a text. What does that say?",
        "gs1:eNpTyiwpVkjOL6hUyCxWSCxWSEpMAVElGakKJakVJerFCrmpiXlKAAlRDTw=",
        choices=(
            "its copy is exact",
            "its copy is as bad as the text's mean",
            "one feature fires at each token",
            "the model's loss rises by 1",
        ),
        wrong="gs1:eNo9jrEOgkAQRH9lco2NEm2xsjEWlmq/wCoXzjvCLgIx/rt3EK12k5n3Mm9jVVCGdoIV8Eilmhzm4Jd/SRzTiwU+aG39A73nsXVkPVc5En68XRO9zcwaJnjGnUn7Ll7bRY4UTGUNDQ37ZD+FAU/y05wn8rygWjOeoWK3Ergggs5K5IsJu4Rd6mgaQu8qFAxCLCptUnE/TyBpBH/Hb25mPl+w5UzI",
    ),
    gs.Question(
        "What is L0?",
        "gs1:eNpTysgvV8hNzKtUSEtNLCktSi1WSMssSlVILFFIVCjJz07N01HIz1NILEstSkxPVQIAkRUQiA==",
        choices=(
            "how many features a dictionary has",
            "how many features fire at a token, on average",
            "the length of the error",
            "the share of tokens at which a feature fires",
        ),
        wrong="gs1:eNpNj8EOgkAMRH9lsmdDPOvdk0f1XqHQRtwmuyWEEP/dhSh6bDJv3nQOYiOeFCe0TD4kziA0WrtapDRBKIcDwkXIoRnqGaM2LlXYIbgweo6dC6zFcnFKljbgzr3FLsMNp9t1Q7JQ4pWwB8cidIyitRTzZwRaLUv+xQvXlLD6tJAW+Zs94rxHbUMs034/eClb66vwegMaqE5K",
    ),
    gs.Question(
        "The model's loss is 1.0, with a copy in place 1.5, with the place ablated 3.0. What share of the loss is recovered?",
        "gs1:eNoz0DM3BQAB8QDL",
        tolerance=0.01,
        wrong="gs1:eNpljkEKAjEMRa/yyXosdUCFWXoGL1BtpIWhgSa4Ee/uNLrSLH/+e/wnxXCgBXQpyVAVVhiZV0u7VVRRG1oyndDE/KcldUbnmzy4cw40YVPMf45Pz77JoH+Zo99pgGexAvdWZcWoucQnyB37EBcoG7axuLLWzJhDDPR6A9ceO5U=",
    ),
    gs.Question(
        "Two copies at different places have the same FVU, and one costs far more loss. How can that be?",
        "gs1:eNodyrENwCAMBMBVXmxmkU9cQB5ho6yPSHXNla5J6Mbnlkgnui42rGBgWBzSp9bj0PvPk0azyigbvgYWUw==",
        choices=(
            "one of the two was measured wrongly",
            "more of what the model uses passes through one of the places",
            "the dearer one lets more features fire",
            "FVU and loss are the same up to chance",
        ),
        wrong="gs1:eNo9j7FOQzEMRX/lKjNCDEwdGToxAnuaOC+RUhtiP0VVxb/XeUIsXnx9zvU9CBOkwCrBpmBGxZWi7oMy5hDe+i2cEN7EKlJkXAijbdVO6+SGyDppILdSaBAbfnZSa8L6HJ4QFjZTHB5Zok7meBmEQtHcoSht0BK8vxzueJHdjjYar4TGUEqLh9cDeP76dGdGF/Wwg/6j+zdMkGrkdAA/fJGEbUjHbN7eRmzceHMiZYVWmf6jT/Rm1unvFlnIy/8+AKPNYm4=",
    ),
    gs.Question(
        "What is the ablation for, beside a delta-loss?",
        "gs1:eNpTyixRKM7ILy9WKM9ILFEoyUgFMvJzUhUKchKTUxUygeL5RSUZSgAmEQ5f",
        choices=(
            "it shows what the whole place is worth",
            "it makes the copy better",
            "it finds the best feature",
            "it replaces the interval",
        ),
        wrong="gs1:eNpVjksOgzAMRK8yyrriAHCCbrrqBQxxSURIUOLSoqp3b8JHKjuPrPdmPsoKRho4QQyjC9OClkU4qhrqKog8OepO72W9RybfwAcx1vewKVs072ylLijih/V6I1tOOTLJM3Ix38KRCupCGFiDpAY5h/BYmbW4vPcN+tCeNlmfC2dyxXr/y0i0JLwMCfJGjhB+S15peyPo7czNilPrSGzwSCybMHXkuFLfHzP5Yoc=",
    ),
    gs.Question(
        "A linear probe detects a concept better than any feature does. What follows?",
        "gs1:eNoVykEOgCAMBMCvbDj7qYJrSjQtKY18XzzPlKUMQtDcGkeiT9zmy1B5eVDFzmPzCK/8MZWI/sqD9H0kywcqHxej",
        choices=(
            "the dictionary is worthless",
            "the probe was trained wrongly",
            "where a concept is known beforehand, a probe is the rival to beat",
            "features have no meaning",
        ),
        wrong="gs1:eNpdj1FOxDAMRK8yyjfaA8AF4J8LmHbaRMraq8QQVoi747TaH/4sj+fN+Cd5JtayeDGVdkfpGNY8V/aenpHeQ741+yCyrHBDTG41xhAW04U3f8E/yJB+HqkpL+kJR8qJObQmRbliNNO93mfOmx/KldI/W0imsDA1OL89HFkU5bzZijtnl4O8UTwcPfp9MQInQovuE/pqA4O1otuVnmOLlc4lgPIoPz8+XTMYtj0AKIqdyib1kn7/ABiZaPM=",
    ),
    gs.Question(
        "On mini, the big dictionary has the lower FVU and the lower delta-loss. What may you say?",
        "gs1:eNpTys9TKEmtKClWyMnMTlUoyUgtTtVRyATyk/MLKoFEMZCZm5mXqZCTWlysBACTCBDf",
        choices=(
            "its features are easier to understand",
            "on texts like these, its copy costs mini less",
            "the same holds for Gemma",
            "what is left out is noise",
        ),
        wrong="gs1:eNpljkEKwkAMRa/ymXXpAfQA7lx5gZRJncHODCQpRcS7m1bEirvwk/9eHiGbYmSyWVhBwmDSzAJrmGtkUaMawwHh3CzlegUNbbbdbs0WUhQvOiQeUZpjvkwDOe3GFYXuGBiJJL4NwhT70CFYYigV37Up+kNNcOJS6F+8xT9CJBbeKEtyWVZMPBrWY59ry8or5uIKFnHyvtz5geFTzBXZ+vB8AVBGYZM=",
    ),
]
ex7 = gs.Quiz(
    scope,
    "What have you seen?",
    questions,
    name="ex7",
    answer=answer_7,
    hints="gs1:eNoljUEKAyEUQ68S3HQjc4cu2kuULr5jYKSjgnHq9St2F15eyMs9bD9gRYMN6laikAoM4t5TnSnULzfn4Z61oR9EuXJgk8doqXOhlkRhin8j18jzNsEoOKu05nd9MA7rGCZkmq7G6Od1RKBS5Go39/4B5OszAQ==",
)
ex7

# %% [markdown]
# ## What this does not show
#
# * That a better copy has better features. Copies were measured here, not what their features mean.
# * That the error is noise. It is what these features leave out; what is in it was not looked at.
# * That these numbers are those of the dictionary. They are of a dictionary on a dozen short texts, and you have seen one change with
#   the text. Numbers that are read from the file were measured on more, and are told with how many.
# * That features lose, or win, against neurons in general. A list of concepts was written down beforehand; on another list the
#   counts would be others.
# * gscope-mini is a small model trained on generated text. What holds here is no result about Gemma 3. To ask the same
#   questions of Gemma, put `gemma-3-270m` in place of `mini` where the scope is loaded: that downloads the model and five dictionaries, and
#   needs a network, its licence accepted on the Hub and a token (`gs.doctor()` says what is missing). The texts stay those of
#   Tarn, and what you then see may be quite different from what is said here.
