"""The command `gscope-widgets circuit`."""

import subprocess
import sys

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets import shell
from gscope_widgets.runtime import registry

TEXT = "The title borne by the ruler of the region in which Hestad lies is"


class Lent:
    """The model that all tests share, for a command that would close it."""

    def __init__(self, scope):
        self._scope = scope

    def __getattr__(self, name):
        return getattr(self._scope, name)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None


@pytest.fixture
def run(scope, monkeypatch, tmp_path):
    """Runs the command on mini in an empty folder, and gives the exit status."""
    monkeypatch.setattr(registry, "load", lambda *_args, **_options: Lent(scope))
    monkeypatch.chdir(tmp_path)
    return lambda *options: shell.main(["circuit", *options])


def test_it_writes_the_graph_that_the_scope_traces_and_says_what_it_is(run, scope, capsys):
    assert run("--prompt", TEXT, "--target", " Queen", "--out", "graph.json", "--slug", "queen") == 0
    told = capsys.readouterr()
    wanted, found = gs.circuit(scope, TEXT, target=" Queen", show=False), gs.load_circuit("graph.json")
    np.testing.assert_array_equal(found.weights, wanted.weights)
    assert found.ids == wanted.ids and [one.name for one in found.targets] == [" Queen"]
    scores = wanted.scores()
    assert told.out.splitlines()[:2] == [
        repr(wanted),
        f"of the whole graph: replacement {scores.replacement:.3f}, completeness {scores.completeness:.3f}",
    ]
    assert told.out.splitlines()[2].startswith("graph.json: ") and told.out.endswith(" bytes\n")
    assert told.err.splitlines()[0] == f"{len(wanted.tokens)} tokens through {scope.info.layers} transcoders"


def test_options_are_those_of_python_and_quiet_says_nothing_on_the_way(run, scope, capsys):
    options = ["--dictionary", "clt", "--target", f"#{scope.tokens(' Queen').ids[-1]}", "--max-features", "300"]
    assert run("--prompt", TEXT, *options, "--prune", "--out", "graph.json", "--quiet") == 0
    told = capsys.readouterr()
    assert told.err == ""
    whole = gs.circuit(scope, TEXT, dictionaries=scope.dictionary("clt"), target=" Queen", max_features=300, show=False)
    found, small = gs.load_circuit("graph.json"), whole.prune()
    np.testing.assert_array_equal(found.weights, small.weights)
    assert len(small) < len(whole)
    assert repr(small) in told.out and f"replacement {whole.scores().replacement:.3f}" in told.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", " Queen Anne"], "is 3 tokens"),
        (["--target", "#99999"], "token id must be a whole number"),
        (["--dictionary", "resid_post"], "does not stand in for an MLP"),
        (["--dictionary", "nowhere"], "nowhere"),
        (["--dictionary", "clt", "clt"], "stands in for all MLPs by itself"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_model_refuses_is_told_and_nothing_is_written(run, tmp_path, capsys, options, words):
    assert run("--prompt", TEXT, *options, "--out", "graph.json") == 2
    assert words in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_an_interrupt_writes_nothing(run, scope, monkeypatch, tmp_path, capsys):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(scope, "start_circuit", interrupt)
    assert run("--prompt", TEXT, "--out", "graph.json") == 130
    assert "stopped; nothing was written" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_what_is_wrong_is_told_before_anything_is_loaded(tmp_path):
    (tmp_path / "notes.json").write_text("{}")
    wrong = {
        "--model nomodel --out o.json": "there is no model named 'nomodel'",
        "--max-features 0 --out o.json": "max_features must be a whole number from 1 to 100000, got 0",
        "--out nowhere/o.json": "there is no folder nowhere",
        "--out notes.json": "is there already and is no circuit",
        "--slug a/b --out o.json": "slug must be of letters",
    }
    code = (
        "import sys; from gscope_widgets import shell; "
        f"print(*[shell.main(['circuit', '--prompt', 'a', *one.split()]) for one in {list(wrong)!r}], "
        "'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert ran.stdout == f"{'2 ' * len(wrong)}False\n", ran.stderr
    for sentence, words in zip(ran.stderr.splitlines(), wrong.values(), strict=True):
        assert words in sentence
    assert [one.name for one in tmp_path.iterdir()] == ["notes.json"]
