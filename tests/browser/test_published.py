"""Every widget's copy in a notebook that is published: on GitHub, exported as a page, and printed as a PDF file."""

import re
import unicodedata
import zlib
from copy import deepcopy
from dataclasses import dataclass
from html import unescape

import ipywidgets
import nbformat
import pytest
from ipywidgets.embed import embed_snippet
from nbconvert import HTMLExporter

import gscope_widgets as gs
from gscope_widgets.widgets.catalogue import CATALOGUE
from gscope_widgets.widgets.contract import make_example
from tests.browser.lab import WIDGET_VIEW
from tests.fake_comm import CREATOR, FakeComm
from tests.fake_engines import make_engine
from tests.published import clean, find_faults
from tests.widgets.test_every_widget import use

STATE = "application/vnd.jupyter.widget-state+json"


@dataclass(frozen=True)
class Published:
    """A notebook with an answered widget of every kind and its copy, and what each shows."""

    document: nbformat.NotebookNode
    shows: dict[str, list[str]]
    state: dict[str, object]


@pytest.fixture(scope="module")
def published():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CREATOR, FakeComm)
        cells, shows, widgets = [], {}, []
        for row in CATALOGUE:
            engine = make_engine(row)
            widget = make_example(row, engine)
            use(row, widget)
            view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
            data = [{WIDGET_VIEW: view, "text/plain": row.title}, widget._build_bundle()]
            outputs = [nbformat.v4.new_output("display_data", data=one) for one in data]
            cells.append(nbformat.v4.new_code_cell(row.module, outputs=outputs))
            shows[row.name] = widget.shows()
            widgets.append(widget)
            engine.close()
        state = ipywidgets.Widget.get_manager_state(widgets=widgets)
        yield Published(nbformat.v4.new_notebook(cells=cells), shows, state)
        for widget in widgets:
            widget.close()


def read_copies(document) -> list[str]:
    return [cell.outputs[1].data["text/html"] for cell in document.cells]


def squeeze(text: str) -> str:
    """Without blanks, which a page breaks lines at."""
    return re.sub(r"\s", "", text)


# ---- GitHub


@pytest.mark.row("NEW 10", "36")
def test_github_shows_the_notebook_and_every_number_of_it(published):
    assert find_faults(published.document) == []
    for copy, words in zip(read_copies(published.document), published.shows.values(), strict=True):
        left = squeeze(unescape(re.sub("<[^>]*>", "", clean(copy))))
        assert words
        assert [word for word in map(squeeze, words) if word not in left] == []
        assert "style=" not in clean(copy) and "style=" in copy  # the control: it was cleaned


def test_what_github_does_not_show_is_found(published):
    """The control."""
    spoiled = deepcopy(published.document)
    spoiled.metadata["widgets"] = {STATE: {}}
    spoiled.cells[0].outputs[1].data["text/html"] = "<script>x</script>" + "x" * 1_000_000
    spoiled.cells[1].outputs[0].output_type = "picture"
    found = find_faults(spoiled)
    assert found == [
        "the notebook is not valid",
        "metadata.widgets without a state",
        "the notebook is too large",
        "<script> in an output",
    ]


# ---- a page without a network


@pytest.fixture(scope="module")
def offline(browser):
    context = browser.new_context(offline=True)
    yield context.new_page()
    context.close()


def export(document) -> str:
    html, _ = HTMLExporter(template_name="lab").from_notebook_node(document)
    return html


@pytest.mark.parametrize("with_state", [False, True], ids=["as saved", "with its widgets' state"])
@pytest.mark.row("NEW 10")
def test_exported_and_opened_without_a_network_the_copies_are_read_and_say_what_they_are(
    published, offline, with_state
):
    """With their state, views are embedded that load what draws them from a network."""
    document = deepcopy(published.document)
    if with_state:
        document.metadata["widgets"] = {STATE: published.state}
    html = export(document)
    assert ('<script type="application/vnd.jupyter.widget-view+json">' in html) == with_state
    offline.set_content(html, wait_until="domcontentloaded")
    copies = offline.locator(".gscope-static")
    assert copies.count() == len(CATALOGUE)
    for copy, row in zip(copies.all(), CATALOGUE, strict=True):
        assert copy.is_visible()
        text = copy.inner_text()
        assert text.startswith(row.title)
        assert "the saved result. Live controls need a kernel" in text.splitlines()[0]
        shown = squeeze(text)
        assert [word for word in map(squeeze, published.shows[row.name]) if word not in shown] == []


