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
# # Computation: transcoders and graphs
#
# **70 minutes, 60 without section 8 · difficulty ●●●● · no account, no GPU, no network**
#
# So far you have looked at what a model *holds*: which features are active, and what they can write. This tutorial is about what it
# *does*: how one feature brings about the next, until a word comes out. The tool is an **attribution graph**. It is a hypothesis, drawn by
# arithmetic from one prompt, and hypotheses are there to be tested. You will
#
# 1. take an MLP apart by hand, and follow one edge of a graph;
# 2. draw the graph of a question that needs two steps, and leaves what lies between them to the model;
# 3. find what decides between two answers, take it out, and put something else in its place, each time beside a control;
# 4. look at what the graph does not explain;
# 5. ask how a token fetches what stands far back (section 8, which can wait for another day).
#
# The model is **gscope-mini**, a small model of Gemma 3's architecture that comes with the package. It was trained on
# generated texts about Tarn, an invented archipelago. Nothing you see here is a result about Gemma.
#
# *How to use it.* Run each cell with Shift+Enter. An exercise has two cells. Answer in the widget of the second and press its
# button; then run the first, the one with `gs-answer`, again: your answer is written into it, so that it is saved with the
# notebook. Hints come when you ask for them. A wrong prediction is no failure: it shows where to look. The first cell loads torch: until
# it has, there is nothing to see but its [*].
#
# ## 1 · A question with a step in between
#
# In Tarn each town lies in a region, and each region has a flag. *The flag of the land where Stormness lies is* can be answered in two
# steps: from Stormness to its region, from the region to the colour. The region stands nowhere in the prompt. If the model takes
# that step, it takes it inside.
#
# **The gate comes first.** A graph explains an answer, so there must be one: the cell takes the first pair of prompts whose answers the model
# gives with a probability of 0.3 or more. Notice the two answers: the whole tutorial is about the way from one to the other.

# %%
import os

import numpy as np

import gscope_widgets as gs
from gscope_widgets import mini

scope = gs.load(os.environ.get("GSCOPE_MODEL", "mini"))  # another model: put its name here
print(scope)
PAIRS = (
    ("The flag of the land where Stormness lies is", "The flag of the land where Eddersby lies is"),
    ("The capital of the state containing Dallas is", "The capital of the state containing Oakland is"),
    ("The opposite of hot is", "The opposite of big is"),
)


def find_pair(scope):
    """The first two prompts that the model answers, each otherwise, and their likeliest next tokens."""
    for pair in PAIRS:
        chances = [scope.next_tokens(text, 1).chances[0] for text in pair]
        for text, chance in zip(pair, chances, strict=True):
            print(f"{chance.probability:5.2f}  {text} …{chance.token}")
        if min(one.probability for one in chances) >= 0.3 and chances[0].id != chances[1].id:
            return pair, [one.token for one in chances]
    raise SystemExit("No pair passes the gate: add one of your own to PAIRS.")


(first, second), (own, rival) = find_pair(scope)
tokens, tokens_there = (scope.tokens(text).strings for text in (first, second))
last = len(tokens) - 1
changed = next(pos for pos in range(last) if tokens[pos] != tokens_there[pos])
print(f"The prompts part at token {changed},{tokens[changed]};", end=" ")
print(f"the answer comes after token {last},{tokens[last]}")

# %% [markdown]
# Is it a chain, or was each town's colour learnt by heart? For mini that was measured on pairs of a town and a question that no text of its
# training ever joined.

# %%
claim = mini.claims()["T6a"]
print(f"gscope-mini, {claim.n} pairs never joined: {claim.value:.0%} answered;")
print(f"guessed from the town alone {claim.control['from_the_town']:.0%},", end=" ")
print(f"from the question alone {claim.control['from_the_relation']:.0%}")

# %% [markdown]
# **See.** Where does the answer appear? The lens below shows, for each token and after each layer, the next token that the model would say if it
# stopped there. Move to its last column, under the last token: from which layer on does the answer lead?

# %%
lens = gs.LogitLens(scope, first)
lens

# %%
reading = scope.logit_lens(first)
likeliest = [reading.top(layer=layer, pos=last)[0] for layer in reading.layers]
begins = max((at + 1 for at, one in enumerate(likeliest) if one.token != own), default=0)
print(f"the likeliest token is{own} after layer {reading.layers[begins]} and every later one, with probabilities")
print("  ".join(f"{one.probability:.2f}" for one in likeliest[begins:]))

# %% [markdown]
# So, as far as a lens can tell, the answer leads before the later layers have acted. Keep that in mind: what acts there need not be the step from the town to its region. It
# may strengthen an answer that has begun.
#
# ## 2 · An MLP taken apart
#
# Attention moves things between tokens. What is made of them at a token is made by the **MLP** of each layer: it reads the residual
# stream, and writes something new to it. A **transcoder** imitates an MLP with features: it looks at what the MLP *read* and
# tells what it *wrote*. Three parts are added up:
#
# * each feature that fires, its activation times its row of the decoder;
# * an offset, always the same;
# * in *affine* ones a **skip**: what the MLP read, `x`, times a matrix `A`, written `x @ A`. It takes over what is done to everything
#   alike, so that features need not.
#
# What is still lacking is the **error**.

# %%
x = np.array([1.0, 2.0])  # what the MLP read
A = np.array([[0.5, 0.0], [1.0, -1.0]])  # the skip: row i says what one unit of x[i] becomes
activation = 3.0  # of the one feature that fires
decoder = np.array([0.2, 0.4])  # its row
offset = np.array([0.1, 0.1])
print("x", x, "  A", A.tolist(), "  activation", activation)
print("decoder", decoder, "  offset", offset)

# %% [markdown]
# ### Exercise 1 — what the transcoder says
#
# Work out by hand what it says that the MLP wrote. `x @ A` goes down the columns: its first number is x[0]·A[0][0] + x[1]·A[1][0].

# %% tags=["student"]
answer_1 = None  # gs-answer: ex1

