"""What a widget prints: numbers beside the colours, and no part cut off."""

import pytest
from playwright.sync_api import expect

CELLS = [
    "import gscope_widgets as gs\nfrom tests.fake_scope import FakeScope\nscope = FakeScope()\ntext = ' '.join(['The old fisherman sold two red coats.'] * 12)",
    "heatmap = gs.TokenHeatmap(scope, text)\nheatmap",
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def printed(notebook):
    notebook.page.emulate_media(media="print")
    yield notebook.widget("Token heatmap")
    notebook.page.emulate_media(media="screen")


def test_on_screen_the_numbers_are_folded(notebook):
    expect(notebook.widget("Token heatmap").locator("tbody tr")).to_have_count(0)


def test_in_print_the_numbers_stand_beside_the_colours(notebook, printed):
    rows = printed.locator("tbody tr")
    expect(rows).to_have_count(notebook.evaluate("len(heatmap.reading.tokens)"))
    expect(rows.last).to_be_visible()
    whole = "node => node.scrollHeight <= node.clientHeight + 1"
    for part in (".gscope-table-holder", ".gscope-strip"):
        assert printed.locator(part).evaluate(whole), part
    expect(printed.get_by_role("button", name="Add")).to_be_hidden()


def test_afterwards_they_are_folded_again(notebook, printed):
    expect(printed.locator("tbody tr").last).to_be_visible()
    notebook.page.emulate_media(media="screen")
    expect(printed.locator("tbody tr")).to_have_count(0)
