"""Pictures of every widget in a real JupyterLab, wide and narrow, in both themes, with errors and as copies.

python -m tests.browser.screenshots --out DIR
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Locator, expect, sync_playwright

from tests.browser.lab import Lab, Notebook, open_browser, write_notebook
from tests.browser.shows import THEMES, TITLES, show_errors, show_theme, use_widgets, write_cells

WIDTHS = {"wide": 1500, "narrow": 900}


def photograph(notebook: Notebook, out: Path, *, name: str) -> None:
    for title, stem in TITLES.items():
        picture(notebook.widget(title), out / f"{stem}-{name}.png")


def picture(what: Locator, path: Path) -> None:
    what.scroll_into_view_if_needed()
    what.screenshot(path=path)
    print(path)


def visit(browser: Browser, lab: Lab, out: Path, *, width: int, name: str) -> None:
    """One window of that width: both themes, errors, and the notebook reopened without a kernel."""
    path = write_notebook(lab.notebooks / f"{name}.ipynb", write_cells())
    notebook = open_window(browser, lab, path, width=width)
    notebook.run_all()
    notebook.wait_for_views()
    use_widgets(notebook)
    for theme in THEMES:
        show_theme(notebook, theme)
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
