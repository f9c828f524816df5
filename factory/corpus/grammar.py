"""Reads grammar text: a line `name:` opens a rule and each indented line below is one way to write it.

Of every list with LEAST or more templates a tenth is held back, chosen by the templates' own text. Text
written with "train" never uses those; text written with "unseen" uses nothing else where a list has any.
Lists of single words are not split.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal
from zlib import crc32

Templates = Literal["train", "unseen"]
LEAST = 8


def parse(text: str) -> dict[str, list[str]]:
    """The rules of a grammar text, each a list of templates."""
    rules: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        if line[0] != " ":
            rules[line.rstrip(": ")] = current = []
        else:
            current.append(line.strip().replace("_", " ") if "{" not in line else line.strip())
    return rules


@lru_cache(maxsize=4096)
def held_back(templates: tuple[str, ...]) -> frozenset[str]:
    """The tenth of a list's templates, at least one, that training text never uses; none of a short list."""
    different = set(templates)
    phrases = sorted((template for template in different if " " in template), key=lambda text: crc32(text.encode()))
    if len(different) < LEAST or len(phrases) < LEAST // 2:
        return frozenset()
    return frozenset(phrases[: max(1, round(len(different) / 10))])


def choose_templates(templates: Sequence[str], which: Templates) -> list[str]:
    """The templates of a list that text of this kind may use."""
    if which not in ("train", "unseen"):
        raise ValueError(f'templates must be "train" or "unseen", got {which!r}')
    held = held_back(tuple(templates))
    if not held:
        return list(templates)
    return [template for template in templates if (template in held) == (which == "unseen")]


def split_rules(rules: Mapping, which: Templates) -> dict:
    """Rules with only the templates that text of this kind may use; rules that are functions stay."""
    return {name: rule if callable(rule) else choose_templates(rule, which) for name, rule in rules.items()}
