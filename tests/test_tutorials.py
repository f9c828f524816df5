"""The tutorials: source and notebook agree, nothing stored in them, and they run top to bottom, on a recording too."""

import contextlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

import gscope_widgets as gs
from tests.published import find_faults

TUTORIALS = Path(__file__).parent.parent / "tutorials"
SOURCES = sorted(TUTORIALS.glob("*.py"))
SECONDS_A_CELL = 180
PRINTS = {  # a part of what each prints
    "00_workbench": "[",
    "01_a_microscope_on_text": "KL divergence",
    "02_name_that_feature": "precision   recall",
    "03_what_a_dictionary_buys": "sentences shuffled",
    "05_steering_with_a_lab_notebook": "stands out from:",
}


def test_there_is_a_tutorial():
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_is_built_from_its_source(source: Path):
    stored = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    built = jupytext.read(source)
    assert [(cell.cell_type, cell.source) for cell in stored.cells] == [
        (cell.cell_type, cell.source) for cell in built.cells
    ], f"run: jupytext --to ipynb {source.relative_to(TUTORIALS.parent)}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_is_valid_and_stores_no_output(source: Path):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


# What a learner who has understood would answer; the right choices of the quizzes are sealed in the notebooks themselves.
SOLUTIONS = {
    "01_a_microscope_on_text": {
        "ex1": [7, 15],
        "ex2": "the same",
        "ex3": "music",
        "ex4": [14],
        "ex5": "beginnings of French verbs",
        "ex6": "that of the other",
        "ex7": [["add", 542, 0.6]],
        "ex8": [
            "a direction that a dictionary learnt",
            "nothing, before its known maximum is beside it",
            "because any change of that size does something",
            "that its direction can push the text to French",
            "nothing: it was not measured here",
            "the two distributions are the same",
            "L0 counts features at a token, density is of one feature over many tokens",
            "it holds no text, and the dictionary was not trained on it",
        ],
    },
    "02_name_that_feature": {
        "ex1": 20,
        "ex2": ["what", "which"],
        "ex3": "it falls by more than 0.1",
        "ex4": ["kitchen", "nursery", "loft", "attic", "scullery", "hall", "corridor", "study", "bedroom"],
        "ex5": 0.91,
        "ex6": [
            "when its activation there is above zero",
            "nothing: they must be looked at",
            0.5,
            "a label can be bent to fit the texts it was made from",
            0.25,
            0.5,
            "to see what score chance would give",
            "on these texts the rule tells well where this feature of mini fires",
        ],
    },
    "03_what_a_dictionary_buys": {
        "ex1": 2.9,
        "ex2": "to between a third and three quarters",
        "ex3": "to less than a third",
        "ex4": "less than a third of it",
        "ex5": "it rises by more than a tenth",
        "ex6": "between one in ten and one in four",
        "ex7": [
            0,
            "its copy is as bad as the text's mean",
            "how many features fire at a token, on average",
            0.75,
            "more of what the model uses passes through one of the places",
            "it shows what the whole place is worth",
            "where a concept is known beforehand, a probe is the rival to beat",
            "on texts like these, its copy costs mini less",
        ],
    },
    "05_steering_with_a_lab_notebook": {
        "ex1": 0.5,
        "ex2": "at the same strength",
        "ex3": [["add", 542, 0.45]],
        "ex4": "French",
        "ex5": [
            "a feature's direction, to the residual stream",
            "of the mean length of the residual stream there",
            "any push of that length may change the text",
            "the unchanged model would hardly write them",
            "strengths at which the effect cannot be told from chance",
            "nothing: it must be measured",
            "one text may differ from the next by chance",
            "on mini this direction can push a text towards French",
        ],
    },
}
# The first idea that comes to mind, and is not enough.
FIRST_IDEAS = {
    "03_what_a_dictionary_buys": {
        "ex1": 3.9,
        "ex2": "to less than a third",
        "ex3": "to between a third and three quarters",
        "ex4": "between a third of it and three times it",
        "ex5": "it stays within a tenth",
        "ex6": "more than one half",
    },
    "02_name_that_feature": {"ex1": 90, "ex2": ["room"], "ex3": "it rises", "ex4": ["kitchen"], "ex5": 1.0},
    "05_steering_with_a_lab_notebook": {
        "ex1": 0.1,
        "ex2": "at a larger one, or at none",
        "ex3": [["add", 542, 0.8]],
        "ex4": "both",
    },
}


