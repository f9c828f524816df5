"""Rows of tokens: each document once, cut and packed as training does, and units that hang on the corpus alone."""

import io
import time

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.runtime.sweeps.hand import split_batches
from gscope_widgets.runtime.sweeps.rows import (
    HEAD,
    Layout,
    compare_corpus,
    encode_documents,
    read_rows,
    write_rows,
)
from tests.runtime.inside import loaded

TEXTS = ["The old fisherman", "", "sold 12 fish to his sister, who wanted bread and a red coat. " * 3, "And then?"]


@pytest.fixture
def tokenizer(scope):
    return loaded(scope).tokenizer


def write(documents, tokenizer, **options):
    layout = Layout(**({"seq_len": 9, "pack": False, "max_tokens": None, "unit_tokens": 20} | options))
    file = io.BytesIO()
    *_, prepared = write_rows(file, documents, tokenizer, layout)
    return np.frombuffer(file.getvalue(), "<i4").reshape(-1, HEAD + layout.seq_len), prepared


def test_each_document_begins_a_row_and_goes_on_after_bos(tokenizer):
    rows, prepared = write(TEXTS, tokenizer)
    bos, pad = 2, 0
    expected = []
    for number, text in enumerate(TEXTS):
        ids = tokenizer.tokenize(text).ids[1:]
        for start in range(0, len(ids), 8):
            piece = [bos, *ids[start : start + 8]]
            expected.append([len(piece), number, start, *piece, *[pad] * (9 - len(piece))])
    assert rows.tolist() == expected
    assert (prepared.documents, prepared.empty, prepared.rows) == (4, 1, len(expected))
    assert prepared.tokens == sum(row[0] for row in expected)
    lengths = rows[:, 0]
    for start, stop in zip(prepared.starts, prepared.starts[1:], strict=False):
        assert lengths[start:stop].sum() >= 20 or stop == len(rows)
        assert lengths[start : stop - 1].sum() < 20
    assert prepared.starts[0] == 0


def test_packed_rows_are_those_of_training(tokenizer):
    from factory.training.corpus_tokens import BOS, EOS

    rows, prepared = write(TEXTS, tokenizer, pack=True)
    flat = [one for text in TEXTS if text for one in (*tokenizer.tokenize(text).ids[1:], EOS)]
    expected = [[BOS, *flat[at : at + 8]] for at in range(0, len(flat), 8)]
    assert [row[HEAD : HEAD + row[0]].tolist() for row in rows] == expected
    assert prepared.tokens == len(flat) + len(expected)
    # Where each row begins in its document: the EOS after it counts to a document.
    starts = np.cumsum([0, *[len(tokenizer.tokenize(text).ids) for text in TEXTS if text]])
    owners = [at for at, text in enumerate(TEXTS) if text]
    for row, at in zip(rows, range(0, len(flat), 8), strict=True):
        which = int(np.searchsorted(starts, at, side="right")) - 1
        assert (row[1], row[2]) == (owners[which], at - starts[which])


def test_no_more_than_wanted_is_read(tokenizer):
    rows, prepared = write(TEXTS * 50, tokenizer, max_tokens=100)
    assert 100 <= prepared.tokens < 109
    assert prepared.documents < 20
    taken = []

    def stream():
        for text in TEXTS * 1000:
            taken.append(text)
            yield text

    again, same = write(stream(), tokenizer, max_tokens=100)
    assert (again.tolist(), same) == (rows.tolist(), prepared)
    assert len(taken) < 300


