"""What all kinds of dictionary share: numbered features, their words, and the sparse code of an activation."""

import math
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from gscope_widgets.errors import InvalidValue, OutOfMemory, describe_value, write_bytes
from gscope_widgets.records.activations import SparseActivations
from gscope_widgets.records.dashboards import ConceptTruth
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureLabel, FeatureRef, FeatureSummary
from gscope_widgets.records.memory import MemoryUse
from gscope_widgets.records.numbers import check_feature
from gscope_widgets.records.progress import Fetched
from gscope_widgets.runtime.dictionaries.folders import Folder
from gscope_widgets.runtime.dictionaries.labels import FeatureNotes, load_notes
from gscope_widgets.runtime.dictionaries.member import SKIP, FeatureEncoder, Firing, Member, finish
from gscope_widgets.runtime.files.weights import to_numpy
from gscope_widgets.runtime.hub.transfer import Transfer, require_room
from gscope_widgets.runtime.memory import find_free
from gscope_widgets.runtime.shortage import Demand, explain_faults, is_loss, is_shortage

if TYPE_CHECKING:
    from gscope_widgets.runtime.examples.sweeps import Swept

_SHARE = 0.5  # of what memory is free
_WHOLE_BYTES = 1_000_000_000  # of a crosscoder or CLT on this machine that circuits take whole
_FIRINGS = 256  # whose rows are multiplied at a time
_NORM_BYTES = 8_000_000  # of decoder rows read at a time for their norms


