"""The lesson on computation in JupyterLab: what decides between two answers is found, taken out, and swapped."""

import re

import pytest
from playwright.sync_api import expect

from gscope_widgets.teaching.tutorials import find_tutorials
from gscope_widgets.teaching.variants import build_variant, read_answers

SOURCE = find_tutorials() / "06_computation.py"
NEEDED = ("gs.load(", "graph = gs.circuit(", "circuit = gs.CircuitGraph(", "def find_nodes(", "answer_3 =", "ex3 =")
NEEDED += ("circuit.change(", "answer_5 =", "ex5 =")


def take_cells() -> list[str]:
    """The cells that the two exercises need, as a learner gets them."""
    code = [cell.source for cell in build_variant(SOURCE, "student").cells if cell.cell_type == "code"]
    found = [[source for source in code if part in source] for part in NEEDED]
    assert all(len(one) == 1 for one in found)
    return [one[0] for one in found]


CELLS = take_cells()
ANSWERS, IDEAS = read_answers(SOURCE, "solution"), read_answers(SOURCE, "first-idea")
pytestmark = pytest.mark.usefixtures("quiet")


def commit(notebook, asked: str, choices, *, by_keyboard: bool) -> str:
    """Tick these choices and no others, commit, and read the verdict."""
    view = notebook.widget("Predict").filter(has_text=asked)
    for box in view.get_by_role("checkbox").all():
        if box.is_checked():
            box.uncheck()
    for choice in choices:
        box = view.get_by_role("checkbox", name=choice, exact=True)
        box.focus()
        notebook.page.keyboard.press("Space") if by_keyboard else box.check()
        expect(box).to_be_checked()
    button = view.get_by_role("button", name="Commit")
    verdict = view.locator(".gscope-verdict")
    before = verdict.text_content()
    button.press("Enter") if by_keyboard else button.click()
    expect(verdict).not_to_have_text(before)
    return verdict.text_content()


def read_number(pattern: str, said: str) -> float:
    return float(re.search(pattern, said)[1])


@pytest.mark.row("10", "43")
def test_three_nodes_are_found_that_carry_the_step_and_the_most_influential_do_not(notebook):
    asked = "Which three nodes carry"
    said = commit(notebook, asked, IDEAS["ex3"], by_keyboard=False)
    assert said.startswith("✗ With that the lead falls by")
    said = commit(notebook, asked, ANSWERS["ex3"], by_keyboard=True)
    fall, random = (read_number(part, said) for part in (r"falls by ([\d.]+)", r"random features (-?[\d.]+)"))
    assert said.startswith("✓") and random < fall / 2
    assert fall == pytest.approx(notebook.evaluate("ablate([NODES[name] for name in ex3.answer])[0]"), abs=0.06)


@pytest.mark.row("10")
def test_the_step_is_taken_out_in_the_graph_beside_its_control(notebook):
    view = notebook.widget("Circuit graph").last
    expect(view.get_by_role("group", name="What the change did")).to_be_visible()
    baseline, free, random = notebook.evaluate(
        "[float(circuit.effect.baseline[0]), float(circuit.effect.free[0]), float(circuit.effect.random.mean())]"
    )
    assert free < -baseline / 2 < random
    assert [one["label"] for one in notebook.evaluate("[dict(one) for one in circuit.groups]")] == ["the region?"]


@pytest.mark.row("10", "43")
def test_another_step_in_its_place_changes_the_answer_and_random_ones_do_not(notebook):
    asked = "Which swaps, two at most"
    said = commit(notebook, asked, IDEAS["ex5"], by_keyboard=True)
    assert said.startswith("✗") and read_number(r"to (-?[\d.]+);", said) > 0
    said = commit(notebook, asked, ANSWERS["ex5"], by_keyboard=False)
    assert said.startswith("✓")
    assert read_number(r"to (-?[\d.]+);", said) < 0 < read_number(r"to (-?[\d.]+) at the lowest", said)
    at = next(at for at, cell in enumerate(CELLS) if cell.rstrip().endswith("# gs-answer: ex5"))
    notebook.run_cell(at)
    notebook.wait_for("ex5.kept", "written")
    notebook.wait_for("ex5.check().passed", True)
