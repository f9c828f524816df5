"""Writes docs/gallery/tutorials.md, a moment of each tutorial in JupyterLab: `python -m tests.browser.lesson_gallery`."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, expect, sync_playwright

from gscope_widgets.teaching.tutorials import list_sources
from gscope_widgets.teaching.variants import build_variant
from tests.browser.gallery import FOLDER, shrink
from tests.browser.lab import ROOT, Lab, Notebook, open_browser, write_notebook
from tests.browser.shows import THEMES

PAGE = FOLDER / "tutorials.md"
PICTURES = FOLDER / "tutorials"
COMMAND = "python -m tests.browser.lesson_gallery"
BUDGET_BYTES = 800_000  # of all pictures
_WINDOW = {"width": 1280, "height": 2300}
_HEAD = f"""# Tutorials

A moment of each tutorial on `gscope-mini`, in JupyterLab's light and dark theme. Written by `{COMMAND}`, pictures and page.
"""


def _keep(_notebook: Notebook, _view: Locator) -> None:
    """As the cells leave it."""


def _as_it_is(_view: Locator) -> None:
    """As the widget stands."""


def _break_the_label(notebook: Notebook, view: Locator) -> None:
    field = view.get_by_role("textbox", name="Text", exact=True)
    field.fill("They study the map in the kitchen, and then they sleep in the attic.")
    field.press("Control+Enter")
    notebook.wait_for("heatmap.reading.tokens.strings[3]", " study")


def _press_split(_notebook: Notebook, view: Locator) -> None:
    view.get_by_role("button", name=re.compile("^split")).click()


def _steer(notebook: Notebook, view: Locator) -> None:
    notebook.run("panel.strength = 0.5")
    view.get_by_role("button", name="Start", exact=True).click()
    notebook.wait_for("[panel.status['state'], panel.strength]", ["idle", 0.5])


def _choose_the_strongest(notebook: Notebook, _view: Locator) -> None:
    notebook.run("table = circuit.graph.to_frame()")
    notebook.run("circuit.selected_node = int(table[table['kind'] == 'feature']['node'].iloc[0])")
    notebook.wait_for("circuit.status['state']", "idle")


def _scroll_to_the_answer(view: Locator) -> None:
    """A graph that is laid out anew, as where the theme changes, may begin at its first token again."""
    scroller = view.locator(".gscope-circuit-scroll")
    scroller.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
    expect(scroller).not_to_have_js_property("scrollLeft", 0)


@dataclass(frozen=True)
class Moment:
    """What is shown of a tutorial, with what is to be noticed."""

    cells: tuple[str, ...]  # what stands in each of the cells it needs
    title: str  # of the widget
    notice: str
    act: Callable[[Notebook, Locator], None] = _keep
    frame: Callable[[Locator], None] = _as_it_is  # before each picture


MOMENTS = {
    "00_start_here": Moment(
        ("gs.load(", "answer_1 =", "ex1 ="),
        "Predict",
        "An exercise is answered, checked at once, and its line kept in the notebook.",
    ),
    "01_a_microscope_on_text": Moment(
        ("gs.load(", "answer_1 =", "rooms =", "heatmap = gs.TokenHeatmap("),
        "Token heatmap",
        "A feature labelled *rooms* fires on a verb that is spelt like one: a label is a hypothesis.",
        _break_the_label,
    ),
    "02_name_that_feature": Moment(
        ("gs.load(", "def draw(", "def list_firings(", "answer_2 =", "ex2 ="),
        "Name that feature",
        "A label is a rule, scored on sentences that were held out, beside the same rule with the answers dealt out anew.",
    ),
    "03_what_a_dictionary_buys": Moment(
        ("gs.load(", 'color_by="fvu"'),
        "Token heatmap",
        "Tokens are coloured by what the features leave unexplained of each.",
    ),
    "04_matryoshka_splitting_absorption": Moment(
        ("gs.load(", "compare = gs.DictionaryCompare("),
        "Dictionary compare",
        "Features of a narrow dictionary that are answered by several of a wide one.",
        _press_split,
    ),
    "05_steering_with_a_lab_notebook": Moment(
        ("gs.load(", "panel = gs.SteeringPanel("),
        "Steering panel",
        "The changed text turns French and begins to break up, and the panel says so; the random push beside it stays English.",
        _steer,
    ),
    "06_computation": Moment(
        ("gs.load(", "graph = gs.circuit(", "circuit = gs.CircuitGraph(", "def find_nodes(", "circuit.change("),
        "Circuit graph",
        "Three features at the last token, grouped and taken out: the lead of one answer falls, and hardly by random features.",
    ),
    "07_across_layers": Moment(
        ("gs.load(", "PROMPT =", "circuit = gs.CircuitGraph("),
        "Circuit graph",
        "A graph through the cross-layer transcoder: an edge holds all that a feature writes, at its own and at later layers.",
        _choose_the_strongest,
        _scroll_to_the_answer,
    ),
}


def name_picture(stem: str, theme: str) -> str:
    """The file of a tutorial's picture."""
    return f"{stem}-{theme}.png"


