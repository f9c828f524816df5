"""The folder that a sweep has left, read a feature at a time: examples, histogram, and samples of each bin."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from gscope_widgets.errors import BadArtefact, InvalidValue, UnknownDictionary, describe_value
from gscope_widgets.records.dashboards import BANDS, ActivationHistogram
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.records.sweeps import shorten_name
from gscope_widgets.runtime.examples.files import FILE, check_layout
from gscope_widgets.runtime.files.weights import WeightFile
from gscope_widgets.runtime.gemma.fingerprints import fingerprint_model, fingerprint_tokenizer
from gscope_widgets.runtime.gemma.loading import LoadedModel

MANIFEST = "sweep.json"
SIDECAR = "sweep.safetensors"
FORMAT, VERSION = "gscope sweep", 1
_LARGEST_MANIFEST = 50_000_000
LISTED_TOKENS = 5  # of a feature, in a list of all
_PLACES = ("activations", "seq_ids", "positions")
_BLOCK = 16_384  # features that are read at a time
BAND_EXAMPLES = 4  # of a band that are shown
_MOST = 2**53  # of whatever a manifest counts
_WIDEST = 200  # of exponents, either way: those of float32 lie in it
# Key -> type, and axes: F features, B bins, n_seq rows of tokens.
_LAYOUT = {
    "counts": ("I64", ("F",)),
    "exponents": ("I32", ("F",)),
    "bins": ("I32", ("F", "B")),
    "sample_activations": ("F32", ("F", "B")),
    "sample_rows": ("I64", ("F", "B")),
    "sample_positions": ("I32", ("F", "B")),
    "row_documents": ("I64", ("n_seq",)),
    "row_starts": ("I64", ("n_seq",)),
    "row_lengths": ("I32", ("n_seq",)),
}


@dataclass(frozen=True)
class SweptBand:
    """About a fifth of the range of a feature, to the width of a bin."""

    low: float
    high: float
    count: int  # tokens in it
    activations: np.ndarray  # float32, [m], strongest first; of samples, none from the same bin
    rows: np.ndarray  # int64, [m]
    positions: np.ndarray  # int32, [m]
    tokens: np.ndarray  # int32, [m, seq_len]


@dataclass(frozen=True)
class SweptFeature:
    """What a sweep says of one feature beside its strongest examples."""

    histogram: ActivationHistogram | None  # None where it never fired
    bands: tuple[SweptBand, ...]  # strongest first


class Swept:
    """A finished sweep. Opening reads headers; a feature's rows are read alone."""

    def __init__(self, path: Path, manifest: dict[str, Any]):
        """Check the files beside a manifest, which was read already.

        Raises:
            InvalidValue: the sweep is not finished.
            BadArtefact: a file is missing or damaged.
        """
        if "finished" not in manifest:
            raise InvalidValue(f"the sweep in {path} has not ended; run the same gs.sweep again, which goes on with it")
        self.path, self.settings, self.corpus = path, manifest["settings"], manifest["corpus"]
        self.used, self.fired = (int(manifest["finished"][key]) for key in ("used", "features"))
        self.examples, self._beside = WeightFile(path / FILE), WeightFile(path / SIDECAR)
        self._check()

    @property
    def on(self) -> str:
        """What text it was, for a reader."""
        return f"the {self.used:,} tokens of {shorten_name(self.corpus['name'])}"

    @property
    def d_dict(self) -> int:
        """The number of features."""
        return int(self.examples.heads["activations"].shape[0])

    def read(self, feature: int) -> SweptFeature:
        """One feature's histogram and bands.

        Raises:
            BadArtefact: they are not what a sweep writes, or do not fit its examples.
        """
        row = {name: self._beside.row(name, feature).numpy() for name, (_, axes) in _LAYOUT.items() if axes[0] == "F"}
        activations = self.examples.row("activations", feature).numpy()
        self._check_feature(feature, row, activations, float(self.examples.row("feature_frequencies", feature)))
        largest = float(activations[0])
        if not largest:
            return SweptFeature(None, ())
        width = 2.0 ** int(row["exponents"])
        count = int(np.ceil(largest / width))
        self._check_bins(feature, row, count, width)
        edges = (np.arange(count + 1) * width).astype(np.float32)
        edges[-1] = largest
        histogram = ActivationHistogram(edges, row["bins"][:count].astype(np.int64), self.used, self.on)
        return SweptFeature(histogram, tuple(self._list_bands(histogram, row)))

    def list_fired(
        self, describe: Callable[[int], str], label: Callable[[int], FeatureLabel | None]
    ) -> dict[str, list[object]]:
        """The columns of `Sweep.to_frame`.

        Args:
            describe: a token's text, of its id.
            label: of a feature.

        Raises:
            BadArtefact: the files are not what a sweep writes.
        """
        counts = self._beside.tensor("counts").numpy()
        parts = [self._read_strongest(start) for start in range(0, self.d_dict, _BLOCK)]
        activations, rows, positions = (np.concatenate(part) for part in zip(*parts, strict=True))
        there = activations > 0
        if (counts < 0).any() or (counts > self.used).any() or (there[:, 0] != (counts > 0)).any():
            raise BadArtefact(
                f"{self.path}: its counts are not those of its examples; delete the folder and sweep again"
            )
        for name, found, size in (
            ("seq_ids", rows[there], self._sizes["n_seq"]),
            ("positions", positions[there], self._sizes["seq_len"]),
        ):
            wrong = found[(found < 0) | (found >= size)]
            if len(wrong):
                raise BadArtefact(f"{self.examples.path}: {name} are 0 to {size - 1}, got {wrong[0]}; sweep again")
        ids = np.full(there.shape, -1, np.int64)
        ids[there] = self.examples.cells("tokens", rows[there], positions[there]).numpy()
        names = {one: describe(one) for one in np.unique(ids[there]).tolist()}
        fired = np.flatnonzero(counts)
        fired = fired[np.argsort(-counts[fired], kind="stable")]
        labels = [label(one) for one in fired.tolist()]
        return {
            "feature": fired.tolist(),
            "label": [None if one is None else one.text for one in labels],
            "firings": counts[fired].tolist(),
            "density": (counts[fired] / max(1, self.used)).tolist(),
            "max_activation": activations[fired, 0].tolist(),
            "tokens": [tuple(names[one] for one in dict.fromkeys(row) if one >= 0) for row in ids[fired].tolist()],
        }

    def _read_strongest(self, start: int) -> list[np.ndarray]:
        """Of a block of features, activations, rows and positions of their strongest examples."""
        stop = min(start + _BLOCK, self.d_dict)
        return [self.examples.rows(name, start, stop)[:, :LISTED_TOKENS].numpy().copy() for name in _PLACES]

    def require_ids(self, tables: Sequence[np.ndarray], *, vocabulary: int) -> None:
        """Refuse rows of tokens with ids that no token has.

        Args:
            tables: int32, [row, seq_len] each.
            vocabulary: how many ids there are.

        Raises:
            BadArtefact: with the file, and the first such id.
        """
        for table in tables:
            wrong = table[(table < 0) | (table >= vocabulary)]
            if len(wrong):
                raise BadArtefact(
                    f"{self.examples.path}: tokens are ids 0 to {vocabulary - 1}, got {wrong[0]}; delete the folder "
                    "and sweep again"
                )

    def _list_bands(self, histogram: ActivationHistogram, row: dict[str, np.ndarray]) -> list[SweptBand]:
        bins = len(histogram.counts)
        stops = np.round(np.linspace(0, bins, BANDS + 1)).astype(int)
        bands = []
        for first, stop in zip(stops[-2::-1], stops[:0:-1], strict=True):
            filled = first + np.flatnonzero(row["sample_rows"][first:stop] >= 0)
            chosen = filled[np.linspace(0, len(filled) - 1, min(len(filled), BAND_EXAMPLES)).round().astype(int)][::-1]
            rows = row["sample_rows"][chosen]
            tokens = [self.examples.row("tokens", int(one)).numpy() for one in rows]
            bands.append(
                SweptBand(
                    float(histogram.edges[first]),
                    float(histogram.edges[stop]),
                    int(histogram.counts[first:stop].sum()),
                    row["sample_activations"][chosen],
                    rows,
                    row["sample_positions"][chosen],
                    np.stack(tokens) if tokens else np.zeros((0, self._sizes["seq_len"]), np.int32),
                )
            )
        return bands

    @property
    def _sizes(self) -> dict[str, int]:
        heads = self.examples.heads
        return {"F": self.d_dict, "n_seq": heads["tokens"].shape[0], "seq_len": heads["tokens"].shape[1]}

    def _check_feature(
        self, feature: int, row: dict[str, np.ndarray], activations: np.ndarray, frequency: float
    ) -> None:
        """Activations, counts and width of a feature, one with another."""
        fired, largest, exponent, bins = int(row["counts"]), float(activations[0]), int(row["exponents"]), row["bins"]
        if (activations < 0).any() or (np.diff(activations) > 0).any():
            self._refuse(feature, f"activations fall from the largest to 0, got {describe_value(activations.tolist())}")
        if not 0 <= fired <= self.used:
            self._refuse(feature, f"counts are 0 to {self.used}, got {fired}")
        if abs(frequency - fired / max(1, self.used)) > 1e-9:
            self._refuse(feature, f"its frequency should be {fired} of {self.used} tokens, got {frequency:g}")
        if int((activations > 0).sum()) != min(len(activations), fired):
            self._refuse(feature, f"{int((activations > 0).sum())} activations are above 0 of {fired} counted")
        if (bins < 0).any() or int(bins.sum(dtype=np.int64)) != fired:
            self._refuse(feature, f"bins hold {int(bins.sum(dtype=np.int64))} of {fired} counted")
        if largest and (
            abs(exponent) > _WIDEST
            or not len(bins) / 2 < largest / 2.0 ** np.clip(exponent, -_WIDEST, _WIDEST) <= len(bins)
        ):
            self._refuse(feature, f"{len(bins)} bins of width 2**{exponent} do not fit activations up to {largest:g}")

    def _check_bins(self, feature: int, row: dict[str, np.ndarray], count: int, width: float) -> None:
        """That each bin up to the largest activation has its sample, inside of it and inside the table of tokens."""
        filled = np.flatnonzero(row["bins"])
        if filled.max(initial=0) >= count or (filled.tolist() != np.flatnonzero(row["sample_rows"] != -1).tolist()):
            self._refuse(feature, "bins and their samples are not of the same activations")
        rows, positions = row["sample_rows"][filled], row["sample_positions"][filled]
        for name, numbers, size in (
            ("rows", rows, self._sizes["n_seq"]),
            ("positions", positions, self._sizes["seq_len"]),
        ):
            wrong = numbers[(numbers < 0) | (numbers >= size)]
            if len(wrong):
                self._refuse(feature, f"{name} of samples are 0 to {size - 1}, got {wrong[0]}")
        values = row["sample_activations"][filled].astype(np.float64)
        if (np.ceil(values / width) - 1 != filled).any():
            self._refuse(feature, "samples lie outside their bins")

    def _refuse(self, feature: int, sentence: str) -> NoReturn:
        raise BadArtefact(f"{self.path}, feature {feature}: {sentence}; delete the folder and sweep again")

    def _check(self) -> None:
        heads, path = self._beside.heads, self._beside.path
        check_layout(self.examples.path, self.examples.heads)
        if not self.examples.heads["activations"].shape[1]:
            raise BadArtefact(f"{self.examples.path}: it keeps no example of any feature; sweep again")
        sizes = self._sizes
        for name, (dtype, axes) in _LAYOUT.items():
            if name not in heads or heads[name].dtype != dtype or len(heads[name].shape) != len(axes):
                raise BadArtefact(f"{path}: expected {name} {dtype} {list(axes)}; sweep again")
            for axis, size in zip(axes, heads[name].shape, strict=True):
                if sizes.setdefault(axis, size) != size:
                    raise BadArtefact(f"{path}: {name} has {axis} = {size}, expected {sizes[axis]}; sweep again")


