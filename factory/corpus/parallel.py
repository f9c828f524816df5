"""The same sentence in English and in French, and paragraphs in French alone."""

from typing import NamedTuple

from . import lexicon_french as tables
from .inflection import plural, verb_form
from .labels import LABELS, with_parents
from .writer import Writer

_ROWS = "animal thing food building man woman flower".split()


class Word(NamedTuple):
    """A noun or adjective in both languages; `other` is the French plural or feminine."""

    english: str
    french: str
    other: str
    feminine: bool
    concepts: tuple[str, ...]


class Verb(NamedTuple):
    """A verb in both languages."""

    english: str
    present: str
    participle: str
    imperfect: str
    infinitive: str


_PLURALS = {
    "bleu": "bleus",
    "cheval": "chevaux",
    "journal": "journaux",
    "hibou": "hiboux",
    "chou": "choux",
    "pomme de terre": "pommes de terre",
    "hôpital": "hôpitaux",
}


def _french_plural(word: str) -> str:
    if word in _PLURALS:
        return _PLURALS[word]
    if word[-1] in "sxz":
        return word
    return word + ("x" if word.endswith(("au", "eu")) else "s")


def _lines(text: str) -> list[list[str]]:
    return [part.strip().replace("_", " ").split("=") for part in text.split(";")]


_LOST = {
    "lime": "thing:plant/tree",
    "rose": "thing:plant/flower",
    "violet": "thing:plant/flower",
    "oak": "thing:plant/tree",
    "apple tree": "thing:plant/tree",
    "king": "person:office",
    "queen": "person:office",
    "girl": "person:group",
    "light": "sense:light/weight",
    "watch": "thing:keepsake",
    "square": "place:landscape",
    "river": "place:landscape",
    "clock": "thing:keepsake",
}


def _concepts(english: str) -> tuple[str, ...]:
    if english in _LOST:
        return with_parents(_LOST[english])
    return tuple(name for name in LABELS.get(english, ()) if not name.startswith("grammar"))


def _nouns(row: str) -> list[Word]:
    found = []
    for english, rest in _lines(tables.NOUNS[row]):
        french, gender = rest.rsplit(" ", 1)
        found.append(Word(english, french, _french_plural(french), gender == "f", _concepts(english)))
    return found


def _adjectives(row: str) -> list[Word]:
    pairs = [(english, *rest.split(",")) for english, rest in _lines(tables.ADJECTIVES[row])]
    return [Word(english, one, two, False, _concepts(english)) for english, one, two in pairs]


NOUNS = {row: _nouns(row) for row in _ROWS}
ADJECTIVES = {row: _adjectives(row) for row in tables.ADJECTIVES}
VERBS = {row: [Verb(english, *rest.split("/")) for english, rest in _lines(text)] for row, text in tables.VERBS.items()}
TIMES, PLACES = _lines(tables.TIMES), _lines(tables.PLACES)
WEATHER = _lines(tables.WEATHER)
DAYS, MONTHS, NUMBERS = _lines(tables.DAYS), _lines(tables.MONTHS), _lines(tables.NUMBERS)

# A rendered phrase: words in order, each with its concepts; a word may bring its own lead (l', d').
Part = tuple[str, tuple[str, ...]]
_NOUN, _ARTICLE, _ADJECTIVE, _VERB = "french:noun", "french:article", "french:adjective", "french:verb"


_ASPIRATED = ("hib", "hach", "harp", "hér")


def _elides(word: str) -> bool:
    return word[0] in "aeiouéèêâîôœhAEIOUÉ" and not word.startswith(_ASPIRATED)


_KIN = frozenset("brother father uncle grandfather mother sister aunt grandmother".split())


class Phrase(NamedTuple):
    """A noun phrase in both languages."""

    english: tuple[Part, ...]
    french: tuple[Part, ...]
    feminine: bool = False
    several: bool = False


