"""`examples.safetensors`, written whole and read a feature at a time."""

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from gscope_widgets.errors import BadArtefact, UnknownFeature, describe_value
from gscope_widgets.records.examples import ExampleTable, FeatureExamples
from gscope_widgets.runtime.files.weights import TensorHead, WeightFile

FILE = "examples.safetensors"
# Key -> type in the published files, and axes (docs/formats.md).
_LAYOUT = {
    "tokens": ("I32", np.int32, ("n_seq", "seq_len")),
    "activations": ("F32", np.float32, ("F", "k")),
    "seq_ids": ("I64", np.int64, ("F", "k")),
    "positions": ("I32", np.int32, ("F", "k")),
    "feature_frequencies": ("F64", np.float64, ("F",)),
    "logit_effects": ("F32", np.float32, ("F", "k")),
    "top_tokens": ("I32", np.int32, ("F", "K")),
    "top_logits": ("F32", np.float32, ("F", "K")),
    "bottom_tokens": ("I32", np.int32, ("F", "K")),
    "bottom_logits": ("F32", np.float32, ("F", "K")),
}
_OPTIONAL = ("logit_effects", "top_tokens", "top_logits", "bottom_tokens", "bottom_logits")


def write_examples(path: Path, table: ExampleTable) -> None:
    """Write a table in the published layout: `20 F k + 168 F + 4 n_seq seq_len` bytes and a header.

    What is None in the table is left out of the file. The file appears whole or not at all.
    """
    tensors = {field.name: getattr(table, field.name) for field in fields(table)}
    kept = {name: np.ascontiguousarray(value, _LAYOUT[name][1]) for name, value in tensors.items() if value is not None}
    unfinished = path.with_name(f"{path.name}.unfinished")
    save_file(kept, unfinished)
    os.replace(unfinished, path)


def read_examples(
    file: WeightFile,
    feature: int,
    *,
    most: int | None = None,
    choose: Callable[[np.ndarray], np.ndarray] | None = None,
) -> FeatureExamples:
    """One feature's examples. Reads that feature's rows and the texts they point into, not the file.

    Of a file on the Hub, each of these is one range request: about ten, and one an example.
    Files without logit effects or promoted tokens are read too; those are None then.

    Args:
        most: how many examples, the strongest; None for all that the file keeps.
        choose: gives the indices of those to read, ascending, from the activations of all, instead of `most`.

    Raises:
        BadArtefact: the file is damaged, or its tensors are not as published.
        UnknownFeature: no such feature in it.
    """
    path, heads = file.path, file.heads
    count = check_layout(path, heads)
    if isinstance(feature, bool) or not isinstance(feature, (int, np.integer)) or not 0 <= feature < count:
        raise UnknownFeature(f"{path} has features 0 to {count - 1}, got {describe_value(feature)}")
    rows = {name: file.row(name, int(feature)).numpy() for name in heads if name in _LAYOUT and name != "tokens"}
    all_fires = np.flatnonzero(rows["activations"] > 0)
    kept, kept_seq_ids, kept_positions = (rows[name][all_fires] for name in ("activations", "seq_ids", "positions"))
    texts, length = heads["tokens"].shape
    _check_inside(path, kept_seq_ids, name="seq_ids", feature=feature, size=texts)
    _check_inside(path, kept_positions, name="positions", feature=feature, size=length)
    chosen = np.arange(len(kept))[:most] if choose is None else choose(kept)
    fires, seq_ids, positions = all_fires[chosen], kept_seq_ids[chosen], kept_positions[chosen]
    read = {row: file.row("tokens", row).numpy() for row in dict.fromkeys(seq_ids.tolist())}
    tokens = [read[row] for row in seq_ids.tolist()]
    optional = {name: rows.get(name) for name in _OPTIONAL}
    if optional["logit_effects"] is not None:
        optional["logit_effects"] = optional["logit_effects"][fires]
    return FeatureExamples(
        feature=int(feature),
        activations=rows["activations"][fires],
        seq_ids=seq_ids,
        positions=positions,
        tokens=np.stack(tokens) if tokens else np.zeros((0, length), np.int32),
        density=float(rows["feature_frequencies"]),
        kept=kept,
        kept_seq_ids=kept_seq_ids,
        kept_positions=kept_positions,
        chosen=chosen,
        max_activation=float(rows["activations"].max(initial=0)) or None,
        **optional,
    )


def _check_inside(path: Path, numbers: np.ndarray, *, name: str, feature: int, size: int) -> None:
    wrong = numbers[(numbers < 0) | (numbers >= size)]
    if len(wrong):
        raise BadArtefact(
            f"{path}: {name} of feature {feature} should be 0 to {size - 1}, got {wrong[0]}; download or copy it again"
        )


def check_layout(path: Path, heads: dict[str, TensorHead]) -> int:
    """The number of features, after checking that every tensor has its type and agrees on every axis.

    Raises:
        BadArtefact: one does not.
    """
    sizes: dict[str, tuple[str, int]] = {}
    for name, (dtype, _, axes) in _LAYOUT.items():
        if name not in heads:
            if name in _OPTIONAL:
                continue
            raise BadArtefact(f"{path}: expected a tensor {name} {list(axes)}, found {sorted(heads)}")
        head = heads[name]
        if head.dtype != dtype:
            raise BadArtefact(f"{path}: {name} should be {dtype}, got {head.dtype}")
        if len(head.shape) != len(axes):
            raise BadArtefact(f"{path}: {name} should be {list(axes)}, got {list(head.shape)}")
        for axis, size in zip(axes, head.shape, strict=True):
            first, expected = sizes.setdefault(axis, (name, size))
            if size != expected:
                raise BadArtefact(f"{path}: {name} has {axis} = {size}, {first} has {expected}")
    return sizes["F"][1]
