"""Losses, the surprisal of the generator's choices, and the register of samples, against independent calculations."""

import math
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from factory.claims.ngrams import NgramModel
from factory.claims.text import losses, openings, surprisal
from factory.corpus import REGISTERS, generate_documents
from factory.training.corpus_tokens import BOS, EOS, PAD

VOCABULARY = 300


def test_counted_documents_are_the_generators_own():
    counted = list(surprisal.measure_surprisal(11, 30))
    assert [one.text for one, _ in counted] == [one.text for one in islice(generate_documents(11), 30)]
    assert all(5 < nats < len(document.text) * math.log(256) for document, nats in counted)


@pytest.mark.parametrize(
    ("decide", "outcomes"),
    [
        (lambda rng: rng.random() < 0.3, 2),
        (lambda rng: int(rng.random() * 7), 7),
        (lambda rng: int(2 + 5 * rng.random() ** 2), 5),
        (lambda rng: rng.choice("abc"), 3),
        (lambda rng: tuple(rng.sample("abcd", 2)), 12),
    ],
)
def test_choices_cost_minus_the_log_of_how_often_they_come(decide, outcomes):
    rng = surprisal.CountingRandom(0)
    costs, seen = {}, []
    for _ in range(4000):
        before = rng.nats
        outcome = decide(rng)
        seen.append(outcome)
        costs[outcome] = rng.nats - before
    assert len(costs) == outcomes
    assert sum(math.exp(-cost) for cost in costs.values()) == pytest.approx(1.0)
    for outcome, cost in costs.items():
        assert seen.count(outcome) / len(seen) == pytest.approx(math.exp(-cost), abs=0.035)


def test_asking_a_draw_again_costs_only_what_is_new():
    rng = surprisal.CountingRandom(0)  # whose first number is 0.84
    draw = rng.random()
    assert not draw < 0.5 and not draw < 0.25
    assert rng.nats == pytest.approx(math.log(2))
    assert draw > 0.75
    assert rng.nats == pytest.approx(math.log(4))


def make_losses(gain, unseen):
    random = np.random.default_rng(0)
    found = {}
    for name, by in (("held_out", gain), ("unseen_templates", unseen)):
        model = 1 + 0.1 * random.standard_normal((40, 20))
        model[:, -3:] = np.nan
        found[name] = {"model": model, "bigram": model + by + 1, "trigram": model + by + 0.2, "five_gram": model + by}
    return found


def test_loss_must_beat_the_best_ngram_on_both_texts():
    row = losses.judge_loss(make_losses(0.2, 0.1), {})
    assert row.passed and row.value == pytest.approx(0.2) and row.n == 40 * 17
    assert row.control["five_gram"] == pytest.approx(row.details["loss"]["held_out"]["model"] + 0.2)
    assert not losses.judge_loss(make_losses(-0.01, 0.1), {}).passed
    assert not losses.judge_loss(make_losses(0.2, -0.01), {}).passed


def test_all_predictors_are_scored_on_the_same_tokens():
    random = np.random.default_rng(0)
    train = random.integers(3, VOCABULARY, (50, 12)).astype(np.int32)
    rows = random.integers(3, VOCABULARY, (6, 12)).astype(np.int32)
    rows[:, 9:] = PAD

    def model(input_ids, use_cache):
        del use_cache
        logits = torch.zeros(*input_ids.shape, VOCABULARY)
        logits[:, :-1].scatter_(2, input_ids[:, 1:, None], 50.0)  # knows what comes
        return SimpleNamespace(logits=logits)

    ngrams = {name: NgramModel(train, order=order, vocabulary=VOCABULARY) for name, order in losses.NGRAMS.items()}
    found = losses.score_rows(model, ngrams, rows)
    for values in found.values():
        assert values.shape == (6, 8)
        assert (np.isfinite(values) == (rows[:, 4:] != PAD)).all()
    assert np.nanmax(found["model"]) < 1e-6
    bigram = NgramModel(train, order=2, vocabulary=VOCABULARY).loss(rows)
    assert found["bigram"][2, 0] == pytest.approx(bigram[2, 3])


def test_rows_hold_a_document_and_its_end():
    encoding = [SimpleNamespace(ids=[10, 11]), SimpleNamespace(ids=[12, 13, 14, 15])]
    tokenizer = SimpleNamespace(encode_batch=lambda _texts: encoding)
    rows = losses.document_rows(tokenizer, [SimpleNamespace(text="")] * 2, head=(BOS,), context=5)
    assert rows.tolist() == [[BOS, 10, 11, EOS, PAD], [BOS, 12, 13, 14, 15]]


def test_interval_of_a_mean_weighs_rows_by_their_tokens():
    values = np.full((60, 4), np.nan)
    values[:30] = 1.0
    values[30:, 0] = 3.0
    low, high = losses.mean_interval(values)
    assert low < np.nanmean(values) < high and high - low < 0.5


def test_classifier_names_registers_and_scrambled_prompts_fail():
    random = np.random.default_rng(0)
    count = len(REGISTERS)

    def write(register):
        return (random.integers(0, 8, 30) + 4 * register).tolist()

    registers = np.tile(np.arange(count), 20)
    table = openings.fit_classifier(
        [write(one) for one in registers], [REGISTERS[i] for i in registers], vocabulary=100
    )
    named = openings.classify(table, [write(one) for one in registers])
    row = openings.judge_samples(dict.fromkeys(("samples", "true_continuations", "prompts_alone"), named), registers)
    assert row.passed and row.value > 0.9
    mixed = dict.fromkeys(("samples", "true_continuations", "prompts_alone"), random.permutation(named))
    assert not openings.judge_samples(mixed, registers).passed
    shifted = dict.fromkeys(("samples", "true_continuations", "prompts_alone"), (registers + 1) % count)
    assert not openings.judge_samples(shifted, registers).passed
