"""The command `gscope-widgets sweep`."""

import io
import json
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from safetensors.numpy import load_file

import gscope_widgets as gs
from gscope_widgets import shell
from gscope_widgets.runtime import registry
from gscope_widgets.runtime.naming import open_named


@pytest.fixture
def corpus(tmp_path, texts):
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"body": text}) + "\n" for text in texts))
    return path


def test_it_sweeps_a_file_and_says_what_it_found(corpus, make_model, make_dictionary, tmp_path, capsys):
    model, dictionary, out = make_model(), make_dictionary(), tmp_path / "out"
    lines, more = corpus.read_text().splitlines(keepends=True), tmp_path / "more.jsonl"
    corpus.write_text("".join(lines[:10]))
    more.write_text("".join(lines[10:]))
    line = ["sweep", "--model", str(model), "--dictionary", str(dictionary), "--out", str(out)]
    line += ["--corpus", str(corpus), str(more)]
    options = ["--field", "body", "--k", "3", "--seq-len", "40", "--name", "lectures"]
    assert shell.main([*line, *options]) == 0
    told = capsys.readouterr()
    assert "layer_1_width_40_l0_medium on lectures: " in told.out and " of 25 documents; " in told.out
    assert "sweep done: " in told.err
    assert load_file(out / "examples.safetensors")["activations"].shape == (40, 3)
    before = (out / "examples.safetensors").stat().st_mtime_ns
    assert shell.main([*line, *options, "--quiet"]) == 0
    again = capsys.readouterr()
    assert again.out == told.out
    assert "sweep" not in again.err
    assert (out / "examples.safetensors").stat().st_mtime_ns == before
    assert shell.main([*line, *options, "--k", "4"]) == 2
    assert "holds another sweep: k is 4 now and was 3" in capsys.readouterr().err
    with gs.load(str(model)) as scope:
        home = scope.dictionary(path=dictionary)
        scope.use_examples(out)
        assert "lectures" in scope.card(home.feature(0)).examples_on


def test_standard_input_is_a_corpus(monkeypatch, make_model, make_dictionary, tmp_path, capsys):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"The old fisherman\n\nsold fish.")))
    line = ["sweep", "--model", str(make_model()), "--dictionary", str(make_dictionary()), "--corpus", "-"]
    assert shell.main([*line, "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert "of 2 documents" in capsys.readouterr().out


@pytest.mark.parametrize("closed", [None, SimpleNamespace(), SimpleNamespace(buffer=SimpleNamespace(closed=True))])
def test_without_standard_input_it_is_said(monkeypatch, closed, tmp_path, capsys):
    monkeypatch.setattr(sys, "stdin", closed)
    assert shell.main(["sweep", "--corpus", "-", "--out", str(tmp_path / "out")]) == 2
    assert "nothing can be read from standard input here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoding", "stdout", "status", "told", "words"),
    [
        ("ascii", "tail", 0, "\\xfcn\\xef.txt: ", ""),
        ("utf-8", "full", 2, "", "gscope-widgets: No space left on device\n"),
        ("utf-8", "gone", 2, "", "gscope-widgets: Broken pipe\n"),
    ],
)
def test_what_it_says_goes_where_it_can(make_model, make_dictionary, tmp_path, encoding, stdout, status, told, words):
    corpus = tmp_path / "ünï.txt"
    corpus.write_text("The old fisherman")
    line = ["sweep", "--model", str(make_model()), "--dictionary", str(make_dictionary()), "--corpus", str(corpus)]
    script = "import sys\nfrom gscope_widgets import shell\nsys.exit(shell.main())"
    command = [sys.executable, "-c", script, *line, "--out", str(tmp_path / "out"), "--quiet"]
    place = {"tail": lambda: subprocess.PIPE, "full": open_full, "gone": open_gone}[stdout]()
    ended = subprocess.run(
        command, stdout=place, stderr=subprocess.PIPE, env=os.environ | {"PYTHONIOENCODING": encoding}
    )
    if stdout != "tail":
        os.close(place)
    assert ended.returncode == status, ended.stderr
    assert told in (ended.stdout or b"").decode("ascii") and ended.stderr.decode() == words


def open_full():
    """A disk without room."""
    return os.open("/dev/full", os.O_WRONLY)


def open_gone():
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_names_that_look_like_arguments_are_told_as_they_are(tmp_path, capsys, make_model, make_dictionary):
    assert shell.main(["sweep", "--corpus", "my field=x overwrite=True", "--out", "o"]) == 2
    assert "'my field=x overwrite=True' is no file" in capsys.readouterr().err
    corpus = tmp_path / "overwrite=True field=.jsonl"
    corpus.write_text('{"body": "a"}')
    line = ["sweep", "--model", str(make_model()), "--dictionary", str(make_dictionary()), "--corpus", str(corpus)]
    assert shell.main([*line, "--out", str(tmp_path / "out"), "--quiet"]) == 2
    told = capsys.readouterr().err
    assert f"line 1 of {corpus} has no" in told and "name one with field= (in a shell --field)" in told


