"""The generator's concepts: they cover what they claim, stand in levels, and are written by rules that exist."""

import re
from collections import defaultdict
from itertools import islice

import pytest

from factory.corpus import CONCEPTS, family_of, generate_documents, parents_of, with_parents
from factory.corpus.concepts import RULE_CONCEPTS
from factory.corpus.registers import _TABLE
from factory.corpus.tarn import REGIONS, RIVERS, TOWN, TOWNS

COUNT = 2000


@pytest.fixture(scope="module")
def documents():
    return list(islice(generate_documents(23), COUNT))


@pytest.fixture(scope="module")
def covered(documents):
    """Concept -> (document, span) pairs."""
    found = defaultdict(list)
    for document in documents:
        for span in document.spans:
            found[span.concept].append((document, span))
    return dict(found)


def texts(covered, concept):
    return [document.text[span.start : span.end] for document, span in covered[concept]]


def test_parents_are_concepts_and_lead_to_a_root():
    for concept in CONCEPTS:
        assert set(parents_of(concept)) <= set(CONCEPTS)
        line = with_parents(concept)
        assert line[0] == concept and len(set(line)) == len(line)
        assert any(not parents_of(name) for name in line)
    assert set(with_parents("entity:halvik")) == {
        "entity:halvik",
        "place:town/harbour",
        "place:town",
        "place:town/of_norrland",
    }
    assert with_parents("thing:animal/bird/gull") == ("thing:animal/bird/gull", "thing:animal/bird", "thing:animal")


def test_a_concept_means_something_and_has_a_family():
    for concept, meaning in CONCEPTS.items():
        assert family_of(concept) and meaning[0].isupper() and meaning.endswith(".")


def test_rules_with_a_concept_exist():
    rules = {name for _, rules, *_ in _TABLE.values() for name in rules} | {"side_statement"}
    assert set(RULE_CONCEPTS) <= rules
    assert set(RULE_CONCEPTS.values()) <= set(CONCEPTS)


@pytest.mark.parametrize(
    ("concept", "pattern"),
    [
        ("phrase:because", r"(because|since|after)\b"),
        ("phrase:although", r"(al)?though\b"),
        ("phrase:ifclause", r"(if|unless)\b"),
        ("phrase:timeclause", r"(when|until|after|as|while|before)\b"),
        ("phrase:where", r"(on|near|behind|beside|in|under|outside|at|by|across|among|not far)\b"),
        ("phrase:with_feeling", r"with \w+$"),
        ("phrase:asking", r"[^.?]+$"),
        ("structure:ingredient_line", r"- \d+ [^\n]+$"),
        ("structure:step_line", r"\d+\. [^\n]+\.$"),
        ("structure:price_line", r"- [^\n]+: \d+ \w+$"),
        ("structure:speaker_line", r"[A-Z]+: [^\n]+$"),
        ("code:definition_line", r"def \w+\([^\n]*\):$"),
        ("code:loop_line", r"(for|while) [^\n]+:$"),
        ("code:condition_line", r"if [^\n]+:$"),
        ("code:return_line", r"return [^\n]+$"),
        ("code:raise_line", r"raise [^\n]+$"),
        ("code:assignment", r"\w+ [-+]?= [^\n]+$"),
        ("code:print_call", r"print\([^\n]*\)$"),
        ("number:count", r"\d+$"),
        ("number:measure", r"\d+$"),
        ("number:vote", r"\d+ to \d+$"),
        ("number:price_change", r"from \d+ \w+ to \d+ \w+$"),
        ("news:judgement", r"(The judge|\w+ \w+ must pay)"),
        ("french:article", r"(?i)(le|la|l'|les|un|une|des|du|de la|de l')$"),
        ("french:verb", r"[\w' ]+$"),
        ("thing:animal/bird/gull", r"(?i)gulls?$"),
        ("quality:colour/red", r"(?i)red$"),
        ("person:kin/mother", r"(?i)mothers?$"),
        ("time:month/may", r"May$"),
    ],
)
def test_spans_cover_what_their_concept_says(covered, concept, pattern):
    english = ("story", "play", "recipe", "news", "letter", "facts", "list", "code")
    registers = ("parallel",) if concept.startswith("french:") else english
    pairs = [pair for pair in covered[concept] if pair[0].register in registers]
    found = [document.text[span.start : span.end] for document, span in pairs]
    assert len(found) > 5
    for text in found:
        assert re.match(pattern, text[0].lower() + text[1:] if concept.startswith("phrase:") else text), text


def test_every_place_named_in_an_article_is_marked(documents, covered):
    names = [town.name for town in TOWNS] + [region.name for region in REGIONS]
    marked = {(id(document), span.start) for name in names for document, span in covered[_entity(name)]}
    for document in documents:
        if document.register == "facts":
            for match in re.finditer(r"\b(" + "|".join(names) + r")\b", document.text):
                assert (id(document), match.start()) in marked, match


def _entity(name):
    return "entity:" + name.lower().replace(" ", "_")


def test_entities_cover_their_names(covered):
    names = [place.name for place in (*TOWNS, *REGIONS)] + [*RIVERS] + [region.ruler for region in REGIONS]
    for name in names:
        assert {text.lower() for text in texts(covered, _entity(name))} == {name.lower()}


def test_the_people_of_a_town_are_its_number(documents, covered):
    told = {str(town.people) for town in TOWN.values()}
    assert set(texts(covered, "number:people")) <= told


def test_columns_are_the_cells_of_their_lines(covered):
    for at in range(1, 5):
        for document, span in covered[f"structure:table_column_{at}"]:
            first = document.text.rfind("\n", 0, span.start) + 1
            line = document.text[first:].partition("\n")[0]
            assert line.split(" | ")[at - 1] == document.text[span.start : span.end]


def test_a_speaker_owns_every_line_under_the_name(documents, covered):
    for name in ("mara", "orla", "tova", "bram", "edric", "piers"):
        lines = covered[f"speaker:{name}"]
        assert len(lines) > 10
        for document, span in lines:
            whole = document.text[span.start :].partition("\n")[0]
            assert whole == document.text[span.start : span.end]
            assert whole.startswith(name.upper() + ":")


def test_the_verb_after_an_awaiting_stretch_has_the_number_it_awaits(covered):
    forms = {"singular": {"is", "was", "has"}, "plural": {"are", "were", "have"}}
    for number, verbs in forms.items():
        found = covered[f"hidden:awaits_{number}"]
        assert len(found) > 50
        for document, span in found:
            assert document.text[span.end :].split()[0] in verbs
            assert not set(document.text[span.start : span.end].split()) & set().union(*forms.values())
