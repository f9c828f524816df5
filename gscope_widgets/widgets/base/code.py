"""What every widget's `to_code()` begins with, and how it names features."""

from collections.abc import Iterable, Sequence

from gscope_widgets.records.directions import Direction
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.records.protocols import Scope


class Opening:
    """The lines that load a scope and open its dictionaries, by name: `dictionary`, or `dictionary_0` and on."""

    def __init__(
        self,
        scope: Scope,
        refs: Iterable[FeatureRef] = (),
        *,
        dictionary_ids: Sequence[str] = (),
        directions: Sequence[Direction] = (),
    ):
        """Args: refs, directions: that the code will name; dictionary_ids: dictionaries that it opens besides."""
        ids = list(dict.fromkeys([*dictionary_ids, *(ref.dictionary_id for ref in refs)]))
        self.names = {one: "dictionary" if len(ids) == 1 else f"dictionary_{at}" for at, one in enumerate(ids)}
        self._directions = {
            one: "direction" if len(directions) == 1 else f"direction_{at}" for at, one in enumerate(directions)
        }
        opened = [f"{name} = {scope.write_opening(one)}" for one, name in self.names.items()]
        built = [f"{name} = {_write_direction(one)}" for one, name in self._directions.items()]
        self.lines = ["import gscope_widgets as gs", "", *filter(None, [scope.to_code()]), *opened, *built]

    def feature(self, ref: FeatureRef) -> str:
        """The expression of a feature."""
        return f"{self.names[ref.dictionary_id]}.feature({ref.feature})"

    def intervention(self, one: Intervention) -> str:
        """The expression of a change."""
        what = self._directions[one.ref] if isinstance(one.ref, Direction) else self.feature(one.ref)
        parts = [what] if one.kind == "ablate" else [what, repr(one.amount)]
        if one.kind == "add" and one.unit != "fraction":
            parts.append(f"unit={one.unit!r}")
        if isinstance(one.positions, slice):
            parts.append(f"positions=slice({one.positions.start}, {one.positions.stop})")
        elif one.positions != "all":
            parts.append(f"positions={one.positions!r}")
        return f"gs.{one.kind}({', '.join(parts)})"


def _write_direction(one: Direction) -> str:
    """All its numbers: code needs nothing that is only here."""
    return f"gs.Direction({one.site!r}, {one.layer}, {[float(value) for value in one.vector]}, {one.name!r})"
