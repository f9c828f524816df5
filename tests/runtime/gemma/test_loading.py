"""Models by name: what is loaded is what the files say, and anything else is one clear sentence."""

import hashlib
import json
import pickle
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import errors as hub_errors
from safetensors.torch import load_file, save_file

import gscope_widgets as gs
from gscope_widgets.runtime.gemma import loading
from gscope_widgets.runtime.hub import faults as hub_faults
from gscope_widgets.runtime.hub import repository as hub_repository
from tests.runtime.inside import loaded

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 7969784\n"


def rewrite(path: Path, change) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata={"format": "pt"})


def set_header(path: Path, header: bytes) -> None:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])


def put_nan(tensors):
    tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = float("nan")


def put_infinity(tensors):
    tensors["model.norm.weight"][2] = float("inf")


def cut_a_tensor(tensors):
    tensors["model.layers.0.mlp.up_proj.weight"] = tensors["model.layers.0.mlp.up_proj.weight"][:-1]


def drop_a_tensor(tensors):
    del tensors["model.layers.2.self_attn.q_norm.weight"]


def add_a_tensor(tensors):
    tensors["model.layers.2.self_attn.lora_A.weight"] = torch.zeros(3, 3)


def make_integers(tensors):
    tensors["model.norm.weight"] = tensors["model.norm.weight"].to(torch.int32)


DAMAGE = {
    "cut by one byte": (
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        "cut short or changed.*its header asks for",
    ),
    "cut in half": (
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        "cut short or changed",
    ),
    "one byte more": (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "cut short or changed"),
    "empty": (lambda path: path.write_bytes(b""), r"\(0 bytes\) is empty, not a safetensors file"),
    "seven bytes": (lambda path: path.write_bytes(b"1234567"), r"\(7 bytes\) is damaged, not a safetensors file"),
    "a web page": (lambda path: path.write_bytes(b"<!DOCTYPE html><html>404</html>"), "is a web page"),
    "an LFS pointer": (lambda path: path.write_bytes(LFS), r"is a Git LFS pointer \(run git lfs pull\)"),
    "a pickle": (
        lambda path: path.write_bytes(pickle.dumps({"a": np.zeros(99)})),
        "is a pickle or archive, which is never",
    ),
    "a torch archive": (lambda path: torch.save({"a": torch.zeros(3)}, path), "is a pickle or archive, which is never"),
    "a garbage header": (lambda path: set_header(path, b"{not json"), "damaged header"),
    "a list for a header": (lambda path: set_header(path, b"[1, 2]"), "damaged header"),
    "a header nested for ever": (lambda path: set_header(path, b"[" * 100_000), "damaged header"),
    "NaN weights": (lambda path: rewrite(path, put_nan), r"layers\.1\.mlp\.up_proj\.weight holds NaN or infinite"),
    "infinite weights": (lambda path: rewrite(path, put_infinity), r"model\.norm\.weight holds NaN or infinite"),
    "a wrong shape": (lambda path: rewrite(path, cut_a_tensor), "cannot be loaded as a Gemma 3 model|wrong shape"),
    "a missing tensor": (
        lambda path: rewrite(path, drop_a_tensor),
        r"has no tensor model\.layers\.2\.self_attn\.q_norm",
    ),
    "a further tensor": (lambda path: rewrite(path, add_a_tensor), r"no Gemma 3 has: .*lora_A"),
    "integers": (lambda path: rewrite(path, make_integers), r"tensor model\.norm\.weight should be one of .*got I32"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_model_is_refused_in_one_sentence_and_the_next_load_works(load, make_model, damage):
    folder = make_model()
    whole = (folder / "model.safetensors").read_bytes()
    act, sentence = DAMAGE[damage]
    act(folder / "model.safetensors")
    with pytest.raises(gs.BadArtefact, match=sentence) as caught:
        load(str(folder))
    assert isinstance(caught.value, gs.GscopeError)
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    (folder / "model.safetensors").write_bytes(whole)
    assert load(str(folder)).next_tokens("hello", 3).chances


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hidden_size": 32}, "cannot be loaded|wrong shape"),
        ({"num_hidden_layers": 4, "layer_types": ["full_attention"] * 4}, r"has no tensor model\.layers\.3"),
        ({"num_hidden_layers": 2, "layer_types": ["full_attention"] * 2}, r"no Gemma 3 has: model\.layers\.2"),
        ({"hidden_size": "many"}, "cannot be loaded as a Gemma 3 model"),
        ({"model_type": "gemma9"}, "cannot be loaded as a Gemma 3 model"),
        ({"model_type": None}, "cannot be loaded as a Gemma 3 model"),
    ],
    ids=str,
)
def test_a_configuration_that_does_not_fit_the_weights_is_refused(load, make_model, change, sentence):
    folder = make_model()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(gs.GscopeError, match=sentence):
        load(str(folder))
    (folder / "config.json").write_text(json.dumps(config))
    load(str(folder))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", LFS])
