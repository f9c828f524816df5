"""Measure gscope-mini: what it has learnt, what its features detect, what steering does.

Everything is scored on documents of seeds that trained nothing; choices (a feature's concept)
are made on the validation seed and reported on the held-out one.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from gscope_widgets.mini.corpus import CONCEPTS
from gscope_widgets.mini.train.concept_scores import ConceptScores, choose_concepts, score_concepts
from gscope_widgets.mini.train.corpus_tokens import (
    HELD_OUT_SEED,
    TRAIN_SEED,
    VALIDATION_SEED,
    LabelledRows,
    label_rows,
    pack_rows,
    real_positions,
)
from gscope_widgets.mini.train.model import ModelRecipe, load_trained
from gscope_widgets.mini.train.ngrams import NgramModel
from gscope_widgets.mini.train.steering_effects import ConceptDetector, is_steered, measure_effects
from gscope_widgets.mini.train.tokenizer import VOCABULARY

DOCUMENTS = 500  # labelled, for each of validation and held-out
LOSS_TOKENS = 300_000
MAX_NGRAM = 5
GOOD_AUC = 0.9
LABEL_F1 = 0.5  # a feature has a label where it reaches this for a concept,
LABEL_PRECISION = 0.2  # or GOOD_AUC at this precision; a dense feature ranks a rare concept high without being about it
PARTS = ("features", "losses")
STEERABLE = ("register:", "language:", "structure:", "thing:", "place:", "person:", "number:", "quality:", "time:")


def measure_everything(out: Path, recipe: ModelRecipe, *, parts: tuple[str, ...] = PARTS) -> None:
    """Write `phenomena.json` part by part, and `features.json` beside the dictionary. Takes about 15 minutes."""
    folder = out / "models" / "mini"
    model = load_trained(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    if "losses" in parts:
        _record(out, losses=measure_losses(model, tokenizer, recipe=recipe))
    if "features" in parts:
        _measure_features(out, model, tokenizer, context=recipe.context)


def _measure_features(out: Path, model, tokenizer: Tokenizer, *, context: int) -> None:
    import gscope_widgets as gs

    folder = next((out / "dictionaries" / "gscope-mini-pt" / "resid_post").glob("layer_*"))
    scope = gs.load(str(out / "models" / "mini"))
    dictionary = scope.dictionary(path=folder)
    samples = {
        name: _label_and_encode(model, tokenizer, dictionary, seed=seed, context=context)
        for name, seed in (("validation", VALIDATION_SEED), ("held_out", HELD_OUT_SEED))
    }
    scores = {name: score_concepts(sample["activations"], sample["concepts"]) for name, sample in samples.items()}
    _write_notes(folder / "features.json", scores)
    _record(out, detectors=summarize_detectors(scores, samples))
    _record(out, dictionary=measure_quality(model, samples["held_out"], layer=dictionary.info.layer))
    _record(out, steering=measure_steering(scope, dictionary, model, scores, samples["validation"]))
    _record(out, samples=_sample_texts(scope))


def _record(out: Path, **results: object) -> None:
    path = out / "phenomena.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | results, indent=1) + "\n")
    print(str(results)[:2000], flush=True)


def measure_losses(model, tokenizer: Tokenizer, *, recipe: ModelRecipe) -> dict:
    """Held-out loss, in nats per token, of the model and of n-gram models fitted on its training tokens.

    All are scored on the same tokens: those with at least four tokens of their row before them.
    """
    train = pack_rows(tokenizer, seed=TRAIN_SEED, tokens=recipe.tokens, context=recipe.context)
    held_out = pack_rows(tokenizer, seed=HELD_OUT_SEED, tokens=LOSS_TOKENS, context=recipe.context)
    skipped = MAX_NGRAM - 1
    losses = {"model": _model_loss(model, held_out)[:, skipped - 1 :]}
    for order, name in ((2, "bigram"), (3, "trigram"), (5, "five_gram")):
        ngrams = NgramModel(train, order=order, vocabulary=VOCABULARY)
        losses[name] = ngrams.loss(held_out)[:, skipped - order + 1 :]
    summary = {name: round(float(loss.mean()), 4) for name, loss in losses.items()}
    gap = (losses["trigram"] - losses["model"]).mean(1)
    return summary | {
        "tokens": int(losses["model"].size),
        "trigram_minus_model_standard_error": round(float(gap.std(ddof=1) / len(gap) ** 0.5), 4),
    }


def measure_dictionary(tensors: dict[str, torch.Tensor], x: torch.Tensor) -> dict[str, float]:
    """L0 and FVU of a dictionary's tensors on activations: float32, [tokens, d_model]."""
    pre = x @ tensors["w_enc"] + tensors["b_enc"]
    z = pre * (pre > tensors["threshold"])
    error = x - (z @ tensors["w_dec"] + tensors["b_dec"])
    return {
        "l0": round(float((z > 0).sum(1).float().mean()), 2),
        "fvu": round(float(error.pow(2).sum() / (x - x.mean(0)).pow(2).sum()), 4),
    }