def open_swept(path: str | os.PathLike[str]) -> Swept:
    """The finished sweep in a folder.

    Raises:
        InvalidValue: there is none, or it has not ended.
        BadArtefact: a file is damaged.
    """
    try:
        folder = Path(path).expanduser().resolve()
        is_there = (folder / MANIFEST).is_file()
    except (TypeError, ValueError, OSError, RuntimeError):
        raise InvalidValue(f"path must be the folder of a sweep, got {describe_value(path)}") from None
    if not is_there:
        raise InvalidValue(f"{folder} holds no sweep: it has no {MANIFEST}; gs.sweep(scope, ..., out) makes one")
    return Swept(folder, read_manifest(folder / MANIFEST))


def read_manifest(manifest: Path) -> dict[str, Any]:
    """What a sweep's manifest says, checked as far as its parts and their kinds.

    Raises:
        BadArtefact: it is none, damaged, or of a newer version.
    """
    advice = "delete its folder and sweep again, or copy it again"
    try:
        if manifest.stat().st_size > _LARGEST_MANIFEST:
            raise ValueError("it is too large")
        content = json.loads(manifest.read_bytes())
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("it is another program's")
        version = content.get("version")
        if type(version) is int and version > VERSION:
            raise ValueError(f"it is of version {version}, this package reads {VERSION}: upgrade gscope-widgets")
        if version != VERSION or not isinstance(content.get("settings"), dict):
            raise ValueError("parts of it are missing")
        corpus, finished = content.get("corpus"), content.get("finished")
        if corpus is not None:
            kinds = {"name": str, "sha256": str, "unit_starts": list}
            starts, counts = corpus["unit_starts"], [corpus[key] for key in ("documents", "empty", "tokens")]
            right = all(isinstance(corpus[key], kind) for key, kind in kinds.items())
            right = right and all(map(_is_count, [*starts, *counts])) and starts == sorted(set(starts))
            if not right or len(starts) < 2 or starts[0] != 0 or starts[-1] > corpus["tokens"]:
                raise ValueError("its corpus is not as it was written")
        if finished is not None and not (
            corpus is not None
            and all(_is_count(finished[key]) for key in ("used", "firings", "features"))
            and finished["used"] <= corpus["tokens"]
        ):
            raise ValueError("its end is not as it was written")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadArtefact(f"{manifest} cannot be read as the manifest of a sweep ({error}); {advice}") from None
    return content


