"""The file: whole or not there, and refused in a sentence where it is not what was written."""

import hashlib
import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import gscope_widgets as gs
from gscope_widgets.recordings import container
from gscope_widgets.recordings import recorder as writing
from gscope_widgets.recordings.codec import name_array

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(lesson, tmp_path):
    """A copy of the recording, to be spoiled."""
    copied = tmp_path / "lesson.gscope"
    copied.write_bytes(lesson[0].read_bytes())
    return copied


def take_apart(path):
    """What is told, the JSON, and the arrays."""
    with safe_open(path, framework="numpy") as file:
        told, arrays = dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return told, json.loads(arrays.pop("contents.json").tobytes()), arrays


def put_together(path, told, content, arrays, *, signed=True):
    """A recording of one's own making, its sums right unless `signed` is False."""
    text = json.dumps(content).encode()
    if signed:
        told = {**told, "sha256": hashlib.sha256(text).hexdigest()}
    save_file({"contents.json": np.frombuffer(text, np.uint8), **arrays}, path, metadata=told)


def refuse(path, words, error=gs.BadArtefact):
    with pytest.raises(error, match=words) as raised:
        gs.replay(path)
    message = str(raised.value)
    assert str(path) in message
    assert "\n" not in message and len(message) < len(str(path)) + 300
    return message


def test_the_control_is_read(path):
    assert gs.replay(path).texts
    told, content, arrays = take_apart(path)
    put_together(path, told, content, arrays)
    assert gs.replay(path).texts


@pytest.mark.parametrize("share", [0.0, 1e-6, 0.001, 0.3, 0.9, 0.99999])
def test_a_recording_cut_short_is_refused(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refuse(path, "cut short|is empty|something else")


def test_a_newer_version_says_how_to_read_it(path):
    told, content, arrays = take_apart(path)
    newer = container.VERSION + 1
    put_together(path, {**told, "version": str(newer)}, content, arrays)
    message = refuse(path, f"reads version {container.VERSION}; run: pip install --upgrade gscope-widgets$")
    assert message.startswith(f"{path} is a recording of version {newer}, ")
    for version in ("0", "", "1.5", "9" * 5000, "-1"):
        put_together(path, {**told, "version": version}, content, arrays)
        refuse(path, "was changed|of version 999999999")


def test_an_older_version_is_to_be_recorded_again(path):
    """One of version 1 counted what it left out and kept no reasons, as it did before."""
    told, content, arrays = take_apart(path)
    put_together(path, {**told, "version": "1"}, {**content, "left_out": 0}, arrays)
    message = refuse(path, "is a recording of version 1, an older one .* does not read; record it again$")
    assert message.startswith(f"{path} is a recording")  # no word of damage or change
    put_together(path, told, {**content, "left_out": 0}, arrays)  # of today's version it is no form at all
    refuse(path, "is not as it was made .a list was wanted, got 0")


def test_an_edited_recording_is_refused(path):
    told, content, arrays = take_apart(path)
    name = next(name for name, array in arrays.items() if array.size and array.dtype == np.float32)
    put_together(path, told, {**content, "text_limit": 5}, arrays, signed=False)
    refuse(path, "was changed after it was made")
    put_together(path, told, content, {**arrays, name: arrays[name] + np.float32(1)})
    refuse(path, "was changed after it was made")
    put_together(path, told, content, {**arrays, name: arrays[name].reshape(1, *arrays[name].shape)})
    refuse(path, "was changed after it was made")
    put_together(path, {**told, "more": "x"}, content, arrays)
    refuse(path, "was changed after it was made")


def test_flipped_bytes_are_found(path):
    """Anywhere: in the header, in the JSON, in the arrays."""
    whole, draw = path.read_bytes(), random.Random(0)
    places = [0, 3, 8, 20, 100, len(whole) // 2, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(40))]
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(gs.BadArtefact):
            gs.replay(path)


@pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "a" * 64, "C:\\x", "..", "\u202e"])
def test_names_inside_never_become_paths(path, name):
    told, content, arrays = take_apart(path)
    before = sorted(path.parent.rglob("*"))
    put_together(path, told, content, {**arrays, name: np.zeros(3, np.float32)})
    refuse(path, "was changed after it was made")
    assert sorted(path.parent.rglob("*")) == before


def test_unknown_and_missing_keys_are_refused(path):
    told, content, arrays = take_apart(path)
    put_together(path, told, {**content, "__reduce__": "os.system"}, arrays)
    refuse(path, "Contents has an unknown '__reduce__'")
    put_together(path, told, {name: part for name, part in content.items() if name != "texts"}, arrays)
    refuse(path, "Contents lacks 'texts'")
    spoiled = json.loads(json.dumps(content))
    spoiled["model"]["weights"] = "x"
    put_together(path, told, spoiled, arrays)
    refuse(path, "ModelInfo has an unknown 'weights'")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "an object was wanted"),
        ("[" * 100_000, "is not as it was made|wanted"),
        (None, "an object was wanted"),
    ],
)
def test_json_of_another_form_is_refused(path, content, words):
    told, _, arrays = take_apart(path)
    put_together(path, told, content, arrays)
    refuse(path, words)


