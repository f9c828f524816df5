"""Every widget of the catalogue stands in JupyterLab and answers what is typed; with ipywidgets 7 too, as on Colab."""

from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from gscope_widgets.widgets.catalogue import CATALOGUE
from tests.browser.axe import find_barriers
from tests.browser.lab import VIEW, write_examples
from tests.browser.shows import show_theme

TYPED = "On Monday his sister wanted bread."
CELLS = ["import gscope_widgets as gs\nscope = gs.load()", *write_examples()]
PICK = f"""
for widget in ({", ".join(row.module for row in CATALOGUE)}):
    for name, value in {{"selected_pos": 2, "selected_layer": 0, "selected_column": 2}}.items():
        if widget.has_trait(name):
            setattr(widget, name, value)
steering_panel.start().wait()
"""
UNFOLD = "() => document.querySelectorAll('.gscope-live details').forEach((details) => { details.open = true; })"
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_a_widget_stands_and_is_answered(notebook, row):
    expect(notebook.widget(row.title)).to_have_attribute("data-link", "live")
    notebook.wait_for(f"{row.module}.status['state']", "idle")


@pytest.mark.parametrize("row", [row for row in CATALOGUE if row.text], ids=lambda row: row.name)
@pytest.mark.row("38", "40")
def test_a_widget_with_a_text_answers_what_is_typed(notebook, row):
    view = notebook.widget(row.title)
    view.get_by_role("textbox", name=row.text.capitalize(), exact=True).fill(TYPED)
    notebook.wait_for(f"[{row.module}.{row.text}, {row.module}.status['state']]", [TYPED, "idle"])
    if row.asks:
        assert notebook.evaluate(f"len({row.module}.to_frame())") > 0


def test_the_views_of_its_parts_stand_in_a_widget(notebook):
    for row in CATALOGUE:
        views = notebook.widget(row.title).locator(".gscope-slot .gscope-live")
        expect(views).to_have_count(notebook.evaluate(f"len(getattr({row.module}, 'parts', ()))"))
        for view in views.all():
            expect(view).to_have_attribute("data-link", "live")


def test_the_heatmap_paints_the_text_that_was_typed(notebook):
    tokens = notebook.widget("Token heatmap").locator(".gscope-token")
    expect(tokens).to_have_count(notebook.evaluate(f"len(scope.tokens({TYPED!r}))"))
    expect(tokens.nth(2)).to_contain_text("Monday")


# ---- for everyone


@pytest.fixture(scope="module")
def unfolded(notebook):
    """Something is picked in every widget, one says what is wrong, and all that can be folded is open."""
    notebook.run(PICK)
    heatmap = notebook.widget("Token heatmap")
    heatmap.get_by_role("textbox", name="Feature number").fill("-1")
    heatmap.get_by_role("button", name="Add", exact=True).click()
    expect(heatmap.get_by_role("alert").filter(visible=True)).to_contain_text("got -1")
    notebook.page.evaluate(UNFOLD)
    parts = notebook.widget("Workbench").locator(".gscope-slot .gscope-live")
    expect(parts).to_have_count(5)
    notebook.page.evaluate(UNFOLD)
    return notebook


@contextmanager
def widened(page, width):
    """Every view as wide as that, in a window that holds it."""
    before = page.viewport_size
    page.set_viewport_size({**before, "width": 2000})
    style = page.add_style_tag(content=f"{VIEW} {{ width: {width}px }}")
    try:
        yield
    finally:
        style.evaluate("(node) => node.remove()")
        page.set_viewport_size(before)


@contextmanager
def spoiled(view):
    """The control: a field without a name, words that hardly differ from their ground, a picture without words."""
    view.evaluate("""(view) => {
        const field = Object.assign(document.createElement("input"), { type: "text" });
        const pale = Object.assign(document.createElement("p"), { textContent: "hardly there" });
        pale.style.color = "color-mix(in srgb, var(--ink) 20%, var(--ground))";
        const picture = document.createElement("span");
        picture.setAttribute("role", "img");
        for (const one of [field, pale, picture]) one.classList.add("spoiled");
        view.append(field, pale, picture);
    }""")
    try:
        yield
    finally:
        view.locator(".spoiled").evaluate_all("(nodes) => nodes.forEach((node) => node.remove())")


@pytest.mark.parametrize(("theme", "width"), [("light", 1500), ("dark", 400)])  # no rule looks at both at once
@pytest.mark.row("51", "53")
def test_axe_finds_nothing_serious_in_any_widget(unfolded, theme, width):
    """But what the control spoils, which the same run must find."""
    show_theme(unfolded, theme)
    with widened(unfolded.page, width), spoiled(unfolded.widget("Logit lens").locator(".gscope-body").first):
        found = find_barriers(unfolded.page, VIEW)
    assert [one for one in found if 'class="spoiled"' not in one] == []
    assert {one.split(" ")[0] for one in found} == {"label", "color-contrast", "role-img-alt"}


def test_axe_finds_nothing_serious_in_a_copy(unfolded):
    pages = unfolded.evaluate(f"[one.to_html() for one in ({', '.join(row.module for row in CATALOGUE)})]")
    page = unfolded.page.context.new_page()
    page.set_content("".join(pages))
    assert page.locator(".gscope-static").count() == len(pages)
    assert find_barriers(page, "html") == []
    page.close()
