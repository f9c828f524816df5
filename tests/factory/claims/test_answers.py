"""Scoring of answers and cuts of attention, against a model's own generation and masks."""

import numpy as np
import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from factory.claims import answers
from factory.claims.answers import (
    encode_text,
    prefers,
    score_answers,
    token_losses,
    windowed,
    zeroed_heads,
)

WORDS = 40
WINDOW = 4


class Encoding:
    def __init__(self, ids):
        self.ids = ids


class WordTokenizer:
    """Words w4, w5 ... with their space, one token each."""

    def encode(self, text, add_special_tokens=False):
        return Encoding([int(word[1:]) for word in text.split()])


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    configuration = Gemma3TextConfig(
        vocab_size=WORDS,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        sliding_window=WINDOW,
        max_position_embeddings=64,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        tie_word_embeddings=False,
        initializer_range=0.5,
    )
    return Gemma3ForCausalLM._from_config(configuration, attn_implementation="eager").eval()


@pytest.fixture(scope="module")
def ids():
    return torch.randint(4, WORDS, (3, 20), generator=torch.Generator().manual_seed(1))


def logits(model, ids, **kwargs):
    with torch.inference_mode():
        return model(input_ids=ids, use_cache=False, **kwargs).logits


def mask(width, window):
    seen = [[key <= query < key + window for key in range(width)] for query in range(width)]
    return torch.where(torch.tensor(seen), 0.0, torch.finfo(torch.float32).min)[None, None]


def test_a_windowed_layer_computes_what_the_model_does_under_a_local_mask(model, ids):
    local, whole = mask(20, WINDOW), mask(20, 20)
    plain = logits(model, ids)
    torch.testing.assert_close(
        logits(model, ids, attention_mask={"full_attention": whole, "sliding_attention": local}), plain
    )
    cut = logits(model, ids, attention_mask={"full_attention": local, "sliding_attention": local})
    with windowed(model, 1):
        torch.testing.assert_close(logits(model, ids), cut)
    torch.testing.assert_close(cut[:, :WINDOW], plain[:, :WINDOW])
    assert (cut[:, -1] - plain[:, -1]).abs().max() > 1e-3
    torch.testing.assert_close(logits(model, ids), plain)


def test_keeping_every_position_in_sight_changes_nothing(model, ids):
    with windowed(model, 1, keep_first=20):
        cut = logits(model, ids)
    torch.testing.assert_close(cut, logits(model, ids))


def test_zeroed_heads_leave_the_rest_of_the_layer(model, ids):
    plain = logits(model, ids)
    weight = model.model.layers[2].self_attn.o_proj.weight
    kept = weight.detach().clone()
    try:
        with torch.no_grad():
            weight[:, 8:] = 0
        expected = logits(model, ids)
    finally:
        with torch.no_grad():
            weight.copy_(kept)
    with zeroed_heads(model, 2, [1]):
        torch.testing.assert_close(logits(model, ids), expected)
    with zeroed_heads(model, 2, []):
        torch.testing.assert_close(logits(model, ids), plain)
    assert (expected - plain).abs().max() > 1e-3
    torch.testing.assert_close(logits(model, ids), plain)


def test_a_hook_goes_when_the_model_raises(model, ids):
    with pytest.raises(KeyError), zeroed_heads(model, 2):
        raise KeyError
    with pytest.raises(KeyError), windowed(model, 1):
        raise KeyError
    assert not model.model.layers[2].self_attn.o_proj._forward_pre_hooks
    assert not model.model.layers[1].self_attn._forward_pre_hooks


def _greedy(model, prompt, count):
    ids = encode_text(WordTokenizer(), prompt)
    for _ in range(count):
        ids.append(int(logits(model, torch.tensor([ids]))[0, -1].argmax()))
    return [f" w{token}" for token in ids[-count:]]


def test_an_answer_is_exact_where_greedy_decoding_tells_it(model, monkeypatch):
    monkeypatch.setattr(answers, "TOKENS_A_BATCH", 40)
    generator = np.random.default_rng(2)
    prompts = [" ".join(f"w{word}" for word in generator.integers(4, WORDS, length)) for length in (3, 9, 5, 7, 14)]
    greedy = ["".join(_greedy(model, prompt, 2)) for prompt in prompts]
    right = score_answers(model, WordTokenizer(), prompts, greedy)
    assert right.exact.all()
    other = [first.split()[0] + " w4" if not first.endswith(" w4") else first.split()[0] + " w5" for first in greedy]
    wrong = score_answers(model, WordTokenizer(), prompts, [" " + answer for answer in other])
    assert not wrong.exact.any()
    assert (right.log_probability > wrong.log_probability).all()
    assert prefers(model, WordTokenizer(), prompts, greedy, [[" " + answer] for answer in other]).all()
    assert not prefers(model, WordTokenizer(), prompts, [" " + answer for answer in other], [[g] for g in greedy]).any()


def test_padding_and_batches_change_no_probability(model, monkeypatch):
    prompts, told = ["w5 w9", "w8 w7 w6 w12 w30 w11"], [" w4", " w9 w10"]
    together = score_answers(model, WordTokenizer(), prompts, told).log_probability
    alone = [
        float(score_answers(model, WordTokenizer(), [p], [a]).log_probability[0])
        for p, a in zip(prompts, told, strict=True)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-4)


def test_token_losses_are_cross_entropy(model, ids, monkeypatch):
    monkeypatch.setattr(answers, "TOKENS_A_BATCH", 40)
    expected = torch.nn.functional.cross_entropy(
        logits(model, ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
    ).view(3, -1)
    np.testing.assert_allclose(token_losses(model, ids), expected.numpy(), rtol=1e-4)
