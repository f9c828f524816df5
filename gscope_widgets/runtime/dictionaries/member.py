"""One weight file of a dictionary: the features that read one hook point."""

import math
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch

from gscope_widgets.errors import BadArtefact
from gscope_widgets.runtime.dictionaries.stage import Stage
from gscope_widgets.runtime.files.weights import WeightFile

Value = TypeVar("Value")
_MATRICES = ("w_enc", "w_dec")
TENSORS = ("w_enc", "b_enc", "threshold", "w_dec", "b_dec")
SKIP = "affine_skip_connection"
# Dense blocks of at most this many numbers: 8 MB of float32 on a CPU, near its caches, 64 MB on another device.
_BLOCK, _BLOCK_GPU = 1 << 21, 1 << 24
_FEATURES = 2048  # of a dense block, whose weights stay near while all positions pass by
_ROW_BYTES = 32_000_000  # of decoder rows read at a time
_ROWS = 64  # of them that come from the Hub between two looks for a stop
# Weights to layers before a feature's own, beside the largest weight of the file, that pass for rounding.
_CAUSAL = 1e-5


@dataclass(frozen=True)
class FeatureEncoder:
    """What makes one feature's activation out of what is read: float32 tensors on the dictionary's device."""

    w_enc: torch.Tensor  # [d_in]
    b_enc: torch.Tensor  # []
    threshold: torch.Tensor  # []


@dataclass(frozen=True)
class Firing:
    """The features of one member that fire on some activations, with their own share of its weights.

    float32 and int64 on the dictionary's device. A feature that fires at several positions has its weights once.
    """

    positions: torch.Tensor  # [firing], rising
    rows: torch.Tensor  # [firing], where the feature stands in what follows
    activations: torch.Tensor  # [firing]
    features: torch.Tensor  # [row], rising; numbered within the member
    w_enc: torch.Tensor  # [row, d_in]
    b_enc: torch.Tensor  # [row]
    w_dec: torch.Tensor  # [row, d_out], or [row, n, d_model] with 0 before the member's own layer; no row unless read
    b_dec: torch.Tensor  # [d_out]
    skip: torch.Tensor | None  # [d_in, d_out] of an affine one

    @property
    def has_rows(self) -> bool:
        """Whether decoder rows were read."""
        return len(self.w_dec) == len(self.features)


