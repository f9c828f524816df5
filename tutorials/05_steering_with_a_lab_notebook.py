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
# # Steering with a lab notebook
#
# **45 minutes · difficulty ●● · no account, no GPU, no network**
#
# Inside a language model each token of a text has a long list of numbers, its **residual stream**. A **dictionary** (a *sparse
# autoencoder*) takes it apart into **features**. Each feature has a **direction**: a list of numbers as long, of which some
# is added wherever the feature is active. **Steering** adds more of one direction while the model writes, and looks at what
# becomes of the text. It is easy to do and easy to fool oneself with, so in this tutorial you keep a lab notebook:
#
# 1. say what you expect, then measure the effect at several strengths, beside a control;
# 2. find a strength at which a text says what you want and is still a text;
# 3. compare a feature that *reads* something well with one that *writes* it;
# 4. put what you found, and what could prove it wrong, into one line.
#
# The model is **gscope-mini**, a small model of Gemma 3's architecture that comes with the package. It was trained on
# generated texts about Tarn, an invented archipelago. Nothing you see here is a result about Gemma.
#
# *How to use it.* Run each cell with Shift+Enter. An exercise has two cells. Answer in the widget of the second and press its
# button; then run the first, the one with `gs-answer`, again: your answer is written into it, so that it is saved with the
# notebook. Hints come when you ask for them. Cells that draw many texts take some seconds, as does the first.

# %%
import os
from functools import cache

import gscope_widgets as gs
from gscope_widgets import mini

scope = gs.load(os.environ.get("GSCOPE_MODEL", "mini"))  # another model: put its name here
dictionary = scope.dictionary()
print(scope)
print(dictionary)


def find_feature(label, positive, negative):
    """The feature that a label fits best; where none does, the one that tells texts of two kinds apart."""
    feature = (scope.find(label) or scope.find(positive=positive, negative=negative))[0]
    said = f"label {feature.label.text!r}, {feature.label.source}" if feature.label else f"for {label}, found by texts"
    print(f"feature {feature.feature:4d}, {said}")
    return feature


french = find_feature(
    "language:french",
    ["Le pêcheur est fatigué.", "Elle a vendu son manteau.", "Il est tard.", "Une pomme rouge."],
    ["The fisherman is tired.", "She sold her coat.", "It is late.", "A red apple."],
)
brown = find_feature(
    "token: ␣brown",
    ["She has a brown coat.", "The brown dog sleeps.", "A brown hat."],
    ["She has a red coat.", "The old dog sleeps.", "A white hat."],
)
spice = find_feature(
    "thing:food/spice",
    ["Add some pepper.", "It smells of cinnamon.", "A pinch of ginger."],
    ["Add some water.", "It smells of smoke.", "A cup of milk."],
)

# %% [markdown]
# ## 1 · One push
#
# The panel below writes on from *In the*, each time from the same random numbers: **baseline** (nothing is added), **changed**
# (some of the French feature's direction is added at every token), and along **random** directions that are as long. A
# random push does damage of its own; only what the change does beyond it says something about the feature. The **strength** counts
# in mean lengths of the residual stream at that layer: at 1 the push is as long as what is there.
#
# The cell presses **Start** for you, at a strength of 0.2. **Predict.** What will 0.8 do? Say it aloud, then set the number beside *add*, the
# strength, to 0.8 and press **Start**. Notice whether the random texts change as well. Under each text stand two numbers:
# perplexity is told below; **KL**, in *nats*, says how far the model's guesses at the next token were moved, 0 for not at all.

# %%
panel = gs.SteeringPanel(scope, "In the", features=[french.ref], strength=0.2, temperature=1.0, max_new_tokens=20)
panel.start()
panel.wait()
panel

# %% [markdown]
# Whether a text is still one can be measured: give it to the *unchanged* model, and see how surprised it is. **Perplexity** is
# that surprise as a number: at 4, each token was as uncertain, on average, as a choice among four that are equally likely.
# Ten times the baseline's perplexity is no text that this model would write.
#
# One text shows little. So the next part draws eight texts at each strength and counts, in each, the share of words that are
# among a few common French ones: *le, la, les, un, une, ...*
#
# ### Exercise 1 — where does it begin?
#
# Of the strengths below, which is the smallest at which French words stand out: more than without a push, and more than
# with a random push as long? (Stand out: the intervals do not meet. An interval holds what eight other texts might well have given.)

