"""What the graders of others call: answers read from the cells that ran, and a sentence for each that is not right."""

import json

import nbformat
import pytest
from nbclient import NotebookClient

import gscope_widgets as gs
from gscope_widgets.exercises.graders import describe_cell, require_right
from tests.exercises.test_grading import SETUP, build, write

PREDICT = "gs.Predict(scope, 'How many?', gs.truths.count_tokens(text), tolerance=0, name='{0}', answer=answer_{1})"
ANSWERS = {  # by exercise, the cells of its answer
    "ex1": ["answer_1 = 4  # gs-answer: ex1"],
    "ex2": ["answer_2 = 12  # gs-answer: ex2"],
    "ex3": ["answer_3 = None  # gs-answer: ex3"],
    "ex4": ["answer_4 = 4"],
    "ex5": ["answer_5 = 4  # gs-answer: ex5"] * 2,
    "ex6": ["answer_6 = len('four')  # gs-answer: ex6"],
    "ex7": ["answer_7 = 12  # gs-answer: ex7", "answer_7 = 4"],  # the variable is another one than the cell's
    "ex9": ["answer_9 = 4  # gs-answer: ex9"],
}
SAID = {
    "ex1": "",
    "ex2": "You said 12; it is 4.",
    "ex3": "Not answered yet.",
    "ex4": "Code cell 5 sets answer_4 without its marker: end that line with '# gs-answer: ex4'.",
    "ex5": "There are 2 answer cells of ex5, code cells 6 and 7: keep one of them.",
    "ex6": "Code cell 8: it is calculated: write the value itself",
    "ex7": "You said 12; it is 4.",
    "ex8": "There is no answer cell of ex8",  # deleted, so that its exercise was made without it
    "ex9": "Exercise ex9 was not made",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What is said of each exercise in a kernel that has run a learner's notebook."""
    cells = [SETUP.replace("%pip", "#"), *(cell for cells in ANSWERS.values() for cell in cells)]
    cells += [f"{name} = {PREDICT.format(name, name[2:])}" for name in ANSWERS if name != "ex9"]
    cells += [f"ex8 = {PREDICT.format('ex8', '8').replace('answer_8', 'None')}"]
    ask = f"""import json
from gscope_widgets.exercises.graders import require_right
said = {{}}
for name in {list(SAID)!r}:
    try:
        require_right(name)
        said[name] = ""
    except AssertionError as error:
        said[name] = str(error)
print(json.dumps(said))"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in [*cells, ask]])
    NotebookClient(notebook, timeout=300, kernel_name="python3", store_widget_state=False).execute()
    return json.loads(notebook.cells[-1].outputs[-1].text)


@pytest.mark.row("44")
@pytest.mark.parametrize("name", SAID)
def test_in_a_learners_kernel_the_answers_cell_counts_and_what_became_of_it_is_said(said, name):
    assert SAID[name] in said[name]
    assert (said[name] == "") == (name == "ex1")


@pytest.mark.row("44")
def test_beside_a_lesson_of_the_teachers_the_one_notebook_here_is_graded(tmp_path, monkeypatch):
    (tmp_path / "tests").mkdir()
    write(tmp_path / "tests" / "lesson.json", build(None, None))
    # The learner has changed the key: it is the lesson's that counts.
    write(tmp_path / "handed_in.ipynb", [cell.replace("'up', choices", "'down', choices") for cell in build(4, "down")])
    monkeypatch.chdir(tmp_path)
    require_right("ex1", lesson="tests/lesson.json")
    with pytest.raises(gs.NotRight, match="You said down; it is up."):
        require_right("ex2", lesson="tests/lesson.json")
    with pytest.raises(gs.InvalidValue, match="no exercise 'ex9'"):
        require_right("ex9", lesson="tests/lesson.json")
    write(tmp_path / "another.ipynb", ["1"])
    with pytest.raises(gs.InvalidValue, match="one notebook is graded at a time, got another.ipynb, handed_in.ipynb"):
        require_right("ex1", lesson="./tests/lesson.json")


def test_outside_of_a_kernel_there_is_nothing_to_check():
    with pytest.raises(gs.GscopeError, match="use: gscope-widgets grade"):
        require_right("ex1")


def test_a_cell_is_described_as_nbgrader_reads_it():
    described = describe_cell("test-ex1", grade=True, locked=True, points=1)
    assert described["schema_version"] == 3
    assert [role for role in ("grade", "locked", "solution", "task") if described[role]] == ["grade", "locked"]