@dataclass(frozen=True)
class Run:
    """A tutorial that ran in a kernel, on mini, from its first cell to its last."""

    source: Path
    notebook: nbformat.NotebookNode
    recording: Path  # of all that it asked
    states: dict[str, dict[str, str]]  # by set of answers and exercise, what `check` said after the last cell

    @property
    def printed(self) -> str:
        return leave_out_pictures(
            "".join(
                output.text
                for cell in self.notebook.cells
                if cell.cell_type == "code"
                for output in cell.outputs
                if output.output_type == "stream" and output.name == "stdout"
            )
        )


def leave_out_pictures(printed: str) -> str:
    """Without what figures, scope and dictionaries say of themselves."""
    return "".join(line for line in printed.splitlines(True) if not line.startswith("<"))


@pytest.fixture(scope="module", params=SOURCES, ids=lambda path: path.stem)
def run(request, tmp_path_factory) -> Run:
    """One live run for all tests of a tutorial: it takes up to a minute."""
    source, recording = request.param, tmp_path_factory.mktemp("tutorial") / "run.gscope"
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    answers = {"solution": SOLUTIONS.get(source.stem, {}), "first ideas": FIRST_IDEAS.get(source.stem, {})}
    record = f"import gscope_widgets as gs\nrecorder_ = gs.load('mini').recording({str(recording)!r}).__enter__()"
    keep = "recorder_.__exit__(None, None, None)"
    check = f"""import json
from gscope_widgets.exercises.exercise import Exercise
exercises_ = {{one.name: one for one in list(globals().values()) if isinstance(one, Exercise)}}
print(json.dumps({{
    "untouched": {{name: one.check().state for name, one in exercises_.items()}},
    **{{kind: {{name: exercises_[name].check(value).state for name, value in given.items()}}
       for kind, given in {answers!r}.items()}},
}}))"""
    cells = [nbformat.v4.new_code_cell(text) for text in (record, keep, check)]
    notebook.cells = [cells[0], *notebook.cells, *cells[1:]]
    NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(TUTORIALS)}},
    ).execute()
    states = json.loads(notebook.cells[-1].outputs[-1].text)
    notebook.cells = notebook.cells[1:-2]
    return Run(source, notebook, recording, states)


def test_tutorial_runs_top_to_bottom_and_leaves_readable_copies(run):
    pages = [
        output.data["text/html"]
        for cell in run.notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text/html" in output.get("data", {})
    ]
    copies = [page for page in pages if "gscope-static" in page]
    shown = [
        cell
        for cell in run.notebook.cells
        if re.fullmatch(r"heatmap|sliders|panel|bench|card|sweep|compare|ex\d+", cell.source.rstrip().split("\n")[-1])
    ]
    assert len(copies) == len(shown) > 0
    assert all("<script" not in page for page in copies)
    assert find_faults(run.notebook) == []  # of what GitHub would show
    assert any("<td>" in page for page in copies)


@pytest.mark.row("44")
def test_exercises_take_the_solution_and_neither_the_first_idea_nor_an_untouched_notebook(run):
    solution, ideas = SOLUTIONS.get(run.source.stem, {}), FIRST_IDEAS.get(run.source.stem, {})
    assert run.states["untouched"] == dict.fromkeys(solution, "not answered")
    assert run.states["solution"] == dict.fromkeys(solution, "right")
    assert run.states["first ideas"] == dict.fromkeys(ideas, "wrong")


def run_cells(source: Path) -> str:
    """What a tutorial prints."""
    printed, names = io.StringIO(), {}
    with contextlib.redirect_stdout(printed):
        for cell in jupytext.read(source).cells:
            if cell.cell_type == "code":
                exec(cell.source, names)
    return leave_out_pictures(printed.getvalue())


@pytest.mark.filterwarnings("ignore::gscope_widgets.errors.SteeringWarning")
@pytest.mark.row("NEW 5", "37")
def test_with_one_line_changed_a_tutorial_runs_on_a_recording_of_itself(run, monkeypatch):
    monkeypatch.setattr(gs, "load", lambda *_: gs.replay(run.recording))
    assert run_cells(run.source) == run.printed
    assert PRINTS[run.source.stem] in run.printed
