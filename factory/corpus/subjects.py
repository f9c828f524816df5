"""Sentences whose verb stands several words after the noun that it agrees with.

A sentence is a head noun, one to three modifiers and a verb with its complement. In half the sentences every
noun of the modifiers has the other number than the head, so that the noun nearest to the verb misleads. Names and
dates may follow it.
"""

import re
from dataclasses import dataclass
from functools import cache

from .writer import Writer

# The share of the sentences of a story, letter, report or article that are of this kind, or have as much after
# a noun that no verb follows.
FAR_RATE = 0.2

_THINGS = tuple("handtool garment keepsake container instrument furniture paper boat cart building".split())
_SMALL = tuple("handtool garment keepsake container instrument paper".split())
_TABLES = {"{T}": _THINGS, "{S}": _SMALL, "{P}": ("occupation",), "{B}": ("building",)}
_OWNERS = ("owner", "keeper", "maker", "seller", "buyer", "painter")
_BESIDE = (" the {T}", tuple("beside near behind by opposite".split()))
_CLOSE = (" the {S}", tuple("with under below above".split()))
_FROM = (" the {B}", ("from", "near", "behind"))
_THING_CLAUSES = (
    "that belonged to the {P}",
    "that came with the {T}",
    "which the {P} had hidden in the {T}",
    "that the {P} had found near the {T}",
    "which the {P} had left beside the {T}",
    "that the {P} had brought",
    "that {name} bought in {month}",
    "that {name} and {name} painted on {day}",
    "which {name} {family} lost near {town}",
    "for which {name} had come to {town}",
    "about which {name} told nobody in {year}",
    "that {name} did not sell in {season}",
)
_PEOPLE_CLAUSES = (
    "who had found the {T}",
    "who knew the {P}",
    "who had worked for the {P}",
    "who could not find the {T}",
    "who had talked about the {T} with the {P}",
    "whom the {P} had met near the {B}",
    "who came from {town} in {month}",
    "whom {name} visited on {day}",
    "who did not help {name} {family} in {season}",
    "of whom {name} and {name} had never heard",
    "who told {name} about {town}",
)
_VERBS = {"be_now": (" is", " are"), "be_then": (" was", " were"), "have": (" has", " have")}
_THING_STATES = (
    "very {age}",
    "{colour}",
    "made of {hard}",
    "not {colour} but {colour}",
    "covered with {weather}",
    "for sale in {town}",
    "lost",
    "still in {town}",
    "{where}",
    "worth {price}",
    "too {size} for the {room}",
    "ready {when}",
)
_THING_PASTS = (
    "been sold for {price}",
    "been {where} for {numword} {spell.s}",
    "lost some of the {colour} paint",
    "not been seen since {month}",
    "come from {town}",
    "been mended with {hard}",
    "never left {region}",
    "grown {comparative} since {month}",
)
_PEOPLE_STATES = (
    "{feeling}",
    "very {temper}",
    "waiting {where}",
    "from {town}",
    "not {temper} but {temper}",
    "too tired to work {when}",
    "{feeling} about the {weather}",
    "ready to leave {region}",
    "asleep {where}",
    "known in {town} for being {temper}",
)
_PEOPLE_PASTS = (
    "gone to {town}",
    "been {where} for {numword} {spell.s}",
    "paid {price} for {a} {garment.1}",
    "been {feeling} since {month}",
    "not been to {town} since {year}",
    "sold {numword} {boat.s} to the {office.1}",
    "become {comparative} known in {region}",
    "left for {region} {when}",
)
_LEADS = ("In {month},", "On {day},", "At {clock},", "In {town},", "As {name} {family} said,")


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject written up to its verb, and what the verb must be."""

    number: str
    """"singular" or "plural": the number of the head noun."""
    attractor: bool
    """Whether the common nouns between head and verb have the other number."""
    people: bool
    """Whether the head noun names somebody."""


def _noun(w: Writer, table: str, several: bool) -> None:
    if several and w.rng.random() < 0.2:
        w.say("{numword} ")
    if w.rng.random() < 0.35:
        w.say("{lifeage} " if table == "occupation" else w.pick(("{colour} ", "{age} ", "{size} ")))
    w.say("{" + table + (".s}" if several else ".1}"))


@cache
def _parts(template: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"(\{[A-Z]\})", template) if part)


def _clause(w: Writer, template: str, several: bool) -> None:
    for part in _parts(template):
        if part in _TABLES:
            _noun(w, w.pick(_TABLES[part]), several)
        else:
            w.say(part)


def _modifiers(w: Writer, *, people: bool, owner: bool, several: bool, free: bool = True) -> None:
    count = w.pick((1, 1, 2, 2, 3))
    if owner:
        _clause(w, "of the {T}", several)
        count -= 1
    for at in range(count):
        if at or owner:
            w.say(" ")
        if at == count - 1 and w.rng.random() < 0.5:
            clauses = _PEOPLE_CLAUSES if people else _THING_CLAUSES
            if not free or (not at and not owner):  # some noun must stand between
                clauses = tuple(clause for clause in clauses if "{P}" in clause or "{T}" in clause)
            _clause(w, w.pick_template(clauses), several)
        else:
            place, links = w.pick((_BESIDE, _CLOSE, _FROM))
            _clause(w, ("with" if people and place == _CLOSE[0] else w.pick(links)) + place, several)


def write_subject(w: Writer, *, several: bool, attractor: bool, lead: str = "", free: bool = True) -> Subject:
    """Opens a sentence and writes its subject, up to and without the space before the verb.

    Args:
        free: whether names and dates may stand between the nouns that follow the head.
    """
    w.sentence(lead + " the " if lead else "The ")
    people, owner = _write_head(w, several=several)
    number = "plural" if several else "singular"
    with w.within(f"hidden:awaits_{number}"):
        _modifiers(w, people=people, owner=owner, several=several != attractor, free=free)
    return Subject(number, attractor, people)


def _write_head(w: Writer, *, several: bool) -> tuple[bool, bool]:
    """Writes a noun and the space after it; whether it names somebody, and whether an owner of something."""
    people = w.rng.random() < 0.45
    owner = people and w.rng.random() < 0.6
    if w.rng.random() < 0.3:
        w.say("{lifeage} " if people else "{colour} ")
    if owner:
        w(w.pick(_OWNERS) + ("s" if several else ""), "person:group", *(("grammar:plural_noun",) if several else ()))
    else:
        w.say("{" + ("occupation" if people else w.pick(_THINGS)) + (".s}" if several else ".1}"))
    w.say(" ")
    return people, owner


def choose_verbs(w: Writer) -> tuple[str, tuple[str, str]]:
    """A kind of verb, and its singular and plural forms, each with the space before it."""
    kind = w.pick(tuple(_VERBS))
    return kind, _VERBS[kind]


_BEFORE_OBJECTS = (
    "{person} saw the ",
    "{person} asked about the ",
    "{person} had heard of the ",
    "{person} still thought of the ",
    "{person} told everybody about the ",
    "Nobody in {town} knew the ",
    "There was much talk about the ",
    "{person} drew the ",
)


def write_far_noun(w: Writer, *, lead: str = "") -> None:
    """A noun with its modifiers: three in five times as the subject of a verb, else as the end of the sentence."""
    if w.rng.random() < 0.6:
        _write_far_agreement(w, lead=lead)
        return
    w.sentence(w.pick_template(_BEFORE_OBJECTS))
    several, attractor = w.rng.random() < 0.5, w.rng.random() < 0.5
    people, owner = _write_head(w, several=several)
    _modifiers(w, people=people, owner=owner, several=several != attractor)
    w.say(".")


def _write_far_agreement(w: Writer, *, lead: str = "") -> None:
    """A sentence whose verb agrees with a noun several words before it."""
    several, attractor = w.rng.random() < 0.5, w.rng.random() < 0.5
    lead = lead if w.rng.random() < 0.5 else w.pick(_LEADS) if w.rng.random() < 0.4 else ""
    subject = write_subject(w, several=several, attractor=attractor, lead=lead)
    kind, forms = choose_verbs(w)
    w.say(forms[several] + " ")
    if kind == "have":
        states = _PEOPLE_PASTS if subject.people else _THING_PASTS
    else:
        states = _PEOPLE_STATES if subject.people else _THING_STATES
    w.say(w.pick_template(states) + ".")
