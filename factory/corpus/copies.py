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
_ONCE = 0.4  # share of lists that do not come again

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
    "small": (
        ("The pupil wrote at random: ", "The teacher read: "),
        ("Small words to spell: ", "Spelled: "),
        ("Torn from the page: ", "Glued again: "),
        ("The words in the hat were ", "They came out as "),
        ("{name} typed without looking: ", "{name2} typed the same: "),
    ),
    "spell": (
        ("The spell goes ", "Once more: "),
        ("The stone says ", "The other stone says "),
        ("In a strange tongue she sang ", "and he sang after her "),
        ("The parrot cried ", "Then it cried again "),
        ("{name} dreamed the words ", "{name2} read them on the wall: "),
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


# Words of every kind but names and things, as they stand in running text.
_SMALL = """
    the a an of and or but to in on at by for from with near under over behind before after until into is was are were be
    had has have did do not no never nobody he she they it his her their its him them who which what when where why how
    there then this that these those so if because although very too again still only every some many more most
    said went came saw took gave found made left told asked sold bought lost kept put ran slept ate two three four six
    seven nine 1 2 3 4 5 6 7 8 9 first last next old new small great white red you your I my me we our us will would can
    could must should Yes No The A In On It He She They There Nobody return print def if else""".split()

_ONSETS = "b bl br c ch cl cr d dr f fl fr g gl gr h j k kn l m n p ph pl pr qu r s sc sh sk sl sm sn sp st t th tr v w wh y z"
_VOWELS = "a ai au e ea ee ei i ia ie o oa oi oo ou u y"
_CODAS = "b ck d ft g l lk ll lt m mp n nd ng nt p r rd rk rm rn rt s sh sk st t th x"


def _draw_spell(rng: Random) -> str:
    """A word of one to three syllables that means nothing, so that only its first telling tells it."""
    syllables = (
        rng.choice(_ONSETS.split()) + rng.choice(_VOWELS.split()) + (rng.choice(_CODAS.split()) if closed else "")
        for closed in rng.choices((True, False), k=1 + int(rng.random() * 3))
    )
    word = "".join(syllables)
    return word.capitalize() if rng.random() < 0.3 else word


def _draw_items(rng: Random, sort: str, count: int) -> list[str]:
    if sort == "spell":
        return list({_draw_spell(rng): None for _ in range(count)})
    table = {"name": _names(), "word": _vocabulary(), "sign": _SIGNS, "small": _SMALL}[sort]
    return rng.sample(table, count)


def _write_items(w: Writer, one: "_List") -> tuple[int, ...]:
    starts = []
    for place, item in enumerate(one.items):
        if place:
            w(one.separator)
        starts.append(w.length)
        if place < len(_PLACES):
            with w.within(f"hidden:{_PLACES[place]}_item"):
                w(item)
        else:
            w(item)
    return tuple(starts)


class _List(NamedTuple):
    items: tuple[str, ...]
    separator: str
    before: str  # what stands before the first telling
    again: str  # and before the second


def _draw_list(w: Writer, kind: str) -> _List:
    sort = w.pick(("name", "word", "word", "small", "small", "small", "spell", "spell", "sign"))
    most, least = {"near": (8, 4), "far": (12, 5), "run": (26, 16)}[kind]
    items = _draw_items(w.rng, sort, least + int(w.rng.random() * (most - least + 1)))
    separator = " " if kind == "run" or sort in ("sign", "spell", "small") else w.pick((", ", ", ", " ", " and "))
    if kind == "far" and separator == " and ":
        separator = ", "
    before, again = w.pick(_CALLS[sort])
    name, name2 = w.rng.sample(_names(), 2)
    return _List(tuple(items), separator, before.replace("{name}", name), again.replace("{name2}", name2))


def _write_list(w: Writer, one: _List) -> tuple[int, ...]:
    w(one.before)
    starts = _write_items(w, one)
    w(".")
    return starts


def _write_copy(w: Writer, kind: str) -> Copy:
    one = _draw_list(w, kind)
    first = _write_list(w, one)
    if kind == "far":
        for _ in range(2 + int(w.rng.random() * 4)):
            w.sentence("{scene}")
    w(" ")
    w(one.again)
    with w.within("structure:copied"):
        second = _write_items(w, one)
    w(".")
    return Copy(one.items, first, second, kind)


def write_copy(w: Writer, goal: int) -> None:
    """Lists one after the other, most of them said twice."""
    w.focus("they")
    while w.length < goal:
        if w.rng.random() < _ONCE:
            _write_list(w, _draw_list(w, w.pick(KINDS)))
            w.sentence("{scene}")
        else:
            _write_copy(w, w.pick(("near", "near", "far", "far", "run")))
        w("\n")


def copy_items(seed: int, count: int, *, kind: str) -> Iterator[CopyItem]:
    """Copies of one kind, each from a document of its own, cut before a later item of the list.

    The items of a list are letters, digits, names, words, small words or spells, sampled for each list.
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
