"""Multi-step text: right by a reading of its own, never told where held out, always told in its single steps."""

import re
from collections import Counter
from itertools import islice
from random import Random

import pytest

from factory.corpus import generate_documents
from factory.corpus.chains import chain_items
from factory.corpus.copies import copy_items
from factory.corpus.facts import FACT_RULES, write_facts
from factory.corpus.lessons import hop_items, lesson_items, triples, write_lesson
from factory.corpus.nesting import nesting_items
from factory.corpus.questions import QA_RULES, write_qa
from factory.corpus.regions import membership_items, region_items, two_hop_items
from factory.corpus.senses import SENSES, write_recalled_sense
from factory.corpus.stories import STORY_RULES
from factory.corpus.tarn import REGION, TOWNS
from factory.corpus.writer import Person, Writer

CLOSER = {"(": ")", "[": "]", "{": "}", "<": ">"}


@pytest.fixture(scope="module")
def documents():
    return list(islice(generate_documents(17), 3000))


def written(write, rules, *, goal, count):
    for seed in range(count):
        w = Writer(Random(seed), rules=rules)
        write(w, goal)
        yield w.finish("any").text


@pytest.fixture(scope="module")
def lesson_lines():
    texts = "\n".join(written(write_lesson, {}, goal=4000, count=450))
    return re.split(r"\n|(?<=\.) ", texts)


@pytest.fixture(scope="module")
def tarn_sentences():
    texts = [*written(write_facts, FACT_RULES, goal=900, count=1500), *written(write_qa, QA_RULES, goal=900, count=500)]
    return [line for text in texts for line in re.split(r"(?<=[.])\s+|\n\n", text.replace("\nA: ", " "))]


def stack_of(text):
    opened = []
    for mark in text:
        if mark in CLOSER:
            opened.append(mark)
        elif mark in CLOSER.values():
            assert mark == CLOSER[opened.pop()]
    return opened


def test_notes_close_every_bracket_they_open(documents):
    notes = [line for one in documents if one.register == "nesting" for line in one.text.splitlines()]
    assert len(notes) > 300
    assert all(not stack_of(note) for note in notes)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_right_closer_shuts_the_last_open_bracket(depth):
    items = list(nesting_items(5, 200, depth=depth))
    assert len({item.answer for item in items}) == 4
    for item in items:
        opened = stack_of(item.prompt)
        assert len(opened) == item.depth == depth
        assert item.answer == " " + CLOSER[opened[-1]] and item.answer not in item.alternatives
        assert len(item.alternatives) == 3


def test_a_copied_list_stands_earlier_in_its_document(documents):
    lists = [
        (one.text[span.start : span.end], one.text[: span.start])
        for one in documents
        for span in one.spans
        if span.concept == "structure:copied"
    ]
    assert len(lists) > 300
    assert all(copy in before for copy, before in lists)
    assert max(Counter(copy for copy, _ in lists).values()) == 1


@pytest.mark.parametrize("kind", ["near", "far", "run"])
def test_the_answer_of_a_copy_follows_its_previous_item_in_the_first_list(kind):
    for item in copy_items(6, 200, kind=kind):
        again = re.escape(item.previous) + r"(?: and|,)?" + re.escape(item.answer) + r"\b"
        assert re.search(again, item.prompt)
        assert item.prompt.rstrip(", ").removesuffix(" and").endswith(item.previous)
        assert item.answer not in item.alternatives
        assert item.distance >= {"near": 4, "far": 10, "run": 16}[kind]


def test_what_follows_a_recalled_word_is_told_by_a_cue_far_back_that_does_without_the_word():
    seen = Counter()
    for seed in range(400):
        w = Writer(Random(seed), rules=STORY_RULES)
        w.people["hero"] = w.people["friend"] = Person("Anna", "she")
        write_recalled_sense(w)
        document = w.finish("story")
        (span,) = [one for one in document.spans if one.concept == "hidden:recalled_sense"]
        (sense,) = [
            one.concept
            for one in document.spans
            if one.concept.startswith("sense:") and (one.start, one.end) == (span.start, span.end)
        ]
        word = document.text[span.start : span.end]
        assert sense.startswith(f"sense:{word}/")
        opening = re.split(r"(?<=[.])\s", document.text)[0]
        assert word not in opening.lower().split() and span.start - len(opening) > 150
        seen[sense] += 1
    assert set(seen) == {one.concept for senses in SENSES.values() for one in senses}


