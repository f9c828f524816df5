"""Language models from a Hub: both classes, the gate, bad days, and nothing fetched twice."""

import socket
import time

import numpy as np
import pytest
import torch
from huggingface_hub import constants, snapshot_download

import gscope_widgets as gs
from gscope_widgets.runtime.hub import faults as hub_faults
from gscope_widgets.runtime.hub import transfer
from tests.hub import faults
from tests.hub.disk import disk_full, no_free_space
from tests.hub.fixtures import hub, is_silent, no_waiting, short_time_outs, short_where_silent
from tests.hub.gemma import write_gemma

__all__ = ["hub", "is_silent", "no_waiting", "short_time_outs", "short_where_silent"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch, no_waiting, is_silent, short_where_silent):
    monkeypatch.setattr(hub_faults, "PAUSE_S", 0.0)
    if is_silent:
        monkeypatch.setattr(transfer, "_RANGE_TIMEOUT_S", 0.4)


@pytest.mark.parametrize(
    ("size", "variant", "model_class"),
    [
        ("270m", "pt", "Gemma3ForCausalLM"),
        ("1b", "it", "Gemma3ForCausalLM"),
        ("4b", "pt", "Gemma3ForConditionalGeneration"),
        ("12b", "it", "Gemma3ForConditionalGeneration"),
        ("27b", "pt", "Gemma3ForConditionalGeneration"),
    ],
)
def test_each_class_is_loaded_and_predicts_as_plain_transformers_does(hub, load, size, variant, model_class):
    from transformers import AutoModelForCausalLM

    folder = write_gemma(hub.folder, size, variant)
    scope = load(f"gemma-3-{size}" + ("-it" if variant == "it" else ""))
    assert scope.info.model_class == model_class
    assert scope.info.id == f"gemma-3-{size}" + ("-it" if variant == "it" else "")
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokens = scope.tokens("The old fisherman")
    with torch.no_grad():
        expected = plain(input_ids=torch.tensor([list(tokens.ids)])).logits[0, -1]
    chances = scope.next_tokens("The old fisherman", 5).chances
    assert [one.id for one in chances] == expected.topk(5).indices.tolist()
    np.testing.assert_allclose([one.logit for one in chances], expected.topk(5).values, rtol=1e-4)
    assert scope.generate("The old", max_new_tokens=3).text


def test_a_chat_model_leaves_out_its_header_and_a_base_model_bos_alone(hub, load):
    for variant in ("pt", "it"):
        write_gemma(hub.folder, "1b", variant)
    base, chat = load("gemma-3-1b"), load("gemma-3-1b-it")
    assert sorted(base.tokens("hello there").ignored) == [0]
    assert set(range(4)) <= set(chat.tokens([{"role": "user", "content": "hello there"}]).ignored)


def test_the_gate_opens_with_a_token_that_no_message_shows(hub, load):
    write_gemma(hub.folder, "1b")
    hub.gate("google/gemma-3-1b-pt", tokens={"hf_good"})
    with pytest.raises(gs.GatedModel) as caught:
        load("gemma-3-1b")
    for part in (
        "accept it on https://huggingface.co/google/gemma-3-1b-pt",
        "huggingface_hub.login()",
        "on Colab add a secret named HF_TOKEN",
        "hf auth login",
        "gs.load('mini')",
    ):
        assert part in str(caught.value)
    with pytest.raises(gs.GatedModel, match="permission to read public gated repositories") as caught:
        load("gemma-3-1b", token="hf_other")
    assert "licence on https://huggingface.co/google/gemma-3-1b-pt has to be accepted by the" in str(caught.value)
    assert "make a read token" not in str(caught.value)
    assert "hf_other" not in str(caught.value)
    scope = load("gemma-3-1b", token="hf_good")
    assert "hf_good" not in repr(vars(scope)) + repr(scope.provenance()) + scope.to_code() + repr(scope.info)


def test_the_second_load_fetches_nothing_and_works_offline(hub, load, monkeypatch):
    write_gemma(hub.folder, "4b")
    first = load("gemma-3-4b").next_tokens("hello", 5).chances
    gs.load("gemma-3-4b").close()
    hub.forget()
    assert load("gemma-3-4b").next_tokens("hello", 5).chances == first
    assert hub.requests == []  # whether main has moved is asked for once a day
    gs.load("gemma-3-4b").close()
    hub.close()
    assert load("gemma-3-4b").next_tokens("hello", 5).chances == first


