"""Doctor: what this machine, its packages, the Hub and the page can do, and what to mend."""

import platform
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict

import numpy as np

from gscope_widgets import __version__
from gscope_widgets.checkup.needs import MODELS, find_needs
from gscope_widgets.checkup.packages import FLOORS
from gscope_widgets.checkup.page import Contact, PageAnswer, check_front_end, check_page
from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.checkup import MARKS, WORDS, Checkup, Finding, FindingState
from gscope_widgets.records.figures import write_figure
from gscope_widgets.records.numbers import check_switch
from gscope_widgets.records.protocols import Examiner, Job
from gscope_widgets.records.provenance import Provenance, find_versions
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.state import Checked, Told
from gscope_widgets.widgets.base.widget import GscopeWidget
from gscope_widgets.widgets.base.wire import ArrayHead

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

PageHost = Literal["JupyterLab or Notebook", "Colab", "VS Code", "another page"]
PageTheme = Literal["light", "dark"]
Word = Annotated[str, Bounds(length=40)]

_PENDING = "not checked yet"
_CELL_END_S = 2.0  # that a cell which shows it lasts longer: while a cell runs, the page's answer may not be heard
_MOST_BYTES = 1_000_000


class FindingInfo(TypedDict):
    """One check, as `gs.doctor()` has it."""

    name: str
    state: FindingState
    seen: str
    advice: str  # what to do; empty where nothing is to be done


class CheckupResult(TypedDict):
    """The findings so far, one for each check."""

    type: Literal["result"]
    request: int
    model: str  # the settings that this answers
    ask_hub: bool
    findings: list[FindingInfo]
    summary: str  # how many there are of each kind; empty until every check is done
    arrays: list[ArrayHead]  # none


class Ping(TypedDict):
    """To every view: say what came of this, and what the page is like."""

    type: Literal["ping"]
    id: int
    asked: Annotated[int, Bounds(0, _MOST_BYTES)]  # characters to send back
    arrays: list[ArrayHead]  # numbers of no meaning, as large as a message gets


class Pong(TypedDict):
    """From a view: its answer to a ping."""

    type: Literal["pong"]
    id: int
    received: Annotated[int, Bounds(0)]  # bytes of the ping's numbers
    padding: Annotated[str, Bounds(length=_MOST_BYTES)]  # as many characters as were asked for
    version: Word  # that the view was built with
    host: PageHost
    theme: PageTheme
    browser: Word
    width_px: Annotated[int, Bounds(0)]
    is_styled: bool  # whether the style sheet is in force
    has_manager: bool  # whether there is a widget manager


class CheckAgain(TypedDict):
    """Begin another check-up."""

    type: Literal["check"]


class _Look(NamedTuple):
    """A check-up, and what it found so far."""

    number: int  # of its request
    settings: dict[str, Any]
    found: dict[str, Finding]
    seconds: float  # from its beginning to the last finding


class _Sent(NamedTuple):
    id: int
    at: float  # seconds of the clock
    bytes: int
    asked: int


def _check_model(_doctor: object, value: Any) -> str:
    return find_needs(value).model


def _check_ask_hub(_doctor: object, value: object) -> bool:
    return check_switch("ask_hub", value)


def _check_examiner(value: Examiner | None) -> Examiner:
    if value is None:
        from gscope_widgets.checkup.examiner import open_examiner

        return open_examiner()
    if not (hasattr(value, "examine") and hasattr(value, "submit")):
        raise InvalidValue(f"examiner has examine and submit, or is left out, got {describe_value(value)}")
    return value


