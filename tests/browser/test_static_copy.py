"""What stays of a widget when the kernel is gone: a copy that reads without scripts, in a small file."""

import json

import pytest
from playwright.sync_api import expect

from gscope_widgets.widgets.base.formats import format_number, format_percent
from gscope_widgets.widgets.catalogue import CATALOGUE
from tests import fake_model
from tests.browser.lab import write_examples
from tests.browser.test_hostile import HOSTILE, make
from tests.fake_comm import CREATOR, FakeComm
from tests.fake_engines import make_engine

TEXT = "The old fisherman sold two red coats."
OTHER = "On Monday his sister wanted bread."
CELLS = [
    "import gscope_widgets as gs\nfrom tests.fake_scope import FakeScope\nscope = FakeScope()",
    *write_examples(text=TEXT),
]
TITLES = [row.title for row in CATALOGUE]


def numbers_of(notebook) -> list[str]:
    """Numbers that the copies must hold, from the results themselves."""
    activations = notebook.evaluate("token_heatmap.reading.trace(token_heatmap.features[0].feature)[1:].tolist()")
    chances = notebook.evaluate("[chance.probability for chance in feature_sliders.distribution.chances[:3]]")
    lens = notebook.evaluate("logit_lens.reading.probabilities[-1, 1:, 0].tolist()")
    return [
        *(format_number(value, 4) for value in activations),
        *(format_percent(one) for one in chances),
        *(format_percent(one) for one in lens),
    ]


def read_copies(opened) -> str:
    """The text of all copies, folded parts too, as the page holds it."""
    return " ".join(opened.panel.locator(".gscope-static").all_text_contents())


def saved_html(document: dict) -> list[str]:
    outputs = [output for cell in document["cells"] for output in cell.get("outputs", [])]
    return ["".join(output["data"]["text/html"]) for output in outputs if "text/html" in output.get("data", {})]


def test_while_the_view_is_live_the_copy_is_there_but_hidden(notebook):
    copies = notebook.panel.locator(".gscope-static")
    expect(copies).to_have_count(len(TITLES))
    for index, title in enumerate(TITLES):
        expect(notebook.widget(title)).to_be_visible()
        expect(copies.nth(index)).to_be_hidden()
    assert notebook.complaints.all == []


def test_the_saved_file_holds_copies_and_neither_scripts_nor_widget_state(notebook):
    document = notebook.save()
    assert "widgets" not in document["metadata"]
    html = saved_html(document)
    assert len(html) == len(TITLES)
    assert not any("<script" in one or "<style" in one for one in html)
    sizes = []
    for _ in range(3):
        notebook.save()
        sizes.append(notebook.path.stat().st_size)
    assert len(set(sizes)) == 1
    assert sizes[0] < 10_000 * len(TITLES)


def test_the_copy_follows_the_live_view(notebook):
    copy = notebook.panel.locator(".gscope-static").first
    before = copy.text_content()
    notebook.widget("Token heatmap").get_by_role("textbox", name="Text", exact=True).fill(OTHER)
    notebook.wait_for("[token_heatmap.text, token_heatmap.status['state']]", [OTHER, "idle"])
    wanted = format_number(
        notebook.evaluate("float(token_heatmap.reading.trace(token_heatmap.features[0].feature)[2])"), 4
    )
    expect(copy).to_contain_text(wanted)
    expect(copy).to_contain_text("sister")
    assert "sister" not in before
    assert "sister" in saved_html(notebook.save())[0]


def test_a_kernel_that_goes_away_is_noticed_and_the_picture_stays(notebook):
    """Last of those with a live view: it restarts the kernel."""
    view = notebook.widget("Token heatmap")
    tokens = view.locator(".gscope-token").all_inner_texts()
    expected = numbers_of(notebook)
    notebook.save()
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    expect(view.get_by_text("Run this notebook from the top.").first).to_be_visible()
    assert view.locator(".gscope-token").all_inner_texts() == tokens
    notebook.expected_numbers = expected


