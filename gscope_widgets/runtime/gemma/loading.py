"""Gemma 3 models by name: the embedded one, the Hub's, or a local folder."""

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.models.gemma3.modeling_gemma3 import Gemma3TextModel
from transformers.utils import logging as transformers_logging

from gscope_widgets.errors import (
    BadArtefact,
    InvalidValue,
    Offline,
    OutOfMemory,
    UnknownModel,
    describe_value,
    write_bytes,
)
from gscope_widgets.mini import MODELS
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.runtime.devices import SPREAD, choose_device, choose_dtype
from gscope_widgets.runtime.files.integrity import verify_beside, verify_embedded
from gscope_widgets.runtime.files.weights import read_header
from gscope_widgets.runtime.gemma.names import find_repository, is_folder
from gscope_widgets.runtime.gemma.sites import find_text_model
from gscope_widgets.runtime.gemma.tokens import Tokenizer
from gscope_widgets.runtime.hub.faults import advise_return
from gscope_widgets.runtime.hub.repository import RemoteFile, Repository, find_cached
from gscope_widgets.runtime.hub.transfer import fetch_file, require_room
from gscope_widgets.runtime.memory import empty_caches, find_free
from gscope_widgets.runtime.shortage import Demand, explain_faults, is_loss, is_shortage, write_shortage

_NEEDED = (".safetensors", ".json", ".jinja", "tokenizer.model")  # ends of the names of a model's files
_INDEX = "model.safetensors.index.json"
_INSTEAD = "use gs.load('mini'), which needs no network"
_WEIGHT_TYPES = ("BF16", "F32", "F16")
_PARAMETERS = {  # of Gemma 3, as the Hub counts them
    "270m": 268_000_000,
    "1b": 1_000_000_000,
    "4b": 4_300_000_000,
    "12b": 12_200_000_000,
    "27b": 27_400_000_000,
}


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, ready to run, with its tokenizer."""

    model: PreTrainedModel
    text_model: Gemma3TextModel
    tokenizer: Tokenizer
    info: ModelInfo
    end_ids: frozenset[int]  # tokens that end a generation


def load_model(name: str, *, revision: str | None, device: str, dtype: str, token: str | None) -> LoadedModel:
    """Load a model in evaluation mode.

    Args:
        name: "mini", a short name such as "gemma-3-270m", a Hub id, or a folder.
        revision: a branch, tag or commit on the Hub; None for the newest.
        device: "auto" takes CUDA where there is one, else the CPU; "spread" lays the layers over all
            devices that there are, and what is left over in main memory (needs accelerate).
        dtype: "auto" is bfloat16 on a GPU that has it natively, else float32.
        token: for gated models; by default huggingface_hub finds its own.

    Raises:
        UnknownModel, GatedModel, Offline, BadArtefact: see each one's message.
        OutOfMemory: it does not fit; the numbers, and what would.
        InvalidValue: an unknown device or dtype; float16, in which Gemma 3 overflows.
    """
    spread = device == SPREAD
    device = choose_device(device)
    torch_dtype = choose_dtype(dtype, device=device)
    source = _find_source(name, revision=revision, token=token)
    _check_folder(source.folder)
    size = _count_numbers(source.folder) * torch_dtype.itemsize
    demand = Demand(
        f"loading {name}, which takes {write_bytes(size)} in {_name_dtype(torch_dtype)}",
        _list_smaller(size, torch_dtype, device=device),
        device,
    )
    if not spread:
        _require_memory(size, demand)
    model = explain_faults(
        lambda: _read_model(source.folder, name=name, dtype=torch_dtype, device=None if spread else device), demand
    )
    text_model = find_text_model(model)
    tokenizer = _load_tokenizer(source, name=name, text_model=text_model)
    config = text_model.config
    info = ModelInfo(
        id=source.id,
        revision=source.commit or _digest(source.folder),
        model_class=type(model).__name__,
        layers=len(text_model.layers),
        d_model=config.hidden_size,
        vocabulary=config.vocab_size,
        context=config.max_position_embeddings,
        device=device,
        dtype=_name_dtype(torch_dtype),
        bytes=sum(parameter.nbytes for parameter in model.parameters()),
        d_attention=config.num_attention_heads * config.head_dim,
        licence="Apache-2.0" if name in MODELS else "Gemma Terms of Use",
    )
    return LoadedModel(model, text_model, tokenizer, info, _end_ids(model, tokenizer))


def _read_model(folder: Path, *, name: str, dtype: torch.dtype, device: str | None) -> PreTrainedModel:
    """The model in a folder, on a device, or with None laid over all that there are."""
    try:
        with _quiet(name in MODELS):
            loaded = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                device_map="auto" if device is None else None,
            )
    except Exception as error:
        if is_shortage(error) or is_loss(error):
            raise
        # A damaged folder raises whatever transformers meets first.
        raise BadArtefact(f"{name} cannot be loaded as a Gemma 3 model: {_first_line(error)}") from None
    # What `output_loading_info` gives is not in transformers' annotation.
    model, report = cast("tuple[PreTrainedModel, dict[str, Iterable[object]]]", loaded)
    find_text_model(model)
    _check_weights(name, model, report)
    if device is not None:
        model.to(device)  # type: ignore[arg-type]  # transformers wraps it and loses its self
    model.eval().requires_grad_(False)
    return model


def _require_memory(size_bytes: int, demand: Demand) -> None:
    """Refuse a model that is larger than what is free: on the CPU the system would end the kernel without a word."""
    free = find_free(demand.device)
    if free is not None and size_bytes > free:
        empty_caches()
        if size_bytes > (find_free(demand.device) or 0):
            raise OutOfMemory(write_shortage(demand, asked_bytes=size_bytes))


def _list_smaller(size_bytes: int, dtype: torch.dtype, *, device: str) -> list[str]:
    """What would fit into what is free: another dtype, a smaller Gemma 3."""
    free = find_free(device)
    halved = size_bytes // 2 if dtype == torch.float32 else size_bytes
    choices = ["dtype='bfloat16'"] if dtype == torch.float32 and (free is None or halved < free) else []
    fitting = [name for name, count in _PARAMETERS.items() if 2 * count < min(halved, free or halved)]
    if fitting:
        choices.append(
            f"gs.load('gemma-3-{fitting[-1]}', dtype='bfloat16') ({write_bytes(2 * _PARAMETERS[fitting[-1]])})"
        )
    return [*choices, "device='spread'", *([] if fitting else ["gs.load('mini')"])]


def _count_numbers(folder: Path) -> int:
    """Weights of a model, as its files declare them."""
    heads = (head for path in folder.glob("*.safetensors") for head in read_header(path).values())
    return sum(math.prod(head.shape) for head in heads)


def _name_dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def check_token(token: object) -> str | None:
    """A Hub token without the white space that copying adds. Its value is in no message.

    Raises:
        InvalidValue: not a string of one word.
    """
    if token is None:
        return None
    word = token.strip() if isinstance(token, str) else ""
    if not word or not word.isascii() or not word.isprintable() or " " in word:
        raise InvalidValue("token must be a Hub token, one word of plain characters (what was given is not shown)")
    return word


@dataclass(frozen=True)
class _Source:
    """Where a model's files lie on this machine."""

    folder: Path
    id: str  # as results name it
    commit: str  # on the Hub; empty for what is no repository
    repository: str = ""


