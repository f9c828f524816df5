"""What the tutorials and the README claim of gscope-mini, read from the file that the measuring script wrote."""

import hashlib
import json
from pathlib import Path

import pytest

from gscope_widgets.mini import DICTIONARIES, MODELS, PHENOMENA


@pytest.fixture(scope="module")
def phenomena() -> dict:
    return json.loads(PHENOMENA.read_text())


def test_held_out_loss_is_clearly_under_every_n_gram_model(phenomena):
    losses = phenomena["losses"]
    margin = 10 * losses["trigram_minus_model_standard_error"]
    assert losses["tokens"] > 100_000
    assert losses["model"] + margin < losses["trigram"] < losses["bigram"]
    assert losses["model"] < losses["five_gram"]


def test_many_features_detect_concepts_and_controls_do_not(phenomena):
    detectors = phenomena["detectors"]
    assert detectors["good_features"] >= 20
    assert detectors["good_concepts"] >= 20
    assert detectors["good_features"] >= 3 * max(detectors["controls"].values())


def test_at_least_three_concepts_are_steerable_and_random_directions_rarely_pass(phenomena):
    steering = phenomena["steering"]
    assert len(steering["steerable_concepts"]) >= 3
    null = steering["random_directions_that_pass_the_same_rule"] / steering["random_directions_tried"]
    assert steering["steered"] / steering["tried"] >= 5 * null


def test_samples_are_there_to_be_read(phenomena):
    assert all(len(sample["text"].split()) > 10 for sample in phenomena["samples"])


def test_dictionary_is_sparse_faithful_and_mostly_alive(phenomena):
    dictionary = phenomena["dictionary"]
    assert 8 <= dictionary["l0"] <= 32
    assert dictionary["fvu"] < 0.5
    assert dictionary["dead_features"] <= 0.1 * 1024
    assert 0 <= dictionary["delta_loss"] < 0.25 * dictionary["delta_loss_mean_ablation"]


@pytest.mark.parametrize(
    ("folder", "weights", "key"),
    [
        (MODELS["mini"], "model.safetensors", "model_sha256"),
        *(
            (path.parent, "params.safetensors", "params_sha256")
            for path in DICTIONARIES["mini"].glob("*/*/config.json")
        ),
    ],
)
def test_shipped_weights_are_the_ones_the_record_speaks_of(folder: Path, weights: str, key: str):
    record = json.loads((folder / "training.json").read_text())
    assert hashlib.sha256((folder / weights).read_bytes()).hexdigest() == record[key]


def test_corpus_is_the_one_the_model_was_trained_on():
    from gscope_widgets.mini.train.__main__ import corpus_digest

    assert corpus_digest() == json.loads((MODELS["mini"] / "training.json").read_text())["corpus_sha256"]
