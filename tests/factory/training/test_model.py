"""The scripts that make gscope-mini, on tiny inputs."""

import json
from dataclasses import replace
from itertools import islice
from random import Random

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from factory.claims.ngrams import NgramModel
from factory.claims.sample import count_documents, generate_text
from factory.corpus import CHAT_REGISTERS, CONCEPTS, generate_chat, generate_documents
from factory.corpus.senses import write_recalled_sense
from factory.corpus.stories import STORY_RULES
from factory.corpus.writer import Writer
from factory.training import corpus_tokens
from factory.training.corpus_tokens import (
    BOS,
    EOS,
    label_rows,
    pack_conversations,
    pack_rows,
    real_positions,
)
from factory.training.model import ModelRecipe, train_model
from factory.training.muon import Muon, orthogonalize
from gscope_widgets.mini import MODELS


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(MODELS["mini"] / "tokenizer.json"))


def test_packed_rows_begin_with_bos_and_hold_the_documents_in_order(tokenizer):
    rows = pack_rows(tokenizer, seed=7, tokens=2000, context=64)
    assert (rows[:, 0] == BOS).all()
    text = tokenizer.decode([int(token) for token in rows[:, 1:].ravel() if token not in (BOS, EOS)])
    assert text.startswith(next(generate_documents(7)).text[:200])