def _find_source(name: str, *, revision: str | None, token: str | None) -> _Source:
    if not isinstance(name, str) or not name:
        raise UnknownModel(f"a model is named by a string, got {describe_value(name)}; try gs.load('mini')")
    if revision is not None and (name in MODELS or is_folder(name)):
        raise InvalidValue(f"a revision is for models on the Hub; {describe_value(name)} is on this machine")
    if name in MODELS:
        return _Source(MODELS[name], f"gscope-{name}", "")
    if is_folder(name):
        folder = Path(name).expanduser()
        if not (folder / "config.json").exists():
            raise UnknownModel(f"the folder {name} holds no model: it has no config.json")
        place = find_cached(folder)
        if place is not None and not place.name:
            return _Source(folder, place.repository, place.commit, place.repository)
        return _Source(folder, folder.resolve().name, "")
    repository = find_repository(name)
    folder = _fetch_model(repository, revision=revision, token=token)
    return _Source(folder, name, folder.name, repository)


def list_model(repository: str, *, revision: str | None, token: str | None) -> tuple[Repository, list[RemoteFile]]:
    """A model's repository, and the files in it that are needed to run it, its configuration first.

    Raises:
        UnknownModel: there is no such repository, or it holds no model.
        Offline: the Hub cannot be asked, and this machine lacks some of them.
    """
    listing = Repository(repository, revision=revision, token=token, unknown=UnknownModel, instead=_INSTEAD)
    files = listing.files()
    wanted = [file for name, file in files.items() if "/" not in name and name.endswith(_NEEDED)]
    weights = [file for file in wanted if file.name.endswith(".safetensors")]
    if "config.json" not in files or not weights:
        lacks = "model.safetensors" if "config.json" in files else "config.json"
        if listing.is_partial:
            raise _explain_missing(repository, [lacks])
        raise UnknownModel(f"{repository} holds no model: it has no {lacks} (pickles are not read)")
    return listing, sorted(wanted, key=lambda file: file.name != "config.json")


