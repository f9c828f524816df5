"""What `gs.doctor()` gives: numbers compared, a report without secrets, and the command."""

import getpass
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets import shell
from gscope_widgets.checkup import machine, packages
from gscope_widgets.checkup.needs import find_needs
from gscope_widgets.checkup.redaction import redact
from gscope_widgets.records.checkup import Checkup, Finding

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_mini_reads_what_is_stored_and_another_number_is_found(monkeypatch):
    assert machine.check_mini().state == "fine"
    monkeypatch.setattr(machine, "_ACTIVATION", 1.002 * machine._ACTIVATION)
    found = machine.check_mini()
    assert (found.state, "cannot be trusted" in found.advice) == ("broken", True)


def test_floors_are_those_of_the_project():
    floors = dict(one.split(">=") for one in PROJECT["dependencies"])
    assert floors == packages.FLOORS | {"matplotlib": floors["matplotlib"]}
    assert PROJECT["requires-python"] == f">={'.'.join(map(str, packages.PYTHON))}"


@pytest.mark.usefixtures("no_mini")
def test_the_report_holds_no_secret(gemma, monkeypatch, tmp_path):
    secret = "hf_" + "verysecret"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", secret)
    monkeypatch.setattr(machine, "check_torch", lambda: Finding("torch", "fine", f"{tmp_path}/x {secret}"))
    report = str(gs.doctor())
    assert "~/x <token>" in report
    assert secret not in report
    assert secret[3:8] not in report
    assert str(tmp_path) not in report


def test_redaction_leaves_the_rest(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    assert redact("/home/ada/.cache and /home/adam") == "~/.cache and /home/adam"
    assert redact("/scratch/ada/hub, adapters") == "/scratch/<user>/hub, adapters"
    assert redact("https://me:pw@hub.example/x") == "https://hub.example/x"
    assert redact("https://me:p@ss@hub.example/x, a@b") == "https://hub.example/x, a@b"
    assert redact("/mnt/home/ada/x") == "/mnt/home/<user>/x"
    assert redact("opensesame", secret="opensesame") == "<token>"


@pytest.mark.parametrize(
    ("text", "secret", "expected"),
    [
        ("?token=hf%5FverySecret1&x=1", None, "?token=<token>&x=1"),
        ("token%3dhf%5fverySecret1%26x", None, "token%3d<token>%26x"),
        ("%253Fhf%255Fver%79Secret1, again", None, "%253F<token>, again"),
        ("%68%66_verySecret1", None, "<token>"),
        ("hf_oauth_very.secret-1.S_x.", None, "<token>."),  # the dot ends the sentence
        ("https%3A%2F%2Fme%3Asecret%40hub.example%2Fx", None, "https%3A%2F%2Fhub.example%2Fx"),
        ("open%2Fsesame%2b, open/sesame+", "open/sesame+", "<token>, <token>"),
        ("caf%C3%A9-secret", "café-secret", "<token>"),
        ("HF_TOKEN, shelf_1 and 50%5F stay", "x", "HF_TOKEN, shelf_1 and 50%5F stay"),  # the control
    ],
)
def test_tokens_within_an_address_are_taken_out_as_they_are_encoded_there(text, secret, expected):
    assert redact(text, secret=secret) == expected


def test_the_report_says_each_check_and_what_to_do(capsys):
    found = Checkup(
        (Finding("torch", "fine", "2.6"), Finding("cache", "broken", "full " * 40, "free some")), "mini", "1", 0.5
    )
    lines = str(found).splitlines()
    assert lines[0] == "gscope-widgets 1: 1 broken, 1 fine (for mini, 0.5 s)"
    assert lines[1] == "✓ torch  2.6"
    assert lines[2].startswith("✗ cache  full")
    assert lines[-1].strip() == "-> free some"
    assert max(map(len, lines)) <= 100
    assert not found.is_sound
    assert list(found.to_frame().columns) == ["name", "state", "seen", "advice"]
    with pytest.raises(gs.InvalidValue, match="there are torch, cache"):
        found["gpu"]


@pytest.mark.parametrize(
    ("name", "repository", "billions"),
    [
        ("mini", "", 0),
        ("gemma-3-270m", "google/gemma-3-270m", 0.27),
        ("google/gemma-3-270m-it", "google/gemma-3-270m-it", 0.27),
        ("gemma-3-1b", "google/gemma-3-1b-pt", 1.0),
        ("gemma-3-27b-it", "google/gemma-3-27b-it", 27.43),
    ],
)
def test_needs_are_those_of_the_published_models(name, repository, billions):
    needs = find_needs(name)
    assert (needs.repository, needs.parameters / 1e9) == (repository, pytest.approx(billions, abs=0.02))


@pytest.mark.parametrize("wrong", ["gemma-3-2b", "", "llama", None, 5, np.array([]), ["mini"]])
def test_a_model_whose_needs_are_not_known_is_refused(wrong):
    with pytest.raises(gs.UnknownModel, match="the needs of"):
        gs.doctor(wrong)
    with pytest.raises(gs.InvalidValue, match="ask_hub"):
        gs.doctor("mini", ask_hub=1)


@pytest.mark.usefixtures("no_mini")
def test_the_command_prints_the_report(gemma, capsys, monkeypatch):
    assert PROJECT["scripts"] == {"gscope-widgets": "gscope_widgets.shell:main"}
    assert shell.main(["doctor", "--model", "mini"]) == 0
    assert "✓ hub" in capsys.readouterr().out
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    assert shell.main(["doctor"]) == 1  # the licence is not accepted
    assert shell.main(["doctor", "--model", "llama"]) == 2
    assert "the needs of 'llama'" in capsys.readouterr().err


def test_nothing_heavy_is_imported_before_a_check_is_made():
    code = "import sys, gscope_widgets.checkup.examination, gscope_widgets.shell; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
