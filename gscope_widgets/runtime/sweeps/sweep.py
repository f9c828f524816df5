"""`gs.sweep`: all features of a dictionary over a corpus in one pass."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import torch

from gscope_widgets.errors import Cancelled, GscopeError, InvalidValue, describe_value
from gscope_widgets.records.numbers import check_int, check_switch
from gscope_widgets.records.sweeps import LONGEST_NAME, ONE_DOCUMENT, Sweep, SweepProgress, shorten_name
from gscope_widgets.runtime.devices import SPREAD
from gscope_widgets.runtime.dictionaries.dictionary import Dictionary
from gscope_widgets.runtime.dictionaries.fingerprints import fingerprint_dictionary
from gscope_widgets.runtime.examples.sweeps import Swept, open_swept
from gscope_widgets.runtime.gemma.fingerprints import fingerprint_model, fingerprint_tokenizer
from gscope_widgets.runtime.gemma.tokens import Tokenizer
from gscope_widgets.runtime.scope import Scope
from gscope_widgets.runtime.shortage import Demand, explain_faults
from gscope_widgets.runtime.sweeps.corpus import Corpus, Parts, open_corpus
from gscope_widgets.runtime.sweeps.crew import Advanced, Arrays, Crew, Done, Failed, LocalCrew, Lost, Placed, Ready
from gscope_widgets.runtime.sweeps.folder import ANOTHER, ROWS, SweepFolder
from gscope_widgets.runtime.sweeps.hand import (
    Hand,
    Order,
    Stretch,
    describe_arithmetic,
    make_order,
)
from gscope_widgets.runtime.sweeps.limits import check_settings
from gscope_widgets.runtime.sweeps.patience import Patience
from gscope_widgets.runtime.sweeps.rows import (
    Layout,
    Prepared,
    check_document_kind,
    compare_corpus,
    describe_layout,
    read_rows,
    write_rows,
)
from gscope_widgets.runtime.sweeps.showing import show_until_done
from gscope_widgets.runtime.sweeps.state import POSITION_BITS, Pile, SweepState
from gscope_widgets.runtime.worker import Job

Engine = Literal["local", "ray"]
Steps = Generator[float | None, None, Sweep]
BATCH_TOKENS = 512  # of a forward pass on a CPU: 1,024 are up to a fifth quicker and take half as much memory again
_BATCH_TOKENS_GPU = 16_384
_UNIT_TOKENS = 16_384
_UNITS = 512  # of a stretch, at most
_STRETCH_S = 10.0  # that a worker reads before it hands in
_MERGING = 5.0  # times what merging one state of each worker takes: a fifth of this process's time, at most
_LIVES = 3  # workers that one stretch may cost


def sweep(
    scope: Scope,
    dictionary: Dictionary | str | None,
    corpus: object,
    out: str | os.PathLike[str],
    *,
    k: int = 20,
    seq_len: int | None = None,
    pack: bool = False,
    field: str = "text",
    parted_by: Parts = "blank lines",
    name: str | None = None,
    max_tokens: int | None = None,
    engine: Engine = "local",
    workers: int = 1,
    threads: int | None = None,
    address: str | None = None,
    batch_tokens: int | None = None,
    checkpoint_s: float = 60.0,
    patience_s: float = 600.0,
    overwrite: bool = False,
    show: bool = True,
) -> Sweep:
    """Where every feature of a dictionary fires in a corpus: examples, histogram and density of all, in one pass.

    Each token goes through the model once, up to the dictionary's layer. What is kept is 12 k + 524 bytes a feature,
    however long the corpus: the k strongest firings, a histogram, a sample of each of its bins, how often it fires.
    `out` then holds `examples.safetensors` in the published layout, and `sweep.safetensors` and `sweep.json` beside
    it; `scope.use_examples(out)` has cards show them. Tokens that a feature promotes are worked out when a card asks.

    Stopped in any way, `kill -9` included, it goes on where it was when the same line is run again, with the same bits
    at the end; other settings, texts or weights are then refused by name. The bits hang on nothing but weights, corpus,
    the settings here above `engine`, `batch_tokens`, torch and the kind of machine: not on how many workers and threads
    shared the work, where they ran, or whether some of them died.

    Args:
        dictionary: of this scope, or its id; None for the default one.
        corpus: see `open_corpus`: a list or other series of texts, chat messages or token ids, a Hugging Face dataset
            (streaming too), the path of a text file (blank lines part documents) or of a JSONL file, "-" for standard
            input, or "mini" for the text that ships with that model.
        out: a folder, new, empty, or with a sweep that is to go on.
        k: examples a feature, 1 to 1000.
        seq_len: tokens of a row, BOS included; a longer document goes on in the next row, after BOS again. None for
            256, as in the published files, or the model's context where that is shorter.
        pack: documents end to end in rows, as in training, where the model sees the end of the one before; by default
            each begins a row, and activations are those that `scope.read` gives.
        field: where a document that is a mapping has its text.
        parted_by: what parts the documents of a text file: "blank lines", or "lines" where each line is one.
        name: what the corpus is called on cards; None for its file's name, or "the 12 texts given". Given with the same
            line again, it takes the place of the name before.
        max_tokens: no more of the corpus than this, to the end of a row; None for all.
        engine: "local" or, with `pip install "gscope-widgets[ray]"`, "ray".
        workers: that share the work: this process and others, each with a model of its own; or as many actors. Each but
            this process hands in what it reads some 10 seconds long, one unit of 16,000 tokens at least, and longer
            where merging is slow: 5 times what it takes to merge a state of each worker, 0.5 s for 262k features.
        threads: of each worker, on a CPU, with one model for all of them; each reads a batch of its own, and takes the
            memory of one. None for as many as torch uses, shared among the workers; for 1 each on Ray.
        address: of a Ray cluster that this machine is a part of, such as "auto"; None for one that this process has
            opened or that runs here, or else a new one, which "local" asks for.
        batch_tokens: of one forward pass; None for 512 on a CPU, 16,384 on a GPU.
        checkpoint_s: seconds between checkpoints; a kill loses what was read since the last, and what other workers had
            not handed in. Whatever else ends a sweep loses units under way, and what others had not handed in.
        patience_s: seconds, 1 or more, that a worker of several may tell nothing, at least, before it counts as hung
            and is replaced: as long, and 20 times the longest unit of 16,000 tokens so far; six times as long while no
            unit was read; to load, six times as long, and 20 times the longest loading so far. Its successor is given
            twice the time. Waiting for a place on a cluster does not count. 1e9 waits for ever.
        overwrite: begin anew, and delete the sweep that `out` holds, finished or not, once this corpus was read without
            a fault; nothing that is no sweep's goes.
        show: a line that says how far it is, in the notebook or on standard error.

    Raises:
        Cancelled: it was stopped; what was done is kept.
        InvalidValue: the corpus is empty or no corpus (file and line are named); `out` is something else's, or another
            sweep's (what differs is named).
        DiskFull: at any write; what was done before is kept.
        Offline: there is no Ray cluster at `address`.
        OutOfMemory: of this process, or of the last worker that was left; what was done is kept.
        GscopeError: three workers were lost or hung at the same rows, or none is left: each was lost three times in a
            row before it handed anything in; what was done is kept.
    """
    progress, silent = SweepProgress(), not check_switch("show", show)
    job = start_sweep(
        scope,
        dictionary,
        corpus,
        out,
        k=k,
        seq_len=seq_len,
        pack=pack,
        field=field,
        parted_by=parted_by,
        name=name,
        max_tokens=max_tokens,
        engine=engine,
        workers=workers,
        threads=threads,
        address=address,
        batch_tokens=batch_tokens,
        checkpoint_s=checkpoint_s,
        patience_s=patience_s,
        overwrite=overwrite,
        progress=progress,
    )
    try:
        show_until_done(job, progress, silent=silent)
        found: Sweep = job.result()
        return found
    except Cancelled as error:
        raise Cancelled(f"{error}; what was read is kept in {out}: the same line again goes on from there") from None


def start_sweep(
    scope: Scope,
    dictionary: Dictionary | str | None,
    corpus: object,
    out: str | os.PathLike[str],
    *,
    k: int = 20,
    seq_len: int | None = None,
    pack: bool = False,
    field: str = "text",
    parted_by: Parts = "blank lines",
    name: str | None = None,
    max_tokens: int | None = None,
    engine: Engine = "local",
    workers: int = 1,
    threads: int | None = None,
    address: str | None = None,
    batch_tokens: int | None = None,
    checkpoint_s: float = 60.0,
    patience_s: float = 600.0,
    overwrite: bool = False,
    progress: SweepProgress | None = None,
) -> Job:
    """`sweep` as a job, returned at once: `progress`, `cancel()`, which keeps what is done, and `result()`.

    Args:
        progress: is kept up to date with words for readers.
    """
    if not isinstance(scope, Scope):
        raise InvalidValue(f"a sweep takes a scope from gs.load(...), got {describe_value(scope)}")
    home = scope._take.dictionary(dictionary)
    info = scope.info
    if scope._wishes.get("device") == SPREAD and (workers != 1 or engine != "local"):
        raise InvalidValue("a model that is spread over devices is swept by one worker in this process")
    on_cpu = torch.device(info.device).type == "cpu"
    most = min(info.context, 1 << POSITION_BITS)
    check_switch("pack", pack)
    check_switch("overwrite", overwrite)
    if not isinstance(field, str):
        raise InvalidValue(f"field must be a string, got {describe_value(field)}")
    checked = check_settings(
        {
            "k": k,
            "max_tokens": max_tokens,
            "batch_tokens": batch_tokens,
            "engine": engine,
            "workers": workers,
            "threads": threads,
            "address": address,
            "checkpoint_s": checkpoint_s,
            "patience_s": patience_s,
            "out": out,
        }
    )
    length = min(256, most) if seq_len is None else check_int("seq_len", seq_len, low=2, high=most)
    batch = checked["batch_tokens"] or (BATCH_TOKENS if on_cpu else _BATCH_TOKENS_GPU)
    if checked["threads"] is None:
        checked["threads"] = 1 if engine == "ray" else max(1, torch.get_num_threads() // checked["workers"])
    plan = _Plan(
        Layout(length, pack, checked["max_tokens"], max(_UNIT_TOKENS, batch)),
        batch_tokens=batch,
        overwrite=overwrite,
        **{
            name: checked[name]
            for name in ("k", "engine", "workers", "threads", "address", "checkpoint_s", "patience_s")
        },
    )
    if name is not None and (not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME):
        raise InvalidValue(f"name must be 1 to {LONGEST_NAME} characters, got {describe_value(name)}")
    opened = open_corpus(corpus, field=field, parted_by=parted_by)
    if name is not None:
        opened = replace(opened, name=name, is_named=True)
    try:
        folder = SweepFolder(Path(out).expanduser().resolve())
    except (TypeError, ValueError, OSError, RuntimeError):
        raise InvalidValue(f"out must be a folder, got {describe_value(out)}") from None
    demand = Demand(f"sweeping with {home.info.id}", ["batch_tokens=256", "a narrower dictionary"], info.device)
    course = _Course(scope, home, opened, folder, plan, progress or SweepProgress())
    return scope._worker.submit(lambda _job: _explain_steps(course.run(), demand))


def open_sweep(scope: Scope, folder: str | os.PathLike[str], dictionary: Dictionary | str | None = None) -> Sweep:
    """What `gs.sweep` gave when it ended, from its folder: with `to_frame()`, and without the corpus.

    Args:
        folder: that a sweep has left, of another process or from a shell.
        dictionary: that was swept, or its id; None for the one that the sweep names, as in `scope.use_examples`.

    Raises:
        InvalidValue: there is no sweep in the folder, or one that has not ended.
        UnknownDictionary: it is of another model, dictionary, tokenizer or weights.
        BadArtefact: its files are damaged.
    """
    if not isinstance(scope, Scope):
        raise InvalidValue(f"a sweep is opened with a scope from gs.load(...), got {describe_value(scope)}")
    home, swept = scope._open_swept(folder, dictionary)
    return describe_sweep(swept, home, scope._engine.loaded.tokenizer)


def describe_sweep(swept: Swept, dictionary: Dictionary, tokenizer: Tokenizer) -> Sweep:
    """A finished sweep as a record. It holds on to neither the model nor the corpus."""
    path, corpus = swept.path, swept.corpus

    def describe(token: int) -> str:
        return tokenizer.describe(token) if 0 <= token < tokenizer.vocabulary else f"<{token}>"

    return Sweep(
        folder=path,
        dictionary_id=dictionary.info.id,
        corpus=shorten_name(corpus["name"]),
        documents=corpus["documents"],
        rows=corpus["unit_starts"][-1],
        tokens=corpus["tokens"],
        used=swept.used,
        features=swept.fired,
        d_dict=swept.d_dict,
        k=int(swept.examples.heads["activations"].shape[1]),
        list_fired=lambda: open_swept(path).list_fired(describe, dictionary.label),
    )


@dataclass(frozen=True)
class _Plan:
    layout: Layout
    k: int
    engine: Engine
    workers: int
    threads: int
    address: str | None
    batch_tokens: int
    checkpoint_s: float
    patience_s: float
    overwrite: bool


class _Course:
    """One run of a sweep."""

    def __init__(
        self,
        scope: Scope,
        dictionary: Dictionary,
        corpus: Corpus,
        folder: SweepFolder,
        plan: _Plan,
        progress: SweepProgress,
    ):
        self._scope, self._dictionary, self._corpus = scope, dictionary, corpus
        self._folder, self._plan, self._progress = folder, plan, progress
        self._saved_at = 0.0

    def run(self) -> Steps:
        yield None
        for _ in self._dictionary.fetch():
            yield None
        loaded = self._scope._engine.loaded
        weights, dictionary_weights = fingerprint_model(loaded.model), fingerprint_dictionary(self._dictionary)
        settings = {
            "model": loaded.info.id,
            "revision": loaded.info.revision,
            "weights": weights,
            "dictionary": self._dictionary.info.id,
            "dictionary_weights": dictionary_weights,
            "tokenizer": fingerprint_tokenizer(loaded.tokenizer),
            "positions": describe_positions(loaded.tokenizer),
            "k": self._plan.k,
            "batch_tokens": self._plan.batch_tokens,
            **describe_layout(self._plan.layout),
            **describe_arithmetic(loaded, self._dictionary),
        }
        with self._folder.hold():
            self._folder.open(settings, overwrite=self._plan.overwrite)
            try:
                yield from self._prepare(loaded.tokenizer)
            except Exception:
                # Of a corpus that was refused nothing is there to go on with.
                self._folder.withdraw()
                raise
            if self._folder.finished is None:
                order = make_order(
                    self._scope,
                    self._dictionary,
                    weights=weights,
                    dictionary_weights=dictionary_weights,
                    k=self._plan.k,
                    batch_tokens=self._plan.batch_tokens,
                    threads=self._plan.threads,
                )
                yield from self._read_all(order)
            else:
                self._folder.tidy()
                assert self._folder.prepared is not None, "what has ended was prepared"
                self._progress.tokens = self._folder.prepared.tokens
            return describe_sweep(open_swept(self._folder.path), self._dictionary, loaded.tokenizer)

    def _prepare(self, tokenizer: Tokenizer) -> Iterator[float | None]:
        """Write the rows of the corpus, or see that it is the one whose rows were written."""
        self._progress.phase = "reads the corpus"
        folder, layout, before = self._folder, self._plan.layout, self._folder.prepared
        if folder.prepared is not None and (folder.finished is not None or not folder.lacks_rows):
            is_cut = layout.max_tokens is not None and folder.prepared.tokens >= layout.max_tokens
            for differs in compare_corpus(self._corpus.read(), folder.prepared, is_cut=is_cut):
                if differs:
                    once = " (an iterator gives its documents once: is it new?)" if self._corpus.is_read_once else ""
                    raise InvalidValue(
                        f"{folder.path} holds a sweep of another corpus, {describe_value(folder.corpus['name'])}: "
                        f"{differs}{once}; {ANOTHER}"
                    )
                yield None
            self._progress.documents = folder.prepared.documents
            if self._corpus.is_named and folder.corpus["name"] != self._corpus.name:
                folder.corpus = {"name": self._corpus.name}
                folder.remember()
            return
        has_lines = False

        def documents() -> Iterator[Any]:
            nonlocal has_lines
            for document in self._corpus.read():
                check_document_kind(document, pack=layout.pack)
                has_lines = has_lines or (isinstance(document, str) and "\n" in document)
                yield document

        def fill(file: BinaryIO) -> Iterator[Prepared | int]:
            for found in write_rows(file, documents(), tokenizer, layout):
                if isinstance(found, Prepared) and before not in (None, found):
                    raise InvalidValue(
                        f"{folder.path} holds a sweep of another corpus, {describe_value(folder.corpus['name'])}, "
                        f"or its manifest was changed; {ANOTHER}"
                    )
                yield found

        for found in folder.write_in_steps(ROWS, fill):
            if isinstance(found, Prepared):
                folder.prepared, folder.corpus = found, {"name": self._corpus.name}
                self._progress.documents = found.documents
                if found.documents == 1 and has_lines and self._corpus.by_blank_lines:
                    self._progress.advice = ONE_DOCUMENT
            else:
                self._progress.tokens = found
            yield None
        folder.remember()

    def _read_all(self, order: Order) -> Iterator[float | None]:
        prepared = self._folder.prepared
        assert prepared is not None, "it was prepared before"
        units = len(prepared.starts) - 1
        state, done, used = self._folder.load(d_dict=self._dictionary.d_dict, k=self._plan.k, units=units)
        self._sizes = self._count_tokens(prepared)
        progress = self._progress
        progress.phase, progress.total = "sweeps", prepared.tokens
        progress.tokens = progress.before = int(self._sizes[done].sum())
        self._saved_at = self._began = time.monotonic()
        work = _Work(state, done, used)
        by_itself = self._plan.engine == "local" and self._plan.workers == 1
        try:
            yield from self._read_here(work) if by_itself else self._read_together(work, order)
        except BaseException:
            # Of whatever ends it: what is whole is kept, and the reason is what is told.
            with suppress(GscopeError):
                self._save(work)
            raise
        self._save(work)
        progress.phase = "writes"
        for _ in self._folder.write_results(work.state, work.used):
            yield 1.0

    def _read_here(self, work: "_Work") -> Iterator[float | None]:
        units = np.flatnonzero(~work.done).tolist()
        stretches, left = (self._cut(unit, unit + 1) for unit in units), iter(units)
        with closing(self._make_hand().read_units((one.starts[0], one.rows) for one in stretches)) as steps:
            for step in steps:
                if step is not None:
                    found, used = step
                    unit = next(left)
                    self._take_in(work, unit, found, used=used, units=1)
                    self._advance(unit)
                    self._save_in_time(work)
                yield self._progress.share

    def _read_together(self, work: "_Work", order: Order) -> Iterator[float | None]:
        """Share the work out; a worker that is lost is replaced, and what it had not handed in is given out again."""
        left: list[int] = np.flatnonzero(~work.done).tolist()  # units that nobody reads
        workers = min(self._plan.workers, len(left))
        under_way: dict[int, tuple[int, int]] = {}  # of a worker's stretch what it has not handed in
        read: dict[int, int] = {}  # units that a worker has read of that
        unit_s: dict[int, float] = {}  # seconds that a unit took a worker
        lives = np.zeros(len(work.done), int)  # workers that a unit has cost
        failed: dict[int, int] = {}  # how often a worker was lost since it last handed anything in
        present: set[int] = set()  # workers that were hired and are not lost
        unplaced: set[int] = set()  # workers that wait for a place
        idle: list[int] = []  # that have loaded, and have nothing to read
        befell = ""
        patience, looked = Patience(self._plan.patience_s), time.monotonic()
        crew = self._make_crew(order, workers)

        def hire(worker: int) -> None:
            present.add(worker)
            if crew.hire(worker):
                patience.begin(worker, "loads")
            else:
                unplaced.add(worker)

        def share_out() -> None:
            while left and idle:
                worker = idle.pop()
                seconds = max(_STRETCH_S, _MERGING * workers * work.merge_s)
                quick = int(seconds / unit_s[worker]) if worker in unit_s else 1
                # Smaller ones at the end, where others wait.
                under_way[worker] = _take_neighbours(left, min(quick, _UNITS, len(left) // (2 * workers)))
                crew.give(worker, self._cut(*under_way[worker]))
                patience.begin(worker, "reads")

        def replace_lost(worker: int, reason: str, question: str, kind: type[GscopeError] = GscopeError) -> None:
            nonlocal befell
            stretch = under_way.pop(worker, None)
            read.pop(worker, None)
            patience.end(worker)
            unplaced.discard(worker)
            if worker in idle:
                idle.remove(worker)
            present.discard(worker)
            if stretch is None and not left:  # nobody misses it
                return
            because = f"the last because {reason}; {question}"
            if stretch is not None:
                lives[slice(*stretch)] += 1
                if lives[slice(*stretch)].max() >= _LIVES:
                    where = f"at rows {self._name_rows(stretch)}"
                    raise kind(f"{_LIVES} workers of the sweep were lost {where}, {because}")
                left.extend(range(*stretch))  # behind all others: its successor reads something else
            failed[worker] = failed.get(worker, 0) + 1
            is_replaced = failed[worker] < _LIVES
            if not is_replaced and not present:
                raise kind(
                    f"no worker of the sweep is left: each was lost {_LIVES} times before it handed in, {because}"
                )
            befell = f"worker {worker + 1} was {'replaced' if is_replaced else 'given up'}: {reason}"
            count_tokens()
            if is_replaced:
                hire(worker)
            share_out()  # who has nothing to read need not wait for its successor

        def count_tokens() -> None:
            is_read = work.done.copy()
            for worker, (first, _) in under_way.items():
                is_read[first : first + read.get(worker, 0)] = True
            self._progress.tokens = int(self._sizes[is_read].sum())

        try:
            for worker in range(workers):
                hire(worker)
            while under_way or left:
                for event in crew.wait(0.05):
                    if isinstance(event, Failed):
                        raise event.error
                    stretch = under_way.get(event.worker)
                    if isinstance(event, Placed):
                        unplaced.discard(event.worker)
                        patience.begin(event.worker, "loads")
                    elif isinstance(event, Lost):
                        replace_lost(
                            event.worker,
                            event.reason,
                            f"is there memory enough for {workers} models? What was read is kept: the same line with "
                            "fewer workers goes on from there",
                            event.kind,
                        )
                    elif isinstance(event, Ready):
                        patience.hear(event.worker)
                        patience.end(event.worker)
                        idle.append(event.worker)
                        share_out()
                    elif stretch is None:
                        continue
                    elif isinstance(event, Advanced) and read.get(event.worker, 0) < stretch[1] - stretch[0]:
                        patience.hear(event.worker)
                        self._advance(stretch[0] + read.get(event.worker, 0))
                        read[event.worker] = read.get(event.worker, 0) + 1
                    elif isinstance(event, Done):
                        unit_s[event.worker] = max(event.seconds / event.units, 1e-3)
                        read.pop(event.worker, None)
                        failed.pop(event.worker, None)
                        under_way[event.worker] = stretch[0] + event.units, stretch[1]
                        if under_way[event.worker][0] == stretch[1]:
                            del under_way[event.worker]
                            patience.end(event.worker)
                            idle.append(event.worker)
                            share_out()  # before the state is merged, so that it does not wait for that
                        self._take_in(work, stretch[0], event.found, used=event.used, units=event.units)
                        count_tokens()
                        self._save_in_time(work)
                now = time.monotonic()
                patience.pass_time(now - looked)
                looked = now
                for worker, reason in patience.take_silent().items():
                    crew.dismiss(worker)
                    replace_lost(
                        worker,
                        reason,
                        "do its disk and its machine still answer? A larger patience_s waits longer. What was read is "
                        "kept: the same line goes on from there",
                    )
                waits = f"{len(unplaced)} of {workers} workers wait for a place on the cluster" if unplaced else ""
                self._progress.note = "; ".join(filter(None, (befell, waits)))
                yield self._progress.share
        finally:
            self._progress.note = befell
            crew.close()

    def _make_crew(self, order: Order, workers: int) -> Crew:
        device = torch.device(self._scope.info.device)
        uses_gpu = device.type == "cuda"
        if self._plan.engine == "ray":
            from gscope_widgets.runtime.sweeps.cluster import RayCrew

            return RayCrew(order, workers=workers, address=self._plan.address, uses_gpu=uses_gpu)
        own = f"cuda:{device.index or 0}" if uses_gpu else str(device)
        others = [f"cuda:{at}" for at in range(torch.cuda.device_count())] if uses_gpu else []
        return LocalCrew(order, self._make_hand(), devices=[*(one for one in others if one != own), own])

    def _make_hand(self) -> Hand:
        return Hand(
            self._scope._engine.loaded,
            self._dictionary,
            batch_tokens=self._plan.batch_tokens,
            threads=self._plan.threads,
        )

    def _take_in(self, work: "_Work", first: int, found: Arrays | Pile, *, used: int, units: int) -> None:
        new = (
            found
            if isinstance(found, Pile)
            else SweepState.from_arrays(found, d_dict=work.state.d_dict, k=work.state.k, copy=False)
        )
        # From here to the end nothing stops it: a state holds whole units.
        work.is_whole, began = False, time.monotonic()
        if isinstance(new, Pile):
            work.state.add_pile(new)
        else:
            work.state.merge(new)
            work.merge_s = time.monotonic() - began
        work.used += used
        work.done[first : first + units] = True
        work.is_whole = True

    def _cut(self, first: int, stop: int) -> Stretch:
        prepared = self._folder.prepared
        assert prepared is not None, "it was prepared before"
        starts = prepared.starts[first : stop + 1]
        path = self._folder.path / ROWS
        rows = read_rows(path, starts[0], starts[-1], seq_len=self._plan.layout.seq_len)
        return Stretch((first, stop), starts, rows)

    def _name_rows(self, stretch: tuple[int, int]) -> str:
        assert self._folder.prepared is not None, "it was prepared before"
        starts = self._folder.prepared.starts
        return f"{starts[stretch[0]]:,} to {starts[stretch[1]] - 1:,}"

    def _count_tokens(self, prepared: Prepared) -> np.ndarray:
        """Tokens of each unit, about: the rows are not read for it."""
        rows = np.diff(prepared.starts)
        return np.diff(np.round(np.cumsum([0, *rows]) * (prepared.tokens / prepared.rows)).astype(np.int64))

    def _advance(self, unit: int) -> None:
        self._progress.tokens = min(self._progress.total, self._progress.tokens + int(self._sizes[unit]))
        self._progress.seconds = time.monotonic() - self._began

    def _save_in_time(self, work: "_Work") -> None:
        if time.monotonic() - self._saved_at >= self._plan.checkpoint_s:
            self._save(work)

    def _save(self, work: "_Work") -> None:
        if work.is_whole and work.saved != int(work.done.sum()):
            work.is_whole = False  # should memory run out while it sorts
            work.state.settle()
            work.is_whole = True
            self._folder.save(work.state, work.done, work.used)
            work.saved = int(work.done.sum())
        self._saved_at = time.monotonic()


@dataclass
class _Work:
    """What was read so far."""

    state: SweepState
    done: np.ndarray  # bool, [unit]
    used: int
    is_whole: bool = True  # the state holds whole units
    saved: int = -1  # units in the last checkpoint of this run
    merge_s: float = 0.0  # that it took to merge the last state of another worker

    def __post_init__(self) -> None:
        self.saved = int(self.done.sum()) or -1


def _take_neighbours(left: list[int], most: int) -> tuple[int, int]:
    """Take the first unit that is left, and up to so many with it that follow one another: it, and what comes after."""
    first = left[0]
    size = next((size for size in range(1, most) if left[size] != first + size), max(1, most))
    del left[:size]
    return first, first + size


def _explain_steps(steps: Steps, demand: Demand) -> Steps:
    """The same steps; memory that runs out and a device that fails are told as what they are."""
    try:
        while True:
            try:
                found = explain_faults(lambda: next(steps), demand)
            except StopIteration as end:
                result: Sweep = end.value
                return result
            yield found
    finally:
        steps.close()


def describe_positions(tokenizer: Tokenizer) -> str:
    """Which positions of a row count."""
    left_out = "all but the first, BOS, EOS and padding" if tokenizer.inner is not None else "all but the first"
    return f"{left_out}, and the chat header" if tokenizer.chat else left_out
