"""Hostile words in all that a widget shows, with Trusted Types on: live, replayed, opened again and exported, nothing runs.

The page has an address of its own, which this file answers; whatever else it asks for is noted, and not answered.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Error, Page, Route

import gscope_widgets as gs
from gscope_widgets.recordings.recorder import Recorder, recorded
from gscope_widgets.records.checkup import Finding
from gscope_widgets.records.features import FeatureLabel
from gscope_widgets.widgets.catalogue import CATALOGUE
from gscope_widgets.widgets.contract import make_example
from tests import fake_model
from tests.browser.plain import PlainView
from tests.fake_engines import make_engine
from tests.fake_scope import FakeScope
from tests.recordings.lesson import RECORDED

ADDRESS = "http://page.test/"
POLICY = "require-trusted-types-for 'script'; trusted-types 'none'"
WORDS = (
    '"><img src=http://evil.test/x onerror=alert(1)>',
    "</script><script>alert(2)</script>",
    "<svg onload=alert(3)>",
    "<a href=javascript:alert(4)>x</a>",
    "</style><style>@import 'http://evil.test/y'</style>",
    "</td></tr></table><iframe srcdoc='<script>alert(5)</script>'></iframe>",
)
HOSTILE = "".join(WORDS)
# Elements and attributes that only markup of others would bring.
FOREIGN = """() => [...document.body.querySelectorAll("*")].filter((node) =>
    ["script", "img", "iframe", "object", "embed", "base", "link", "meta", "form"].includes(node.localName)
    || [...node.attributes].some(({ name, value }) => name.startsWith("on") || /javascript:/i.test(value) && name === "href"),
).map((node) => node.outerHTML.slice(0, 200))"""
UNFOLD = "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
READ = """() => document.body.innerText
    + [...document.querySelectorAll("textarea, input")].map((node) => node.value).join()"""
LISTEN = """() => {
    window.refused = [];
    addEventListener("securitypolicyviolation", ({ sourceFile, sample }) => window.refused.push(`${sample} ${sourceFile}`));
}"""


class HostilePage:
    """A page that says what markup of others would have done in it."""

    def __init__(self, browser: Browser):
        self.page: Page = browser.new_context().new_page()
        self.page.set_default_timeout(30_000)
        self._body, self._asked, self._dialogs = "", [], []
        self.page.route("**/*", self._answer)
        self.page.on("dialog", lambda dialog: (self._dialogs.append(dialog.message), dialog.dismiss()))

    def _answer(self, route: Route) -> None:
        if route.request.url != ADDRESS:
            self._asked.append(route.request.url)
            route.abort()
            return
        route.fulfill(content_type="text/html", headers={"Content-Security-Policy": POLICY}, body=self._body)

    def load(self, body: str = "<!doctype html><title>x</title><body></body>") -> None:
        self._body = body
        self.page.goto(ADDRESS)
        self.page.evaluate(LISTEN)

    def harm(self) -> list[object]:
        """What ran, was asked for or refused, and elements that are not ours; of the page as it is."""
        refused = self.page.evaluate("() => window.refused")
        return [*self._asked, *self._dialogs, *refused, *self.page.evaluate(FOREIGN)]


@pytest.fixture(scope="module")
def hostile_page(browser: Browser) -> Iterator[HostilePage]:
    opened = HostilePage(browser)
    yield opened
    opened.page.context.close()


@pytest.fixture(autouse=True)
def labels(monkeypatch):
    """Every feature has a label, and there is room for a text of them."""
    label = FeatureLabel(HOSTILE, HOSTILE, 0.9, 0.9, 0.8)
    monkeypatch.setattr(fake_model, "CONTEXT", 1000)
    monkeypatch.setattr(fake_model, "LABELS", dict.fromkeys(range(fake_model.D_DICT), label))


class RecordedScope(FakeScope):
    """A fake scope that can be recorded."""

    _recorder: Recorder | None = None

    def start_card(self, ref, *, texts=None, examples=10, sources=("examples", "neuronpedia"), slot=None):
        """With all that is written down of what a card was asked with."""
        return super().start_card(ref, texts=texts, slot=slot)

    def recording(self, path):
        return Recorder(self, path, lambda recorder: setattr(self, "_recorder", recorder))


for name in (one.removeprefix("_take_") for one in dir(Recorder) if one.startswith("_take_")):
    setattr(RecordedScope, name, recorded(getattr(RecordedScope, name)))


def spoil(value):
    if isinstance(value, str):
        return f"{value} {HOSTILE}"
    return [spoil(one) for one in value] if isinstance(value, list | tuple) else value


def make(row, engine, **changes):
    """The row's example with hostile words wherever an author or a reader writes them, answered."""
    said = ["prompt", "reveal", "solution", "hints"] if row.home == "exercises" else [row.text]
    changes |= {name: spoil(row.example[name]) for name in said if name in row.example}
    if row.name == "Quiz":
        changes["questions"] = [replace(one, ask=spoil(one.ask)) for one in row.example["questions"]]
    widget = make_example(row, engine, **changes)
    for name in row.change.keys() - {row.text}:
        setattr(widget, name, row.change[name])
    if not row.asks:
        widget.start()
    widget.wait()
    return widget


def show(hostile_page: HostilePage, make_widget) -> PlainView:
    """In the page, with all that folds open; nothing ran."""
    hostile_page.load()
    shown = PlainView(hostile_page.page, make_widget)
    hostile_page.page.evaluate(UNFOLD)
    shown.settle()
    assert shown.complaints == []
    assert "alert(" in hostile_page.page.evaluate(READ)  # the control: it is there to be read
    assert hostile_page.harm() == []
    return shown


@pytest.fixture
def engine(row):
    """What answers the row's widget, by a hostile name."""
    made = RecordedScope() if row.asks_scope else make_engine(row)
    if row.asks_scope:
        made.info = replace(made.info, id=HOSTILE, revision=HOSTILE, device=HOSTILE)
    else:
        made.planted = {"python": Finding("python", "broken", HOSTILE, HOSTILE)}
    yield made
    made.close()


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_nothing_runs_live_opened_again_or_exported(row, engine, hostile_page, tmp_path):
    widget = show(hostile_page, lambda: make(row, engine)).widget
    page = widget.to_html()
    if row.home == "widgets":
        widget.save(tmp_path / "view.json", note=HOSTILE)
        show(hostile_page, lambda: gs.open(tmp_path / "view.json", engine)).widget.close()
    widget.close()
    hostile_page.load(page)
    assert "alert(" in hostile_page.page.evaluate(READ)
    assert hostile_page.harm() == []


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row.name)
def test_nothing_runs_replayed(row, engine, hostile_page, tmp_path):
    with engine.recording(tmp_path / "lesson.gscope"):
        make(row, engine).close()
    show(hostile_page, lambda: make(row, gs.replay(tmp_path / "lesson.gscope"))).widget.close()


@pytest.mark.parametrize("word", WORDS)
def test_markup_that_is_not_escaped_is_seen_to_do_harm(browser, word):
    """The control: in a page of a copy that escapes nothing."""
    hostile_page = HostilePage(browser)
    hostile_page.load(f"<!doctype html><title>x</title><table><tr><td>{word}</td></tr></table>")
    assert hostile_page.harm() != []
    hostile_page.page.context.close()


def test_a_view_that_made_markup_of_text_would_be_refused(hostile_page):
    """The control: Trusted Types are on."""
    hostile_page.load()
    with pytest.raises(Error, match="TrustedHTML"):
        hostile_page.page.evaluate("(word) => { document.body.innerHTML = word; }", HOSTILE)
