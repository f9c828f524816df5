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
# # Across layers
#
# **55 minutes · difficulty ●●●● · no account, no GPU, no network**
#
# Each layer of a language model has an **MLP**, which reads the residual stream and adds something to it. A **transcoder** is a
# dictionary that stands in for one MLP: its **features** read what the MLP reads and write what it writes. So an **attribution graph**
# through transcoders, one a layer, says which feature brought about which. But layers do not work alone. What layer 2 writes is still
# there at layer 6, and the layers between may have worked on the same thing. Two kinds of dictionary take account of that; in this
# tutorial you will
#
# 1. see how often a feature of one layer is a copy of one of the layer before;
# 2. read off a decoder where a feature of a **cross-layer transcoder** writes, and sort features by it;
# 3. meet a claim about that which did not hold;
# 4. measure how long the paths of a graph are, and find out what a short path leaves out;
# 5. say which way causes may run in a **crosscoder**.
#
# You need what *Computation* (tutorial 6) says of attribution graphs: nodes, edges, errors, and that attention is frozen in them.
#
# The model is **gscope-mini**, a small model of Gemma 3's architecture that comes with the package. It was trained on generated texts
# about Tarn, an invented archipelago. Nothing you see here is a result about Gemma.
#
# *How to use it.* Run each cell with Shift+Enter. An exercise has two cells. Answer in the widget of the second and press its button;
# then run the first, the one with `gs-answer`, again: your answer is written into it, so that it is saved with the notebook. Hints come
# when you ask for them. The first cell loads torch: until it has, there is nothing to see but its [*]. Some cells take some seconds, the first graphs of section 4 up to half a minute.

# %%
import os
from functools import cache

import numpy as np

import gscope_widgets as gs
from gscope_widgets import mini

scope = gs.load(os.environ.get("GSCOPE_MODEL", "mini"))  # another model: put its name here
is_mini = scope.info.id.startswith("gscope-mini")
LAYERS = range(scope.info.layers)
plain = [scope.dictionary("transcoder_all", layer=layer) for layer in LAYERS]
skipping = [scope.dictionary("transcoder_all", layer=layer, affine=True) for layer in LAYERS]
clt, crosscoder = scope.dictionary("clt"), scope.dictionary("crosscoder")
print(scope)
print(f"transcoders, one a layer: {len(plain)} of {plain[0].d_dict} features, and as many with a skip connection")
print(f"cross-layer transcoder:   {clt.d_dict} features in all, {clt.d_dict // len(LAYERS)} read each layer")
print(
    f"crosscoder:               {crosscoder.d_dict} features, on layers {', '.join(map(str, crosscoder.info.layers))}"
)
if not is_mini and scope.power != "replayed":  # headers were read; nothing large is fetched yet
    whole = sum(one.info.bytes for one in (*plain, *skipping))
    print(f"transcoders take {whole / 1e9:.1f} GB, fetched when they are first used")
    print(f"the files of the cross-layer one take {clt.info.bytes / 1e9:.1f} GB and stay where they are; of it will be")
    print(f"fetched: {clt.missing_encoder_bytes / 1e9:.2f} GB of encoders, and rows of decoders")

# %% [markdown]
# ## 1 · Copies
#
# Each of mini's transcoders was trained on its own MLP alone. If two MLPs, one after the other, work on the same thing, then both
# dictionaries need a feature for it. The two fire at the same tokens, and the second is a **copy** of the first.
#
# To measure it, note how strongly each feature fires at each token of some texts. The **correlation** of two such lists is 1 where both
# rise and fall together and about 0 where they have nothing to do with each other. A feature has a copy in the next layer if some
# feature there correlates with it by 0.7 or more.

# %%
TEXTS = tuple(document.text for document in mini.texts() if len(document.text) < 500)[:24]


@cache
def read_all(scope, dictionary):
    """Activations at all tokens of the texts but the first of each, which begins every text: [token, feature]."""
    readings = [scope.read(text, dictionary) for text in TEXTS]
    return np.concatenate([reading.to_dense()[list(reading.tokens.used)] for reading in readings])


def share_with_copy(one, other, *, least=10):
    """Share of the features of one that have a copy in the other; of those that fire at 10 tokens or more."""

    def scale(activations):
        kept = activations[:, (activations > 0).sum(0) >= least]
        kept = kept - kept.mean(0)
        return kept / np.linalg.norm(kept, axis=0)

    return float(((scale(one).T @ scale(other)).max(1) >= 0.7).mean())


MIDDLE = len(LAYERS) // 2 - 1
print(f"{len(TEXTS)} texts, {len(read_all(scope, plain[MIDDLE]))} tokens; one begins: {TEXTS[0][:60]!r}")

# %% [markdown]
# ### Exercise 1 — how many have a copy?
#
# Take the features of the transcoder of one of the middle layers. What share of them has a copy in the transcoder of the next layer?

# %% tags=["student"]
answer_1 = None  # gs-answer: ex1

# %% tags=["solution"]
answer_1 = "between a fifth and a half"  # gs-answer: ex1

# %% tags=["first-idea"]
answer_1 = "less than a twentieth"  # gs-answer: ex1

# %%
SHARES = ("less than a twentieth", "between a twentieth and a fifth", "between a fifth and a half", "more than a half")


def name_share(scope):
    """One of the choices."""
    share = share_with_copy(*(read_all(scope, plain[layer]) for layer in (MIDDLE, MIDDLE + 1)))
    return SHARES[int(np.searchsorted([0.05, 0.2, 0.5], share, side="right"))]


