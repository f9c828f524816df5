"""Writes docs/gallery, the page of all widgets with their pictures: `python -m tests.browser.gallery`."""

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from gscope_widgets.widgets.catalogue import CATALOGUE, Row
from gscope_widgets.widgets.contract import load_class
from tests.browser.lab import Lab, Notebook, open_browser, write_notebook
from tests.browser.shows import THEMES, show_theme, use_widgets, write_cells

FOLDER = Path(__file__).parents[2] / "docs" / "gallery"
PAGE = FOLDER / "README.md"
COMMAND = "python -m tests.browser.gallery"
BUDGET_BYTES = 1_700_000  # of all pictures
_COLOURS = 96  # of a picture; more are not told apart
_WINDOW = {"width": 1440, "height": 2300}  # the tallest widget stands in it whole
_HEAD = f"""# Gallery

Every widget on `gscope-mini`, in JupyterLab's light and dark theme. Written by `{COMMAND}`, pictures and page.
"""
NOTICE = {
    "TokenHeatmap": "Four features on one text: the first fills the tokens, the others are bars under them, so that "
    "none is told by colour alone.",
    "FeatureSliders": "One feature is clamped and one ablated; each bar of the changed model stands under the "
    "baseline's.",
    "SteeringPanel": "Beside the changed text stand the baseline and a random direction of the same length, and each "
    "is marked where it first differs.",
    "DoseSweep": "Effect and fluency stand on one axis of strength, beside a random direction; marks say where the text "
    "flips and where it breaks up.",
    "LogitLens": "The likeliest next token after each layer, from the first below to the last above; pinned tokens "
    "are followed through all of them.",
    "AttentionView": "A list is said again: where it is to go on, the head that is enlarged takes nearly all from the "
    "word that followed before, beyond the window of local layers, and adds most to that word's logit.",
    "FeatureCard": "Examples come from all over the feature's range, not from its strongest alone, and its AUC stands "
    "beside that of its rivals.",
    "FeatureFinder": "Each feature that fires has its share of its known maximum and how often it fires at all; what "
    "is dense is said to be.",
    "PromptContrast": "One word differs; the columns are filled by how much the features do, and the list says which.",
    "DictionaryCompare": "Features of two dictionaries that answer one another stand side by side, by the measure named; "
    "what one dictionary splits or lacks is marked.",
    "CircuitGraph": "Tokens stand below and the answer above; errors, which no feature stands for, have a shape of their own, "
    "and what is pinned is drawn once more below.",
    "Predict": "The guess was committed before anything was compared; the line below keeps it in the notebook.",
    "NameFeature": "The score is on texts held out, beside what shuffled firings come to, and the misses come first.",
    "ReachGoal": "The goal counts only where a random push of the same length does not reach it.",
    "Quiz": "Of a wrong answer is said what it misunderstands, and never which one is right.",
    "Doctor": "Each part of the machine has its line, and what is wrong says what to do.",
    "Workbench": "A token is picked: its features are listed, and the text is steered below it and read again.",
}


def name_picture(row: Row, theme: str) -> str:
    """The file of a widget's picture."""
    return f"{row.module}-{theme}.png"


def build_page() -> str:
    """The page, with a part for each widget of the catalogue."""
    return "\n".join([_HEAD, *map(_build_part, CATALOGUE)])


def _build_part(row: Row) -> str:
    doc = load_class(row).__doc__ or ""
    first = " ".join(doc.split("\n\n")[0].split())
    pictures = " | ".join(f"![{row.title}, {theme}]({name_picture(row, theme)})" for theme in THEMES)
    table = f"| {' | '.join(THEMES)} |\n|---|---|\n| {pictures} |"
    notice = f" {NOTICE[row.name]}" if row.name in NOTICE else ""
    return f"## {row.title}\n\n`gs.{row.name}`: {first}{notice}\n\n{table}\n"


def shrink(png: bytes) -> bytes:
    """The picture with a palette."""
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def photograph(notebook: Notebook, row: Row) -> bytes:
    """A widget as it stands in the page, drawn to its end."""
    view = notebook.widget(row.title)
    view.scroll_into_view_if_needed()
    notebook.page.mouse.move(0, 0)  # what it points at is drawn otherwise
    return view.screenshot(animations="disabled")


def main() -> None:
    """Take the pictures, and write the page."""
    FOLDER.mkdir(exist_ok=True)
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder)) as lab, sync_playwright() as playwright:
        browser = open_browser(playwright)
        path = write_notebook(lab.notebooks / "gallery.ipynb", write_cells())
        page = browser.new_context(viewport=_WINDOW).new_page()
        notebook = Notebook(page, lab, path, workspace="gallery")
        notebook.run_all()
        notebook.wait_for_views()
        use_widgets(notebook)
        pictures = {}
        for theme in THEMES:
            show_theme(notebook, theme)
            pictures |= {name_picture(row, theme): shrink(photograph(notebook, row)) for row in CATALOGUE}
        browser.close()
    for old in FOLDER.glob("*.png"):
        old.unlink()
    for name, png in pictures.items():
        (FOLDER / name).write_bytes(png)
        print(f"{name}: {len(png):,} bytes")
    PAGE.write_text(build_page(), encoding="utf-8")
    print(f"{sum(map(len, pictures.values())):,} bytes of {BUDGET_BYTES:,}")


if __name__ == "__main__":
    main()
