"""What learners hand in: the solution, the untouched notebook, and notebooks in which something became of an answer's cell."""

import copy
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from gscope_widgets.exercises.cells import find_answers, replace_answer
from gscope_widgets.exercises.literals import Plain


@dataclass(frozen=True)
class HandedIn:
    """A learner's notebook, and what a grader should make of it."""

    name: str
    notebook: NotebookNode
    lost: frozenset[str]  # exercises that get no point
    sentence: str = ""  # that the grader must say of these

    def count_points(self, exercises: list[str]) -> int:
        return len(exercises) - len(self.lost)


def list_plain(released: NotebookNode, answers: dict[str, Plain]) -> list[HandedIn]:
    """Every answer right, and none given."""
    return [
        HandedIn("solution", answer_all(released, answers), frozenset()),
        HandedIn("untouched", released, frozenset(answers), "Not answered yet"),
    ]


def list_faulty(released: NotebookNode, answers: dict[str, Plain], name: str) -> list[HandedIn]:
    """Every answer right, and something wrong with the cell of one."""
    copied, deleted, unmarked = (answer_all(released, answers) for _ in range(3))
    at = find_cell(copied, f"gs-answer: {name}")
    double = copy.deepcopy(copied.cells[at])
    double.id = "a-copy"
    copied.cells.insert(at + 2, double)
    del deleted.cells[at]
    unmarked.cells[at].source = unmarked.cells[at].source.replace(f"  # gs-answer: {name}", "")
    lost = frozenset([name])
    return [
        HandedIn("answer copied", copied, lost, f"There are 2 answer cells of {name}, code cells"),
        HandedIn("answer deleted", deleted, lost, f"There is no answer cell of {name}"),
        HandedIn("marker deleted", unmarked, lost, "without its marker: end that line with"),
    ]


def list_mended(released: NotebookNode, answers: dict[str, Plain], name: str) -> list[HandedIn]:
    """Every answer right, and nbgrader's metadata or one of its tests lost: no point of the learner's is."""
    stripped, testless = (answer_all(released, answers) for _ in range(2))
    for cell in stripped.cells:
        cell.metadata = {}
    del testless.cells[find_cell(testless, f"answer to {name} is checked")]
    return [HandedIn("metadata stripped", stripped, frozenset()), HandedIn("test deleted", testless, frozenset())]


def answer_all(released: NotebookNode, answers: dict[str, Plain]) -> NotebookNode:
    """The notebook as the widgets would have written it."""
    notebook = copy.deepcopy(released)
    for cell in notebook.cells:
        for found in find_answers(cell.source) if cell.cell_type == "code" else ():
            cell.source = replace_answer(cell.source, found, answers[found.name])
    nbformat.validate(notebook)
    return notebook


def find_cell(notebook: NotebookNode, words: str) -> int:
    return next(at for at, cell in enumerate(notebook.cells) if cell.cell_type == "code" and words in cell.source)
