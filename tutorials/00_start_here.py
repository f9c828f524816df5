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
# # Start here
#
# **10 minutes · difficulty ● · no account, no GPU, no network**
#
# One sentence, and every view of what a language model makes of it. Click into the cell below and press Ctrl+Enter (Shift+Enter
# runs it too, and moves on past what it shows). The first time it loads torch, which takes some seconds. Then
#
# 1. type a sentence of your own into the field *Text*; the model knows few words, and cuts any other into pieces;
# 2. click a word in the text below it: the **Feature finder** lists what fires there, the strongest first;
# 3. click one of these **features**: the text is coloured by it, and the part that steers takes it up;
# 4. move the slider beside **add** a little, to 0.3 perhaps (the unit, *× mean norm*, is the usual length of what the model holds
#    at a token), and press **Start**: the text goes on three times, as it is, with the feature added, and with a random push of
#    the same length beside it. Towards the ends of the slider both pushed texts break up;
# 5. press **Read the changed text above**: now look where the feature fires in what it made the model say.
#
# What the words mean stands under the text, folded, and is gone through step by step in the next tutorial.

# %%
import gscope_widgets as gs

scope = gs.load("mini")
bench = gs.Workbench(scope, "The old fisherman sold two red coats in the market. Le boulanger est fatigué.")
bench

# %% [markdown]
# ## All that is on screen is Python too
#
# This cell sets the text, picks its last word and prints the three features that fire most there; look at the workbench when it has
# run. A feature without a label is one of which nobody said what it fires on. The other way it goes as well: what you click and type
# there stands in `bench.text`, `bench.pos` and so on.

# %%
bench.text = "The fisherman swept the kitchen, and then he slept in the attic."
bench.pos = scope.tokens(bench.text).strings.index(" attic")
bench.wait()
for found in bench.reading.top(3, pos=bench.pos):
    label = scope.dictionary().label(found.feature)
    print(f"feature {found.feature:4d}  {label.text if label else 'no label'}")

# %% [markdown]
# ## Which model is this?
#
# At the top of each widget stands its name: **gscope-mini**, a small model of Gemma 3's architecture that comes with the package.
# It was trained on texts that a program wrote about Tarn, an invented archipelago. So it runs on any laptop, and what each word of its
# texts is about is known: a guess about a feature can be checked. Nothing you see on it is a result about Gemma.
#
# What is said about mini in these tutorials was measured, and what was tried and missed is kept too:

# %%
claims = gs.mini.claims()
print(scope)
held = sum(claim.passed for claim in claims.values())
print(f"{held} claims about it hold, {len(claims) - held} were missed, such as:")
for name in ("T3b", "T4b"):
    print(f"  {claims[name].claim}: {'holds' if claims[name].passed else 'missed'}")

# %% [markdown]
# ## An exercise, to try the buttons
#
# The tutorials have exercises like this one. An exercise has two cells. The first, the one with `gs-answer`, keeps your
# answer; the second asks. Run both. Then
#
# 1. write your answer into the widget and press **Commit**: it is checked at once;
# 2. run the first cell again: your answer is written into it, and so is saved with the notebook. (On Colab, copy the line that stands
#    under the exercise into it.)
#
# The model reads a text in pieces, its **tokens**. They stand side by side under the field *Text* of the workbench above; `<bos>`, the first,
# marks where a text begins.

# %% tags=["student"]
answer_1 = None  # gs-answer: ex1

# %% tags=["solution"]
answer_1 = 7  # gs-answer: ex1

# %% tags=["first-idea"]
answer_1 = 6  # gs-answer: ex1