# %% tags=["student"]
answer_1 = None  # gs-answer: ex1

# %% tags=["solution"]
answer_1 = 0.5  # gs-answer: ex1

# %% tags=["first-idea"]
answer_1 = 0.1  # gs-answer: ex1

# %%
FRENCH_WORDS = tuple("le la les un une des du est il elle et en au pas ne dans sur avec".split())
STRENGTHS = (-0.2, 0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8)


@cache
def measure_french(scope):
    """Effect and perplexity by strength: eight texts each, seeds 0 to 7."""
    return scope.dose("In the", french.ref, STRENGTHS, measure=FRENCH_WORDS, samples=8, max_new_tokens=20)


def find_beginning(scope):
    """The smallest positive strength at which the effect stands out."""
    return min((flip.strength for flip in measure_french(scope).flips if flip.strength > 0), default=0.0)


ex1 = gs.Predict(
    scope,
    "What is the smallest strength at which French words stand out: 0.1, 0.2, 0.35, 0.5, 0.65 or 0.8?",
    find_beginning,
    name="ex1",
    answer=answer_1,
    tolerance=0.05,
    reveal="gs1:eNoNyVEKgCAQRdGtPPyOFtFORF+NMDmhI0arz7/LueGg2kRxaGFHRGbM+KxywxQ2LnpGF2Rbu5pLqRdcooPlEofz9Y5kQ/NqVZzNbiSJNXEPPzwDIaM=",
    hints="gs1:eNpFjbEOwjAMRH/llIWlqhCoDCz8ACMSQ8UQJSGOSOMqcVX4e1wWFp91d3o3mjtZgU8eQgGzLSGjEa9Qd98fLqaDuWkysdckcmjgAse1BiepRFi0yeaMeWnUb+0r8wtPrj9gkxpKFNpwKyVH/5ldg4S3wJEtUbFJGrK+i43hDKkf3T8Ond4BtnjV09CbxxfT3Dpm",
)
ex1

# %% [markdown]
# ### Exercise 2 — where does it end?
#
# With more push the texts **break up**: their perplexity rises far above the baseline's, or the same tokens come again and again.
# Between the beginning and the end lies the *window* in which steering is of use. How wide is it for this prompt?

# %% tags=["student"]
answer_2 = None  # gs-answer: ex2

# %% tags=["solution"]
answer_2 = "at the same strength"  # gs-answer: ex2

# %% tags=["first-idea"]
answer_2 = "at a larger one, or at none"  # gs-answer: ex2


# %%
def place_end(scope):
    """Where texts break up, beside where French words begin to stand out."""
    begins, broken = find_beginning(scope), [one for one in measure_french(scope).breaks_up if one > 0]
    if not broken or min(broken) > begins:
        return "at a larger one, or at none"
    return "at the same strength" if min(broken) == begins else "at a smaller one"


ex2 = gs.Predict(
    scope,
    "Of the same strengths: at which do the texts first break up, beside that at which French words begin to stand out?",
    place_end,
    name="ex2",
    answer=answer_2,
    choices=["at a smaller one", "at the same strength", "at a larger one, or at none"],
    reveal="gs1:eNoVisENhUAIBVt58WzswSo8o+DfPQgbwGz78m8zk1l2zK5sExcpTkGaQcm9ym2ObIJIF/1lizJKTPHavAtvONpfeqIHWIYoB0wx3J6RK26hfGsgZTxCUbwtH0bzKRc=",
    hints="gs1:eNotjjEOAjEMBL+ySn3iATQ0iAcgOkRhLr5LpOCg2Kccv8cKlB7tjvcerkwRlhhLbmqYE8nKTng3x2RIpLg0ljmh1xYVWZDt6MdWIj51w0ylOPqnTmFCOFdWEJaysdhP9so7rFcUf7DRykNEUA94jUft5jvU+K14snVmGcvUXLxacmNj9Bx5GrxnibVD2PdKNe8cwuMLUW1Jdg==",
)
ex2

# %% [markdown]
# **See.** When you have committed both, run the next cell. Each row is a strength; the control is the random push. Notice
# in which column the random push changes something too.