# %% tags=["solution"]
answer_1 = 3.2  # gs-answer: ex1

# %% tags=["first-idea"]
answer_1 = 1.2  # gs-answer: ex1

# %%
ex1 = gs.Predict(
    scope,
    "What is the first of the two numbers?",
    "gs1:eNoz1jMCAAEqAJQ=",
    name="ex1",
    answer=answer_1,
    tolerance=0.01,
    wrong="gs1:eNpVkFFuwyAQRK8y4ttCiaO2kvsT36EXoPYSo9hsBOvYUtW7F4jdpn/Azr6Z4Usdda0aqI/BCFxEizPWCouTATIQJiPBrZA5eOrBdwoNyHQD/Dx9UgBbrLgwRZiR/QUGgZf82laInCboefEFZV2Igo7HefJaVVAH/fawJsSru2X7kayAZ2lg+j6Rz2iL9KSPu5StjSTP4qKo9euusGRSXvrPO0HclGI6iTnitvPy3F32ILkKvT9Cbyzj+3Lf3Due0jn14ttG+q2S+2eYuZIv/5jsy6rpxN2NOPZ/aQ661ur7B5zuezk=",
    reveal="gs1:eNpTMtIzVUgrys9VKMlIVSjOzizQUTDQM0MIpaUmlpQWpYJEDRGi+WlpxaklekoAa6wT7A==",
    hints="gs1:eNqLVgrJKEpNVShILCoptlIoyUhVKM7OLNABs9JSE0tKi1IhnPy0tOLUEj0lHQWgFogqKwVDhcPTFQz0TBW0FYxATEO4PFSvlYIxRImRnlIsAK5BIiQ=",
    solution="gs1:eNpTMlQ4PF3BQM9UQVvBCMQ0VLBVMNIztVYwhkgYAfkGembWCiUZqQr5aWnFqSVAvqGVQkl+eipQrEjBWM9ITwkAsZMTdQ==",
)
ex1

# %% [markdown]
# **See.** When you have committed, let Python do the same.

# %%
print("skip", x @ A, "  feature", activation * decoder, "  offset", offset)
print("together", x @ A + activation * decoder + offset)

# %% [markdown]
# ## 3 · One edge
#
# A feature of an early layer writes its decoder row to the residual stream, and a feature of a later layer reads the stream with its
# encoder row. On the way are two things that depend on the whole text: **attention**, which says how much of one token's stream is
# carried to another, and the **norms**, which scale what is read. A graph *freezes* both: they stay what they were on this prompt. Then
# everything between two features is multiplication, and the **edge** is one number:
#
# activation × (decoder row · encoder row) × what attention passes on × the scale of the norm,
#
# where the dot is a dot product: the two rows multiplied number by number, and added.
#
# It says how much of the later feature's score, before the threshold, came from the earlier one. What is *not* in it: why attention
# looked where it looked.

# %%
activation = 3.0  # of the early feature, at a token further back
decoder = np.array([1.0, 0.5])  # what it writes, a unit of activation
attends = 0.5  # how much the later token takes of that token's stream (one head, which copies)
scale = 0.8  # of the norm before the later MLP, as on this prompt
encoder = np.array([2.0, -1.0])  # of the later feature
print("decoder", decoder, "  encoder", encoder)

# %% [markdown]
# ### Exercise 2 — the edge by hand

# %% tags=["student"]
answer_2 = None  # gs-answer: ex2

# %% tags=["solution"]
answer_2 = 1.8  # gs-answer: ex2

# %% tags=["first-idea"]
answer_2 = 2.25  # gs-answer: ex2

# %%
ex2 = gs.Predict(
    scope,
    "How large is the edge from the early feature to the later one?",
    "gs1:eNoz1LMAAAEqAJg=",
    name="ex2",
    answer=answer_2,
    tolerance=0.01,
    wrong="gs1:eNpVkM1OxDAMhF9l1AuXpaLLz6EXBHduvIC3dbYRrb1K3K0A8e4kTfnZWxzbM/P5s7qpH6oW1etABh/hNIAE1Jk/k3kVqEPTYtAF0YLKcXxH73vYwGAKqXJMNgeG84Efqx2qpr4vkhoZlDp51hZF0CWCRhVu/znsQGYsqxlJD9EwodOJkT5MT3XW3Nf7TZTLQMo6sjPobC1c0A8W9MoxdQ0TZ4ZDTKrr9m2BfPr1udhWSRSEEwXLtJZPYfrGchUzM9OUKII/c1zF7gres9rwY5xX44r6p3oJZVvuEifvv/jtO/qjtOXFneYDzNOBQ4mSjiyd9qlMka+buvr6Boi4kAM=",
    reveal="gs1:eNpTMlY4PF1BwxBEGiloKxjomYKYuoaaIArKM9Cz0FMCAAScC+E=",
    hints="gs1:eNo1zE0KwjAQhuGrfGSlWIMRuhHceoLuxEXaDHSgmUgytXgSD+TF+gPdPfDC+zQPzkWhPUGnhJymckMcB+X38IWMsaWMdlcFLwE+BGsqGIf/D1eccLH1ysPZHXGHs/WWm54EypEKfKf88cpJloMqycrtJSlHa14z+RcsLQ==",
    solution="gs1:eNpTMlY4PF3BUM8URBnAKAsFW6CYhZ4SAJCkCEU=",
)
ex2

# %% [markdown]
# **See.** Now the same for all features that fire on the prompt at once. What is explained here is not a word but a *lead*: the logit of the first
# answer less that of the second. So what makes both likelier alike, such as "a colour comes", drops out.
#
# For mini the graph goes through its **cross-layer transcoder** (CLT), whose features write to all later layers; for another model, through the
# affine transcoders of all layers, which are fetched first; the cell says how much that is.
#
# **Control.** All that comes into a node must add up to what the node is. If that sum were off, no number below would mean anything.

