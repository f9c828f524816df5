"""features.json: what was measured of each feature, and nothing that the page cannot hold."""

import json

import pytest

import gscope_widgets as gs
from gscope_widgets.runtime.dictionaries.folders import LocalFolder
from gscope_widgets.runtime.dictionaries.labels import load_notes

ENTRY = {"feature": 3, "label": "ducks", "max_activation": 7.5, "auc": 0.9, "precision": 0.8, "recall": 0.7}


def write(tmp_path, content):
    (tmp_path / "features.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return LocalFolder(tmp_path)


def test_labels_come_with_their_source_and_scores(tmp_path):
    silent = {"feature": 4, "label": None, "max_activation": 0.0}
    notes = load_notes(write(tmp_path, {"source": "by eye", "features": [ENTRY, silent]}), d_dict=10)
    label = notes.labels[3]
    assert (label.text, label.source, label.auc, label.precision, label.recall) == ("ducks", "by eye", 0.9, 0.8, 0.7)
    assert set(notes.labels) == {3}
    assert notes.max_activation == {3: 7.5, 4: 0.0}


def test_no_file_means_no_notes(tmp_path):
    notes = load_notes(LocalFolder(tmp_path), d_dict=10)
    assert (notes.labels, notes.max_activation) == ({}, {})


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "null", "[" * 100_000, '"x"', "{}",
        {"source": "s"},
        {"source": "s", "features": 5},
        {"source": "s", "features": [5]},
        {"source": "s", "features": [{}]},
        {"source": "s", "features": [ENTRY | {"feature": 10}]},
        {"source": "s", "features": [ENTRY | {"feature": -1}]},
        {"source": "s", "features": [ENTRY | {"feature": "x"}]},
        {"source": "s", "features": [ENTRY | {"max_activation": None}]},
        {"source": "s", "features": [ENTRY | {"auc": "high"}]},
        '{"source": "s", "features": [{"feature": 3, "max_activation": NaN}]}',
        '{"source": "s", "features": [{"feature": 3, "max_activation": Infinity}]}',
        {"source": "s", "features": [{key: value for key, value in ENTRY.items() if key != "auc"}]},
    ],
    ids=lambda content: str(content)[:40],
)  # fmt: skip
def test_a_damaged_file_is_one_clear_error(tmp_path, content):
    with pytest.raises(gs.BadArtefact, match=r"features\.json cannot be read"):
        load_notes(write(tmp_path, content), d_dict=10)


def test_long_words_are_cut(tmp_path):
    long = {"source": "s" * 10_000, "features": [ENTRY | {"label": "x" * 10_000}]}
    label = load_notes(write(tmp_path, long), d_dict=10).labels[3]
    assert len(label.text) == len(label.source) == 300


def test_a_line_end_has_the_one_sign_that_readers_see(tmp_path):
    old = {"source": "s", "features": [ENTRY | {"label": "token after: ↵", "positives": 9}]}
    notes = load_notes(write(tmp_path, old), d_dict=10)
    assert notes.labels[3].text == notes.truths[3].concept == "token after: ⏎"
