"""The second output of a widget's cell: its static copy, kept equal to its state.

A saved notebook has this copy alone. JupyterLab follows an update from any thread; nbclient (and so
nbconvert) drops what does not come from the cell that runs now, which is why every copy that changed is sent
again when a cell ends, and when `wait()` returns.
"""

import logging
import math
import threading
import time
import weakref
from collections.abc import Callable

_SECONDS = 0.5  # between copies while a view is in use
_CELL_END_S = 30.0  # that a cell which set something may last longer, so that its result is in the copy


class Coalesced:
    """Calls a function at once, and then at most once in so many seconds, the last call included."""

    def __init__(self, act: Callable[[], None], *, seconds: float):
        """Nothing is called yet."""
        self._act, self._seconds = act, seconds
        self._last = -math.inf
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Ask for a call."""
        with self._lock:
            if self._timer is not None:
                return
            wait = self._last + self._seconds - time.monotonic()
            if wait > 0:
                self._timer = threading.Timer(wait, self._run)
                self._timer.daemon = True
                self._timer.start()
                return
        self._run()

    def _run(self) -> None:
        with self._lock:
            self._timer = None
            self._last = time.monotonic()
        self._act()


class SecondOutput:
    """One widget's copy in its cell. Nothing is sent before the widget is displayed."""

    def __init__(self, build: Callable[[], dict[str, str]], *, settle: Callable[[float], None]):
        """Not displayed yet.

        Args:
            build: the copy by MIME type.
            settle: returns when what was set is answered, or after so many seconds.
        """
        self._build, self._settle = build, settle
        self._display_id = ""
        self._is_stale = False  # since it was last sent from a running cell
        self._send_soon = Coalesced(self._send, seconds=_SECONDS)

    def display(self, display_id: str) -> None:
        """Put the copy under the view, in the cell that runs now."""
        from IPython.display import display

        self._display_id, self._is_stale = display_id, False
        display(self._build(), raw=True, display_id=self._display_id)
        call_after_cells(_end_cell)
        _SHOWN.add(self)

    def refresh(self) -> None:
        """The state has changed: send the copy, at most twice a second."""
        self._is_stale = True
        if self._display_id:
            self._send_soon()

    def flush(self) -> None:
        """Send the copy now, if it is stale."""
        if not self._display_id or not self._is_stale:
            return
        # Another thread's message need not count as the running cell's: it is sent again when the cell ends.
        self._is_stale = threading.current_thread() is not threading.main_thread()
        self._send()

    def end_cell(self) -> None:
        """A cell ends: wait for what it set, and send the copy from it."""
        self._settle(_CELL_END_S)
        if self._is_stale:
            self._is_stale = False
            self._send()

    def _send(self) -> None:
        from IPython.display import display

        display(self._build(), raw=True, display_id=self._display_id, update=True)


_SHOWN: "weakref.WeakSet[SecondOutput]" = weakref.WeakSet()
_FOLLOWED: "weakref.WeakKeyDictionary[object, set[Callable[[], None]]]" = weakref.WeakKeyDictionary()  # by shell


def call_after_cells(act: Callable[[], None]) -> None:
    """Have the notebook's shell call a function when a cell ends; once, however often this is asked."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    known = _FOLLOWED.setdefault(shell, set())
    if act not in known:
        known.add(act)
        shell.events.register("post_run_cell", lambda *_result: act())


def _end_cell() -> None:
    for output in list(_SHOWN):
        try:
            output.end_cell()
        except Exception:
            logging.getLogger(__name__).exception("a static copy could not be brought up to date")