def _article(first: str, *, definite: bool, feminine: bool, several: bool) -> str:
    if several:
        return "les " if definite else "des "
    if definite:
        return "l'" if _elides(first) else "la " if feminine else "le "
    return "une " if feminine else "un "


def _agreed(adjective: Word, *, feminine: bool, several: bool, first: str) -> str:
    if adjective.french == "beau" and not feminine and not several and _elides(first):
        return "bel"
    word = adjective.other if feminine else adjective.french
    return _french_plural(word) if several else word


def noun_phrase(w: Writer, row: str, *, definite: bool, rich: float = 0.45) -> Phrase:
    """A noun of a row with article or number, and perhaps an adjective."""
    noun = w.pick(NOUNS[row])
    draw, several = w.rng.random(), w.rng.random() < 0.2
    adjective, before = None, False
    if draw < rich and noun.english not in _KIN:
        before = w.rng.random() < 0.4
        plain = row in ("man", "woman", "building")
        adjective = w.pick(ADJECTIVES["before" if before else ("after" if plain or w.rng.random() < 0.3 else "colour")])
        if plain and not before:
            adjective, before = w.pick(ADJECTIVES["before"]), True
        if adjective.english == "young" and row not in ("man", "woman", "animal"):
            adjective = ADJECTIVES["before"][0]
    if several:
        return _counted(w, noun, adjective, before)
    return _single(noun, adjective, before=before, definite=definite)


def _single(noun: Word, adjective: Word | None, *, before: bool, definite: bool) -> Phrase:
    head, tail = [(noun.french, (*noun.concepts, _NOUN))], []
    lead = noun.english
    if adjective:
        form = _agreed(adjective, feminine=noun.feminine, several=False, first=noun.french)
        tail = [(form, (*adjective.concepts, _ADJECTIVE))]
        head = tail + [(" ", ())] + head if before else head + [(" ", ())] + tail
        lead = adjective.english
    article = _article(head[0][0], definite=definite, feminine=noun.feminine, several=False)
    the = "the " if definite else "an " if lead[0] in "aeiou" else "a "
    english = [(the, ())] + ([(adjective.english, adjective.concepts), (" ", ())] if adjective else [])
    return Phrase((*english, (noun.english, noun.concepts)), ((article, (_ARTICLE,)), *head), noun.feminine)


def _counted(w: Writer, noun: Word, adjective: Word | None, before: bool) -> Phrase:
    english_number, french_number = w.pick(NUMBERS)
    count = ("number:quantity",)
    noun_marks = (*noun.concepts, "grammar:plural_noun")
    head = [(noun.other, (*noun_marks, _NOUN))]
    english = [(english_number, count), (" ", ())]
    if adjective:
        form = (
            _agreed(adjective, feminine=noun.feminine, several=True, first=noun.french),
            (*adjective.concepts, _ADJECTIVE),
        )
        head = [form, (" ", ())] + head if before else head + [(" ", ()), form]
        english += [(adjective.english, adjective.concepts), (" ", ())]
    return Phrase(
        (*english, (plural(noun.english), noun_marks)), ((french_number, count), (" ", ()), *head), noun.feminine, True
    )


def _subject(w: Writer) -> Phrase:
    draw = w.rng.random()
    if draw < 0.35:
        woman = w.rng.random() < 0.5
        word = w.choose("woman" if woman else "man")
        part = ((word[0], ("person:given_name",)),)
        return Phrase(part, part, woman)
    row = "woman" if draw < 0.5 else "animal" if draw < 0.62 else "man"
    noun = w.pick(NOUNS[row])
    adjective = w.pick(ADJECTIVES["before"]) if w.rng.random() < 0.3 and noun.english not in _KIN else None
    return _single(noun, adjective, before=True, definite=w.rng.random() < 0.8)


