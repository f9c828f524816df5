"""The text that ships is the one that the factory makes now."""

import gzip
import json

from factory import texts
from factory.texts import make_texts
from gscope_widgets.mini import TEXTS


def read(path) -> dict:
    return json.loads(gzip.decompress(path.read_bytes()))


def test_the_shipped_texts_are_those_of_the_held_out_seed(tmp_path):
    assert read(make_texts(tmp_path)) == read(TEXTS)
    assert TEXTS.stat().st_size < 400_000


def test_texts_of_another_seed_are_others(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "HELD_OUT_SEED", texts.HELD_OUT_SEED + 1)
    assert read(make_texts(tmp_path)) != read(TEXTS)


def test_the_same_texts_are_the_same_bytes(tmp_path):
    first = make_texts(tmp_path).read_bytes()
    assert make_texts(tmp_path).read_bytes() == first
