"""What features do to the next token's logits directly, past all later layers."""

import numpy as np
import torch
from transformers import PreTrainedModel

from gscope_widgets.errors import InvalidValue
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.files.weights import to_numpy
from gscope_widgets.runtime.gemma.sites import find_text_model

RANKED = 10  # promoted and suppressed tokens a feature, as in the published files
_BLOCK = 16_000_000  # numbers in one dense block of logits: 64 MB


class LogitEffects:
    """Each feature's direction in the residual stream, set against the rows of the unembedding.

    A feature of direction d with activation a changes the logit of token t by
    `a * ((1 + g) * unembed[t]) . d`, with g the weight of the final norm, whose division by the
    residual's length is left out: so effects compare within one position, and logits are in units
    of the activation.
    """

    def __init__(self, directions: torch.Tensor, unembedding: torch.Tensor):
        """Made by `measure_effects`.

        Args:
            directions: float32, [F, d_model].
            unembedding: float32, [d_vocab, d_model], with the final norm's gain in it.
        """
        self._directions, self._unembedding = directions, unembedding

    def ranked(self) -> dict[str, np.ndarray]:
        """`top_tokens`, `top_logits`, `bottom_tokens`, `bottom_logits`: [F, 10] each, strongest first."""
        count = min(RANKED, len(self._unembedding))
        parts: dict[str, list[torch.return_types.topk]] = {"top": [], "bottom": []}
        for block in self._directions.split(max(1, _BLOCK // len(self._unembedding))):
            logits = block @ self._unembedding.T
            for name, largest in (("top", True), ("bottom", False)):
                parts[name].append(logits.topk(count, dim=1, largest=largest))
        found = {}
        for name, blocks in parts.items():
            found[f"{name}_tokens"] = np.concatenate([block.indices.cpu().numpy() for block in blocks]).astype(np.int32)
            found[f"{name}_logits"] = np.concatenate([to_numpy(block.values) for block in blocks])
        return found

    def of_examples(
        self, tokens: np.ndarray, activations: np.ndarray, seq_ids: np.ndarray, positions: np.ndarray
    ) -> np.ndarray:
        """Each example's effect on the logit of the token after it: float32, [F, k].

        0 where a feature has no example, and for the last token of a text, which nothing follows.

        Args:
            tokens: int, [n_seq, seq_len].
            activations: float32, [F, k], and where they are: seq_ids and positions, int, [F, k].
        """
        last = tokens.shape[1] - 1
        following = tokens[seq_ids, np.minimum(positions + 1, last)]
        rows = max(1, _BLOCK // (activations.shape[1] * self._unembedding.shape[1]))
        parts = []
        for start in range(0, len(following), rows):
            ids = torch.as_tensor(following[start : start + rows], dtype=torch.long, device=self._unembedding.device)
            directions = self._directions[start : start + rows]
            parts.append(to_numpy(torch.einsum("fkd,fd->fk", self._unembedding[ids], directions)))
        return np.where(positions < last, activations * np.concatenate(parts), 0).astype(np.float32)


def measure_effects(model: PreTrainedModel, dictionary: Dictionary) -> LogitEffects:
    """The direct effects of all features of a dictionary. Holds F x d_model numbers beside the unembedding.

    Args:
        model: a Gemma 3 with its unembedding, `lm_head`.
    """
    unembedding = _find_unembedding(model).float() * _final_gain(model)
    rows = torch.from_numpy(dictionary.decoder_rows()).to(unembedding.device)
    return LogitEffects(write_to_stream(model, dictionary, rows), unembedding)


def measure_effect(model: PreTrainedModel, dictionary: Dictionary, feature: int) -> np.ndarray:
    """One feature's direct effect on every logit, as of `LogitEffects`: float32, [d_vocab].

    Reads the feature's decoder row alone, and one product with the unembedding.
    """
    unembedding = _find_unembedding(model)
    if unembedding.is_meta:
        raise InvalidValue("the unembedding is not in memory (device='spread' left it on the disk)")
    row = torch.from_numpy(dictionary.written(feature)).to(unembedding.device)[None]
    direction = write_to_stream(model, dictionary, row)[0] * _final_gain(model)
    rows = max(1, _BLOCK // unembedding.shape[1])
    return np.concatenate([to_numpy(block.float() @ direction) for block in unembedding.split(rows)])


def write_to_stream(model: PreTrainedModel, dictionary: Dictionary, rows: torch.Tensor) -> torch.Tensor:
    """What decoder rows, [F, d_out] or [F, n, d_model], add to the residual stream: float32, [F, d_model].

    An autoencoder of `resid_post` or `mlp_out` and a transcoder: the row; one of `attn_out`: its
    row through `o_proj` and the gain of the norm after attention, whose division is left out; a CLT: the
    sum of its rows over layers; a crosscoder, whose layers are states of one stream and do not add
    up: its row at the last layer.
    """
    if dictionary.info.kind == "clt":
        return rows.sum(1)
    if dictionary.info.kind == "crosscoder":
        return rows[:, -1]
    if dictionary.info.base_site == "attn_out":
        layer = find_text_model(model).layers[dictionary.info.layer]
        through = rows @ layer.get_parameter("self_attn.o_proj.weight").float().T.to(rows.device)
        return through * (1 + layer.get_parameter("post_attention_layernorm.weight").float()).to(rows.device)
    return rows


def _find_unembedding(model: PreTrainedModel) -> torch.Tensor:
    embeddings: torch.nn.Module = model.get_output_embeddings()
    return embeddings.get_parameter("weight")


def _final_gain(model: PreTrainedModel) -> torch.Tensor:
    """Gemma's RMSNorm multiplies by 1 + weight."""
    return 1 + find_text_model(model).norm.weight.float()
