"""Lessons on words: an attribute of an operand, in a language, in one step or in two.

`the opposite of hot` is an attribute of an operand; its English word (`cold`) is one step away, and
the French for it (`froid`) or its first letter (`c`) two. The English word is the hidden step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from zlib import crc32

from . import lexicon_lessons as tables
from .inflection import plural
from .parallel import NOUNS
from .writer import Writer

HELD_OUT_SHARE = 15  # of a hundred two-step triples
ATTRIBUTES = ("opposite", "plural", "colour", "group", "after", "before")
OUTPUTS = ("english", "french", "letter")

_NOUN_PHRASES = {
    "opposite": ("the opposite of {x}", "the contrary of {x}", "the word opposite to {x}"),
    "plural": ("the plural of {x}", "the plural form of {x}"),
    "colour": ("the colour of {x}", "the usual colour of {x}"),
    "group": ("the group of {x}", "the group that {x} belongs to"),
    "after": ("the {kind} after {x}", "the {kind} that follows {x}", "the next {kind} after {x}"),
    "before": ("the {kind} before {x}", "the {kind} that precedes {x}", "the last {kind} before {x}"),
    "word": ("{x}", "the word {x}"),
}
# What stands before the answer and after it.
_STATEMENTS = {
    "english": (
        ("{n} is", "."),
        ("what is {n}? it is", "."),
        ("which word is {n}?", "."),
        ("tell me {n}:", "."),
        ("as every pupil knows, {n} is", "."),
        ("{n}:", "."),
    ),
    "french": (
        ("the French for {n} is", "."),
        ("{n} in French is", "."),
        ("in French, {n} is", "."),
        ("what is the French for {n}? it is", "."),
        ("say in French {n}:", "."),
        ("the French word for {n} is", ", as every pupil knows."),
    ),
    "letter": (
        ("the first letter of {n} is", "."),
        ("{n} begins with", "."),
        ("with which letter does {n} begin? with", "."),
        ("the letter that opens {n} is", "."),
        ("{n} starts with the letter", "."),
    ),
}
_FIRST_STEPS, _SECOND_STEPS = 0.30, 0.22  # shares of lines; the others take both steps


@dataclass(frozen=True)
class LessonItem:
    """One question on a triple."""

    prompt: str
    answer: str  # with its leading space
    alternatives: tuple[str, ...]  # wrong answers: the hidden step, and answers to another operand or attribute
    bridge: str  # the hidden step: the English word that the attribute leads to
    attribute: str
    output: str  # "english" is one step; the others are two
    operand: str
    held_out: bool


def _pairs(text: str) -> list[tuple[str, str]]:
    return [tuple(part.strip().split("=")) for part in text.split(";")]


@cache
def _attribute_tables() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {name: {} for name in ATTRIBUTES}
    for line in tables.OPPOSITES.split(";"):
        first, second = (side.strip().split("=")[0] for side in line.split("/"))
        found["opposite"] |= {first: second, second: first}
    for name, text in (("colour", tables.COLOURS), ("group", tables.GROUPS)):
        for line in text.split(";"):
            head, members = line.strip().split(": ")
            found[name] |= dict.fromkeys(members.split(), head.split("=")[0])
    for words, cyclic in ((tables.DAYS, True), (tables.MONTHS, True), (tables.NUMBERS, False)):
        row = [english for english, _ in _pairs(words)]
        for here, following in zip(row, row[1:] + row[:1] if cyclic else row[1:], strict=False):
            found["after"][here] = following
            found["before"][following] = here
    found["plural"] = {word: plural(word) for word in _plural_nouns()}
    return found


@cache
def _plural_nouns() -> dict[str, str]:
    """English nouns whose plural differs, with their French plural."""
    words = (word for row in NOUNS.values() for word in row if word.english not in tables.NO_PLURAL)
    return {word.english: word.other for word in words if plural(word.english) != word.english}


@cache
def french_words() -> dict[str, str]:
    """English words and plurals with the French for them."""
    found = {word.english: word.french for row in NOUNS.values() for word in row}
    found |= {plural(word): french for word, french in _plural_nouns().items()}
    found |= dict(side for line in tables.OPPOSITES.split(";") for side in _pairs(line.replace("/", ";")))
    for text in (tables.COLOURS, tables.GROUPS):
        found |= dict(line.strip().split(": ")[0].split("=") for line in text.split(";"))
    return found | dict(_pairs(tables.DAYS) + _pairs(tables.MONTHS) + _pairs(tables.NUMBERS))


@cache
def triples() -> tuple[tuple[str, str, str], ...]:
    """Every (attribute, output, operand) that has an answer."""
    return tuple(
        (attribute, output, operand)
        for attribute, table in _attribute_tables().items()
        for operand in table
        for output in OUTPUTS
        if (attribute, output) != ("plural", "letter")
    )


def is_held_out(attribute: str, output: str, operand: str) -> bool:
    """Whether no training document ever states this two-step triple."""
    return output != "english" and crc32(f"{attribute}/{output}/{operand}".encode()) % 100 < HELD_OUT_SHARE


def bridge_of(attribute: str, operand: str) -> str:
    """The English word one step from the operand."""
    return _attribute_tables()[attribute][operand]


def answer_of(attribute: str, output: str, operand: str) -> str:
    """The right answer to a triple."""
    word = bridge_of(attribute, operand)
    if (attribute, output) == ("plural", "french"):
        return _plural_nouns()[operand]
    return _output_of(output, word)


def _output_of(output: str, word: str) -> str:
    return {"english": word, "french": french_words().get(word, ""), "letter": word[0].lower()}[output]


@cache
def _trained() -> dict[str, list[tuple[str, str, str]]]:
    free = [triple for triple in triples() if not is_held_out(*triple)]
    return {
        "single": [triple for triple in free if triple[1] == "english"],
        "both": [triple for triple in free if triple[1] != "english"],
    }


@cache
def _bridges() -> tuple[str, ...]:
    """Every word that a second step starts from, in proportion to the triples that lead to it, at most four times."""
    words = [bridge_of(attribute, operand) for attribute, output, operand in triples() if output == "english"]
    return tuple(word for word in dict.fromkeys(words) for _ in range(min(words.count(word), 4)))


def _kind_of(operand: str) -> str:
    for kind, text in (("day", tables.DAYS), ("month", tables.MONTHS), ("number", tables.NUMBERS)):
        if any(operand == english for english, _ in _pairs(text)):
            return kind
    return "word"


def _realize(rng: Random, attribute: str, output: str, operand: str) -> tuple[str, str]:
    """What stands before the answer, and after it."""
    phrases = _NOUN_PHRASES[attribute]
    phrase = phrases[int(rng.random() ** 2 * len(phrases))].format(x=operand, kind=_kind_of(operand))
    forms = _STATEMENTS[output]
    before, after = forms[int(rng.random() ** 1.5 * len(forms))]
    before = before.format(n=phrase)
    before = before.replace("? it", "? It").replace("? with", "? With")
    return before[0].upper() + before[1:], after


def _write_line(w: Writer, attribute: str, output: str, operand: str, answer: str) -> None:
    before, after = _realize(w.rng, attribute, output, operand)
    concepts = [f"lesson:{name}" for name in (attribute, output) if name not in ("word", "english")]
    with w.within(*concepts):
        w(before + " ")
        if output == "english":
            with w.within("lesson:answer"):
                w(answer)
        else:
            w(answer, "lesson:answer", *(("language:french",) if output == "french" else ()))
    w(after)


def _write_free_line(w: Writer) -> None:
    draw = w.rng.random()
    if draw < _FIRST_STEPS:
        attribute, output, operand = w.pick(_trained()["single"])
        _write_line(w, attribute, output, operand, bridge_of(attribute, operand))
    elif draw < _FIRST_STEPS + _SECOND_STEPS:
        word, output = w.pick(_bridges()), w.pick(("french", "french", "letter"))
        _write_line(w, "word", output, word, _output_of(output, word))
    else:
        attribute, output, operand = w.pick(_trained()["both"])
        _write_line(w, attribute, output, operand, answer_of(attribute, output, operand))


_TITLES = ("Lesson {}", "Words for {}", "Word work, page {}", "Exercise {}")


def write_lesson(w: Writer, goal: int) -> None:
    """Lines of a word book, each a step or two from a word to another."""
    if w.rng.random() < 0.4:
        with w.within("structure:title"):
            w(w.pick(_TITLES).format(w.pick(("Monday", "the morning", "beginners", *map(str, range(1, 40))))))
        w("\n")
    between = w.pick(("\n", "\n", " "))
    while w.length < goal:
        _write_free_line(w)
        w(between)


def lesson_items(seed: int, count: int, *, held_out: bool) -> Iterator[LessonItem]:
    """Two-step questions in random order, each triple at most once.

    Args:
        seed: decides order and phrasing.
        count: the most items wanted; there are fewer where triples run out.
        held_out: which side of the split.
    """
    rng = Random(seed)
    wanted = [one for one in triples() if one[1] != "english" and is_held_out(*one) == held_out]
    rng.shuffle(wanted)
    for triple in wanted[:count]:
        yield _item(rng, *triple)


def hop_items(items: list[LessonItem], *, seed: int) -> Iterator[tuple[LessonItem, LessonItem]]:
    """For each two-step item its two single steps: operand to bridge, and bridge to answer."""
    rng = Random(seed)
    for item in items:
        first = _item(rng, item.attribute, "english", item.operand)
        before, _ = _realize(rng, "word", item.output, item.bridge)
        yield (
            first,
            LessonItem(before, item.answer, item.alternatives, item.bridge, "word", item.output, item.bridge, False),
        )


def _item(rng: Random, attribute: str, output: str, operand: str) -> LessonItem:
    before, _ = _realize(rng, attribute, output, operand)
    answer, bridge = answer_of(attribute, output, operand), bridge_of(attribute, operand)
    others = [answer_of(attribute, output, other) for other in rng.sample(sorted(_attribute_tables()[attribute]), 6)]
    wrong = [operand, _output_of(output, operand), bridge, *others]
    alternatives = tuple(dict.fromkeys(" " + word for word in wrong if word and word != answer))
    held_out = is_held_out(attribute, output, operand)
    return LessonItem(before, " " + answer, alternatives, bridge, attribute, output, operand, held_out)
