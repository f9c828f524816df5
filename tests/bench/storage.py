"""T3, T6 and T7: memory while encoding, and one feature out of large files."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.torch import load_file

from gscope_widgets.records.activations import SparseActivations
from gscope_widgets.records.examples import FeatureExamples
from gscope_widgets.runtime.dictionaries.folders import LocalFolder
from gscope_widgets.runtime.examples.files import read_examples
from tests.bench.equality import compare_bits, compare_close, compare_sparse
from tests.bench.files import EXAMPLES_KEPT, cool_file, warm_file
from tests.bench.memory import run_fresh
from tests.bench.ours import open_ours
from tests.bench.peers import open_saelens
from tests.bench.rows import Equality, Row
from tests.bench.shapes import THREADS, Plan, Shape
from tests.bench.timing import Call, Spread, alternate, alternate_prepared, compare

_SHOWN = 10  # examples on a card, the default of `scope.card`


def measure_encoding_memory(path: Path, shape: Shape, plan: Plan) -> list[Row]:
    """T3: what encoding adds at its peak to weights that are in memory."""
    tokens, found = plan.token_counts[-1], {"ours": [], "SAELens": []}
    for _ in range(plan.processes):
        for side, results in found.items():
            results.append(run_fresh("encode", side, path, tokens=tokens, threads=THREADS))
    own, theirs = ([np.array(column) for column in results[-1]["firings"]] for results in found.values())
    with safe_open(path / "params.safetensors", framework="np") as file:
        threshold = file.get_tensor("threshold")
    equality = compare_sparse(SparseActivations(*own, (tokens, shape.width)), *theirs, threshold)
    peaks = {side: [one["peak_mb"] for one in results] for side, results in found.items()}
    return [
        Row(
            "T3",
            f"peak while encoding, {shape.name}, {tokens} tokens",
            measure="SAELens / ours",
            found=compare(peaks, ours="ours", peer="SAELens"),
            equality=equality,
            least=4.0,
            sides={side: Spread.of(values) for side, values in peaks.items()},
            unit="MB",
        )
    ]


def measure_feature_memory(path: Path, shape: Shape, plan: Plan) -> list[Row]:
    """T6: the decoder row and, by its activations on a text, the encoder column of one feature."""
    tokens, rows = plan.token_counts[-1], []
    file = path / "params.safetensors"
    for state, prepare in (("cold", cool_file), ("warm", warm_file)):
        found = {"ours": [], "SAELens": []}
        for _ in range(plan.processes):
            for side, results in found.items():
                prepare(file)
                results.append(run_fresh("show", side, path, tokens=tokens, threads=THREADS))
        own, theirs = (results[-1] for results in found.values())
        row, trace = (compare_close(np.array(own[name]), np.array(theirs[name])) for name in ("direction", "trace"))
        peaks = {side: Spread.of([one["peak_mb"] for one in results]) for side, results in found.items()}
        rows.append(
            Row(
                "T6",
                f"one feature of {shape.name}, file {state}",
                measure="MB",
                found=peaks["ours"],
                equality=Equality(row.holds and trace.holds, f"row {row.text}; trace {trace.text}"),
                most=50.0,
                sides=peaks,
                unit="MB",
                note="SAELens reads lazily too",
            )
        )
    return rows


def measure_rows(path: Path, shape: Shape, plan: Plan) -> list[Row]:
    """T7: decoder rows, each of another feature, against touching the whole file."""
    file, order = path / "params.safetensors", _shuffle(shape.width)
    equality = _compare_rows(path)
    warm_file(file)
    taken = alternate(_read_warm(path, order), alternations=plan.alternations, window_s=plan.window_s)
    rows = [_tell(f"decoder row of {shape.name}, file warm", taken, equality, least=10.0)]
    cold = {
        "ours, opened anew": lambda: open_ours(path).direction(next(order)),
        "whole file": _touch(file),
        "SAELens, opened anew": lambda: open_saelens(path).W_dec.detach()[next(order)].sum(),
    }
    taken = alternate_prepared(cold, lambda: cool_file(file), alternations=plan.alternations)
    cold_row = _tell(f"decoder row of {shape.name}, file cold", taken, equality, least=10.0, ours="ours, opened anew")
    return [*rows, cold_row]


def _read_warm(path: Path, order: Iterator[int]) -> dict[str, Call]:
    opened, w_dec = open_ours(path), open_saelens(path).W_dec.detach()
    return {
        "ours": lambda: opened.direction(next(order)),
        "whole file": _touch(path / "params.safetensors"),
        "SAELens, open": lambda: w_dec[next(order)].sum(),
        "SAELens, opened anew": lambda: open_saelens(path).W_dec.detach()[next(order)].sum(),
    }


def _compare_rows(path: Path) -> Equality:
    own, w_dec = open_ours(path), load_file(path / "params.safetensors")["w_dec"]
    features = range(0, len(w_dec), len(w_dec) // 8)
    rows = (
        {feature: row.tobytes() for feature, row in zip(features, side, strict=True)}
        for side in (
            (own.direction(feature) for feature in features),
            (w_dec[feature].numpy() for feature in features),
        )
    )
    return compare_bits(*rows)


def measure_examples(folder: Path, plan: Plan) -> list[Row]:
    """T7: the published top tokens of one feature, with the examples that a card shows."""
    file, order = folder / "examples.safetensors", _shuffle(plan.features)
    held = load_file(file)
    own = _read(folder, feature := 3, most=_SHOWN)
    expected = {name: held[name][feature].numpy().tobytes() for name in ("top_tokens", "top_logits", "bottom_tokens")}
    expected["tokens"] = held["tokens"][held["seq_ids"][feature, :_SHOWN]].numpy().tobytes()
    equality = compare_bits({name: getattr(own, name).tobytes() for name in expected}, expected)
    del held, own
    sides = {
        "ours": lambda: _read(folder, next(order), most=_SHOWN),
        "all examples": lambda: _read(folder, next(order), most=None),
        "whole file": _touch(file),
    }
    warm_file(file)
    warm = alternate(sides, alternations=plan.alternations, window_s=plan.window_s)
    cold = alternate_prepared(sides, lambda: cool_file(file), alternations=plan.alternations)
    rows = []
    for state, taken in (("warm", warm), ("cold", cold)):
        rows.append(_tell(f"top tokens, {_SHOWN} examples, file {state}", taken, equality, least=10.0))
        case = f"top tokens, all {EXAMPLES_KEPT} examples, file {state}"
        rows.append(_tell(case, taken, equality, least=None, ours="all examples"))
    return rows


def _read(folder: Path, feature: int, *, most: int | None) -> FeatureExamples:
    return read_examples(LocalFolder(folder).open_weights("examples.safetensors"), feature, most=most)


def _touch(file: Path) -> Call:
    return lambda: [tensor.sum() for tensor in load_file(file).values()]


def _shuffle(count: int) -> Iterator[int]:
    """All features in an order without pattern, again and again."""
    return itertools.cycle(np.random.default_rng(0).permutation(count).tolist())


def _tell(
    case: str, taken: dict[str, list[float]], equality: Equality, *, least: float | None, ours: str = "ours"
) -> Row:
    lazy = any("SAELens" in side for side in taken)
    return Row(
        "T7",
        case,
        measure="whole file / ours",
        found=compare(taken, ours=ours, peer="whole file"),
        equality=equality,
        least=least,
        sides={name: Spread.of([1e3 * one for one in values]) for name, values in taken.items()},
        unit="ms",
        note="SAELens reads lazily too; where it is open, a row is an index into the mapped file" if lazy else "",
    )
