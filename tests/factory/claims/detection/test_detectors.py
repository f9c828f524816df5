"""Labels and the rows on detecting, on planted features, against brute force and scrambled labels."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from factory.claims.concept_scores import join_firings, list_firings, order_firings
from factory.claims.detection import detectors, layers, rivals, top_examples, truth
from factory.claims.detection.label_choice import count_shares, label_features
from factory.claims.detection.labels import format_labels
from factory.claims.detection.precision import judge_precision
from factory.claims.detection.rivals import Rivals
from factory.claims.detection.studies import (
    random_directions,
    relabel,
    rescore,
    shift_labels,
    shuffle_labels,
)
from factory.claims.detection.truth import ConceptTargets, GroupTargets
from gscope_widgets.runtime.dictionaries.folders import LocalFolder
from gscope_widgets.runtime.dictionaries.labels import load_notes

TOKENS, DOCUMENTS, CONCEPTS = 4000, 40, 40
FAMILIES = ("thing", "place", "person", "grammar", "hidden")
NAMES = tuple(f"{FAMILIES[i % 5]}:concept_{i}" for i in range(CONCEPTS))


def brute_auc(values, marks):
    wins = (values[marks][:, None] > values[~marks][None]) + 0.5 * (values[marks][:, None] == values[~marks][None])
    return wins.mean()


def dense(firings):
    values = np.zeros((firings.tokens, firings.features), np.float32)
    values[firings.token, firings.feature] = firings.value
    return values


def firings_of(values):
    token, feature = np.nonzero(values)
    tokens, features = values.shape
    return order_firings(feature, token, values[token, feature], tokens=tokens, features=features)


@pytest.fixture
def world():
    """Two samples: random concepts, random words, and a document number for each token."""
    random = np.random.default_rng(0)
    samples, targets = [], []
    for _ in range(2):
        marks = random.random((TOKENS, CONCEPTS)) < 0.03
        words = random.integers(0, 30, TOKENS)
        document = np.repeat(np.arange(DOCUMENTS), TOKENS // DOCUMENTS)
        samples.append(SimpleNamespace(ids=words, document=document, real=np.ones((DOCUMENTS, 100), bool)))
        targets.append(
            [
                ConceptTargets(NAMES, np.zeros(CONCEPTS, np.int64), 50, marks),
                GroupTargets(tuple(f"word: w{i}" for i in range(30)), np.ones(30, np.int64), 20, words),
            ]
        )
    return SimpleNamespace(random=random, samples=samples, targets=targets)


def detecting(world, *, noise=0.0):
    """Feature i fires on concept i, with noise elsewhere."""
    found = []
    for targets in world.targets:
        fires = targets[0].marks | (world.random.random(targets[0].marks.shape) < noise)
        found.append(firings_of((fires * (0.5 + world.random.random(fires.shape))).astype(np.float32)))
    return found


def test_labels_are_found_by_f1_or_precision_and_measured_on_held_out_text(world):
    values = []
    for targets in world.targets:
        marks, words = targets[0].marks, targets[1].group
        part = marks[:, 1] & (world.random.random(TOKENS) < 0.35)
        noise = world.random.random(TOKENS) < 0.03
        dead = np.zeros(TOKENS, bool)
        fires = np.stack([marks[:, 0], part, words == 7, noise, dead], 1)
        values.append((fires * (0.1 + world.random.random(fires.shape))).astype(np.float32))
    labels = label_features([firings_of(one) for one in values], world.targets)
    assert list(labels.rule) == ["f1", "precision", "f1", "", ""]
    assert [labels.names[i] for i in range(3)] == [NAMES[0], NAMES[1], "word: w7"]
    assert labels.levels[:3] == ("above word", "above word", "word")
    held_out, mark = values[1], world.targets[1][0].marks[:, 1]
    fires = held_out[:, 1] > 0
    assert labels.measured["precision"][1] == pytest.approx(1.0)
    assert labels.measured["recall"][1] == pytest.approx((fires & mark).sum() / mark.sum())
    assert labels.measured["auc"][1] == pytest.approx(brute_auc(held_out[:, 1], mark))
    assert labels.measured["positives"][1] == mark.sum()
    shares = count_shares(labels)
    assert (shares.labelled, shares.unlabelled, shares.dead) == pytest.approx((0.6, 0.2, 0.2))


def test_a_concept_goes_before_a_word_of_the_same_tokens(world):
    targets = []
    for one in world.targets:
        marks = one[0].marks.copy()
        marks[:, 5] = one[1].group == 3
        targets.append([ConceptTargets(NAMES, one[0].level, 50, marks), one[1]])
    values = [(one[1].group == 3).astype(np.float32)[:, None] for one in targets]
    labels = label_features([firings_of(one) for one in values], targets)
    assert labels.names == (NAMES[5],)


def test_a_written_file_is_read_by_the_runtime(world, tmp_path):
    labels = label_features(detecting(world), world.targets)
    rival = np.full(CONCEPTS, 0.7)
    table = Rivals(rival, np.arange(CONCEPTS), rival, rival, rival, np.arange(CONCEPTS))
    path = tmp_path / "features.json"
    path.write_text(format_labels(labels, table))
    notes = load_notes(LocalFolder(tmp_path), d_dict=CONCEPTS)
    assert notes.labels[4].text == NAMES[4]
    assert notes.labels[4].precision == 1.0
    assert len(notes.max_activation) == CONCEPTS
    entry = json.loads(path.read_text())["features"][4]
    assert entry["rivals"] == {"neuron": 0.7, "coordinate": 0.7, "probe": 0.7, "token": 0.7, "neuron_index": 4}
    assert entry["level"] == "above word" and entry["f1"] == 1.0


def test_members_stand_one_after_the_other():
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    members = [
        {"w_enc": torch.randn(4, 3), "b_enc": torch.zeros(3), "threshold": torch.full((3,), 0.5)} for _ in range(2)
    ]
    joined = dense(join_firings([list_firings(x, member) for member in members]))
    for at, member in enumerate(members):
        pre = x @ member["w_enc"]
        assert np.allclose(joined[:, at * 3 : at * 3 + 3], (pre * (pre > 0.5)).numpy(), atol=1e-6)


def test_detection_passes_for_planted_detectors_and_fails_for_scrambled_labels(world):
    study = rescore(detecting(world), world.targets)
    token = np.full(CONCEPTS, 0.6)
    weak = SimpleNamespace(token=token, probe=token)
    inactive = rescore([firings_of(np.zeros((TOKENS, CONCEPTS), np.float32))] * 2, world.targets)
    row = detectors.judge_detection([study, study], weak, inactive, world.samples)
    assert row.passed and row.value == CONCEPTS
    first = row.details["by_dictionary_seed"][0]
    assert first["families"] == 5 and first["beyond_token"] == first["concepts_beyond_token"] == CONCEPTS
    assert all(control["features"] == control["concepts_beyond_token"] == 0 for control in row.control.values())
    scrambled = relabel(study, world.samples, shift_labels)
    assert not detectors.judge_detection([study, scrambled], weak, inactive, world.samples).passed
    decided = SimpleNamespace(token=np.full(CONCEPTS, 0.99), probe=token)
    assert not detectors.judge_detection([study], decided, inactive, world.samples).passed
    assert not detectors.judge_detection([study], weak, study, world.samples).passed


def test_precision_holds_for_features_on_one_thing_and_not_for_features_on_any(world):
    clean = rescore(detecting(world), world.targets)
    noisy = rescore(detecting(world, noise=0.05), world.targets)
    row = judge_precision({"small": clean, "medium": noisy}, [clean], noisy, world.samples)
    assert row.passed and row.value == 1.0 and row.details["by_size"]["medium"]["any"] == 0.0
    assert row.details["by_size"]["small"]["above word"] == 1.0 and row.details["by_size"]["small"]["word"] == 0.0
    assert row.control["labels_shifted_by_half_a_sample"] == 0.0
    assert not judge_precision({"small": clean}, [noisy], noisy, world.samples).passed
    assert not judge_precision({"small": clean}, [], clean, world.samples).passed


def test_shuffling_keeps_labels_in_their_documents(world):
    order = shuffle_labels(world.samples[0])
    document = world.samples[0].document
    assert (document[order] == document).all() and (order != np.arange(TOKENS)).mean() > 0.9
    assert sorted(shift_labels(world.samples[0])) == list(range(TOKENS))


def test_features_beat_weak_neurons_and_not_strong_ones(world):
    study = rescore(detecting(world), world.targets)
    inactive = rescore([firings_of(np.zeros((TOKENS, CONCEPTS), np.float32))] * 2, world.targets)
    half = np.full(CONCEPTS, 0.5)

    def judge(neuron, random):
        table = Rivals(np.full(CONCEPTS, neuron), np.arange(CONCEPTS), half, half, half, np.arange(0))
        return detectors.judge_against_neurons([study], table, random)

    assert judge(0.8, inactive).passed and judge(0.8, inactive).value == CONCEPTS
    assert not judge(0.95, inactive).passed
    assert not judge(0.8, study).passed


def test_misleading_tops_are_counted_and_honest_features_are_not(world):
    values = []
    for targets in world.targets:
        marks = targets[0].marks
        elsewhere = ~marks & (world.random.random(marks.shape) < 0.1)
        values.append((marks * (2 + world.random.random(marks.shape)) + elsewhere).astype(np.float32))
    misleading = rescore([firings_of(one) for one in values], world.targets)
    row = top_examples.judge_top_examples([misleading])
    assert row.passed and row.value == CONCEPTS and row.control["same_features_with_their_firings_in_random_order"] == 0
    assert not top_examples.judge_top_examples([rescore(detecting(world), world.targets)]).passed


def test_unnamed_features_are_counted_from_the_shares():
    shares = {"features": 100, "unlabelled": 0.3, "dead": 0.1}
    row = detectors.judge_unnamed({"default": shares, "other": shares | {"unlabelled": 0.0}})
    assert row.passed and row.value == 30 and row.n == 90
    assert not detectors.judge_unnamed({"default": shares | {"unlabelled": 0.04}}).passed


def test_random_directions_fire_as_often_as_asked():
    x = torch.randn(20_000, 16, generator=torch.Generator().manual_seed(1))
    density = np.array([0.001, 0.01, 0.2])
    firings = list_firings(x, random_directions(x, density))
    assert firings.density == pytest.approx(density, rel=0.1)


def test_levels_words_and_neighbours():
    words = np.array([0, 0, 0, 1, 2, 3, 4, 5])
    concepts = np.zeros((8, 3), bool)
    concepts[:4, 0] = True  # one word makes up three quarters
    concepts[3:, 1] = True  # five different words
    concepts[4:6, 2] = True  # two words
    assert list(truth.measure_levels(concepts, words)) == [1, 0, 1]
    pieces = ("▁har", "bour", "▁1", "2", ".", "▁The")
    sample = SimpleNamespace(ids=np.array([5, 0, 1, 2, 3, 4, 1]), document=np.array([0, 0, 0, 0, 0, 0, 1]))
    (numbers,), texts = truth.number_words([sample], pieces)
    assert [texts[i] for i in numbers] == ["the", "harbour", "harbour", "12", "12", ".", "bour"]
    before, after = truth.neighbours(sample, end=6)
    assert before.tolist() == [2, 5, 0, 1, 2, 3, 2] and after.tolist() == [0, 1, 2, 3, 4, 6, 6]
    assert truth.show_piece("▁har") == "␣har"
    assert [truth.name_word(text) for text in ("harbour", "12", ".", " \n".strip(" "))] == [
        "word: harbour",
        "word: 12",
        "sign: .",
        "sign: ↵",
    ]


def test_rivals_equal_brute_force():
    random = np.random.default_rng(0)
    values = [torch.from_numpy(random.standard_normal((300, 5)).astype(np.float32)) for _ in range(2)]
    marks = [random.random((300, 3)) < 0.3 for _ in range(2)]
    for one, mark in zip(values, marks, strict=True):
        mark[:, 0] = one[:, 4] < -0.5
    best, unit = rivals.score_best_unit(values, marks)
    assert unit[0] == 4 and best[0] == pytest.approx(1.0)
    probe = values[1] @ rivals.fit_probe(values[0], marks[0])
    assert brute_auc(probe[:, 0].numpy(), marks[1][:, 0]) > 0.99
    ids = random.integers(0, 4, 300)
    rates = rivals.token_rates(ids, (ids == 2)[:, None], vocabulary=5)
    assert rates[2, 0] > 0.95 and rates[1, 0] < 0.05 and rates[4, 0] == pytest.approx((ids == 2).mean())


def test_senses_separate_where_a_direction_holds_them_and_not_with_shuffled_labels():
    random = np.random.default_rng(0)
    senses = [random.integers(0, 2, 200) for _ in range(2)]
    x = [torch.from_numpy(random.standard_normal((200, 20)).astype(np.float32)) for _ in range(2)]
    flat = layers.separate(x[0], senses[0], x[1], senses[1])
    for one, sense in zip(x, senses, strict=True):
        one[:, 3] += torch.from_numpy(5.0 * sense).float()
    apart = layers.separate(x[0], senses[0], x[1], senses[1])
    assert apart > 0.95 and 0.3 < flat < 0.7

    def judge(auc, shuffled, *, layer=2):
        one = layers.Separation(auc, layer, shuffled, before=[0.5] * 3, explicit=1.0, tokens=[200, 200])
        return layers.judge_senses(dict.fromkeys("abcd", one))

    assert judge([0.6, flat, apart], [0.5, flat, flat]).passed
    assert not judge([0.6, apart, flat], [0.5, flat, flat]).passed  # a layer that was not chosen on the other text
    assert not judge([0.6, apart, 0.8], [0.5, flat, flat]).passed
    assert not judge([0.9, 0.95, apart], [0.5, flat, flat]).passed
    assert not judge([0.6, flat, apart], [0.5, apart, flat]).passed
    assert np.isnan(layers.separate(x[0][:9], senses[0][:9], x[1], senses[1]))