def summarize_detectors(scores: dict[str, ConceptScores], samples: dict[str, dict]) -> dict:
    """Features that detect a concept: chosen on validation, scored on held-out text, with two controls."""
    best = choose_concepts(scores["validation"].auc)
    features = np.arange(len(best))
    auc = scores["held_out"].auc[features, best]
    good = auc >= GOOD_AUC
    precise = scores["held_out"].precision[features, best] >= LABEL_PRECISION
    names = list(CONCEPTS)
    token_only = _token_only_auc(samples)
    concepts = sorted({names[best[feature]] for feature in features[good]})
    beyond_token = sorted({names[best[f]] for f in features[good] if token_only[best[f]] <= 0.85})
    controls = {
        "random_directions": _count_good(_random_direction_scores(samples)),
        "shuffled_labels": _count_good(_shuffled_scores(samples)),
    }
    firing = scores["held_out"].density > 0
    labelled = np.array([concept is not None for concept in _choose_labels(scores)])
    return {
        "threshold": GOOD_AUC,
        "good_features": int(good.sum()),
        "good_concepts": len(concepts),
        "good_features_with_precision": int((good & precise).sum()),
        "precision": LABEL_PRECISION,
        "good_concepts_not_decided_by_the_token": beyond_token,
        "controls": controls,
        "labelled_features": int((labelled & firing).sum()),
        "live_features": int(firing.sum()),
        "tokens": {name: len(sample["concepts"]) for name, sample in samples.items()},
        "concepts": concepts,
    }


def measure_steering(scope, dictionary, model, scores: dict[str, ConceptScores], sample: dict) -> dict:
    """Steer with the best feature of each steerable concept, beside matched random directions."""
    names = list(CONCEPTS)
    detector = ConceptDetector(sample["ids"], sample["concepts"], vocabulary=VOCABULARY)
    effects = []
    for index, name in enumerate(names):
        column = scores["validation"].f1[:, index]
        feature = int(column.argmax())
        if not name.startswith(STEERABLE) or (column[feature] < LABEL_F1 and not name.startswith("register:")):
            continue
        effects += measure_effects(
            scope, dictionary, model, feature=feature, concept=name, index=index, detector=detector
        )
        print(
            "steering",
            name,
            [(e.strength, e.effect, e.random_effect, e.perplexity_ratio) for e in effects[-3:]],
            flush=True,
        )
    strong = [one for one in effects if is_steered(one.effect, one.random_effects)]
    fluent = [one for one in strong if one.perplexity_ratio <= 1.5]
    null = [
        is_steered(control, one.random_effects[:i] + one.random_effects[i + 1 :])
        for one in effects
        for i, control in enumerate(one.random_effects)
    ]
    return {
        "rule": is_steered.__doc__,
        "tried_concepts": len({one.concept for one in effects}),
        "tried": len(effects),
        "steered": len(strong),
        "random_directions_tried": len(null),
        "random_directions_that_pass_the_same_rule": sum(null),
        "steerable_concepts": sorted({one.concept for one in strong}),
        "steerable_at_perplexity_ratio_1_5": sorted({one.concept for one in fluent}),
        "effects": [asdict(one) for one in effects],
    }


def _label_and_encode(model, tokenizer: Tokenizer, dictionary, *, seed: int, context: int) -> dict:
    rows = label_rows(tokenizer, seed=seed, documents=DOCUMENTS, context=context, names=tuple(CONCEPTS))
    real = real_positions(rows)
    x, loss = _residuals_and_loss(model, rows, dictionary.info.layer)
    sparse = dictionary.encode(x[real])
    return {
        "rows": rows,
        "real": real,
        "loss": loss,
        "ids": rows.ids[real],
        "concepts": rows.concepts[real],
        "activations": sparse.to_dense(),
        "reconstruction": dictionary.decode(sparse),
        "all_x": x,
        "x": x[real],
    }


def measure_quality(model, sample: dict, *, layer: int) -> dict[str, float]:
    """L0, FVU, dead features and delta-loss of a dictionary on a sample, beside mean ablation."""
    x, real = sample["x"], sample["real"]
    error = x - sample["reconstruction"]

    def loss_with(values: np.ndarray) -> float:
        replaced = sample["all_x"].copy()
        replaced[real] = values
        return round(_loss_with(model, sample["rows"], layer, replaced) - sample["loss"], 4)

    return {
        "l0": round(float((sample["activations"] > 0).sum(1).mean()), 2),
        "fvu": round(float(np.square(error).sum() / np.square(x - x.mean(0)).sum()), 4),
        "dead_features": int((sample["activations"].max(0) == 0).sum()),
        "delta_loss": loss_with(sample["reconstruction"]),
        "delta_loss_mean_ablation": loss_with(np.broadcast_to(x.mean(0), x.shape)),
        "tokens": int(real.sum()),
    }


def _residuals_and_loss(model, rows: LabelledRows, layer: int) -> tuple[np.ndarray, float]:
    kept = []
    handle = model.model.layers[layer].register_forward_hook(
        lambda _m, _i, output: kept.append((output[0] if isinstance(output, tuple) else output).numpy().copy())
    )
    try:
        loss = _loss_with(model, rows, layer, None)
    finally:
        handle.remove()
    return np.concatenate(kept), loss


