"""One JupyterLab and one Chromium for the folder; one notebook, run once, for each file of tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gscope_widgets.widgets.base.widget import GscopeWidget
from tests.browser.lab import Lab, Notebook, open_browser, write_notebook
from tests.browser.plain import PlainView

VIEWPORT = {"width": 1280, "height": 1100}
expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # A page, a server and a kernel on two busy cores: what is late once is listed as RERUN, twice is a failure.
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = open_browser(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def lab(tmp_path_factory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def open_notebook(browser, lab) -> Iterator[Callable[[Path], Notebook]]:
    """Opens a notebook in a browser window of its own, as after logging in anew. Nothing of it is left to the next file."""
    contexts = []
    lab.put_settings_back()

    def open_one(path: Path) -> Notebook:
        context = browser.new_context(viewport=VIEWPORT)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        return Notebook(page, lab, path, workspace=f"{path.stem}-{len(contexts)}")

    yield open_one
    for context in contexts:
        context.close()
    lab.shut_kernels_down()


@pytest.fixture(scope="module")
def notebook(request, lab, open_notebook) -> Notebook:
    """The notebook of the test file's CELLS, open and run."""
    path = write_notebook(lab.notebooks / f"{request.path.stem}.ipynb", request.module.CELLS)
    opened = open_notebook(path)
    opened.run_all()
    opened.wait_for_views()
    assert opened.error_outputs() == []
    return opened


@pytest.fixture
def quiet(notebook) -> Iterator[None]:
    """Fails a test in which the page complains or a dialog opens."""
    notebook.complaints.all.clear()
    notebook.dialogs.clear()
    yield
    assert notebook.complaints.all == []
    assert notebook.dialogs == []


@pytest.fixture(scope="module")
def plain_page(browser: Browser) -> Iterator[Page]:
    """One for all tests: each view stands in a document of its own, which takes a tenth of what a new page does."""
    page = browser.new_context().new_page()
    page.set_default_timeout(30_000)
    yield page
    page.context.close()


@pytest.fixture
def show(plain_page: Page) -> Iterator[Callable[..., PlainView]]:
    """Opens a widget's view in the page, in place of the one before; the page must not complain."""
    opened: list[PlainView] = []

    def show_one(
        make: Callable[[], GscopeWidget], *, width: int = 1500, height: int = 900, theme: str = "light"
    ) -> PlainView:
        plain_page.goto("about:blank")
        plain_page.mouse.move(0, 0)
        plain_page.emulate_media(media="null")
        plain_page.set_viewport_size({"width": width, "height": height})
        opened.append(PlainView(plain_page, make, theme=theme))
        return opened[-1]

    yield show_one
    for view in opened:
        view.widget.close()
    assert [complaint for view in opened for complaint in view.complaints] == []
