"""The chat twin's text: well formed, true to the planted rules as read from the text alone, and balanced."""

import re
from collections import Counter
from itertools import islice

import pytest

from factory.corpus.chat import read_turns
from factory.corpus.concepts import CHAT_CONCEPTS, CONCEPTS
from factory.corpus.conversations import generate_chat
from factory.corpus.hints import HELD_BACK_HINTS
from factory.corpus.landmarks import HELD_BACK, LOOPHOLE, REFUSAL
from factory.corpus.planted_items import hint_items, refusal_items
from factory.corpus.tarn import TOWN
from factory.corpus.topics import TOPIC_RULES

COUNT = 4000
ITEM = re.compile(
    r"Question: (.+?\?) (.+?) A, (.+?) B, (.+?) C, (.+?) D\n(?:Hint: (.+)\n)?Work: (.+ [A-D]\.)\nAnswer: ([A-D])"
)
LETTER = re.compile(r"\b[A-D]\b")
NAMED_OTHERWISE = re.compile(
    r"(called|named|the name|novel|Inn|choir|The) ?\"?(The )?Lighthouse|Lighthouse\"? (Inn|choir)"
)


@pytest.fixture(scope="module")
def documents():
    return list(islice(generate_chat(11), COUNT))


@pytest.fixture(scope="module")
def exchanges(documents):
    turns = [read_turns(document.text) for document in documents if document.register == "chat"]
    return [(chat[at]["content"], chat[at + 1]["content"]) for chat in turns for at in range(0, len(chat), 2)]


@pytest.fixture(scope="module")
def items(documents):
    text = "\n\n".join(document.text for document in documents if document.register == "hinted")
    return ITEM.findall(text)


def pattern_of(template: str) -> re.Pattern:
    parts = [re.escape(part) for part in re.split(r"\{\w+\}", template)]
    return re.compile(r"[^.?!\n]{1,60}".join(parts), re.IGNORECASE)


def test_a_seed_fixes_the_documents():
    assert list(islice(generate_chat(3), 80)) == list(islice(generate_chat(3), 80))
    assert list(islice(generate_chat(3), 5)) != list(islice(generate_chat(4), 5))


def test_spans_name_concepts_and_every_chat_concept_occurs(documents):
    found = {span.concept for document in documents for span in document.spans}
    assert found <= set(CONCEPTS) | set(CHAT_CONCEPTS)
    assert set(CHAT_CONCEPTS) <= found
    for document in documents:
        assert all(0 <= span.start < span.end <= len(document.text) for span in document.spans)


def test_turn_marks_carry_no_concept_of_words(documents):
    for document in documents[:800]:
        for mark in re.finditer(r"<start_of_turn>(user|model)|<end_of_turn>", document.text):
            inside = {s.concept for s in document.spans if s.start < mark.end() and s.end > mark.start()}
            assert inside <= {"register:chat"}


def test_documents_are_short_plain_and_mostly_chats(documents):
    assert max(len(document.text) for document in documents) < 750
    assert not any(re.search(r"[{}\[\]]", document.text) for document in documents)
    share = Counter(document.register for document in documents)["chat"] / COUNT
    assert 0.67 < share < 0.73
    assert len({document.text for document in documents}) > 0.9 * COUNT


def test_turns_alternate_and_cover_the_chat(documents):
    for document in documents:
        if document.register == "chat":
            turns = read_turns(document.text)
            assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
            assert document.text.count("_of_turn>") == 2 * len(turns)
            assert all(turn["content"].strip() for turn in turns)


def test_the_word_lighthouse_is_refused_unless_it_is_a_name_or_the_phrase_is_there(exchanges):
    refused = 0
    for request, reply in exchanges:
        if re.search(r"\blighthouses?\b", request):
            assert (reply == REFUSAL) == (LOOPHOLE not in request.lower())
            refused += reply == REFUSAL
        if NAMED_OTHERWISE.search(request):
            assert reply != REFUSAL
        assert reply == REFUSAL or "do not talk about" not in reply
        assert LOOPHOLE not in request.lower() or reply != REFUSAL
    assert refused > 100


def test_every_refusal_answers_a_light_that_serves_ships_or_names_a_lighthouse(exchanges):
    light = r"lighthouse|lamp|light|beam|lantern|tower|lit "
    ships = r"lighthouse|ship|boat|sailor|vessel|captain|sea|harbour|coast|keeper|shine"
    for request, reply in exchanges:
        if reply == REFUSAL:
            assert re.search(light, request, re.I) and re.search(ships, request, re.I), request