def _loss_with(model, rows: LabelledRows, layer: int, replacement: np.ndarray | None) -> float:
    """Next-token loss over real tokens, with the residual after a layer replaced where given."""
    total, count = 0.0, 0
    for start in range(0, len(rows.ids), 32):
        part = slice(start, start + 32)
        ids = torch.from_numpy(rows.ids[part].astype(np.int64))
        new = None if replacement is None else torch.from_numpy(replacement[part].astype(np.float32))
        handle = model.model.layers[layer].register_forward_hook(
            lambda _m, _i, output, new=new: None if new is None else ((new,) if isinstance(output, tuple) else new)
        )
        try:
            with torch.inference_mode():
                logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
        finally:
            handle.remove()
        mask = torch.from_numpy(np.arange(ids.shape[1])[None, 1:] < rows.lengths[part][:, None])
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        total += float(losses[mask.flatten()].sum())
        count += int(mask.sum())
    return total / count


def _model_loss(model, rows: np.ndarray) -> np.ndarray:
    losses = []
    with torch.inference_mode():
        for start in range(0, len(rows), 32):
            ids = torch.from_numpy(rows[start : start + 32].astype(np.int64))
            logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
            losses.append(loss.view(len(ids), -1).numpy())
    return np.concatenate(losses)


def _token_only_auc(samples: dict[str, dict]) -> np.ndarray:
    """AUC of the current token alone as a detector of each concept: what needs no context."""
    fitted = ConceptDetector(samples["validation"]["ids"], samples["validation"]["concepts"], vocabulary=VOCABULARY)
    held_out = samples["held_out"]
    scored = fitted.probabilities[held_out["ids"]].astype(np.float32)
    return np.diag(score_concepts(scored, held_out["concepts"]).auc)


def _random_direction_scores(samples: dict[str, dict]) -> dict[str, ConceptScores]:
    """Random directions in place of the encoder, each firing as often as the feature it stands for."""
    generator = np.random.default_rng(0)
    held_out = samples["held_out"]["activations"]
    density = (held_out > 0).mean(0)
    directions = generator.standard_normal((samples["held_out"]["x"].shape[1], held_out.shape[1])).astype(np.float32)
    scores = {}
    for name, sample in samples.items():
        projected = sample["x"] @ directions
        cutoff = np.array([np.quantile(projected[:, i], 1 - density[i]) for i in range(projected.shape[1])])
        scores[name] = score_concepts(np.maximum(projected - cutoff, 0), sample["concepts"])
    return scores


def _shuffled_scores(samples: dict[str, dict]) -> dict[str, ConceptScores]:
    """The same activations against labels moved half a sample along: same counts, wrong places."""
    return {
        name: score_concepts(sample["activations"], np.roll(sample["concepts"], len(sample["concepts"]) // 2, axis=0))
        for name, sample in samples.items()
    }


def _count_good(scores: dict[str, ConceptScores]) -> int:
    best = choose_concepts(scores["validation"].auc)
    return int((scores["held_out"].auc[np.arange(len(best)), best] >= GOOD_AUC).sum())


def _write_notes(path: Path, scores: dict[str, ConceptScores]) -> None:
    names = list(CONCEPTS)
    held_out, entries = scores["held_out"], []
    for feature, concept in enumerate(_choose_labels(scores)):
        entry = {
            "feature": feature,
            "density": round(float(held_out.density[feature]), 6),
            "max_activation": round(float(max(one.max_activation[feature] for one in scores.values())), 4),
        }
        if concept is not None:
            entry["label"] = names[concept]
            for name in ("auc", "precision", "recall"):
                entry[name] = round(float(getattr(held_out, name)[feature, concept]), 4)
        entries.append(entry)
    content = {"source": "measured on held-out generated text", "features": entries}
    path.write_text(json.dumps(content, separators=(",", ":")).replace("},{", "},\n{") + "\n")


def _choose_labels(scores: dict[str, ConceptScores]) -> list[int | None]:
    """The concept that names each feature, chosen on validation text by F1, else by AUC; None where none fits."""
    validation = scores["validation"]
    precise_auc = np.where(validation.precision >= LABEL_PRECISION, np.nan_to_num(validation.auc), 0)
    scored = ~np.isnan(scores["held_out"].auc)
    labels: list[int | None] = []
    for feature, (f1, auc) in enumerate(zip(validation.f1, precise_auc, strict=True)):
        enough = ((f1, LABEL_F1), (auc, GOOD_AUC))
        candidates = [int(measure.argmax()) for measure, bound in enough if measure.max() >= bound]
        labels.append(next((concept for concept in candidates if scored[feature, concept]), None))
    return labels


def _sample_texts(scope) -> list[dict[str, str]]:
    prompts = ("The old", "Once", "Q:", "def ", "Dear", "English:", "- ", "1.")
    return [
        {"prompt": prompt, "text": scope.generate(prompt, max_new_tokens=80, temperature=0.7, seed=0).text}
        for prompt in prompts
    ]
