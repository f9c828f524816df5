"""The scripts that make gscope-mini, on tiny inputs."""

from itertools import islice

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from gscope_widgets.mini import MODELS
from gscope_widgets.mini.corpus import CONCEPTS, generate_chat, generate_documents
from gscope_widgets.mini.train.corpus_tokens import (
    BOS,
    EOS,
    label_rows,
    pack_conversations,
    pack_rows,
    real_positions,
)
from gscope_widgets.mini.train.model import ModelRecipe, train_model
from gscope_widgets.mini.train.muon import orthogonalize
from gscope_widgets.mini.train.ngrams import NgramModel


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(MODELS["mini"] / "tokenizer.json"))


def test_packed_rows_begin_with_bos_and_hold_the_documents_in_order(tokenizer):
    rows = pack_rows(tokenizer, seed=7, tokens=2000, context=64)
    assert (rows[:, 0] == BOS).all()
    text = tokenizer.decode([int(token) for token in rows[:, 1:].ravel() if token not in (BOS, EOS)])
    assert text.startswith(next(generate_documents(7)).text[:200])


def test_each_row_of_conversations_begins_with_one(tokenizer):
    rows = pack_conversations(tokenizer, seed=7, tokens=6000, context=256)
    assert (rows[:, 0] == BOS).all()
    openings = [tokenizer.decode(row[1:6].tolist(), skip_special_tokens=False) for row in rows]
    assert all(opening.startswith(("<start_of_turn>user", "Question:")) for opening in openings)
    assert next(generate_chat(7)).text.startswith(openings[0])


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
    shuffled = random.permuted(rows, axis=1)
    assert model.loss(rows).mean() < model.loss(shuffled).mean()


def test_orthogonalize_brings_singular_values_near_one():
    values = torch.linalg.svdvals(orthogonalize(torch.randn(3, 12, 40)))
    assert values.min() > 0.6 and values.max() < 1.3


def test_an_interrupted_training_run_ends_where_an_uninterrupted_one_does(tmp_path, monkeypatch):
    monkeypatch.setenv("GSCOPE_NO_COMPILE", "1")
    recipe = ModelRecipe(context=16, rows_a_step=2, seed=1, checkpoint_steps=4)
    rows = np.random.default_rng(0).integers(5, 90, (20, 16)).astype(np.int16)
    train_model(rows, recipe=recipe, vocabulary=96, folder=tmp_path / "whole")

    class Killed(Exception):
        pass

    def die(step):
        if step == 6:
            raise Killed

    with pytest.raises(Killed):
        train_model(rows, recipe=recipe, vocabulary=96, folder=tmp_path / "resumed", on_step=die)
    assert (tmp_path / "resumed" / "training.safetensors").exists()
    steps = []
    train_model(rows, recipe=recipe, vocabulary=96, folder=tmp_path / "resumed", on_step=steps.append)
    assert steps[0] == 4
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "resumed"))
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
