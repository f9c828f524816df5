"""nbgrader, otter and `gscope-widgets grade` on the same notebooks: `python -m tests.graders`, by `make test-graders`.

Every tutorial is handed in solved and untouched; one of them also with cells copied, deleted and stripped. Each grader
must give the points that are due, and say what became of an answer. Names of tutorials, such as 06_computation, choose
those; with --record what they took is written to docs/teaching.md.
"""

import argparse
import csv
import html
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from gscope_widgets.teaching.graded import NBGRADER_CONFIG, build_nbgrader, build_otter
from gscope_widgets.teaching.tutorials import list_sources
from gscope_widgets.teaching.variants import build_variant, read_answers, write_notebook
from tests.graders.handed_in import HandedIn, list_faulty, list_mended, list_plain
from tests.graders.took import PAGE, find_title, time_cells, write_row

FAULTY = "02_name_that_feature"  # whose cells are copied, deleted and stripped: the quickest with an answer to lose
LOST = "ex2"


@dataclass(frozen=True)
class Graded:
    """What a grader made of a notebook."""

    grader: str
    lesson: str
    handed_in: HandedIn
    points: float
    said: str  # all that it said to the learner
    seconds: float  # for this notebook

    def find_faults(self, exercises: list[str]) -> list[str]:
        due = self.handed_in.count_points(exercises)
        faults = [] if self.points == due else [f"{self.points} points of {due} that are due"]
        if self.handed_in.sentence not in self.said:
            faults.append(f"does not say {self.handed_in.sentence!r}: {self.said[-2000:]}")
        return faults


def run(folder: Path, *command: str) -> str:
    """Run a module of this environment, and return what it says."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout


def grade_by_nbgrader(source: Path, folder: Path) -> list[Graded]:
    """In a course of its own, from the source notebook to the feedback."""
    lesson = source.stem
    (folder / "source" / lesson).mkdir(parents=True)
    (folder / "source" / lesson / f"{lesson}.ipynb").write_text(write_notebook(build_nbgrader(source)), "utf-8")
    (folder / "nbgrader_config.py").write_text(NBGRADER_CONFIG, "utf-8")
    run(folder, "nbgrader", "generate_assignment", lesson, "--create")
    released = nbformat.read(folder / "release" / lesson / f"{lesson}.ipynb", as_version=4)
    answers = read_answers(source, "solution")
    assert "BEGIN" not in nbformat.writes(released), "the released notebook holds a solution or a hidden test"
    handed = list_plain(released, answers)
    if lesson == FAULTY:
        handed += [*list_faulty(released, answers, LOST), *list_mended(released, answers, LOST)]
    took = {}
    for one in handed:
        student = one.name.replace(" ", "_")
        place = folder / "submitted" / student / lesson
        place.mkdir(parents=True)
        nbformat.write(one.notebook, place / f"{lesson}.ipynb")
        start = time.perf_counter()
        run(folder, "nbgrader", "autograde", lesson, "--create", "--student", student)
        took[student] = time.perf_counter() - start
    run(folder, "nbgrader", "generate_feedback", lesson)
    run(folder, "nbgrader", "export")
    with (folder / "grades.csv").open(encoding="utf-8") as file:
        points = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    graded = []
    for one in handed:
        student = one.name.replace(" ", "_")
        page = (folder / "feedback" / student / lesson / f"{lesson}.html").read_text("utf-8")
        said = html.unescape(re.sub(r"<[^>]+>", "", page))
        graded.append(Graded("nbgrader", lesson, one, points[student], said, took[student]))
    return graded


def grade_by_otter(source: Path, folder: Path) -> list[Graded]:
    """Each notebook by `otter run`, from the zip alone."""
    folder.mkdir()
    (folder / "autograder.zip").write_bytes(build_otter(source))
    graded = []
    for one in list_bare(source):
        place = folder / one.name.replace(" ", "_")
        place.mkdir()
        nbformat.write(one.notebook, place / f"{source.stem}.ipynb")
        start = time.perf_counter()
        run(place, "otter", "run", f"{source.stem}.ipynb", "-a", "../autograder.zip", "-o", ".")
        results = json.loads((place / "results.json").read_text("utf-8"))["tests"]
        points = sum(test.get("score", 0) for test in results)
        said = "\n".join(test.get("output", "") for test in results)
        graded.append(Graded("otter", source.stem, one, points, said, time.perf_counter() - start))
    return graded


def grade_by_ours(source: Path, folder: Path) -> list[Graded]:
    """All notebooks at once, on the learners' own notebook as the lesson."""
    folder.mkdir()
    handed = list_bare(source)
    for one in handed:
        nbformat.write(one.notebook, folder / f"{one.name}.ipynb")
    names = [f"{one.name}.ipynb" for one in handed]
    lesson = source.with_suffix(".ipynb")
    start = time.perf_counter()
    command = ["-m", "gscope_widgets.shell", "grade", "--with", str(lesson), *names, "--json", "grades.json"]
    subprocess.run([sys.executable, *command], cwd=folder, check=False, capture_output=True)
    seconds = (time.perf_counter() - start) / len(handed)
    grades = json.loads((folder / "grades.json").read_text("utf-8"))["grades"]
    assert {grade["exercise"] for grade in grades} == set(read_answers(source, "student"))
    graded = []
    for one in handed:
        own = [grade for grade in grades if Path(grade["notebook"]).stem == one.name]
        points, said = sum(grade["state"] == "right" for grade in own), "\n".join(grade["sentence"] for grade in own)
        graded.append(Graded("gscope-widgets", source.stem, one, points, said, seconds))
    return graded


