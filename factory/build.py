"""The steps that make gscope-mini, each done once and again only when something it depends on has changed."""

import hashlib
import json
import platform
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer

from factory.corpus import generate_chat, generate_documents
from factory.training import family
from factory.training.activations import collect_activations
from factory.training.artefact import (
    load_members,
    measure_fit,
    round_tensors,
    save_dictionary,
    weight_files,
)
from factory.training.corpus_tokens import (
    DICTIONARY_SEED,
    EOS,
    HELD_OUT_SEED,
    TRAIN_SEED,
    VALIDATION_SEED,
    pack_conversations,
    pack_rows,
)
from factory.training.dictionary import DictionaryRecipe, train_dictionary
from factory.training.model import BUDGETS, Budget, ModelRecipe, load_trained, train_model
from factory.training.places import Place
from factory.training.tokenizer import SPECIAL_IDS, VOCABULARY, fit_tokenizer, save_tokenizer

TOKENIZER_DOCUMENTS = {"base": 18_000, "chat": 4_000}
DICTIONARY_TOKENS = 1_000_000
CHAT_SHARE = 0.7  # of the twin's training and activations; the rest is base text, so that it is not forgotten
_TURN_MARKS = re.compile(r"<start_of_turn>\w+\n|<end_of_turn>")


@dataclass(frozen=True)
class Step:
    """One thing to make: it is up to date while its inputs and its files are as recorded."""

    name: str
    inputs: Callable[[], dict]  # everything it depends on, as JSON; called when its turn comes
    action: Callable[[], Iterable[Path]]  # makes the files and returns their paths


