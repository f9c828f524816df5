"""Generated text while it is being made."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Literal

import numpy as np

from gscope_widgets.errors import Cancelled, InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import Ending, GeneratedToken, Trace, build_trace
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.runtime.worker import Job


class Generation:
    """Continuations of one prompt, made on the worker's thread. Iterate for tokens as they come.

    Iterating gives the first row's tokens, from the first one on, however often it is done; it
    ends quietly when the generation was cancelled, and raises what the model raised. Leaving the
    loop early does not stop the model: `cancel()` does.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        prompt: Tokens,
        features: Sequence[FeatureRef] = (),
        provenance: Provenance | None = None,
    ):
        """Without a token and without a job yet: whoever makes the tokens calls `attach`, `begin` and `append`.

        Args:
            names: of the rows.
            features: whose activations come with the tokens.
            provenance: where the texts come from.
        """
        self.names, self.provenance = tuple(names), provenance
        self._prompt, self._features = prompt, tuple(features)
        self._read = np.full((len(self.names), len(self._features), len(prompt)), np.nan, np.float32)  # of the prompt
        self._ended: Ending | Literal[""] = ""
        self._rows: tuple[list[GeneratedToken], ...] = tuple([] for _ in names)
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._job: Job | None = None

    def __iter__(self) -> Iterator[GeneratedToken]:
        done = 0
        while True:
            tokens, ended = self._wait_beyond(done)
            yield from tokens
            done += len(tokens)
            if ended and not tokens:
                return

    @property
    def ended(self) -> Ending | Literal[""]:
        """Why it ended; empty while it runs."""
        job = self._job
        if not self._ended and job is not None and job.done():  # whoever waits for a job goes on before its callbacks
            self._finish(job)
        return self._ended

    @property
    def job(self) -> Job:
        """The job that makes the tokens, on the scope's worker. Its result is `ended`."""
        assert self._job is not None, "a generation is handed out once it has its job"
        return self._job

    @property
    def text(self) -> str:
        """The first row's whole text; waits until it is made, or has been cancelled."""
        return "".join(token.text for token in self)

    def tokens(self, row: str | None = None) -> tuple[GeneratedToken, ...]:
        """A row's tokens so far, the first row's by default; does not wait."""
        if row is not None and row not in self.names:
            raise InvalidValue(f"the rows are {', '.join(map(repr, self.names))}, got {describe_value(row)}")
        index = 0 if row is None else self.names.index(row)
        with self._changed:
            return tuple(self._rows[index])

    def trace(self, row: str | None = None) -> Trace:
        """The activations at a row's tokens so far, the first row's by default, and at the prompt's; does not wait.

        Of the features that `scope.generate(..., features=[...])` was given. See `Trace`.

        Raises:
            InvalidValue: it was given none, or there is no such row.
        """
        if not self._features:
            raise InvalidValue("no features were asked for; give scope.generate(..., features=[ref])")
        generated = self.tokens(row)
        index = 0 if row is None else self.names.index(row)
        return build_trace(self._prompt, generated, self._features, self._read[index])

    def cancel(self) -> None:
        """Stop after the token being made. Returns at once; what was made is kept."""
        self.job.cancel()

    def wait(self) -> "Generation":
        """Return when it has ended; raises what the model raised.

        Raises:
            NotFinished: asked by the very job that makes the tokens.
        """
        for _ in self:
            pass
        return self

    def attach(self, job: Job) -> None:
        """Set the job that makes the tokens."""
        self._job = job
        job.add_done_callback(self._finish)

    def begin(self, activations: np.ndarray) -> None:
        """Set what was read of the prompt: float32, [rows, features, pos]. Called before the first token is added."""
        self._read = activations

    def append(self, step: Sequence[GeneratedToken | None]) -> None:
        """Add what one step made: a token a row, None for a row that has ended."""
        with self._changed:
            for row, token in zip(self._rows, step, strict=True):
                if token is not None:
                    row.append(token)
            self._changed.notify_all()

    def _finish(self, job: Future[Any]) -> None:
        error = job.exception()
        with self._changed:
            if isinstance(error, Cancelled):
                self._ended = "cancelled"
            elif error is not None:
                self._ended, self._error = "error", error
            else:
                self._ended = job.result()
            self._changed.notify_all()

    def _wait_beyond(self, done: int) -> tuple[list[GeneratedToken], bool]:
        if not self.ended and len(self._rows[0]) <= done:
            self.job.run_if_current()
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or len(self._rows[0]) > done)
                tokens = self._rows[0][done:]
                if self._error is not None and not tokens:
                    raise self._error
                return tokens, bool(self._ended)
        except KeyboardInterrupt:
            self.cancel()
            raise