def test_a_damaged_json_file_is_refused_or_does_no_harm(load, make_model, name, content):
    folder = make_model()
    expected = load(str(folder)).next_tokens("hello", 3)
    gs.load(str(folder)).close()
    (folder / name).write_bytes(content)
    try:
        found = load(str(folder)).next_tokens("hello", 3)
    except gs.GscopeError as error:
        assert "\n" not in str(error)
    else:
        assert found == expected


def test_a_model_of_another_architecture_is_refused(load, tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=16, num_hidden_layers=1, intermediate_size=16, num_attention_heads=2, vocab_size=64
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "llama")
    with pytest.raises(gs.UnknownModel, match="0 Gemma 3 text models"):
        load(str(tmp_path / "llama"))


def test_a_folder_that_holds_no_model_says_what_it_lacks(load, make_model, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(gs.UnknownModel, match=r"holds no model: it has no config\.json"):
        load(str(tmp_path / "empty"))
    folder = make_model()
    (folder / "model.safetensors").unlink()
    with pytest.raises(gs.UnknownModel, match=r"no \.safetensors file \(pickles are not read\)"):
        load(str(folder))
    torch.save({"a": torch.zeros(1)}, folder / "pytorch_model.bin")
    with pytest.raises(gs.UnknownModel, match="pickles are not read"):
        load(str(folder))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/nowhere/at/all",
        "./nothing",
        "mini2",
        "gemma-3-2b",
        "a\0b",
        "x" * 5000,
        "../..//no-such-thing/x",
        "a/b/c",
        7,
        None,
        ["mini"],
    ],
    ids=lambda name: repr(name)[:20],
)
def test_a_name_that_means_no_model_is_refused_and_says_what_does(load, name):
    with pytest.raises(gs.UnknownModel, match="'mini'"):
        load(name)


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nothing", "~/nothing", "a/b/c"])
def test_a_folder_that_is_not_there_is_called_that(load, name):
    with pytest.raises(gs.UnknownModel, match=f"there is no folder '{name}'"):
        load(name)
    with pytest.raises(gs.UnknownModel, match="there is no model named 'mini2'"):
        load("mini2")


def test_a_home_folder_is_found_by_its_sign(load, make_model, tmp_path, monkeypatch):
    folder = make_model()
    monkeypatch.setenv("HOME", str(tmp_path))
    scope = load(f"~/{folder.name}")
    assert scope.info.id == folder.name
    assert load(str(folder)) is scope


def test_a_keyword_that_load_does_not_take_is_told_the_likely_one():
    with pytest.raises(gs.InvalidValue, match=r"gs\.load takes no 'modle'; did you mean 'model'\?"):
        gs.load(modle="mini")
    with pytest.raises(gs.InvalidValue, match=r"takes no 'quantise'; it takes model, revision, device, dtype, token"):
        gs.load("mini", quantise=True)


