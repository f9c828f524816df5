"""The steps after training: examples, labels, phenomena, and the sums of what ships."""

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import gscope_widgets as gs
from factory.build import Build, Step, hash_file
from factory.claims.circuits import spans
from factory.claims.detection import detectors
from factory.claims.detection.labels import write_labels
from factory.claims.fidelity import fronts
from factory.claims.hierarchy import hierarchies
from factory.claims.planted import planted
from factory.claims.reasoning import multi_step
from factory.claims.record import Phenomenon, read_phenomena, write_phenomena
from factory.claims.sample import Laboratory
from factory.claims.steering import steering
from factory.claims.text import losses
from factory.training import family
from factory.training.corpus_tokens import BOS, EOS, HELD_OUT_SEED, PAD
from gscope_widgets.runtime.sweep.examples import collect_examples, read_rows
from gscope_widgets.runtime.sweep.files import write_examples
from gscope_widgets.runtime.sweep.logits import measure_effects

EXAMPLE_TOKENS = 128_000  # 1,000 sequences of 128, as few as a wheel allows
EXAMPLE_CONTEXT = 128
# Dictionaries whose examples the syllabus needs: the default, its chat twin, and the wide one.
EXAMPLES = (
    (family.PRETRAINED, "mini", "resid_post/layer_4_width_1k_l0_medium"),
    (family.PRETRAINED, "mini", "resid_post/layer_4_width_4k_l0_medium"),
    (family.CHAT, "mini-it", "resid_post/layer_4_width_1k_l0_medium"),
)
MEASURES = {
    "losses": losses.measure_losses,
    "detectors": detectors.measure_detectors,
    "fronts": fronts.measure_fronts,
    "hierarchies": hierarchies.measure_hierarchies,
    "steering": steering.measure_steering,
    "multi_step": multi_step.measure_multi_step,
    "spans": spans.measure_spans,
    "planted": planted.measure_planted,
}
OF_THE_MODEL = ("losses", "multi_step")  # these need no dictionary
CLAIMS = "factory.claims"


def list_measuring_steps(build: Build) -> list[Step]:
    """Examples, labels, every group of phenomena, `phenomena.json`, and the sums of all files that ship."""
    laboratory = cache(lambda: Laboratory(build))
    trained = [step.name for step in build.training_steps()]
    steps = [
        Step(
            "examples",
            lambda: {"made": build.find_made(trained), "tokens": EXAMPLE_TOKENS},
            lambda: _make_examples(build),
        ),
        Step(
            "labels",
            lambda: {"made": build.find_made(trained), "source": digest_source(f"{CLAIMS}.detection.labels")},
            lambda: write_labels(laboratory()),
        ),
    ]
    for name, measure in MEASURES.items():
        # A measurement is made again when its own code has changed, too.
        source = digest_source(measure.__module__)
        needs = ("tokenizer", "mini") if name in OF_THE_MODEL else trained
        steps.append(
            Step(
                f"phenomena/{name}",
                lambda source=source, needs=needs: {"made": build.find_made(needs), "source": source},
                lambda name=name, measure=measure: _write(build, name, measure(laboratory())),
            )
        )
    parts = [f"phenomena/{name}" for name in MEASURES]
    steps.append(Step("phenomena", lambda: build.find_made(parts), lambda: _join(build)))
    shipped = ["examples", "labels", "phenomena"]
    steps.append(Step("sums", lambda: build.find_made([*trained, *shipped]), lambda: _write_sums(build)))
    return steps


def digest_source(module: str) -> str:
    """sha256 over the source of a module of `claims` and of those there that it imports, directly or not."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = Path(find_spec(name).origin).read_text()
            imported = (node.module for node in ast.walk(ast.parse(found[name])) if isinstance(node, ast.ImportFrom))
            waiting += [one for one in imported if one and one.startswith(f"{CLAIMS}.")]
    return hashlib.sha256("".join(found[name] for name in sorted(found)).encode()).hexdigest()


def _make_examples(build: Build) -> Iterable[Path]:
    for root, model, folder in EXAMPLES:
        with gs.load(str(build.model_folder(model))) as scope:
            dictionary = scope.dictionary(path=build.root_folder(root) / folder)
            rows = build.rows(model, seed=HELD_OUT_SEED, tokens=EXAMPLE_TOKENS, context=EXAMPLE_CONTEXT)
            language_model = Laboratory(build).model(model)
            table = collect_examples(
                dictionary,
                rows,
                read_rows(language_model.model, dictionary, rows),
                used=~np.isin(rows, (PAD, EOS, BOS)),  # as a reading leaves them out
                effects=measure_effects(language_model, dictionary),
            )
        path = build.root_folder(root) / folder / "examples.safetensors"
        write_examples(path, table)
        yield path


def _write(build: Build, name: str, phenomena: list[Phenomenon]) -> list[Path]:
    path = build.out / "phenomena" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    write_phenomena(path, phenomena)
    for one in phenomena:
        print(f"  {one.id} {'holds' if one.passed else 'MISSED'}: {one.metric} = {one.value:.4g}", flush=True)
    return [path]


def _join(build: Build) -> list[Path]:
    rows = [row for name in MEASURES for row in read_phenomena(build.out / "phenomena" / f"{name}.json").values()]
    path = build.out / "phenomena.json"
    write_phenomena(path, sorted(rows, key=lambda row: row.id))
    return [path]


def _write_sums(build: Build) -> list[Path]:
    folders = [build.out / "models", build.out / "dictionaries"]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    sums = {path.relative_to(build.out).as_posix(): hash_file(path) for path in files}
    path = build.out / "SHA256.json"
    path.write_text(json.dumps(sums, indent=0) + "\n")
    return [path]