# %%
SENTENCE = "The baker sold three pears."
ex1 = gs.Predict(
    scope,
    f"How many tokens does the model make of “{SENTENCE}”, the one that begins every text included?",
    gs.truths.count_tokens(SENTENCE),
    name="ex1",
    answer=answer_1,
    tolerance=0,
    wrong="gs1:eNpFjjsOgzAQRK8ycpMG0SUFTZQLpOICBi+yheVF3iWAotw9RuRT7ujNvH2as2lgWs9CsJmgnrBwdlKj3abjFkpKqSeEpPwlxq5E/iQYAkWHllatYJNDz3NS2BgLaRWiJRR0FHlB0NpUMJfdeSeb49aAU7HwSOmPDlw+oQflDfrb3b3DXGZFeUKQT5Fr3ArdsfpDTe5qXm9eP0qO",
    reveal="gs1:eNpFjdENwkAMQ1ex+l2xADMwxHF1aVSRVEngYHuuINRP28/2cLFINPMpUJwwJdJW6ogmuSAXIrZSiStn60A37meE3PRX+MIBm/dEHNZ61ffkGK2PhGgaNmFljCg6HU+I7Dr+B3zS30i+8jR8AIaYOJQ=",
    hints="gs1:eNoljLEOgkAQBX/l5SpNDB9gY2EobNBEOmNxwOJduOwSdsnJ3wvYzkzm5eplJFggKLERt4TIJjvpI6UONX0N0u8kyzQ0axTguUMrMxty8Aa1FSgaSpIRrXAnuJv+L3NKq5cRHiYD8TaLppDMl627T/A64LFYED5DWxmp2Es9PMuqLqtreSzUpsgfde8fHTY9+Q==",
)
ex1

# %% [markdown]
# When you have pressed **Commit**, the next cell has it: the page and Python understand each other. Where it goes on saying that nothing was
# answered, run the check-up below.

# %%
print(ex1.answer, "|", ex1.check())

# %% [markdown]
# ## Is all well here?
#
# The check-up looks at this machine line by line, and says what to do where something is wrong. For mini only *python*, *packages*,
# *torch*, *memory*, *mini*, *front end* and *page* need to be fine. *Front end* says how long a message takes to the page and back; press **Check
# again** and see it change.

# %%
doctor = gs.Doctor("mini")
doctor

# %% [markdown]
# <details><summary>A real Gemma, if you want one: four steps</summary>
#
# All tutorials run on mini. The same widgets show Gemma 3 with the dictionaries of Gemma Scope 2, which needs a network and room for the
# weights. Choose a model at **For** in the check-up above: it says whether it would fit here. Then
#
# 1. accept Gemma's licence on the model's page, <a href="https://huggingface.co/google/gemma-3-270m">huggingface.co/google/gemma-3-270m</a>;
# 2. make a token that may read at <a href="https://huggingface.co/settings/tokens">huggingface.co/settings/tokens</a>;
# 3. store it: run <code>hf auth login</code> in a terminal, or on Colab add a secret named <code>HF_TOKEN</code>; never write it into a notebook;
# 4. put <code>gemma-3-270m</code> in place of <code>mini</code> where a tutorial loads its scope. Or stay with mini.
#
# </details>
#
# ## Where to go next
#
# | tutorial | minutes | |
# |---|---|---|
# | [1 · A microscope on text](01_a_microscope_on_text.ipynb) | 40 | tokens, features, labels as hypotheses, a first experiment |
# | [2 · Name that feature (and be wrong)](02_name_that_feature.ipynb) | 45 | labels from strongest examples, and how far they carry |
# | [3 · What a dictionary buys](03_what_a_dictionary_buys.ipynb) | 60 | what a copy costs the model; neurons and probes beside it |
# | [4 · Matryoshka, splitting, absorption](04_matryoshka_splitting_absorption.ipynb) | 60 | what more features do to features |
# | [5 · Steering with a lab notebook](05_steering_with_a_lab_notebook.ipynb) | 45 | change the model, beside a control |
# | [6 · Computation: transcoders and graphs](06_computation.ipynb) | 60 | what decides between two answers, found, taken out and swapped |
# | [7 · Across layers](07_across_layers.ipynb) | 45 | where features write, and how long their paths are |
#
# ## What this does not show
#
# * That a feature means what its label says: tutorials 1 and 2 put that to the test.
# * That a text which changes with a feature shows what the feature is for: a random push changes it as well, and tutorial 5 compares them.
# * Anything about Gemma. mini is small and read one invented world; what a large model does is to be measured on it.
