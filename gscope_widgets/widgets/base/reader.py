"""Widgets that have a scope read a text."""

from typing import Any

from gscope_widgets.errors import GscopeError
from gscope_widgets.records.protocols import Scope
from gscope_widgets.widgets.base.state import Told, as_prompt, check_scope
from gscope_widgets.widgets.base.widget import GscopeWidget


class TextReader(GscopeWidget):
    """Base of widgets with a scope and a text, whose trait the catalogue names."""

    text_limit = Told(int, 0, help="Characters; the view refuses longer text before sending it.")

    def __init__(self, scope: Scope, **state: Any):
        check_scope(scope)
        self.scope = scope
        names = {"badge": describe_model(scope), "footer": describe_engine(scope)}
        super().__init__(scope, **{**names, **state}, text_limit=scope.text_limit)

    def _open(self) -> None:
        super()._open()
        self.observe(lambda _change: self._requests.remark(), names=self._text_name)

    def _write_hint(self) -> str:
        """What is likely not meant in the text, such as a space at its end."""
        try:
            return " ".join(self.scope.tokens(as_prompt(getattr(self, self._text_name))).hints)
        except GscopeError:  # it is said where the text is used
            return ""


def describe_model(scope: Scope) -> str:
    """The badge: which model answers, that mini is not Gemma, and whether it runs or is replayed."""
    name = scope.info.id
    model = f"{name} (embedded, not Gemma)" if name.startswith("gscope-mini") else name
    return f"{model} · {scope.power}"


def describe_engine(scope: Scope, *dictionary_ids: str) -> str:
    """The footer: model, dictionaries, device and dtype."""
    info = scope.info
    parts = (f"{info.id} {info.revision}".strip(), ", ".join(dict.fromkeys(dictionary_ids)), info.device, info.dtype)
    return " · ".join(part for part in parts if part)