# %%
HOMES = scope.dictionary("clt") if scope.info.id == "gscope-mini" else None
if HOMES is None and hasattr(scope, "catalogue"):  # a replay fetches nothing
    sizes = {}
    for one in scope.catalogue():
        if one.site == "transcoder_all" and one.affine and not one.cached:
            sizes[one.layers] = min(one.bytes, sizes.get(one.layers, one.bytes))
    print(f"to be fetched: {len(sizes)} transcoders, {sum(sizes.values()) / 1e9:.1f} GB or more")
graph = gs.circuit(scope, first, dictionaries=HOMES, target=(own, rival))
other = gs.circuit(scope, second, dictionaries=HOMES, target=(own, rival))
comes_in = graph.weights.sum(axis=1) + graph.remainder + graph.left_out
gap = np.abs(comes_in - graph.values).max()
print(f"largest gap between what comes in and what is there: {gap:.0e},", end=" ")
print(f"where the largest value is {np.abs(graph.values).max():.0f}")
print(f"the lead of{own} over{rival}: {graph.values[-1]:+.1f} on the first prompt,", end=" ")
print(f"{other.values[-1]:+.1f} on the second")

# %% [markdown]
# A graph of hundreds of nodes shows nothing. A node's **influence** is how much flows from it to the target, over all paths: here a share of that of all nodes together. **Pruning**
# keeps the nodes that have most of it. Two scores say what is left:
# **replacement** is the share of influence that begins at tokens rather than at errors, **completeness** the share of what comes into
# nodes that no error brought, each node counted by its influence. In the view, tokens stand from left to right and layers from below; point at a node to see what comes in
# and goes out, press it to pin it. Notice where the town comes in, and in which column nearly everything happens.

# %%
circuit = gs.CircuitGraph(scope, first, dictionaries=HOMES, target=(own, rival))
circuit

# %% [markdown]
# ## 4 · What decides between the two
#
# Most of these nodes would be there for any town: *is* and *flag* are read alike. What differs is the town, and with it the region. So compare the last
# token of the two prompts, feature by feature. In the upper six rows are the features whose activation is higher on the first prompt by most; in the lower four, of all
# others, those with the most influence.


# %%
def find_nodes(graph, pos):
    """The features of a graph at a token: node by feature."""
    nodes = np.flatnonzero((graph.positions == pos) & (graph.kinds == 2)).tolist()
    return {graph.ref(node): node for node in nodes}


def name_feature(graph, node):
    """A feature by its number and its layer, as the view has it."""
    return f"feature {graph.numbers[node]} of layer {graph.node_layers[node]}"


def list_more(graph, nodes, rival_graph, rivals):
    """How much more active each feature is on one prompt than on the other, most first."""
    more = {}
    for ref, node in nodes.items():
        there = rival_graph.activations[rivals[ref]] if ref in rivals else 0.0
        more[ref] = float(graph.activations[node] - there)
    return dict(sorted(more.items(), key=lambda pair: -pair[1]))


mine, theirs = find_nodes(graph, last), find_nodes(other, len(other.tokens) - 1)
more_here, more_there = list_more(graph, mine, other, theirs), list_more(other, theirs, graph, mine)
influence = graph.influence() / graph.influence().sum()  # shares of all, as in the view
differing = [mine[ref] for ref in list(more_here)[:6]]
common = [node for node in mine.values() if node not in differing]
common = sorted(common, key=lambda node: -influence[node])[:4]
print("                            active   more than on the other prompt   influence")
for node in [*differing, *common]:
    print("\n" * (node == common[0]), end="")
    print(
        f"{name_feature(graph, node):26} {graph.activations[node]:7.1f}",
        f"{round(more_here[graph.ref(node)], 1) + 0.0:20.1f} {influence[node]:22.1%}",
    )

# %% [markdown]
# ### Exercise 3 — three nodes
#
# Taking out a feature at its token is to **ablate** it there. The reference circuit is the six features that differ most, the upper six rows. Choose
# **three** so that without them the lead falls by at least 80 % of what it falls by without all six. Offered are the ten rows of the table, in its order, and the three features of most
# influence at the token where the prompts part. You may also press *harder*: then the three are not taken out, but held at minus five times what they are.
#
# A fall alone proves little, so yours is set beside controls: sixteen draws of random features of the same layers, changed as much at the same tokens; and *your* three, changed alike
# on the other prompt, for what is needed for any answer changes that one too. The worst of them must stay below half of your fall, and must not reach by itself what is asked of you. And
# nobody rides along: each of your three alone must lower the lead by more than any random feature in its place.

# %% tags=["student"]
answer_3 = None  # gs-answer: ex3

# %% tags=["solution"]
answer_3 = ["feature 1328 of layer 5", "feature 1550 of layer 6", "feature 1847 of layer 7"]  # gs-answer: ex3

# %% tags=["first-idea"]
answer_3 = ["feature 894 of layer 3", "feature 1328 of layer 5", "feature 1847 of layer 7"]  # gs-answer: ex3

# %%
at_town = find_nodes(graph, changed)
NODES = {name_feature(graph, node): node for node in [*differing, *common]}
for node in sorted(at_town.values(), key=lambda node: -influence[node])[:3]:
    NODES[f"{name_feature(graph, node)}, at{tokens[changed]}"] = node
HARDER = "harder: held at minus five times what they are"


def ablate(nodes, factor=0.0):
    """How far the lead falls in the model without these nodes, and at the most with random ones in their place."""
    effect = gs.change_circuit(scope, graph, nodes, factor, controls=16)
    return -float(effect.free[0]), -float(effect.random.min())


def ablate_there(nodes, factor=0.0):
    """How far the lead moves on the other prompt, either way, when the same features are changed alike."""
    places = [changed if graph.positions[node] == changed else len(other.tokens) - 1 for node in nodes]
    found = [find_nodes(other, pos).get(graph.ref(node)) for node, pos in zip(nodes, places, strict=True)]
    same = [node for node in found if node is not None]
    return abs(float(gs.change_circuit(scope, other, same, factor).free[0])) if same else 0.0


