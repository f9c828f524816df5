"""The steps after training: texts, examples, labels, claims, and the sums of what ships."""

import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from factory.build import Build, Step, hash_file
from factory.claims.circuits.hidden_step import measure_hidden_step
from factory.claims.circuits.spans import measure_spans
from factory.claims.detection.detectors import measure_detectors
from factory.claims.detection.labels import write_labels
from factory.claims.evaluation import Evaluation
from factory.claims.fidelity.fronts import measure_fronts
from factory.claims.hierarchy.hierarchies import measure_hierarchies
from factory.claims.planted.planted import measure_planted
from factory.claims.reasoning.multi_step import measure_multi_step
from factory.claims.record import write_claims
from factory.claims.steering.steering import measure_steering
from factory.claims.text.losses import measure_losses
from factory.examples import TOKENS, make_examples
from factory.sources import digest_sources
from factory.texts import make_texts
from gscope_widgets.mini.claim import Claim, read_claims

MEASURES: dict[str, Callable[[Evaluation], list[Claim]]] = {
    "losses": measure_losses,
    "detectors": measure_detectors,
    "fronts": measure_fronts,
    "hierarchies": measure_hierarchies,
    "steering": measure_steering,
    "multi_step": measure_multi_step,
    "spans": measure_spans,
    "hidden_step": measure_hidden_step,
    "planted": measure_planted,
}
OF_THE_MODEL = ("losses", "multi_step")  # these need no dictionary


def list_measuring_steps(build: Build) -> list[Step]:
    """Texts, examples, labels, every group of claims, `phenomena.json`, and the sums of all files that ship.

    Each is made again when a file it starts from changes, or a source that it runs (`sources`).
    """
    evaluation = cache(lambda: Evaluation(build))
    trained = [step.name for step in build.training_steps()]
    steps = [
        Step(
            "texts",
            lambda: {"source": digest_sources(make_texts.__module__)},
            lambda: [make_texts(build.out)],
        ),
        Step(
            "examples",
            lambda: _list_inputs(build, trained, make_examples) | {"tokens": TOKENS},
            lambda: make_examples(build),
        ),
        Step(
            "labels",
            lambda: _list_inputs(build, trained, write_labels),
            lambda: write_labels(evaluation()),
        ),
    ]
    for name, measure in MEASURES.items():
        needs = ("tokenizer", "mini") if name in OF_THE_MODEL else trained
        steps.append(
            Step(
                f"phenomena/{name}",
                lambda measure=measure, needs=needs: _list_inputs(build, needs, measure),
                lambda name=name, measure=measure: _write(build, name, measure(evaluation())),
            )
        )
    parts = [f"phenomena/{name}" for name in MEASURES]
    steps.append(Step("phenomena", lambda: build.find_made(parts), lambda: _join(build)))
    shipped = ["examples", "labels", "phenomena"]
    steps.append(Step("sums", lambda: build.find_made([*trained, *shipped]), lambda: _write_sums(build)))
    return steps


def _list_inputs(build: Build, needs: Iterable[str], action: Callable) -> dict:
    return {"made": build.find_made(needs), "source": digest_sources(action.__module__)}


def _write(build: Build, name: str, claims: list[Claim]) -> list[Path]:
    path = build.out / "phenomena" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    write_claims(path, claims)
    for one in claims:
        print(f"  {one.id} {'holds' if one.passed else 'MISSED'}: {one.metric} = {one.value:.4g}", flush=True)
    return [path]


def _join(build: Build) -> list[Path]:
    rows = [row for name in MEASURES for row in read_claims(build.out / "phenomena" / f"{name}.json").values()]
    path = build.out / "phenomena.json"
    write_claims(path, sorted(rows, key=lambda row: row.id))
    return [path]


def _write_sums(build: Build) -> list[Path]:
    folders = [build.out / "models", build.out / "dictionaries"]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    sums = {path.relative_to(build.out).as_posix(): hash_file(path) for path in files}
    path = build.out / "SHA256.json"
    path.write_text(json.dumps(sums, indent=0) + "\n")
    return [path]
