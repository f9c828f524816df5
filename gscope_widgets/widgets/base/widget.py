"""What every widget has: traits, display, messages, requests in words, provenance."""

import logging
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import anywidget
import numpy as np

from gscope_widgets import __version__
from gscope_widgets.errors import Closed, GscopeError, InvalidValue, describe_value
from gscope_widgets.records.figures import draw_png, draw_svg
from gscope_widgets.records.kept import KeptView
from gscope_widgets.records.lessons import Lesson
from gscope_widgets.records.protocols import Engine, Job, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.contract import build_schema, require
from gscope_widgets.widgets.base.keeping import build_view
from gscope_widgets.widgets.base.limits import PIECE_BYTES
from gscope_widgets.widgets.base.locking import (
    Check,
    build_lesson,
    describe_lesson,
    require_allowed,
    take_choice,
    take_lesson,
    tell_lesson,
)
from gscope_widgets.widgets.base.names import explain_name
from gscope_widgets.widgets.base.output import SecondOutput
from gscope_widgets.widgets.base.requests import Requests, describe_error
from gscope_widgets.widgets.base.state import Checked, Shared, Told, refuse_as_words
from gscope_widgets.widgets.base.trouble import build_trouble
from gscope_widgets.widgets.base.wire import (
    Again,
    AskPicture,
    Cancel,
    LessonView,
    Pin,
    Ready,
    Status,
    Step,
    Text,
    Trouble,
)
from gscope_widgets.widgets.catalogue import find_row

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_BUNDLES = Path(__file__).parent.parent.parent / "static"
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_DTYPES = {"float32", "int32"}
TO_PYTHON: dict[str, type] = {
    "ready": Ready,
    "cancel": Cancel,
    "again": Again,
    "step": Step,
    "pin": Pin,
    "picture": AskPicture,
}
SharedName = Literal["text", "feature", "pos"]
SHARED: tuple[SharedName, ...] = get_args(SharedName)


def read_bundle(name: str) -> str:
    """A built front-end file as a string: a path would keep every instance alive (anywidget#929)."""
    return (_BUNDLES / name).read_text(encoding="utf-8")


def _is_text(trait: Shared | None) -> bool:
    """Whether it holds what a model reads."""
    return trait is not None and trait.wire == Text


