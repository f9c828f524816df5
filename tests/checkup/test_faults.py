"""Each planted fault is found, in words; without it the same check finds nothing."""

import errno
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from huggingface_hub import constants

import gscope_widgets as gs
from gscope_widgets.checkup import hub as hub_checks
from gscope_widgets.checkup import machine, packages
from tests.hub.disk import disk_full, no_free_space
from tests.hub.faults import ServerError, Silence

pytestmark = pytest.mark.usefixtures("no_mini")


def find(name, model="gemma-3-270m"):
    found = gs.doctor(model)[name]
    assert found.state == "fine" or found.advice, "what is not fine says what to do"
    return found.state, found.seen


# ---- the Hub


def test_an_accepted_licence_is_the_control(gemma, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    found = gs.doctor()
    assert [found[name].state for name in ("hub", "token", "licence")] == ["fine"] * 3
    assert found["licence"].seen == "google/gemma-3-270m may be read"
    assert len(gemma.find_requests()) == 1


def test_no_token_is_found(gemma):
    assert find("token") == ("attention", "none found")
    assert find("licence") == ("attention", "google/gemma-3-270m is gated, and no token was sent")
    assert find("hub")[0] == "fine"


def test_a_licence_that_is_not_accepted_is_found(gemma, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    found = gs.doctor()["licence"]
    assert (found.state, found.seen) == ("broken", "the token's account may not read google/gemma-3-270m")
    assert "accept the licence on https://huggingface.co/google/gemma-3-270m" in found.advice
    assert find("token") == ("fine", "present, not shown")


def test_a_token_that_was_revoked_is_found(gemma, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    gemma.revoke("hf_good")
    assert find("token") == ("broken", "present, but the Hub does not accept it")
    assert find("licence")[0] == "not asked"


def test_offline_mode_is_said_and_nothing_is_sent(gemma, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find("hub") == ("attention", "not asked: HF_HUB_OFFLINE is set")
    assert gemma.find_requests() == []


def test_nothing_is_sent_where_the_hub_is_not_to_be_asked(gemma):
    found = gs.doctor(ask_hub=False)
    assert {found[name].state for name in ("hub", "token", "licence")} == {"not asked"}
    assert gemma.find_requests() == []
    gs.doctor()
    assert len(gemma.find_requests()) == 1  # the control


def test_mini_needs_no_hub_and_asks_none(gemma):
    found = gs.doctor("mini")
    for name in ("hub", "token", "licence"):
        assert (found[name].state, found[name].seen) == ("fine", "mini needs none: it ships inside the package")
    assert gemma.find_requests() == []
    assert find("token") == ("attention", "none found")  # the control


def test_a_hub_that_cannot_be_reached_is_found(gemma):
    gemma.__exit__(None, None, None)
    state, seen = find("hub")
    assert state == "broken"
    assert f"{gemma.endpoint} cannot be reached" in seen


def test_a_hub_that_answers_nothing_ends_in_time(gemma, monkeypatch):
    monkeypatch.setattr(hub_checks, "PATIENCE_S", 0.3)
    gemma.fail("*", Silence(60), times=None)
    begun = time.monotonic()
    state, seen = find("hub")
    assert (state, "no answer within" in seen) == ("broken", True)
    assert time.monotonic() - begun < 50


def test_a_hub_with_a_fault_of_its_own_is_found(gemma):
    gemma.fail("*", ServerError(503), times=None)
    state, seen = find("hub")
    assert (state, "gave no sound answer (status 503)" in seen) == ("attention", True)


# ---- the disk


def test_a_full_disk_is_found(hub):
    folder = Path(constants.HF_HUB_CACHE)
    folder.mkdir(parents=True)
    assert find("cache") == ("fine", f"{folder} can be written")
    with disk_full(folder, after_bytes=1000):
        state, seen = find("cache")
    assert (state, seen) == ("broken", f"the disk that {folder} is on is full")


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A disk of 256 KB, where this process may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        os.name == "posix"
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("no tmpfs may be mounted here; test_a_full_disk_is_found has the same fault as a shim")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full_is_found(small_disk):
    assert find("cache") == ("broken", f"the disk that {small_disk} is on is full")
    assert list(small_disk.iterdir()) == []


def test_a_read_only_cache_is_found(hub, monkeypatch):
    folder = Path(constants.HF_HUB_CACHE)

    def refuse(*_arguments, **_options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "NamedTemporaryFile", refuse)
        found = gs.doctor()["cache"]
    assert (found.state, found.seen) == ("broken", f"{folder} is read-only")
    assert "HF_HOME" in found.advice
    assert find("cache")[0] == "fine"  # the control


def test_little_room_is_found(hub):
    folder = Path(constants.HF_HUB_CACHE)
    folder.mkdir(parents=True)
    with no_free_space(folder, free_bytes=10_000_000):
        assert find("disk") == ("broken", f"10.0 MB free at {folder}; gemma-3-270m takes 540.0 MB")
        assert find("disk", "mini")[0] == "fine"
    with no_free_space(folder, free_bytes=10_000_000_000):
        assert find("disk")[0] == "fine"
        assert find("disk", "gemma-3-27b")[0] == "broken"


def test_what_was_fetched_is_listed(hub):
    assert find("kept") == ("fine", "nothing fetched yet")
    for name, size in (("google--gemma-3-270m", 3_000_000), ("someone--else", 1_000_000)):
        blobs = Path(constants.HF_HUB_CACHE, f"models--{name}", "blobs")
        blobs.mkdir(parents=True)
        (blobs / "one").write_bytes(bytes(size))
    assert find("kept") == ("fine", "2 repositories, 4.0 MB: google/gemma-3-270m 3.0 MB")


# ---- the machine


def test_no_gpu_is_found_and_says_what_runs_anyway(hub, monkeypatch):
    import torch

    found = gs.doctor("gemma-3-4b")["device"]
    assert found.state == "attention"
    assert found.seen.startswith("no CUDA GPU that torch can use; CPU (")
    assert found.advice.startswith(
        "mini, gemma-3-270m and gemma-3-1b run on the CPU, only slower; gemma-3-4b wants a GPU"
    )
    assert find("device", "mini")[0] == "fine"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (15_000_000_000, 16_000_000_000))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert find("device")[1].startswith("Tesla T4, 15.0 GB of 16.0 GB free")
    assert [find("device", name)[0] for name in ("gemma-3-1b", "gemma-3-4b")] == ["fine", "attention"]


def test_little_memory_is_found(hub, monkeypatch):
    monkeypatch.setattr(machine, "find_free", lambda _device: 3_000_000_000)
    assert find("memory") == ("fine", "3.0 GB free; gemma-3-270m takes 1.1 GB in float32 on the CPU")
    found = gs.doctor("gemma-3-1b")["memory"]
    assert (found.state, found.advice.startswith("dtype='bfloat16' takes 2.0 GB")) == ("attention", True)
    found = gs.doctor("gemma-3-12b")["memory"]
    assert (found.state, found.seen) == (
        "broken",
        "3.0 GB free; gemma-3-12b takes 48.8 GB in float32 on the CPU, 24.4 GB in bfloat16",
    )
    assert found.advice == "gemma-3-12b cannot be loaded here: take gemma-3-1b, close other kernels, or use a GPU"
    assert find("memory", "mini")[0] == "fine"
    room = {"cpu": 3_000_000_000, "cuda": 40_000_000_000}
    monkeypatch.setattr(machine, "find_free", room.get)
    found = gs.doctor("gemma-3-12b")["memory"]
    assert (found.state, found.advice) == ("attention", "its weights fit on the GPU alone: see device")
    monkeypatch.setattr(machine, "find_free", lambda _device: None)
    assert gs.doctor()["memory"].state == "not asked"


def test_packages_that_are_absent_old_or_disagree_are_found(hub, monkeypatch):
    assert find("packages")[0] == "fine"
    real = packages.find_version
    for planted, words in (
        ({"ipywidgets": None}, "missing: ipywidgets"),
        ({"anywidget": "0.9.2"}, "too old: anywidget 0.9.2 (needs 0.9.18)"),
        ({"huggingface_hub": "0.35"}, "needs huggingface-hub"),
    ):
        monkeypatch.setattr(packages, "find_version", lambda name, planted=planted: planted.get(name, real(name)))
        state, seen = find("packages")
        assert (state, words in seen.partition(". Installed")[0]) == ("broken", True), seen


def test_an_old_python_is_found(monkeypatch):
    assert packages.check_python().state == "fine"
    monkeypatch.setattr(packages, "PYTHON", (9, 0))
    assert "install Python 9.0 or newer" in packages.check_python().advice


def test_without_torch_all_else_is_still_told():
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import gscope_widgets as gs\n"
        "found = gs.doctor(ask_hub=False)\n"
        "print(found['torch'].state, found['device'].state, found['mini'].state, found['python'].state)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["broken", "not", "asked", "not", "asked", "fine"]


def test_a_check_that_raises_is_a_finding(hub, monkeypatch):
    monkeypatch.setattr(machine, "check_torch", lambda: 1 / 0)
    found = gs.doctor()
    assert found["torch"].seen == "the check itself failed: ZeroDivisionError: division by zero"
    assert (found["torch"].state, found["python"].state) == ("broken", "fine")