class Doctor(GscopeWidget):
    """A check-up of this machine, line by line as it is made, each with what to do where something is wrong.

    Python, packages, torch, devices, memory, disk, the Hub, token, licence, caches and mini, as `gs.doctor()` looks at
    them; and the page: whether messages go both ways, whole, between halves of one version, and what the page is like.
    No model is loaded but mini, for a moment; nothing that it shows, writes or copies holds a token or a user's name.

    The cell ends while the check-up goes on, so that the page is heard. A notebook that is run without a page saves all
    of it where a later cell calls `wait()`.
    """

    model = Checked(_check_model, str, "gemma-3-270m", help="Whose needs are looked at.")
    ask_hub = Checked(_check_ask_hub, bool, True, help="Whether the Hub is asked, once for each check-up.")
    models = Told(list[str], list(MODELS), help="Models to choose from; `model` takes their -it and -pt forms too.")

    to_page = {"result": CheckupResult, "ping": Ping}
    to_python = {"check": CheckAgain, "pong": Pong}
    settings = ("model", "ask_hub")
    _asking = settings
    _keeps_numbers = False  # which are of this machine, today

    def __init__(self, model: str = "gemma-3-270m", *, ask_hub: bool = True, examiner: Examiner | None = None):
        """Begin a check-up, and return at once; `report` waits for it.

        Args:
            model: whose needs are looked at: "mini", or "gemma-3-270m" to "gemma-3-27b-it".
            ask_hub: False sends nothing over the network.
            examiner: who looks; None looks at this machine. Tests give one that looks at nothing.

        Raises:
            UnknownModel: the model's needs are not known.
            InvalidValue: ask_hub is no bool, or examiner none.
        """
        self._examiner = _check_examiner(examiner)
        self._lock = threading.RLock()  # of all below: findings come on the examiner's thread, answers on others
        self._newest = 0  # the number of the check-up that was begun last
        self._ping: _Sent | None = None
        self._pong: PageAnswer | None = None
        self._timer: threading.Timer | None = None
        self._is_shown = self._is_heard = self._is_late = False
        footer = f"gscope-widgets {__version__} · Python {platform.python_version()} · {platform.system()}"
        given = {"model": _check_model(self, model), "ask_hub": _check_ask_hub(self, ask_hub)}
        super().__init__(self._examiner, **given, badge="this machine", footer=footer)
        self._look = _Look(0, self._read_settings(), {}, 0.0)  # the one shown
        self._checkup = self._build_checkup(self._look)
        self._open()
        self.check()

    @property
    def report(self) -> Checkup:
        """The findings, once the check-up under way has ended; `print` gives a text to paste into an issue.

        The lines on the page are as they are known by then: a view answers when no cell runs, within 8 s.
        """
        self.wait()
        return self._checkup

    def check(self) -> None:
        """Begin another check-up, in place of one under way; returns at once.

        Raises:
            Closed: the widget was closed.
        """
        self._require_open()
        self._answer(self._read_settings())

    # ---- what every widget offers

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame: `name`, `state`, `seen`, `advice`, a row for each check."""
        return self._checkup.to_frame()

    def plot(self) -> "Figure":
        """The report as a picture."""
        return write_figure(str(self._checkup), self.provenance)

    def shows(self) -> list[str]:
        """Each finding in words."""
        words = [[one.name, WORDS[one.state], one.seen, one.advice] for one in self._checkup.findings]
        return list(dict.fromkeys(word for finding in words for word in finding if word))

    def to_code(self) -> str:
        """Code that finds the same without the widget, but for the page."""
        settings = self._look.settings
        return f"import gscope_widgets as gs\n\nprint(gs.doctor({settings['model']!r}, ask_hub={settings['ask_hub']}))"

    @property
    def provenance(self) -> Provenance:
        """Whose needs were looked at, and the versions that were there. No model was run, so none is named further."""
        settings = self._look.settings
        versions = {"gscope-widgets": __version__, "python": platform.python_version(), **find_versions(*FLOORS)}
        return Provenance(settings["model"], "", "", "", settings={"ask_hub": settings["ask_hub"]}, versions=versions)

    def close(self) -> None:
        """See `GscopeWidget`."""
        if self.comm is not None:  # ipywidgets closes what was never made too
            self._stop_waiting()
        super().close()

    # ---- a check-up

    def _answer(self, settings: dict[str, Any]) -> None:
        def submit(number: int) -> Job:
            self._newest = number

            def steps(_job: object) -> Iterator[float]:
                begun = time.monotonic()
                for share, finding in self._examiner.examine(settings["model"], ask_hub=settings["ask_hub"]):
                    self._take_finding(number, settings, finding, time.monotonic() - begun)
                    yield share
                self._requests.deliver(number, lambda: None)  # it is shown already

            return self._examiner.submit(steps, slot=id(self))

        self._requests.start(submit, doing="Checking…")

    def _take_finding(self, number: int, settings: dict[str, Any], finding: Finding, seconds: float) -> None:
        with self._lock:
            if number != self._newest:
                return
            found = self._look.found if self._look.number == number else {}
            self._publish(_Look(number, settings, {**found, finding.name: finding}, seconds))

    def _build_checkup(self, look: _Look) -> Checkup:
        pending = {name: Finding(name, "not asked", _PENDING) for name in self._examiner.checks}
        contact = Contact(self._is_shown, self._is_heard, self._is_late, self._examiner.patience_s, self._pong)
        page = (check_front_end(contact, __version__), check_page(contact))
        findings = (*(pending | look.found).values(), *page)
        return Checkup(findings, look.settings["model"], __version__, look.seconds)

    def _publish(self, look: _Look) -> None:
        checkup = self._build_checkup(look)
        found = [
            {"name": one.name, "state": one.state, "seen": one.seen, "advice": one.advice} for one in checkup.findings
        ]
        summary = checkup.summarise() if len(look.found) == len(self._examiner.checks) else ""
        self._send_result({**look.settings, "findings": found, "summary": summary})
        self._look, self._checkup = look, checkup

    def _end_request(self, delivered: bool) -> None:
        if delivered and self._is_heard:  # its time is taken when nothing else runs
            self._send_ping()
        super()._end_request(delivered)

    def _get_result(self) -> Checkup:
        return self._checkup

    def _settle_cell(self, seconds: float) -> None:
        super()._settle_cell(min(seconds, _CELL_END_S))

    def _copy_parts(self) -> list[str]:
        rows = [
            [f"{MARKS[one.state]} {WORDS[one.state]}", one.name, one.seen, one.advice] for one in self._checkup.findings
        ]
        caption = f"For {self._checkup.model}: {self._checkup.summarise()}"
        return [copy.build_table(columns=["", "check", "seen", "what to do"], rows=rows, caption=caption)]

    # ---- the page

    def _ipython_display_(self, **options: object) -> None:
        self._require_open()
        self._is_shown = True
        self._wait_for_page()
        super()._ipython_display_(**options)

    def _take_message(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "check":
            self.check()
        elif kind == "pong":
            self._take_pong(content)
        else:
            super()._take_message(kind, content)

    def _greet(self) -> None:
        super()._greet()
        self._is_heard = True
        self._send_ping()

    def _send_ping(self) -> None:
        numbers = np.arange(self._examiner.probe_bytes // 4, dtype=np.int32)
        with self._lock:
            number = 1 if self._ping is None else self._ping.id + 1
            self._wait_for_page()
            self._ping = _Sent(number, time.monotonic(), numbers.nbytes, numbers.nbytes // 5)
        head = {"name": "numbers", "dtype": "int32", "shape": [len(numbers)]}
        self.send({"type": "ping", "id": number, "asked": self._ping.asked, "arrays": [head]}, [numbers.tobytes()])

    def _take_pong(self, content: dict[str, Any]) -> None:
        with self._lock:
            ping = self._ping
            if ping is None or content["id"] != ping.id:
                return
            self._stop_waiting()
            told = {name: content[name] for name in PageAnswer.__dataclass_fields__ if name in content}
            seconds, returned = time.monotonic() - ping.at, len(content["padding"])
            self._pong = PageAnswer(seconds=seconds, sent=ping.bytes, asked=ping.asked, returned=returned, **told)
        self._tell_of_page()

    def _wait_for_page(self) -> None:
        with self._lock:
            self._stop_waiting()
            self._is_late = False
            self._checkup = self._build_checkup(self._look)
            self._timer = threading.Timer(self._examiner.patience_s, self._give_up)
            self._timer.daemon = True
            self._timer.start()

    def _stop_waiting(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _give_up(self) -> None:
        with self._lock:
            if self._timer is not threading.current_thread():  # it was stopped, or begun anew, as it ran out
                return
            self._timer, self._pong, self._is_late = None, None, True
        self._tell_of_page()

    def _tell_of_page(self) -> None:
        with self._lock:
            self._publish(self._look)
        self._output.refresh()
