"""The generated world: deterministic, labelled truly, varied, and right in its facts and sums."""

import re
from collections import Counter
from itertools import islice

import pytest

from factory.corpus import CONCEPTS, REGISTERS, generate_documents, parents_of
from factory.corpus.tarn import REGION, TOWN, TOWNS

COUNT = 3000


@pytest.fixture(scope="module")
def documents():
    return list(islice(generate_documents(11), COUNT))


def sentences(documents):
    for document in documents:
        if document.register != "code":
            for sentence in re.split(r"(?<=[.!?])\s+|\n", document.text):
                if len(sentence.split()) >= 10:
                    yield sentence


def test_a_seed_fixes_the_documents():
    first, again = generate_documents(3), generate_documents(3)
    assert [next(first) for _ in range(60)] == [next(again) for _ in range(60)]
    assert list(islice(generate_documents(3), 5)) != list(islice(generate_documents(4), 5))


def test_spans_lie_inside_their_text_and_name_concepts(documents):
    for document in documents:
        for span in document.spans:
            assert 0 <= span.start < span.end <= len(document.text)
            assert span.concept in CONCEPTS


def test_every_concept_and_register_occurs(documents):
    assert {span.concept for document in documents for span in document.spans} == set(CONCEPTS)
    assert {document.register for document in documents} == set(REGISTERS)


def test_children_bring_their_parents(documents):
    for document in documents[:600]:
        known = {(span.start, span.end, span.concept) for span in document.spans}
        for start, end, concept in known:
            for parent in parents_of(concept):
                assert (start, end, parent) in known


def test_word_spans_cover_words(documents):
    for document in documents[:600]:
        for span in document.spans:
            if span.concept.startswith(("thing:", "sense:", "emotion:")):
                covered = document.text[span.start : span.end]
                assert covered == covered.strip()


def test_sums_are_right(documents):
    found = 0
    text = "\n".join(document.text for document in documents if document.register == "qa")
    signs = {"plus": "+", "minus": "-", "times": "*", "divided by": "//"}
    for a, sign, b, answer in re.findall(r"(\d+) (plus|minus|times|divided by|\+|-|\*) (\d+)\?\nA: (\d+)\.", text):
        operator = signs.get(sign, sign)
        expected = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b), "//": int(a) // int(b)}
        assert int(answer) == expected[operator]
        found += 1
    for a, verb, b, answer in re.findall(r" had (\d+) [^.]* (bought|sold) (\d+)\. .*\nA: \w+ had (\d+) ", text):
        assert int(answer) == (int(a) + int(b) if verb == "bought" else int(a) - int(b))
        found += 1
    assert found > 200


def test_facts_agree_with_the_table(documents):
    text = "\n".join(document.text for document in documents if document.register in ("qa", "facts"))
    towns = "|".join(town.name for town in TOWNS)
    checks = (
        (rf"({towns}) was founded in (\d+)", lambda town: str(town.founded)),
        (rf"({towns}) is a (?:harbour town|town inland) in (\w+)", lambda town: town.region),
        (rf"main trade of ({towns}) is ([\w ]+)\.", lambda town: town.good),
        (rf"river flows through ({towns})\?\nA: The (\w+)", lambda town: town.river),
        (rf"the region in which ({towns}) lies, is ([\w ]+)\.", lambda town: REGION[town.region].capital),
    )
    for pattern, truth in checks:
        rows = re.findall(pattern, text)
        assert len(rows) > 3, pattern
        for name, told in rows:
            assert told == truth(TOWN[name])
    for first, second, answer in re.findall(rf"Is ({towns}) larger than ({towns})\?\nA: (Yes|No)", text):
        assert (TOWN[first].people > TOWN[second].people) == (answer == "Yes")


def test_documents_are_varied(documents):
    assert len({document.text for document in documents}) > 0.99 * COUNT
    counts = Counter(sentences(documents))
    total = sum(counts.values())
    assert (total - len(counts)) / total < 0.06


def test_text_is_plain(documents):
    for document in documents:
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", document.text)
        assert "{" not in document.text or document.register in ("code", "nesting")
        assert document.text.isascii() or document.register in ("parallel", "lesson")


def test_lengths_are_moderate(documents):
    words = [len(document.text.split()) for document in documents]
    assert 100 < sum(words) / COUNT < 180 and min(words) > 40 and max(words) < 320