def try_three(scope, names):
    """The share of the reference's fall that three nodes reach, where no control comes near."""
    chosen = [NODES[name] for name in names if name != HARDER]
    if len(chosen) != 3:
        return 0.0, f"You chose {len(chosen)} features; choose three."
    factor = -5.0 if HARDER in names else 0.0
    (fall, random), (whole, _), there = ablate(chosen, factor), ablate(differing), ablate_there(chosen, factor)
    said = f"With that the lead falls by {fall:.1f}; {0.8 * whole:.1f} is asked, of the {whole:.1f} without all six. "
    said += f"Controls: random features {random:.1f} at the most; the same on the other prompt {there:.1f}."
    if max(random, there) >= fall / 2:
        said += f" A control comes too near: each must stay below {fall / 2:.1f}, half of your fall."
    elif max(random, there) >= 0.8 * whole:
        said += " A control reaches what is asked: pressed so hard, features that decide nothing move the lead too."
    alone = {name: ablate([NODES[name]], factor) for name in names if name != HARDER}
    idle = [name for name, (own_fall, own_random) in alone.items() if own_fall <= own_random]
    if idle:
        said += f" Taken out alone, it lowers the lead no more than a random one in its place: {'; '.join(idle)}."
    reached = fall >= 0.8 * whole and max(random, there) < min(fall / 2, 0.8 * whole) and not idle
    return (1.0 if reached else min(0.9, max(0.0, fall / whole))), said


ex3 = gs.Predict(
    scope,
    "Which three nodes carry at least 80 % of what the six carry?",
    gs.Goal(try_three),
    name="ex3",
    answer=answer_3,
    choices=[*NODES, HARDER],
    several=True,
    reveal="gs1:eNo9jVEOwjAMQ69i7RvtALsGXCC0HqnWNlJTsXF7ugnx5zjP9nTnm00ygloKdDRKUKR+g9SIah2SM2xFVxZI408P8JWsjq9VLhCsJ5d8qJ2yodPPDr/YyqPDGfqZcLXdZzy0kSjyQTQUG8VdpV5rno4FbuW/NQyo5XgdmRLxlLDN0xehpUHK",
    hints="gs1:eNo9jkEKAjEMRa/y6XqYA3gDwaU7cVGmqQ3ONJJUi7c3nQE3CSTv/eQWzjWvb6oLIa5SCUnIUKXB4hdS0QsvBcbJAZ97YzvBZCPYi+ITWRStEMSLIlbrpHOYEC4ix7aX2NzCJuohS+MPwVlyLdbhKk0uJpRo4P8/TWTPuZZBKhE6t7LfWqM+yBoS5+z2oK2NBN7zkFl9e0gq3eZw/wGm71JE",
    solution="gs1:eNpTCslIVUjLLCouUSjJKEpNVSjKLy9WyE8D8lIVShKTclL1lADp9Qx9",
)
ex3

# %% [markdown]
# Was it luck with this town? For mini, five features of each region were chosen by a rule, from graphs of *other* prompts: those that matter more to its answers
# than to answers of other regions. Stormness lies in Ostrava, Eddersby in Eastmark. Notice which rows of the table are among them, and which features stand in the lists
# of several regions: a region is not one feature, nor is each feature of one region.

# %%
lists = mini.claims()["T6b"].details["features"]  # counted within their layer
share = HOMES.d_dict // graph.layers if HOMES is not None else 0  # features that read a layer of mini's CLT
for region in ("Ostrava", "Eastmark"):
    print(f"gscope-mini, {region}:")
    for place in lists[region]:
        layer, number = map(int, place.split("/"))
        others = [name for name in lists if place in lists[name] and name != region]
        print(
            f"   feature {layer * share + number} of layer {layer}", f"(also of {', '.join(others)})" if others else ""
        )

# %% [markdown]
# ## 5 · What happens without it
#
# The graph also *predicts* what an ablation does: follow the edges, leave all else as it was. Whether the model does the same is another matter, for
# in the model later layers answer to what is missing, and attention is free to look elsewhere. So there are three numbers for each ablation: as the graph
# **predicts**, with attention and norms **frozen**, and in the **model**; and a fourth, the **control**.
#
# ### Exercise 4 — four ablations
#
# Tick those that lower the lead in the model by at least 3. Which features each takes out stands above the choices. Say first, then see.

# %% tags=["student"]
answer_4 = None  # gs-answer: ex4

# %% tags=["solution"]
answer_4 = ["the first three rows of the table, at the last token"]  # gs-answer: ex4

# %% tags=["first-idea"]
answer_4 = [
    "the first three rows of the table, at the last token",
    "the most active feature at the token where the prompts part",
]  # gs-answer: ex4

# %%
strongest = max(at_town.values(), key=lambda node: graph.activations[node])
purest = max(differing[:3], key=lambda node: graph.node_layers[node])
ABLATIONS = {
    "the first three rows of the table, at the last token": differing[:3],
    "of these the one of the highest layer, alone": [purest],
    "the most active feature at the token where the prompts part": [strongest],
    "the first of the lower four rows, alone": [common[0]],
}


def find_strong(scope):
    """The ablations that lower the lead by 3 or more."""
    return [name for name, nodes in ABLATIONS.items() if ablate(nodes)[0] >= 3]


for name, nodes in ABLATIONS.items():
    print(f"{name}: {', '.join(name_feature(graph, node) for node in nodes)}")
ex4 = gs.Predict(
    scope,
    "Which of these lower the lead by at least 3?",
    find_strong,
    name="ex4",
    answer=answer_4,
    choices=list(ABLATIONS),
    several=True,
    reveal="gs1:eNoVTMkNhEAMa8WiAArgRykRZGDEkEjBPOh+vR/L97SiufEtRzbwdAx7KPi8YIQF3Gp0KeblgU3Onojk2eNYRFSjB3sqzNsfWKPqnbrTw5bv2DWr+v5exjz9AIZrKYI=",
    hints="gs1:eNotjTEOAjEQA79ipUY8gIaOCokHIIpVcEh0uSzKLkL8/hZEa3s813SauuJdOYksA6YrvbbxgHnrHZOSK7wSXczhunAc0w7prLpA/F99OKEF3/Eh3iLPcWSQ4tE0/yGXQRSKv8LVDMZ+D7eEJVAJIZ/7dNsA0O0ydA==",
)
ex4

