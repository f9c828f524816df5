"""Pictures of every widget in a real JupyterLab, in its light and its dark theme, to be looked at.

python tests/browser/screenshots.py --out DIR
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from playwright.sync_api import Browser, Locator, expect, sync_playwright

from gscope_widgets.widgets.catalogue import CATALOGUE
from tests.browser.lab import Lab, Notebook, open_browser, write_notebook

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTHS = {"wide": 1500, "narrow": 900}
TITLES = {row.title: row.module for row in CATALOGUE}
CELLS = [
    'import gscope_widgets as gs\n\nscope = gs.load("mini")\n'
    'text = "The old fisherman sold two red coats in the market."\n'
    "top = [found.feature for found in scope.read(text).top(4)]",
    "heatmap = gs.TokenHeatmap(scope, text, features=top)\nheatmap",
    "sliders = gs.FeatureSliders(scope, text[:27], features=top[:3])\nsliders",
    "panel = gs.SteeringPanel(scope, text[:17], features=top[:2], strength=0.5, max_new_tokens=60)\npanel",
    "sweep = gs.DoseSweep(scope, text[:17], ref=top[0], measure=['red', 'coats'], samples=3, max_new_tokens=10)\nsweep",
    "lens = gs.LogitLens(scope, text)\nlens",
    "card = gs.FeatureCard(scope, top[0], text=text)\ncard",
    "finder = gs.FeatureFinder(scope, text)\nfinder",
    "contrast = gs.PromptContrast(scope, text, text.replace('fisherman', 'baker'))\ncontrast",
    "compare = gs.DictionaryCompare(scope, text, [{}, {'width': '4k'}, {'layer': 5}])\ncompare",
    "doctor = gs.Doctor('gemma-3-4b')\ndoctor",
]


def use_widgets(notebook: Notebook) -> None:
    """Bring each widget into a state that shows what it does."""
    heatmap = notebook.widget("Token heatmap")
    heatmap.locator(".gscope-token").nth(4).click()
    sliders = notebook.widget("Feature sliders")
    first = sliders.get_by_role("slider").first
    first.scroll_into_view_if_needed()
    first.focus()
    notebook.page.keyboard.press("End")
    sliders.get_by_role("switch").nth(1).check()
    expect(sliders.get_by_text("updating…")).to_be_hidden()
    lens = notebook.widget("Logit lens")
    lens.locator("[data-row='5'][data-pos='4']").click()
    for number in range(2):
        lens.get_by_role("button", name="pin").nth(number).click()
    panel = notebook.widget("Steering panel")
    panel.get_by_role("button", name="Start", exact=True).click()
    notebook.wait_for("panel.status['state']", "idle")
    sweep = notebook.widget("Dose sweep")
    sweep.get_by_role("button", name="Start", exact=True).click()
    notebook.wait_for("sweep.status['state']", "idle")
    sweep.get_by_role("listbox", name="Strengths").get_by_role("option").last.click()


def show_errors(notebook: Notebook) -> None:
    """Bring each widget into a state that shows an error."""
    notebook.widget("Token heatmap").get_by_role("textbox", name="Text", exact=True).fill("word " * 100_000)
    field = notebook.widget("Feature sliders").locator(".gscope-row").first.get_by_role("textbox")
    field.fill("1e9")
    field.press("Tab")
    for title in ("Logit lens", "Feature finder", "Dictionary compare"):
        notebook.widget(title).get_by_role("textbox", name="Text", exact=True).fill("word " * 100_000)
    notebook.widget("Dose sweep").get_by_role("textbox", name="Prompt", exact=True).fill("word " * 100_000)
    notebook.widget("Prompt contrast").get_by_role("textbox", name="First", exact=True).fill("word " * 100_000)
    notebook.run("panel._requests.refuse(gs.InvalidValue('strength must be a number from -100 to 100, got nan'))")
    notebook.run("doctor._requests.refuse(gs.InvalidValue('ask_hub must be True or False, got 5'))")
    for title in TITLES:
        expect(notebook.widget(title).get_by_role("alert").filter(visible=True).first).to_be_visible()


def photograph(notebook: Notebook, out: Path, *, name: str) -> None:
    for title, stem in TITLES.items():
        picture(notebook.widget(title), out / f"{stem}-{name}.png")


def picture(what: Locator, path: Path) -> None:
    what.scroll_into_view_if_needed()
    what.screenshot(path=path)
    print(path)


def visit(browser: Browser, lab: Lab, out: Path, *, width: int, name: str) -> None:
    """One window of that width: both themes, errors, and the notebook reopened without a kernel."""
    path = write_notebook(lab.notebooks / f"{name}.ipynb", CELLS)
    notebook = open_window(browser, lab, path, width=width)
    notebook.run_all()
    notebook.wait_for_views()
    use_widgets(notebook)
    for theme, theme_name in THEMES.items():
        notebook.command("apputils:change-theme", theme=theme_name)
        expect(notebook.page.locator(f'body[data-jp-theme-light="{str(theme == "light").lower()}"]')).to_be_attached()
        for title in TITLES:
            expect(notebook.widget(title)).to_have_attribute("data-theme", theme)
        photograph(notebook, out, name=f"{name}-{theme}")
    notebook.widget("Token heatmap").scroll_into_view_if_needed()
    # Blocks of tokens far from the window are drawn one frame after they come near.
    notebook.page.wait_for_function(
        "() => document.querySelector('.gscope-token').checkVisibility({ contentVisibilityAuto: true })"
    )
    notebook.page.screenshot(path=out / f"page-{name}.png")
    notebook.save()
    show_errors(notebook)
    photograph(notebook, out, name=f"{name}-error")
    notebook.page.context.close()

    lab.shut_kernels_down()
    reopened = open_window(browser, lab, path, width=width)
    copies = reopened.panel.locator(".gscope-static")
    expect(copies).to_have_count(len(TITLES))
    for index, stem in enumerate(TITLES.values()):
        picture(copies.nth(index), out / f"{stem}-{name}-copy.png")
    reopened.page.screenshot(path=out / f"page-{name}-reopened.png")
    reopened.page.context.close()
    lab.shut_kernels_down()


def open_window(browser: Browser, lab: Lab, path: Path, *, width: int) -> Notebook:
    page = browser.new_context(viewport={"width": width, "height": 1500}).new_page()
    return Notebook(page, lab, path, workspace=path.stem)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the PNG files")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder)) as lab, sync_playwright() as playwright:
        browser = open_browser(playwright)
        for name, width in WIDTHS.items():
            visit(browser, lab, out, width=width, name=name)
        browser.close()


if __name__ == "__main__":
    main()