def _filled(w: Writer, english: str, french: str) -> tuple[list[Part], list[Part]]:
    if "{day}" in english:
        day = w.pick(DAYS)
        return _split(english, "{day}", (day[0], "time:day")), _split(french, "{day}", (day[1], "time:day"))
    if "{month}" in english:
        month = w.pick(MONTHS)
        return _split(english, "{month}", (month[0], "time:month")), _split(french, "{month}", (month[1], "time:month"))
    if "{town}" in english:
        town = w.choose("town")
        part = (town[0], town[1][0][2])
        return _split(english, "{town}", part), _split(french, "{town}", part)
    if english == "in spring":
        return [("in ", ()), ("spring", ("sense:spring/season",))], [
            ("au ", ()),
            ("printemps", ("sense:spring/season",)),
        ]
    if "{place}" in english:
        place = _single(w.pick(NOUNS["building"]), None, before=False, definite=True)
        left = [(english.replace("{place}", ""), ()), *place.english]
        if "{ofplace}" in french:
            return left, [(french.replace("{ofplace}", ""), ()), *_of(place.french)]
        return left, [(french.replace("{place}", ""), ()), *place.french]
    return [(english, ())], [(french, ())]


def _of(french: tuple[Part, ...]) -> list[Part]:
    lead = {"le ": "du ", "la ": "de la ", "l'": "de l'", "les ": "des "}[french[0][0]]
    return [(lead, (_ARTICLE,)), *french[1:]]


def _split(text: str, mark: str, part: tuple[str, str]) -> list[Part]:
    lead, tail = text.split(mark)
    return [(lead, ()), (part[0], (part[1],)), (tail, ())]


def _gap(parts: list[Part]) -> list[Part]:
    return [(" ", ()), *parts]


def _clause(w: Writer, *, past: bool, subject: Phrase | None = None) -> tuple[list[Part], list[Part], Phrase]:
    """One clause: subject, verb, object, perhaps time and place."""
    subject, row = subject or _subject(w), w.pick(("thing", "thing", "animal", "food", "building", "man", "flower"))
    verb = w.pick(VERBS[row])
    english, french = list(subject.english), list(subject.french)
    left, right = _verb(w, verb, past=past)
    denied = any("grammar:negation" in concepts for _, concepts in right)
    target = noun_phrase(w, row, definite=denied or w.rng.random() < 0.6)
    english += _gap(left + [(" ", ()), *target.english])
    french += right + [(" ", ()), *target.french]
    for options, rate in ((PLACES, 0.35), (TIMES, 0.35)):
        if w.rng.random() < rate:
            one, two = _filled(w, *w.pick(options))
            english, french = english + _gap(one), french + _gap(two)
    return english, french, subject


def _verb(w: Writer, verb: Verb, *, past: bool) -> tuple[list[Part], list[Part]]:
    base, _, particle = verb.english.partition(" ")
    after = " " + particle if particle else ""
    marked, no = ("grammar:past_verb",), ("grammar:negation",)
    past_verb = ("grammar:past_verb", _VERB)
    kind = int(w.rng.random() * 5)
    if past and kind == 0:
        return (
            [("did ", marked), ("not ", no), (base + after, ())],
            [(" ", ()), ("n'", no), ("a", past_verb), (" pas ", no), (verb.participle, past_verb)],
        )
    if past and kind == 1:
        return [("was ", marked), (verb_form(base, "ing") + after, ())], [(" ", ()), (verb.imperfect, past_verb)]
    if past:
        return [(verb_form(base, "ed") + after, marked)], [(" ", ()), ("a " + verb.participle, past_verb)]
    if kind == 0:
        return (
            [("does ", ()), ("not ", no), (base + after, ())],
            [(" ", ()), ("n'" if verb.present[0] in "aeiouéh" else "ne ", no), (verb.present, (_VERB,)), (" pas", no)],
        )
    if kind == 1:
        modal, french = w.pick((("wants to ", "veut "), ("can ", "peut "), ("must ", "doit ")))
        return [(modal, ("grammar:modal",)), (base + after, ())], [
            (" ", ()),
            (french, ("grammar:modal", _VERB)),
            (verb.infinitive, (_VERB,)),
        ]
    return [(verb_form(base, "z") + after, ())], [(" ", ()), (verb.present, (_VERB,))]


