"""The strongest examples of the features that tutorials show, in the published layout, beside their dictionary."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from factory.build import Build
from factory.training import family
from factory.training.corpus_tokens import BOS, EOS, HELD_OUT_SEED, PAD
from factory.training.model import load_trained
from gscope_widgets.runtime.examples.collection import collect_examples, read_rows
from gscope_widgets.runtime.examples.files import write_examples
from gscope_widgets.runtime.examples.logits import measure_effects
from gscope_widgets.runtime.registry import load

TOKENS = 128_000  # 1,000 sequences of 128, as few as a wheel allows
CONTEXT = 128
# Root, model and folder of the default dictionary, of the wide one, and of the default's chat twin.
DICTIONARIES = (
    (family.PRETRAINED, "mini", "resid_post/layer_4_width_1k_l0_medium"),
    (family.PRETRAINED, "mini", "resid_post/layer_4_width_4k_l0_medium"),
    (family.CHAT, "mini-it", "resid_post/layer_4_width_1k_l0_medium"),
)


def make_examples(build: Build) -> Iterator[Path]:
    """Write `examples.safetensors` for each of `DICTIONARIES` from held-out text, and give the paths."""
    for root, model, folder in DICTIONARIES:
        rows = build.rows(model, seed=HELD_OUT_SEED, tokens=TOKENS, context=CONTEXT)
        language_model = load_trained(build.model_folder(model))
        with load(str(build.model_folder(model))) as scope:
            dictionary = scope.dictionary(path=build.root_folder(root) / folder)
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
