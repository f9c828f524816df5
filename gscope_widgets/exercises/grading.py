"""Grades notebooks by the answers in their source: `gscope-widgets grade`."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gscope_widgets.errors import InvalidValue
from gscope_widgets.exercises.checks import NOT_ANSWERED
from gscope_widgets.exercises.notebooks import Submission, read_submission
from gscope_widgets.records.grades import Grade, GradeReport

SECONDS = 900  # that a lesson may take


def grade(notebooks: Sequence[Path], *, lesson: Path | None = None, seconds: float = SECONDS) -> GradeReport:
    """Check the answers of notebooks.

    Args:
        notebooks: of the learners. Their answers are read as literals, by their markers.
        lesson: the teacher's own notebook, which is run once; nothing of the learners' is run then. None runs each
            notebook itself, with whatever its learner has changed in it.
        seconds: that a run may take.

    Raises:
        InvalidValue: a file cannot be read, is no notebook, or no exercise is in the lesson.
    """
    submissions = [read_submission(path) for path in notebooks]
    if not submissions:
        raise InvalidValue("no notebook was given to grade")
    if lesson is not None:
        return _grade_together(read_submission(lesson), submissions, seconds)
    reports = [_grade_together(one, [one], seconds) for one in submissions]
    return GradeReport(
        tuple(grade for report in reports for grade in report.grades),
        tuple(note for report in reports for note in report.notes),
    )


def _grade_together(lesson: Submission, submissions: Sequence[Submission], seconds: float) -> GradeReport:
    """One run of the lesson for all of them."""
    found = [{name: one.find(name) for name in one.answers} for one in submissions]
    answers = [{name: value for name, (value, fault) in each.items() if not fault} for each in found]
    reply = _run(lesson, answers, seconds)
    names = [name for name in reply["exercises"] if lesson.asks(name)]
    if not names:
        why = reply["faults"][0] if reply["faults"] else "no cell makes one"
        raise InvalidValue(f"{lesson.path} has no exercise that could be made: {why}")
    grades, notes = [], [f"{lesson.path}: {fault}" for fault in reply["faults"]]
    for one, checks in zip(submissions, reply["checks"], strict=True):
        grades += [_grade_one(one, name, checks.get(name)) for name in names]
        notes += [
            f"{one.path} answers {name}, which is no exercise of the lesson."
            for name in one.answers
            if name not in names
        ]
    return GradeReport(tuple(grades), tuple(notes))


def _grade_one(submission: Submission, name: str, check: dict[str, Any] | None) -> Grade:
    if check is None:
        sentence = submission.find(name)[1] or NOT_ANSWERED
        return Grade(submission.path, name, "unusable", 0.0, None, sentence)
    return Grade(submission.path, name, check["state"], check["score"], check["answer"], check["sentence"])


def _run(lesson: Submission, answers: Sequence[dict[str, Any]], seconds: float) -> dict[str, Any]:
    request = json.dumps({"cells": lesson.cells, "answers": answers}, allow_nan=False)
    command = [sys.executable, "-m", "gscope_widgets.exercises.lesson"]
    folder = Path(lesson.path).resolve().parent
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, text=True, encoding="utf-8", timeout=seconds, cwd=folder
        )
    except subprocess.TimeoutExpired:
        raise InvalidValue(f"{lesson.path} ran longer than {seconds:g} s; give it more with --seconds") from None
    try:
        reply: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise InvalidValue(f"{lesson.path} could not be run to its end: {last[0]}") from None
    return reply