def test_code_beside_a_model_never_runs(load, make_model, tmp_path, monkeypatch):
    """`auto_map` makes transformers import a file of the folder, after asking on the terminal."""
    marker = tmp_path / "it ran"
    folder = make_model()
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w').close()\nclass Evil: pass\n")
    for name in ("config.json", "tokenizer_config.json"):
        config = json.loads((folder / name).read_text())
        mapping = dict.fromkeys(("AutoConfig", "AutoModelForCausalLM"), "evil.Evil") | {
            "AutoTokenizer": ["evil.Evil"] * 2
        }
        config = config | {"auto_map": mapping} | ({"model_type": "evil"} if name == "config.json" else {})
        (folder / name).write_text(json.dumps(config))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked whether to run code"))
    with pytest.raises(gs.GscopeError):
        load(str(folder))
    assert not marker.exists()


# ---- what is loaded


def test_the_embedded_model_is_its_files(scope):
    from gscope_widgets.mini import MODELS

    weights = load_file(MODELS["mini"] / "model.safetensors")
    held = dict(loaded(scope).model.named_parameters())
    assert set(held) >= set(weights)
    for name, tensor in weights.items():
        torch.testing.assert_close(held[name], tensor.float(), rtol=0, atol=0)
        assert not held[name].requires_grad
    assert not loaded(scope).model.training
    assert scope.info.id == "gscope-mini"
    assert (scope.info.dtype, scope.info.context) == ("float32", 256)
    assert scope.info.bytes == sum(parameter.nbytes for parameter in loaded(scope).model.parameters())


def test_a_folder_is_named_in_results_but_its_path_is_not(load, make_model, tmp_path):
    scope = load(str(make_model("my-model")))
    assert scope.info.id == "my-model"
    assert str(tmp_path) not in json.dumps(scope.provenance(token_ids=(2,)).to_dict())
    assert scope.name == str(tmp_path / "my-model")
    assert gs.load(tmp_path / "my-model") is scope


def test_a_folder_called_like_the_embedded_model_is_not_taken_for_it(load, make_model, monkeypatch, tmp_path):
    make_model("mini")
    make_model("gscope-mini")
    monkeypatch.chdir(tmp_path)
    assert gs.load("mini").info.d_model == 160
    for name in ("./mini", "gscope-mini"):
        scope = load(name)
        assert scope.info.d_model == 24
        assert scope.catalogue() == []


def test_the_revision_of_a_folder_is_a_digest_of_its_weights(load, make_model):
    one, again, other = make_model("a", seed=1), make_model("b", seed=1), make_model("c", seed=2)
    revisions = [load(str(folder)).info.revision for folder in (one, again, other)]
    assert revisions[0] == revisions[1] != revisions[2]


@pytest.mark.parametrize("name", ["mini", "folder"])
def test_a_revision_of_what_is_on_this_machine_is_refused(load, make_model, name):
    with pytest.raises(gs.InvalidValue, match="a revision is for models on the Hub"):
        load("mini" if name == "mini" else str(make_model()), revision="main")
    with pytest.raises(gs.InvalidValue, match="revision must be"):
        load("mini", revision=5)


