"""Lists that come twice in a document: near, within the reach of a local layer, or far."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import NamedTuple

from .labels import WORDS
from .phrases import PHRASES
from .writer import Writer

KINDS = ("near", "far", "run")  # a run is a long list said again at once: far by its own length
_PLACES = ("first", "second", "third")

# How a list is told first and again.
_CALLS = {
    "name": (
        ("The guests: ", "Called again: "),
        ("The roll in the morning: ", "The roll in the evening: "),
        ("On the list stood ", "At the door the porter called "),
        ("The crew signed as ", "The captain read the names back: "),
        ("Invited: ", "Came: "),
        ("The runners set out in this order: ", "They came home in the same order: "),
    ),
    "word": (
        ("The order: ", "Read back: "),
        ("Say after me: ", "And the children said: "),
        ("The first verse goes ", "The second verse goes "),
        ("Packed: ", "Unpacked: "),
        ("The words of the day were ", "Once more, the words were "),
        ("{name} learned these words by heart: ", "{name2} wrote them down: "),
    ),
    "sign": (
        ("The password is ", "Again, the password is "),
        ("Write down this mark: ", "It was written down as "),
        ("The number on the crate: ", "The number on the bill: "),
        ("Signal sent: ", "Signal received: "),
        ("The key of the lock is ", "To open the lock, turn "),
    ),
}


class Copy(NamedTuple):
    """Where one list stands twice: for each item the start of its first and second occurrence."""

    items: tuple[str, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class CopyItem:
    """A document that stops before an item of a list said for the second time."""

    prompt: str
    answer: str  # with its leading space
    alternatives: tuple[str, ...]  # other items of the list
    previous: str  # the hidden step: the item whose first occurrence precedes the answer's
    first: int  # the character at which the answer's first occurrence begins
    distance: int  # words from the first occurrence of the answer to the second
    kind: str  # one of KINDS
    place: int  # of the answer in its list, from 0


@cache
def _vocabulary() -> tuple[str, ...]:
    pairs = (pair for table in WORDS.values() for pair in table)
    return tuple(sorted({text for pieces in pairs for text, _ in pieces if " " not in text}))


@cache
def _names() -> tuple[str, ...]:
    return tuple(text for text, _ in WORDS["name"][0])


_SIGNS = tuple("abcdefghijklmnopqrstuvwxyz0123456789")


def _draw_items(rng: Random, sort: str, count: int) -> list[str]:
    table = {"name": _names(), "word": _vocabulary(), "sign": _SIGNS}[sort]
    return rng.sample(table, count)


def _write_items(w: Writer, items: list[str], separator: str) -> tuple[int, ...]:
    starts = []
    for place, item in enumerate(items):
        if place:
            w(separator)
        starts.append(w.length)
        if place < len(_PLACES):
            with w.within(f"hidden:{_PLACES[place]}_item"):
                w(item)
        else:
            w(item)
    return tuple(starts)


def _write_copy(w: Writer, kind: str) -> Copy:
    sort = w.pick(("name", "name", "word", "word", "word", "sign"))
    most, least = {"near": (8, 4), "far": (12, 5), "run": (26, 16)}[kind]
    items = _draw_items(w.rng, sort, least + int(w.rng.random() * (most - least + 1)))
    separator = " " if kind == "run" or sort == "sign" else w.pick((", ", ", ", " ", " and "))
    if kind == "far" and separator == " and ":
        separator = ", "
    before, again = w.pick(_CALLS[sort])
    name, name2 = w.rng.sample(_names(), 2)
    w(before.replace("{name}", name))
    first = _write_items(w, items, separator)
    w(".")
    if kind == "far":
        for _ in range(2 + int(w.rng.random() * 4)):
            w.sentence("{scene}")
    w(" ")
    w(again.replace("{name2}", name2))
    with w.within("structure:copied"):
        second = _write_items(w, items, separator)
    w(".")
    return Copy(tuple(items), first, second, kind)


def write_copy(w: Writer, goal: int) -> None:
    """Lists said twice, one pair after the other."""
    w.focus("they")
    while w.length < goal:
        _write_copy(w, w.pick(("near", "near", "far", "far", "run")))
        w("\n")


def copy_items(seed: int, count: int, *, kind: str) -> Iterator[CopyItem]:
    """Copies of one kind, each from a document of its own, cut before a later item of the list.

    The items of a list are letters, digits, names or words drawn anew, so no sequence was ever trained on.
    """
    rng = Random(seed)
    for _ in range(count):
        w = Writer(rng, rules=PHRASES)
        w.focus("they")
        copy = _write_copy(w, kind)
        text = w.finish("copy").text
        place = 2 + int(rng.random() * (len(copy.items) - 2))
        cut = copy.second[place] - 1
        answer = text[cut : copy.second[place] + len(copy.items[place])]
        yield CopyItem(
            prompt=text[:cut],
            answer=answer,
            alternatives=tuple(" " + item for item in copy.items if item != copy.items[place]),
            previous=copy.items[place - 1],
            first=copy.first[place],
            distance=len(text[copy.first[place] : copy.second[place]].split()),
            kind=kind,
            place=place,
        )
