"""Agreement prompts: the head noun, found again by word lists alone, decides the verb."""

import re
from collections import Counter

import pytest

from factory.corpus import agreement_items
from factory.corpus.inflection import plural
from factory.corpus.lexicon import NOUNS

TABLES = "handtool garment keepsake container instrument furniture paper boat cart building occupation".split()
SINGULAR = {word.replace("_", " ") for table in TABLES for word in NOUNS[table][1].split()}
SINGULAR |= {"owner", "keeper", "maker", "seller", "buyer", "painter"}
NUMBER = {plural(word): "plural" for word in SINGULAR} | dict.fromkeys(SINGULAR, "singular")
NOUN = re.compile(r"\b(" + "|".join(sorted(NUMBER, key=len, reverse=True)) + r")\b")


@pytest.fixture(scope="module")
def items():
    return agreement_items(5, 400)


def nouns(prompt):
    subject = re.split(r"[.!?]\"? ", prompt)[-1]
    return [NUMBER[word] for word in NOUN.findall(subject)]


def test_the_head_noun_decides_the_verb(items):
    pairs = {(" is", " are"), (" was", " were"), (" has", " have")}
    for item in items:
        head, *between = nouns(item.prompt)
        assert head == item.number, item
        assert between and {number != head for number in between} == {item.attractor}, item
        verbs = (item.right, item.wrong) if head == "singular" else (item.wrong, item.right)
        assert verbs in pairs


def test_prompts_have_context_end_before_the_verb_and_differ(items):
    for item in items:
        assert item.prompt == item.prompt.strip() and item.prompt.count(". ") >= 1
    assert len({item.prompt for item in items}) == len(items)
    assert agreement_items(5, 400) == items


def test_numbers_and_attractors_are_balanced(items):
    assert set(Counter((item.number, item.attractor) for item in items).values()) == {100}


def test_the_nearest_noun_misleads_exactly_where_there_is_an_attractor(items):
    for item in items:
        assert (nouns(item.prompt)[-1] != item.number) == item.attractor