@pytest.fixture(scope="module")
def reopened(notebook, lab, open_notebook):
    """The same notebook, saved, its kernel shut down, opened on another day."""
    lab.shut_kernels_down()
    return open_notebook(notebook.path)


@pytest.mark.row("35")
def test_reopened_the_copies_are_readable(notebook, reopened):
    copies = reopened.panel.locator(".gscope-static")
    expect(copies).to_have_count(len(TITLES))
    for index, title in enumerate(TITLES):
        expect(reopened.widget(title)).to_have_count(0)
        expect(copies.nth(index)).to_be_visible()
        expect(copies.nth(index)).to_contain_text(title)
    expect(copies.first.get_by_role("table")).to_be_visible()
    shown = read_copies(reopened)
    assert [number for number in notebook.expected_numbers if number not in shown] == []
    assert reopened.panel.locator(".gscope-static script").count() == 0
    assert reopened.dialogs == []


def test_a_number_that_was_never_shown_is_not_in_the_copies(reopened):
    assert "123.456" not in read_copies(reopened)


def test_in_someone_elses_notebook_the_copies_say_the_same(lab, notebook, reopened, open_notebook):
    document = json.loads(notebook.path.read_text(encoding="utf-8"))
    document["cells"][0]["source"] = "# changed by hand, so JupyterLab does not trust its outputs"
    other = lab.notebooks / "from_someone_else.ipynb"
    other.write_text(json.dumps(document), encoding="utf-8")
    untrusted = open_notebook(other)
    copies = untrusted.panel.locator(".gscope-static")
    expect(copies).to_have_count(len(TITLES))
    assert untrusted.page.evaluate(
        "() => [...window.jupyterapp.shell.currentWidget.content.model.cells].every((cell) => !cell.trusted)"
    )
    assert read_copies(untrusted) == read_copies(reopened)


# JupyterLab's own sanitizer, by which it shows an untrusted notebook's HTML; what is left is parsed, and not run.
SANITIZE = """(pages) => {
    const { sanitizer } = window.jupyterapp.shell.currentWidget.content.rendermime;
    const see = (html) => {
        const { body } = new DOMParser().parseFromString(html, "text/html"), nodes = [...body.querySelectorAll("*")];
        return {
            text: body.textContent,
            cells: body.querySelectorAll("table td").length,
            colours: nodes.map((node) => node.style.backgroundColor).filter(Boolean),
            classes: body.querySelectorAll(".ansi-cyan-bg, .ansi-cyan-intense-bg").length,
            live: nodes.filter((node) => ["script", "iframe", "img", "style", "form"].includes(node.localName)
                || [...node.attributes].some(({ name }) => name.startsWith("on") || name === "href")).map((node) => node.outerHTML),
        };
    };
    return pages.map((page) => [see(page), see(sanitizer.sanitize(page))]);
}"""


@pytest.fixture(scope="module")
def hostile_copies():
    """The copy of every widget, with hostile words in all that an author or reader writes."""
    copies = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CREATOR, FakeComm)
        patch.setattr(fake_model, "CONTEXT", 1000)
        for row in CATALOGUE:
            engine = make_engine(row)
            widget = make(row, engine)
            copies.append(widget._build_copy())
            widget.close()
            engine.close()
    return copies


@pytest.mark.row("NEW 10")
def test_jupyterlabs_sanitizer_leaves_words_tables_and_colours_and_nothing_to_run(reopened, hostile_copies):
    seen = reopened.page.evaluate(SANITIZE, hostile_copies)
    for row, (before, after) in zip(CATALOGUE, seen, strict=True):
        assert after == before, row.name
        assert after["cells"] > 1 or row.home == "exercises", row.name
        assert after["live"] == []
    assert sum("alert(1)" in after["text"].replace("\u2423", "") for _, after in seen) > 10
    assert sum(bool(after["colours"]) for _, after in seen) >= 3
    # The control: markup that nobody escaped, of which the sanitizer leaves little.
    [(before, after)] = reopened.page.evaluate(SANITIZE, [f"<table><tr><td>{HOSTILE}</td></tr></table>"])
    assert len(before["live"]) > 3
    assert [one for one in after["live"] if "alert" in one] == []
