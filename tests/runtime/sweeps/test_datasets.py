"""Datasets of Hugging Face, which is no dependency: `make test-sweeps` installs it, and runs these."""

import json
import signal
import subprocess
import sys
import time

import pytest

import gscope_widgets as gs
from gscope_widgets.runtime.sweeps import sweep as sweeps
from gscope_widgets.runtime.sweeps.corpus import open_corpus

datasets = pytest.importorskip("datasets")


@pytest.fixture
def run(tiny, tiny_dictionary, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "_UNIT_TOKENS", 300)

    def run_here(corpus, out="out", **options):
        options = {"k": 4, "seq_len": 40, "batch_tokens": 200, "show": False} | options
        return gs.sweep(tiny, tiny_dictionary, corpus, tmp_path / out, **options)

    return run_here


@pytest.fixture
def whole(run, texts, folder_of):
    """The files of a sweep of the same texts as a list, but for the corpus' name."""
    return _forget_name(folder_of(run(texts, "whole").folder))


def _forget_name(files):
    manifest = json.loads(files["sweep.json"])
    del manifest["corpus"]["name"]
    return files | {"sweep.json": manifest}


def _write_lines(path, texts):
    path.write_text("".join(json.dumps({"text": text, "number": at}) + "\n" for at, text in enumerate(texts)))
    return str(path)


@pytest.fixture
def open_kinds(texts, tmp_path):
    """The same texts as datasets of every kind."""
    lines, table = _write_lines(tmp_path / "some.jsonl", texts), tmp_path / "some.parquet"
    held = datasets.Dataset.from_list([{"text": text, "number": at} for at, text in enumerate(texts)])
    held.to_parquet(table)
    load, cache = datasets.load_dataset, str(tmp_path / "cache")
    return {
        "held": lambda: held,
        "column": lambda: held["text"],
        "numpy": lambda: held.with_format("numpy"),
        "lines": lambda: load("json", data_files=lines, split="train", cache_dir=cache),
        "lines, streaming": lambda: load("json", data_files=lines, split="train", streaming=True),
        "parquet, streaming": lambda: load("parquet", data_files=str(table), split="train", streaming=True),
        "shuffled back": lambda: load("json", data_files=lines, split="train", streaming=True).map(dict).skip(0),
    }


@pytest.mark.parametrize(
    "kind", ["held", "column", "numpy", "lines", "lines, streaming", "parquet, streaming", "shuffled back"]
)
def test_a_dataset_gives_what_a_list_of_its_texts_gives(run, whole, folder_of, open_kinds, kind, texts):
    result = run(open_kinds[kind]())
    assert _forget_name(folder_of(result.folder)) == whole
    assert result.documents == len(texts)
    assert result.corpus in ("a dataset of json files", "a dataset of parquet files", "the texts given", "the 25 texts given")  # fmt: skip
    assert run(open_kinds[kind]()) == result  # read again for its fingerprint


@pytest.mark.parametrize("streaming", [False, True])
def test_of_a_dict_of_datasets_one_split_is_asked_for(run, texts, tmp_path, streaming):
    lines = _write_lines(tmp_path / "some.jsonl", texts[:4])
    both = datasets.load_dataset(
        "json", data_files={"train": lines, "test": lines}, streaming=streaming, cache_dir=str(tmp_path / "cache")
    )
    with pytest.raises(gs.InvalidValue, match=r"got a mapping of 'train', 'test'; give one part of it, such as corpus\['train'\]"):  # fmt: skip
        run(both)
    assert run(both["train"]).documents == 4  # control


def test_another_column_is_named_and_rows_without_a_text_are_empty_documents(run):
    rows = [{"body": "The old fisherman sold fish."}, {"body": None}, {"body": ""}, {"body": "A red boat."}]
    given = datasets.Dataset.from_list(rows)
    with pytest.raises(gs.InvalidValue, match="document 0 of the corpus has no \"text\": it has 'body'; name one with"):
        run(given)
    result = run(given, field="body")
    assert result.documents == 4
    assert json.loads((result.folder / "sweep.json").read_text())["corpus"]["empty"] == 2
    chat = [{"messages": [{"role": "user", "content": "hi"}]}, {"messages": [{"role": "user", "content": "ho"}]}]
    assert list(open_corpus(datasets.Dataset.from_list(chat), field="messages").read()) == [one["messages"] for one in chat]  # fmt: skip
    ids = datasets.Dataset.from_dict({"input_ids": [[2, 5, 7], [2, 9]]}).with_format("torch")
    assert list(open_corpus(ids, field="input_ids").read()) == [[2, 5, 7], [2, 9]]


def test_a_sweep_of_a_stream_is_killed_and_goes_on(run, tiny, tiny_dictionary, whole, texts, tmp_path, folder_of):
    lines = _write_lines(tmp_path / "some.jsonl", texts)
    program = """
import sys, time
import datasets
import gscope_widgets as gs
from gscope_widgets.runtime.sweeps import sweep as sweeps
from gscope_widgets.runtime.sweeps.hand import Hand
sweeps._UNIT_TOKENS = 300
real = Hand._read_batch
def slow(self, *given):
    time.sleep(0.05)
    return real(self, *given)
Hand._read_batch = slow
model, dictionary, lines, out = sys.argv[1:]
scope = gs.load(model)
stream = datasets.load_dataset("json", data_files=lines, split="train", streaming=True)
gs.sweep(scope, scope.dictionary(path=dictionary), stream, out, k=4, seq_len=40, batch_tokens=200, checkpoint_s=0, show=False)
"""
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", program, tiny.name, str(tiny_dictionary.folder.path), lines, str(out)]
    )
    checkpoint, seen = out / "checkpoint.safetensors", set()
    while len(seen) < 3 and process.poll() is None:
        if checkpoint.exists():
            seen.add(checkpoint.stat().st_mtime_ns)
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "examples.safetensors").exists()

    def stream(path):
        return datasets.load_dataset("json", data_files=path, split="train", streaming=True)

    other = _write_lines(tmp_path / "other.jsonl", [*texts[:-1], "another"])
    with pytest.raises(gs.InvalidValue, match="a sweep of another corpus, 'a dataset of json files': a text among its"):
        run(stream(other))
    assert _forget_name(folder_of(run(stream(lines)).folder)) == whole
