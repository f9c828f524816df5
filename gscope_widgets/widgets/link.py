"""gs.link: text, feature and position in step across widgets."""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakSet

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.lists import read_list
from gscope_widgets.widgets.base.output import call_after_cells
from gscope_widgets.widgets.base.widget import SHARED, GscopeWidget, SharedName


class Link:
    """Widgets in step, from `gs.link`. It lives as long as one of them, or until `unlink()`."""

    def __init__(self, widgets: Sequence[GscopeWidget], share: Sequence[SharedName]):
        """Follow the widgets; the others take what the first one shows."""
        self.widgets, self.share = tuple(widgets), tuple(share)
        self._names = [_list_names(widget) for widget in widgets]
        self._lock = threading.Lock()
        self._waiting: deque[tuple[GscopeWidget, SharedName]] = deque()
        self._passing_thread: int | None = None
        for widget in self.widgets:
            self._follow(widget)
        for name in self.share:
            self._pass(self.widgets[0], name)

    def __repr__(self) -> str:
        """The widgets' kinds, and what they share."""
        return f"<link of {' and '.join(type(one).__name__ for one in self.widgets)}: {', '.join(self.share)}>"

    def unlink(self) -> None:
        """Let each widget go its own way. Quiet when repeated."""
        widgets, self.widgets = self.widgets, ()
        for widget in widgets:
            self._leave(widget)

    def _list_shared(self, widget: GscopeWidget) -> dict[str, SharedName]:
        """What a widget shares, by the trait that holds it."""
        return {trait: name for name, trait in widget.shared_state.items() if name in self.share}

    def _follow(self, widget: GscopeWidget) -> None:
        widget.observe(self._on_change, names=list(self._list_shared(widget)))

    def _leave(self, widget: GscopeWidget) -> None:
        widget.unobserve(self._on_change, names=list(self._list_shared(widget)))

    def _on_change(self, change: Any) -> None:
        self._pass(change.owner, self._list_shared(change.owner)[change.name])

    def _pass(self, source: GscopeWidget, name: SharedName) -> None:
        """Give one widget's state to the others.

        What they set in turn, on the same thread, goes nowhere: so there is no loop. A change on another thread
        meanwhile waits its turn: so the last one holds. No lock is held while a widget is told.
        """
        thread = threading.get_ident()
        with self._lock:
            if self._passing_thread == thread:
                return
            self._waiting.append((source, name))
            if self._passing_thread is not None:
                return
            self._passing_thread = thread
        try:
            while (one := self._next()) is not None:
                self._tell(*one)
        finally:
            with self._lock:
                if self._passing_thread == thread:  # something was raised
                    self._passing_thread = None

    def _next(self) -> tuple[GscopeWidget, SharedName] | None:
        with self._lock:
            if not self._waiting:
                self._passing_thread = None
                return None
            return self._waiting.popleft()

    def _tell(self, source: GscopeWidget, name: SharedName) -> None:
        if name not in source.shared_state:
            return
        value = source.read_shared(name)
        for other in self.widgets:
            if other is not source and name in other.shared_state and other.comm is not None:
                other.take_shared(name, value)

    def renew(self, namespace: Mapping[str, object]) -> None:
        """Where a cell that ran again has bound a widget's names to a new one, that one takes the old one's place.

        A widget that still has one of its names keeps its place, and none stands in two places.
        """
        for at, (names, old) in enumerate(zip(self._names, self.widgets, strict=False)):
            found = {id(one): one for one in (namespace.get(name) for name in names)}
            new = next(iter(found.values()), None)
            if len(found) != 1 or any(new is one for one in self.widgets) or not isinstance(new, GscopeWidget):
                continue
            if type(new).__name__ != type(old).__name__:
                continue
            self._leave(old)
            self.widgets = (*self.widgets[:at], new, *self.widgets[at + 1 :])
            self._follow(new)
            for shared in self.share:
                self._pass(self.widgets[0 if at else 1], shared)


_LINKS: "WeakSet[Link]" = WeakSet()  # a link is held by the widgets that it follows


def link(first: GscopeWidget, second: GscopeWidget, *more: GscopeWidget, share: Sequence[SharedName] = SHARED) -> Link:
    """Keep text, feature and token in step between widgets, in whichever cells they stand.

    The others take what the first one shows; from then on each follows the one in use. A widget that is made anew by
    running its cell again is followed in the old one's place, where the notebook calls it by the same name. What a
    widget cannot show, such as a feature of a dictionary that is not its own, it leaves alone.

    Args:
        share: what is kept in step: "text" (what the model reads), "feature", "pos" (the token picked).

    Returns:
        The link; `unlink()` ends it. A second call for the same widgets replaces the first.

    Raises:
        InvalidValue: it is given something else than widgets, one of them twice, or one that shares nothing.
        Closed: one of them was closed.
    """
    widgets = (first, second, *more)
    for one in widgets:
        if not isinstance(one, GscopeWidget):
            raise InvalidValue(f"gs.link takes widgets such as gs.TokenHeatmap(...), got {describe_value(one)}")
        one._require_open()
    if len({id(one) for one in widgets}) < len(widgets):
        raise InvalidValue("gs.link was given the same widget twice; give two different ones")
    wanted = [share] if isinstance(share, str) else read_list(share)
    if not wanted or not all(isinstance(one, str) and one in SHARED for one in wanted):
        raise InvalidValue(f"share must be among {', '.join(SHARED)}, got {describe_value(share)}")
    chosen = [name for name in SHARED if name in wanted]
    for one in widgets:
        if not any(name in one.shared_state for name in chosen):
            raise InvalidValue(f"{type(one).__name__} has no {' or '.join(chosen)} to share")
    for old in list(_LINKS):
        if {*map(id, old.widgets)} == {*map(id, widgets)}:
            old.unlink()
            _LINKS.discard(old)
    made = Link(widgets, chosen)
    _LINKS.add(made)
    call_after_cells(_renew_links)
    return made


def _list_names(widget: GscopeWidget) -> list[str]:
    """What the notebook calls a widget; empty where it does not."""
    return [name for name, value in _read_namespace().items() if value is widget and not name.startswith("_")]


def _read_namespace() -> dict[str, object]:
    from IPython import get_ipython

    shell = get_ipython()
    return {} if shell is None else dict(shell.user_ns)


def _renew_links() -> None:
    namespace = _read_namespace()
    for one in list(_LINKS):
        one.renew(namespace)
