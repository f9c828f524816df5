"""A scope driven at random, faults included, beside what must hold after each step. `tests/runtime/soak.py` runs it long."""

import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from safetensors.torch import load_file
from torch.nn.modules.module import register_module_forward_pre_hook

import gscope_widgets as gs
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.runtime.generation import Generation
from gscope_widgets.runtime.worker import Job
from tests.runtime import inside
from tests.runtime.conftest import load_plainly, write_dictionary, write_model

TEXTS = ("The old fisherman sold 12 fish.", "On Monday", "a bird and a bird and a bird and a bird in the red house")
CHECKED = "The children were happy because"
STRENGTHS = (-0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6)
PUSH = 2.5
SOON = 60.0  # seconds; far more than any of this takes

texts = st.sampled_from(TEXTS)
features = st.integers(0, 39)
amounts = st.sampled_from([-2.0, -0.3, 0.0, 0.5, 3.0])
kinds = st.sampled_from(["add", "clamp", "scale", "ablate"])
places = st.sampled_from(["all", "prompt", "generated", slice(2, 4)])
modules = st.integers(0, 150)  # a pass of the tiny model goes through 42
errors = st.sampled_from([RuntimeError, MemoryError, torch.OutOfMemoryError, KeyboardInterrupt, SystemExit])


@cache
def written() -> tuple[Path, tuple[Path, ...]]:
    """A tiny model and two dictionaries of it, at different layers and sites, made once."""
    folder = Path(tempfile.mkdtemp())
    write_model(folder / "tiny", tokenizer="base", seed=0)
    made = (
        write_dictionary(folder / "tiny-pt", layer=1),
        write_dictionary(folder / "tiny-pt", site="mlp_out", layer=2, seed=1),
    )
    return folder / "tiny", made


@cache
def list_threads() -> set[threading.Thread]:
    """Without a scope, and with what stays behind of the first one, a thread of tqdm's, and of earlier tests."""
    gs.load(str(written()[0])).close()
    return set(threading.enumerate())


@dataclass(frozen=True)
class Reference:
    """What plain transformers make of one text: float32."""

    logits: torch.Tensor  # [pos, d_vocab]
    residual: torch.Tensor  # after layer 1, [pos, d_model]
    steered: torch.Tensor  # of the last position, with feature 3's direction added there: [d_vocab]