def test_a_bad_line_is_told_with_its_number(corpus, make_model, make_dictionary, tmp_path, capsys):
    corpus.write_text('{"text": "one"}\nnone\n')
    line = ["sweep", "--model", str(make_model()), "--dictionary", str(make_dictionary()), "--corpus", str(corpus)]
    assert shell.main([*line, "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "line 2 of" in capsys.readouterr().err


def test_what_is_wrong_is_told_before_anything_is_loaded(tmp_path):
    bad = tmp_path / "\x1b[31m.jsonl"
    wrong = {
        f"--corpus {bad}": "31m.jsonl' is no file",
        "--corpus a.jsonl b.jsonl": "'a.jsonl' is no file",
        "--corpus - mini": "--corpus takes several files, or - alone; a file of that name is ./-",
        "--corpus a.jsonl mini": "--corpus takes several files, or mini alone",
        "--k 0": "--k must be a whole number from 1 to 1000, got 0",
        "--workers -1": "--workers must be a whole number from 1",
        "--seq-len 1": "--seq-len must be",
        "--checkpoint-seconds nan": "--checkpoint-seconds must be",
        "--patience-seconds 0": "--patience-seconds must be a finite number from 1 to 1e+09, got 0.0",
        "--address a": '--address is of a Ray cluster; give --engine "ray" with it',
        "--model nomodel": "there is no model named 'nomodel'",
        "--out": "--out must be a folder, got ''",
    }
    lines = [[*line.split(), ""] if line == "--out" else line.split() for line in wrong]
    code = (
        "import sys; from gscope_widgets import shell; "
        f"print(*[shell.main(['sweep', '--corpus', 'mini', '--out', 'o', *one]) for one in {lines!r}], "
        "'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert ran.stdout == f"{'2 ' * len(wrong)}False\n", ran.stderr
    told = ran.stderr.splitlines()
    assert len(told) == len(wrong) and all(map(str.isprintable, told)) and not (tmp_path / "o").exists()
    for sentence, words in zip(told, wrong.values(), strict=True):
        assert words in sentence


def test_what_takes_long_to_load_is_told_and_an_interrupt_of_it_is_no_fault(monkeypatch, tmp_path, capsys):
    def load(*_args, **_options):
        timers[0].join(60)
        raise KeyboardInterrupt

    timers = []

    class Timer(threading.Timer):
        def start(self):
            timers.append(self)
            super().start()

    monkeypatch.setattr(shell.threading, "Timer", Timer)
    monkeypatch.setattr(shell, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(registry, "load", load)
    assert shell.main(["sweep", "--corpus", "mini", "--out", str(tmp_path / "o")]) == 130
    assert capsys.readouterr().err.splitlines() == [
        "loading mini…",
        f"gscope-widgets: stopped; the same line goes on from {tmp_path / 'o'}",
    ]
    timers[:] = [SimpleNamespace(join=lambda _seconds: None)]
    frozen = []
    monkeypatch.setattr(shell.gc, "freeze", lambda: frozen.append(True))
    quiet = ["sweep", "--corpus", "mini", "--out", str(tmp_path / "o"), "--quiet"]
    assert shell.main(quiet) == 130 and not frozen
    assert "loading" not in capsys.readouterr().err  # the control
    monkeypatch.setattr(sys, "argv", ["gscope-widgets", *quiet])
    assert shell.main() == 130 and frozen  # a process of its own ends soon

    def refuse(*_args, **_options):
        raise gs.InvalidValue("no")

    frozen.clear()
    monkeypatch.setattr(registry, "load", refuse)
    assert shell.main() == 2 and frozen  # also after a fault


def test_a_dictionary_is_named_as_it_is_published(scope, tiny, make_dictionary):
    assert open_named(scope, None) is scope.dictionary()
    name = "resid_post/layer_4_width_4k_l0_medium"
    assert open_named(scope, name).info.id.endswith(name)
    assert open_named(scope, "transcoder_all/layer_0_width_512_l0_small_affine").info.affine
    assert open_named(scope, "mlp_out").info.site == "mlp_out"
    path = make_dictionary()
    assert open_named(tiny, str(path)) is tiny.dictionary(path=path)
    for wrong in ("resid_post/layer_4_width_9k_l0_medium", "nowhere", "resid_post/layer_99_width_1k_l0_medium"):
        with pytest.raises(gs.GscopeError):
            open_named(scope, wrong)
    for begun, nearest in (("transcoder_all/layer_3", "transcoder_all/layer_3_width_"), ("clt/", "clt/width_")):
        with pytest.raises(gs.UnknownDictionary, match=f"there is no dictionary '{begun}'; the nearest is {nearest}"):
            open_named(scope, begun)
    with pytest.raises(gs.InvalidValue, match="did you mean 'transcoder_all'"):
        open_named(scope, "transcoders_all/layer_3")


def test_documents_of_the_generator_are_a_corpus():
    import itertools

    from factory.corpus import generate_documents
    from factory.corpus.__main__ import HELD_OUT_SEED, write_lines
    from factory.training import corpus_tokens

    assert HELD_OUT_SEED == corpus_tokens.HELD_OUT_SEED
    lines = list(write_lines(itertools.islice(generate_documents(HELD_OUT_SEED), 3)))
    for line, text in zip(lines, gs.mini.texts(), strict=False):
        content = json.loads(line)
        assert (content["text"], content["register"]) == (text.text, text.register)
        assert {name: tuple(map(tuple, spans)) for name, spans in content["spans"].items()} == dict(text.spans)
