"""What `FakeScope` answers of attention: patterns of a fixed seed, of heads that differ as a model's do."""

import numpy as np

from gscope_widgets.records.attention import AttentionReading, find_local_window, finish_scores, weigh_scores
from gscope_widgets.records.tokens import Tokens
from tests.fake_model import LAYERS, PIECES, next_logits

HEADS = 4
WINDOWS = (4, 4, 4, 0, 4, 4)  # by layer


def build_patterns(tokens: Tokens, layer: int) -> np.ndarray:
    """Head 0 rests on the first token, head 1 looks one back, head 2 copies, head 3 has no habit."""
    count = len(tokens)
    random = np.random.default_rng([*tokens.ids, layer])
    scores = random.standard_normal((HEADS, count, count))
    query, key = np.indices((count, count))
    ids = np.array(tokens.ids)
    scores[0, :, 0] += 4
    scores[1][query - key == 1] += 3 + layer / 2
    if layer == 3:
        scores[2, :, 1:][ids[:, None] == ids[None, :-1]] += 6
    hidden = key > query
    if WINDOWS[layer]:
        hidden |= query - key >= WINDOWS[layer]
    shares = np.where(hidden, 0, np.exp(scores))
    return (shares / shares.sum(-1, keepdims=True)).astype(np.float32)


def build_attention(tokens: Tokens, layer: int) -> AttentionReading:
    """As `AttentionReading` says, of made-up values."""
    count = len(tokens)
    random = np.random.default_rng([*tokens.ids, layer, 1])
    patterns = build_patterns(tokens, layer)
    weights = weigh_scores(tokens.ids, find_local_window(WINDOWS))
    sums = np.stack([np.einsum("hqk,sqk->hs", build_patterns(tokens, one), weights) for one in range(LAYERS)])
    targets = [*tokens.ids[1:], int(np.argmax(next_logits(tokens.ids, (), {}, count)))]
    return AttentionReading(
        tokens=tokens,
        layer=layer,
        windows=WINDOWS,
        patterns=patterns,
        sizes=random.uniform(0.5, 3, (HEADS, count)).astype(np.float32),
        scales=random.uniform(0.5, 2, count).astype(np.float32),
        effects=(patterns * random.standard_normal((HEADS, count, count))).astype(np.float32),
        targets=np.array(targets, np.int32),
        names=tuple(PIECES[one] for one in targets),
        scores=finish_scores(sums, weights),
    )