@cache
def compute_reference(ids: tuple[int, ...]) -> Reference:
    folder, (dictionary, _) = written()
    model = load_plainly(folder, attention="sdpa")
    row = load_file(dictionary / "params.safetensors")["w_dec"][3]
    inputs = {"input_ids": torch.tensor([ids]), "use_cache": False, "output_hidden_states": True}

    def push(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        output[:, 1:] += PUSH * row / row.norm()
        return output

    with torch.inference_mode():
        plain = model(**inputs)
        logits, residual = plain.logits[0], plain.hidden_states[2][0].clone()
        model.model.layers[1].register_forward_hook(push)
        return Reference(logits, residual, model(**inputs).logits[0, -1])


def count_hooks(model: torch.nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


# ---- faults


class Fault:
    """Strikes once, at a pass's n-th module from now on, on whatever thread and in whoever's pass that is."""

    def __init__(self, error: type[BaseException], *, after: int):
        self.error, self.fired, self.visited, self._after = error, False, 0, after

    def strike(self) -> None:
        raise self.error("a fault of the test")

    def _visit(self, _module: torch.nn.Module, _inputs: object) -> None:
        self.visited += 1
        if self.visited > self._after and not self.fired:
            self.fired = True
            self.strike()

    @contextmanager
    def armed(self) -> Iterator[None]:
        handle = register_module_forward_pre_hook(self._visit)
        try:
            yield
        finally:
            handle.remove()


class Interrupt(Fault):
    """What Jupyter's stop button does: a signal to the main thread, whatever it does or waits for."""

    def __init__(self, *, after: int):
        super().__init__(KeyboardInterrupt, after=after)
        self._waits = False

    def strike(self) -> None:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    def _on_signal(self, *_: object) -> None:
        if self._waits:
            self._waits = False
            raise KeyboardInterrupt

    @contextmanager
    def armed(self) -> Iterator[None]:
        before = signal.signal(signal.SIGINT, self._on_signal)
        try:
            with super().armed():
                self._waits = True
                yield
        finally:
            self._waits = False
            signal.signal(signal.SIGINT, before)


class Machine(RuleBasedStateMachine):
    """Everything that a scope is asked for, in any order, with what can go wrong."""

    done: ClassVar[Counter[str]] = Counter()  # operations by name, over all examples
    strikes: ClassVar[Counter[str]] = Counter()  # faults that met a pass, by error

    @initialize(tight=st.booleans())
    def open(self, tight: bool) -> None:
        self.running: list[Generation] = []
        self.jobs: list[Job] = []
        self.fault: Fault | None = None  # that the next call meets
        self.struck: list[Fault] = []
        self.tight, self.threads = tight, list_threads()
        self._load()

    def _load(self) -> None:
        self.age = 0  # in operations
        folder, dictionaries = written()
        self.scope = gs.load(str(folder))
        self.features = [self.scope.dictionary(path=one).feature for one in dictionaries]
        self.model = inside.loaded(self.scope).model
        self.hooks = count_hooks(self.model)
        if self.tight:
            inside.limit_caches(self.scope, limit_bytes=40_000)

    def _count(self, name: str) -> None:
        self.done[name] += 1
        self.age += 1

    # ---- what a reader asks for

    def _ask(self, name: str, call: Callable[[], object]) -> None:
        """Do it. Where a fault is armed its error may come back, or our words for it, and nothing else."""
        self._count(name)
        fault, self.fault = self.fault, None
        if fault is None:
            call()
            return
        with fault.armed(), self._expecting(fault):
            call()
        if fault.fired:
            self.struck.append(fault)
            self.strikes[fault.error.__name__] += 1

    @contextmanager
    def _expecting(self, fault: Fault) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if not fault.fired or not isinstance(error, (fault.error, gs.OutOfMemory)):
                raise

    def _change(self, which: int, feature: int, kind: str, amount: float, where: str | slice) -> Intervention:
        ref = self.features[which](feature)
        if kind == "ablate":
            return gs.ablate(ref, positions=where)
        return getattr(gs, kind)(ref, abs(amount) if kind == "clamp" else amount, positions=where)

    @rule(text=texts, which=st.integers(0, 1), chosen=st.none() | st.lists(features, min_size=1, max_size=3))
    def read(self, text, which, chosen) -> None:
        dictionary_id = self.features[which](0).dictionary_id
        self._ask("read", lambda: self.scope.read(text, dictionary_id, features=chosen))

    @rule(text=texts, which=st.integers(0, 1), feature=features, kind=kinds, amount=amounts, where=places)
    def next_tokens(self, text, which, feature, kind, amount, where) -> None:
        made = [self._change(which, feature, kind, amount, "all" if where == "generated" else where)]
        self._ask("next tokens", lambda: self.scope.next_tokens(text, 3, made))

    @rule(text=texts, which=st.integers(0, 1), feature=features, kind=kinds, amount=amounts, where=places)
    def generate(self, text, which, feature, kind, amount, where) -> None:
        made = [self._change(which, feature, kind, amount, where)]
        self._ask("generate", lambda: self.scope.generate(text, made, max_new_tokens=4).wait())

    @rule(text=texts, which=st.integers(0, 1), feature=features, amount=amounts)
    def start_generating(self, text, which, feature, amount) -> None:
        """Left running: what follows has its turns between this one's steps."""
        self._count("generate, left running")
        made = [gs.add(self.features[which](feature), amount)]
        self.running.append(self.scope.generate(text, made, max_new_tokens=60, temperature=1.0))

    @rule(text=texts, which=st.integers(0, 1), feature=features, amount=amounts)
    def compare(self, text, which, feature, amount) -> None:
        made = [gs.add(self.features[which](feature), amount)]
        self._ask("compare", lambda: self.scope.compare(text, made, max_new_tokens=2))

    @rule(text=texts, which=st.integers(0, 1), feature=features)
    def dose(self, text, which, feature) -> None:
        ref, options = self.features[which](feature), {"measure": "bird", "samples": 3, "max_new_tokens": 1}
        self._ask("dose", lambda: self.scope.dose(text, ref, STRENGTHS, **options))

    @rule(text=texts)
    def logit_lens(self, text) -> None:
        self._ask("logit lens", lambda: self.scope.logit_lens(text, 3))

    @rule(text=texts, which=st.integers(0, 1), feature=features, slot=st.integers(0, 1))
    def start_comparing(self, text, which, feature, slot) -> None:
        """Left running, in place of what ran in the same slot."""
        self._count("compare in a slot, left running")
        made = [gs.add(self.features[which](feature), 1.0)]
        self.jobs.append(self.scope.start_compare(text, made, max_new_tokens=3, slot=slot))

    @rule()
    def wait_for_all(self) -> None:
        self._count("wait for all")
        self._settle()

    @precondition(lambda self: self.running or self.jobs)
    @rule(last=st.booleans())
    def cancel(self, last) -> None:
        self._count("cancel")
        for started in filter(None, (self.running, self.jobs)):
            started[-1 if last else 0].cancel()

    @rule()
    def load_what_is_loaded(self) -> None:
        self._count("load")
        assert gs.load(str(written()[0])) is self.scope

    @precondition(lambda self: self.age > 6)  # loading takes longer than all else
    @rule()
    def close_and_load_again(self) -> None:
        self._count("close and load again")
        closed = self.scope
        closed.close()
        assert all(job.done() for job in self._list_jobs())
        assert not set(threading.enumerate()) - self.threads  # others' threads may end meanwhile
        closed.close()
        with pytest.raises(gs.Closed, match=r"load it again with gs\.load\(\)"):
            closed.next_tokens(CHECKED, 3)
        self._settle()
        self._load()
        assert self.scope is not closed

    # ---- what can go wrong

    @rule(after=modules, error=errors)
    def fail_inside_a_hook(self, after, error) -> None:
        self._count(f"fail inside a hook with {error.__name__}")
        self.fault = Fault(error, after=after)

    @rule(after=modules)
    def interrupt(self, after) -> None:
        self._count("interrupt")
        self.fault = Interrupt(after=after)

    # ---- what must hold

    @invariant()
    def all_is_as_it_was(self) -> None:
        for check in self.checks:
            check(self)

    def _look(self, work: Callable[[], object]) -> object:
        """On the model's own thread, so between the steps of what is running there."""
        return self.scope.submit(lambda _job: work()).result(SOON)

    def check_passes(self) -> None:
        ids = self.scope.tokens(CHECKED).ids
        inputs = torch.tensor([ids])
        logits = self._look(lambda: self.model(input_ids=inputs, use_cache=False).logits[0])
        assert torch.equal(logits, compute_reference(ids).logits), "an unsteered pass is not the plain model's"

    def check_hooks(self) -> None:
        assert self._look(lambda: count_hooks(self.model)) == self.hooks, "a hook was left behind"
        replaced = self._look(lambda: [name for name, one in self.model.named_modules() if "forward" in vars(one)])
        assert replaced == [], "a layer was left giving what is kept of a prompt"

    def check_answers(self) -> None:
        reference = compute_reference(self.scope.tokens(CHECKED).ids)
        pushed = [gs.add(self.features[0](3), PUSH, unit="raw")]
        for made, logits in (((), reference.logits[-1]), (pushed, reference.steered)):
            found = self.scope.next_tokens(CHECKED, 5, made).chances
            assert [one.id for one in found] == logits.topk(5).indices.tolist()
            np.testing.assert_allclose([one.logit for one in found], logits.topk(5).values, rtol=0, atol=2e-5)
        reading = self.scope.read(CHECKED, self.features[0](0).dictionary_id, features=[0])
        np.testing.assert_allclose(reading.norm, reference.residual.norm(dim=1), rtol=1e-5)

    def check_what_is_held(self) -> None:
        assert len(set(threading.enumerate()) - self.threads) <= 1, threading.enumerate()
        for cache_ in inside.caches(self.scope):
            assert inside.weigh(cache_) == cache_.bytes <= cache_.limit_bytes
        wanted = sum(not job.done() for job in self._list_jobs())
        # What was interrupted ends at its next turn.
        turns = iter(range(1000))
        while inside.count_jobs(self.scope) > wanted:
            assert next(turns, None) is not None, "something runs that nobody asked for"
            self.scope.submit(lambda _job: None).result(SOON)

    checks: ClassVar = (check_passes, check_hooks, check_answers, check_what_is_held)

    def _list_jobs(self) -> list[Job]:
        return [*self.jobs, *(generation.job for generation in self.running)]

    def _settle(self) -> None:
        for job in self._list_jobs():
            with suppress(gs.Cancelled):
                error = job.exception(SOON)
                assert error is None or isinstance(error, (gs.Cancelled, gs.OutOfMemory, *self._list_errors())), error
        assert all(generation.ended for generation in self.running)
        self.running, self.jobs = [], []

    def _list_errors(self) -> list[type[BaseException]]:
        return [fault.error for fault in self.struck if not isinstance(fault, Interrupt)]

    def teardown(self) -> None:
        if hasattr(self, "scope"):
            self._settle()
            self.scope.close()
            assert not set(threading.enumerate()) - self.threads  # others' threads may end meanwhile