def test_weights_in_shards_are_read_and_a_missing_shard_is_an_error(load, make_model, load_plain):
    folder = make_model()
    expected = load(str(folder)).next_tokens("hello", 5).chances
    gs.load(str(folder)).close()
    model = load_plain(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="100KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert load(str(folder)).next_tokens("hello", 5).chances == expected
    gs.load(str(folder)).close()
    shards[0].unlink()
    with pytest.raises(gs.BadArtefact):
        load(str(folder))


# ---- device and dtype


def test_bfloat16_is_another_scope_and_its_readings_are_float32(load, make_model, make_dictionary):
    folder = str(make_model())
    full, half = load(folder), load(folder, dtype="bfloat16")
    assert half is not full
    assert half.info.dtype == "bfloat16"
    assert next(loaded(half).model.parameters()).dtype is torch.bfloat16
    path = make_dictionary()
    readings = [scope.read("hello there", scope.dictionary(path=path)) for scope in (full, half)]
    assert readings[1].activations.dtype == np.float32
    np.testing.assert_allclose(readings[1].norm, readings[0].norm, rtol=0.05)


def test_a_model_may_be_spread_over_devices_and_reads_and_steers_the_same(
    load, make_model, make_dictionary, monkeypatch
):
    pytest.importorskip("accelerate")
    folder, path = str(make_model()), make_dictionary()
    real = loading.AutoModelForCausalLM.from_pretrained

    def crowded(*arguments, **options):
        if options.get("device_map"):  # most layers find no room and are read from the disk when they are needed
            options |= {"max_memory": {"cpu": "450KB"}, "offload_folder": str(path.parent / "offloaded")}
        return real(*arguments, **options)

    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", crowded)
    whole, spread = load(folder), load(folder, device="spread")
    assert spread is not whole
    assert any(parameter.is_meta for parameter in loaded(spread).model.parameters())
    found = []
    for scope in (whole, spread):
        dictionary = scope.dictionary(path=path)
        steered = scope.next_tokens("hello there", 5, [gs.add(dictionary.feature(3), 0.5)])
        found.append((scope.read("hello there", dictionary).to_dense(), [pair[1].logit for pair in steered.pairs]))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-5)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-4)


# ---- sharing and closing


@pytest.mark.row("34")
def test_many_threads_get_the_same_scope(load, make_model, monkeypatch):
    folder, loads = str(make_model()), []
    real = loading.AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(
        loading.AutoModelForCausalLM, "from_pretrained", lambda *a, **k: (loads.append(1), real(*a, **k))[1]
    )
    with ThreadPoolExecutor(6) as pool:
        scopes = list(pool.map(lambda _: gs.load(folder), range(12)))
    assert len({id(scope) for scope in scopes}) == 1
    assert loads == [1]
    scopes[0].close()


def test_a_folder_is_the_same_however_its_path_is_written(load, make_model, monkeypatch):
    folder = make_model()
    scope = load(str(folder))
    monkeypatch.chdir(folder.parent)
    assert gs.load("./tiny") is gs.load("tiny") is gs.load(f"{folder}/../tiny/") is scope


def test_close_twice_is_quiet_and_use_after_it_is_a_clear_error(tiny, tiny_dictionary):
    ref = tiny_dictionary.feature(1)
    tiny.close()
    tiny.close()
    for use in (
        lambda: tiny.read("x", tiny_dictionary),
        lambda: tiny.read("x"),
        lambda: tiny.next_tokens("x"),
        lambda: tiny.next_tokens("x", 3, [gs.ablate(ref)]),
        lambda: tiny.generate("x"),
        lambda: tiny.generate("x", [gs.add(ref, 0.5)]),
        lambda: tiny.mean_norm(tiny_dictionary),
        lambda: tiny.describe(ref),
        lambda: tiny.dictionary(path=tiny_dictionary.folder.path),
        lambda: tiny.submit(lambda _job: None),
    ):
        with pytest.raises(gs.Closed, match=r"closed; load it again with gs\.load\(\)"):
            use()


def test_loading_again_after_close_gives_a_new_scope_that_works(load, make_model):
    folder = str(make_model())
    first = load(folder)
    expected = first.next_tokens("hello", 5).chances
    first.close()
    second = load(folder)
    assert second is not first
    assert second.next_tokens("hello", 5).chances == expected
    first.close()
    assert gs.load(folder) is second


def test_the_with_statement_closes(make_model):
    with gs.load(str(make_model())) as scope:
        scope.next_tokens("hello", 3)
    with pytest.raises(gs.Closed):
        scope.next_tokens("hello", 3)


def test_close_during_a_stream_ends_it_as_cancelled(tiny):
    generation = tiny.generate("hello", max_new_tokens=100, temperature=1.0)
    next(iter(generation))
    threading.Thread(target=tiny.close).start()
    list(generation)
    assert generation.ended == "cancelled"
    assert 1 <= len(generation.tokens()) <= 100


