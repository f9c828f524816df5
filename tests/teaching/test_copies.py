"""`gscope-widgets lab`: tutorials in a learner's folder, and nothing of theirs written over."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import gscope_widgets as gs
from gscope_widgets.shell import main
from gscope_widgets.teaching import copies
from gscope_widgets.teaching.copies import copy_tutorials
from gscope_widgets.teaching.tutorials import find_tutorials, list_notebooks


def test_what_the_learner_changed_is_kept_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "--no-open"]) == 0
    folder = tmp_path / "tutorials"
    names = [path.name for path in list_notebooks()]
    assert sorted(path.name for path in folder.iterdir()) == names
    capsys.readouterr()
    (folder / names[1]).write_text("my work")
    (folder / names[2]).unlink()
    assert main(["lab", "--no-open"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in lines[:3]] == [
        "here already",
        "kept as it is here; rename it to get an untouched one",
        "copied",
    ]
    assert (folder / names[1]).read_text() == "my work"
    assert (folder / names[2]).read_bytes() == (find_tutorials() / names[2]).read_bytes()


def test_learners_get_no_source_and_no_solution(tmp_path):
    copy_tutorials(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".ipynb"}


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(gs.InvalidValue, match="cannot be copied to .*file"):
        copy_tutorials(tmp_path / "file")


def test_without_jupyterlab_the_learner_is_told_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(copies.importlib.util, "find_spec", lambda _name: None)
    assert main(["lab", "--folder", str(tmp_path)]) == 2
    assert "pip install 'gscope-widgets[lab]'" in capsys.readouterr().err
    assert list(tmp_path.glob("*.ipynb"))


def test_jupyterlab_opens_on_the_folder(tmp_path, no_hang):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--no-browser", f"--port={port}", "--allow-root", "--IdentityProvider.token=", "--ip=127.0.0.1"]
    environment = os.environ | {"PYTHONPATH": str(Path(gs.__file__).parents[1])}
    command = [sys.executable, "-m", "gscope_widgets.shell", "lab", "--", *arguments]
    log = tmp_path / "log"
    with log.open("w") as file, subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=file) as shell:
        try:
            deadline = time.monotonic() + 240
            while "is running at:" not in log.read_text():
                assert shell.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/contents", timeout=120) as answer:
                names = sorted(one["name"] for one in json.load(answer)["content"])
        finally:
            for child in [*list_children(shell.pid), shell.pid]:
                os.kill(child, signal.SIGTERM)
    assert names == [path.name for path in list_notebooks()]


def list_children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]
