"""What gscope-mini shows, measured: a family of claims a folder, each claim with its interval and its control.

| claims | asked | measured in |
|---|---|---|
| G1, G2 | does the model predict and write the text of its world? | `text/`: `losses`, `openings` |
| F1, T3a, T3c | what does each dictionary cost, in features, variance and loss? | `fidelity/`: `fronts` |
| T1a, T2b, T3b | which concepts do features detect, and better than what? | `detection/`: `detectors` |
| T1b, T1c | how do the first token and the layers differ? | `detection/`: `layers` |
| T2a | do the strongest examples tell what a feature is? | `detection/`: `top_examples` |
| T2c | how pure are the features of a sparse dictionary? | `detection/`: `precision` |
| T4a, T4b | what do Matryoshka prefixes do to order and absorption? | `hierarchy/`: `hierarchies` |
| T5a, T5c | which directions write their concept into the text? | `steering/`: `steering` |
| T5b | how much of a direction does what? | `steering/`: `doses` |
| T6a, T6-chains, T6-lessons | can the model take two steps in a row? | `reasoning/`: `chaining` |
| T6c, T6d | can it copy, and by which heads and layers? | `reasoning/`: `copying` |
| T6-agreement, T6-brackets | can it match what stands far back? | `reasoning/`: `matching` |
| T6b, T6b-swap | is a hidden step read, and does it decide the answer? | `circuits/`: `hidden_step` |
| T7, T7w | are graphs through a cross-layer transcoder shorter? | `circuits/`: `spans` |
| T8a, T8b | does mini-it refuse, and which features carry it? | `planted/`: `refusal` |
| T9 | does its work say what its answer follows? | `planted/`: `hinted_answers` |

What the families share stands beside them: `evaluation` and `sample` (models and labelled text),
`concept_scores` and `auc` (features as detectors), `replacement` (delta-loss), `answers` and
`replies` (what a model says), `ngrams` (what word patterns alone predict), `intervals`, `record`.
`docs/claims.md` lists every claim with its number; `python -m factory.claims` writes that list.
"""