@pytest.mark.parametrize("text", [b"[" * 1_000_000, b"NaN", b"{", b"\xff\xfe", b"", b"1" * 10_000])
def test_what_is_no_json_is_refused(path, text):
    told, _, arrays = take_apart(path)
    told["sha256"] = hashlib.sha256(text).hexdigest()
    save_file({"contents.json": np.frombuffer(text, np.uint8), **arrays}, path, metadata=told)
    refuse(path, "is not as it was made")


def test_a_gigabyte_is_refused_before_it_is_read(path):
    with path.open("r+b") as file:
        file.truncate(1_000_000_000)  # sparse: takes no disk
    refuse(path, "has 1.0 GB, a recording at most 256.0 MB; it is not read")


def test_a_header_of_a_gigabyte_is_refused(path):
    path.write_bytes((10**9).to_bytes(8, "little") + b"{" * 1000)
    refuse(path, "something else, not a recording")


def sign(path, text: bytes, arrays=None) -> None:
    """A recording of this JSON, its sum right."""
    told = {"format": "gscope recording", "version": str(container.VERSION), "sha256": hashlib.sha256(text).hexdigest()}
    save_file({"contents.json": np.frombuffer(text, np.uint8), **(arrays or {})}, path, metadata=told)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b" " * 64_000_001, "has 64.0 MB besides numbers in arrays"),
        (b"[" + b"[]," * 3_000_000 + b"[]]", "of 3,000,000 parts; it is not read"),
        (b"[" + b"{}," * 3_000_000 + b"{}]", "of 3,000,000 parts; it is not read"),
    ],
    ids=["long", "lists", "objects"],
)
def test_json_that_would_fill_the_memory_is_refused_before_it_is_made(path, text, words):
    sign(path, text)
    tracemalloc.start()
    try:
        refuse(path, words)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(text)


def test_a_gigabyte_of_anything_takes_no_memory(path):
    sizes = path.stat().st_size
    for start in (path.read_bytes()[:100], (16_000_000).to_bytes(8, "little"), b""):
        path.write_bytes(start)
        os.truncate(path, 1_000_000_000)
        tracemalloc.start()
        try:
            refuse(path, "it is not read")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 200_000 < sizes


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda content: content["texts"].append(content["texts"][0]), "holds two texts of one name"),
        (
            lambda content: content["dictionaries"].append(content["dictionaries"][0]),
            "holds two dictionaries of one name",
        ),
        (
            lambda content: content["choices"].append(content["choices"][0]),
            "holds two choices of a dictionary of one name",
        ),
        (lambda content: content["answers"].append(content["answers"][0]), "holds two answers to one question"),
        (
            lambda content: content["dictionaries"][0]["labels"].append(content["dictionaries"][0]["labels"][0]),
            "two entries have one name",
        ),
    ],
    ids=["text", "dictionary", "choice", "answer", "label"],
)
def test_what_has_a_name_is_there_once(path, spoil, words):
    told, content, arrays = take_apart(path)
    spoil(content)
    put_together(path, told, content, arrays)
    refuse(path, words)


def test_a_part_that_stands_twice_in_json_is_refused(path):
    _, content, arrays = take_apart(path)
    text = json.dumps(content).encode()
    sign(path, text, arrays)
    assert gs.replay(path).texts  # the control
    sign(path, text[:-1] + b',"text_limit":5}', arrays)
    refuse(path, "two parts are named 'text_limit'")


def test_an_array_that_stands_twice_in_the_header_is_refused_or_is_the_same(path):
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    (one, first), (_, second) = [
        entry for entry in header.items() if entry[0] not in ("__metadata__", "contents.json")
    ][:2]
    twin = json.dumps(header)[:-1] + f',"{one}":{json.dumps(second)}}}'
    path.write_bytes(len(twin.encode()).to_bytes(8, "little") + twin.encode() + whole[8 + length :])
    assert first != second
    refuse(path, "cut short or damaged|was changed after it was made")


def test_what_is_no_recording_is_named(tmp_path):
    pickled, archive, page, other = (tmp_path / name for name in ("a.pkl", "b.pt", "c.html", "d.safetensors"))
    pickled.write_bytes(pickle.dumps({"x": 1}))
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../evil", "x")
    page.write_text("<!doctype html><p>404")
    save_file({"x": np.zeros(3)}, other)
    refuse(pickled, "a pickle or archive, which is never loaded")
    refuse(archive, "a pickle or archive, which is never loaded")
    refuse(page, "a web page")
    refuse(other, "holds tensors and is not a recording")
    refuse(tmp_path / "nothing.gscope", "there is no recording", gs.InvalidValue)
    refuse(tmp_path, "there is no recording", gs.InvalidValue)
    for wrong in (5, None, "", "a\0b", b"x"):
        with pytest.raises(gs.InvalidValue, match="path must be a file"):
            gs.replay(wrong)