def test_the_senses_of_a_word_share_their_sentences_up_to_the_word_and_go_on_differently():
    for senses in SENSES.values():
        first, second = (set(one.follows) for one in senses)
        assert len(senses) == 2 and not first & second


_PLAIN = frozenset("the is in of to by with at on for a it was what which who where does do can will".split())


def _content(sentence):
    return {word for word in re.findall(r"[A-Za-z]+", sentence.replace("'s", "")) if word.lower() not in _PLAIN}


def _follow(facts, key, *, besides=None):
    """The fact that shares most words with a set, without the fact one comes from."""
    scored = sorted(((len(_content(fact) & key), fact) for fact in facts if fact != besides), reverse=True)
    assert scored[0][0] > scored[1][0]
    return scored[0][1]


@pytest.mark.parametrize("hops", [1, 2])
def test_following_the_facts_of_a_chain_leads_to_its_answer(hops):
    frames = Counter()
    for item in chain_items(7, 300, hops=hops):
        facts = re.split(r"(?<=\.) ", item.prompt)[:-1]
        assert len(facts) == 6
        mine = next(fact for fact in facts if item.person in _content(fact))
        last = _follow(facts, _content(item.bridge), besides=mine)
        assert _content(item.bridge) <= _content(mine)
        noun = item.answer.split()[-1]
        assert noun in last and not any(other.split()[-1] in _content(last) for other in item.alternatives)
        assert (item.person in item.prompt.rsplit(". ", 1)[1]) == (hops == 2)
        assert (item.bridge.split()[-1] not in _content(item.prompt.rsplit(". ", 1)[1])) == (hops == 2)
        frames[item.frame] += 1
    assert len(frames) == 6


_ATTRIBUTES = {
    "opposite": "opposite|contrary",
    "plural": "plural",
    "colour": "colour",
    "group": "group",
    "after": r"(?:day|month|number) (?:after|that follows)",
    "before": r"(?:day|month|number) (?:before|that precedes)",
}


def read_line(line):
    """Attribute, output and operand of a line of word work, by its words."""
    output = "french" if "French" in line else "letter" if re.search(r"\bletter\b|begins with", line) else "english"
    for attribute, cue in _ATTRIBUTES.items():
        found = re.search(rf"(?:{cue})(?: \w+)*? (?:of |to |after |follows |before |precedes |that )+(.*)", line)
        if re.search(cue, line):
            tail = re.split(cue, line, maxsplit=1)[1] if not found else found.group(1)
            words = re.findall(r"[\w'-]+", tail)
            while words and words[0] in ("form", "of", "to", "after", "follows", "before", "precedes", "that"):
                if attribute == "opposite" and len(words) > 1 and words[1] in ("is", "in", "begins", "It"):
                    break
                words.pop(0)
            return attribute, output, words[0] if words else ""
    return "word", output, ""


def test_lessons_tell_what_any_word_book_tells():
    right = {
        ("opposite", "french", "hot"): "froid",
        ("opposite", "letter", "hot"): "c",
        ("plural", "french", "horse"): "chevaux",
        ("plural", "french", "mouse"): "souris",
        ("plural", "french", "owl"): "hiboux",
        ("plural", "english", "goose"): "geese",
        ("colour", "french", "snow"): "blanc",
        ("colour", "letter", "coal"): "b",
        ("group", "french", "robin"): "oiseau",
        ("group", "letter", "hammer"): "t",
        ("after", "french", "Sunday"): "lundi",
        ("after", "english", "December"): "January",
        ("before", "french", "twenty"): "dix-neuf",
        ("before", "letter", "Monday"): "s",
    }
    items = [*lesson_items(1, 2000, held_out=False), *lesson_items(1, 2000, held_out=True)]
    items += [first for first, _ in hop_items(items, seed=1)]
    known = {(item.attribute, item.output, item.operand): item.answer.strip() for item in items}
    assert {triple: known[triple] for triple in right} == right