def test_close_frees_the_model(tiny, tiny_dictionary):
    import gc
    import weakref

    tiny.read("hello", tiny_dictionary)
    watch = weakref.ref(loaded(tiny).model)
    tiny.close()
    gc.collect()
    assert watch() is None
    assert tiny_dictionary.bytes == 0


# ---- the Hub's bad days


def hub_error(kind):
    import httpx

    response = httpx.Response(404, request=httpx.Request("GET", "https://huggingface.co/x"))
    try:
        return kind("no", response=response)
    except TypeError:
        return kind("no")


@pytest.mark.parametrize(
    ("raised", "expected", "sentence"),
    [
        (
            hub_errors.GatedRepoError,
            gs.GatedModel,
            r"accept it on https://huggingface\.co/google/gemma-3-270m.*HF_TOKEN.*'mini'",
        ),
        (hub_errors.RepositoryNotFoundError, gs.UnknownModel, "the Hub has no google/gemma-3-270m, or it is private"),
        (hub_errors.RevisionNotFoundError, gs.UnknownModel, "google/gemma-3-270m has no revision 'r1'"),
        (hub_errors.LocalEntryNotFoundError, gs.Offline, r"cannot be reached; go online.*gs\.load\('mini'\)"),
        (hub_errors.OfflineModeIsEnabled, gs.Offline, "not on this machine"),
        (ConnectionError, gs.Offline, "the Hub broke off while sending the list of files of google/gemma-3-270m"),
        (TimeoutError, gs.Offline, "the Hub took too long over the list of files of google/gemma-3-270m"),
    ],
)
@pytest.mark.row("NEW 7")
def test_what_the_hub_answers_becomes_a_sentence_without_the_token(load, monkeypatch, raised, expected, sentence):
    monkeypatch.setattr(hub_faults, "PAUSE_S", 0.0)

    def fail(*_arguments, **_options):
        raise hub_error(raised) if issubclass(raised, hub_errors.HfHubHTTPError) else raised("no")

    monkeypatch.setattr(hub_faults.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub_repository.HfApi, "model_info", fail)
    with pytest.raises(expected, match=sentence) as caught:
        load("gemma-3-270m", revision="r1", token="hf_secret")
    assert "hf_secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("gemma-3-270m", "google/gemma-3-270m"),
        ("gemma-3-270m-pt", "google/gemma-3-270m"),
        ("gemma-3-270m-it", "google/gemma-3-270m-it"),
        ("gemma-3-1b", "google/gemma-3-1b-pt"),
        ("gemma-3-27b-it", "google/gemma-3-27b-it"),
        ("unsloth/gemma-3-1b-pt", "unsloth/gemma-3-1b-pt"),
    ],
)
def test_a_short_name_means_the_repository_of_the_hub(load, monkeypatch, name, repository):
    asked = []
    monkeypatch.setattr(hub_faults, "PAUSE_S", 0.0)

    def fail(_api, repo, **_options):
        asked.append(repo)
        raise ConnectionError

    monkeypatch.setattr(hub_repository.HfApi, "model_info", fail)
    with pytest.raises(gs.Offline):
        load(name)
    assert set(asked) == {repository}


def test_only_files_of_ours_are_left_as_they_were(load, make_model):
    """Nothing is deleted or written beside a model, not even when it is refused."""
    folder = make_model()
    (folder / "model.safetensors").write_bytes(b"")
    before = sorted((path.name, path.stat().st_size) for path in folder.iterdir())
    with pytest.raises(gs.BadArtefact):
        load(str(folder))
    assert sorted((path.name, path.stat().st_size) for path in folder.iterdir()) == before
    shutil.rmtree(folder)


def test_a_flipped_bit_of_a_model_is_noticed_where_a_sum_lies_beside_it(load, make_model):
    folder = make_model()
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(whole).hexdigest()}  model.safetensors\n")
    load(str(folder)).close()  # the control
    weights.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    with pytest.raises(
        gs.BadArtefact, match=r"model\.safetensors has changed or is damaged: its sha256 is .*SHA256SUMS"
    ):
        load(str(folder))
