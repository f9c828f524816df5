"""A clerk's notes of what lies within what: brackets of four kinds, up to three deep."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from .phrases import PHRASES
from .writer import Writer

BRACKETS = {"round": ("(", ")"), "square": ("[", "]"), "curly": ("{", "}"), "angle": ("<", ">")}
_KINDS = tuple(BRACKETS)
DEPTHS = 3

_LEADS = (
    "Shelf {n}:",
    "Crate {n}:",
    "Cellar, row {n}:",
    "Box {n}",
    "Packed on day {n}:",
    "{n}.",
    "Chest {n} of the ship:",
)
_WORDS = (
    "{colour}",
    "{size}",
    "{fruit}",
    "{vegetable}",
    "{handtool}",
    "{garment}",
    "{keepsake}",
    "{bird}",
    "{material}",
)
_PHRASES = (
    "{athing}",
    "{athing} {where}",
    "from {town}",
    "for {price}",
    "sold {when}",
    "{name} was {feeling}",
    "{person} {home.ed}",
    "{manner} made",
    "not {colour} but {colour}",
    "to be {texture}",
    "opened at {clock}",
    "they [lose:ed] {athing}",
    "she [find:ed] it {where}",
    "who [take:ed] it?",
    "mended by {person}",
    "with {a} {container} of {staple}",
)
_PAIRS = (
    "{colour} {garment}",
    "{numword} {fruit.s}",
    "{size} {container}",
    "{n} {handtool.s}",
    "{material} {keepsake}",
)


class Closer(NamedTuple):
    """A closing bracket: where it stands, its kind, how many were open, and the kinds around it."""

    at: int
    kind: str
    depth: int
    outer: tuple[str, ...]


@dataclass(frozen=True)
class NestingItem:
    """A note that stops before a closing bracket."""

    prompt: str
    answer: str  # with its leading space
    alternatives: tuple[str, ...]  # the other closers
    kind: str  # the hidden step: which bracket is open
    depth: int  # 1 to 3: brackets open at the end of the prompt
    outer: tuple[str, ...]  # kinds of the brackets around it, outermost first


def _write_words(w: Writer) -> None:
    for place in range(1 + int(w.rng.random() * 3)):
        if place:
            w(" ")
        draw = w.rng.random()
        w.say(w.pick(_PHRASES if draw < 0.4 else _WORDS if draw < 0.8 else _PAIRS))


def _write_group(w: Writer, outer: tuple[str, ...], deepest: int, closers: list[Closer]) -> None:
    kind, depth = w.pick(_KINDS), len(outer) + 1
    opening, closing = BRACKETS[kind]
    w(opening)
    with w.within(f"hidden:depth_{depth}"), w.within(f"hidden:open_{kind}"):
        inner = 0
        w(" ")
        if depth == deepest or w.rng.random() < 0.8:
            _write_words(w)
            w(" ")
        while depth < deepest and (not inner or w.rng.random() < 0.25):
            inner += 1
            _write_group(w, (*outer, kind), deepest, closers)
            w(" ")
            if w.rng.random() < 0.6:
                _write_words(w)
                w(" ")
        closers.append(Closer(w.length - 1, kind, depth, outer))
        w(closing)


def _write_note(w: Writer, deepest: int) -> list[Closer]:
    closers: list[Closer] = []
    w(w.pick(_LEADS).replace("{n}", str(1 + int(w.rng.random() * 99))))
    w(" ")
    if w.rng.random() < 0.5:
        _write_words(w)
        w(" ")
    _write_group(w, (), deepest, closers)
    if w.rng.random() < 0.3:
        w(" ")
        _write_words(w)
    return closers


def _draw_depth(rng: Random) -> int:
    return (1, 2, 2, 3, 3, 3)[int(rng.random() * 6)]


def write_nesting(w: Writer, goal: int) -> None:
    """Notes of a store, one a line."""
    if w.rng.random() < 0.5:
        with w.within("structure:title"):
            w.say(w.pick(("What lies in the {building}", "Notes of the clerk {name}", "The store of {name} in {town}")))
        w("\n")
    while w.length < goal:
        _write_note(w, _draw_depth(w.rng))
        w("\n")


def nesting_items(seed: int, count: int, *, depth: int) -> Iterator[NestingItem]:
    """Notes cut before a closer at which exactly `depth` brackets are open, each from a note of its own."""
    rng = Random(seed)
    for _ in range(count):
        w = Writer(rng, rules=PHRASES)
        closers = _write_note(w, max(depth, _draw_depth(rng)))
        closer = w.pick([one for one in closers if one.depth == depth])
        text = w.finish("nesting").text
        yield NestingItem(
            prompt=text[: closer.at],
            answer=" " + BRACKETS[closer.kind][1],
            alternatives=tuple(" " + shut for kind, (_, shut) in BRACKETS.items() if kind != closer.kind),
            kind=closer.kind,
            depth=depth,
            outer=closer.outer,
        )
