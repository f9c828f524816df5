"""Documents out of lists, files and datasets; what is none is refused with its place."""

import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pandas
import pytest

import gscope_widgets as gs
from gscope_widgets.records.sweeps import Sweep
from gscope_widgets.runtime.sweeps import corpus as corpora
from gscope_widgets.runtime.sweeps.corpus import open_corpus


def read(corpus, **options):
    return list(open_corpus(corpus, **options).read())


@pytest.fixture
def write(tmp_path):
    def write_here(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_here


def test_series_of_every_kind_give_their_documents():
    chat = [{"role": "user", "content": "hi"}]
    assert read(["a", "b"]) == ["a", "b"]
    assert read(one for one in ("a", "b")) == ["a", "b"]
    assert [open_corpus(one).name for one in (["a"], ["a", "b"], iter(["a"]))] == [
        "the text given", "the 2 texts given", "the texts given",
    ]  # fmt: skip
    assert read([{"text": "a", "other": 1}, {"text": chat}, {"text": [2, 5]}]) == ["a", chat, [2, 5]]
    assert read([{"body": "a"}], field="body") == ["a"]
    assert read([[chat[0] | {"time": pandas.Timestamp(0), 5: "five"}]]) == [chat]
    assert read(pandas.DataFrame({"text": ["a", "b"]}).text) == ["a", "b"]
    ids = read([list(np.array([5, 6])), [np.uint8(7), 8]])
    assert ids == [[5, 6], [7, 8]] and {type(one) for row in ids for one in row} == {int}
    assert read([np.array([2, 7]), (2, 8), chat, ""]) == [[2, 7], [2, 8], chat, ""]
    assert read(gs.mini.texts()[:2]) == [one.text for one in gs.mini.texts()[:2]]


def test_a_dataset_of_hugging_face_is_any_iterable_of_mappings():
    class Stream:
        info = SimpleNamespace(dataset_name="fineweb")

        def __iter__(self):
            return iter([{"text": "a", "url": "x"}, {"text": "b", "url": "y"}])

    opened = open_corpus(Stream())
    assert (opened.name, list(opened.read()), list(opened.read())) == ("fineweb", ["a", "b"], ["a", "b"])
    with pytest.raises(
        gs.InvalidValue, match=r"got a mapping of 'train', 'test'; give one part of it, such as corpus\['train'\]"
    ):
        open_corpus({"train": Stream(), "test": Stream()})


def test_a_row_without_a_text_is_an_empty_document(write):
    assert read([{"text": "a"}, {"text": None}]) == ["a", ""]
    assert read(write("a.jsonl", '{"text": null}\n{"text": "b"}')) == ["", "b"]
    with pytest.raises(gs.InvalidValue, match="document 1 of the corpus should be a text.*got None"):
        read(["a", None])  # control: an item of a list is a document itself


def test_a_dataset_of_plain_files_is_named_so_and_a_long_name_is_cut():
    class Stream:
        def __init__(self, name):
            self.info = SimpleNamespace(dataset_name=name)

        def __iter__(self):
            return iter(["a"])

    assert open_corpus(Stream("parquet")).name == "a dataset of parquet files"
    assert open_corpus(Stream("x" * 200)).name == "x" * 200
    assert open_corpus(Stream("x" * 100_000)).name == "x" * 197 + "..."


def test_files(write):
    lines = write("a.jsonl", '{"text": "one"}\n\n"two"\n{"text": ""}\n')
    assert read(lines) == read(str(lines)) == ["one", "two", ""]
    assert open_corpus(lines).name == "a.jsonl"
    assert read(write("a.txt", "one\nmore\n\n\n \ntwo\r\n\r\nthree")) == ["one\nmore", "two", "three"]
    assert read(write("c.txt", "one\nmore\n\n\n two\r\n"), parted_by="lines") == ["one", "more", " two"]
    assert read(write("c.jsonl", '"one"\n"two"'), parted_by="lines") == ["one", "two"]
    with pytest.raises(gs.InvalidValue, match="parted_by must be .blank lines. or .lines., got 'line'"):
        open_corpus("mini", parted_by="line")
    assert read(write("bom.txt", b"\xef\xbb\xbfone")) == ["one"]
    assert read(write("empty.txt", "")) == []
    assert open_corpus("mini").name == "mini's held-out text"
    assert read("mini") == [one.text for one in gs.mini.texts()]
    assert read("mini-it") == [one.text for one in gs.mini.texts(model="mini-it")]


def test_several_files_are_read_one_after_the_other(write):
    files = [write("a.jsonl", '{"text": "one"}\n"two"'), write("b.txt", "three\n\nfour"), write("c.jsonl", "")]
    assert read(files) == ["one", "two", "three", "four"] and read(files[::-1]) == ["three", "four", "one", "two"]
    assert [open_corpus(files[:count]).name for count in (1, 2, 3)] == [
        "a.jsonl",
        "a.jsonl and b.txt",
        "a.jsonl and 2 more files",
    ]
    write("b.txt", b"three\n\n\xff")
    with pytest.raises(gs.InvalidValue, match=r"line 3 of .*b\.txt is not UTF-8"):
        read(files)
    with pytest.raises(gs.InvalidValue, match=r"d\.txt' is no file"):
        open_corpus([*files, files[0].with_name("d.txt")])
    with pytest.raises(gs.InvalidValue, match="paths or documents, got both"):
        open_corpus([*files, "a text"])


def test_names_of_files_are_not_swept_as_texts(write, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("one.jsonl", "two.jsonl"):
        write(name, '"a text"')
    with pytest.raises(
        gs.InvalidValue, match=r"a list of 2 texts, and all name files; .* give paths: \[Path\('one\.jsonl'\), \.\.\.\]"
    ):
        open_corpus(["one.jsonl", "two.jsonl"])
    with pytest.raises(
        gs.InvalidValue, match=r"a list of one text, and it is the name of a file; .*: \[Path\('one\.jsonl'\)\], with"
    ):
        open_corpus(("one.jsonl",))
    for texts in (
        ["one.jsonl", "three.jsonl"],
        ["", "one.jsonl"],
        ["~nobody", "x\0"],
        [],
    ):  # the control: some are no files
        assert read(texts) == texts


def test_a_name_that_a_terminal_would_obey_is_told_in_other_words(write):
    path = write("n\n\x1b[31m.jsonl", "{")
    opened = open_corpus(path)
    assert opened.name == r"'n\n\x1b[31m.jsonl'" and open_corpus(write("Ähre.txt", "a")).name == "Ähre.txt"
    with pytest.raises(gs.InvalidValue) as caught:
        list(opened.read())
    assert str(caught.value).isprintable() and r"n\n\x1b[31m.jsonl" in str(caught.value)
    found = Sweep(path, "d", "a\x1bb", 1, 1, 1, 1, 1, 1, 1, dict)
    assert str(found).isprintable() and r"on 'a\x1bb': 1 tokens" in str(found)


@pytest.mark.parametrize(("content", "found"), [('{"text": "a"}\n"b"\n', ["a", "b"]), ("a b\n\nc", ["a b", "c"])])
def test_standard_input_is_lines_of_json_or_text(monkeypatch, content, found):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content.encode())))
    opened = open_corpus("-")
    assert (opened.name, list(opened.read())) == ("standard input", found)