# %% [markdown]
# **See.** When you have committed, run the next cell. Notice where prediction and model part.

# %%
print("change of the lead".ljust(60), "predicted   frozen   model   control")
for name, nodes in ABLATIONS.items():
    effect = gs.change_circuit(scope, graph, nodes)
    print(
        f"{name:60} {effect.predicted[0]:9.1f} {effect.frozen[0]:8.1f}",
        f"{effect.free[0]:7.1f} {effect.random.mean():9.1f}",
    )

# %% [markdown]
# A rise in one of these rows is no slip: influence has no sign. A feature that is more active on the *other* prompt may speak for the other answer, and without it the lead grows.
#
# The same in the graph: the three are grouped under a name and changed together, as you can do with any nodes that you pin. Notice the table under
# *Change*: its last two columns are the random features.

# %%
circuit.groups = {"the region?": differing[:3]}
circuit.change("the region?")
circuit

# %% [markdown]
# So far, so good, for one prompt and a lead. But is a fall proof? For mini the same was measured on many prompts with a harder question: how far does the
# logit of the answer *itself* fall, and how far does it fall when random features, or random directions, of the same size are taken out? How little
# the random ones may do was written down before the measurement. (The claim asks for *swaps* too: section 6 says what they are.)


# %%
def tell(claim):
    """Whether a claim holds, and what was asked of it."""
    print(f"{claim.id}, {'holds' if claim.passed else 'MISSED'}. What was asked:")
    for part in claim.threshold.split("; "):
        print("  ", part)


claim = mini.claims()["T6b"]
tell(claim)
low, high = claim.details["drop_interval"]
print(f"without five features of the region the logit falls by {claim.details['drop']:.1f} ({low:.1f} to {high:.1f}),")
for name in ("random_features", "random_directions", "features_of_other_regions"):
    print(f"without {name.replace('_', ' ')} by {claim.control['drop_by_' + name]:.1f}")

# %% [markdown]
# The claim is **missed**. The region's features do more than random ones, but random ones do far more than was allowed. That
# an answer falls says that something was broken, not what. A better test must ask for something that only the right change can give.
#
# ## 6 · Another step in its place
#
# A **swap** takes a feature out and puts another of its layer in: at the last token, as active as the one that it
# replaces. No word of the prompt changes. Those that come in are more active on the other prompt, as the table above the choices says. If such features decide, the model now answers for a town that
# nobody named.
#
# ### Exercise 5 — change the answer
#
# Choose at most **two** swaps so that the second answer becomes likelier than the first. In the control, random features come in instead; the lead must
# then stay above zero each time.

# %% tags=["student"]
answer_5 = None  # gs-answer: ex5

# %% tags=["solution"]
answer_5 = [
    "feature 1328 of layer 5 gives place to feature 1389",
    "feature 1550 of layer 6 gives place to feature 1694",
]  # gs-answer: ex5

# %% tags=["first-idea"]
answer_5 = [
    "feature 1550 of layer 6 gives place to feature 1694",
    "feature 1847 of layer 7 gives place to feature 1850",
]  # gs-answer: ex5


# %%
def list_swaps():
    """For each of the first three rows two features of its layer, more active on the other prompt."""
    swaps = {}
    for node in sorted(differing[:3]):
        rivals = [ref for ref in more_there if ref != graph.ref(node)]
        rivals = [ref for ref in rivals if other.node_layers[theirs[ref]] == graph.node_layers[node]]
        for ref in rivals[:2]:
            comes = name_feature(other, theirs[ref]).split(" of ")[0]
            swaps[f"{name_feature(graph, node)} gives place to {comes}"] = (node, ref)
    return swaps


SWAPS = list_swaps()
print("may come in                active on the other prompt   on this one")
for ref in dict.fromkeys(ref for _, ref in SWAPS.values()):
    here = graph.activations[mine[ref]] if ref in mine else 0.0
    print(f"{name_feature(other, theirs[ref]):26} {other.activations[theirs[ref]]:17.1f} {here:20.1f}")


def swap(names):
    """The lead after swaps, and the lowest after random ones."""
    instead = dict(SWAPS[name] for name in names)
    effect = gs.change_circuit(scope, graph, list(instead), instead=instead)
    return float(effect.baseline[0] + effect.free[0]), float(effect.baseline[0] + effect.random.min())


def try_swaps(scope, names):
    """Whether at most two swaps turn the lead round, and random ones do not."""
    if len(names) > 2:
        return 0.0, f"You chose {len(names)} swaps; two are allowed."
    if len({SWAPS[name][0] for name in names}) < len(names):
        return 0.0, "One feature cannot give place to two: take swaps of different features."
    lead, random = swap(names)
    said = f"The lead goes from {graph.values[-1]:.1f} to {lead:.1f}; "
    said += f"with random features in their place to {random:.1f} at the lowest."
    return (1.0 if lead < 0 < random else 0.5 if lead < graph.values[-1] / 2 else 0.0), said


ex5 = gs.Predict(
    scope,
    f"Which swaps, two at most, make{rival} likelier than{own}?",
    gs.Goal(try_swaps),
    name="ex5",
    answer=answer_5,
    choices=list(SWAPS),
    several=True,
    reveal="gs1:eNoVi8ENgDAMA1exOgALMAjvAEGtSFuUBKFuT/qxZesubZkcxfC8UQ1MKmPur+vNJ3rDPkAi8AkevbKBLmdF8TVOhpB5xGC1wMPO1Ka4pB/7/yCa",
    hints="gs1:eNotjcEKAjEMRH9l6Fn25ln8B8GDeAhttMFuu7TB0r83u/WQhGTmTR7uHsVHJBpcEalBI2MtTdFUUoIW+LLyxZ3grmidNkg+TInMNDlPGSWnAQphJ3okhTRQqkxhoFdR5bzsITf68MGXbPX6J5ztNJkmibOaahdbt1rWTUE5gLzKl6diw1o9HYLWMV++Czd00QjRxT1/BIpMhQ==",
    solution="gs1:eNpTCslIVUjLLCouUSguTyxQyE9TyEmsTC1SMNVRSMzJz0tVyC9SKM8syVAogSsEi8LUmekpAQAmHBcJ",
)
ex5

