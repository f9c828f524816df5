"""The instructors' page of a tutorial: what an instructor has written, and its answers, read from the source.

`python -m gscope_widgets.teaching.answers` prints the pages.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gscope_widgets.errors import GscopeError
from gscope_widgets.exercises.cells import blank_magics
from gscope_widgets.exercises.keys import unseal
from gscope_widgets.exercises.literals import Plain
from gscope_widgets.teaching.tutorials import list_sources
from gscope_widgets.teaching.variants import build_variant, read_answers


def find_page(source: Path) -> Path:
    """What an instructor has written on a tutorial; the file need not be there."""
    return source.parent / "instructor" / f"{source.stem}.md"


def write_answers(source: Path) -> str:
    """Each exercise with its question, its answer, the first idea that is not enough, and what wrong answers are told.

    Raises:
        GscopeError: no cell makes one of the exercises.
    """
    right, ideas = read_answers(source, "solution"), read_answers(source, "first-idea")
    calls = {name: (call, cell) for cell in _parse_cells(source) for name, call in _find_exercises(cell)}
    if missing := [name for name in right if name not in calls]:
        raise GscopeError(f"{source.name}: no cell makes {', '.join(missing)}")
    lines = ["## Answers", ""] if right else []
    for name, answer in right.items():
        call, cell = calls[name]
        kind = _name_function(call)
        lines += [f"### {name}: {kind}", "", _find_question(call), ""]
        if kind == "Quiz":
            lines += _list_questions(cell, answer)
        else:
            lines += [f"* Right: `{answer!r}`", *_list_wrong(call)]
            lines += [f"* A first idea that is not enough: `{ideas[name]!r}`"] if name in ideas else []
        lines.append("")
    return "\n".join(lines).rstrip() + "\n" if lines else ""


def write_page(source: Path) -> str:
    """The instructors' page, as Markdown."""
    page = find_page(source)
    written = page.read_text(encoding="utf-8") if page.exists() else f"# {source.stem}\n"
    return f"{written}\n{write_answers(source)}".rstrip() + "\n"


def _parse_cells(source: Path) -> Iterator[ast.Module]:
    for cell in build_variant(source, "student").cells:
        if cell.cell_type == "code":
            yield ast.parse(blank_magics(cell.source))


def _find_exercises(cell: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Calls that are given an exercise's name and its answer."""
    for node in ast.walk(cell):
        if isinstance(node, ast.Call) and {"name", "answer"} <= {one.arg for one in node.keywords}:
            yield str(_read(_get(node, "name"))), node


def _list_questions(cell: ast.Module, answer: Plain) -> list[str]:
    """A line for each question; of one that a loop makes several of, the same line with each answer."""
    questions = [node for node in ast.walk(cell) if isinstance(node, ast.Call) and _name_function(node) == "Question"]
    lines = []
    if len(questions) == 1 and isinstance(answer, list):
        questions *= len(answer)
    for number, (question, own) in enumerate(zip(questions, answer, strict=True), 1):
        lines += [f"{number}. {_read(question.args[0])}"]
        lines += [f"   {line}" for line in (f"* Right: {own}", *_list_wrong(question))]
    return lines


def _list_wrong(call: ast.Call) -> list[str]:
    wrong = unseal(_read(_get(call, "wrong")))
    return [f"* To “{given}” is said: {words}" for given, words in (wrong or {}).items()]


def _find_question(call: ast.Call) -> str:
    prompt = _get(call, "prompt")
    if prompt is None and _name_function(call) in ("Predict", "Quiz"):
        prompt = call.args[1]
    if prompt is None and _name_function(call) == "ReachGoal":
        text, words = (_read(argument) for argument in call.args[1:3])
        return f"Change the model so that its texts after “{text}” hold one of: {', '.join(words or ['…'])}."
    return str(_read(prompt) or "The question is computed in the cell.")


def _name_function(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _get(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _read(node: ast.expr | None) -> Any:
    """A literal; of a text with places in it, these as "…"; None for what is computed."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return None


if __name__ == "__main__":
    print(*map(write_page, list_sources()), sep="\n")