# ---- writing


def test_a_place_that_cannot_be_written_is_refused_before_the_work(scope, tmp_path):
    notes = tmp_path / "notes.md"
    notes.write_text("mine")
    for place, words in (
        (tmp_path / "nowhere" / "a.gscope", "there is no folder"),
        (tmp_path, "is no recording"),
        (notes, "is there already and is no recording"),
    ):
        with pytest.raises(gs.InvalidValue, match=words):
            scope.recording(place)
    assert notes.read_text() == "mine"


def test_a_block_that_raises_leaves_what_was_there(scope, tmp_path):
    path = tmp_path / "a.gscope"
    with pytest.raises(ZeroDivisionError), scope.recording(path):
        scope.read("The cat")
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []
    with scope.recording(path):
        scope.tokens("first")
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), scope.recording(path):
        scope.tokens("second")
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with scope.recording(path):
        scope.tokens("third")
    assert gs.replay(path).texts == ("third",)


def test_a_full_disk_says_so_and_leaves_nothing(scope, tmp_path, monkeypatch):
    def fill(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(gs.DiskFull, match="no room"), scope.recording(tmp_path / "a.gscope"):
        scope.tokens("The cat")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys
from gscope_widgets.recordings import container
from gscope_widgets.recordings.recorder import Recorder
from tests.fake_scope import FakeScope
scope = FakeScope()
write = container.save_file
def save(tensors, path, metadata):
    write(tensors, path, metadata)
    print("written", flush=True)
    sys.stdin.readline()
container.save_file = save
with Recorder(scope, sys.argv[1], lambda _recorder: None) as recorder:
    recorder.take("tokens", {"text": "The cat"}, scope.tokens("The cat"))
    print("asked", flush=True)
    if sys.argv[2] == "asked":
        sys.stdin.readline()
"""


@pytest.mark.parametrize("when", ["asked", "written"])
def test_a_killed_process_leaves_the_recording_that_was_there(scope, tmp_path, when):
    path = tmp_path / "a.gscope"
    with scope.recording(path):
        scope.tokens("before")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, path, when],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    while (line := process.stdout.readline().strip()) != when:
        assert line
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gs.replay(path).texts == ("before",)
    left = [one.name for one in tmp_path.iterdir() if one != path]
    assert len(left) == (when == "written") and all(name.endswith(".unfinished") for name in left)
    for name in left:  # whole or not: it is not under the name
        with pytest.raises(gs.GscopeError):
            gs.replay(tmp_path / name.removesuffix(".unfinished"))


def test_what_is_above_the_limit_is_left_out_with_a_warning(scope, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_MOST_IN_ARRAYS", 1000)
    path = tmp_path / "a.gscope"
    recorder = scope.recording(path)
    recorder.__enter__()
    for text in ("The", "The old fisherman sold", "The old woman sold 12 red coats"):
        scope.read(text)
    with pytest.warns(UserWarning, match="2 answers are not in .*make two of it"):
        recorder.__exit__(None, None, None)
    replayed = gs.replay(path)
    assert len(replayed.texts) == 3 and replayed.read("The").tokens.text == "The"
    with pytest.raises(gs.NotRecorded, match="; 2 answers are not in it: a recording holds at most .* make two of it"):
        replayed.read("The old fisherman sold")
    monkeypatch.setattr(container, "_MOST_JSON", 1000)
    with pytest.raises(gs.InvalidValue, match="a recording holds at most"), scope.recording(tmp_path / "b.gscope"):
        scope.read("The")
    assert not (tmp_path / "b.gscope").exists()


def test_arrays_are_named_by_what_they_hold(lesson):
    _, _, arrays = take_apart(lesson[0])
    assert len(arrays) > 20
    for name, array in arrays.items():
        assert re.fullmatch("[0-9a-f]{64}", name) and name_array(array) == name
    one = np.arange(6, dtype=np.int32)
    others = (one.reshape(2, 3), one.astype(np.int64), one.view(np.float32), one + 1)
    assert len({name_array(each) for each in (one, *others)}) == 5


def test_no_secret_and_no_place_of_this_machine_is_in_it(lesson):
    content = lesson[0].read_bytes()
    for word in (str(Path.home()), str(lesson[0].parent), str(ROOT), "hf_", sys.prefix):
        assert word.encode() not in content
    assert b"fisherman" in content  # the control
