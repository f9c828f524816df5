"""A scope that has one graph and no model: what `gs.CircuitGraph` asks where it is given a graph alone."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NoReturn

from gscope_widgets.errors import InvalidValue
from gscope_widgets.recordings.job import SettledJob
from gscope_widgets.records.circuits import AttributionGraph
from gscope_widgets.records.models import ModelInfo
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.widgets.circuits.questions import GIVE_SCOPE


class GraphScope:
    """Knows the graph's tokens and where it comes from; what a model would be asked is refused in words.

    Work is done where it is asked for, without a thread.
    """

    power = "no model, a graph alone"
    text_limit = 1_000_000  # the page sends any text, which is then refused with the reason

    def __init__(self, graph: AttributionGraph):
        """Args: graph: a sound one, see `check_graph`."""
        self._tokens = graph.tokens
        self._origin = graph.provenance or Provenance("a model that is not named", revision="", device="", dtype="")
        self.info = ModelInfo(
            id=self._origin.model,
            revision=self._origin.revision,
            model_class="",  # none runs
            layers=graph.layers,
            d_model=0,
            vocabulary=2**31,  # not known: any id may be a token
            context=len(graph.tokens),
            device=self._origin.device,
            dtype=self._origin.dtype,
            bytes=0,
            licence="",
        )

    def tokens(self, text: object) -> Tokens:
        """The graph's own tokens, of its own text."""
        if text != self._tokens.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"):
            raise InvalidValue(f"no model is here to read another text; {GIVE_SCOPE}")
        return self._tokens

    def submit(self, work: Callable[[Any], object], *, slot: Hashable | None = None) -> SettledJob:
        """See `Engine`; the job has ended when it is returned."""
        return SettledJob(work)

    def provenance(self, *_given: Sequence[object], **_settings: object) -> Provenance:
        """Where the graph comes from, as far as it says."""
        return self._origin

    def to_code(self) -> str:
        """No line: nothing is loaded."""
        return ""

    def _refuse(self, *_given: object, **_named: object) -> NoReturn:
        raise InvalidValue(f"no model is here; {GIVE_SCOPE}")

    describe = dictionary = dictionary_info = write_opening = _refuse
    start_circuit = start_circuit_heads = start_change_circuit = _refuse
