"""What every widget has: status, errors in words, the second output, provenance."""

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets as t

from gscope_widgets import __version__
from gscope_widgets.errors import Cancelled, GscopeError, InvalidValue, describe_value
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets import _static
from gscope_widgets.widgets._state import Checked, describe_model

_BUNDLES = Path(__file__).parent.parent / "static"
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_DTYPES = {"float32", "int32"}


def read_bundle(name: str) -> str:
    """A built front-end file as a string: a path would keep every instance alive (anywidget#929)."""
    return (_BUNDLES / name).read_text(encoding="utf-8")


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


class GscopeWidget(anywidget.AnyWidget):
    """Base of the widgets. Not for use alone."""

    status = t.Dict(
        {"state": "idle", "message": "", "progress": None, "request": 0},
        help="Writer: Python. State (idle, busy, cancelled, error), a sentence, progress 0 to 1, request number.",
    ).tag(sync=True)
    badge = t.Unicode(help="Writer: Python. Which model answers.").tag(sync=True)
    footer = t.Unicode(help="Writer: Python. Model, dictionary, device and dtype in one line.").tag(sync=True)
    version = t.Unicode(__version__, help="Writer: Python. Of this package.").tag(sync=True)
    copy_id = t.Unicode(
        help="Writer: Python. The class of this widget's static copies, which its live view hides."
    ).tag(sync=True)
    text_limit = t.Int(help="Writer: Python. Characters; the view refuses longer text before sending it.").tag(
        sync=True
    )

    _title = ""
    _typed = frozenset({"text", "prompt"})

    def __init__(self, scope: Any, **state: Any):
        self.scope = scope
        self._state_lock = threading.RLock()
        self._last_message: tuple[dict, list[bytes]] | None = None
        self._job: Any = None
        self._answers = False  # to changes of state; off until the first result is made
        self._newest_job = 0
        self._refusal = ""
        self._settled = threading.Event()
        self._settled.set()
        self._wanted_status = self.status
        self._has_copy = False
        self._refresh_copy = Coalesced(self._send_copy, seconds=0.5)
        copy_id = f"gscope-copy-{secrets.token_hex(8)}"
        super().__init__(badge=describe_model(scope), copy_id=copy_id, text_limit=scope.text_limit, **state)
        self.on_msg(self._receive)

    # ---- what every widget offers

    def to_html(self) -> str:
        """The last result as one HTML file: no script, no network."""
        return _static.build_page(self._build_copy(), title=self._title)

    @property
    def provenance(self) -> Provenance:
        """Model, dictionary, revisions, device, dtype, versions and settings behind what is shown."""
        raise NotImplementedError

    def wait(self) -> None:
        """Return when the newest request has been answered.

        Raises:
            GscopeError: what the widget shows as an error.
        """
        while True:
            job = self._job
            if job is not None:
                with suppress(Cancelled):
                    job.wait()
            if job is self._job:
                break
        self._settled.wait(timeout=10)

    def close(self) -> None:
        """Stop work and leave the page; the layout, which ipywidgets keeps (#2308), goes too."""
        if self.comm is None:  # closed already, or never made: ipywidgets closes what it deletes
            return
        if self._job is not None:
            self._job.cancel()
        layout = self.layout
        super().close()
        if layout is not None:
            layout.close()

    # ---- requests

    def _request(self, work: Callable[[], Any], *, deliver: Callable[[Any], None], slot: Hashable, doing: str) -> None:
        """Run work on the scope's worker; the newest request of a slot wins.

        `deliver` gets the value on the worker's thread, and only if no newer request came.
        """

        def run(_job: Any) -> None:
            value = work()
            with self._state_lock:
                if self._is_newest(number):
                    deliver(value)

        # Under one lock, so that of two threads' requests the newer number is also the newer job of its slot.
        with self._state_lock:
            number = self._begin(doing)
            try:
                job = self._job = self.scope.submit(run, slot=(id(self), slot))
            except GscopeError as error:
                self._settle(number, error)
                raise
        self._show_status()
        job.add_done_callback(lambda job: self._settle(number, job.exception()))

    def _begin(self, doing: str) -> int:
        """Take a new number; `_show_status` is to follow, outside the lock."""
        with self._state_lock:
            self._settled.clear()
            self._newest_job = self._wanted_status["request"] + 1
            self._refusal = ""
            self._set_status("busy", doing, request=self._newest_job)
            return self._newest_job

    def _settle(self, number: int, error: BaseException | None) -> None:
        if error is None:
            self._end(number, "idle", "")
        elif isinstance(error, Cancelled):
            self._end(number, "cancelled", "Stopped.")
        else:
            self._end(number, "error", describe_error(error))

    def _end(self, number: int, state: str, message: str) -> None:
        with self._state_lock:
            if not self._is_newest(number):
                return
            if self._refusal:
                state, message = "error", self._refusal
            self._set_status(state, message, request=self._wanted_status["request"])
        self._show_status()
        self._refresh_copy()
        self._settled.set()

    def _report(self, number: int, progress: float) -> None:
        """Show how far the newest request has come, 0 to 1."""
        with self._state_lock:
            if self._is_newest(number):
                self._wanted_status = self._wanted_status | {"progress": progress}
        self._show_status()

    def _is_newest(self, number: int) -> bool:
        return self._newest_job == number

    def _refuse(self, error: BaseException) -> None:
        """Show an error without starting anything; what was shown stays, and so does work under way."""
        with self._state_lock:
            busy = self._wanted_status["state"] == "busy"
            self._refusal = describe_error(error) if busy else ""
            number = self._wanted_status["request"] + 1
            self._set_status("busy" if busy else "error", describe_error(error), request=number)
        self._show_status()

    def _set_status(self, state: str, message: str, *, request: int) -> None:
        self._wanted_status = {"state": state, "message": message, "progress": None, "request": request}

    def _show_status(self) -> None:
        """Bring the trait up to date. Never under the lock: an observer of `status` may ask the scope something."""
        while self.status is not self._wanted_status:
            try:
                self.status = self._wanted_status
            except Exception:
                logging.getLogger(__name__).exception("an observer of status raised")

    # ---- messages

    def _deliver(self, content: dict, arrays: dict[str, np.ndarray]) -> None:
        """Send a result to every view, and keep it for views that come later."""
        head = [{"name": name, "dtype": str(array.dtype), "shape": list(array.shape)} for name, array in arrays.items()]
        assert all(str(array.dtype) in _DTYPES for array in arrays.values()), head
        content = content | {"request": self._wanted_status["request"], "arrays": head}
        self._last_message = (content, [np.ascontiguousarray(array).tobytes() for array in arrays.values()])
        self.send(*self._last_message)

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        try:
            kind = content.get("type") if isinstance(content, dict) else None
            if kind == "ready":
                self._greet()
            elif kind == "cancel":
                self._cancel()
            elif not self._receive_more(kind, content):
                raise InvalidValue(f"a message of an unknown kind came from the page: {describe_value(content)}")
        except Exception as error:  # noqa: BLE001 - a callback's exception reaches no one (ipywidgets#1971)
            self._refuse(error)

    def _greet(self) -> None:
        if self._last_message is None:
            self.send({"type": "ack", "id": "ready"})
        else:
            self.send(*self._last_message)

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _receive_more(self, kind: Any, content: dict) -> bool:
        """Handle a message of this widget's own; True when it was one."""
        return False

    # ---- state from the page

    def set_state(self, sync_data: dict) -> None:
        """State sent by the page: what is valid is taken; the rest is refused in words, instead of an exception."""
        if not isinstance(sync_data, dict):
            self._refuse(InvalidValue(f"the page sent state of an unknown form: {describe_value(sync_data)}"))
            return
        before, refusal, valid = self._wanted_status, None, {}
        try:
            for name, value in sync_data.items():
                try:
                    self._check_sent(name, value)
                    valid[name] = value
                except GscopeError as error:
                    refusal = error
            super().set_state(valid)
        except Exception as error:  # noqa: BLE001 - a callback's exception reaches no one (ipywidgets#1971)
            refusal = error
        if refusal is not None:
            self._refuse(refusal)
            # A refused text stays in the editor, to be mended there.
            self.send_state([name for name in sync_data if name in self.keys and name not in self._typed])
        elif before["state"] == "error" and self._wanted_status is before and self._typed & set(sync_data):
            self._end(self._begin(""), "idle", "")

    def _check_sent(self, name: str, value: Any) -> None:
        trait = self.traits().get(name)
        if isinstance(trait, Checked):
            trait.validate(self, value)
        elif name in self.keys:
            raise InvalidValue(f"{name} is written by Python alone; the page sent {describe_value(value)}")

    # ---- display

    def _ipython_display_(self, **_options: Any) -> None:
        from IPython.display import display

        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        note = f"{self._title}: the live view needs a running kernel; below is a copy of its last result."
        display({_WIDGET_VIEW: view, "text/plain": note}, raw=True)
        self._has_copy = True
        display(self._copy_bundle(), raw=True, display_id=self.copy_id)

    def _send_copy(self) -> None:
        if self._has_copy:
            from IPython.display import display

            display(self._copy_bundle(), raw=True, display_id=self.copy_id, update=True)

    def _copy_bundle(self) -> dict[str, str]:
        return {"text/html": self._build_copy(), "text/plain": f"{self._title} ({self.footer})"}

    def _build_copy(self) -> str:
        message = self.status["message"] if self.status["state"] == "error" else ""
        parts = [*self._copy_parts(), *([_static.build_paragraph(message)] if message else [])]
        return _static.build_copy(
            title=self._title, badge=self.badge, parts=parts, footer=self.footer, copy_id=self.copy_id
        )

    def _copy_parts(self) -> list[str]:
        raise NotImplementedError


def describe_error(error: BaseException) -> str:
    """An error as a sentence for the reader."""
    if isinstance(error, (GscopeError, t.TraitError)):
        return str(error)
    return f"Something went wrong inside gscope_widgets: {type(error).__name__}: {error}"
