"""`gs.Doctor` on this machine: each planted fault stands in it with what to do, and nothing secret anywhere."""

import errno
import os
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from huggingface_hub import constants

import gscope_widgets as gs
from gscope_widgets.checkup import machine
from gscope_widgets.checkup.examination import CHECKS
from gscope_widgets.checkup.examiner import Examiner, open_examiner
from gscope_widgets.records.checkup import Finding
from gscope_widgets.widgets.base import output
from tests.fake_comm import CREATOR, FakeComm
from tests.hub.disk import disk_full
from tests.threads import wait_for_timers

SECRET = "hf_" + "verysecret"
pytestmark = pytest.mark.usefixtures("no_mini")


@pytest.fixture
def show(monkeypatch):
    """Makes a Doctor that a cell shows, in a page that never answers."""
    import IPython.display

    monkeypatch.setattr(CREATOR, FakeComm)
    monkeypatch.setattr(IPython.display, "display", lambda *_data, **_options: None)
    monkeypatch.setattr(output, "_SECONDS", 0.0)  # no copy is sent when the test is over
    monkeypatch.setattr(Examiner, "patience_s", 0.01)
    opened = []

    def show_one(model="gemma-3-270m", **options):
        opened.append(gs.Doctor(model, **options))
        opened[-1]._ipython_display_()
        opened[-1].wait()
        wait_for_timers(opened[-1])
        return opened[-1]

    yield show_one
    for one in opened:
        one.close()


def refuse_to_write(*_arguments, **_options):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def fill_disk(_patch):
    folder = Path(constants.HF_HUB_CACHE)
    folder.mkdir(parents=True)
    return disk_full(folder, after_bytes=1000)


FAULTS = {
    "no token": (lambda patch: patch.delenv("HF_TOKEN"), "token", "attention", "make a read token"),
    "a licence not accepted": (
        lambda patch: patch.setenv("HF_TOKEN", "hf_other"),
        "licence",
        "broken",
        "accept the licence on https://huggingface.co/google/gemma-3-270m",
    ),
    "offline": (
        lambda patch: patch.setattr(constants, "HF_HUB_OFFLINE", True),
        "hub",
        "attention",
        "unset HF_HUB_OFFLINE",
    ),
    "a read-only cache": (
        lambda patch: patch.setattr(tempfile, "NamedTemporaryFile", refuse_to_write),
        "cache",
        "broken",
        "make it writable",
    ),
    "a full disk": (fill_disk, "cache", "broken", "free some room"),
    "no GPU": (
        lambda patch: patch.setattr("torch.cuda.is_available", lambda: False),
        "device",
        "attention",
        "run on the CPU, only slower",
    ),
}


@pytest.mark.row("NEW 15")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_what_to_do_stands_beside_it(gemma, monkeypatch, show, fault):
    plant, name, state, words = FAULTS[fault]
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    before = show()  # the control
    assert words not in before.to_html() or fault == "no GPU"  # there is none here either
    with monkeypatch.context() as patch, plant(patch) or nullcontext():
        doctor = show()
    found = doctor.report[name]
    assert (found.state, words in found.advice) == (state, True), found
    for said in (doctor.to_html(), doctor._build_copy(), str(doctor.report)):
        assert words in " ".join(said.split())
    assert found.advice in doctor.shows()


@pytest.mark.row("NEW 15")
def test_a_page_that_never_answers_is_told_in_python_and_in_the_copy(gemma, show):
    doctor = show("mini", ask_hub=False)
    found = doctor.report["front end"]
    assert (found.state, found.seen) == ("broken", "no answer within 0 s")
    assert found.advice in doctor.to_html()
    assert not doctor.report.is_sound
    assert doctor.status["state"] == "idle"


def test_nothing_secret_is_in_its_state_its_messages_or_what_it_writes(gemma, show, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", SECRET)
    secret_words = Finding("torch", "fine", f"{tmp_path}/x {SECRET}")
    monkeypatch.setattr(machine, "check_torch", lambda: secret_words)
    doctor = show()
    said = [doctor.to_html(), doctor._build_copy(), str(doctor.report), str(doctor.get_state()), doctor.to_code()]
    said += [str(doctor.provenance.to_dict()), doctor.to_frame().to_string(), str(doctor.comm.sent)]
    assert doctor.report["torch"].seen == "~/x <token>"
    assert "~/x &lt;token&gt;" in said[0]
    for text in said:
        assert SECRET[3:] not in text
        assert str(tmp_path) not in text


def test_findings_are_those_of_the_report_and_come_one_by_one(gemma, show):
    doctor = show("mini", ask_hub=False)
    expected = gs.doctor("mini", ask_hub=False)
    assert [one.name for one in doctor.report.findings] == [*CHECKS, "front end", "page"]
    assert [one.name for one in expected.findings] == [*CHECKS, "front end"]
    same = ("python", "packages", "torch", "device", "mini", "cache", "hub", "token", "licence")
    assert [doctor.report[name] for name in same] == [expected[name] for name in same]
    sent = [data["content"]["findings"] for data, _ in doctor.comm.sent if data["method"] == "custom"]
    done = [sum(one["seen"] != "not checked yet" for one in findings) - 2 for findings in sent]
    assert sorted({0, *done}) == list(range(len(CHECKS) + 1))  # a page that asks before the first is told of none


def test_the_examiner_of_a_process_is_one():
    assert open_examiner() is open_examiner()
    assert open_examiner().checks == CHECKS
