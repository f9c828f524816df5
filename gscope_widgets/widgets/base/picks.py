"""Widgets in which a reader picks a token: the pick stays on that token while the text changes."""

from typing import Annotated, Any

import traitlets as t

from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.formats import format_token
from gscope_widgets.widgets.base.limits import MAX_POS
from gscope_widgets.widgets.base.state import Checked
from gscope_widgets.widgets.base.widget import GscopeWidget


def _check_pos(_widget: object, value: object) -> int | None:
    return None if value is None else check_int("selected_pos", value, low=0, high=MAX_POS)


class TokenPicker(GscopeWidget):
    """Base of widgets with a picked token, which never comes to stand on another one by itself."""

    selected_pos = Checked(
        _check_pos, Annotated[int, Bounds(0, MAX_POS)] | None, None, help="Position of the token picked, or None."
    )

    def __init__(self, *arguments: Any, **state: Any):
        self._picked_in: object = None  # the text, as the trait has it, in which `selected_pos` was set
        super().__init__(*arguments, **state)

    def _shown_text(self) -> object:
        """The text of the result shown, as the trait has it."""
        raise NotImplementedError

    @t.observe("selected_pos")
    def _on_pick(self, _change: object) -> None:
        # The page picks in what it shows; Python means the text that it has set, answered or not.
        self._picked_in = self._shown_text() if self._is_from_page else getattr(self, self._text_name)

    def _follow_pick(self, before: Tokens, after: Tokens, text: object) -> str:
        """Bring the pick from one text to the next, or drop it, before that result is sent.

        Returns:
            What became of it, as a sentence; empty where it stands where it stood.
        """
        pos = self.selected_pos
        if pos is None or pos >= len(before) or self._picked_in == text:
            return ""
        if self._picked_in == getattr(self, self._text_name):  # which is still being read: this result is an older one
            return ""
        now = find_same(before, after, pos)
        self.selected_pos = now
        self._picked_in = text
        if now == pos:
            return ""
        name = format_token(before.strings[pos])
        if now is None:
            return f"The text around the token picked, {name}, has changed: none is picked now."
        return f"The token picked, {name}, stands at position {now} now; it was {pos}."


def find_same(before: Tokens, after: Tokens, pos: int) -> int | None:
    """Where a token of one text is in another: all that stands before it is the same, or all that comes after it."""
    if before.ids[: pos + 1] == after.ids[: pos + 1]:
        return pos
    rest = len(before) - pos
    moved = len(after) - rest
    return moved if moved >= 0 and before.ids[pos:] == after.ids[moved:] else None
