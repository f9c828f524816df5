"""Where in a corpus features fire most, in the published `examples.safetensors` layout."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ExampleTable:
    """The strongest examples of every feature of a dictionary; field names are the file's keys.

    F features, k examples each in descending order, then zeros; K promoted and suppressed tokens.
    """

    tokens: np.ndarray  # int32, [n_seq, seq_len]; the texts that examples point into
    activations: np.ndarray  # float32, [F, k]; 0 where a feature has fewer examples
    seq_ids: np.ndarray  # int64, [F, k]; rows of `tokens`
    positions: np.ndarray  # int32, [F, k]; columns of `tokens`
    feature_frequencies: np.ndarray  # float64, [F]; the share of positions at which the feature fires
    logit_effects: np.ndarray | None = None  # float32, [F, k]; on the logit of the token that follows the example
    top_tokens: np.ndarray | None = None  # int32, [F, K]; the tokens most promoted
    top_logits: np.ndarray | None = None  # float32, [F, K]
    bottom_tokens: np.ndarray | None = None  # int32, [F, K]; the tokens most suppressed
    bottom_logits: np.ndarray | None = None  # float32, [F, K]


@dataclass(frozen=True, eq=False)
class FeatureExamples:
    """One feature's examples, strongest first: m whose texts were read, of n that the file keeps."""

    feature: int
    activations: np.ndarray  # float32, [m], > 0
    seq_ids: np.ndarray  # int64, [m]; which text of the corpus
    positions: np.ndarray  # int32, [m]; which token of it
    tokens: np.ndarray  # int32, [m, seq_len]; the texts themselves
    density: float  # the share of positions at which the feature fires
    kept: np.ndarray  # float32, [n], > 0; activations of all that the file keeps
    kept_seq_ids: np.ndarray  # int64, [n]
    kept_positions: np.ndarray  # int32, [n]
    chosen: np.ndarray  # int64, [m], ascending; which of the n were read
    max_activation: float | None = None  # activation of the strongest example, shown or not
    logit_effects: np.ndarray | None = None  # float32, [m]; None where the file has none, as below
    top_tokens: np.ndarray | None = None  # int32, [K]; the tokens most promoted
    top_logits: np.ndarray | None = None  # float32, [K]
    bottom_tokens: np.ndarray | None = None  # int32, [K]; the tokens most suppressed
    bottom_logits: np.ndarray | None = None  # float32, [K]