# %% [markdown]
# Some swaps need no feature of a list above: one that comes in may stand in another region's list, or in none. What is put in was chosen here for one pair of prompts.
#
# **Control.** So: one prompt, one pair of regions, features chosen on these very prompts. After T6b had been missed, the swaps alone were made a claim of their own, with a threshold set beforehand, and
# measured on prompts that T6b had left aside, with the five features of each region for all its prompts.

# %%
claim = mini.claims()["T6b-swap"]
low, high = claim.interval
tell(claim)
print(f"{claim.value:.0%} ({low:.0%} to {high:.0%}) of swaps make the other region's answer the likeliest,")
print(f"random features in their place {claim.control['swapped_by_random_features']:.1%}")
KINDS = {"affine": "affine transcoders", "plain": "plain ones", "clt": "the cross-layer transcoder"}
for kind, name in KINDS.items():
    tried = mini.claims()["T6b"].details["by_dictionaries"][kind]["measured"]
    print(f"on T6b's prompts, through {name}: {tried['swapped']:.0%}")

# %% [markdown]
# Notice the last three rows. The same model, the same prompts: through affine transcoders fewer swaps work. What a graph shows depends on the dictionary it is drawn with.
#
# ## 7 · What the graph leaves out
#
# An **error node** is what an MLP wrote and no feature stands for. It is part of the sum, so it is drawn, but it has no inputs and no name.
#
# ### Exercise 6 — the largest error

# %% tags=["student"]
answer_6 = None  # gs-answer: ex6

# %% tags=["solution"]
answer_6 = 6  # gs-answer: ex6

# %% tags=["first-idea"]
answer_6 = 7  # gs-answer: ex6


# %%
def find_error(scope):
    """The layer of the error node with the most influence."""
    errors = np.flatnonzero(graph.kinds == 1)
    return int(graph.node_layers[errors[influence[errors].argmax()]])


ex6 = gs.Predict(
    scope,
    "At which layer, counted from 0, stands the error node with the most influence?",
    find_error,
    name="ex6",
    answer=answer_6,
    tolerance=0,
    reveal="gs1:eNoVytEJgDAMBcBVHh3AAVzE70AjKWpSmofS7dXf48pmQjTCWtVES3gQh8fj68+XTFicFYIug4gdtG/dOiaS2pfyAhLpFzc=",
    hints="gs1:eNoljVEKgCAQBa/y8KsgvEdniAipNaVyY93q+pX+PZhh3mD6BA2EO9ID9mWv4s7QgURYMpwQgtM50GJNB1OoVZ68uIOa9oOfhJn360jYYqparxk+SlYIl/JPahMxlx9OZM34AmrOLDc=",
)
ex6

# %% [markdown]
# **See.** The errors of each layer: the largest one, then those at all tokens together, beside the features. A layer of many small ones may have more in all.

# %%
for layer in range(graph.layers):
    here = graph.node_layers == layer
    errors, features = (influence[here & (graph.kinds == kind)].sum() for kind in (1, 2))
    largest = influence[here & (graph.kinds == 1)].max(initial=0)
    print(
        f"layer {layer:2d}   largest error {largest:5.2%}   all errors {errors:5.2%}   features {features:6.2%}",
        "#" * round(200 * errors),
    )
print(f"of what flows to the answer, {graph.scores().replacement:.0%} begins at tokens, the rest at errors")

# %% [markdown]
# ## 8 · How a token fetches what stands far back
#
# The town stands before the last token; something carried what is needed from there to the end. The graph has frozen that. It can still be asked *which* head an edge went
# through: the next cell takes the edges from the town to the three features, and says for each head (layer.head) what the edge
# loses without it.

# %%
source = int(np.flatnonzero((graph.kinds == 0) & (graph.positions == changed))[0])
for node in differing[:3]:
    if graph.weights[node - graph.first_row, source]:
        carried = gs.circuit_heads(scope, graph, node, source)
        heads = ", ".join(f"{layer}.{head} {carried.weights[layer, head]:+.2f}" for layer, head in carried.top(4))
        print(f"{name_feature(graph, node)}: edge {carried.weight:+.2f}; by head: {heads}")

# %% [markdown]
# Gemma 3 is built of *local* layers, which see only a window of tokens back, and a few *global* ones, which see everything; mini too. What happens to something that has to
# be fetched from beyond the window?

# %%
far = (
    "On the list stood Knut, Yara, Ragnar, Rurik, Bertil, Rosa. It was a grey afternoon in August. "
    "That morning the angler sat on the muddy bank and watched the Lune flow past. Nobody was in the loft, "
    "but a swan cried in the willow. At the door the porter called Knut, Yara, Ragnar, Rurik,"
)
windows = scope.attention(far, layer=5).windows
print(
    f"{windows.count(0)} of {len(windows)} layers see all {len(scope.tokens(far).strings)} tokens, the others", end=" "
)
print(f"{max(windows)}; the likeliest next tokens:")
for chance in scope.next_tokens(far, 2).chances:
    print(f"{chance.probability:5.2f} {chance.token}")
claim = mini.claims()["T6d"]
low, high = claim.interval
print(f"gscope-mini, {claim.n} such lists: {claim.value:.0%} ({low:.0%} to {high:.0%}) told right,", end=" ")
print(f"{claim.details['far_cut']:.0%} when layer {claim.details['global_layer']} sees only the window")
print(
    f"copies from within the window: {claim.control['near']:.0%}, and {claim.control['near_cut']:.0%} with the same cut"
)
heads = mini.claims()["T6c"]
print("on random sequences said twice, half of what the repetition helps is gone without", end=" ")
print("head", " or ".join(heads.details["needed_heads"]))

