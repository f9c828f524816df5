"""FeatureSliders in a real JupyterLab: what a drag does before its end, reset, undo, and values from Python."""

import pytest
from playwright.sync_api import Locator, expect

TEXT = "The old fisherman sold two red"
CELLS = [
    f"import gscope_widgets as gs\nscope = gs.load()\ntext = {TEXT!r}",
    "top = [found.feature for found in scope.read(text).top(3)]",
    "sliders = gs.FeatureSliders(scope, text, features=top)\nsliders",
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def sliders(notebook) -> Locator:
    """The live view, with every feature left alone."""
    notebook.run("sliders.reset(); sliders.wait()")
    view = notebook.widget("Feature sliders")
    view.page.mouse.move(0, 0)
    expect(rows(view)).to_have_count(3)
    for row in range(3):
        expect(rows(view).nth(row)).to_have_attribute("data-state", "rest")
    settle(view)
    return view


def rows(view: Locator) -> Locator:
    return view.locator(".gscope-row")


def slider(view: Locator, row: int) -> Locator:
    return rows(view).nth(row).get_by_role("slider")


def settle(view: Locator) -> None:
    """Return when the distribution shown answers the settings shown."""
    expect(view.get_by_text("updating…")).to_be_hidden()


def read_distribution(view: Locator) -> list[list[str]]:
    """The rows as they stand: token, baseline, changed, random."""
    settle(view)
    table = view.get_by_role("table")
    return table.locator("tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].filter((cell) => !cell.ariaHidden).map((cell) => cell.innerText))"
    )


def read_kl(view: Locator) -> str:
    settle(view)
    return view.locator(".gscope-kl").inner_text()


def place_of(handle: Locator, share: float) -> tuple[float, float]:
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * share, box["y"] + box["height"] / 2


def wait_for_thumb(handle: Locator, share: float) -> None:
    """Return when the thumb has come to the pointer; a busy browser acknowledges a move before it acts on it."""
    handle.page.wait_for_function(
        "([input, share]) => Math.abs((input.value - input.min) / (input.max - input.min) - share) < 0.06",
        arg=[handle.element_handle(), share],
    )


def wait_for_rest(handle: Locator) -> None:
    """Return when the thumb stands still: where the page moves under a resting pointer, the thumb follows it."""
    before = None
    while (now := (handle.input_value(), handle.bounding_box())) != before:
        before = now
        handle.page.wait_for_timeout(300)


def test_the_distribution_follows_the_thumb_before_it_is_let_go(notebook, sliders):
    mouse = sliders.page.mouse
    still = read_distribution(sliders)
    assert all(base == changed == random for _, base, changed, random in still)
    mouse.move(*place_of(slider(sliders, 0), 0.02))
    mouse.down()
    try:
        seen = [read_kl(sliders)]
        for share in (0.35, 0.65, 0.97):
            mouse.move(*place_of(slider(sliders, 0), share), steps=5)
            wait_for_thumb(slider(sliders, 0), share)
            expect(sliders.locator(".gscope-kl")).not_to_have_text(seen[-1])
            seen.append(read_kl(sliders))
        assert len(set(seen)) == len(seen)
        wait_for_rest(slider(sliders, 0))
        during = read_distribution(sliders)
        assert any(base != changed != random for _, base, changed, random in during)
        value = notebook.evaluate("sliders.values[0]")
        assert value == pytest.approx(float(slider(sliders, 0).input_value()))
        assert notebook.evaluate("sliders.values[1:]") == [None, None]
    finally:
        mouse.up()
    settle(sliders)
    after = read_distribution(sliders)  # by likelihood again: while the thumb was held, rows kept their places
    both = {token: chances for token, *chances in during if token in {row[0] for row in after}}
    assert len(both) > 3
    assert {token: chances for token, *chances in after if token in both} == both
    kl = notebook.evaluate(
        "scope.next_tokens(text, 10, [gs.clamp(scope.dictionary().feature(top[0]), sliders.values[0])]).kl"
    )
    assert float(read_kl(sliders).split()[1]) == pytest.approx(kl, rel=0.02)


def test_a_drag_that_the_model_cannot_follow_costs_at_most_three_runs(notebook, sliders):
    """The model waits at a gate for the whole of the drag."""
    notebook.run(
        "import threading\nfrom tests.runtime.inside import loaded\n"
        "gate, runs = threading.Event(), []\n"
        "handle = loaded(scope).model.register_forward_pre_hook(lambda *_: (runs.append(1), gate.wait(60)) and None)"
    )
    mouse, handle = sliders.page.mouse, slider(sliders, 0)
    try:
        mouse.move(*place_of(handle, 0.02))
        mouse.down()
        mouse.move(*place_of(handle, 0.9), steps=200)
        wait_for_thumb(handle, 0.9)
        mouse.up()
        notebook.run("gate.set(); sliders.wait()")
        settle(sliders)
        moved = notebook.evaluate("sliders.values[0]")
        assert moved == pytest.approx(float(handle.input_value()))
        assert notebook.evaluate("[one.amount for one in sliders.distribution.interventions]") == [moved]
        assert 1 <= notebook.evaluate("len(runs)") <= 3
    finally:
        notebook.run("gate.set(); handle.remove()")


def test_moving_the_pointer_without_pressing_changes_nothing(notebook, sliders):
    before = read_distribution(sliders)
    for share in (0.02, 0.5, 0.97):
        sliders.page.mouse.move(*place_of(slider(sliders, 0), share), steps=5)
    assert notebook.evaluate("sliders.values") == [None, None, None]
    assert read_distribution(sliders) == before


def test_reset_gives_the_unchanged_distribution_back_and_undo_the_changed_one(notebook, sliders):
    still, silent = read_distribution(sliders), read_kl(sliders)
    reset = sliders.get_by_role("button", name="Reset all")
    expect(reset).to_be_disabled()
    slider(sliders, 0).focus()
    sliders.page.keyboard.press("End")
    expect(sliders.locator(".gscope-kl")).not_to_have_text(silent)
    changed = read_distribution(sliders)
    assert changed != still

    reset.click()
    expect(sliders.locator(".gscope-kl")).to_have_text(silent)
    assert read_distribution(sliders) == still
    notebook.wait_for("[sliders.values, len(sliders.interventions)]", [[None] * 3, 0])

    sliders.get_by_role("button", name="Undo").click()
    expect(sliders.locator(".gscope-kl")).not_to_have_text(silent)
    assert read_distribution(sliders) == changed


def test_ablating_shows_and_reaches_python(notebook, sliders):
    rows(sliders).nth(1).locator("select").first.select_option("ablate")
    rows(sliders).nth(1).get_by_role("switch").check()
    expect(rows(sliders).nth(1)).to_have_attribute("data-state", "ablated")
    notebook.wait_for("[str(one.kind) for one in sliders.interventions]", ["ablate"])
    expect(rows(sliders).nth(0)).to_have_attribute("data-state", "rest")


def test_values_set_in_python_move_the_slider(notebook, sliders):
    silent = read_kl(sliders)
    rest = slider(sliders, 2).input_value()
    half = notebook.evaluate("sliders.ranges[0]['clamp']['max'] / 2")
    notebook.run(f"sliders.values = [{half!r}, None, None]")
    expect(rows(sliders).nth(0)).to_have_attribute("data-state", "set")
    assert float(slider(sliders, 0).input_value()) == pytest.approx(half, rel=1e-3)
    assert slider(sliders, 2).input_value() == rest
    expect(sliders.locator(".gscope-kl")).not_to_have_text(silent)


def test_a_number_outside_the_range_is_refused_in_words(notebook, sliders):
    field = rows(sliders).nth(0).get_by_role("textbox")
    field.fill("1e9")
    field.press("Tab")
    expect(rows(sliders).nth(0).get_by_role("alert")).to_contain_text("got 1e9")
    assert notebook.evaluate("sliders.values") == [None, None, None]
    field.fill("")
    field.press("Tab")
    expect(rows(sliders).nth(0).get_by_role("alert")).to_be_hidden()


@pytest.mark.row("21")
def test_a_preset_is_saved_by_keyboard_and_applied_by_mouse(notebook, sliders):
    field = rows(sliders).nth(0).get_by_role("textbox")
    field.fill("5")
    field.press("Tab")
    notebook.wait_for("sliders.values", [5.0, None, None])
    changed, kl = read_distribution(sliders), read_kl(sliders)
    name = sliders.get_by_role("textbox", name="Name of a new preset")
    name.fill("five")
    name.press("Enter")
    notebook.wait_for("[list(sliders.presets), sliders.presets.get('five') == sliders.changes]", [["five"], True])
    sliders.get_by_role("button", name="Reset all").click()
    notebook.wait_for("sliders.values", [None] * 3)
    expect(sliders.locator(".gscope-kl")).not_to_have_text(kl)
    expect(sliders.get_by_role("combobox", name="Preset", exact=True)).to_have_value("five")
    sliders.get_by_role("button", name="Apply").click()
    expect(sliders.locator(".gscope-kl")).to_have_text(kl)
    assert read_distribution(sliders) == changed
    expect(sliders.get_by_text("Applied: five. Undo takes it back.")).to_be_visible()
    sliders.get_by_role("button", name="Remove this preset").click()
    notebook.wait_for("len(sliders.presets)", 0)


@pytest.mark.row("21")
def test_a_direction_from_python_is_added_in_the_page(notebook, sliders):
    notebook.run(
        "sliders.directions = [scope.direction(['Le vieux', 'Une pomme'], ['The old', 'An apple'], layer=4)]; sliders.wait()"
    )
    sliders.get_by_role("button", name="Add a direction").click()
    expect(rows(sliders)).to_have_count(4)
    field = rows(sliders).nth(3).get_by_role("textbox")
    field.fill("0.4")
    field.press("Tab")
    notebook.wait_for("[one.ref == sliders.directions[0] for one in sliders.interventions]", [True])
    assert notebook.evaluate("sliders.values[3]") == 0.4
    settle(sliders)
    kl = "scope.next_tokens(text, 10, [gs.add(sliders.directions[0], 0.4)]).kl"
    assert float(read_kl(sliders).split()[1]) == pytest.approx(notebook.evaluate(kl), rel=0.02)
    notebook.run("sliders.changes = sliders.changes[:3]; sliders.directions = []; sliders.wait()")


def test_an_error_inside_a_request_is_a_sentence_in_the_widget(notebook, sliders):
    before = read_distribution(sliders)
    notebook.run("def fail(*_, **__):\n    raise RuntimeError('the disk is on fire')\nscope.next_tokens = fail")
    try:
        slider(sliders, 0).focus()
        sliders.page.keyboard.press("End")
        expect(sliders.get_by_role("alert").filter(has_text="the disk is on fire")).to_be_visible()
    finally:
        notebook.run("del scope.next_tokens")
    sliders.get_by_role("button", name="Reset all").click()
    assert read_distribution(sliders) == before
    expect(sliders.get_by_role("alert").filter(has_text="the disk is on fire")).to_have_count(0)
    assert notebook.error_outputs() == []