def test_only_the_files_of_a_model_are_fetched(hub, load):
    folder = write_gemma(hub.folder, "270m")
    (folder / "README.md").write_text("hello")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.safetensors").write_bytes(b"x" * 100)
    load("gemma-3-270m")
    for name in ("README", "pytorch_model", "onnx"):
        assert not hub.find_requests(f"*{name}*")


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (faults.ServerError(503), gs.Offline, "answered 503 for model.safetensors of google/gemma-3-270m"),
        (faults.Busy(7), gs.Offline, "answered 429 for model.safetensors"),
        (faults.Silence(), gs.Offline, "took too long over model.safetensors"),
        (faults.NOT_FOUND, gs.UnknownModel, "google/gemma-3-270m has no model.safetensors"),
        (faults.FlippedBit(), gs.BadArtefact, "model.safetensors of .* did not arrive as the Hub lists it"),
        (faults.HtmlPage(), gs.GscopeError, "model.safetensors"),
        (faults.Cut(500), gs.GscopeError, "model.safetensors"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_bad_day_is_a_sentence_and_the_next_try_works(hub, load, fault, error, sentence):
    write_gemma(hub.folder, "270m")
    hub.fail("*model.safetensors", fault, times=None)
    with pytest.raises(error, match=sentence):
        load("gemma-3-270m")
    hub.heal()
    assert load("gemma-3-270m").next_tokens("hello", 1)


@pytest.mark.parametrize("fault", [faults.EmptyFile(), faults.LfsPointer(), faults.NanWeights("model.norm.weight")])
def test_a_file_that_is_bad_on_the_hub_itself_is_told(hub, load, fault):
    folder = write_gemma(hub.folder, "270m")
    faults.spoil(folder / "model.safetensors", fault)
    with pytest.raises(gs.BadArtefact, match=r"is empty|Git LFS pointer|model\.norm\.weight holds NaN"):
        load("gemma-3-270m")


def test_a_full_disk_is_told_before_and_while_fetching(hub, load):
    write_gemma(hub.folder, "270m")
    with (
        no_free_space(hub.home, free_bytes=1_000_000),
        pytest.raises(gs.DiskFull, match=r"takes .* MB, and 1\.0 MB are free"),
    ):
        load("gemma-3-270m")
    with disk_full(hub.home, after_bytes=30_000), pytest.raises(gs.GscopeError, match="disk|could not be kept"):
        load("gemma-3-270m")
    assert load("gemma-3-270m").next_tokens("hello", 1)


def test_offline_mode_without_a_model_says_what_is_set(hub, load, monkeypatch):
    write_gemma(hub.folder, "270m")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        gs.Offline, match="google/gemma-3-270m.* HF_HUB_OFFLINE is set; unset it, or use gs.load\\('mini'\\)"
    ):
        load("gemma-3-270m")


def test_a_cache_that_cannot_be_written_is_called_that(hub, load, monkeypatch):
    write_gemma(hub.folder, "270m")
    hub.home.mkdir(exist_ok=True)
    (hub.home / "hub").write_text("in the way")
    with pytest.raises(gs.UnwritableCache, match=r"could not be kept in .*; make that folder writable, or set HF_HOME"):
        load("gemma-3-270m")
    (hub.home / "hub").unlink()
    assert load("gemma-3-270m").next_tokens("hello", 1)


@pytest.mark.parametrize(
    ("left_out", "sentence"),
    [
        ("model*.safetensors", r"google/gemma-3-4b-pt lacks model\.safetensors"),
        ("model-00002*", r"google/gemma-3-4b-pt lacks model-00002-of-\d+\.safetensors"),
        ("config.json", r"google/gemma-3-4b-pt lacks config\.json"),
    ],
)
def test_what_a_plain_download_left_out_is_named(hub, load, monkeypatch, left_out, sentence):
    write_gemma(hub.folder, "4b")
    snapshot_download("google/gemma-3-4b-pt", ignore_patterns=left_out)
    hub.close()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(gs.Offline, match=rf"{sentence}; unset HF_HUB_OFFLINE, or use gs\.load\('mini'\)"):
        load("gemma-3-4b")


@pytest.mark.parametrize("path", ["/api/models/*", "*config.json"])
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [(faults.Busy(7), "answered 429 for .*too many requests"), (faults.ServerError(503), "answered 503 for .*minutes")],
    ids=["429", "503"],
)
def test_a_busy_hub_is_one_public_sentence_within_10_s_and_the_wait_is_said(
    hub, load, monkeypatch, caplog, no_waiting, path, fault, sentence
):
    write_gemma(hub.folder, "270m")
    monkeypatch.setattr(hub_faults, "PAUSE_S", 0.2)
    started = time.monotonic()
    hub.fail(path, fault, times=None)
    with (
        pytest.warns(UserWarning, match=r"the Hub answered .*; trying again in \d\.\d s"),
        pytest.raises(gs.Offline, match=sentence) as caught,
    ):
        load("gemma-3-270m")
    assert type(caught.value) is gs.Offline
    assert time.monotonic() - started < 10
    assert no_waiting == []  # huggingface_hub neither waits nor logs on its own
    assert not caplog.records


def test_a_hub_that_nobody_listens_at_is_told_at_once(hub, load):
    write_gemma(hub.folder, "270m")
    hub.close()
    started = time.monotonic()
    with pytest.raises(gs.Offline, match=r"cannot be reached \(the connection was refused\).*go online and try again"):
        load("gemma-3-270m")
    assert time.monotonic() - started < 20


def test_a_name_that_is_not_found_is_told_at_once(hub, load, monkeypatch):
    asked = []

    def look_up(*arguments, **_options):
        asked.append(arguments)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(gs.Offline, match=r"cannot be reached \(its name was not found\).*go online and try again"):
        load("gemma-3-270m")
    assert len(asked) == 1
