"""A text of 32,000 tokens in Chromium: few elements, nothing that jumps, and keyboard, search and pick as in a short one."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

import gscope_widgets as gs
from tests import fake_model
from tests.browser.plain import PlainView
from tests.fake_scope import FakeScope

SENTENCE = "The old fisherman walked from the harbour to the market with his sister and sold twelve fish. "
MOST_NODES = 2000
COUNT_NODES = "() => document.querySelectorAll('.gscope *').length"
# What a reader sees: the tokens in the strip's window, each with its place.
SEE = """() => {
    const strip = document.querySelector('.gscope-strip'), view = strip.getBoundingClientRect();
    return [...strip.querySelectorAll('[data-pos]')].map((node) => [Number(node.dataset.pos), node.getBoundingClientRect()])
        .filter(([, box]) => box.bottom > view.top && box.top < view.bottom).map(([pos, { left, top }]) => [pos, left, top]);
}"""


@pytest.fixture(scope="module")
def view(browser: Browser) -> Iterator[PlainView]:
    context, fake_model.CONTEXT = fake_model.CONTEXT, 40_000
    scope = FakeScope()
    scope.text_limit = 40_000 * 12
    page = browser.new_context(viewport={"width": 1500, "height": 1000}).new_page()
    page.set_default_timeout(30_000)
    per_sentence = len(scope.tokens(SENTENCE)) - 1
    shown = PlainView(
        page, lambda: gs.TokenHeatmap(scope, SENTENCE * (32_000 // per_sentence) + "Amen", features=[3, 4])
    )
    yield shown
    shown.widget.close()
    page.context.close()
    scope.close()
    fake_model.CONTEXT = context
    assert shown.complaints == []


def scroll_to(view: PlainView, share: float) -> None:
    view.page.evaluate(
        "(share) => { const s = document.querySelector('.gscope-strip'); s.scrollTop = share * s.scrollHeight; }", share
    )
    view.settle()


def see(view: PlainView) -> list[tuple[int, float, float]]:
    return [tuple(one) for one in view.page.evaluate(SEE)]


def used_mib(page: Page) -> float:
    """MiB of the page's JavaScript, garbage collected."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return metrics["JSHeapUsedSize"] / 2**20


@pytest.mark.row("NEW 26", "56")
def test_wherever_it_is_scrolled_few_elements_stand_in_the_page_and_the_page_does_not_move(view):
    count = len(view.widget.reading.tokens)
    assert count > 30_000
    box = view.root.bounding_box()
    for share in (0, 0.1, 0.5, 0.501, 0.9, 1, 0.3, 0):
        scroll_to(view, share)
        positions = [pos for pos, _, _ in see(view)]
        assert positions == list(range(positions[0], positions[-1] + 1))
        assert len(positions) > 100
        assert share * count - 2000 < positions[0] < share * count + 2000
        assert view.page.evaluate(COUNT_NODES) <= MOST_NODES
        assert view.root.bounding_box() == box
    assert view.page.evaluate(COUNT_NODES) > 500  # the control: they are counted


@pytest.mark.row("NEW 26")
def test_lines_come_in_above_without_moving_what_is_in_sight(view):
    scroll_to(view, 0.6)
    for _ in range(12):
        before = {pos: (left, top) for pos, left, top in see(view)}
        view.page.evaluate("() => { document.querySelector('.gscope-strip').scrollTop -= 90; }")
        view.settle()
        after = {pos: (left, top) for pos, left, top in see(view)}
        both = before.keys() & after.keys()
        assert len(both) > 100
        for pos in both:
            assert after[pos][0] == pytest.approx(before[pos][0], abs=0.5), pos
            assert after[pos][1] == pytest.approx(before[pos][1] + 90, abs=1.5), pos


def test_lines_are_filled_as_if_there_were_no_blocks(view):
    scroll_to(view, 0)
    lines: dict[float, list[float]] = {}
    for _, left, top in see(view):
        lines.setdefault(round(top), []).append(left)
    ends = [max(one) for one in lines.values() if len(one) > 5][:-1]  # less BOS, which is framed
    assert len(ends) > 6
    assert min(ends) > 1250  # of some 1,430 px


@pytest.mark.row("NEW 26")
def test_the_keyboard_goes_to_the_end_and_by_lines(view):
    scroll_to(view, 0)
    count = len(view.widget.reading.tokens)
    view.root.locator("[data-pos='3']").focus()
    view.page.keyboard.press("End")
    last = view.root.locator(f"[data-pos='{count - 1}']")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()
    expect(last).to_have_attribute("aria-posinset", str(count))
    view.page.keyboard.press("ArrowUp")
    focused = int(view.page.evaluate("document.activeElement.dataset.pos"))
    assert count - 80 < focused < count - 1
    view.page.keyboard.press("Enter")
    view.settle()
    assert view.widget.selected_pos == focused
    view.page.keyboard.press("Escape")
    view.settle()