@pytest.fixture
def embedded(monkeypatch):
    """An answered widget of every kind, and the page that `ipywidgets.embed` makes of them."""
    monkeypatch.setattr(CREATOR, FakeComm)
    widgets = []
    for row in CATALOGUE:
        engine = make_engine(row)
        widgets.append(make_example(row, engine))
        use(row, widgets[-1])
        engine.close()
    yield widgets, embed_snippet(views=widgets, state=ipywidgets.Widget.get_manager_state(widgets=widgets))
    for widget in widgets:
        widget.close()


@pytest.mark.row("NEW 10")
def test_views_embedded_in_a_page_of_ones_own_need_a_network_and_copies_beside_them_do_not(embedded, offline):
    """`ipywidgets.embed` writes views as data, which scripts of a CDN draw: nothing of ours can be seen before."""
    widgets, snippet = embedded
    asked = []
    offline.on("requestfailed", lambda request: asked.append(request.url))
    offline.set_content(f"<!doctype html><body>{snippet}</body>", wait_until="domcontentloaded")
    assert offline.inner_text("body").strip() == ""
    assert any("html-manager" in url or "require" in url for url in asked), asked  # the control: it would have drawn
    page = gs.to_html(widgets).replace("</body>", f"{snippet}</body>")  # as docs/keeping.md has it
    offline.set_content(page, wait_until="domcontentloaded")
    for copy, row, widget in zip(offline.locator(".gscope-static").all(), CATALOGUE, widgets, strict=True):
        text = copy.inner_text()
        assert text.startswith(row.title)
        assert "the saved result. Live controls need a kernel" in text.splitlines()[0]
        assert [word for word in map(squeeze, widget.shows()) if word not in squeeze(text)] == []


# ---- a PDF file


def read_pdf(pdf: bytes) -> str:
    """The words of a file that Chromium printed, without blanks: glyphs by the tables that its fonts have for copying."""
    bodies = {int(number): body for number, body in re.findall(rb"(\d+) 0 obj\n(.*?)endobj", pdf, re.DOTALL)}

    def inflate(body: bytes) -> str:
        return zlib.decompress(re.search(rb"stream\r?\n(.*)endstream", body, re.DOTALL)[1]).decode("latin-1")

    fonts = {}
    for name, number in set(re.findall(rb"/F(\d+) (\d+) 0 R", pdf)):
        table = re.search(rb"/ToUnicode (\d+) 0 R", bodies[int(number)])
        fonts[name.decode()] = read_glyphs(inflate(bodies[int(table[1])])) if table else {}
    written = []
    for body in bodies.values():
        if b"/FlateDecode" not in body or b"/Length1" in body:
            continue
        font: dict[str, str] = {}
        for name, glyphs in re.findall(r"/F(\d+) [\d.]+ Tf|<([0-9A-F]+)> Tj", inflate(body)):
            font = fonts[name] if name else font
            written += [font.get(glyphs[at : at + 4], "\ufffd") for at in range(0, len(glyphs), 4)]
    return squeeze(unicodedata.normalize("NFKC", "".join(written)))  # "fi" is one glyph


def read_glyphs(table: str) -> dict[str, str]:
    """Characters by glyph, of a font's table."""
    found = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        for glyph, text in re.findall(r"<(\w+)> <(\w+)>", block):
            found[glyph] = bytes.fromhex(text).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", table, re.DOTALL):
        for first, last, text in re.findall(r"<(\w+)> <(\w+)> <(\w+)>", block):
            for step in range(int(last, 16) - int(first, 16) + 1):
                found[f"{int(first, 16) + step:04X}"] = chr(int(text, 16) + step)
    return found


@pytest.mark.row("NEW 10")
def test_printed_as_a_pdf_file_every_number_is_there(published, offline):
    offline.set_content(export(published.document), wait_until="domcontentloaded")
    printed = read_pdf(offline.pdf(print_background=True))
    for row in CATALOGUE:
        words = [word for line in published.shows[row.name] for word in line.split() if word.isascii()]
        missing = [word for word in words if word not in printed]  # cells break their lines side by side
        assert missing == [], row.name
    assert printed.count(squeeze("the saved result.")) == len(CATALOGUE)
    assert "123.456" not in printed  # the control, and the next lines
    offline.add_style_tag(content=".gscope-static { display: none }")
    assert squeeze("the saved result.") not in read_pdf(offline.pdf())