class Member:
    """The JumpReLU encoder and the decoder of one `params*.safetensors`, in float32 on a device.

    Opening reads the header only; one feature's share is read alone; the whole is loaded by the
    first `encode` or `decode`, and goes where another one needs its room, to be read again. A
    single-layer dictionary has one member; a crosscoder or CLT has one for each layer that it
    reads, whose decoder `w_dec` is (F_l, n, d_model), dense over the n output layers by absolute
    position.
    """

    def __init__(
        self,
        file: WeightFile,
        *,
        affine: bool,
        device: str,
        stage: Stage,
        dtype: torch.dtype = torch.float32,
        outputs: int | None = None,
        first: int = 0,
    ):
        """Check a weight file.

        Args:
            stage: where weights are kept while there is room for them.
            dtype: in which the large matrices are held; sums are in float32 whatever it is.
            affine: it holds a skip connection, stored (d_in, d_out) and applied as `x @ A`.
            outputs: the number n of output layers of a multi-layer dictionary, or None.
            first: the position of this member: it writes to outputs `first` to n - 1.

        Raises:
            BadArtefact: tensors are missing, or their shapes or types are not as published.
        """
        self.file, self.device, self.dtype = file, device, dtype
        self._outputs, self._first, self._warned = outputs, first, False
        self._names = (*TENSORS, SKIP) if affine else TENSORS
        self._stage = stage
        self.uses = self.loads = 0  # how often the whole was wanted, and how often it had to be read for that
        self.d_in, self.d_dict, self.d_out = self._check_heads()

    def encode(self, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions, features and activations of all that fires on `x`, float32 [pos, d_in]; ordered by both.

        Thresholded in blocks, so that at most 8 MB of dense pre-activations exist at a time, 64 MB on a GPU.
        """
        with self.hold() as weights:
            return self._encode(x, weights)

    def fire(self, x: torch.Tensor) -> Firing:
        """The features that fire on `x`, float32 [pos, d_in], and their weights.

        Of a member that writes to several layers, whose decoder is n times its encoder, the encoder is read alone and
        the decoder by the row, unless the whole is in memory already.
        """
        return finish(self.add_rows(finish(self.fire_alone(x))))

    def fire_alone(self, x: torch.Tensor) -> Generator[int, None, Firing]:
        """`fire` without decoder rows, which `add_rows` brings; with them where they are in memory.

        Yields the bytes that have come from the Hub since the last time.
        """
        if self._outputs is None or self.is_loaded:
            with self.hold() as weights:
                return self._fire(x, weights)
        return self._fire(x, (yield from self._hold_encoder()))

    def add_rows(self, firing: Firing) -> Generator[int, None, Firing]:
        """What `fire_alone` found, with decoder rows; yields as that."""
        if firing.has_rows:
            return firing
        row_bytes, is_remote = self.row_bytes, bool(self.file.missing_bytes)
        step, features = max(1, _ROW_BYTES // row_bytes if not is_remote else _ROWS), firing.features.tolist()
        w_dec = torch.zeros(len(features), self._outputs or 1, self.d_out, device=self.device)
        for start in range(0, len(features), step):
            some = features[start : start + step]
            w_dec[start : start + len(some)] = self.decoder_rows(some)
            yield row_bytes * len(some) if is_remote else 0
        w_dec[:, : self._first] = 0
        return replace(firing, w_dec=w_dec)

    def decoder_rows(self, features: Sequence[int]) -> torch.Tensor:
        """Decoder rows of some features as they are stored: float32, [row, d_out] or [row, n, d_model]."""
        held = self._stage.weights.peek((self,))
        if held is not None:
            return held["w_dec"][self._index(np.array(features, np.int64))].float()
        keys = {feature: (self, "w_dec", feature) for feature in features}
        known = {feature: row for feature, key in keys.items() if (row := self._stage.rows.get(key)) is not None}
        missing = [feature for feature in keys if feature not in known]
        if missing:
            read = self.file.gather("w_dec", missing).to(self.device, self._dtype_of("w_dec")).float()
            self._check_values("w_dec", read)
            for feature, row in zip(missing, read, strict=True):
                known[feature] = row
                self._stage.rows.put(keys[feature], row.clone())  # not a view, which would keep all that came with it
        shape = self.file.heads["w_dec"].shape[1:]
        return torch.stack([known[one] for one in features]) if known else torch.zeros(0, *shape, device=self.device)

    def _hold_encoder(self) -> Generator[int, None, dict[str, torch.Tensor]]:
        """All but the decoder; stays in memory while there is room."""
        key = (self, "encoder")
        held = self._stage.weights.get(key)
        if held is None:
            held = {}
            for name in self._encoder_names:
                tensor = yield from self.file.read_alone(name)
                held[name] = tensor.to(self.device, self._dtype_of(name))
            self._check_values("threshold", held["threshold"])
            self._stage.weights.put(key, held)
        return held

    def _fire(self, x: torch.Tensor, weights: dict[str, torch.Tensor]) -> Firing:
        positions, found, activations = self._encode(x, weights)
        features, rows = np.unique(found, return_inverse=True)
        chosen, w_dec = self._index(features), torch.zeros(0, device=self.device)
        if "w_dec" in weights:
            w_dec = weights["w_dec"][chosen].float()
            if self._outputs is not None:
                w_dec[:, : self._first] = 0
        return Firing(
            self._index(positions),
            self._index(rows),
            torch.as_tensor(activations, device=self.device),
            chosen,
            weights["w_enc"][:, chosen].T.float().contiguous(),
            weights["b_enc"][chosen],
            w_dec,
            weights["b_dec"],
            weights[SKIP].float() if SKIP in weights else None,
        )

    def _encode(self, x: torch.Tensor, weights: dict[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        width = min(self.d_dict, _FEATURES)
        rows = max(1, (_BLOCK if x.device.type == "cpu" else _BLOCK_GPU) // width)
        room = torch.empty(min(rows, len(x)) * width, device=x.device)
        parts = []
        for first in range(0, self.d_dict, width):
            block = slice(first, first + width)
            w_enc, b_enc, threshold = (weights[name][..., block].float() for name in ("w_enc", "b_enc", "threshold"))
            for start in range(0, len(x), rows):
                some = x[start : start + rows]
                pre = room[: len(some) * len(b_enc)].view(len(some), len(b_enc))
                torch.addmm(b_enc, some, w_enc, out=pre)
                at, activations = _find_above(pre, threshold)
                positions, features = np.divmod(at.astype(np.int32), np.int32(len(b_enc)))
                parts.append((positions + np.int32(start), features + np.int32(first), activations))
        if not parts:
            return np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32)
        positions, features, activations = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(positions, kind="stable")  # features rise from block to block
        return positions[order], features[order], activations[order]

    def decode(
        self, count: int, *, positions: np.ndarray, features: np.ndarray, activations: np.ndarray
    ) -> torch.Tensor:
        """What firing features write: float32, [pos, d_out], or [pos, n, d_model] with 0 before layer `first`.

        Args:
            count: how many positions there are.
            positions: int, [firing], rising.
        """
        with self.hold() as weights:
            rows = weights["w_dec"].flatten(1)
            if self.dtype != torch.float32:
                used, features = np.unique(features, return_inverse=True)
                rows = rows[self._index(used)].float()
            offsets = np.searchsorted(positions, np.arange(count)).astype(np.int32)
            # The whole rows, of which a part is used: a part of each as the table would first be copied, which
            # is gigabytes.
            written: torch.Tensor = torch.nn.functional.embedding_bag(
                torch.as_tensor(features.astype(np.int32, copy=False), device=self.device),
                rows,
                torch.as_tensor(offsets, device=self.device),
                mode="sum",
                per_sample_weights=torch.as_tensor(activations, device=self.device),
            )
        if self._outputs is None:
            return written
        written = written.unflatten(1, (self._outputs, self.d_out))
        written[:, : self._first] = 0
        return written

    def feature_activation(self, x: torch.Tensor, feature: int) -> torch.Tensor:
        """One feature's activation, float32, [...], on `x` [..., d_in]; the rest is not computed."""
        one = self.encoder(feature)
        pre = x.to(torch.float32) @ one.w_enc + one.b_enc
        return torch.where(pre > one.threshold, pre, torch.zeros((), device=pre.device))

    def encoder(self, feature: int) -> FeatureEncoder:
        """One feature's share of the encoder."""
        return FeatureEncoder(self.part("w_enc", feature), self.part("b_enc", feature), self.part("threshold", feature))

    def has_row(self, feature: int) -> bool:
        """Whether a feature's decoder row is in memory or in a file on this machine."""
        return not self.file.missing_bytes or self._stage.rows.peek((self, "w_dec", feature)) is not None

    def part(self, name: str, feature: int) -> torch.Tensor:
        """One feature's share of a tensor; a decoder row is [d_out] or [n, d_model]."""
        held = self._stage.weights.peek((self,))
        if held is None and name != "w_dec":
            held = self._stage.weights.peek((self, "encoder"))
            if held is None and self._outputs is not None and self.file.missing_bytes and name == "w_enc":
                held = finish(self._hold_encoder())  # a column lies scattered over all of the encoder
        if held is not None:
            whole = held[name]
            return (whole[:, feature].contiguous() if name == "w_enc" else whole[feature]).float()
        part = self._stage.rows.get((self, name, feature))
        if part is None:
            read = self.file.column if name == "w_enc" else self.file.row
            # Rounded as the whole is, so that it is the same number whether that is in memory or not.
            part = read(name, feature).to(self.device, self._dtype_of(name)).float()
            self._check_values(name, part)
            self._stage.rows.put((self, name, feature), part)
        return part

    @contextmanager
    def hold(self) -> Iterator[dict[str, torch.Tensor]]:
        """All tensors on the device, the large matrices in the dtype asked for; inside, nothing drops them."""
        self.uses += 1
        with self._stage.weights.hold((self,), self._load, size_bytes=self.size) as weights:
            yield weights

    @property
    def size(self) -> int:
        """Bytes that the whole takes in memory."""
        heads = self.file.heads
        return sum(math.prod(heads[name].shape) * self._dtype_of(name).itemsize for name in self._names)

    @property
    def row_bytes(self) -> int:
        """Bytes that one decoder row takes in the file."""
        return self.file.count_bytes("w_dec") // self.d_dict

    @property
    def missing_encoder_bytes(self) -> int:
        """Bytes of all but the decoder that are neither on this machine nor in memory."""
        if not self.file.missing_bytes or self.is_loaded or self._stage.weights.peek((self, "encoder")) is not None:
            return 0
        return sum(self.file.count_bytes(name) for name in self._encoder_names)

    @property
    def _encoder_names(self) -> list[str]:
        return [name for name in self._names if name != "w_dec"]

    @property
    def limit_bytes(self) -> int:
        """Of the weights that all dictionaries of its stage keep together."""
        return self._stage.weights.limit_bytes

    @property
    def is_loaded(self) -> bool:
        """Whether the whole is in memory now."""
        return self._stage.weights.peek((self,)) is not None

    def _load(self) -> dict[str, torch.Tensor]:
        self.loads += 1
        held = {name: self.file.tensor(name).to(self.device, self._dtype_of(name)) for name in self._names}
        for name in ("threshold", "w_dec"):
            self._check_values(name, held[name])
        return held

    def _dtype_of(self, name: str) -> torch.dtype:
        return self.dtype if name in (*_MATRICES, SKIP) else torch.float32

    @property
    def written(self) -> torch.Tensor:
        """The decoder with what it may not write left at 0: [F_l, d_out] or [F_l, n, d_model]."""
        with self.hold() as weights:
            w_dec = weights["w_dec"]
        if self._outputs is not None and self._first:
            w_dec = w_dec.clone()
            w_dec[:, : self._first] = 0
        return w_dec

    def row_blocks(self) -> Iterator[torch.Tensor]:
        """`written` in blocks of rows, from memory, or from the file with nothing of it kept.

        Each is [rows, d_out] or [rows, n, d_model], of at most 32 MB as float32.
        """
        step = max(1, _ROW_BYTES // (4 * math.prod(self.file.heads["w_dec"].shape[1:])))
        for start in range(0, self.d_dict, step):
            stop, held = min(start + step, self.d_dict), self._stage.weights.peek((self,))
            if held is not None:
                block = held["w_dec"][start:stop]
            else:
                block = self.file.rows("w_dec", start, stop).to(self.device, self.dtype)
            if self._outputs is not None and self._first:
                block = block.clone()
                block[:, : self._first] = 0
            yield block

    @property
    def bytes(self) -> int:
        """Bytes held in memory now, of the whole file and of rows and columns that were read alone."""
        return self._stage.measure(self)

    @property
    def loaded_bytes(self) -> int:
        """Bytes of the whole file's weights, or of its encoder alone, that are in memory now."""
        kept = [self._stage.weights.peek(key) for key in ((self,), (self, "encoder"))]
        return sum(tensor.nbytes for held in kept if held is not None for tensor in held.values())

    def close(self) -> None:
        """Free the weights; they are read again when next needed."""
        self._stage.drop(self)

    def _index(self, numbers: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(numbers, dtype=torch.long, device=self.device)

    def _check_values(self, name: str, tensor: torch.Tensor) -> None:
        if name == "threshold" and (lowest := tensor.min().item()) < 0:
            raise BadArtefact(f"{self.file.path}: thresholds are at least 0 in a JumpReLU, found {lowest:g}")
        if name == "w_dec" and self._outputs is not None and self._first and not self._warned:
            before, largest = (_largest(part) for part in (tensor[..., : self._first, :], tensor))
            if before > _CAUSAL * largest:
                self._warned = True
                warnings.warn(
                    f"{self.file.path}: w_dec writes to layers before the one it reads: it should be about 0 for "
                    f"outputs 0 to {self._first - 1}, found up to {before:g}; these weights are left out",
                    stacklevel=2,
                )

    def _check_heads(self) -> tuple[int, int, int]:
        heads, path = self.file.heads, self.file.path
        missing = [name for name in self._names if name not in heads]
        extra = sorted(set(heads) - set(self._names))
        if missing or extra:
            raise BadArtefact(f"{path}: expected tensors {list(self._names)}, missing {missing}, not expected {extra}")
        for name, ndim in (("w_enc", 2), ("b_dec", 1)):
            if len(heads[name].shape) != ndim:
                raise BadArtefact(f"{path}: {name} should have {ndim} axes, got {heads[name].shape}")
        (d_in, d_dict), (d_out,) = heads["w_enc"].shape, heads["b_dec"].shape
        expected = {
            "w_enc": (d_in, d_dict),
            "b_enc": (d_dict,),
            "threshold": (d_dict,),
            "w_dec": (d_dict, d_out) if self._outputs is None else (d_dict, self._outputs, d_out),
            "b_dec": (d_out,),
            SKIP: (d_in, d_out),
        }
        for name in self._names:
            if heads[name].shape != expected[name]:
                raise BadArtefact(f"{path}: {name} should be {expected[name]}, got {heads[name].shape}")
            if heads[name].dtype not in ("F32", "BF16"):
                raise BadArtefact(f"{path}: {name} should be F32 or BF16, got {heads[name].dtype}")
        return d_in, d_dict, d_out


def finish(steps: Generator[object, None, Value]) -> Value:
    """What steps return, done at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: Value = end.value
            return value


def _find_above(pre: torch.Tensor, threshold: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Where values [pos, feature] are above their thresholds, in the flattened order, and these values, float32."""
    if pre.device.type == "cpu":  # where torch takes as long for it as for the product, and NumPy a tenth of that
        at = np.flatnonzero(pre.numpy() > threshold.numpy())
        return at, pre.numpy().reshape(-1)[at]
    found = (pre > threshold).flatten().nonzero().flatten()
    return found.cpu().numpy(), pre.flatten()[found].cpu().numpy()


def _largest(tensor: torch.Tensor) -> float:
    """The largest magnitude, without a second tensor of magnitudes."""
    return max(abs(one.item()) for one in tensor.aminmax())