@pytest.mark.row("NEW 26", "56")
def test_words_far_away_are_found_and_shown_and_a_pick_from_python_too(view):
    scroll_to(view, 0)
    box = view.root.bounding_box()
    view.root.get_by_text("Colour, range, find in the text").click()
    field = view.root.get_by_role("textbox", name="Find in the text")
    field.fill("amen")
    expect(view.root.get_by_text("1 of 1: position")).to_be_visible()
    expect(view.root.locator("[data-found=now]").first).to_be_in_viewport()
    field.fill("fisherman")
    expect(view.root.get_by_text(" of 1")).to_contain_text("1 of ")
    field.press("Shift+Enter")
    expect(view.root.locator("[data-found=now]").first).to_be_in_viewport()
    expect(field).to_be_focused()
    field.fill("")
    view.root.get_by_text("Colour, range, find in the text").click()
    assert view.root.bounding_box() == box
    for pos in range(1000, 30_000, 1511):  # some of them in a last line, which goes to the next block
        view.widget.selected_pos = pos
        view.settle()
        expect(view.root.locator(f"[data-pos='{pos}']")).to_be_in_viewport()
    expect(view.root.locator(f"[data-pos='{pos}']")).to_have_attribute("aria-selected", "true")
    view.widget.selected_pos = None
    view.settle()


@pytest.mark.row("2", "NEW 26")
def test_other_colours_touch_the_tokens_in_the_page_once_and_ask_the_kernel_for_nothing(view):
    """No wall time, which a busy machine decides: what is done is counted. Times are in `make bench`, T18."""
    scroll_to(view, 0.3)
    calls = len(view.widget.scope.calls)
    told = len(view.widget.comm.sent)
    counted = view.page.evaluate("""async () => {
        const strip = document.querySelector(".gscope-strip"), colour = document.querySelector(".gscope-fold select");
        const seen = [];
        const observer = new MutationObserver((records) => seen.push(...records));
        observer.observe(strip, { subtree: true, childList: true, attributes: true });
        colour.value = "l0";
        colour.dispatchEvent(new Event("change"));
        const now = [...seen, ...observer.takeRecords()];
        observer.disconnect();
        return {
            tokens: strip.querySelectorAll("[data-pos]").length, touched: new Set(now.map(({ target }) => target)).size,
            inserted: now.filter(({ type }) => type === "childList").length,
        };
    }""")
    assert 100 < counted["touched"] <= counted["tokens"] < 1000
    assert counted["inserted"] == 0
    view.settle()
    assert view.widget.color_by == "l0"  # the kernel is told, and answers nothing
    assert len(view.widget.scope.calls) == calls
    assert [data["method"] for data, _ in view.widget.comm.sent[told:] if data["method"] == "custom"] == []
    view.widget.color_by = "features"
    view.settle()


@pytest.mark.row("NEW 26")
def test_the_memory_of_the_page_stays_while_the_text_is_scrolled(view):
    def scroll_through() -> None:
        for step in range(33):
            scroll_to(view, step / 32)

    scroll_through()  # what is kept of a text at all
    before = used_mib(view.page)
    scroll_through()
    scroll_through()
    assert used_mib(view.page) < 1.1 * before
    view.page.evaluate("() => { window.kept = Array.from({ length: 2_000_000 }, (_, at) => `${at}`); }")
    assert used_mib(view.page) > 1.1 * before  # the control: it is measured
    view.page.evaluate("() => { delete window.kept; }")
    scroll_to(view, 0)


def test_at_another_width_lines_are_filled_again(view):
    scroll_to(view, 0)
    wide = len({round(top) for _, _, top in see(view)})
    view.page.set_viewport_size({"width": 700, "height": 1000})
    view.settle()
    narrow = see(view)
    assert max(left for _, left, _ in narrow) < 700
    assert len({round(top) for _, _, top in narrow}) == pytest.approx(wide, abs=2)
    view.page.set_viewport_size({"width": 1500, "height": 1000})
    view.settle()


@pytest.mark.row("NEW 26")
def test_a_long_text_after_a_short_one_is_scrolled_to_its_end(view):
    """What a token takes of height in a text of one line is no measure for a long one."""
    whole = view.widget.text
    view.widget.text = "Amen"
    view.settle()
    view.widget.text = whole
    view.settle()
    scroll_to(view, 1)
    assert see(view)[-1][0] == len(view.widget.reading.tokens) - 1