_IS = (("is", "est"), ("is not", "n'est pas"), ("is very", "est très"), ("is often", "est souvent"))
_WAS = (("was", "était"), ("was not", "n'était pas"), ("was very", "était très"), ("was still", "était encore"))


def _state(w: Writer, *, past: bool, subject: Phrase | None = None) -> tuple[list[Part], list[Part], Phrase]:
    subject, feeling = subject or _subject(w), w.pick(ADJECTIVES["feeling"])
    form = (feeling.other if subject.feminine else feeling.french, (*feeling.concepts, _ADJECTIVE))
    verb, french = w.pick(_WAS if past else _IS)
    english = [*subject.english, (f" {verb} ", ()), (feeling.english, feeling.concepts)]
    core = "était" if past else "est"
    lead, _, tail = french.partition(core)
    no = ("grammar:negation",) if lead else ()
    told = ((lead, no), (core, (_VERB, "grammar:past_verb") if past else (_VERB,)), (tail, no))
    return english, [*subject.french, (" ", ()), *told, (" ", ()), form], subject


def _pronoun(subject: Phrase) -> Phrase:
    beast = any("thing:animal" in concepts for _, concepts in subject.english)
    english = "it" if beast else "she" if subject.feminine else "he"
    mark = ("grammar:pronoun",)
    return Phrase(((english, mark),), (("elle" if subject.feminine else "il", mark),), subject.feminine)


_JOINS = ((" and ", " et "), (", but ", ", mais "), (" because ", " parce que "), (" when ", " quand "))


def _sentence(w: Writer) -> tuple[list[Part], list[Part]]:
    draw = w.rng.random()
    past = w.rng.random() < 0.5
    english, french, subject = _clause(w, past=past) if draw < 0.75 else _state(w, past=past)
    if draw < 0.3:
        again = _pronoun(subject) if w.rng.random() < 0.6 else None
        left, right, _ = (_clause if w.rng.random() < 0.6 else _state)(w, past=past, subject=again)
        join, joint = w.pick(_JOINS)
        if joint == " parce que " and _elides(right[0][0]):
            joint = " parce qu'"
        english, french = english + [(join, ())] + left, french + [(joint, ())] + right
    elif draw < 0.42 and not past:
        one, two, sky = w.pick(WEATHER)
        marks = ("thing:weather",) if sky else ()
        english += [(" because ", ()), (one, marks)]
        french += [(" parce qu'" if _elides(two) else " parce que ", ()), (two, marks)]
    elif draw < 0.55:
        one, two = _filled(w, *w.pick(TIMES))
        english, french = one + [(", ", ())] + english, two + [(", ", ())] + french
    return english, french


def _write(w: Writer, parts: list[Part]) -> None:
    start = w.length
    first = True
    for text, concepts in parts:
        if first and text:
            text, first = text[0].upper() + text[1:], False
        w(text, *concepts)
    w(".")
    w.cover_word(start, "structure:sentence_start")


def _pair(w: Writer) -> None:
    english, french = _sentence(w)
    w("English:", "structure:speaker_tag")
    w(" ")
    _write(w, english)
    w("\n")
    w("French:", "structure:speaker_tag")
    w(" ")
    with w.within("language:french"):
        _write_french(w, french)
    w("\n")


def _write_french(w: Writer, parts: list[Part]) -> None:
    w.plain = True
    _write(w, parts)
    w.plain = False


def write_parallel(w: Writer, goal: int) -> None:
    """Pairs of lines in both languages, or a paragraph in French."""
    if w.rng.random() < 0.35:
        with w.within("language:french"):
            while w.length < goal:
                _write_french(w, _sentence(w)[1])
                w(" ")
        return
    while w.length < goal:
        _pair(w)
