"""Widgets in which a reader picks a token: the pick stays on that token while the text changes."""

from typing import Annotated, Any

import traitlets as t

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.formats import format_token
from gscope_widgets.widgets.base.limits import MAX_POS
from gscope_widgets.widgets.base.reader import TextReader
from gscope_widgets.widgets.base.state import Checked, as_prompt
from gscope_widgets.widgets.base.widget import SharedName


def _check_pos(picker: "TokenPicker", value: object) -> int | None:
    if value is None:
        return None
    if picker._is_following:
        return check_int("selected_pos", value, low=0, high=MAX_POS)
    return check_place("selected_pos", value, count=picker._count_tokens(), of="the text's tokens")


class TokenPicker(TextReader):
    """Base of widgets with a picked token, which never comes to stand on another one by itself."""

    _is_following = False  # whether the pick is being brought to the text that comes into view

    selected_pos = Checked(
        _check_pos, Annotated[int, Bounds(0, MAX_POS)] | None, None, help="Position of the token picked, or None."
    )

    def __init__(self, *arguments: Any, **state: Any):
        self._picked_in: object = None  # the text, as the trait has it, in which `selected_pos` was set
        super().__init__(*arguments, **state)

    def _shown_text(self) -> object:
        """The text of the result shown, as the trait has it."""
        raise NotImplementedError

    def take_shared(self, name: SharedName, value: Any) -> None:
        """See `GscopeWidget`. A position that this widget's text has not is no pick here."""
        is_here = name != "pos" or value is None or value < self._count_tokens()
        super().take_shared(name, value if is_here else None)

    def _read_pick_text(self) -> Any:
        """The text that a pick is of: the page picks in what it shows, Python in what it has set, answered or not."""
        return self._shown_text() if self._is_from_page else getattr(self, self._text_name)

    def _count_tokens(self) -> int:
        return len(self.scope.tokens(as_prompt(self._read_pick_text())))

    @t.observe("selected_pos")
    def _on_pick(self, _change: object) -> None:
        self._picked_in = self._read_pick_text()

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
        self._is_following = True
        try:
            self.selected_pos = now
        finally:
            self._is_following = False
        self._picked_in = text
        if now == pos:
            return ""
        name = format_token(before.strings[pos])
        if now is None:
            return f"The text around the token picked, {name}, has changed: none is picked now."
        return f"The token picked, {name}, stands at position {now} now; it was {pos}."


def check_place(name: str, value: object, *, count: int, of: str) -> int:
    """A position among so many tokens or columns.

    Raises:
        InvalidValue: there is no such one.
    """
    place = check_int(name, value, low=0, high=MAX_POS)
    if place >= count:
        raise InvalidValue(f"{name} must be below {count}, the number of {of}, got {place}; None picks nothing")
    return place


def find_same(before: Tokens, after: Tokens, pos: int) -> int | None:
    """Where a token of one text is in another: all that stands before it is the same, or all that comes after it."""
    if before.ids[: pos + 1] == after.ids[: pos + 1]:
        return pos
    rest = len(before) - pos
    moved = len(after) - rest
    return moved if moved >= 0 and before.ids[pos:] == after.ids[moved:] else None
