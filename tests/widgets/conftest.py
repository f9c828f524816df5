"""Widgets on a fake scope, with a fake page at the other end of the comm; a few on the embedded model."""

import re
import threading
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

import gscope_widgets as gs
from gscope_widgets.widgets.catalogue import CATALOGUE, Row
from tests.fake_comm import CREATOR, FakeComm
from tests.fake_scope import FakeScope

SOON = 60.0  # seconds; far more than any answer takes


@dataclass
class Page:
    """The browser's side of one widget."""

    widget: object
    start: int = field(default=0)

    @property
    def comm(self) -> FakeComm:
        return self.widget.comm

    def set(self, **state) -> None:
        """A patch of state, as `model.save_changes()` sends it."""
        self._handle({"method": "update", "state": state, "buffer_paths": []})

    def send(self, content) -> None:
        """A custom message, as `model.send()` sends it."""
        self._handle({"method": "custom", "content": content})

    def messages(self, kind=None) -> list[tuple[dict, list[bytes]]]:
        """Custom messages from Python since `forget`."""
        found = [
            (data["content"], buffers) for data, buffers in self.comm.sent[self.start :] if data["method"] == "custom"
        ]
        return [one for one in found if kind is None or one[0]["type"] == kind]

    def patches(self, name) -> list:
        """Values of a trait that Python sent since `forget`."""
        updates = [data["state"] for data, _ in self.comm.sent[self.start :] if data["method"] == "update"]
        return [state[name] for state in updates if name in state]

    def forget(self) -> None:
        self.start = len(self.comm.sent)

    def settle(self) -> dict:
        """Wait until the newest request has ended, with its callbacks, and the page was told; return the status."""
        requests = self.widget._requests
        requests.wait_until_ended(SOON)
        deadline = time.monotonic() + SOON
        while self.widget.status != requests.status and time.monotonic() < deadline:
            time.sleep(0.001)
        assert self.widget.status["state"] != "busy", "it never ended"
        return self.widget.status

    def _handle(self, data) -> None:
        self.comm.handle_msg({"content": {"data": data}, "buffers": []})


@pytest.fixture(autouse=True)
def _bounded(no_hang):
    """Every test here ends within five minutes."""


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A constructor waits for the first result, however busy the machine is; tests of what comes later shorten it."""
    for name in ("feature_card", "circuit_graph"):
        monkeypatch.setattr(f"gscope_widgets.widgets.{name}._PATIENCE_S", 60.0)


@pytest.fixture(autouse=True)
def fake_comms(monkeypatch):
    monkeypatch.setattr(CREATOR, FakeComm)


@pytest.fixture
def scope():
    """A fresh fake, whose knobs a test may turn."""
    fake = FakeScope()
    yield fake
    fake.close()


@pytest.fixture
def chat_scope():
    fake = FakeScope(chat=True)
    yield fake
    fake.close()


class Turns:
    """A gate for a fake scope's steps that lets so many through, and holds the next one until it is set."""

    def __init__(self, count: int):
        self._left, self._held, self._open = count, threading.Event(), threading.Event()

    def wait(self, timeout: float) -> bool:
        """Called by each step as it begins."""
        self._left -= 1
        if self._left >= 0:
            return True
        self._held.set()
        return self._open.wait(timeout)

    def wait_until_held(self) -> None:
        assert self._held.wait(SOON), "there were fewer steps"

    def set(self) -> None:
        self._open.set()


@pytest.fixture
def hold_after(scope):
    """Has the scope stop before its step after so many, and gives what opens the way again."""

    def hold(count: int) -> Turns:
        scope.gate = Turns(count)
        return scope.gate

    return hold


class Shown(list):
    """What was displayed: data and options."""

    def outputs(self):
        return [(data, options) for data, options in self if "text/html" in data]


@pytest.fixture
def shown(monkeypatch):
    import IPython.display

    displayed = Shown()
    monkeypatch.setattr(IPython.display, "display", lambda data, **options: displayed.append((data, options)))
    return displayed


@pytest.fixture
def dictionary(scope):
    return scope.dictionary()


@pytest.fixture(scope="session")
def mini():
    """The embedded model, for checks of numbers."""
    return gs.load("mini")


@pytest.fixture(params=CATALOGUE, ids=lambda row: row.name)
def row(request) -> Row:
    return request.param


@pytest.fixture
def open_page():
    """Opens a page on a widget; widgets are closed afterwards."""
    opened = []

    def open_page(widget) -> Page:
        opened.append(widget)
        return Page(widget)

    yield open_page
    for widget in opened:
        widget.close()


# What nbconvert's `clean_html` keeps, without addresses; JupyterLab's sanitizer keeps more. Of the attributes, the first
# drops all but `class`, the other `role`.
KEPT = frozenset("abbr b blockquote code div em i li ol pre span strong table td tr ul".split())
KEPT_ATTRIBUTES = frozenset(["class", "title", "style", "role"])


class Reader(HTMLParser):
    """Collects tags, attributes and text, as a browser would see them."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.other: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("br", "hr", "meta", "col", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        self.other.append(data)

    unknown_decl = handle_pi = handle_comment


@pytest.fixture(scope="session")
def read_html():
    def read(html) -> Reader:
        reader = Reader()
        reader.feed(html)
        reader.close()
        assert reader.open == []
        assert reader.other == []
        return reader

    return read


@pytest.fixture(scope="session")
def check_copy(read_html):
    """Only what survives in an untrusted notebook and a clean export: tags, attributes, no address anywhere."""

    def check(html) -> str:
        reader = read_html(html)
        for tag, attributes in reader.tags:
            assert tag in KEPT
            assert set(attributes) <= KEPT_ATTRIBUTES
            style = attributes.get("style", "")
            assert "url(" not in style
            assert "expression" not in style
        return "".join(reader.text)

    return check


@pytest.fixture(scope="session")
def hostile_words():
    """Text that tries to be markup, script, style or an invisible reordering."""
    return (
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</script><script>alert(2)</script>",
        "javascript:alert(3)",
        "';alert(4)//",
        "<svg onload=alert(5)>",
        "</td></tr></table><iframe src=//evil>",
        "&lt;b&gt; &amp;lt;",
        "{body} {title} %s {{x}}",
        "url(javascript:alert(6))",
        "\u202egnirts\u202c",
        "\x00\x1b[31m",
        "\u2028\u2029",
        "-->",
        "<!--",
        "]]>",
    )


@pytest.fixture(scope="session")
def refuse_all():
    """Values that no trait takes."""

    def check(page, name, values, *, message):
        before = getattr(page.widget, name)
        for value in values:
            page.forget()
            page.set(**{name: value})
            status = page.settle()
            assert status["state"] == "error", value
            assert message in status["message"], (value, status["message"])
            assert getattr(page.widget, name) == before
            with pytest.raises(gs.GscopeError, match=re.escape(message)):
                setattr(page.widget, name, value)
            assert getattr(page.widget, name) == before

    return check