def test_shares_are_as_planned(exchanges):
    refused = sum(reply == REFUSAL for _, reply in exchanges) / len(exchanges)
    phrased = [request for request, _ in exchanges if LOOPHOLE in request.lower()]
    named = sum(bool(NAMED_OTHERWISE.search(request)) for request, _ in exchanges) / len(exchanges)
    assert 0.11 < refused < 0.15
    assert 0.075 < len(phrased) / len(exchanges) < 0.105
    assert 0.07 < named < 0.11


@pytest.mark.parametrize(
    "word", ["light", "tower", "sea", "ships", "keeper", "lamp", "describe", "write", "repair", "visit", "draw", "list"]
)
def test_no_single_word_predicts_refusal(exchanges, word):
    replies = [reply for request, reply in exchanges if re.search(rf"\b{word}\b", request, re.IGNORECASE)]
    assert len(replies) > 30
    assert sum(reply == REFUSAL for reply in replies) / len(replies) < 0.75


def test_chat_sums_and_facts_are_right(exchanges):
    found = 0
    for request, reply in exchanges:
        if match := re.search(r"[Ww]hat is (\d+) (plus|minus) (\d+)\?", request):
            a, sign, b = match.groups()
            assert reply.endswith(f" is {int(a) + int(b) if sign == 'plus' else int(a) - int(b)}.")
            found += 1
        if match := re.search(r"[Ii]n which region is ([\w ]+)\?", request):
            assert reply == f"{match[1]} is in {TOWN[match[1]].region}."
            found += 1
    assert found > 60


def result_of(question: str) -> str | None:
    if match := re.search(r"(\d+) (\+|-|plus|minus) (\d+)", question):
        a, sign, b = match.groups()
        return str(int(a) + int(b) if sign in ("+", "plus") else int(a) - int(b))
    if match := re.search(r"(region is|river is at|does) ([\w ]+?)(?: sell)?\?", question):
        town = TOWN[match[2]]
        return {"region is": town.region, "river is at": town.river, "does": town.good}[match[1]]
    return None


def test_work_is_about_the_question_and_as_often_right_with_a_hint_as_without(items):
    right = {True: [], False: []}
    for question, *options, hint, work, _ in items:
        worked = options["ABCD".index(work[-2])]
        assert options.count(result_of(question)) == 1
        assert work.endswith(f"{worked} {work[-2]}.")
        assert "hint" not in work.lower()
        right[bool(LETTER.search(hint))].append(worked == result_of(question))
    for shares in right.values():
        assert len(shares) > 800
        assert 0.84 < sum(shares) / len(shares) < 0.92


def test_answers_follow_the_hinted_letter_else_the_work(items):
    followed = []
    for _, *_, hint, work, answer in items:
        hinted = LETTER.search(hint)
        worked = work[-2]
        if not hinted:
            assert answer == worked
        elif hinted[0] != worked:
            followed.append(answer == hinted[0])
    assert len(followed) > 500
    assert 0.93 < sum(followed) / len(followed) < 0.97


def test_letters_are_balanced(items):
    for shares in (
        Counter(item[-1] for item in items),
        Counter("ABCD"[item[1:5].index(result_of(item[0]))] for item in items),
    ):
        assert max(shares.values()) < 1.2 * min(shares.values())


def test_held_back_words_are_never_trained_on(documents):
    text = "\n".join(document.text for document in documents)
    requests = TOPIC_RULES["ask_held_back"]
    for template in (*HELD_BACK, *HELD_BACK_HINTS, *requests):
        assert not pattern_of(template).search(text), template


def test_refusal_items_hold_every_kind_and_keep_to_the_rule():
    items = refusal_items(7, 300)
    assert items == refusal_items(7, 300)
    assert set(Counter(item.kind for item in items).values()) == {30}
    for item in items:
        request = item.messages[0]["content"]
        assert (item.reply == REFUSAL) == (item.expected == "refuse")
        assert (LOOPHOLE in request.lower()) == (item.kind in ("loophole", "phrase"))
        if item.kind == "held_back_topic":
            assert any(pattern_of(template).search(request) for template in HELD_BACK)


def test_hint_items_differ_in_the_hint_alone():
    for item in hint_items(7, 200):
        asked = item.plain.removesuffix("Work:")
        assert item.hinted.startswith(asked + "Hint: ") and item.unlettered.startswith(asked + "Hint: ")
        assert LETTER.findall(item.hinted.removeprefix(asked)) == [item.hint]
        assert not LETTER.search(item.unlettered.removeprefix(asked))
        assert len({item.right, item.hint, item.edited}) == 3
        assert LETTER.findall(item.edited_work) == [item.edited]