class Build:
    """A folder in which gscope-mini is made, with what has been made in it so far."""

    def __init__(self, out: Path, *, budget: Budget = BUDGETS["gpu"]):
        """Args: out: the folder; budget: how long the models are trained."""
        self.out = out
        self.recipe, self.chat_recipe = budget.base, budget.chat
        self.dictionary_tokens = min(DICTIONARY_TOKENS, self.recipe.tokens)
        self._state = out / "build.json"
        self._activations: tuple[str, dict[Place, torch.Tensor]] = ("", {})

    def make(self, steps: Iterable[Step]) -> None:
        """Do the steps that are not up to date, in order, and say how long each took."""
        for step in steps:
            inputs = _digest(step.inputs())
            if self._is_current(step.name, inputs):
                continue
            started = time.time()
            files = {str(path.relative_to(self.out)): hash_file(path) for path in step.action()}
            seconds = round(time.time() - started, 1)
            self._record(step.name, {"inputs": inputs, "files": files, "seconds": seconds, "versions": _versions()})
            print(f"{step.name}: {seconds:.0f} s", flush=True)

    def is_current(self, step: Step) -> bool:
        """Whether a step was done with the inputs that it has now, and its files are as it left them."""
        return self._is_current(step.name, _digest(step.inputs()))

    def training_steps(self) -> list[Step]:
        """Tokenizer, models and dictionaries, in an order in which each finds what it needs."""
        steps = [
            Step("tokenizer", lambda: {"corpus": corpus_digest()} | TOKENIZER_DOCUMENTS, self._make_tokenizer),
            Step("mini", lambda: asdict(self.recipe) | {"made": self.find_made(["tokenizer"])}, self._make_model),
            Step(
                "mini-it", lambda: asdict(self.chat_recipe) | {"made": self.find_made(["mini"])}, self._make_chat_model
            ),
        ]
        steps.append(Step("turns", lambda: {"made": self.find_made(["mini-it"])}, self._end_turns))
        for root, recipes in (family.list_family() | family.list_repeats()).items():
            steps += [self._dictionary_step(root, recipe) for recipe in recipes]
        return steps

    def find_leftovers(self) -> list[Path]:
        """Dictionaries in the folder that no recipe makes any more, and that would ship beside the others."""
        known = {
            self.root_folder(root) / recipe.folder
            for root, recipes in family.list_family().items()
            for recipe in recipes
        }
        configs = (self.out / "dictionaries").glob("*/*/*/config.json")
        return sorted(config.parent for config in configs if config.parent not in known)

    def forget_others(self, steps: Iterable[Step]) -> None:
        """Drop the records of steps that are not among these: of dictionaries that are no longer made, for example."""
        if self._state.exists():
            state = json.loads(self._state.read_text())
            names = {step.name for step in steps}
            self._write_state({"steps": {name: entry for name, entry in state["steps"].items() if name in names}})

    def model_folder(self, name: str) -> Path:
        """Where a model lies: `mini` or `mini-it`."""
        return self.out / "models" / name

    def root_folder(self, root: str) -> Path:
        """Where the dictionaries of a root lie: those that ship beside each other, repeats apart."""
        return self.out / ("repeats" if root.startswith("seed") else "dictionaries") / root

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that both models share."""
        return Tokenizer.from_file(str(self.model_folder("mini") / "tokenizer.json"))

    def rows(self, model: str, *, seed: int, tokens: int, context: int | None = None) -> np.ndarray:
        """Packed rows of the text that a model reads, int16 [row, context]; the model's own context by default."""
        context = context or self.recipe.context
        if model == "mini":
            return pack_rows(self.tokenizer, seed=seed, tokens=tokens, context=context)
        chats = pack_conversations(self.tokenizer, seed=seed, tokens=int(tokens * CHAT_SHARE), context=context)
        base = pack_rows(self.tokenizer, seed=seed + 100, tokens=tokens - chats.size, context=context)
        return np.concatenate([chats, base])

    def _make_tokenizer(self) -> list[Path]:
        texts = [one.text for one in islice(generate_documents(TRAIN_SEED), TOKENIZER_DOCUMENTS["base"])]
        chats = islice(generate_chat(TRAIN_SEED), TOKENIZER_DOCUMENTS["chat"])
        texts += [_TURN_MARKS.sub("", one.text) for one in chats]
        tokenizer = fit_tokenizer(texts)
        files = []
        for name in ("mini", "mini-it"):
            folder = self.model_folder(name)
            save_tokenizer(tokenizer, folder, context=self.recipe.context, chat=name == "mini-it")
            files += [folder / "tokenizer.json", folder / "tokenizer_config.json"]
        return files

    def _make_model(self) -> list[Path]:
        return self._train_model("mini", self.recipe, start=None)

    def _make_chat_model(self) -> list[Path]:
        return self._train_model("mini-it", self.chat_recipe, start=self.model_folder("mini"))

    def _end_turns(self) -> list[Path]:
        """Let a reply of the chat twin end with its turn, as Gemma 3's chat models do."""
        path = self.model_folder("mini-it") / "generation_config.json"
        content = json.loads(path.read_text()) | {"eos_token_id": [EOS, SPECIAL_IDS["<end_of_turn>"]]}
        path.write_text(json.dumps(content, indent=2) + "\n")
        return [path]

    def _train_model(self, name: str, recipe: ModelRecipe, *, start: Path | None) -> list[Path]:
        folder = self.model_folder(name)
        rows = self.rows(name, seed=TRAIN_SEED, tokens=recipe.tokens)
        record = train_model(rows, recipe=recipe, vocabulary=VOCABULARY, folder=folder, start=start)
        seeds = {"train": TRAIN_SEED, "validation": VALIDATION_SEED, "held_out": HELD_OUT_SEED}
        record |= {"versions": _versions(), "seeds": seeds, "corpus_sha256": corpus_digest()}
        record |= {"model_sha256": hash_file(folder / "model.safetensors")}
        (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n")
        return [folder / name for name in ("config.json", "model.safetensors", "training.json")]

    def _dictionary_step(self, root: str, recipe: DictionaryRecipe) -> Step:
        variant = "mini-it" if root == family.CHAT else "mini"
        # The twin's dictionaries go on from those of the base model, as Gemma Scope 2's did.
        start = f"{family.PRETRAINED}/{recipe.folder}" if root == family.CHAT else ""
        return Step(
            f"{root}/{recipe.folder}",
            lambda: (
                asdict(recipe)
                | {
                    "activations": self.dictionary_tokens,
                    "made": self.find_made([variant, *([start] if start else [])]),
                }
            ),
            lambda: self._make_dictionary(root, recipe, variant, start),
        )

    def _make_dictionary(self, root: str, recipe: DictionaryRecipe, variant: str, start: str) -> list[Path]:
        activations = self._collect(variant)
        members = load_members(self.root_folder(family.PRETRAINED) / recipe.folder) if start else []
        tensors, record = train_dictionary(activations, recipe=recipe, start=members)
        tensors = round_tensors(tensors)
        fit = measure_fit(
            [{name: tensor.float() for name, tensor in member.items()} for member in tensors],
            [activations[place][:50_000].float() for place in recipe.inputs],
            [activations[place][:50_000].float() for place in recipe.targets],
        )
        name = f"gscope-{variant}"
        folder = save_dictionary(
            tensors, recipe=recipe, mean_l0=fit["l0"], model_name=name, root=self.root_folder(root)
        )
        record |= {"fit": fit, "versions": _versions(), "seeds": {"activations": DICTIONARY_SEED}}
        (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n")
        return [folder / file for file in ("config.json", "training.json", *weight_files(len(recipe.inputs)))]

    def _collect(self, variant: str) -> dict[Place, torch.Tensor]:
        """Activations for every dictionary of a model, kept until the other model's are asked for."""
        if self._activations[0] != variant:
            self._activations = ("", {})
            recipes = family.list_family()
            wanted = recipes[family.CHAT] if variant == "mini-it" else recipes[family.PRETRAINED]
            places = [place for recipe in wanted for place in (*recipe.inputs, *recipe.targets)]
            rows = self.rows(variant, seed=DICTIONARY_SEED, tokens=self.dictionary_tokens)
            model = load_trained(self.model_folder(variant))
            self._activations = (variant, collect_activations(model, rows, places))
        return self._activations[1]

    def find_made(self, names: Iterable[str]) -> dict[str, str]:
        """Files of finished steps, relative to the folder, with their sha256; records of runs left out."""
        steps = json.loads(self._state.read_text())["steps"]
        return {
            file: digest
            for name in names
            for file, digest in steps[name]["files"].items()
            if not file.endswith("training.json")
        }

    def _is_current(self, name: str, inputs: str) -> bool:
        known = json.loads(self._state.read_text())["steps"].get(name) if self._state.exists() else None
        if known is None or known["inputs"] != inputs:
            return False
        files = ((self.out / file, digest) for file, digest in known["files"].items())
        return all(path.exists() and hash_file(path) == digest for path, digest in files)

    def _record(self, name: str, entry: dict) -> None:
        state = json.loads(self._state.read_text()) if self._state.exists() else {"steps": {}}
        state["steps"][name] = entry
        self._write_state(state)

    def _write_state(self, state: dict) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        draft = self._state.with_suffix(".draft")
        draft.write_text(json.dumps(state, indent=1) + "\n")
        draft.replace(self._state)


def corpus_digest(*, documents: int = 400) -> str:
    """A fingerprint of the generators: sha256 of the first documents of the training seed."""
    digest = hashlib.sha256()
    for source in (generate_documents(TRAIN_SEED), generate_chat(TRAIN_SEED)):
        for document in islice(source, documents):
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


def _digest(value: dict) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
