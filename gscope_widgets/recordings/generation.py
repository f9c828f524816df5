"""Recorded continuations, all there at once."""

from collections.abc import Iterator, Mapping, Sequence

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.recordings.contents import RecordedRow
from gscope_widgets.recordings.job import SettledJob
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import Ending, GeneratedToken, Trace, build_trace
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens


class ReplayedGeneration:
    """Continuations of one prompt, one a row: `gscope_widgets.records.protocols.Generation`."""

    def __init__(
        self,
        rows: Mapping[str, RecordedRow],
        *,
        prompt: Tokens,
        features: Sequence[FeatureRef],
        provenance: Provenance,
        job: SettledJob,
    ):
        """Made by the scope. Args: job: that called the reader's `on_step`."""
        self.names, self.provenance, self.job = tuple(rows), provenance, job
        self._rows, self._prompt, self._features = rows, prompt, tuple(features)

    def __iter__(self) -> Iterator[GeneratedToken]:
        return iter(self.tokens())

    @property
    def ended(self) -> Ending:
        """Why it ended: with the longest row."""
        if self.job.exception() is not None:
            return "error"
        endings = [row.ended for row in self._rows.values()]
        return next((one for one in endings if one != "end of text"), "end of text")

    @property
    def text(self) -> str:
        """The first row's whole text."""
        return "".join(token.text for token in self)

    def tokens(self, row: str | None = None) -> tuple[GeneratedToken, ...]:
        """A row's tokens, the first row's by default."""
        return self._find(row).tokens

    def trace(self, row: str | None = None) -> Trace:
        """The activations, at a row's tokens and the prompt's, of the features that were asked for."""
        if not self._features:
            raise InvalidValue("no features were asked for; give scope.generate(..., features=[ref])")
        found = self._find(row)
        return build_trace(self._prompt, found.tokens, self._features, found.read)

    def cancel(self) -> None:
        """It has ended."""

    def wait(self) -> "ReplayedGeneration":
        """See `Generation`; raises what the reader's `on_step` raised."""
        self.job.wait()
        return self

    def _find(self, row: str | None) -> RecordedRow:
        name = self.names[0] if row is None else row
        if name not in self._rows:
            raise InvalidValue(f"the rows are {', '.join(map(repr, self.names))}, got {describe_value(row)}")
        return self._rows[name]
