"""Two steps in a row: facts of Tarn, facts that stand in the text, and word work.

Every share is of items answered greedily, token for token.
"""

import re
from collections import Counter
from itertools import islice

import numpy as np
from tokenizers import Tokenizer

from factory.claims.answers import greedy_hits, score_answers
from factory.claims.intervals import bootstrap_interval, wilson_interval
from factory.corpus import generate_documents
from factory.corpus.chains import ChainItem, chain_items
from factory.corpus.lessons import LessonItem, hop_items, lesson_items
from factory.corpus.regions import FactItem, membership_items, region_items, two_hop_items
from factory.training.corpus_tokens import TRAIN_SEED
from gscope_widgets.mini.claim import Claim

SEED = 40  # of every item sampled here
SCENES = 400
TRAINING_DOCUMENTS = 30_000  # that the guesses from one entity alone are counted in


def measure_two_hop_facts(model, tokenizer: Tokenizer) -> Claim:
    """T6a: from a town to what holds of its region, for pairs never joined in training."""
    held, trained = list(two_hop_items("held_out")), list(two_hop_items("train"))
    right = greedy_hits(model, tokenizer, held)
    by_pair: dict[tuple[str, str], list[bool]] = {}
    for item, hit in zip(held, right, strict=True):
        by_pair.setdefault((item.town, item.relation), []).append(hit)
    shares = np.array([np.mean(hits) for hits in by_pair.values()])
    hops = {
        "town_to_region": greedy_hits(model, tokenizer, list(membership_items())),
        "region_to_answer": greedy_hits(model, tokenizer, list(region_items())),
    }
    guesses = _guess_from_one_entity(held)
    value, single = float(shares.mean()), {name: float(hits.mean()) for name, hits in hops.items()}
    relations = sorted({item.relation for item in held})
    return Claim(
        id="T6a",
        claim="mini chains two facts of Tarn on pairs of town and relation that training never joined.",
        metric="share of prompts answered, mean over pairs",
        value=value,
        interval=bootstrap_interval(shares, seed=SEED),
        n=len(shares),
        seeds=(SEED,),
        control=guesses,
        threshold="value >= 0.8, both single hops >= 0.95, and no guess from one entity alone above 0.5",
        passed=value >= 0.8 and min(single.values()) >= 0.95 and max(guesses.values()) <= 0.5,
        details={
            "prompts": len(held),
            "single_hops": single,
            "single_hop_n": {name: len(hits) for name, hits in hops.items()},
            "trained_pairs": float(greedy_hits(model, tokenizer, trained).mean()),
            "by_relation": {
                name: float(np.mean([hit for item, hit in zip(held, right, strict=True) if item.relation == name]))
                for name in relations
            },
        },
    )


def _guess_from_one_entity(items: list[FactItem]) -> dict[str, float]:
    """Shares that two guesses get right, both counted in training documents.

    From the town alone: the answer to this relation whose documents name the town most often, in
    proportion. From the relation alone: the answer to it that most documents hold.
    """
    texts = [one.text for one in islice(generate_documents(TRAIN_SEED), TRAINING_DOCUMENTS)]
    names = sorted(
        {name for item in items for name in (item.town, item.answer[1:], *(a[1:] for a in item.alternatives))}
    )
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + r")\b")
    together, alone = Counter(), Counter()
    for found in (set(pattern.findall(text)) for text in texts):
        alone.update(found)
        together.update((one, other) for one in found for other in found)
    hits = {"from_the_town": 0, "from_the_relation": 0}
    for item in items:
        options = sorted((item.answer[1:], *(name[1:] for name in item.alternatives)))
        hits["from_the_town"] += (
            max(options, key=lambda name: together[item.town, name] / max(alone[name], 1)) == item.answer[1:]
        )
        hits["from_the_relation"] += max(options, key=alone.__getitem__) == item.answer[1:]
    return {name: count / len(items) for name, count in hits.items()}