# %% [markdown]
# In the view below the small pictures are the heads of layer 5, and the squares above them all heads of the model, coloured by how much of their attention
# goes further back than the window. Notice which layers have any. The table at
# the right is of the last token: which name do its heads look at, and what does that add to the logit of the next token?

# %%
attention = gs.AttentionView(scope, far, layer=5, head=0, score="beyond")
attention

# %% [markdown]
# **A chain that fails.** Two steps over *facts of the world* work in mini. Two steps over facts that stand *in the prompt*, for names drawn anew, do not: the claim T6-chains
# is missed. The cell asks one; the right answer is in the prompt, two steps away.

# %%
chain = (
    "The Badger carries leather. The cargo of the Dolphin is salt. The hold of the Gull is full of barley. "
    "Gilbert sails on the Badger. The Gull has Vasil on board. The Dolphin has Thorne on board. "
    "What does Gilbert bring over the sea?"
)
for chance in scope.next_tokens(chain, 3).chances:
    print(f"{chance.probability:5.2f} {chance.token}")
claim = mini.claims()["T6-chains"]
tell(claim)
print(f"{claim.value:.0%} of {claim.n} answered,", end=" ")
print(f"{claim.control['without_the_fact_on_the_person']:.0%} without the fact that names the person")

# %% [markdown]
# Nothing stops you from drawing the graph of that wrong answer: `gs.CircuitGraph(scope, chain)`. A graph explains what the model did, not
# that what it did is right.
#
# ## Quiz
#
# Eight questions on what you did. Of a wrong answer is said what it misunderstands; choose again until all are right.

# %% tags=["student"]
answer_7 = None  # gs-answer: ex7

# %% tags=["solution"]
answer_7 = [
    "what an MLP wrote, from what it read",
    "attention patterns and the scales of norms",
    "what makes all colours likelier alike drops out",
    "random pushes of that size lower it too",
    "it gives an answer that chance would not give",
    "what an MLP wrote and no feature stands for; what is in it is not known",
    "nothing after the last layer carries it to the last token",
    "that another dictionary may show another way",
]  # gs-answer: ex7