def _fetch_model(repository: str, *, revision: str | None, token: str | None) -> Path:
    """The folder of a model's files, of one commit, fetched file by file where they are not there.

    The configuration comes first and alone, so that what stands in the way is told before anything large.
    """
    listing, wanted = list_model(repository, revision=revision, token=token)
    folder = fetch_file(wanted[0], token=token, unknown=UnknownModel).parent
    require_room(wanted)
    for file in wanted:
        fetch_file(file, token=token, unknown=UnknownModel)
    names = listing.files()
    if listing.is_partial and _INDEX in names:
        _require_shards(repository, names, folder=folder)
    return folder


def _require_shards(repository: str, files: Collection[str], *, folder: Path) -> None:
    """Refuse a model in parts of which only some were downloaded."""
    try:
        named = set(json.loads((folder / _INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadArtefact(f"{folder / _INDEX} cannot be read ({error}); download it again") from None
    if missing := sorted(str(name) for name in named - set(files)):
        raise _explain_missing(repository, missing)


def _explain_missing(repository: str, missing: list[str]) -> Offline:
    names = f"{missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else f"{missing[0]}"
    return Offline(
        f"the Hub cannot be asked, and on this machine {repository} lacks {names}; {advise_return()}, or {_INSTEAD}"
    )


@contextmanager
def _quiet(wanted: bool) -> Iterator[None]:
    """Without transformers' progress bar, which is no news for a model that loads in a moment."""
    shown = transformers_logging.is_progress_bar_enabled()
    if wanted and shown:
        transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if wanted and shown:
            transformers_logging.enable_progress_bar()


def _check_folder(folder: Path) -> None:
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise UnknownModel(
            f"the folder {folder} holds no model: it has no .safetensors file (pickles are not read); "
            "transformers' save_pretrained writes one"
        )
    for path in sorted(folder.iterdir()):
        verify_embedded(path)
    for path in weights:
        verify_beside(path)
        for name, head in read_header(path).items():
            if head.dtype not in _WEIGHT_TYPES:
                raise BadArtefact(
                    f"{path}: tensor {name} should be one of {', '.join(_WEIGHT_TYPES)}, got {head.dtype}"
                )


def _check_weights(name: str, model: torch.nn.Module, report: dict[str, Iterable[object]]) -> None:
    """Refuse what transformers only warns of: it fills a missing tensor with random numbers."""
    for key, what in (
        ("missing_keys", "has no tensor"),
        ("unexpected_keys", "has a tensor that no Gemma 3 has:"),
        ("mismatched_keys", "has a tensor of the wrong shape:"),
    ):
        if found := sorted(map(str, report.get(key) or ())):
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            raise BadArtefact(f"{name} {what} {', '.join(found[:3])}{more}; download or copy it again")
    for tensor_name, parameter in model.named_parameters():
        if not parameter.is_meta and not torch.isfinite(parameter.sum(dtype=torch.float32)):
            raise BadArtefact(f"{name}: tensor {tensor_name} holds NaN or infinite values; download or copy it again")


def _load_tokenizer(source: _Source, *, name: str, text_model: Gemma3TextModel) -> Tokenizer:
    inner = None
    if (source.folder / "tokenizer.json").exists():
        try:
            inner = AutoTokenizer.from_pretrained(source.folder, trust_remote_code=False)
        except Exception as error:  # noqa: BLE001 - as above, and the tokenizers library has no class of its own
            raise BadArtefact(f"the tokenizer of {name} cannot be loaded: {_first_line(error)}") from None
    config = text_model.config
    if inner is not None and inner.bos_token_id is None:
        raise BadArtefact(f"the tokenizer of {name} names no BOS token; download or copy it again")
    chat = inner is not None and bool(inner.chat_template) and (not source.commit or source.repository.endswith("-it"))
    return Tokenizer(inner, name, config.vocab_size, config.max_position_embeddings, chat)


def _end_ids(model: PreTrainedModel, tokenizer: Tokenizer) -> frozenset[int]:
    ends = model.generation_config.eos_token_id if model.generation_config is not None else None
    ids = {end for end in (ends if isinstance(ends, list) else [ends]) if isinstance(end, int)}
    if tokenizer.inner is not None and tokenizer.inner.eos_token_id is not None:
        ids.add(tokenizer.inner.eos_token_id)
    return frozenset(ids)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