def test_a_standard_input_that_cannot_be_read_is_told(monkeypatch):
    def fail(_most):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=SimpleNamespace(closed=False, readline=fail)))
    with pytest.raises(gs.GscopeError, match=r"document 0 of the corpus could not be had \(OSError: .*Input/output"):
        read("-")


def test_a_file_that_was_found_is_read_wherever_the_process_then_stands(write, tmp_path, monkeypatch):
    write("a.txt", "one\n\ntwo")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    opened = open_corpus("a.txt")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert list(opened.read()) == ["one", "two"]


def test_a_file_is_read_as_it_is_asked_for(write):
    """Not whole: what is wrong at its end is told when it comes to that."""
    documents = open_corpus(write("a.jsonl", '"one"\n' * 1000 + "{")).read()
    assert next(documents) == "one"
    with pytest.raises(gs.InvalidValue, match="line 1001 of"):
        list(documents)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.jsonl", '"one"\n{"text": \n', r"line 2 of .*a\.jsonl is not JSON \(.*\): '{\"text\":'; mend or delete"),
        ("a.jsonl", '"one"\n\n{"body": "x", "n": 1}', r'line 3 of .* has no "text": it has \'body\', \'n\'; name one'),
        ("a.json", '[\n "one",\n "two"\n]', r"line 1 of .* is not JSON .*: '\['; write each document on a line"),
        ("a.json", '{\n "text": "one"}', r"line 1 of .* is not JSON .*: '{'; write each document on a line"),
        ("a.json", '["one", "two"]', "line 1 of .* is a list of documents; write each document on a line"),
        ("a.json", '[{"text": "one"}, {"text": null}]', "line 1 of .* is a list of documents; write each"),
        ("a.json", "[[5, 6], [7]]", "line 1 of .* is a list of documents; write each"),
        ("a.jsonl", '{"text": 5}', "line 1 of .* should be a text, chat messages or token ids, got 5"),
        ("a.jsonl", "[" * 100_000, "line 1 of .* is not JSON"),
        ("a.jsonl", "null", "line 1 of .* should be a text.*, got None"),
        ("a.jsonl", b'"one"\n"t\xfcr"\n', r"line 2 of .* is not UTF-8 \(byte 2 of it is 0xfc\); convert"),
        ("a.txt", b"one\n\ntwo \xff\xfe", r"line 3 of .* is not UTF-8 \(byte 4 of it is 0xff\)"),
    ],
)
def test_a_bad_line_is_named(write, name, content, sentence):
    with pytest.raises(gs.InvalidValue, match=sentence):
        read(write(name, content))