# %%
response = measure_french(scope)
print("strength   French words   control   perplexity   control")
for point in response.points:
    print(
        f"{point.strength:8.2f} {point.effect.mean:14.3f} {point.control_effect.mean:9.3f}",
        f"{point.perplexity.mean:12.1f} {point.control_perplexity.mean:9.1f}",
    )
print("stands out from:", [flip.strength for flip in response.flips], "  breaks up from:", list(response.breaks_up))
for strength in (0.2, 0.5, 0.8):
    print(strength, "|", response.texts(strength)[0].replace("\n", " ⏎ "))

# %% [markdown]
# One prompt is one prompt. For gscope-mini the same was measured on many more, with a detector of French in place of a list of words;
# the next cell reads the numbers from the file that comes with it. The window there is where the effect is large, the
# perplexity at most one and a half times the baseline's, and random directions do not do it.

# %%
claim = mini.claims()["T5b"]
print(f"gscope-mini, feature {claim.details['feature']} ({claim.details['concept']}), {claim.n} prompts:", end=" ")
print(
    "dead zone",
    claim.details["dead_zone"],
    "window",
    claim.details["window"],
    "collapse",
    claim.details["collapse"][:2],
)
low, high = claim.interval
print(f"largest rise within the window: {claim.value:.2f} of the tokens ({low:.2f} to {high:.2f}),")
print(f"of random directions at that strength: {claim.control['random_effect_at_that_strength']:.2f}")

# %% [markdown]
# The sweep below makes such a curve of your own: set **Feature to add**, **Prompt** and **Measure**, and press **Start**. It takes longer
# than the table did.

# %%
sweep = gs.DoseSweep(scope, "In the", ref=french.ref, measure=FRENCH_WORDS)
sweep

# %% [markdown]
# ## 2 · A goal, and a limit
#
# ### Exercise 3 — say it, and stay a text
#
# Make at least half of eight texts after *In the* hold the word *brown*, with the feature whose number is printed in the first
# cell. The median perplexity may be three times the baseline's, no more, and a random push of the same length must not
# reach the goal. Choose **add**, the feature and a strength, and press the button.

# %% tags=["student"]
answer_3 = None  # gs-answer: ex3

# %% tags=["solution"]
answer_3 = [["add", 542, 0.45]]  # gs-answer: ex3

# %% tags=["first-idea"]
answer_3 = [["add", 542, 0.8]]  # gs-answer: ex3

# %%
ex3 = gs.ReachGoal(
    scope,
    "In the",
    ["brown"],
    name="ex3",
    answer=answer_3,
    share=0.5,
    max_perplexity=3.0,
    max_new_tokens=20,
    features=[brown.ref, french.ref, spice.ref],
    hints="gs1:eNpdjk0KAjEMha/y6HooguBWXHkBwYW4yEwzbaE20IkUb28qunGV8H6+5OZOIUATY2XSZ7MpDXOTXkGKnd9jzW3TaWS+0sHjmmyLwht6kxqHzrSko5vgzoJEZUWnF2bWzqOHTRvXqMk4Fg6jqiIoWbUwqAZI5T/z8VzS9PEoUq5+0C/2as81SLeu5eiHmLmYNiDjunf3N4ytSiQ=",
)
ex3

# %% [markdown]
# ## 3 · Reading is not writing
#
# **AUC** says how well a feature *reads* a concept: pick a token of the concept and another one at random; how often is the
# feature stronger on the first? One half is chance, 1 is never wrong.

# %%
for name, feature in (("French", french), ("spices", spice)):
    auc = f"{feature.label.auc:.3f}" if feature.label and feature.label.auc else "not measured on this model"
    print(f"feature {feature.feature:4d}, for {name}: AUC {auc}")

# %% [markdown]
# ### Exercise 4 — which of them writes?
#
# Both are added at a strength of 0.5, each alone, to eight texts after *In the*. A feature *writes* here if at least half of the
# texts hold a word of its concept, and fewer than half of those that were pushed at random.

# %% tags=["student"]
answer_4 = None  # gs-answer: ex4

# %% tags=["solution"]
answer_4 = "French"  # gs-answer: ex4

# %% tags=["first-idea"]
answer_4 = "both"  # gs-answer: ex4