# %%
questions = [
    gs.Question(
        "What does a transcoder tell?",
        "gs1:eNpTKs9ILFFIzFPw9QlQKC/KL0nVUUgrys9VAItnligUpSamKAEA97IMzw==",
        choices=(
            "the residual stream, from itself",
            "what an MLP wrote, from what it read",
            "where attention looks",
            "the next token",
        ),
        wrong="gs1:eNpVj0FqxDAMRa/y8aabIQeYWc2y0EIXvYBIFGLiSIOkkCmld68yGQrdGGw/6z1/l5gYxl6HlRo8jGk5YTRdUMO5jeWM8jlRoDoIfiNzBq2hLL0ObOfk0OutsmN7cJHzaPAOV4SR+ANDcGtPotclYV0DKtj9moshG7grJ5Qtd+mIYImaSFOdfe+4/h1N5BBF1qRQ0nnZvZvanJUBpn5C6MwCairH2N0kfI/jYp/3GvljksExqmUMo9EX24vj/e3jgv8Pntk0RrZSawfrXfn5BeuacaY=",
    ),
    gs.Question(
        "What is frozen in the graph?",
        "gs1:eNpTSiwpSc0ryczPUygAMYvyihUS81IUSjJSFYqTE3NSixXy0xTy8otyi5UAdAkQPw==",
        choices=(
            "attention patterns and the scales of norms",
            "the features' activations",
            "the weights of the model",
            "the tokens, so that no other prompt can be asked",
        ),
        wrong="gs1:eNo9jkFywkAMBL8y5UsuFA8g5/yADwjv2NoCpK3VBoek8nfWJuGq6WnNz9CUmCjtszLeIGPLN2nZLYYDhqN6EFKJRaVhZZlmBvhVLpJtP+ywGRbmWVvApw26euLlKeAdxhsrRhWbCWXlO6bq3zTkeIoTCy31um31Uv1a2kve/EyLHcJ72mlzeL/XPw6jGE59ZpyZ1qcfMup/phIQzFWKruPyunHpu38fsrRWkA==",
    ),
    gs.Question(
        "Why is the lead of one answer over another explained, and not one logit?",
        "gs1:eNpTKs9ILFHITcxOLVZIzMlRSM7PyS8tKlbIycxOzclMLQIKAlkKKUX5BcUK+aUlSgC/6RIB",
        choices=(
            "it is larger",
            "what makes all colours likelier alike drops out",
            "it has no error nodes",
            "a logit cannot be explained",
        ),
        wrong="gs1:eNotjl0OwjAMg69i9RntALsBz5wgMGurlqUoDYgfcXfaaVIeEjuf5W/KgVyh4jM9jUjn/a6bqNKx0Dngkj/sqhU4pRYb0gmdXGQX6V68LRPrEdGNNpvYe/8VaJkbcBOzErgSfN1VsnE6iOaMUMqTiF4mUB5xgtiEWAjNKzWzBqKstJbeiqXfH+QeQFQ=",
    ),
    gs.Question(
        "Without the region's features the answer's logit falls. Why was that not enough?",
        "gs1:eNpTKkrMS8nPVSgoLc5ILVbIT1MoyUgsUSjOrEpVyMkvTy1SyCxRKMnPVwIAOsoO1w==",
        choices=(
            "the fall was too small",
            "random pushes of that size lower it too",
            "it was measured on one prompt",
            "the features were chosen by hand",
        ),
        wrong="gs1:eNpljkEKgzAQRa/yyVo8QG9Q6LIXmJqxEU1GMpEgpXdvohakhWzmz+S/9zLJMXqaJmRSJBGoL5O5wFzTnuWhY2RH+0g6sm1xExlRo5pHClY8eqa0RFbYwbamgRn2L55JS24hoTzGHMXP6YQ4H3gKawPpi0sOhV77N8dveebICJLQOVGujRvr/+bYP1a44ldxd8fr744Ql4kb9EUKz0iz00qX0hcPU23N+wPg32d3",
    ),
    gs.Question(
        "Why is a swap the stronger test?",
        "gs1:eNpTyixRSM8sSy1WSMwDouLy1CKFkozEEoXkjMS85FSF8vzSnBSFvHyIKiUAkfUQ2Q==",
        choices=(
            "it needs no control",
            "it changes fewer features",
            "it gives an answer that chance would not give",
            "it keeps attention frozen",
        ),
        wrong="gs1:eNpNjmEKwjAUg68S+nt4gN3AY5QuXYvre6N9Y6B4d+t04r9Aki95uGwQcmoQRVCxqosb4a6G5BtUOKJ6mbQg0ttW2bBuhiywRDRfiHXxgRc34A0LycvcQ5E766/zRZ4mfUiwPYdO7xOYlW04VNDCdrJu5NrgzSiWVRCr3ikH6zNfdOLyF9j75VjZzzxf/nZLBw==",
    ),
    gs.Question(
        "What is an error node?",
        "gs1:eNoditEJgDAMBVd5dA1XUHCFQlMMwgskkaxv6d/dca2enujEdd4ot5QlAzRM6fm5IHKFwDQ/sGcNKKEbaImXVmw/pGYZaw==",
        choices=(
            "a mistake of the model",
            "what an MLP wrote and no feature stands for; what is in it is not known",
            "noise, which may be left out",
            "a feature without a label",
        ),
        wrong="gs1:eNptkMFqAzEMRH9l8KWXZT+gOeUfCj1rvVpsYlvBlllCyb9XdtOeepPQzBtGX46QY1O6MeSABkaWnZN7h/v4XZBpZxQpfJkKrVSat0t9ayDvpRcd7qiIDbF4yffEyqtb4IrExgvOEH0w0AMbI/Fhhq4j5TNqsHGYB7v1jFN62i1PYSQewottm+wP3IqczYSkr7SJn0GEg0l7ZZwvJCHR9tPl+s+xkMEN0TSmhD/7MiVW4961rbgWcK1SEajNH6zu+Q0xMWuH",
    ),
    gs.Question(
        "The most active feature at the town was taken out, and nothing happened. Why?",
        "gs1:eNpTyssvycjMS1dITCtJLVIoyUhVyEksLgESlUBucmJRUWZqsUJmiUJJPkKyJD87NU8JAIXGFV8=",
        choices=(
            "it was not active enough",
            "nothing after the last layer carries it to the last token",
            "its label was wrong",
            "the control was too strong",
        ),
        wrong="gs1:eNpNj0EOAjEMA79i9Yx4ALyAOxLnsIS2UkmkJsseEH8n3RWIa2yPnVeqjoUMog6avD4ZLDrnkg5Ip03zwnio/Qx6B7U2zp33aYdgGBpdua32pavkEb8UigzuTD53xk3ZUEiyQSUKt8gKGA2TinfdEK4K8y/n/KdWA8XWqEaf5YiYPw0mry+UKhlVYlodJbHu/QE/O03i",
    ),
    gs.Question(
        "Swaps work less often through another kind of transcoder. What follows?",
        "gs1:eNpTKslILFFIzMsvyUgtUkjJTC7JzM9LLKpUyE2sVCjOyC+Hy5UnVioBAJOdESc=",
        choices=(
            "that the model takes no second step",
            "that another dictionary may show another way",
            "that affine transcoders are worthless",
            "that the graph was drawn wrongly",
        ),
        wrong="gs1:eNpFj8FtxTAMQ1chfC7+AO0EvXcB/USJg8ZWIMkwgqK710oK/CtFkY8/yTM5PDOKzLzD6ZsNVWA8SZ1hzkd6R/p0dDIs0oZIceh0HDyPV5W2ZkhlyBJJ5QM9QkOZqFZxWJaOQieeHA7lR3rDXU3Lsg2jK1WbBoIaSBld1PPOZlH+9c+4KRYmbzoQs+wzwnC3bnahwugM/CHUNS4SdWjG9qqMtavSka9Js1Kv6Cp13c976shqxTBJGZuag7crpdP5SL9/c9Vsxg==",
    ),
]
ex7 = gs.Quiz(
    scope,
    "What have you seen?",
    questions,
    name="ex7",
    answer=answer_7,
    hints="gs1:eNodjDEOQiEQRK8yoUYLTWy9gJ0mFsZi/2cRIrKGXSXeXkI1M8m8d3NnXi1LVexANWCPRF+GJUbMTW20xrx1Hu4k8gQ9KFeQzYd1wVoov9TjclimYORGO70nck3cGEFYQYhM9hlT4oQLDXuhHzf0lo39xHsSNKagyHZ09z+X/zVY",
)
ex7

# %% [markdown]
# ## What this does not show
#
# * Why attention looked where it looked. It was frozen, and the graph only says what was then passed on.
# * What is in the errors. A part of the step may run there, unseen.
# * That the features *are* the region. That they decide between answers was tested, by swaps; what else they do was not looked at.
# * Where the model gets from the town to its region. The features found here act when the answer has begun; they decide between answers.
# * That the same would be found elsewhere. A graph is of one prompt, and of one dictionary; through another kind fewer swaps worked.
# * gscope-mini is a small model trained on generated text. What holds here is no result about Gemma 3. To ask the same
#   questions of Gemma, put `gemma-3-270m` in place of `mini` where the scope is loaded: the gate then takes a pair of its own prompts, and the graph goes through the
#   transcoders of all layers, which are fetched; `gs.Doctor(model="gemma-3-270m")` says beforehand what is missing and what fits. It needs a
#   network, the model's licence accepted on the Hub and a token. The claims that are printed stay those of mini.
