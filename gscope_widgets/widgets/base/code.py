"""What every widget's `to_code()` begins with, and how it names features."""

from collections.abc import Iterable, Sequence

from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.interventions import Intervention
from gscope_widgets.records.protocols import Scope


class Opening:
    """The lines that load a scope and open its dictionaries, by name: `dictionary`, or `dictionary_0` and on."""

    def __init__(self, scope: Scope, refs: Iterable[FeatureRef] = (), *, dictionary_ids: Sequence[str] = ()):
        """Args: refs: features that the code will name; dictionary_ids: dictionaries that it opens besides."""
        ids = list(dict.fromkeys([*dictionary_ids, *(ref.dictionary_id for ref in refs)]))
        self.names = {one: "dictionary" if len(ids) == 1 else f"dictionary_{at}" for at, one in enumerate(ids)}
        opened = [f"{name} = {scope.write_opening(one)}" for one, name in self.names.items()]
        self.lines = ["import gscope_widgets as gs", "", scope.to_code(), *opened]

    def feature(self, ref: FeatureRef) -> str:
        """The expression of a feature."""
        return f"{self.names[ref.dictionary_id]}.feature({ref.feature})"

    def intervention(self, one: Intervention) -> str:
        """The expression of a change."""
        amount = "" if one.kind == "ablate" else f", {one.amount!r}"
        assert isinstance(one.ref, FeatureRef), "widgets change features"
        return f"gs.{one.kind}({self.feature(one.ref)}{amount})"