# %%
SPICES = tuple(
    sorted(
        {word for document in mini.texts(concept="thing:food/spice") for word in document.covered("thing:food/spice")}
    )
)


@cache
def count_texts(scope, ref, words):
    """Shares of texts that hold one of the words: changed, and the largest of the random directions'."""
    compared = scope.compare("In the", [gs.add(ref, 0.5)], seeds=range(8), temperature=1.0, max_new_tokens=20)
    shares = {row.name: row.share.mean for row in compared.summarize(words)}
    return shares["changed"], max(share for name, share in shares.items() if name.startswith("random"))


def find_writers(scope):
    """Which of the two writes."""
    pairs = ((french.ref, FRENCH_WORDS), (spice.ref, SPICES))
    is_writer = [changed >= 0.5 > random for changed, random in (count_texts(scope, *pair) for pair in pairs)]
    return {(True, True): "both", (True, False): "French", (False, True): "spices"}.get(tuple(is_writer), "neither")


ex4 = gs.Predict(
    scope,
    "Which of the two features writes its concept at a strength of 0.5?",
    find_writers,
    name="ex4",
    answer=answer_4,
    choices=["French", "spices", "both", "neither"],
    reveal="gs1:eNo9i8ENwkAMBFtZpYDUQRvmvBBLkY1so4PuOfHIc0Yz2y0mJs8Tggel30kkRWvxCB98NTRY8GiUfDEP9sGEqJo/YV1QS462cNxzucIKrtm84y+an963H+FgKIg=",
    hints="gs1:eNodzLEKAjEQhOFXGVJL0MJaxBcQRCzEYr3smcCZPXY3Hr698Zopfj7mHo7XExYyvJmsKSc8v1CmVOoLNEnlGDYIt0yOVBI8M4amH4aMMB68SMUOlmVBJ9u4P/z9uflKpY9iZPL+jVJd1jxT5QlUE2ZlM1yc1GN4/ABqNzAm",
)
ex4

# %% [markdown]
# **Control.** When you have committed, run the next cell: the random directions are beside each number, and either of the two could
# have failed on them.

# %%
for name, ref, words in (("French", french.ref, FRENCH_WORDS), ("spices", spice.ref, SPICES)):
    changed, random = count_texts(scope, ref, words)
    print(f"{name:8} texts with such a word: changed {changed:.2f}, most of the random directions {random:.2f}")
claim = mini.claims()["T5c"]
print(f"gscope-mini: {claim.value:.0f} of {claim.n} features that read a concept at an AUC of 0.95 or more")
print("move it no more than random directions do.")

# %% [markdown]
# ## 4 · A line in the lab notebook
#
# A finding that somebody else can test fits one line. Change the words in the next cell to what you found, and run it. The numbers
# come from the run, not from memory. (The perplexity here is a mean, which one broken text draws up; exercise 3 took the
# median. A notebook says which.)

# %% tags=["yours"]
entry = {
    "model": scope.info.id,
    "claim": "adding feature brown brings the word brown into texts after “In the”",
    "strength": 0.45,
    "what would prove it wrong": "a random push of the same length does it as often, or the texts break up",
}
push = gs.add(brown.ref, entry["strength"])
compared = scope.compare("In the", [push], seeds=range(8), temperature=1.0, max_new_tokens=20)
for name, value in entry.items():
    print(f"{name}: {value}")
for row in compared.summarize(["brown"]):
    print(
        f"{row.name:9} {row.share.mean:4.0%} of {row.samples} texts hold the word, mean perplexity {row.perplexity.mean:.1f}"
    )

# %% [markdown]
# ## Quiz
#
# Eight questions on what you did. Of a wrong answer is said what it misunderstands; choose again until all are right.

# %% tags=["student"]
answer_5 = None  # gs-answer: ex5

# %% tags=["solution"]
answer_5 = [
    "a feature's direction, to the residual stream",
    "of the mean length of the residual stream there",
    "any push of that length may change the text",
    "the unchanged model would hardly write them",
    "strengths at which the effect cannot be told from chance",
    "nothing: it must be measured",
    "one text may differ from the next by chance",
    "on mini this direction can push a text towards French",
]  # gs-answer: ex5