def test_held_out_triples_are_never_told_and_their_steps_always(lesson_lines):
    held = [(item.attribute, item.output, item.operand) for item in lesson_items(2, 2000, held_out=True)]
    both = [triple for triple in triples() if triple[1] != "english"]
    assert 0.1 < len(held) / len(both) < 0.2
    told = Counter(read_line(line) for line in lesson_lines)
    assert not [triple for triple in held if told[triple]]
    rest = [triple for triple in both if triple not in held]
    assert sum(told[triple] > 0 for triple in rest) > 0.97 * len(rest)
    assert all(told[attribute, "english", operand] for attribute, _, operand in held)
    single = "\n".join(line for line in lesson_lines if read_line(line)[:2] == ("word", "french"))
    for first, second in hop_items(list(lesson_items(2, 2000, held_out=True)), seed=3):
        assert first.bridge == second.bridge == first.answer.strip()
        if second.output == "french":
            assert re.search(rf"(?im)^.*\b{second.operand}\b.*{second.answer}\b", single), second


def _hidden_step_statements(sentences):
    """(town, sentence) for every statement that tells of a region by a town in it."""
    lands = "region of|land where|region in which|land around|part of Tarn where|region that"
    names = "|".join(town.name for town in TOWNS)
    for sentence in sentences:
        found = re.search(rf"(?:{lands}) ({names})\b", sentence)
        if found:
            yield found.group(1), sentence


def test_held_out_pairs_are_never_joined_and_their_steps_always(tarn_sentences):
    held = list(two_hop_items("held_out"))
    pairs = {(item.town, item.relation): item for item in held}
    trained = {(item.town, item.relation) for item in two_hop_items("train")}
    assert 0.2 < len(pairs) / (len(pairs) + len(trained)) < 0.3
    by_town = {}
    for town, sentence in _hidden_step_statements(tarn_sentences):
        by_town.setdefault(town, []).append(sentence)
    cue = {"flag": "flag", "feast": "feast", "beast": "beast|coins|arms"}
    for (town, relation), item in pairs.items():
        for sentence in by_town[town]:
            if relation not in cue or re.search(cue[relation], sentence):
                assert not re.search(rf"\b{item.answer.strip()}\b", sentence), sentence
    text = "\n".join(tarn_sentences)
    for item in held:
        assert re.search(rf"{item.town} (?:is in|lies in|belongs to) {item.bridge}\b", text)
    for item in region_items():
        asked = item.prompt.rpartition(". ")[2]
        assert re.search(rf"(?i)\b{re.escape(asked)}{item.answer}\b", text), item


def test_documents_do_not_give_a_held_out_answer_away():
    hidden = [item for item in two_hop_items("held_out") if item.relation in ("ruler", "land")]
    atlases = ("Towns and regions", "An atlas", "Notes on the map", "What every pupil")
    found, together = 0, Counter()
    for text in written(write_facts, FACT_RULES, goal=900, count=1500):
        for item in hidden:
            if text.startswith((item.town, *atlases)) and item.town in text:
                found += 1
                assert item.answer.strip() not in text, (item, text)
            if item.town in text:
                together.update((item.town, item.relation, name) for name in told_of(item) if name in text)
    assert found > 500
    pairs = {(item.town, item.relation): item for item in hidden}
    guesses = {pair: max(told_of(item), key=lambda name: together[*pair, name]) for pair, item in pairs.items()}
    assert sum(guesses[pair] == item.answer.strip() for pair, item in pairs.items()) < 0.25 * len(pairs)


def told_of(item):
    return [answer.strip() for answer in (item.answer, *item.alternatives)]


def test_items_agree_with_the_table_of_regions():
    for item in [*two_hop_items("held_out"), *two_hop_items("train"), *region_items()]:
        region = REGION[item.bridge]
        truth = {"ruler": f"{region.title} {region.ruler}"}.get(item.relation) or getattr(region, item.relation)
        assert item.answer == " " + truth and item.answer not in item.alternatives and len(item.alternatives) == 7
        assert item.bridge not in item.prompt or not item.town
    for item in membership_items():
        assert item.town in item.prompt and item.answer.strip() not in item.prompt