def measure_chains(model, tokenizer: Tokenizer) -> Claim:
    """T6, two hops within the text: from a person over what joins them to the end of the chain."""
    items = list(chain_items(SEED, SCENES, hops=2))
    right = greedy_hits(model, tokenizer, items)
    blind = score_answers(
        model, tokenizer, [_without_first_fact(item) for item in items], [item.answer for item in items]
    ).exact
    single = {
        name: float(greedy_hits(model, tokenizer, list(chain_items(SEED, SCENES // 2, hops=hops))).mean())
        for name, hops in (("person_to_bridge", 0), ("bridge_to_end", 1))
    }
    value = float(right.mean())
    frames = sorted({item.frame for item in items})
    return Claim(
        id="T6-chains",
        claim="mini chains two facts that stand in the text, for names and objects drawn anew.",
        metric="share of two-hop questions answered, two other chains standing beside",
        value=value,
        interval=wilson_interval(int(right.sum()), len(right)),
        n=len(right),
        seeds=(SEED,),
        control={
            "without_the_fact_on_the_person": float(blind.mean()),
            "last_end_named": float(np.mean([_last_named(item) == item.answer for item in items])),
        },
        threshold="value >= 0.8, and <= 0.5 without the fact that names the person",
        passed=value >= 0.8 and float(blind.mean()) <= 0.5,
        details={
            "single_hops": single,
            "by_frame": {
                name: float(np.mean([hit for item, hit in zip(items, right, strict=True) if item.frame == name]))
                for name in frames
            },
        },
    )


def _without_first_fact(item: ChainItem) -> str:
    *facts, question = re.split(r"(?<=\.) ", item.prompt)
    return " ".join([fact for fact in facts if not re.search(rf"\b{item.person}\b", fact)] + [question])


def _last_named(item: ChainItem) -> str:
    return max((item.answer, *item.alternatives), key=lambda answer: item.prompt.rfind(" " + answer.split()[-1]))


def measure_lessons(model, tokenizer: Tokenizer) -> Claim:
    """T6, word work: attribute, language and operand put together in triples never seen."""
    held = list(lesson_items(SEED, 10_000, held_out=True))
    seen = list(lesson_items(SEED, len(held), held_out=False))
    right = greedy_hits(model, tokenizer, held)
    pairs = list(hop_items(held, seed=SEED))
    value = float(right.mean())
    usual = _most_frequent_answers()
    kinds = sorted({(item.attribute, item.output) for item in held})
    return Claim(
        id="T6-lessons",
        claim="mini combines an attribute, a language and an operand into triples that training never showed.",
        metric="share of triples answered",
        value=value,
        interval=wilson_interval(int(right.sum()), len(right)),
        n=len(right),
        seeds=(SEED,),
        control={
            "most_frequent_answer": float(
                np.mean([usual[item.attribute, item.output] == item.answer for item in held])
            ),
        },
        threshold="value >= 0.8 on triples unseen while each single step was seen",
        passed=value >= 0.8,
        details={
            "seen_triples": float(greedy_hits(model, tokenizer, seen).mean()),
            "single_hops": {
                "operand_to_bridge": float(greedy_hits(model, tokenizer, [first for first, _ in pairs]).mean()),
                "bridge_to_answer": float(greedy_hits(model, tokenizer, [second for _, second in pairs]).mean()),
            },
            "by_kind": {
                f"{attribute} {output}": {
                    "share": float(np.mean(_of_kind(held, right, attribute, output))),
                    "n": len(_of_kind(held, right, attribute, output)),
                }
                for attribute, output in kinds
            },
        },
    )


def _of_kind(items: list[LessonItem], right: np.ndarray, attribute: str, output: str) -> list[bool]:
    return [hit for item, hit in zip(items, right, strict=True) if (item.attribute, item.output) == (attribute, output)]


def _most_frequent_answers() -> dict[tuple[str, str], str]:
    """For every attribute and output, the answer that most trained triples share."""
    counts: dict[tuple[str, str], Counter] = {}
    for item in lesson_items(SEED, 10_000, held_out=False):
        counts.setdefault((item.attribute, item.output), Counter())[item.answer] += 1
    return {kind: count.most_common(1)[0][0] for kind, count in counts.items()}
