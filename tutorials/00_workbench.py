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
# # The workbench
#
# One sentence, and every view of what a language model makes of it. Run the cell below with Shift+Enter, then
#
# 1. type a sentence of your own over the text;
# 2. click a word: the list beside the text names what fires there, the strongest first;
# 3. click one of these **features**: the text is coloured by it, and the part that steers takes it up;
# 4. move **Strength** and press **Start**: the text goes on three times, as it is, with the feature added, and with a
#    random push of the same length beside it;
# 5. press **Read the changed text above**: now look where the feature fires in what it made the model say.
#
# What the words mean stands under the text, folded. The model is **gscope-mini**, a small model of Gemma 3's
# architecture that comes with the package: nothing you see here is a result about Gemma. The next notebook,
# [A microscope on text](01_a_microscope_on_text.ipynb), goes through it step by step.

# %%
import gscope_widgets as gs

scope = gs.load("mini")
bench = gs.Workbench(scope, "The old fisherman sold two red coats in the market. Le boulanger est fatigué.")
bench

# %% [markdown]
# All that is on screen is Python too. This cell sets the text and picks a token; look at the workbench when it has run.

# %%
bench.text = "The fisherman swept the kitchen, and then he slept in the attic."
bench.pos = 5
bench.wait()
print([found.feature for found in bench.reading.top(3, pos=5)])