def list_bare(source: Path) -> list[HandedIn]:
    """Of the learners' notebook, which knows no grader."""
    notebook, answers = build_variant(source, "student"), read_answers(source, "solution")
    return list_plain(notebook, answers) + (list_faulty(notebook, answers, LOST) if source.stem == FAULTY else [])


def grade_all(source: Path, folder: Path) -> Iterator[Graded]:
    """By each grader, as each is done."""
    for grade in (grade_by_nbgrader, grade_by_otter, grade_by_ours):
        yield from grade(source, folder / f"{source.stem}-{grade.__name__}")


def main(arguments: Sequence[str]) -> int:
    """Grade those tutorials, or all that have an exercise; 1 if a grader gave what was not due, else 0."""
    sources = {one.stem: one for one in list_sources() if read_answers(one, "student")}
    parser = argparse.ArgumentParser(prog="python -m tests.graders", description=__doc__)
    parser.add_argument("stems", nargs="*", metavar="tutorial", help=", ".join(sources))
    parser.add_argument("--record", action="store_true", help=f"write what they took to {PAGE.name}")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.stems) - set(sources):
        parser.error(
            f"no tutorial with an exercise is called {', '.join(sorted(unknown))}; there are {', '.join(sources)}"
        )
    wrong = 0
    print(f"{'lesson':32} {'handed in':18} {'grader':15} {'points':>9} {'seconds':>8}")
    with tempfile.TemporaryDirectory() as made:
        for stem in asked.stems or sources:
            exercises = list(read_answers(sources[stem], "student"))
            took: dict[str, list[float]] = {}
            for one in grade_all(sources[stem], Path(made)):
                took.setdefault(one.grader, []).append(one.seconds)
                points = f"{one.points:g} of {len(exercises)}"
                print(
                    f"{one.lesson:32} {one.handed_in.name:18} {one.grader:15} {points:>9} {one.seconds:8.0f}",
                    flush=True,
                )
                for fault in one.find_faults(exercises):
                    wrong += 1
                    print(f"    WRONG: {fault}", flush=True)
            cells = time_cells(sources[stem], Path(made))
            print(f"{stem:32} run solved: {sum(cells):.0f} s, its slowest cell {max(cells):.0f} s", flush=True)
            if asked.record:
                page = PAGE.read_text("utf-8")
                PAGE.write_text(write_row(page, find_title(sources[stem]), len(exercises), cells, took), "utf-8")
    print("every grader gave what was due" if not wrong else f"{wrong} faults")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