def test_ids_and_conversations_are_taken_too(load, make_model, scope):
    chat = loaded(load(str(make_model(tokenizer="chat")))).tokenizer
    messages = [{"role": "user", "content": "The old fisherman"}]
    rows, _ = write([messages, [2, 500, 501], [500, 501]], chat, seq_len=40)
    ids = chat.tokenize(messages).ids
    assert rows[0, HEAD : HEAD + rows[0, 0]].tolist() == list(ids)
    assert rows[1, HEAD : HEAD + 3].tolist() == rows[2, HEAD : HEAD + 3].tolist() == [2, 500, 501]
    used = chat.mask_used(rows[:, HEAD:], rows[:, 0])
    for row, own in zip(rows, used, strict=True):
        assert np.flatnonzero(own).tolist() == list(chat.tokenize(row[HEAD : HEAD + row[0]].tolist()).used)
    assert used[0].sum() < used.shape[1] - 4
    with pytest.raises(gs.InvalidValue, match="document 1 of the corpus: a token id must be"):
        write(["a", [2, 5000]], chat)
    with pytest.raises(gs.InvalidValue, match="document 0 of the corpus: .* takes no chat messages"):
        write([messages], loaded(scope).tokenizer)


def test_what_counts_is_what_a_reading_counts(tokenizer):
    rows, _ = write([*TEXTS, [2, 500, 1, 501, 0, 2]], tokenizer, pack=False)
    used = tokenizer.mask_used(rows[:, HEAD:], rows[:, 0])
    for row, own in zip(rows, used, strict=True):
        assert np.flatnonzero(own).tolist() == list(tokenizer.tokenize(row[HEAD : HEAD + row[0]].tolist()).used)
    assert used[-1].tolist() == [False, True, False, True, False, False, False, False, False]


def test_a_document_of_a_million_tokens_is_cut_into_rows(tokenizer):
    text = "The old fisherman sold 12 fish to his sister. " * 92_000
    began = time.monotonic()
    [ids] = encode_documents([text], tokenizer, first=0)
    assert len(ids) >= 1_000_000
    rows, prepared = write([text], tokenizer, seq_len=256, unit_tokens=16_384)
    assert prepared.tokens == len(ids) + prepared.rows
    assert np.concatenate([row[HEAD + 1 : HEAD + row[0]] for row in rows]).tolist() == ids
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("documents", "sentence"),
    [
        ([], "the corpus is empty: it holds no document"),
        (["", ""], "the corpus, 2 documents, holds no token"),
        ([[1], [2, 1, 0]], "the corpus holds no token that counts: BOS, EOS, padding .* all of its [0-9]+ tokens"),
    ],
)
@pytest.mark.parametrize("pack", [False, True])
def test_a_corpus_of_nothing_is_refused(tokenizer, documents, sentence, pack):
    with pytest.raises(gs.InvalidValue, match=sentence):
        write(documents, tokenizer, pack=pack)
    assert write([*documents, [500]], tokenizer, pack=pack)[1].documents == len(documents) + 1  # the control


def test_another_corpus_is_told_from_the_same(tokenizer):
    _, prepared = write(TEXTS, tokenizer)

    def compare(documents, *, is_cut=False):
        *_, found = compare_corpus(documents, prepared, is_cut=is_cut)
        return found

    assert compare(iter(TEXTS)) == ""
    assert compare([*TEXTS[:3], "And then!"]) == "a text among its 4 documents is another now"
    assert compare(TEXTS[:3]) == "it has 3 documents now and had 4"
    assert compare([*TEXTS, "more"]) == "it has more documents now and had 4"
    assert compare([*TEXTS, "more"], is_cut=True) == ""
    assert compare([TEXTS[0] + TEXTS[1], *TEXTS[2:], ""]) != ""  # the same letters, parted otherwise


def test_rows_of_a_file_that_was_cut_are_refused(tokenizer, tmp_path):
    rows, _ = write(TEXTS, tokenizer)
    path = tmp_path / "rows.i32"
    path.write_bytes(rows.tobytes()[:-4])
    assert read_rows(path, 0, 2, seq_len=9).tolist() == rows[:2].tolist()
    with pytest.raises(gs.InvalidValue, match=f"ends before row {len(rows)}"):
        read_rows(path, 1, len(rows), seq_len=9)


def test_rows_of_like_length_share_a_batch():
    lengths = np.array([9, 2, 5, 9, 2, 40, 3])
    batches = split_batches(lengths, 20)
    assert [batch.tolist() for batch in batches] == [[1, 4, 6, 2], [0, 3], [5]]
    assert all(len(batch) * lengths[batch].max() <= 20 or len(batch) == 1 for batch in batches)
