"""A sweep in a real notebook: its line of progress, its cards in FeatureCard, and back to the shipped ones."""

import pytest
from playwright.sync_api import expect

CELLS = [
    "import tempfile, gscope_widgets as gs\n"
    "scope = gs.load()\n"
    "home = scope.dictionary()\n"
    "out = tempfile.mkdtemp()\n"
    "sweep = gs.sweep(scope, home, gs.mini.texts()[:40], out)",
    "scope.use_examples(sweep.folder)\ncard = gs.FeatureCard(scope, 21, text='Where does the old fisherman live?')\ncard",
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.row("11")
def test_a_card_shows_the_sweep_and_then_the_shipped_examples_again(notebook):
    tokens = notebook.evaluate("f'{sweep.used:,} tokens of the 40 texts given'")
    expect(notebook.page.get_by_text("sweep done: ")).to_be_visible()
    view = notebook.widget("Feature card")
    expect(view.get_by_role("heading", name="Feature 21")).to_be_visible()
    expect(view.get_by_text(tokens).first).to_be_visible()
    histogram = view.locator(".gscope-histogram-bars > span")
    expect(histogram).to_have_count(notebook.evaluate("len(card.dashboard.histogram.counts)"))
    assert notebook.evaluate("card.dashboard.histogram.fired == round(card.dashboard.density * sweep.used)")
    examples = view.get_by_role("region", name="Examples")
    expect(examples.locator("section")).to_have_count(5)
    words = examples.locator(".gscope-card-words").first.inner_text()
    assert "<pad>" not in examples.inner_text()
    notebook.run("scope.use_examples(None); card.feature = 22; card.wait(); card.feature = 21; card.wait()")
    expect(view.get_by_text("tokens of mini's held-out text").first).to_be_visible()
    assert examples.locator(".gscope-card-words").first.inner_text() != words
