"""The cell that keeps an answer: a literal in its source, found by a marker, and brought up to date when it is run.

    answer_3 = 'up'  # gs-answer: ex3

Of all the places where an answer could live, it is the one that saving, Restart and Run All, and graders leave alone.
"""

import ast
import io
import logging
import re
import tokenize
import weakref
from dataclasses import dataclass
from typing import Any, Protocol

from gscope_widgets.errors import InvalidValue
from gscope_widgets.exercises.literals import Plain, read_plain, write_line
from gscope_widgets.exercises.wire import Kept

_MARKER = re.compile(r"#\s*gs-answer:\s*([\w.-]+)\s*$")
_MAGIC = re.compile(r"^(\s*)[%!?]")


@dataclass(frozen=True)
class CellAnswer:
    """An answer as a cell's source has it."""

    name: str  # of the exercise, from the marker
    variable: str  # that it is assigned to; empty where there is none
    value: Plain
    fault: str  # why it cannot be used, as a sentence; empty where it can
    first: int  # lines of the source, from 0
    last: int


def blank_magics(source: str) -> str:
    """A cell's source without IPython's own lines, all others where they were; within a block `pass` stands there."""
    return "\n".join(_blank(line) for line in source.split("\n"))


def _blank(line: str) -> str:
    magic = _MAGIC.match(line)
    return line if magic is None else f"{magic[1]}pass" if magic[1] else ""


def find_answers(source: str) -> list[CellAnswer]:
    """The answers in a cell's source, in order."""
    code = blank_magics(source)
    marked = _find_markers(code)
    if not marked:
        return []
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [CellAnswer(name, "", None, "its cell is no Python that can be read", at, at) for at, name in marked]
    return [_read_answer(name, at, body) for at, name in marked]


def _find_markers(code: str) -> list[tuple[int, str]]:
    """Lines, from 0, of comments that are markers, with the name that each holds."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT and (marker := _MARKER.search(token.string)):
                found.append((token.start[0] - 1, marker[1]))
    except (tokenize.TokenError, SyntaxError):
        lines = enumerate(code.split("\n"))
        found = [(at, marker[1]) for at, line in lines if (marker := _MARKER.search(line))]
    return found


def _read_answer(name: str, at: int, body: list[ast.stmt]) -> CellAnswer:
    statement = next((one for one in body if (one.end_lineno or 0) - 1 == at), None)
    target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
    if not isinstance(statement, ast.Assign) or not isinstance(target, ast.Name):
        return CellAnswer(name, "", None, "its marker stands behind no line such as: answer = ...", at, at)
    first = statement.lineno - 1
    try:
        value = read_plain(ast.literal_eval(statement.value))
    except InvalidValue as error:
        return CellAnswer(name, target.id, None, str(error), first, at)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        fault = "it is calculated: write the value itself, such as 'up', 5 or [1, 2]"
        return CellAnswer(name, target.id, None, fault, first, at)
    return CellAnswer(name, target.id, value, "", first, at)


def replace_answer(source: str, found: CellAnswer, value: Plain) -> str:
    """The source with another answer in place of one that `find_answers` found in it."""
    lines = source.split("\n")
    lines[found.first : found.last + 1] = [write_line(found.variable, value, found.name)]
    return "\n".join(lines)


# ---- the notebook that runs


class Keeper(Protocol):
    """An exercise, as the cell's keeper sees it."""

    name: str

    def take_cell(self, value: Plain, kept: Kept) -> None:
        """What the cell holds now."""


@dataclass
class _Commit:
    value: Plain  # what the learner committed in the widget
    in_cell: Plain  # what the cell held then


class Notebook:
    """What was committed in this kernel, by exercise, and which exercises follow the cells."""

    def __init__(self, shell: Any):
        """Follow the cells that a shell runs."""
        self._shell = weakref.ref(shell)
        self._commits: dict[str, _Commit] = {}
        ran = getattr(getattr(shell, "history_manager", None), "input_hist_raw", None)
        self._marked: dict[str, Plain] | None = None  # by marker, of the cells that ran; None where that is not known
        if ran:
            self._marked = {}
            for source in ran:
                self._note_marked(source)
        self._followers: weakref.WeakSet[Keeper] = weakref.WeakSet()
        shell.events.register("post_run_cell", self._end_cell)

    def follow(self, exercise: Keeper, in_cell: Plain) -> Plain:
        """Tell an exercise of its cell from now on.

        Returns:
            What the learner committed to, where the cell does not have it yet; otherwise what the cell has.
        """
        self._followers.add(exercise)
        commit = self._commits.get(exercise.name)
        if commit is None or commit.in_cell != in_cell:  # the cell was edited by hand since: it holds
            self._commits[exercise.name] = _Commit(in_cell, in_cell)
            return in_cell
        return commit.value

    def commit(self, name: str, value: Plain) -> Kept:
        """The learner commits; whether the cell has it."""
        commit = self._commits.setdefault(name, _Commit(value, None))
        commit.value = value
        if commit.in_cell != value:
            return "not kept"
        is_marked = self._marked is None or (name in self._marked and self._marked[name] == value)
        return "kept" if is_marked else "not marked"

    def _note_marked(self, source: str) -> None:
        """What graders find in a cell that ran; nothing where its line is no literal."""
        if self._marked is None or "gs-answer" not in source:
            return
        for found in find_answers(source):
            self._marked.pop(found.name, None)
            if not found.fault:
                self._marked[found.name] = found.value

    def _end_cell(self, result: Any = None) -> None:
        source = getattr(getattr(result, "info", None), "raw_cell", None)
        if not isinstance(source, str) or "gs-answer" not in source:
            return
        try:
            self._read_cell(source)
        except Exception:
            logging.getLogger(__name__).exception("an answer's cell could not be read")

    def _read_cell(self, source: str) -> None:
        shell, written = self._shell(), source
        self._note_marked(source)
        for found in reversed(find_answers(source)):  # from below, so that lines above keep their numbers
            commit = self._commits.get(found.name)
            if found.fault or commit is None or shell is None:
                continue
            if found.value in (commit.value, None) or found.value == commit.in_cell:
                is_kept = found.value == commit.value
                if not is_kept and not _writes_cells(shell):
                    self._tell(found.name, commit.value, "not kept")
                    continue
                if not is_kept:
                    written = replace_answer(written, found, commit.value)
                    shell.user_ns[found.variable] = commit.value
                    if self._marked is not None:
                        self._marked[found.name] = commit.value
                commit.in_cell = commit.value
                self._tell(found.name, commit.value, "kept" if is_kept else "written")
            else:
                self._commits[found.name] = _Commit(found.value, found.value)
                self._tell(found.name, found.value, "kept")
        if written != source and shell is not None:
            shell.set_next_input(written, replace=True)

    def _tell(self, name: str, value: Plain, kept: Kept) -> None:
        for one in list(self._followers):
            if one.name == name:
                one.take_cell(value, kept)


def _writes_cells(shell: object) -> bool:
    """Whether the page follows `set_next_input`; Colab's does not."""
    return not type(shell).__module__.startswith("google.colab")


_NOTEBOOKS: "weakref.WeakKeyDictionary[object, Notebook]" = weakref.WeakKeyDictionary()  # by shell


def open_notebook() -> Notebook | None:
    """The notebook that runs this; None outside of IPython."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        return None
    if shell not in _NOTEBOOKS:
        _NOTEBOOKS[shell] = Notebook(shell)
    return _NOTEBOOKS[shell]
