"""Rebuild gscope-mini from its seeds: tokenizer, models, dictionaries, examples, labels, measurements."""

import argparse
from pathlib import Path

import torch

from factory.build import Build
from factory.comparison import compare_builds, compare_claims
from factory.measuring import list_measuring_steps
from factory.training.model import BUDGETS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m factory", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to build in; what is done there is kept")
    parser.add_argument("--until", help="stop after the last step whose name begins with this")
    parser.add_argument(
        "--budget", choices=BUDGETS, default="gpu", help="how long to train the models: gpu, as what ships, or cpu"
    )
    parser.add_argument("--compare", type=Path, help="build nothing; say how --out differs from this build")
    arguments = parser.parse_args()
    if arguments.compare:
        report_comparison(arguments.out, arguments.compare)
        return
    if arguments.budget == "gpu" and not torch.cuda.is_available():
        print(
            "No GPU here: models that are not in the folder yet would take most of a day; see --budget cpu.", flush=True
        )
    build = Build(arguments.out, budget=BUDGETS[arguments.budget])
    if leftovers := build.find_leftovers():
        folders = ", ".join(str(folder) for folder in leftovers)
        parser.error(f"no recipe makes these any more, and they would ship with the rest; remove them first: {folders}")
    steps = build.training_steps() + list_measuring_steps(build)
    build.forget_others(steps)
    if arguments.until:
        wanted = [i for i, step in enumerate(steps) if step.name.startswith(arguments.until)]
        if not wanted:
            parser.error(f"no step begins with {arguments.until!r}; steps are {', '.join(step.name for step in steps)}")
        steps = steps[: wanted[-1] + 1]
    build.make(steps)


def report_comparison(one: Path, other: Path) -> None:
    """Print each file and each claim that differs, and how far."""
    files = list(compare_builds(one, other))
    for file in files:
        if not file.same_bytes:
            word = "agrees" if file.agrees else "DIFFERS"
            print(f"{word}: {file.name}, relative difference {file.difference}")
    print(f"{sum(file.same_bytes for file in files)} of {len(files)} files are the same bytes")
    claims = list(compare_claims(one, other))
    for claim in claims:
        if claim.differences:
            word = "agrees" if claim.agrees else "DIFFERS"
            verdicts = " and ".join(
                "holds" if passed else "missed" for passed in (claim.one.passed, claim.other.passed)
            )
            largest = max((change.relative or 0 for change in claim.differences), default=0)
            print(
                f"{word}: claim {claim.one.id}, {verdicts}, {claim.one.value:g} and {claim.other.value:g}; "
                f"{len(claim.differences)} values differ, numbers by up to {largest:.2g} of themselves, "
                f"first {claim.differences[0].place}"
            )
    print(f"{sum(not claim.differences for claim in claims)} of {len(claims)} claims are the same in every value")


if __name__ == "__main__":
    main()