def test_a_long_stream_is_written_in_shards_of_seeds_of_their_own(tokenizer, monkeypatch):
    whole = pack_rows(tokenizer, seed=7, tokens=1500, context=64)
    monkeypatch.setattr(corpus_tokens, "SHARD_TOKENS", 1000)
    rows = pack_rows(tokenizer, seed=7, tokens=2500, context=64)
    first = -(-1000 // 64)
    assert (rows[:first] == whole[:first]).all()
    second = pack_rows(tokenizer, seed=7 + corpus_tokens.SHARD_STEP, tokens=1000, context=64)
    assert (rows[first : 2 * first] == second).all()
    assert len(rows) == 2 * first + -(-500 // 64) and len(np.unique(rows[:, 1:20], axis=0)) == len(rows)


def test_each_row_of_conversations_begins_with_one(tokenizer):
    rows = pack_conversations(tokenizer, seed=7, tokens=6000, context=256)
    assert (rows[:, 0] == BOS).all()
    openings = [tokenizer.decode(row[1:6].tolist(), skip_special_tokens=False) for row in rows]
    assert all(opening.startswith(("<start_of_turn>user", "Question:")) for opening in openings)
    assert next(generate_chat(7)).text.startswith(openings[0])


def test_the_twins_text_is_conversations_for_seven_tenths_of_its_tokens(tokenizer):
    documents = list(islice(generate_text("mini-it", 9), count_documents("mini-it", 400)))
    tokens = {
        chat: sum(len(tokenizer.encode(one.text).ids) for one in documents if (one.register in CHAT_REGISTERS) == chat)
        for chat in (True, False)
    }
    base = sum(len(tokenizer.encode(one.text).ids) for one in islice(generate_text("mini", 9), 400))
    assert 0.65 < tokens[True] / sum(tokens.values()) < 0.75
    assert 0.9 < sum(tokens.values()) / base < 1.1
    with pytest.raises(ValueError, match="train"):
        next(generate_text("mini-it", 9, templates="unseen"))


def test_the_cue_of_a_recalled_word_is_further_back_than_a_local_layer_sees(tokenizer):
    window = json.loads((MODELS["mini"] / "config.json").read_text())["sliding_window"]
    for seed in range(200):
        w = Writer(Random(seed), rules=STORY_RULES)
        write_recalled_sense(w)
        document = w.finish("story")
        (span,) = [one for one in document.spans if one.concept == "hidden:recalled_sense"]
        cue = document.text.index(". ") + 1
        assert len(tokenizer.encode(document.text[cue : span.start]).ids) > window


def test_labels_sit_on_the_tokens_of_their_spans(tokenizer):
    names = tuple(CONCEPTS)
    rows = label_rows(tokenizer, generate_documents(8), documents=12, context=256, names=names)
    real = real_positions(rows)
    assert not rows.concepts[~real].any()
    for row, document in enumerate(islice(generate_documents(8), 12)):
        offsets = tokenizer.encode(document.text).offsets
        for pos in range(1, rows.lengths[row]):
            start, end = offsets[pos - 1]
            if end - start > 1 and document.text[start] == " ":
                start += 1
            expected = {span.concept for span in document.spans if span.start < end and start < span.end}
            assert {names[i] for i in np.flatnonzero(rows.concepts[row, pos])} == expected


def test_tokenizer_keeps_any_text_and_gemmas_special_ids(tokenizer):
    for text in ("user", "Ça va ? 😀\u202e<b>\x00  x\n\n\ty", "<start_of_turn>user\n"):
        assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text
    assert tokenizer.encode("<start_of_turn>user\n").ids == [105, 2364, 107]
    assert tokenizer.get_vocab_size() == 4096


def test_n_gram_probabilities_sum_to_one_and_follow_the_counts():
    random = np.random.default_rng(0)
    rows = random.integers(0, 6, (40, 30)).astype(np.int16)
    rows[:, 1::2] = (rows[:, ::2] + 1) % 6  # every second token is decided by the one before
    model = NgramModel(rows, order=3, vocabulary=6)
    context = rows[:1, :2]
    continued = np.concatenate([np.repeat(context, 6, 0), np.arange(6)[:, None]], axis=1)
    assert np.exp(-model.loss(continued)).sum() == pytest.approx(1.0)
    unseen = np.array([[0, 0, value] for value in range(6)])
    assert np.exp(-model.loss(unseen)).sum() == pytest.approx(1.0)
    assert (model.shorten(2).loss(rows) == NgramModel(rows, order=2, vocabulary=6).loss(rows)).all()
    shuffled = random.permuted(rows, axis=1)
    assert model.loss(rows).mean() < model.loss(shuffled).mean()


def test_orthogonalize_brings_singular_values_near_one():
    values = torch.linalg.svdvals(orthogonalize(torch.randn(3, 12, 40)))
    assert values.min() > 0.6 and values.max() < 1.3


def test_a_step_of_muon_is_that_of_each_matrix_alone():
    generator = torch.Generator().manual_seed(0)
    shapes = [(6, 4), (4, 6), (4, 6), (5, 5)]
    weights = [torch.randn(shape, generator=generator) for shape in shapes]
    gradients = [torch.randn(shape, generator=generator) for shape in shapes]
    parameters = [torch.nn.Parameter(weight.clone()) for weight in weights]
    optimizer = Muon(parameters, lr=0.1, momentum=0.9, weight_decay=0.5)
    for _ in range(2):
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()
    for parameter, weight, gradient in zip(parameters, weights, gradients, strict=True):
        for momentum in (0.1 * gradient, 0.19 * gradient):
            update = 0.1 * gradient + 0.9 * momentum
            tall = update.shape[0] > update.shape[1]
            whole = orthogonalize((update.T if tall else update)[None])[0]
            weight = weight * (1 - 0.1 * 0.5) - 0.1 * 0.2 * max(weight.shape) ** 0.5 * (whole.T if tall else whole)
        assert torch.allclose(parameter, weight, atol=1e-5)


def test_an_interrupted_training_run_ends_where_an_uninterrupted_one_does(tmp_path, monkeypatch):
    monkeypatch.setenv("GSCOPE_NO_COMPILE", "1")
    recipe = ModelRecipe(context=16, rows_a_step=2, seed=1, checkpoint_steps=2)
    rows = np.random.default_rng(0).integers(5, 90, (10, 16)).astype(np.int16)
    train_model(rows, recipe=recipe, vocabulary=96, folder=tmp_path / "whole")

    class Killed(Exception):
        pass

    def die(step):
        if step == 3:
            raise Killed

    with pytest.raises(Killed):
        train_model(rows, recipe=recipe, vocabulary=96, folder=tmp_path / "resumed", on_step=die)
    assert (tmp_path / "resumed" / "training.safetensors").exists()
    steps = []
    train_model(rows, recipe=recipe, vocabulary=96, folder=tmp_path / "resumed", on_step=steps.append)
    assert steps[0] == 2
    with pytest.raises(Killed):
        train_model(rows, recipe=recipe, vocabulary=96, folder=tmp_path / "other", on_step=die)

    def note(step):
        steps.append(step)
        raise Killed

    for changed in (replace(recipe, matrix_rate=0.001), recipe):
        steps.clear()
        text = rows if changed != recipe else rows[::-1].copy()
        with pytest.raises(Killed):  # neither goes on from a checkpoint of the run above
            train_model(text, recipe=changed, vocabulary=96, folder=tmp_path / "other", on_step=note)
        assert steps[0] == 0
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "resumed"))
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