class Dictionary:
    """Any of Gemma Scope 2's kinds: see `JumpReLU` (one layer) and `MultilayerDictionary`.

    The arithmetic is the published one (Gemma Scope 2 report, section 2): float32, a strict
    threshold, and no subtraction of `b_dec` before encoding. Feature `index` of a dictionary whose
    n members have F_l features each is feature `index % F_l` of member `index // F_l`.
    """

    def __init__(self, folder: Folder, *, info: DictionaryInfo, members: tuple[Member, ...], device: str):
        """Made by the classes for each kind."""
        self.info, self.folder, self.device = info, folder, device
        self.dtype = members[0].dtype
        self.swept: Swept | None = None  # a sweep of the reader's own, whose examples cards show instead
        self._members = members
        self.d_in, self.d_out = members[0].d_in, members[0].d_out

    def __repr__(self) -> str:
        return f"<Dictionary {self.info.id}: {self.d_dict} features>"

    @property
    def d_dict(self) -> int:
        """The number of features; they are 0 to `d_dict - 1`."""
        assert self.info.d_dict is not None, "only lists of the Hub leave it open"
        return self.info.d_dict

    def feature(self, index: int) -> FeatureRef:
        """The address of one feature.

        Raises:
            UnknownFeature: `index` is no integer from 0 to `d_dict - 1`.
        """
        return FeatureRef(self.info.id, check_feature(index, d_dict=self.d_dict))

    def source_layer(self, feature: int) -> int:
        """The layer that the feature reads, zero-based."""
        return self.info.layers[self._locate(feature)[0]]

    def label(self, feature: int) -> FeatureLabel | None:
        """Words for the feature, or None where nobody has any."""
        return self._notes.labels.get(check_feature(feature, d_dict=self.d_dict))

    @property
    def labels(self) -> dict[int, FeatureLabel]:
        """All labels, by feature number."""
        return dict(self._notes.labels)

    def max_activation(self, feature: int) -> float | None:
        """The largest activation seen when the feature was measured, or None."""
        return self._notes.max_activation.get(check_feature(feature, d_dict=self.d_dict))

    def density(self, feature: int) -> float | None:
        """The share of tokens at which the feature fired when it was measured, or None."""
        return self._notes.densities.get(check_feature(feature, d_dict=self.d_dict))

    @property
    def measured_on(self) -> str:
        """The text of these densities and largest activations, for a reader; empty where nothing was measured."""
        return self._notes.measured_on

    def truth(self, feature: int) -> ConceptTruth | None:
        """How well the feature detects a known concept, or None where none was measured or none fits."""
        return self._notes.truths.get(check_feature(feature, d_dict=self.d_dict))

    @property
    def has_truths(self) -> bool:
        """Whether its features were measured against known concepts."""
        return bool(self._notes.truths)

    def describe(self, feature: int) -> FeatureSummary:
        """What is known of one feature without running the model."""
        return FeatureSummary(self.feature(feature), self.label(feature), self.max_activation(feature))

    def encode(self, x: np.ndarray | torch.Tensor, *, features: tuple[int, ...] | None = None) -> SparseActivations:
        """The features that fire on activations of this dictionary's site.

        Args:
            x: [pos, d_in], or [pos, n, d_in] for a crosscoder or CLT, whose members read one layer
                each; any float type, computed in float32.
            features: only these, at the cost of one dot product each a position; None for all.

        Raises:
            InvalidValue: `x` has another shape, or is not finite.
            UnknownFeature: one of `features` does not exist.
            OutOfMemory: the weights, or what is computed, do not fit.
        """
        return explain_faults(lambda: self._encode(x, features), self._demand("encoding"))

    def _encode(self, x: np.ndarray | torch.Tensor, features: tuple[int, ...] | None) -> SparseActivations:
        inputs = self._split(self._check_input(x))
        if features is None:
            parts = [member.encode(own) for member, own in zip(self._members, inputs, strict=True)]
        else:
            numbers = sorted({check_feature(feature, d_dict=self.d_dict) for feature in features})
            parts = [self._encode_one(inputs, number) for number in numbers]
        shape = (len(inputs[0]), self.d_dict)
        if features is None and len(parts) == 1:
            return SparseActivations(*parts[0], shape)
        offsets = numbers if features is not None else [i * self._members[0].d_dict for i in range(len(parts))]
        positions = np.concatenate([part[0] for part in parts] or [np.zeros(0, np.int32)])
        found = [part[1] + np.int32(offset) for part, offset in zip(parts, offsets, strict=True)]
        feature = np.concatenate(found or [np.zeros(0, np.int32)])
        values = np.concatenate([part[2] for part in parts] or [np.zeros(0, np.float32)])
        order = np.lexsort((feature, positions))
        return SparseActivations(positions[order], feature[order], values[order], shape)

    def decode(self, activations: SparseActivations, *, x: np.ndarray | torch.Tensor | None = None) -> np.ndarray:
        """The reconstruction: float32, [pos, d_out], or [pos, n, d_model]. Gathers the rows of firing features only.

        Args:
            x: what was encoded; only an affine dictionary needs it, for its skip connection.

        Raises:
            InvalidValue: an affine dictionary was given no `x`, or one of another shape.
            OutOfMemory: the weights, or what is computed, do not fit.
        """
        return explain_faults(lambda: self._decode(activations, x), self._demand("decoding"))

    def _decode(self, activations: SparseActivations, x: np.ndarray | torch.Tensor | None) -> np.ndarray:
        skipped = None
        if self.info.affine:
            if x is None:
                raise InvalidValue(
                    f"{self.info.id} is affine: its output holds x @ A besides its features; pass decode(..., x=x)"
                )
            skipped = self._check_input(x)
        if (activations.positions[1:] < activations.positions[:-1]).any():
            order = np.argsort(activations.positions, kind="stable")
            activations = replace(
                activations,
                **{name: getattr(activations, name)[order] for name in ("positions", "features", "activations")},
            )
        return to_numpy(self._add_offset(self._gather(activations), skipped))

    def fire(self, x: torch.Tensor) -> list[Firing]:
        """The features that fire, with their weights, a member each.

        Args:
            x: float32, [pos, d_in] or [pos, n, d_in], finite.
        """
        return finish(self.fire_in_steps(x))

    def fire_in_steps(self, x: torch.Tensor) -> Generator[Fetched | None, None, list[Firing]]:
        """`fire`, yielding how much has come from the Hub, so that others may work in between.

        Of a crosscoder or CLT that is not in memory, all encoders are read and, once it is known what fires, the
        decoder rows of that alone.

        Raises:
            OutOfMemory: the rows would take more than half of the memory that is free; before they are read.
        """
        done, total = 0, self.missing_encoder_bytes
        found: list[Firing] = []
        for member, own in zip(self._members, self._split(x.to(self.device)), strict=True):
            steps = member.fire_alone(own)
            while True:
                try:
                    done += next(steps)
                except StopIteration as end:
                    found.append(end.value)
                    break
                yield Fetched(min(done, total), total) if total else None
            yield None
        rows = [0 if one.has_rows else len(one.features) for one in found]
        self._require_room(sum(rows))
        total += sum(
            count * member.row_bytes
            for count, member in zip(rows, self._members, strict=True)
            if member.file.missing_bytes
        )
        for at, member in enumerate(self._members):
            rows_in_steps = member.add_rows(found[at])
            while True:
                try:
                    done += next(rows_in_steps)
                except StopIteration as end:
                    found[at] = end.value
                    break
                yield Fetched(min(done, total), total) if total else None
        return found

    def _require_room(self, rows: int) -> None:
        size, free = 4 * rows * math.prod(self._members[0].file.heads["w_dec"].shape[1:]), find_free(self.device)
        if free is not None and size > _SHARE * free:
            raise OutOfMemory(
                f"{rows} features of {self.info.id} fire on this text, whose decoder rows take {write_bytes(size)}; "
                f"{write_bytes(free)} are free: give a shorter text"
            )

    @property
    def missing_encoder_bytes(self) -> int:
        """Bytes of encoders that a circuit fetches first; decoder rows of what fires come besides."""
        return sum(member.missing_encoder_bytes for member in self._members)

    @property
    def is_read_by_row(self) -> bool:
        """Whether circuits read its decoder by the row: it writes to several layers, and is large or not here."""
        return len(self._members) > 1 and (bool(self.missing_bytes) or self.info.bytes > _WHOLE_BYTES)

    def write_norms(self, features: Sequence[int]) -> Generator[None, None, np.ndarray]:
        """`write_span` of many features, whose rows are read together: float32, [feature, n].

        Raises:
            UnknownFeature: one of them does not exist.
        """
        places = [self._locate(feature) for feature in features]
        norms = np.zeros((len(places), len(self.info.layers)), np.float32)
        for index, member in enumerate(self._members):
            own = [at for at, (owner, _) in enumerate(places) if owner == index]
            step = max(1, _NORM_BYTES // member.row_bytes)
            for start in range(0, len(own), step):
                some = own[start : start + step]
                rows = member.decoder_rows([places[at][1] for at in some])
                norms[some] = to_numpy(rows.reshape(len(some), norms.shape[1], -1).norm(dim=2))
                yield None
            norms[own, :index] = 0
        return norms

    def write_from(self, layer: int, x: torch.Tensor) -> dict[int, torch.Tensor]:
        """What the features that read one layer write, skip connection included and offset not: [pos, d_out] by layer.

        Args:
            x: float32, [pos, d_in], what they read there.
        """
        index = self.info.layers.index(layer)
        member = self._members[index]
        if self.is_read_by_row and not member.is_loaded:
            firing = member.fire(x.to(self.device))
            made = torch.zeros(len(x), *firing.w_dec.shape[1:], device=self.device)
            for part in torch.arange(len(firing.rows), device=made.device).split(_FIRINGS):
                rows = firing.w_dec[firing.rows[part]]
                made.index_add_(0, firing.positions[part], rows * firing.activations[part, None, None])
            skipped = None if firing.skip is None else x.to(self.device) @ firing.skip
        else:
            with member.hold() as weights:
                positions, features, activations = member.encode(x.to(self.device))
                made = member.decode(len(x), positions=positions, features=features, activations=activations)
                skipped = x.to(self.device) @ weights[SKIP].float() if SKIP in weights else None
        made = made.to(x.device)
        found = (
            {layer: made}
            if made.ndim == 2
            else {target: made[:, at] for at, target in enumerate(self.info.layers) if at >= index}
        )
        if skipped is not None:
            found[layer] = found[layer] + skipped.to(x.device)
        return found

    def reconstruct(self, x: np.ndarray | torch.Tensor) -> np.ndarray:
        """What the dictionary makes of `x`: encoded and decoded, as `decode` gives it."""
        return self.decode(self.encode(x), x=x)

    def direction(self, feature: int, *, layer: int | None = None) -> np.ndarray:
        """The feature's decoder row: float32, [d_out]. Reads that row, not the file.

        Args:
            layer: where it writes; None for the layer that it reads, to which every kind writes.

        Raises:
            InvalidValue: the feature does not write there.
        """
        raise NotImplementedError

    def write_span(self, feature: int) -> np.ndarray:
        """How much a feature writes to each of the dictionary's layers: decoder norms, float32, [n].

        In the order of `info.layers`, exactly 0 for layers before the feature's own; [1] for a
        dictionary of one layer.
        """
        raise NotImplementedError

    def encoder(self, feature: int) -> FeatureEncoder:
        """What makes the feature's activation out of what it reads, at `source_layer(feature)`."""
        member, local = self._locate(feature)
        return self._members[member].encoder(local)

    def has_row(self, feature: int) -> bool:
        """Whether a feature's decoder row can be had without a network."""
        member, local = self._locate(feature)
        return self._members[member].has_row(local)

    def written(self, feature: int) -> np.ndarray:
        """One feature's part of `decoder_rows`, read alone: float32, [d_out] or [n, d_model]."""
        member, local = self._locate(feature)
        row = to_numpy(self._members[member].part("w_dec", local)).copy()
        if row.ndim == 2:
            row[:member] = 0
        return row

    def decoder_rows(self) -> np.ndarray:
        """All decoder rows: float32, [F, d_out], or [F, n, d_model] with 0 before each feature's own layer."""
        return np.concatenate([to_numpy(member.written) for member in self._members])

    def row_blocks(self) -> Iterator[np.ndarray]:
        """`decoder_rows` block by block, each of at most 32 MB, whether the dictionary is loaded or not.

        float32, [rows, n * d_out]: what a feature writes to several layers stands side by side.
        """
        for member in self._members:
            for block in member.row_blocks():
                yield to_numpy(block.float().flatten(1))

    @property
    def row_bytes(self) -> int:
        """Bytes that all decoder rows take as float32."""
        return 4 * self.d_dict * math.prod(self._members[0].file.heads["w_dec"].shape[1:])

    @property
    def missing_bytes(self) -> int:
        """Bytes of its weight files that are not on this machine."""
        return sum(member.file.missing_bytes for member in self._members)

    @property
    def is_loaded(self) -> bool:
        """Whether all of its weights are in memory."""
        return all(member.is_loaded for member in self._members)

    def skip_connections(self) -> list[np.ndarray]:
        """The matrices A of an affine dictionary as they are applied, `x @ A`: float32, [d_in, d_out], one a layer."""
        skips = []
        for member in self._members if self.info.affine else ():
            with member.hold() as weights:
                skips.append(to_numpy(weights[SKIP]))
        return skips

    def fetch(self) -> Generator[Fetched, None, None]:
        """Fetch the weight files that are not on this machine, in a thread of its own.

        Yields how much has arrived, about ten times a second, so that others may work in between. To be
        closed early is to stop it. Ends at once where nothing is missing.

        Raises:
            Offline, DiskFull, BadArtefact: see `fetch_file`.
        """
        files = [member.file for member in self._members if member.file.missing_bytes]
        total, transfer, ended = sum(file.missing_bytes for file in files), Transfer(), threading.Event()
        faults: list[BaseException] = []

        def run() -> None:
            try:
                for file in files:
                    file.fetch(transfer)
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                faults.append(error)
            finally:
                ended.set()

        if not files:
            return
        require_room([file.remote for file in files if file.remote is not None])
        threading.Thread(target=run, name=f"gscope fetch {self.info.id}", daemon=True).start()
        try:
            while not ended.wait(0.1):
                yield Fetched(min(transfer.bytes, total), total)
        finally:
            transfer.unwanted = True
        if faults:
            raise faults[0]
        self.info = replace(self.info, cached=True)

    @property
    def bytes(self) -> int:
        """Bytes held in memory now, of its weights and of rows and columns that were read alone."""
        return sum(member.bytes for member in self._members)

    def describe_memory(self, scope: str) -> MemoryUse:
        """What its weights take now, as a line of the scope's account; rows read alone have a line of their own."""
        on_host, size = torch.device(self.device).type == "cpu", sum(member.loaded_bytes for member in self._members)
        loads = sum(member.loads for member in self._members)
        return MemoryUse(
            scope=scope,
            owner=self.info.id,
            kind="dictionary",
            host_bytes=size if on_host else 0,
            device_bytes=0 if on_host else size,
            limit_bytes=self._members[0].limit_bytes,
            entries=sum(member.is_loaded for member in self._members),
            hits=sum(member.uses for member in self._members) - loads,
            misses=loads,
        )

    def close(self) -> None:
        """Free the weights; they are read again when next needed."""
        for member in self._members:
            member.close()

    @cached_property
    def _notes(self) -> FeatureNotes:
        return load_notes(self.folder, d_dict=self.d_dict)

    def _demand(self, doing: str) -> Demand:
        size = sum(member.size for member in self._members)
        smaller = ["a narrower dictionary (width=...)", "fewer positions at a time"]
        if self.dtype == torch.float32:
            smaller.append("scope.dictionary(..., dtype='bfloat16')")
        return Demand(f"{doing} with {self.info.id}, which takes {write_bytes(size)}", smaller, self.device)

    def _locate(self, feature: int) -> tuple[int, int]:
        return divmod(check_feature(feature, d_dict=self.d_dict), self._members[0].d_dict)

    def _encode_one(self, inputs: list[torch.Tensor], feature: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        member, local = self._locate(feature)
        values = to_numpy(self._members[member].feature_activation(inputs[member], local))
        positions = np.flatnonzero(values).astype(np.int32)
        return positions, np.zeros(len(positions), np.int32), values[positions]

    def _gather(self, activations: SparseActivations) -> torch.Tensor:
        """What all firing features write: float32, [pos, d_out] or [pos, n, d_model]; positions rise."""
        count, first = activations.shape[0], self._members[0]
        if len(self._members) == 1:
            return first.decode(
                count,
                positions=activations.positions,
                features=activations.features,
                activations=activations.activations,
            )
        owners, local = np.divmod(activations.features, first.d_dict)
        total = torch.zeros(count, len(self._members), self.d_out, device=self.device)
        for index, member in enumerate(self._members):
            here = owners == index
            if here.any():
                total += member.decode(
                    count,
                    positions=activations.positions[here],
                    features=local[here],
                    activations=activations.activations[here],
                )
        return total

    def _add_offset(self, result: torch.Tensor, x: torch.Tensor | None) -> torch.Tensor:
        """The result, plus, in place, what hangs on no feature: biases, and `x @ A` where there is an A."""
        raise NotImplementedError

    def _split(self, x: torch.Tensor) -> list[torch.Tensor]:
        """What each member reads of a checked `x`: [pos, d_in] each."""
        raise NotImplementedError

    def _input_shape(self) -> tuple[int, ...]:
        """The shape of `x` after [pos]."""
        raise NotImplementedError

    def _check_input(self, x: np.ndarray | torch.Tensor) -> torch.Tensor:
        shape = self._input_shape()
        named = ", ".join(["pos", *map(str, shape)])
        try:
            tensor = torch.as_tensor(x, device=self.device)
        except (TypeError, ValueError, RuntimeError) as error:
            if is_shortage(error) or is_loss(error):
                raise
            raise InvalidValue(f"x must be an array [{named}], got {describe_value(x)}") from None
        if tensor.shape[1:] != shape or tensor.ndim != 1 + len(shape):
            raise InvalidValue(f"x must be [{named}] for {self.info.id}, got {list(tensor.shape)}")
        tensor = tensor.to(torch.float32)
        if not torch.isfinite(tensor).all():
            raise InvalidValue(f"x holds NaN or infinite values, on which {self.info.id} says nothing")
        return tensor


def fetch_together(dictionaries: Sequence[Dictionary]) -> Generator[Fetched, None, None]:
    """Fetch all that is missing of some dictionaries, one after another, telling how much has come of the total.

    The total is told before anything comes. Ends at once where nothing is missing.

    Raises:
        Offline, DiskFull, BadArtefact: see `fetch_file`; a disk that is too small for all is told at first.
    """
    total, before = sum(one.missing_bytes for one in dictionaries), 0
    if not total:
        return
    files = [member.file for one in dictionaries for member in one._members if member.file.missing_bytes]
    require_room([file.remote for file in files if file.remote is not None])
    yield Fetched(0, total)
    for one in dictionaries:
        size = one.missing_bytes
        with closing(one.fetch()) as steps:
            for part in steps:
                yield Fetched(min(before + part.done, total), total)
        before += size