ex1 = gs.Predict(
    scope,
    f"Of the features of the transcoder of layer {MIDDLE}, what share has a copy in that of layer {MIDDLE + 1}?",
    name_share,
    name="ex1",
    answer=answer_1,
    choices=SHARES,
    reveal="gs1:eNodjMENhDAMBFtZ8T5RAG1cBRY4iXWAkW2E0j3OvWZWWs30VRAuioZopncdZGeE0emrbmyOgzqqopgeWPXqCP3zAylDhB20u+IxCU6VHy/Qc89noxjFjiKWVa2cy/BQZpn8Nt7m6QW8kzB9",
    hints="gs1:eNoljzFuw0AMBL+yUG3kA65SBkgC94YLRllHRE68gEdZ1u9DnfqZHfI6vBo+3i9oZENMhLPp9yIFLZwyn6CGddJxgpSShAQoXpS+ew2r1yC0Ja8doPNlOGH4rEk+6BvulFi8Q/WOVmfGpPZzjO1N4zNQZMvNtfpvYgbJaZZyxtcS3UGXGsZqI90wi22H1HrvLfaAUfcTIHDJJJ8j/0Jzz6of/y0l77v9A6OSV7A=",
)
ex1

# %% [markdown]
# **See.** When you have committed, run the next cell. Each row is a layer and the next one. The control deals the tokens of the next
# layer out anew: then nothing should be left. The last column is the same for the features of the **cross-layer transcoder** (CLT),
# which is one dictionary for all layers.

# %%
random = np.random.default_rng(0)
print("layers     transcoders   tokens dealt out anew   " + ("CLT" if is_mini else ""))
for layer in LAYERS[:-1] if is_mini else (MIDDLE,):
    one, other = (read_all(scope, plain[at]) for at in (layer, layer + 1))
    shuffled = share_with_copy(one, other[random.permutation(len(other))])
    row = f"{layer:2d} and {layer + 1:2d} {share_with_copy(one, other):12.0%} {shuffled:19.0%}"
    if is_mini:
        crossing = np.split(read_all(scope, clt), len(LAYERS), axis=1)
        row += f"{share_with_copy(crossing[layer], crossing[layer + 1]):17.0%}"
    print(row)
if not is_mini:
    print("(To read texts with all of a CLT takes all of its files: that column is mini's.)")

# %% [markdown]
# In the CLT copies are fewer. That is consistent with what it was made for: a feature that can write to several layers needs no copies
# there. But the two were not trained alike (the CLT has half as many features, to name one thing), so it is no proof.
#
# Look at copies themselves. Below are the transcoders of two layers, one text and the list of matched features. Press **one to one**
# above the list, then **match** at its head for the nearest first, and click a row: the two are drawn over the text. Many features have no
# label; where both have one, do the two agree?

# %%
compare = gs.DictionaryCompare(scope, TEXTS[2][:300], [plain[MIDDLE], plain[MIDDLE + 1]], texts=TEXTS[:12])
compare

# %% [markdown]
# ## 2 · One feature, many layers
#
# A feature of a CLT reads one layer, as a transcoder's does. But it may write to that layer *and to every later one*, to each in a
# direction of its own: its decoder has a row for each. So it can do in one piece what would otherwise take a chain of copies. How long
# each of these rows is, its **decoder norm**, says where the feature writes: its **write span**.
#
# Norms alone mislead. Late MLPs of mini write more than early ones, so that a row of length 1 is a lot at layer 1 and little at layer
# 7. What counts is the **share**: the norm over the mean length of what the MLP writes there.
#
# ### Exercise 2 — a write span
#
# The table is of one feature. At how many layers does it write at least half of its largest *share*?

