"""Rebuild gscope-mini from its seeds: corpus, tokenizer, model, dictionary, measurements."""

import argparse
import hashlib
import json
import platform
import time
from itertools import islice
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer

from gscope_widgets.mini.corpus import generate_documents
from gscope_widgets.mini.train.corpus_tokens import (
    DICTIONARY_SEED,
    HELD_OUT_SEED,
    TRAIN_SEED,
    VALIDATION_SEED,
    pack_rows,
)
from gscope_widgets.mini.train.dictionary import (
    DictionaryRecipe,
    collect_activations,
    save_dictionary,
    train_dictionary,
)
from gscope_widgets.mini.train.measure import PARTS, measure_dictionary, measure_everything
from gscope_widgets.mini.train.model import ModelRecipe, load_trained, train_model
from gscope_widgets.mini.train.tokenizer import VOCABULARY, fit_tokenizer, save_tokenizer

TOKENIZER_DOCUMENTS = 20_000
DICTIONARY_TOKENS = 1_200_000
STEPS = ("tokenizer", "model", "dictionary", "measure")


def build_tokenizer(out: Path, recipe: ModelRecipe) -> None:
    """Fit the tokenizer and save it beside the model."""
    texts = (document.text for document in islice(generate_documents(TRAIN_SEED), TOKENIZER_DOCUMENTS))
    save_tokenizer(fit_tokenizer(texts), out / "models" / "mini", context=recipe.context)


def build_model(out: Path, recipe: ModelRecipe) -> None:
    """Train the model; the record of the run goes into `training.json`."""
    folder = out / "models" / "mini"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = pack_rows(tokenizer, seed=TRAIN_SEED, tokens=recipe.tokens, context=recipe.context)
    record = train_model(rows, recipe=recipe, vocabulary=VOCABULARY, folder=folder)
    seeds = {"train": TRAIN_SEED, "dictionary": DICTIONARY_SEED, "validation": VALIDATION_SEED}
    record |= {"versions": _versions(), "seeds": seeds | {"held_out": HELD_OUT_SEED}}
    record |= {"corpus_sha256": corpus_digest(), "model_sha256": _sha256(folder / "model.safetensors")}
    (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n")


def build_dictionary(out: Path, recipe: ModelRecipe) -> None:
    """Train the dictionary of the middle layer and write it as published."""
    folder = out / "models" / "mini"
    model = load_trained(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    dictionary = DictionaryRecipe()
    rows = pack_rows(tokenizer, seed=DICTIONARY_SEED, tokens=DICTIONARY_TOKENS, context=recipe.context)
    activations = collect_activations(model, rows, layer=dictionary.layer)
    tensors, record = train_dictionary(activations, recipe=dictionary)
    mean_l0 = measure_dictionary(tensors, activations[:100_000])["l0"]
    root = out / "dictionaries" / "gscope-mini-pt"
    saved = save_dictionary(tensors, recipe=dictionary, mean_l0=mean_l0, model_name="gscope-mini", root=root)
    record |= {"versions": _versions(), "params_sha256": _sha256(saved / "params.safetensors")}
    (saved / "training.json").write_text(json.dumps(record, indent=1) + "\n")


def corpus_digest(*, documents: int = 200) -> str:
    """A fingerprint of the generator: sha256 of the first documents of the training seed."""
    digest = hashlib.sha256()
    for document in islice(generate_documents(TRAIN_SEED), documents):
        digest.update(document.text.encode())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "numpy": np.__version__,
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "build"], help="one step, or build for all of them in order")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to build in; the package's own is gscope_widgets/mini"
    )
    parser.add_argument("--part", choices=PARTS, help="measure this alone, keeping what was measured of the rest")
    parser.add_argument("--tokens", type=int, default=ModelRecipe.tokens, help="tokens to train the model on")
    arguments = parser.parse_args()
    parts = (arguments.part,) if arguments.part else PARTS
    recipe = ModelRecipe(tokens=arguments.tokens)
    actions = {
        "tokenizer": lambda: build_tokenizer(arguments.out, recipe),
        "model": lambda: build_model(arguments.out, recipe),
        "dictionary": lambda: build_dictionary(arguments.out, recipe),
        "measure": lambda: measure_everything(arguments.out, recipe, parts=parts),
    }
    for step in STEPS if arguments.step == "build" else (arguments.step,):
        started = time.time()
        actions[step]()
        print(f"{step}: {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
