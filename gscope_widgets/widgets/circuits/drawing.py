"""The graph that is shown, drawn anew where shares or marks have changed."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.circuits import AttributionGraph
from gscope_widgets.widgets.circuits.drawn import DrawnGraph, GraphFacts, draw_graph
from gscope_widgets.widgets.circuits.following import follow_marks
from gscope_widgets.widgets.circuits.marks import Marks

_SHARES = ("node_share", "edge_share")


class Drawing:
    """What is shown now, and how it would be drawn as things are set."""

    def __init__(
        self,
        *,
        want: Callable[[], tuple[Mapping[str, float], Marks]],
        tell: Callable[[DrawnGraph], tuple[dict[str, Any], dict[str, np.ndarray]]],
    ):
        """Nothing is shown yet.

        Args:
            want: both shares by name, and what is marked, as they are set.
            tell: writes the message of a graph; see `DrawnGraph.told`.
        """
        self._want, self._tell = want, tell
        self.now: DrawnGraph | None = None

    def require(self) -> DrawnGraph:
        """What is shown.

        Raises:
            InvalidValue: nothing is.
        """
        if self.now is None:
            raise InvalidValue("no graph has been traced yet; widget.wait() says why, or set widget.prompt")
        return self.now

    def draw(self, settings: Mapping[str, Any], graph: AttributionGraph, *, is_given: bool = False) -> DrawnGraph:
        """A graph with what is marked. Its message, which of huge graphs takes long, is written later: `prepare`."""
        facts = self.now.facts if self.now is not None and self.now.graph is graph else GraphFacts.of(graph)
        marks = self._want()[1]
        if self.now is not None and self.now.graph is not graph:
            marks, _ = follow_marks(marks, self.now.graph, graph)
        return draw_graph(facts, settings, marks.list_nodes(graph), is_given=is_given)

    def draw_first(self, settings: Mapping[str, Any], graph: AttributionGraph) -> DrawnGraph:
        """A graph that was asked for by some settings, by the shares as they are by now."""
        return self.prepare(self.draw({**settings, **self._want()[0]}, graph))

    def redraw(self, drawn: DrawnGraph) -> DrawnGraph:
        """The same graph by shares and marks as they are now; itself where that is how it is drawn."""
        if not self.is_behind(drawn):
            return drawn
        settings = {**drawn.settings, **self._want()[0]}
        fresh = self.prepare(self.draw(settings, drawn.graph, is_given=drawn.is_given))
        return fresh._replace(effect=drawn.effect, heads=drawn.heads)

    def prepare(self, drawn: DrawnGraph) -> DrawnGraph:
        """With the message for the page, so that it need not be written under a lock."""
        return drawn._replace(told=self._tell(drawn))

    def is_behind(self, drawn: DrawnGraph) -> bool:
        """Whether it is pruned by other shares than those set, or other nodes than those marked are drawn besides."""
        shares, marks = self._want()
        if any(drawn.settings[name] != shares[name] for name in _SHARES):
            return True
        marked = marks.list_nodes(drawn.graph)
        wanted, shown = ([] if nodes <= drawn.plain else sorted(nodes) for nodes in (marked, drawn.extra))
        return wanted != shown