def build_page() -> str:
    """The page, with a part for each tutorial."""
    return "\n".join([_HEAD, *map(_build_part, list_sources())])


def _build_part(source: Path) -> str:
    first = build_variant(source, "student").cells[0].source.splitlines()[0].removeprefix("# ")
    link = f"[{source.stem}.ipynb](../../{source.relative_to(ROOT).with_suffix('.ipynb').as_posix()})"
    names = [(theme, f"{PICTURES.name}/{name_picture(source.stem, theme)}") for theme in THEMES]
    pictures = " | ".join(f"![{first}, {theme}]({name})" for theme, name in names)
    return (
        f"## {first}\n\n{link}. {MOMENTS[source.stem].notice}\n\n| {' | '.join(THEMES)} |\n|---|---|\n| {pictures} |\n"
    )


def take_cells(source: Path, moment: Moment) -> list[str]:
    """The solved cells that a moment needs, as the tutorial has them."""
    code = [cell.source for cell in build_variant(source, "solution").cells if cell.cell_type == "code"]
    found = [next((cell for cell in code if part in cell), "") for part in moment.cells]
    assert all(found), f"{source.stem}: {moment.cells}"
    return list(dict.fromkeys(found))


def main() -> None:
    """Take the pictures, and write the page."""
    PICTURES.mkdir(exist_ok=True)
    expect.set_options(timeout=60_000)
    pictures = {}
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder)) as lab, sync_playwright() as playwright:
        browser = open_browser(playwright)
        for source in list_sources():
            moment = MOMENTS[source.stem]
            path = write_notebook(lab.notebooks / f"{source.stem}.ipynb", take_cells(source, moment))
            notebook = Notebook(browser.new_context(viewport=_WINDOW).new_page(), lab, path, workspace=source.stem)
            notebook.run_all()
            notebook.wait_for_views()
            view = notebook.widget(moment.title).last
            moment.act(notebook, view)
            for theme, name in THEMES.items():
                notebook.command("apputils:change-theme", theme=name)
                expect(view).to_have_attribute("data-theme", theme)
                view.scroll_into_view_if_needed()
                moment.frame(view)
                pictures[name_picture(source.stem, theme)] = shrink(view.screenshot(animations="disabled"))
            notebook.page.context.close()
            lab.shut_kernels_down()
        browser.close()
    for old in PICTURES.glob("*.png"):
        old.unlink()
    for name, png in pictures.items():
        (PICTURES / name).write_bytes(png)
        print(f"{name}: {len(png):,} bytes")
    PAGE.write_text(build_page(), encoding="utf-8")
    print(f"{sum(map(len, pictures.values())):,} bytes of {BUDGET_BYTES:,}")


if __name__ == "__main__":
    main()
