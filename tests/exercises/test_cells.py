"""The cell that keeps an answer: found by its marker, brought up to date when it is run."""

import gc
import weakref
from types import SimpleNamespace

import pytest

import gscope_widgets as gs
from gscope_widgets.exercises import cells
from gscope_widgets.exercises.cells import Notebook, find_answers, replace_answer


@pytest.mark.parametrize(
    ("source", "name", "variable", "value", "fault"),
    [
        ("answer_3 = 'up'  # gs-answer: ex3", "ex3", "answer_3", "up", ""),
        ("x = 1\nanswer_3 = [1, 2] #gs-answer: ex3\ny = 2", "ex3", "answer_3", [1, 2], ""),
        ("answer_3 = [\n    1,\n    2,\n]  # gs-answer: ex3", "ex3", "answer_3", [1, 2], ""),
        ("%pip install x\nanswer_3 = None  # gs-answer: ex3", "ex3", "answer_3", None, ""),
        ("answer_3 = f()  # gs-answer: ex3", "ex3", "answer_3", None, "it is calculated"),
        ("answer_3 = {1, 2}  # gs-answer: ex3", "ex3", "answer_3", None, "of type set"),
        ("answer_3 == 3  # gs-answer: ex3", "ex3", "", None, "behind no line"),
        ("# gs-answer: ex3", "ex3", "", None, "behind no line"),
        ("answer_3 = (  # gs-answer: ex3", "ex3", "", None, "no Python"),
    ],
)
def test_an_answer_is_found_by_its_marker(source, name, variable, value, fault):
    (found,) = find_answers(source)
    assert (found.name, found.variable, found.value) == (name, variable, value)
    assert fault in found.fault
    assert bool(found.fault) == bool(fault)


def test_a_marker_in_a_text_is_none():
    assert find_answers("print('# gs-answer: ex3')\nx = 1") == []
    assert len(find_answers("a = 1  # gs-answer: one\nb = 2  # gs-answer: two")) == 2


def test_an_answer_is_replaced_and_all_else_stays():
    source = "# a note\nanswer_3 = [\n    1,\n]  # gs-answer: ex3\nprint(answer_3)"
    (found,) = find_answers(source)
    assert replace_answer(source, found, "up") == "# a note\nanswer_3 = 'up'  # gs-answer: ex3\nprint(answer_3)"


# ---- in a notebook


class Shell:
    """What the keeper of cells asks of IPython: events, variables, and the cell's next text."""

    def __init__(self):
        self.user_ns, self.texts, self._handlers = {}, [], []
        self.events = self

    def register(self, _event, handler):
        self._handlers.append(handler)

    def set_next_input(self, text, replace=False):
        assert replace
        self.texts.append(text)

    def run(self, source):
        exec(source, self.user_ns)
        for handler in self._handlers:
            handler(SimpleNamespace(info=SimpleNamespace(raw_cell=source)))
        return self.texts[-1] if self.texts else source


@pytest.fixture
def shell(monkeypatch):
    made = Shell()
    notebook = Notebook(made)
    monkeypatch.setattr("gscope_widgets.exercises.exercise.open_notebook", lambda: notebook)
    return made


def make(scope, answer=None, **more):
    return gs.Predict(scope, "Up or down?", "up", choices=("up", "down"), name="ex3", answer=answer, **more)


EMPTY, UP, DOWN = (f"answer_3 = {value!r}  # gs-answer: ex3" for value in (None, "up", "down"))


def test_what_is_committed_is_written_when_its_cell_is_run_again(scope, open_page, shell):
    shell.run(EMPTY)
    page = open_page(make(scope, shell.user_ns["answer_3"]))
    assert (page.widget.kept, shell.texts) == ("nothing", [])
    page.set(answer="up")
    page.settle()
    assert (page.widget.kept, page.widget.line) == ("not kept", UP)
    shell.run("x = 5")
    assert (page.widget.kept, shell.texts) == ("not kept", [])  # another cell is left alone
    assert shell.run(EMPTY) == UP
    assert (page.widget.kept, shell.user_ns["answer_3"]) == ("written", "up")
    assert shell.run(UP) == UP
    assert (page.widget.kept, len(shell.texts)) == ("kept", 1)


def test_an_exercise_made_again_has_what_was_committed_although_its_cell_has_not(scope, open_page, shell):
    open_page(make(scope)).set(answer="up")
    again = open_page(make(scope)).widget
    assert (again.answer, again.kept) == ("up", "not kept")
    after_restart = Notebook(Shell())
    assert after_restart.follow(again, None) is None  # the control: a new kernel knows only the cell


def test_an_answer_that_is_written_into_the_cell_by_hand_holds(scope, open_page, shell):
    page = open_page(make(scope))
    page.set(answer="up")
    shell.run(DOWN)
    page.settle()
    assert (page.widget.answer, page.widget.kept, shell.texts) == ("down", "kept", [])
    assert open_page(make(scope, "down")).widget.answer == "down"


def test_where_the_page_writes_no_cells_nothing_is_claimed(scope, open_page, shell, monkeypatch):
    monkeypatch.setattr(cells, "_writes_cells", lambda _shell: False)
    page = open_page(make(scope))
    page.set(answer="up")
    shell.run(EMPTY)
    assert (page.widget.kept, shell.texts) == ("not kept", [])
    assert page.widget.line == UP


@pytest.mark.parametrize(
    ("ran", "kept"),
    [
        (["answer_3 = 'up'  # gs-answer: ex3"], "kept"),
        (["answer_3 = 'up'"], "not marked"),
        (["answer_3 = 'up'  # gs-answer: ex4"], "not marked"),
        (["answer_3 = 'up'  # gs-answer: ex3", "answer_3 = u  # gs-answer: ex3"], "not marked"),
        (["answer_3 = 'down'  # gs-answer: ex3", "answer_3 = 'up'"], "not marked"),
        ([], "kept"),  # what ran is not known
    ],
)
def test_an_answer_whose_cell_graders_would_not_find_is_told(scope, open_page, monkeypatch, ran, kept):
    shell = Shell()
    shell.history_manager = SimpleNamespace(input_hist_raw=ran)
    notebook = Notebook(shell)
    monkeypatch.setattr("gscope_widgets.exercises.exercise.open_notebook", lambda: notebook)
    assert open_page(make(scope, "up")).widget.kept == kept
    shell.run(UP)
    assert open_page(make(scope, "up")).widget.kept == "kept"


def test_the_keeper_holds_neither_exercise_nor_shell(scope):
    shell = Shell()
    notebook = Notebook(shell)
    shell._handlers.clear()
    watch = weakref.ref(shell)
    del shell
    gc.collect()
    assert watch() is None
    assert notebook.commit("ex3", "up") == "not kept"
