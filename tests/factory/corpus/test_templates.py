"""The split of the templates: training text never shows what was held back, and unseen text does."""

import re
from itertools import islice

import pytest

from factory.corpus import generate_documents
from factory.corpus.grammar import LEAST, held_back
from factory.corpus.registers import _TABLE, rules_of

COUNT = 2000


def rule_lists():
    seen = {}
    for _, rules, *_ in _TABLE.values():
        for name, rule in rules.items():
            if not callable(rule):
                seen[name, tuple(rule)] = tuple(rule)
    return list(seen.values())


def chunks(template):
    """The stretches of a template that are written as they stand."""
    return [part.strip(' .,"?!:').lower() for part in re.split(r"\{[^}]*\}|\[[^\]]*\]", template)]


@pytest.fixture(scope="module")
def telltales():
    """Stretches of four words or more that stand only in templates which were held back."""
    held = {template for rule in rule_lists() for template in held_back(rule)}
    free = {template for rule in rule_lists() for template in rule} - held
    others = "\n".join(chunk for template in free for chunk in chunks(template))
    found = {chunk for template in held for chunk in chunks(template) if len(chunk.split()) >= 4}
    return {chunk for chunk in found if chunk not in others}


def out_of_reach():
    """Stretches of `sense_core`, to which no held-back template of another rule leads."""
    return {chunk for template in held_back(tuple(_TABLE["story"][1]["sense_core"])) for chunk in chunks(template)}


def written(templates):
    return "\n".join(document.text.lower() for document in islice(generate_documents(7, templates=templates), COUNT))


def test_a_tenth_of_every_long_list_is_held_back():
    split = 0
    for rule in rule_lists():
        held, different = held_back(rule), set(rule)
        assert held < different
        if held:
            split += 1
            assert len(different) >= LEAST and len(held) == max(1, round(len(different) / 10))
        elif len(different) >= LEAST:
            assert sum(" " in template for template in different) < LEAST // 2
    assert split > 30


def test_training_text_shows_no_held_back_template_and_unseen_text_does(telltales):
    assert len(telltales) >= 8
    train, unseen = written("train"), written("unseen")
    assert [chunk for chunk in telltales if chunk in train] == []
    assert {chunk for chunk in telltales if chunk not in unseen} == telltales & out_of_reach()


def test_the_rules_of_the_two_kinds_share_no_template_of_a_split_list():
    for register, (_, rules, *_) in _TABLE.items():
        train, unseen = rules_of(register, "train"), rules_of(register, "unseen")
        for name, rule in rules.items():
            if not callable(rule) and held_back(tuple(rule)):
                assert set(train[name]) | set(unseen[name]) == set(rule)
                assert not set(train[name]) & set(unseen[name])


def test_a_seed_fixes_the_unseen_documents():
    first, again = (list(islice(generate_documents(3, templates="unseen"), 40)) for _ in range(2))
    assert first == again
    assert first != list(islice(generate_documents(3), 40))


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match=r'"train" or "unseen", got "?.test'):
        next(generate_documents(3, templates="test"))
