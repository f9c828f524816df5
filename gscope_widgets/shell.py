"""The command `gscope-widgets`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from gscope_widgets import __version__
from gscope_widgets.errors import GscopeError, InvalidValue


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        arguments: what stands after the command's name; None for those of this process.

    Returns:
        The exit status: 0 where all is well, 1 where something is broken, 2 for arguments that are none.
    """
    parser = argparse.ArgumentParser("gscope-widgets", description="Hands-on interpretability in the notebook.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    doctor = commands.add_parser("doctor", help="say what this machine can do, and what to mend")
    doctor.add_argument("--model", default="gemma-3-270m", help="whose needs are looked at (default: %(default)s)")
    doctor.add_argument("--no-hub", action="store_true", help="send nothing over the network")
    doctor.set_defaults(run=_run_doctor)
    grade = commands.add_parser("grade", help="check the answers in notebooks")
    grade.add_argument("notebooks", nargs="+", type=Path, metavar="notebook.ipynb")
    grade.add_argument(
        "--with",
        dest="lesson",
        type=Path,
        metavar="lesson.ipynb",
        help="the teacher's notebook, whose checks are used; without it each notebook runs its own",
    )
    grade.add_argument("--json", type=Path, metavar="FILE", help="write every grade here too")
    grade.add_argument("--seconds", type=float, default=900, help="that a run may take (default: %(default)s)")
    grade.set_defaults(run=_run_grade)
    lab = commands.add_parser("lab", help="copy the tutorials into a folder, and open JupyterLab on them")
    lab.add_argument("--folder", type=Path, default=Path("tutorials"), help="where to (default: %(default)s)")
    lab.add_argument("--no-open", action="store_true", help="copy only")
    lab.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="more for JupyterLab, after --")
    lab.set_defaults(run=_run_lab)
    download = commands.add_parser("download", help="fetch a model and dictionaries, for use without a network")
    download.add_argument("model", help="such as gemma-3-270m")
    download.add_argument(
        "dictionaries",
        nargs="*",
        metavar="dictionary",
        help="a site, such as resid_post, or a published folder, such as resid_post/layer_12_width_16k_l0_medium; "
        "without one, that which scope.dictionary() opens",
    )
    download.add_argument("--no-examples", action="store_true", help="leave out the examples, which cards show")
    download.add_argument("--list", action="store_true", help="say what would be fetched, and its size, only")
    download.set_defaults(run=_run_download)
    given = parser.parse_args(arguments)
    try:
        return int(given.run(given))
    except GscopeError as error:
        print(f"gscope-widgets: {error}", file=sys.stderr)
        return 2


def _run_doctor(given: argparse.Namespace) -> int:
    from gscope_widgets.checkup.examination import doctor

    found = doctor(given.model, ask_hub=not given.no_hub)
    print(found)
    return 0 if found.is_sound else 1


def _run_grade(given: argparse.Namespace) -> int:
    from gscope_widgets.exercises.grading import grade

    report = grade(given.notebooks, lesson=given.lesson, seconds=given.seconds)
    print(report)
    if given.json is not None:
        try:
            given.json.write_text(json.dumps(report.to_dict(), indent=1, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            raise InvalidValue(f"{given.json} cannot be written: {error.strerror or error}") from None
    return 0 if report.passed else 1


def _run_lab(given: argparse.Namespace) -> int:
    from gscope_widgets.teaching.copies import copy_tutorials, open_lab

    copied = copy_tutorials(given.folder)
    print(*copied, sep="\n")
    return 0 if given.no_open else open_lab(copied[0].path, given.arguments)


def _run_download(given: argparse.Namespace) -> int:
    from gscope_widgets.runtime.offline import fetch_all, list_needed, write_plan

    files = list_needed(given.model, given.dictionaries, examples=not given.no_examples)
    print(write_plan(files), flush=True)
    if not given.list:
        fetch_all(files, lambda line: print(line, flush=True))
        print("all is here")
    return 0


if __name__ == "__main__":
    sys.exit(main())
