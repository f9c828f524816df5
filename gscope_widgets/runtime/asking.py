"""How a scope asks its engine: on the worker, and once more where memory runs out."""

from collections.abc import Callable, Hashable, Sequence

from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.engine import Engine, Steps, Value
from gscope_widgets.runtime.shortage import Demand, run_again
from gscope_widgets.runtime.worker import Job, Worker

NARROWER = "a narrower dictionary (width=...)"


class Asking:
    """Base of `Exploring`."""

    _engine: Engine
    _worker: Worker

    def _start(
        self,
        make: Callable[[], Steps[Value]],
        demand: Demand,
        *,
        fresh: Callable[[], bool] = lambda: True,
        slot: Hashable | None = None,
    ) -> Job:
        """Have the worker do what the engine describes; where memory runs out, once more with empty caches."""
        return self._worker.submit(lambda _job: run_again(make, demand, fresh=fresh), slot=slot)

    def _run(self, make: Callable[[], Steps[Value]], demand: Demand) -> Value:
        """As `_start`, and wait for it."""
        value: Value = self._worker.run(lambda _job: run_again(make, demand))
        return value

    def _ask(self, work: Callable[[], Value], *, doing: str) -> Value:
        """Have the worker do something short, and wait for it."""

        def steps() -> Steps[Value]:
            yield None
            return work()

        return self._run(steps, self._demand(doing))

    def _demand(
        self,
        doing: str,
        tokens: Sequence[object] | Tokens = (),
        plan: SamplingPlan | None = None,
        *,
        rows: int = 1,
        other: Sequence[str] = (),
    ) -> Demand:
        """What some work needs memory for, and what would need less."""
        smaller = [] if len(tokens) < 2 else [f"a shorter text ({len(tokens) // 2} tokens)"]
        if plan is not None and plan.max_new_tokens > 1:
            smaller.append(f"max_new_tokens={plan.max_new_tokens // 2}")
        if rows > 1:
            smaller.append(f"fewer rows ({rows // 2})")
        if self._engine.loaded.info.dtype == "float32":
            smaller.append("gs.load(..., dtype='bfloat16')")
        return Demand(doing, [*smaller, *other], self._engine.loaded.info.device)