# %%
LOOKED_AT = tuple(range(5, clt.d_dict, max(1, clt.d_dict // 228)))  # some of the features, of all layers


@cache
def measure_spans(scope, features=LOOKED_AT):
    """Where some of the CLT's features write; reads their rows of the decoder alone."""
    return scope.write_spans([clt.feature(feature) for feature in features])


def count_layers(spans):
    """Of each feature: layers near its peak by share, by norm alone, and all that it may write to."""
    by_norm = (spans.norms >= 0.5 * spans.norms.max(1, keepdims=True)).sum(1)
    may = [len(spans.layers) - spans.layers.index(layer) for layer in spans.source_layers]
    return np.stack([spans.near_peak.sum(1), by_norm, may], 1)


counts = count_layers(measure_spans(scope))
telling = [at for at, row in enumerate(counts.tolist()) if len(set(row)) == 3 and row[2] > len(LAYERS) - 3] or [0]
telling.sort(key=lambda at: clt.label(LOOKED_AT[at]) is None)  # with a label first
chosen = LOOKED_AT[telling[0]]
span = measure_spans(scope, (chosen,))
label = clt.label(chosen)
print(f"feature {chosen} reads layer {span.source_layers[0]}; label: {label.text if label else 'none'}")
print("layer   norm of its row   mean length of what the MLP writes")
for layer, norm, scale in zip(span.layers, span.norms[0], span.scales, strict=True):
    print(f"{layer:5d} {norm:17.3f} {scale:18.1f}")

# %% tags=["student"]
answer_2 = None  # gs-answer: ex2

# %% tags=["solution"]
answer_2 = 3  # gs-answer: ex2

# %% tags=["first-idea"]
answer_2 = 5  # gs-answer: ex2

# %%
ex2 = gs.Predict(
    scope,
    f"At how many layers does feature {chosen} write at least half of its largest share?",
    lambda scope: int(count_layers(measure_spans(scope, (chosen,)))[0, 0]),
    name="ex2",
    answer=answer_2,
    tolerance=0,
    wrong={
        "1": "That is the largest alone: count each that reaches half of it.",
        str(counts[telling[0], 0] - 1): "The largest counts too.",
        str(counts[telling[0], 0] + 1): "Halve the largest share, not the norm: one of these stays below.",
        str(counts[telling[0], 1]): "You compared the norms: divide each by what the MLP writes at that layer.",
        str(counts[telling[0], 2]): "At these it writes something; count those with half of the largest share or more.",
    },
    reveal="gs1:eNodjbEOwkAMQ3/F6sLWD2BjB4mBHzhKSk4Kd9LFVejfk7JYsp9lTxeMHieHSXtTQTFLU0kTPHdUuth6Rmghlr41OqpDe+CzLZr8sH1FMQOPElVwu94Ro1Ic/yTFyi5jxiNpk29u5RFeo0TucZ5+z8YvjA==",
    hints="gs1:eNotzEEKwjAQheGrPLIuPYCuRPAS4mI0YxNIZmAyreT2jdbt+z/ePVxiBOGlZa1ygqhVxLzlyBHPjsokKCyLpzlMCLcsEdkbCtnCzcHi1ifQmBOVjUf8wauu4vDEQ3a2hk/SxgdHbqOQQw1Vjc9/dzyOqMLQ93etc3jsEAA4bw==",
)
ex2

# %% [markdown]
# **See.** The same as a picture: a bar for each layer, as a part of the largest share, dark from one half on. The triangle marks the
# layer that is read; layers before it, where a feature may not write, are hatched in such pictures. Run it when you have committed.

# %%
span.plot(kinds=False)

# %% [markdown]
# ### Exercise 3 — early, late, persistent
#
# Call a feature **persistent** if it is near its peak (dark) at half of all layers or more. Otherwise it is **early** or **late**: its
# peak lies in the first or the second half of the layers. **Predict** before you run the next cell: six features will stand there, with
# the layer that each reads. Of which layers could a persistent one be? Then look, and sort. (`six.to_frame()` has the same as a table.)

# %%
spans = measure_spans(scope)
picked = []
for kind in ("early", "late", "persistent"):
    own = [at for at, one in enumerate(spans.kinds) if one == kind]
    own = [at for at in own if clt.label(LOOKED_AT[at])] or own
    own.sort(key=lambda at: spans.source_layers[at])
    picked += dict.fromkeys([*own[:1], *own[-1:]])  # the one that reads the earliest layer, and the latest
SIX = tuple(sorted(LOOKED_AT[at] for at in picked))
six = measure_spans(scope, SIX)
for feature, layer in zip(SIX, six.source_layers, strict=True):
    label = clt.label(feature)
    print(f"feature {feature:5d} reads layer {layer}; label: {label.text if label else 'none'}")
six.plot(kinds=False)

# %% tags=["student"]
answer_3 = None  # gs-answer: ex3

# %% tags=["solution"]
answer_3 = ["early", "persistent", "late", "early", "persistent", "late"]  # gs-answer: ex3

# %% tags=["first-idea"]
answer_3 = ["early", "early", "early", "early", "late", "late"]  # gs-answer: ex3

# %%
KINDS = ("early", "late", "persistent")
ex3 = gs.Quiz(
    scope,
    "Where do these features write?",
    [
        gs.Question(
            f"Feature {feature}, which reads layer {six.source_layers[at]}, is …",
            lambda scope, at=at: measure_spans(scope, SIX).kinds[at],
            choices=KINDS,
            wrong={
                "persistent": "Count its dark bars: they must be half of all layers, not of those that it may write to.",
                "early": "Count its dark bars first, then look in which half of all layers the tallest stands.",
                "late": "Count its dark bars first, then look in which half of all layers the tallest stands.",
            },
        )
        for at, feature in enumerate(SIX)
    ],
    name="ex3",
    answer=answer_3,
    hints="gs1:eNo9kEEKAjEMRa/ymfUwB3Aj4iFciIvYprQY2qHJIHN7U2Xctc3/74Xep2vbqsEyI1J/4UldkUpXW3DpPAY7MklCSyARCO3cdfY3C5kjWmVFqUG2yPE8zZhumY8i+aE2mz0l+1dizmC14UEYaj15G+9cQv57RnAtwTavxzb4BjWqP/4Fiek7M18CnSnqWONoCjn/tyYCVffjyWDqss9wiGsU1ppj3kdOOPkntBFc/V7UuNoyPT6+ZmT3",
)
ex3

# %% [markdown]
# **See.** Who they are: click through the card of one of the persistent ones. What it fires on is read off held-out text of mini's; the
# tokens that it promotes are those of all its rows together. (Some ten seconds.)

# %%
lasting = next((feature for feature, kind in zip(SIX, six.kinds, strict=True) if kind == "persistent"), SIX[0])
card = gs.FeatureCard(scope, clt.feature(lasting))
card

# %% [markdown]
# ## 3 · A claim that did not hold
#
# Three kinds, so one might say: *the features of such dictionaries fall into early, late and persistent ones*. For gscope-mini that was
# put to the test on all features of the CLT and of the crosscoder, which you will meet in section 5. The bar was set before: each kind
# has at least 2 % of the features, in both; and what a feature may not write is exactly 0 in the files. The crosscoder has four layers, so that "half of all" is two of them. The control takes only
# the features that read the first layer, and deals their norms at each layer out anew among them, so that none keeps a span of its own.

# %%
claim = mini.claims()["T7w"]
for name, shares in claim.details["shares"].items():
    print(f"{name:10}", "   ".join(f"{kind} {share:4.0%}" for kind, share in shares.items()))
print("bar:", *claim.threshold.split("; "), sep="\n  ")
print("reached" if claim.passed else "missed")
print("persistent, of the features that read the first layer:")
dealt = claim.control["persistent_of_first_member_with_norms_shuffled_between_features"]
for name, share in claim.control["persistent_of_first_member"].items():
    print(f"{name:10} {share:4.0%}   dealt out anew {dealt[name]:4.0%}")

# %% [markdown]
# The claim is missed. Look at three things. The crosscoder has no early feature at all. The control: of the CLT's features that read the
# first layer, as many are persistent when norms are dealt out anew. So there *persistent* says something of how long rows are at each
# layer in general, and little of any single feature. In the crosscoder all that read the first layer are persistent, dealt out or not:
# there the control tells nothing. And the next cell: much of the sorting is settled by the layer that a feature reads, which leaves it
# no other choice. Its last line answers what exercise 3 asked: of which layers a persistent feature could be.

# %%
layers = np.array(spans.source_layers)
print("reads   may write to   early   late   persistent   features looked at")
for layer in LAYERS:
    own = [kind for kind, at in zip(spans.kinds, layers, strict=True) if at == layer]
    if own:
        row = "".join(
            f"{own.count(kind) / len(own):{width}.0%}" for kind, width in zip(KINDS, (13, 7, 13), strict=True)
        )
        print(f"{layer:5d} {len(LAYERS) - layer:14d}{row}{len(own):14d}")
half = (len(LAYERS) + 1) // 2
print(
    f"persistent takes {half} layers to write to: only a feature that reads one of layers 0 to {len(LAYERS) - half} has them"
)

# %% [markdown]
# ## 4 · Two graphs of one prompt
#
# If features need no copies, paths through a graph should be shorter. First a prompt. A graph explains a prediction; so the **gate**:
# does the model predict anything, with a probability of 0.3 or more?

# %%
PROMPT = "English: Tavi wants to see a red axe in autumn.\nFrench: Tavi veut voir une hache rouge"
top = scope.next_tokens(PROMPT, 1).chances[0]
print(
    f"{top.token!r} with probability {top.probability:.2f}: {'go on' if top.probability >= 0.3 else 'take another one'}"
)

# %% [markdown]
# The graph through the CLT. Each column is a token, each row a layer; the next token is at the top right.
# Press a node: what comes into it and what goes out of it is listed beside the graph. **Find:** press the answer, the triangle at the
# top. Which feature adds most to it, and what is its label? Press that feature in turn: what adds most to it? (The cell after exercise 4
# says it.)
#
# An edge holds what one feature adds to another *directly*, through no third feature. In this graph that is all that it writes at its own
# layer and at later ones, up to the layer before the reader's, taken together. In a graph through transcoders of one layer each, the same
# edge holds only what the feature wrote at its own layer; the residual stream carries it on to the reader.

# %%
circuit = gs.CircuitGraph(scope, PROMPT, dictionaries=clt, target=top.token if is_mini else top.id)
circuit

# %% [markdown]
# How long is a path? There are very many, so take a **random walk**: start at the next token and go back, each time to one of the
# inputs, with a probability in proportion to the *size* of what that adds. The walk ends at a token, or at an error, which nothing
# leads on from. The **path length** is the mean number of steps of the walks that end at a token, and the share of those is what the
# graph **explains**.
#
# ### Exercise 4 — by hand
#
# A made-up graph. What is the mean number of steps of the walks that end at a token?
#
# | to | from | adds |
# |---|---|---|
# | next token | token A | 2 |
# | next token | feature f | 6 |
# | next token | an error | 2 |
# | feature f | token A | 3 |
# | feature f | feature g | -1 |
# | feature g | token B | 4 |
# | feature g | an error | 1 |

# %% tags=["student"]
answer_4 = None  # gs-answer: ex4

# %% tags=["solution"]
answer_4 = 1.9  # gs-answer: ex4

# %% tags=["first-idea"]
answer_4 = 2  # gs-answer: ex4

# %%
ex4 = gs.Predict(
    scope,
    "What is the path length of the made-up graph, to one decimal?",
    "gs1:eNoz1LMEAAErAJk=",
    name="ex4",
    answer=answer_4,
    tolerance=0.03,
    unit="steps",
    reveal="gs1:eNoljMEKgCAQBX/l4TmsIBK69yGmG0rhgm6If5/U6c0w8NRuXUC1DY6fJAVHQ+AKPoUSoiCWXu+L/ACb/McFEqyAuvaRQKCcOcMzEst/tGHWy4oRkzZGqxdEgCHb",
    wrong="gs1:eNqdj8FOxDAMRH9llHNVAWKpVA5c+AQuHL2Nl1jNxijxblUh/p1k6Upw4MLJGceeN/5wd26EewlkkAILjCNTgh4ubwuZGe9koYAK5ACKEQtnbjLKzHF9rFreApimgP2KoEtdN06Qi+dCcWbfuw7utr9/aLhnOYvnNtwgJVD124htuuWoeTh51EIwnTmNtamFf38lcM6a4RVJDZOekm2kYddIr3r67rL/y/7qYarb6u6/GTvc9MPQVQFNDM+THCmOaAnFY72G2U75QX9yn1+ZboJT",
    hints="gs1:eNpljLEOgjAURX/lppNGLLQKGjcXVxY34wCmSAO2hNYg/ogf5I9ZWjane+85L+9CTr1+wNYCSrwsrG6EQoGhaBvctTCOzPCIQdoaXa/LopSttCN4zJJouqiCy9ymyCusGbRqR//XyLfATT+VNZREILlyzIrugIRyivOg/TTTzvD9uNiljte9EH+GpyH3/tWCzRQr8FC3qeub0BlfIsYi+Fl5Sq4/LDVIFg==",
    solution="gs1:eNo1yEEKgCAURdGtPByHqVlR0Doaf0lQFIv6EO0+IRpdzhUr5XSBAzF82VBD4D35AqbkoXGxP3BHDjjO3ZGLOfIDJU0D830lbd+g+6HNDC3tgLZiHLFUTVK8Ir0egw==",
)
ex4

# %% [markdown]
# ### Exercise 5 — in both graphs
#
# `graph.walks()` does it for a whole graph: `.length`, `.explained`, and `.to_frame()` with the share of walks by number of steps. Two
# graphs rarely explain as much, and one that is cut shorter may just have met an error sooner. So `graph.walks(explained=x)` takes away
# features, least walked first, until only about a share x is explained.
#
# One of the two graphs explains less. Take both to the share that this one explains: by how many steps are walks through the transcoders, one
# a layer, then *longer* than those through the CLT? (Plain transcoders, without skip connections; their length less the CLT's, below 0 where
# they are shorter.) The next cell traces both graphs, and says what you were to find in the one above. Work the number out in the cell after
# it. Shares are printed rounded down, so that a graph reaches the number that you read.


# %%
@cache
def trace(scope, kind, prompt=PROMPT):
    """A graph of the likeliest next token, through the "CLT", or through transcoders, "plain" or "skipping"."""
    dictionaries = {"CLT": clt, "plain": plain, "skipping": skipping}[kind]
    return gs.circuit(scope, prompt, dictionaries=dictionaries, target=scope.next_tokens(prompt, 1).chances[0].id)


def round_down(share):
    """A share to three decimals, and never more than it is: `walks` refuses what a graph does not reach."""
    return np.floor(1000 * share) / 1000


graph = trace(scope, "CLT")
is_feature = graph.to_frame().sort_values("node")["kind"].to_numpy() == "feature"
strongest = int(np.where(is_feature, graph.weights[-1], -np.inf).argmax())
print("adds most to the answer, of all features:", graph.name(strongest))
print("adds most to that one:", graph.name(int(graph.weights[strongest - graph.first_row].argmax())))
for kind in ("CLT", "plain"):
    walks = trace(scope, kind).walks()
    print(
        f"{kind:6} length {walks.length:.3f}, explains {round_down(walks.explained):.3f}, past {walks.features} features"
    )
FIRST_SHARE = 0.3  # what the next cell begins with

# %% tags=["yours"]
least = FIRST_SHARE  # put a number here: what share do both explain?
through_plain = trace(scope, "plain").walks(explained=least).length
through_clt = trace(scope, "CLT").walks(explained=least).length
print(f"{through_plain - through_clt:+.3f} steps")

# %% tags=["student"]
answer_5 = None  # gs-answer: ex5

# %% tags=["solution"]
answer_5 = 0.113  # gs-answer: ex5

# %% tags=["first-idea"]
answer_5 = 0.066  # gs-answer: ex5


# %%
@cache
def measure_fall(scope, kind="plain", prompt=PROMPT, least=None):
    """Length through transcoders less that through the CLT, both explaining a share: the largest that both do, or another."""
    graphs = [trace(scope, one, prompt) for one in (kind, "CLT")]
    if least is None:
        least = min(graph.walks().explained for graph in graphs)
    first, second = (graph.walks(explained=least).length for graph in graphs)
    return first - second


whole_fall = trace(scope, "plain").walks().length - trace(scope, "CLT").walks().length
ex5 = gs.Predict(
    scope,
    "How many steps longer are walks through plain transcoders than through the CLT, where both explain as much as the "
    "one that explains less? To three decimals.",
    measure_fall,
    name="ex5",
    answer=answer_5,
    tolerance=0.004,
    unit="steps",
    wrong={
        f"{whole_fall:.4f}": "That compares whole graphs, of which one explains more: give both the smaller explained share.",
        f"{-measure_fall(scope):.4f}": "The size is right; take the CLT's length from the other one.",
        f"{measure_fall(scope, least=FIRST_SHARE):.4f}": "That is at the share that the cell began with: both explain more.",
    },
    reveal="gs1:eNoti0EKwzAMBL+y5FzygNzanyjuYhtkuVgKJL+vU3rbYWeWV48CGUQ6AtERhVAZmR7wch9RJLDfGs+PSrUVz4DAm6hyoBt/lR1tn1gdYtPmeMzxRpMLqYhloobDa7YNzn/DM5Coui5fNLcwbQ==",
    hints="gs1:eNo1jtFKxDAQRX9lyFMLJX8gIqIo+LDsFnywItl01gybTkomtfr3ToI+DmfOvffNjAHBY4zgzukLoeiJ35g9CcKaiYvAHlwBdD4oWaMjFguvgfROlyaUPQEJyOJixHxrBjCHrShSj7fljBmI26fqHqv2+Hw8jR+np7vjw/AP24wmadhP2rIM4HiGvDFQsTU2opMCN7AQdyVrVic+rTjAlXju7e7iVbre/u3EGS4pN1Y7usncv4yT5kym8cn0fe2q5eIWhJ1KSLo8p41n4k9r3n8BmVViVQ==",
)
ex5

# %% [markdown]
# **See.** When you have committed: does the difference keep its sign at other shares? And one prompt is one prompt. After its shares come
# some more prompts, each at the largest share that both of its graphs explain, then the claim as it was measured on many, with its
# interval (what other prompts might well have given).

# %%
MORE = (
    "The old fisherman walked from the harbour to the market with his",
    "Rules of the hospital:\n- You must not dig a hole",
    "Astrid sails on the Swallow. The Swallow",
)
largest = min(trace(scope, kind).walks().explained for kind in ("plain", "CLT"))
print("this prompt, through plain transcoders less through the CLT:")
for share in (*(share for share in (0.2, 0.3, 0.4, 0.5, 0.6) if share < largest), largest):
    print(
        f"{measure_fall(scope, least=share):+.3f} steps | both explain {round_down(share):.3f}",
        "the most" * (share == largest),
    )
for prompt in MORE if is_mini else ():
    print(f"{measure_fall(scope, prompt=prompt):+.3f} steps | {prompt!r}")
claim = mini.claims()["T7"]
low, high = claim.interval
print(
    f"gscope-mini, {claim.n} prompts: {claim.value:+.2f} ({low:+.2f} to {high:+.2f}) steps; {'holds' if claim.passed else 'missed'}"
)
print("CLT and transcoders side by side:", *claim.details["not_alike"].split("; "), sep="\n  ")

# %% [markdown]
# So the sign can hang on the share: at small ones, at which only the most walked features are left, this prompt's walks through the CLT
# are not the shorter ones. At the largest share that both graphs explain they are, here and on the mean of the claim's prompts: in that
# sense, and without skip connections, graphs through the CLT are shorter. Does that make them better?
#
# A transcoder can have a **skip connection**: a matrix that passes what is read straight to what is written, without any feature
# (*affine* transcoders). All it can do is linear; but it makes the copy better, and Gemma Scope 2 advises it for graphs.
#
# ### Exercise 6 — and with skip connections?
#
# Now the transcoders, one a layer, have skip connections; the CLT is the same as before. Which walks are longer?

# %% tags=["student"]
answer_6 = None  # gs-answer: ex6

# %% tags=["solution"]
answer_6 = "those through the CLT"  # gs-answer: ex6

# %% tags=["first-idea"]
answer_6 = "still those through the transcoders"  # gs-answer: ex6

# %%
LONGER = ("still those through the transcoders", "neither: within 0.03 steps", "those through the CLT")


def name_longer(scope):
    """One of the choices."""
    fall = measure_fall(scope, "skipping")
    return LONGER[0] if fall > 0.03 else LONGER[2] if fall < -0.03 else LONGER[1]


ex6 = gs.Predict(
    scope,
    "Beside transcoders with skip connections, which walks are longer for this prompt?",
    name_longer,
    name="ex6",
    answer=answer_6,
    choices=LONGER,
    reveal="gs1:eNoVjNEJwzAMBVd5ZIAM0K5R6LdIXmxRVzKWQtev/Xdwx23vKoniDGQdfpcKQXy043AzHqlu6BIxA3NclLwHH9CExhQj4RfEwLNwx6sSkexLRmpr88pBqC3A10+25xrZJET1X8zVvv0BzbAvmA==",
    hints="gs1:eNodjEsKwzAMRK8yeB1yhdBNoSfoonQhbNU2JZKxFdLcvkpWb5jfKzwLGeoAYRg3VHGVO7Wy4N51hWhimF6c8biK39oQVYSjVT0HZ7iECeHmfjsQSdzbkRVWum65OBkrWa+/CSQJwpyGl/Bhsq0z/KjawE7HHN5/QzozsA==",
)
ex6

# %% [markdown]
# **See.** When you have committed: the three graphs of the prompt, then many prompts, and what it costs to put a dictionary in the
# place of all MLPs.

# %%
print("           length   explains")
for kind in ("CLT", "plain", "skipping"):
    walks = trace(scope, kind).walks()
    print(f"{kind:9} {walks.length:7.3f} {round_down(walks.explained):10.3f}")
beside = claim.details["beside_transcoders_with_affine_skips"]
print(f"longer than the CLT's, {claim.n} prompts of gscope-mini, both explaining as much:")
for kind, value, (low, high) in (
    ("plain", claim.value, claim.interval),
    ("skipping", beside["fall"], beside["interval"]),
):
    print(f"{kind:9} {value:+.2f} ({low:+.2f} to {high:+.2f}) steps")
loss = claim.details["delta_loss_all_mlps"]
print("rise of the loss where all MLPs are replaced, in nats a token:")
print(f"CLT {loss['clt']:.2f}, plain transcoders {loss['per_layer']:.2f}")

# %% [markdown]
# The shortest walks are those with skip connections. That is consistent with steps that run through a matrix, for which no node stands;
# what went through it was not counted. The CLT may shorten paths in its own way: a feature that writes to six layers may stand for work
# that six MLPs do, one after the other, in the model. **A shorter graph is not a truer one.** Length counts nodes; how many the model has
# is not known. What tells more is whether a dictionary does the MLPs' work (the last line: the CLT and the plain ones both cost much; for
# those with skips it was not measured here), and whether changes to nodes do what the graph says, which tutorial 6 tests.
#
# ## 5 · Which way causes may run
#
# A **crosscoder** crosses layers too, but reads and rebuilds the *residual stream* at several layers, and not what MLPs write. The ones
# of Gemma Scope 2, and mini's, are **weakly causal**: a feature reads one layer and may write to that and later ones, never to an
# earlier one. The cell counts what is written to earlier layers, by features that are spread over each dictionary.

# %%
print("rows of decoders that are not 0      to earlier layers      to its own and later")
for home in (clt, crosscoder):
    some = scope.write_spans([home.feature(feature) for feature in range(3, home.d_dict, max(1, home.d_dict // 60))])
    before = np.array(some.layers)[None] < np.array(some.source_layers)[:, None]
    found = [f"{(some.norms[which] != 0).sum()} of {which.sum()}" for which in (before, ~before)]
    print(f"{home.info.kind:34} {found[0]:>19} {found[1]:>25}")
reads_first = crosscoder.feature(7)
scope.write_spans(reads_first).plot()

# %% [markdown]
# Such a picture invites a story: *the feature acts on all these layers*. But the residual stream carries what is in it from layer to
# layer by itself. A crosscoder's feature that is written at the last layer says: when it fires at the first, this is *there* at the
# last, whoever put or kept it there. A CLT's feature says that MLPs *write* this, at those layers. Causes can run from the layer that
# is read to the later ones; that they did needs a change and its control.
#
# ## Quiz
#
# Eight questions on what you did. Of a wrong answer is said what it misunderstands; choose again until all are right.

# %% tags=["student"]
answer_7 = None  # gs-answer: ex7

# %% tags=["solution"]
answer_7 = [
    "layer 4 and all later ones",
    "this is there at layer 6 when the feature fires at layer 2",
    "no feature explains a layer before the one that it reads",
    "one through a CLT",
    "a part of their paths runs through a matrix, which is no node",
    "at equal explained influence",
    "late",
    "neither that both dictionaries have all three kinds, nor that it is impossible",
]  # gs-answer: ex7

# %%
questions = [
    gs.Question(
        "A feature of a CLT reads layer 4. To which layers may it write?",
        "gs1:eNpTykmsTC1SMFFIzEtRSMzJUchJLAHy8/NSi5UAheUJbw==",
        choices=("layer 4 alone", "layer 4 and all later ones", "all layers", "only those after layer 4"),
        wrong="gs1:eNo9jkEKwjAQRa/yyVqKC1e9gaDiwguMZkoCMQOZgVLEu5tpi5uB4b//+J9QaOGGE6hI5TAiPBIZsoJgjaq+JPZcJvQYKzyEAwKVsn3qnZsYTMDUSna6so6wJMpoMqvXsykibzZqjOOqkVqWHaTJerTPcenZ0Jii4smT9IYlxvVyd9l/dI1404K5ZWPMvtz8OEYx6hC+P290S18=",
    ),
    gs.Question(
        "A crosscoder's feature reads layer 2 and has a long row at layer 6. What does that say?",
        "gs1:eNpTKsnILFYAopKM1KJUhcQShZzEytQiBTOF8ozUPJCoQlpqYkkpUC4tsyi1GKHCSAkAfj0UtQ==",
        choices=(
            "the MLP of layer 6 computes this",
            "this is there at layer 6 when the feature fires at layer 2",
            "the feature reads layer 6 too",
        ),
        wrong="gs1:eNpVjrEKAjEQRH9lSH1caaGVhZ2Cv7CX7JFAzpVswiHiv7u5w8JymMe8ebsaGbfrHTIj04sLDvCyPFtlRY1J3RHuDF9E1UuwvvDUUg69ZQuaQqMMrYVpGbDG5CMoqyBKpyhnI6nC08KYeJbCoxuwiWem2kqfIUN//irSrReypX9CHrxTp90uqwmstfM9B94uju7zBda/Swk=",
    ),
    gs.Question(
        "What does weakly causal mean?",
        "gs1:eNoVyEEKwCAMBMCvLP5siysVJJGYQvv76mlgijmamE8IeudgtwVi8FPgUvP9eQtuRyZ6IsS6yg9p3RTD",
        choices=(
            "no feature explains a layer before the one that it reads",
            "what a feature writes was caused by it",
            "its effects on later layers are small",
        ),
        wrong="gs1:eNoljkEOgzAMBL+yyhnxAN5RqWcXnBI1JJXtNEJV/46hFx+84x1/Q1/JQIhM1oTRJRkrOilmasoLHjuShQnhdpK9tuw7hprU8pw8g7TsJ0sSni3VoqjNBlBZ8Jb68ajUwmMYEJIpOEbnHCrIZCw+dxYFuV03yvl03ZleSApbGXOmtKHG6yE6DYM32pX9y8bwOwD060Zw",
    ),
    gs.Question(
        "In which graph may one node stand for what several MLPs do one after the other?",
        "gs1:eNpTys9LVSjJKMovTc9QSFRw9glRAgBBkwYs",
        choices=("one through plain transcoders", "one through a CLT", "in none"),
        wrong="gs1:eNo9jUEKwkAMRa/ymY2b0gO4E7cVXPQCoU2dgZKUJLWIeHdnEFy+xXvvnVQYkU33R8a2UhGEkfikM5unM9KY2RhMU8bCFHsFD5LZsaiBsJEFdEEL3YZ7nzqkWpHKTb/gOown/7uHlWBHKJyfbLRipVdddb/FUSKDpJVatIRDD+nT5wujPTnj",
    ),
    gs.Question(
        "Walks through transcoders with skip connections are the shortest. Which of these may be why, though nothing here counted it?",
        "gs1:eNoNyEEOgDAIRNGrTLr2UkSrw8JigKY9viR/834TfOIJu5Hs6qVkwOeIGm7zIQSvpOs+sKgnoYFh1dXbD8rlFks=",
        choices=(
            "these transcoders are the truest",
            "a part of their paths runs through a matrix, which is no node",
            "they meet an error sooner",
        ),
        wrong="gs1:eNodzcENwzAIheFVnnyuMkCG6KkLUAfFkRKIACutqu5e0yP86ONTorEzwki86sLmIBtzy11njzKj3DXaJisaj3QweTdeskebsbOs0VC1SzhkGD6VGxJ+j2MOkIDN1OCqwpbiI+OVXNXjpOSuv/4cr8Cvc6dNQI6j1zaV7w8Hbzwl",
    ),
    gs.Question(
        "One graph explains more than another. How are their lengths compared?",
        "gs1:eNpTSixRSC0sTcxRSK0oyEnMzEtNUcjMS8spTc1LTlUCAKftCwU=",
        choices=("as they are", "at equal explained influence", "at an equal number of features"),
        wrong="gs1:eNptjUsOwjAMRK8yyrrqAdhxBy5gqNuEpnaxE5UKcXeSPbvRfN58AjlK5BNkHC4IVyxGe2weFfB7z5TEkdkdsVWzeoHrxtAZqTgOymsjKNhMzQeQTBAteNbWJDnHMCBQl+BXpQyp252t72emUo29/94i/0ngdHrHxSRLD6Ie2OojgmVyNGzRlcXH8P0ByMpGsg==",
    ),
    gs.Question(
        "Of eight layers, a feature reads layer 6 and is near its peak at 6 and 7, all that it may write to. It is …",
        "gs1:eNpTykksSVUCAAa6Aes=",
        choices=("early", "late", "persistent"),
        wrong="gs1:eNodjUEOwjAMBL+yyhn1wg1ewJ0PmNYlFiauYldVhfp3kl53dnZ/ianqnm5Ij3AsTB+osEMKIjOcRysTMuk8pAvSwtXFg0t05bkZbAbLOweU9gZBlVEsTqVDUr23KQpIYLRVpxNPhq+1qji2DttRiBVce0IvW2NIxx+h8jYI",
    ),
    gs.Question(
        "The claim of section 3 was missed. What may you say?",
        "gs1:eNoty0EKgDAMRNGrDF17qdQGMlgTaYLntwvh7x6/ubJMF8qk0KMMg2cxXBY1YfIqZM7tSxUXfeQBj3/gLsH7iUz2qe0DplAdOg==",
        choices=(
            "features of the three kinds are found in both dictionaries",
            "write spans mean nothing",
            "neither that both dictionaries have all three kinds, nor that it is impossible",
        ),
        wrong="gs1:eNotjkEOwjAMBL+yyhn1AfANPuA2LrFobWSniiLE3wmoh73NaPadVqZ6OAdsRS085sx4iuYAOWO1QzNEMVstyLJUMSUXjnRFug9jcYtYLLOjUEANTL51mPKULkjNpTLiRRrYmXQQtYg+Tr8jqKMVHjHCeQd/KW4I8zpYzP33bkcbhVaoYiXZOE/p8wWTx0U0",
    ),
]
ex7 = gs.Quiz(
    scope,
    "What have you seen?",
    questions,
    name="ex7",
    answer=answer_7,
    hints="gs1:eNqLVnJNTM5QKCxNLS7JzM9TyEgsVsgsKVYoTk0G8a0UDBUS81IUjBTS8osUSjJSgXRpUUmGjoIJQiQzrSQDrKo4swIkZQqXApqSDxQHyZVkZBal6CnFAgCTqyZU",
)
ex7

# %% [markdown]
# ## What this does not show
#
# * That a shorter graph is a truer one. Length counts nodes. A skip connection, and a feature that writes to many layers, each can leave
#   steps of the model out of the count; how many, nothing here measured.
# * That the fall in length is due to writing across layers alone. The CLT and the transcoders of one layer were not trained alike: the
#   claim's own line *not alike* says in what.
# * That features are of three kinds. That claim was missed, and its control says that of the CLT's features that read the first layer as
#   many would be persistent by chance. Of the others, and of the crosscoder's, it says nothing.
# * How attention moved anything. It is frozen in these graphs, whichever dictionary they go through, and errors stay what no feature
#   stands for.
# * That a feature of a crosscoder causes what it writes. It is consistent with what is there at later layers; only a change tests more.
# * gscope-mini is a small model trained on generated text. What holds here is no result about Gemma 3. To ask the same of Gemma, put
#   `gemma-3-270m` in place of `mini` where the scope is loaded; that needs a network, its licence accepted on the Hub and a token
#   (`gs.doctor()` says what is missing). Opening reads the header of each file, so that a damaged one is told (the CLT of
#   `gemma-3-270m-it` was reported as such); the first cell prints sizes before anything large is fetched. Of the CLT, of 12.7 GB, the
#   graph takes 0.7 GB of encoders and the rows of features that fire; reading whole texts with it, in section 1, stays mini's.
