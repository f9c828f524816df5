"""The command `gscope-widgets`."""

import argparse
import sys
from collections.abc import Sequence

from gscope_widgets import __version__
from gscope_widgets.errors import GscopeError


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


if __name__ == "__main__":
    sys.exit(main())