def _is_count(number: object) -> bool:
    return type(number) is int and 0 <= number <= _MOST


def check_model(swept: Swept, model: str) -> None:
    """Refuse a sweep of another model.

    Raises:
        UnknownDictionary: with both names.
    """
    _refuse_other(swept, "model", model, swept.settings.get("model"))


def check_same(swept: Swept, *, model: LoadedModel, dictionary: str, weights: str, d_dict: int) -> None:
    """Refuse a sweep of another model or dictionary, or of other weights under the same names.

    The model's weights are compared where it was swept in the dtype that it has here: rounded otherwise, they differ.

    Raises:
        UnknownDictionary: with both.
    """
    found = swept.settings
    check_model(swept, model.info.id)
    _refuse_other(swept, "dictionary", dictionary, found.get("dictionary"))
    _refuse_other(swept, "dictionary's weights", weights, found.get("dictionary_weights"))
    _refuse_other(swept, "number of features", d_dict, swept.d_dict)
    _refuse_other(swept, "tokenizer", fingerprint_tokenizer(model.tokenizer), found.get("tokenizer"))
    if found.get("dtype") == model.info.dtype:
        _refuse_other(swept, "model's weights", fingerprint_model(model.model), found.get("weights"))


def _refuse_other(swept: Swept, what: str, own: object, other: object) -> None:
    if own != other:
        raise UnknownDictionary(
            f"{swept.path} holds a sweep of another {what}: {other}, and this is {own}; sweep with this one"
        )