# %%
questions = [
    gs.Question(
        "What does steering add?",
        "gs1:eNpTSlRIS00sKS1KVS9WSMksSk0uyczP01EoyVcoyUhVKEotzkwpTcxRKC4pSk3MVQIAjmYQ4g==",
        choices=(
            "words, to the prompt",
            "a feature's direction, to the residual stream",
            "new weights, to the model",
            "a label",
        ),
        wrong="gs1:eNpFzEEKwkAMBdCrfLIuPYA77+AFIg3twEwzTEIHEe9ubKuukvD/y5O6tskGuMIXQW1aqtMFdPtdMOeHgQ3JkWykAbRKR5c0L/63RSfJX3qGu/3QKMRssmtG5vvRvR5r/AVj5SLRZEcVrVkw8xbi9QYwvjco",
    ),
    gs.Question(
        "A strength of 0.5: half of what?",
        "gs1:eNpTyk9TKMlIVchNTcxTyEnNSy/JUIAKFaUWZ6aUJuYoFJcUpSbmgsSKUpUArs8RkQ==",
        choices=(
            "of the texts",
            "of the mean length of the residual stream there",
            "of the feature's largest activation",
            "of the layers",
        ),
        wrong="gs1:eNpNjssNwjAQRFsZ+cIFpQCogDsNLPYmtuTYkXfNRxG94wQjcR29mTerySPUM5SfKuYEc1EE2aPIaVKPBhCWKn4wR/zwkUlr4YMgUplYFGQ13ElDTtvK1ZPikWt0uHHr20jzcgYlkHPs4EJhu8GwuSYVhNR9gq4QLUzzvzTSi4t853m/tF2dyTWDIqdODOb9AcUMSSc=",
    ),
    gs.Question(
        "Why is a random direction of the same length pushed along, too?",
        "gs1:eNpTSsyrVCgoLc5QyE9TKMlILFHISc1LL8lQyE2sVEjOSMxLTwUKA3FqRYkSAG9PEAg=",
        choices=(
            "to make the text livelier",
            "any push of that length may change the text",
            "to find better features",
            "to save time",
        ),
        wrong="gs1:eNpFjlEKwzAMQ68i8j16gN1gx3ATdzFtkhK77crY3ZvAxj5kC8QTejsrSDQzLDbxy7DIzotwdXe4h0G0R7WFBb6klZo9xOLgbujwJDlgZDOumJhsq6x/NFQ6Mijz0U7AzKthPJHLWML5q1DaW70k/nK+qClIkTYf++/bfKT8ZIgpL9PgPhcjdj8e",
    ),
    gs.Question(
        "The changed texts' perplexity is fifty times the baseline's. What does that say?",
        "gs1:eNpTKslIVSjNS85IzEtPTVHIzU9JzVEozy/NSVHISCxKyalUKC/KLElVACrLVQIAe9YQjA==",
        choices=(
            "they are fifty times as long",
            "the unchanged model would hardly write them",
            "the effect is fifty times as large",
            "they are in French",
        ),
        wrong="gs1:eNpdjl0KwjAQhK8y9Ll4AA8g+OYVQrv5oeluSTbWIN7dxCKCb8Ms37fzHNRThUkEG6xWaFgpw2REYTecMdwobZEeod1ChliQmTxUFuIRuzdKd0poFkRip/40jOhSkLU0aYf+zSY56uqrIpuawaI+sOvyHzhCONbe2ViIp/oVH2sD45Ja7bvoSA02+jGsMlPEwrJn7FLi3F8gl7SlkBvbsmAtUxv7egNaalm1",
    ),
    gs.Question(
        "What is the dead zone?",
        "gs1:eNoFwQEKwDAIA8CvhP7MulgHm0Ib2Pd3N442aykPTPjy9oSSYARdcKtqYRLq50LsfuFp5Rw/cgoU8A==",
        choices=(
            "strengths at which the effect cannot be told from chance",
            "strengths at which the texts break up",
            "layers without features",
            "features that never fire",
        ),
        wrong="gs1:eNp1jTEOwjAQBL+yco14ALyAng8c8Sa2QDY6nxMQ4u84RqSjuWJvd+bliinTZKFADEuIQ4AFwviwgotSrqh3d4A7h1aIpX9zOwomjzz2YKg6c+92cDd5UguWaCFXw0ixqiwr4dT3ApU0cV1u7r78VRuwmRLnphij8ivPhRAlPMVv1GPrNuRf6vsDSgxN4w==",
    ),
    gs.Question(
        "A feature reads spices with an AUC of nearly 1. What follows for steering?",
        "gs1:eNpTyssvycjMS7dSyCxRyC0tLlFISlXITU0sLi1KTVECAKXvCrk=",
        choices=(
            "it writes spices",
            "nothing: it must be measured",
            "it cannot write them",
            "it needs a larger strength",
        ),
        wrong="gs1:eNo1zjEOwjAUA9CrWJlRFza4AgMSJ0gbt43a5kf/fwQS4u4QFTYPfpZfITsemp0Gq3mghRPCRWRBdPhMeOxXQkYYB89ScOzCAY0NsRT56VbdGr3JRkwiCcqYqIYke+XPCpkMEWvUiQpzZZl8bvhKnWO1M+oe9gN8uqH/zi24V4xZzbvw/gADUj+y",
    ),
    gs.Question(
        "Why eight texts, and not one?",
        "gs1:eNpTys9LVShJrShRyE2sVEjJTEtLLVJIK8rPVSjJSFXIA0kkVSokZyTmJacqAQBwIA/0",
        choices=(
            "eight are easier to read",
            "one text may differ from the next by chance",
            "the model needs to warm up",
            "each has another feature",
        ),
        wrong="gs1:eNoljkEOwjAQA79i5Yz6ADhx5M4HlsZtorabarMVIMTfacrNkj0jfwLzmBxiBKVmGrzAKDGcEe6J76Pqy6bOeIIWP9ounBA8EUuJnKFkrI18ii3Y1gbfHBO51sakrCMGKwuKEs6Xt3Hjdc+HjNInJKmQtt9/DBTfjE11nef/jSQ6MkLmPPHS+Gww0biLdVsetIqYh4HWhe8P8HdLGA==",
    ),
    gs.Question(
        "Steering mini with a feature brings French. What may you say?",
        "gs1:eNoNyMENwDAIBLBVThmmeyCCBI+QCq5qx2/89NiJFRmgR2NGmTLOqSTupx0C2kdwv1KzcZWl+vgBKcwT2g==",
        choices=(
            "mini uses this feature whenever it writes French",
            "on mini this direction can push a text towards French",
            "Gemma has such a feature",
            "it is the only French feature",
        ),
        wrong="gs1:eNpNjjsOwkAMRK8y2hpxAOihpKZcEiNbJF60n6yiiLvjTUDQuHl+M7O4UVRQEiVkloQ7+VwioTIpTRQhGTVKNn6KpB27A9w1FLCfCM+SmPojNNxCP2MI4UE9vClsx9Q1uOj2t3c7uDONozc7IZWO4b+NLXdj1ZiG/EtbPQuTtpEQdJg/Y/7li7GYUMnWNz1HaZWvN6s4Ts8=",
    ),
]
ex5 = gs.Quiz(
    scope,
    "What have you seen?",
    questions,
    name="ex5",
    answer=answer_5,
    hints="gs1:eNoljEEKgDAMBL+y9Cz+wYM3fyAe0ibSojbQVPt9pd4GZpjVzRQiKFuTAquU2ZAyCCahJv3I6yOjG+AW1QO7FtQoaFr+0uvJXU92oEWqaGS4hOwuwsO3ZnixxNLt6LYXAycnRg==",
)
ex5

# %% [markdown]
# ## What this does not show
#
# * That the model uses a feature when nobody pushes. Steering shows what a direction *can* do.
# * That a feature which does not write here never does. One prompt, one strength and a list of words were tried; the claims that are
#   read from the file were measured on more.
# * That the window is the same elsewhere. It depends on prompt, feature, layer and measure; measure it, and never quote one.
# * gscope-mini is a small model trained on generated text. What holds here is no result about Gemma 3. To ask the same
#   questions of Gemma, put `gemma-3-270m` in place of `mini` where the scope is loaded. That downloads the model, and needs a
#   network, its licence accepted on the Hub and a token; `gs.doctor()` says what is missing. It has no measured labels, so the three
#   features are then those that tell a few texts of two kinds apart, and what was measured of mini is not said of them.
