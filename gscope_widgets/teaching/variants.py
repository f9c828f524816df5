"""Notebooks made from a tutorial's one source: for learners, solved, and for the graders of others.

In the source, a py:percent file, the cell of an answer stands several times, each with a tag: as the learner gets it
("student"), solved ("solution"), and, where there is one, with the first idea that is not enough ("first-idea").
`python -m gscope_widgets.teaching.variants` writes the learners' notebooks beside their sources.
"""

import hashlib
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gscope_widgets.errors import GscopeError
from gscope_widgets.exercises.cells import find_answers
from gscope_widgets.exercises.literals import Plain
from gscope_widgets.recordings.container import write_whole
from gscope_widgets.teaching.links import Place, check_folder, find_place, keep_place
from gscope_widgets.teaching.tutorials import find_tutorials, list_sources

if TYPE_CHECKING:
    from nbformat import NotebookNode

Variant = Literal["student", "solution", "first-idea"]
TAGS: tuple[Variant, ...] = ("student", "solution", "first-idea")


def build_variant(source: Path, variant: Variant, *, place: Place | None = None) -> "NotebookNode":
    """A notebook with the answers' cells of one variant; the same bytes each time.

    Where `gscope-widgets links --keep` was told the repository, its badges and a cell that installs from it come first.

    Args:
        source: of the tutorial, a py:percent file.
        variant: "first-idea" has no cell for an answer without one, so that it is for reading only.
        place: the repository; None for the one that is kept beside the source, if one is.

    Raises:
        GscopeError: jupytext or nbconvert is not installed.
    """
    try:
        import jupytext
        from nbconvert.preprocessors import TagRemovePreprocessor
        from nbformat.v4 import new_code_cell, new_markdown_cell
    except ImportError as error:
        raise GscopeError(f"{error.name} is needed here; run: pip install jupytext nbconvert") from None
    notebook = jupytext.read(source)
    remover = TagRemovePreprocessor(remove_cell_tags=set(TAGS) - {variant})
    built: NotebookNode = remover.preprocess(notebook, {})[0]
    place = place or find_place(source.parent)
    if place is not None:
        badges = place.write_badges(f"{source.parent.name}/{source.stem}.ipynb")
        built.cells[1:1] = [new_markdown_cell(badges), new_code_cell(place.write_install())]
    seen: Counter[str] = Counter()
    for cell in built.cells:
        tags = [tag for tag in cell.metadata.pop("tags", []) if tag not in TAGS]
        cell.metadata.update({"tags": tags} if tags else {})
        text = f"{cell.cell_type}\n{cell.source}"
        seen[text] += 1
        cell.id = hashlib.sha256(f"{seen[text]}\n{text}".encode()).hexdigest()[:8]
    built.metadata = {"kernelspec": built.metadata["kernelspec"]}
    return built


def read_answers(source: Path, variant: Variant) -> dict[str, Plain]:
    """The answers in a tutorial's source, by exercise.

    Raises:
        GscopeError: one of them is no literal, or a package is not installed.
    """
    answers: dict[str, Plain] = {}
    for cell in build_variant(source, variant).cells:
        for found in find_answers(cell.source) if cell.cell_type == "code" else ():
            if found.fault:
                raise GscopeError(f"{source.name}, {variant}, {found.name}: {found.fault}")
            answers[found.name] = found.value
    return answers


def write_notebook(notebook: "NotebookNode") -> str:
    """A notebook as the text of its file."""
    import nbformat

    text: Any = nbformat.writes(notebook, version=4)
    return f"{text}\n"


def write_all(place: Place | None = None) -> list[Path]:
    """Write the learners' notebooks beside their sources.

    Args:
        place: the repository, which is kept beside them; None for the one that is kept there, if one is.

    Raises:
        GscopeError: they cannot be built or written there; but for a disk that fills, nothing is changed then.
    """
    folder = find_tutorials()
    check_folder(folder)
    texts = {
        source.with_suffix(".ipynb"): write_notebook(build_variant(source, "student", place=place)).encode()
        for source in list_sources()
    }
    if place is not None:
        keep_place(place, folder)
    for path, text in texts.items():
        write_whole(path, partial(Path.write_bytes, data=text), size=len(text))
    return list(texts)


if __name__ == "__main__":
    print(*write_all(), sep="\n")