def test_a_line_or_document_that_never_ends_is_not_read_whole(write, monkeypatch):
    monkeypatch.setattr(corpora, "MOST_BYTES", 1000)
    with pytest.raises(gs.InvalidValue, match=r"line 2 of .* has more than 1,000 bytes; cut it"):
        read(write("a.jsonl", json.dumps("x") + "\n" + json.dumps("y" * 1000)))
    with pytest.raises(gs.InvalidValue, match="the document that ends at line 11 of .* more than 1,000 characters"):
        read(write("a.txt", ("z" * 99 + "\n") * 20))
    assert read(write("b.txt", ("z" * 99 + "\n\n") * 20)) == ["z" * 99] * 20  # control


@pytest.mark.parametrize(
    ("corpus", "sentence"),
    [
        (
            "a text of its own",
            r"'a text of its own' is no file; a corpus is a text or JSONL file, or in Python a list: \[text",
        ),
        (5, "a corpus is a list of texts.*, got 5"),
        (np.array(3), "a corpus is a list of texts"),
        (b"bytes", "a corpus is a list of texts"),
        (None, "got None"),
        ({"a", "b"}, r"that of a set is another in each process; give sorted\(corpus\)"),
        (pandas.DataFrame({"text": ["a"]}), r'got a DataFrame; give one column of it: df\["text"\]'),
        ("x\0y", "is no file"),
        ("x" * 5000, "is no file"),
    ],
)
def test_what_is_no_corpus_is_refused(corpus, sentence):
    with pytest.raises(gs.InvalidValue, match=sentence):
        open_corpus(corpus)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("a.csv", r"a\.csv is a table, and a corpus a text or JSONL file; write its texts"),
        ("a.Parquet", "is a table"),
        ("a.jsonl.gz", r"a\.jsonl\.gz is packed; unpack it"),
        ("a.txt.zst", "is packed"),
    ],
)
def test_a_table_and_a_packed_file_are_refused_by_their_names(write, name, sentence):
    with pytest.raises(gs.InvalidValue, match=sentence):
        open_corpus(write(name, "text\na"))
    assert read(write(name + ".txt", "a")) == ["a"]  # the control


def test_lines_of_ids_and_of_chat_messages_are_documents(write):
    chat = [{"role": "user", "content": "hi"}]
    lines = write("a.jsonl", f"[5, 6]\n{json.dumps(chat)}\n[]")
    assert read(lines) == read(lines, field="content") == [[5, 6], chat, []]


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(gs.InvalidValue, match="is a folder; a corpus is"):
        open_corpus(tmp_path)


@pytest.mark.parametrize("item", [5, None, [1.5], [True], [np.True_], ["a", "b"], b"x"], ids=repr)
def test_a_document_that_is_none_is_named(item):
    with pytest.raises(gs.InvalidValue, match="document 1 of the corpus should be a text"):
        read(["fine", item])