class GscopeWidget(anywidget.AnyWidget):
    """Base of the widgets. Not for use alone.

    A widget's class names what crosses (traits, `to_page`, `to_python`), what a result is made with
    (`settings`), and says how a change is answered (`_answer`), and how the result is told, drawn and written.
    """

    status = Told(
        Status,
        {"state": "idle", "message": "", "progress": None, "detail": "", "request": 0},
        help="What the widget does now: state, a sentence, how far that is, the newest request's number.",
    )
    refused = Told(
        str, "", help="The setting that `status` refuses, which a field of the view says; empty where there is none."
    )
    trouble = Told(Trouble | None, None, help="What helps with the error that `status` says, or null.")
    badge = Told(str, "", help="Who answers, such as a model, and how: live or replayed.")
    footer = Told(str, "", help="What answers in one line: model, dictionary, device and dtype, or versions.")
    version = Told(str, "", help="Of this package.")
    copy_id = Told(str, "", help="The class of this widget's static copies, which its live view hides.")
    lesson_view = Told(LessonView | None, None, help="Of the lesson that the widget is locked to, or null.")

    to_page: ClassVar[Mapping[str, type]] = {}  # messages by kind
    to_python: ClassVar[Mapping[str, type]] = {}  # besides those of `TO_PYTHON`
    settings: ClassVar[tuple[str, ...]] = ()  # the traits that a result is made with
    _asking: ClassVar[tuple[str, ...]] = ()  # the traits whose change is answered at once
    shared_state: ClassVar[Mapping[SharedName, str]] = {}  # what `gs.link` keeps in step, and in which trait it stands
    _text_name: ClassVar[str] = ""  # the trait that holds what a model reads; empty where none does
    _title: ClassVar[str] = ""
    _keeps_numbers: ClassVar[bool] = True  # whether the same state gives the same numbers, here and elsewhere
    _fixable: ClassVar[tuple[str, ...]] = ()  # settings that a lesson can fix
    _filters_features: ClassVar[bool] = True  # whether a lesson can leave features out
    _shows_labels: ClassVar[bool] = False
    _fixed_with: ClassVar[Mapping[str, str]] = {}  # settings that stay where another one is fixed
    _label_settings: ClassVar[tuple[str, ...]] = ()  # settings that mean nothing while labels are hidden
    _lesson: Lesson | None = None
    _lesson_check: Check | None = None
    _is_closed = False
    _is_quiet = True  # until `_open`: the traits of a widget that is being made ask for nothing
    _is_from_page = False  # whether state is being taken that the page sent

    def __init_subclass__(cls, **options: Any):
        row = find_row(cls.__name__)
        if row is not None and cls._title != row.title:  # each instance is of a class of its own, with the same name
            cls._esm, cls._css = read_bundle(f"{row.module}.js"), read_bundle(f"{row.module}.css")
            cls._title, cls._text_name = row.title, row.text or ""
            cls._fixable, cls._filters_features = row.fixable, row.filters_features
            cls._shows_labels = row.has_dictionary
            cls.shared_state = {**({} if row.text is None else {"text": row.text}), **cls.shared_state}
        super().__init_subclass__(**options)

    def __init__(self, engine: Engine, **state: Any):
        self._engine = engine
        self._requests = Requests(
            show=self._show_status, after=self._end_request, status=self.status, hint=self._write_remarks
        )
        self._output = SecondOutput(self._build_bundle, settle=self._settle_cell)
        self._last_message: tuple[dict[str, Any], list[bytes]] | None = None
        self._last_pieces: list[bytes] = []  # that go before it
        self._callbacks: list[Callable[[Any], object]] = []
        self._asked: dict[str, Any] | None = None
        self._findings: tuple[KeptView, ...] = ()
        self._remark = ""  # said once, until something is asked for
        self._refusal = ("", "")  # the setting of the page that was refused last, and the sentence
        super().__init__(**state, copy_id=f"gscope-copy-{secrets.token_hex(8)}", version=__version__)
        self.on_msg(self._receive)
        if self.comm is not None:
            self.comm.on_close(lambda _message: self.close())  # by the page: no view can come any more

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse a name that is none but is like a setting's: it would be taken, and do nothing.

        Other attributes, what a class names, and all of users' own subclasses are set as ever.

        Raises:
            InvalidValue: with the name that is meant.
        """
        is_new = not (self._is_quiet or name.startswith("_") or hasattr(type(self), name) or name in vars(self))
        sentence = explain_name(self, name) if is_new else ""
        if sentence:
            raise InvalidValue(sentence)
        super().__setattr__(name, value)

    def _open(self) -> None:
        """From now on changes of state are answered; called last by the constructor."""
        self._asked, self._is_quiet = self._read_settings(), False
        if self._asking:
            self.observe(self._on_change, names=list(self._asking))
        self._requests.remark()

    # ---- what every widget offers

    @property
    def provenance(self) -> Provenance:
        """Model, dictionaries, revisions, device, dtype, versions and settings behind what is shown."""
        raise NotImplementedError

    def to_html(self) -> str:
        """The last result as one HTML file: no script, no network."""
        return copy.build_page(self._build_copy(), title=self._title)

    def to_frame(self) -> "pandas.DataFrame":
        """The numbers shown as a pandas DataFrame."""
        raise NotImplementedError

    def plot(self) -> "Figure":
        """What is shown as a matplotlib Figure, which a notebook shows as a picture."""
        raise NotImplementedError

    def to_png(self) -> bytes:
        """`plot()` as a PNG picture, 100 dots an inch; where its numbers come from stands in it and in its metadata."""
        return draw_png(self.plot())

    def to_svg(self) -> str:
        """`plot()` as an SVG drawing without script; where its numbers come from stands in it and in its metadata."""
        return draw_svg(self.plot())

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        raise NotImplementedError

    def shows(self) -> list[str]:
        """Words that copy, view and plot agree on: the tokens and numbers of the result as readers see them."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str], note: str = "") -> None:
        """Write a small file from which `gs.open(path)` makes this widget again, with equal numbers.

        It holds what the reader set, the numbers shown, and where they come from; no weights, no path and no token.
        It appears whole or not at all; one that was there before stays until then. Waits for the newest request.

        Args:
            path: a file to write, such as "finding.json", in a folder that there is.
            note: kept with it, at most 2000 characters.

        Raises:
            InvalidValue, DiskFull: it cannot be written there.
            GscopeError: what the newest request ended with; there are no numbers of this state then.
        """
        from gscope_widgets.keeping.files import write_view

        write_view(path, build_view(self, note))

    def pin(self, note: str = "") -> KeptView:
        """Keep what is shown now as a finding, with a note of at most 2000 characters; `findings` lists them.

        It lives as long as this widget; `gs.write_view(path, view)` writes it to a file. Waits for the newest request.

        Raises:
            GscopeError: as `save`.
        """
        view = build_view(self, note)
        self._findings = (*self._findings, view)
        return view

    @property
    def findings(self) -> tuple[KeptView, ...]:
        """What was pinned, here and in the page, the oldest first."""
        return self._findings

    def wait(self) -> None:
        """Return when the newest request has been answered, and the copy in the notebook says so.

        Raises:
            GscopeError: what the widget shows as an error.
        """
        try:
            self._requests.wait()
        finally:
            self._output.flush()

    def on_result(self, callback: Callable[[Any], object]) -> Callable[[], None]:
        """Call a function with each result that answers the newest request, once it is shown.

        A result that is shown while something newer is under way, as in a drag, is left out.

        Args:
            callback: called on the worker's thread with the result (the reading, the distribution, the
                generation); it may set state of this and other widgets, and ask the scope for more. What it
                raises is said in the widget.

        Returns:
            A function that ends this.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    def read_shared(self, name: SharedName) -> Any:
        """A part of the state that `gs.link` keeps in step; None where nothing is picked."""
        return getattr(self, self.shared_state[name])

    def take_shared(self, name: SharedName, value: Any) -> None:
        """Show what a linked widget shows, where this one can; what it refuses, it says in words."""
        try:
            setattr(self, self.shared_state[name], value)
        except GscopeError as error:
            self._requests.refuse(error)

    def close(self) -> None:
        """Stop work and leave the page. Quiet when repeated.

        What was shown can still be read and written (`to_frame`, `to_html`, ...); to set, start or show the widget is
        refused as `Closed`. A widget that its page closes is closed here too.
        """
        if self.comm is None:  # closed already, or never made: ipywidgets closes what it deletes
            return
        self._is_closed = True
        self._requests.cancel()
        self._output.flush()
        layout = self.layout
        super().close()
        self.__dict__.pop("_ipython_display_", None)  # by which ipywidgets 7 hides our own
        if layout is not None:  # which ipywidgets keeps (#2308)
            layout.close()

    def _require_open(self) -> None:
        """Refuse what a closed widget cannot do.

        Raises:
            Closed: it was closed.
        """
        if self._is_closed:
            raise Closed(f"this {type(self).__name__} was closed; make another one")

    # ---- keeping

    def _write_kept(self, name: str) -> object:
        """A trait as a file keeps it: as the page is told it, where that is all there is to it."""
        return self.shared_traits()[name].to_wire(getattr(self, name))

    def _read_keyword(self, name: str) -> Any:
        """What the constructor was given by a name that is no trait's; of dictionaries their ids."""
        value: Any = getattr(self, f"_{name}", None)
        value = getattr(self, name, None) if value is None else value
        return value.info.id if value is not None and hasattr(value, "info") else value

    def _read_run(self) -> tuple[dict[str, Any], bool] | None:
        """The settings of the run shown, and whether it was stopped; None where nothing was begun with `start()`."""
        return None

    def _list_kept_parts(self) -> Mapping[str, "GscopeWidget"]:
        """The widgets that it is made of, each kept for itself."""
        return {}

    def _pin_for_page(self, note: str) -> None:
        try:
            if self._requests.is_busy:  # a page's message must not wait
                raise InvalidValue("what is shown is still being made; pin it once it is there")
            self.pin(note)
            number = len(self._findings)
            said = (
                f"Pinned: findings[{number - 1}] of this widget in Python. In a cell, "
                f'gs.write_view("finding-{number}.json", widget.findings[{number - 1}]) keeps it.'
            )
        except Exception as error:  # noqa: BLE001 - a callback's exception reaches no one (ipywidgets#1971)
            said = f"Not pinned: {describe_error(error)}"
        self.send({"type": "kept", "text": said, "format": ""})

    def _send_picture(self, kind: str) -> None:
        try:
            picture = self.to_png() if kind == "png" else self.to_svg().encode()
            if len(picture) > PIECE_BYTES:
                raise InvalidValue(
                    f"the picture has {len(picture) // 1000:,} kB, too many for the page; "
                    f"widget.to_{kind}() gives it in Python"
                )
        except Exception as error:  # noqa: BLE001 - as above
            self.send({"type": "kept", "text": f"No picture: {describe_error(error)}", "format": ""})
        else:
            self.send({"type": "kept", "text": "", "format": kind}, [picture])

    # ---- a lesson

    @property
    def lesson(self) -> Lesson | None:
        """The lesson that the widget is locked to, as far as its stages are open; None where it is not locked."""
        return self._lesson

    def lock(self, lesson: Lesson | None = None, /, *, check: Check | None = None, **parts: Any) -> Lesson:
        """Lock the widget to a lesson, in place of one before. For teaching, not security: `unlock()` opens it all.

        What is fixed is refused from the page, from linked widgets and from Python, in words. State that the lesson
        does not allow is brought to what it does: the first prompt, the first feature.

        Args:
            lesson: from `gs.Lesson(...)`; or its parts as keywords, features also as numbers:
                `lock(fixed=["text"], features=[3, 4], hide_labels=True, note="What do they share?")`.
            check: called with the widget, after each result and when the page asks for the next stage; it opens when
                this returns True. A string says what is missing. It is no part of the lesson, which is data.

        Returns:
            The lesson, whose repr is the line of code that makes it again.

        Raises:
            InvalidValue: it names what this widget has not.
            UnknownFeature, UnknownDictionary, PromptTooLong: so do its features and prompts.
        """
        self._require_open()
        made = build_lesson(self, lesson, parts)
        take_lesson(self, made)
        self._lesson_check = check
        return made

    def unlock(self) -> None:
        """Open everything that a lesson locked. Quiet where nothing is locked."""
        if self._lesson is not None:
            take_lesson(self, None)
            self._lesson_check = None

    def next_stage(self) -> Lesson:
        """Open the next stage of the lesson, without its check, and return the lesson as it is then.

        Raises:
            InvalidValue: the widget is not locked, or all stages are open.
        """
        if self._lesson is None:
            raise InvalidValue("this widget is not locked; there is no stage to open")
        made = self._lesson.next()
        take_lesson(self, made)
        return made

    def _require_allowed(self, name: str, value: Any) -> None:
        """Refuse what the lesson does not allow a setting to be."""
        require_allowed(self, name, value)

    def _use_scope(self, change: Callable[[Scope], Scope]) -> None:
        """Ask another scope from now on."""
        if hasattr(self, "scope"):
            self.scope: Scope = change(self.scope)

    def _see_again(self, see: Callable[[Any], Any]) -> None:
        """Show what is held once more, each record as `see` gives it."""

    def _list_held(self) -> tuple[object, ...]:
        """The records shown from which a lesson may have left something out."""
        return ()

    def _show_lesson(self) -> None:
        view = tell_lesson(self)
        if view != self.lesson_view:
            self.lesson_view = view
        self._output.refresh()

    def _try_stage(self) -> None:
        """Open the next stage where its check passes; what it says is missing is not said unasked."""
        if self._lesson is None or self._lesson.next_stage is None or self._lesson_check is None:
            return
        try:
            if self._lesson_check(self) is True:
                self.next_stage()
        except Exception as error:
            logging.getLogger(__name__).exception("the check of a lesson raised")
            self._requests.refuse(InvalidValue(f"the check of this lesson raised {type(error).__name__}: {error}"))

    # ---- requests

    def _on_change(self, _change: object) -> None:
        if self._is_quiet:
            return
        settings = self._read_settings()
        if settings != self._asked:  # several traits set together are one request
            self._asked, self._remark = settings, ""
            self._answer(settings)

    def _take_same(self, name: str) -> None:
        """Python set a trait to what it is: what was not answered is asked for again."""
        # While notifications are held, what belongs together is not yet set together.
        if name in self._asking and not (self._is_quiet or self._is_from_page or self._cross_validation_lock):
            self._ask_again()

    def _ask_again(self) -> None:
        """Ask for the same once more, where its answer was an error or was stopped."""
        if self._asking and self._requests.is_unanswered:
            self._asked = self._read_settings()
            self._answer(self._asked)

    def _read_settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.settings}

    def _answer(self, settings: dict[str, Any]) -> None:
        """Begin what answers these settings."""
        raise NotImplementedError

    def _present(self, value: Any, deliver: Callable[[Any], None]) -> None:
        """Show the first result, which the constructor made."""
        self._requests.present(lambda: deliver(value))

    def _request(self, work: Callable[[], Any], *, deliver: Callable[[Any], None], doing: str) -> None:
        """Run work on the engine's worker. `deliver` gets its value there, if no newer request came."""

        def submit(number: int) -> Job:
            def run(_job: object) -> None:
                value = work()
                self._requests.deliver(number, lambda: deliver(value))

            return self._engine.submit(run, slot=id(self))

        self._requests.start(submit, doing=doing)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Set state inside without asking for anything."""
        before, self._is_quiet = self._is_quiet, True
        try:
            yield
        finally:
            self._is_quiet = before

    def _write_remarks(self) -> str:
        return " ".join(filter(None, (self._remark, self._write_hint())))

    def _say(self, remark: str) -> None:
        """Say something beside what is shown, until something is asked for."""
        self._remark = remark
        self._requests.remark()

    def _write_hint(self) -> str:
        """What is said while nothing is under way and nothing went wrong."""
        return ""

    def _show_status(self, status: Status) -> None:
        name, sentence = self._refusal
        self.refused = name if status["state"] in ("error", "busy") and status["message"] == sentence else ""
        self.trouble = self._find_trouble(status) if status["state"] == "error" else None
        self.status = status

    def _find_trouble(self, status: Status) -> Trouble:
        cause, is_unanswered = self._requests.cause, bool(self._asking) and self._requests.is_unanswered
        return build_trouble(self, status["message"], cause, is_unanswered=is_unanswered)

    def _get_result(self) -> object:
        """What callbacks of `on_result` get."""
        raise NotImplementedError

    def _end_request(self, delivered: bool) -> None:
        for callback in list(self._callbacks) if delivered else ():
            try:
                callback(self._get_result())
            except Exception as error:
                logging.getLogger(__name__).exception("a callback of on_result raised")
                self._requests.refuse(InvalidValue(f"a callback of on_result raised {type(error).__name__}: {error}"))
        if self._lesson is not None:
            self._show_lesson()
            if delivered:
                self._try_stage()
        self._output.refresh()

    def _settle_cell(self, seconds: float) -> None:
        """A cell that set something lasts until that is answered."""
        self._requests.wait_until_ended(seconds)

    # ---- messages

    def _send_result(self, content: dict[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
        """Send a result to every view, and keep it for views that come later.

        Arrays that are too long for one message go before it in pieces, where a widget has them in `to_page`.
        """
        arrays = arrays or {}
        head = [{"name": name, "dtype": str(array.dtype), "shape": list(array.shape)} for name, array in arrays.items()]
        assert all(array["dtype"] in _DTYPES for array in head), head
        content = {"type": "result", **content, "request": self._requests.status["request"], "arrays": head}
        buffers = [np.ascontiguousarray(array).tobytes() for array in arrays.values()]
        self._last_pieces = []
        if "piece" in self.to_page:
            if sum(map(len, buffers)) > PIECE_BYTES // 2:  # the other half is for the words
                whole, buffers = b"".join(buffers), []
                self._last_pieces = [whole[at : at + PIECE_BYTES] for at in range(0, len(whole), PIECE_BYTES)]
            content["pieces"] = len(self._last_pieces)
        self._last_message = (content, buffers)
        self._resend(self._last_message)

    def _resend(self, message: tuple[dict[str, Any], list[bytes]]) -> None:
        for index, piece in enumerate(self._last_pieces):
            self.send({"type": "piece", "index": index}, [piece])
        self.send(*message)

    def _receive(self, _widget: object, content: object, _buffers: object) -> None:
        try:
            kind = content.get("type") if isinstance(content, dict) else None
            known = {**TO_PYTHON, **self.to_python}
            if not isinstance(content, dict) or not isinstance(kind, str) or kind not in known:
                raise InvalidValue(f"a message of an unknown kind came from the page: {describe_value(content)}")
            require(build_schema(known[kind]), content, name=f"the page's {kind} message")
            self._take_message(kind, content)
        except Exception as error:  # noqa: BLE001 - a callback's exception reaches no one (ipywidgets#1971)
            self._requests.refuse(error)

    def _take_message(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "ready":
            self._greet()
        elif kind == "cancel":
            self._requests.cancel()
        elif kind == "again":
            if content["state"]:
                self.set_state(content["state"])
            else:
                self._ask_again()
            self.send({"type": "ack", "id": "again"})
        elif kind == "pin":
            self._pin_for_page(content["note"])
        elif kind == "picture":
            self._engine.submit(lambda _job: self._send_picture(content["format"]))
        elif kind == "step":
            take_choice(self, content["choice"])

    def _greet(self) -> None:
        if self._last_message is None:
            self.send({"type": "ack", "id": "ready"})
        else:
            self._resend(self._last_message)

    # ---- state from the page

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """State sent by the page: what is valid is taken; the rest is refused in words, instead of an exception."""
        if not isinstance(sync_data, dict):
            self._requests.refuse(InvalidValue(f"the page sent state of an unknown form: {describe_value(sync_data)}"))
            return
        # Changes are checked against what they name, which therefore comes first.
        named = ("features", "directions")
        first = {name: value for name, value in sync_data.items() if name in named}
        rest = {name: value for name, value in sync_data.items() if name not in named}
        before = self._requests.status
        refusals = [self._take_state(part) for part in (first, rest) if part]
        refusal = next((one for one in reversed(refusals) if one is not None), None)
        if refusal is not None:
            (name, error), traits = refusal, self.shared_traits()
            self._refusal = (name if isinstance(traits.get(name), Checked) else "", describe_error(error))
            self._requests.refuse(error)
            # A refused text stays in the editor, to be mended there.
            self.send_state([name for name in sync_data if name in self.keys and not _is_text(traits.get(name))])
        elif self._requests.status is before and not self._requests.is_busy:
            self._take_repeated(sync_data)

    def _take_state(self, part: dict[str, Any]) -> tuple[str, Exception] | None:
        """Take what is valid; the setting refused last, if any, with the error."""
        refusal: tuple[str, Exception] | None = None
        valid = {}
        self._is_from_page = True
        try:
            for name, value in part.items():
                try:
                    self._check_sent(name, value)
                    valid[name] = value
                except Exception as error:  # noqa: BLE001 - all are told
                    refusal = (name, error)
            super().set_state(valid)
        except Exception as error:  # noqa: BLE001 - a callback's exception reaches no one (ipywidgets#1971)
            refusal = ("", refuse_as_words(error))
        finally:
            self._is_from_page = False
        return refusal

    def _take_repeated(self, sync_data: Mapping[str, Any]) -> None:
        """The page sent what holds already: what was not answered is asked for again, what was refused is right now."""
        before = self._requests.status
        if not sync_data.keys().isdisjoint(self._asking):
            try:
                self._ask_again()
            except Exception as error:  # noqa: BLE001 - a callback's exception reaches no one (ipywidgets#1971)
                self._requests.refuse(error)
        if self._requests.status is before and {self._text_name, self.refused} & sync_data.keys():
            self._requests.mend()

    def _check_sent(self, name: str, value: object) -> None:
        trait = self.traits().get(name)
        if isinstance(trait, Checked):
            trait.validate(self, value)  # in its own words first
            require(trait.accepts, value, name=name)
        elif name in self.keys:
            raise InvalidValue(f"{name} is written by Python alone; the page sent {describe_value(value)}")

    # ---- display

    def _ipython_display_(self, **_options: object) -> None:
        from IPython.display import display

        self._require_open()
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        note = (
            f"{self._title}: the live view needs a running kernel; below is a copy of its last result. "
            "Where no view comes although the kernel runs, gs.Doctor() says why."
        )
        display({_WIDGET_VIEW: view, "text/plain": note}, raw=True)
        self._output.display(self.copy_id)

    def _build_bundle(self) -> dict[str, str]:
        return {"text/html": self._build_copy(), "text/plain": f"{self._title} ({self.footer})"}

    def _build_copy(self) -> str:
        status = self._requests.status
        message = copy.build_paragraph(status["message"]) if status["message"] else ""
        return copy.build_copy(
            title=self._title,
            badge=self.badge,
            parts=[*self._copy_lesson(), *self._copy_parts(), copy.build_glossary(self._define_terms()), message],
            footer=self.footer,
            copy_id=self.copy_id,
        )

    def _copy_lesson(self) -> list[str]:
        said = [] if self._lesson is None else describe_lesson(self, self._lesson)
        return [copy.build_paragraph(one) for one in said]

    def _copy_parts(self) -> list[str]:
        raise NotImplementedError

    def _define_terms(self) -> dict[str, str]:
        """The words of the copy, each with its meaning and what the number that is shown comes to."""
        return {}

    @classmethod
    def shared_traits(cls) -> dict[str, Shared]:
        """What crosses as state, by name, without what ipywidgets and anywidget add."""
        return {name: trait for name, trait in cls.class_traits().items() if isinstance(trait, Shared)}
