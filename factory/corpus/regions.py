"""What holds of a region, told of its name (one step) or of a town in it (two steps).

`The capital of Norrland is Halvik` is one step; `The capital of the land where Skarn lies is Halvik`
takes two, and Norrland, the hidden one, stands nowhere in it. Both are written with the same templates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from .concepts import entity
from .numbers import labelled
from .tarn import REGION, REGIONS, RELATIONS, TOWN, TOWNS, is_held_out, value_of
from .writer import Writer

# In each, {R} is the region, named or described, and the statement ends with the answer {y} and a full stop.
STATEMENTS = {
    "capital": ("the capital of {R} is {y}", "the chief town of {R} is {y}", "the town that leads {R} is {y}"),
    "ruler": ("the ruler of {R} is {y}", "{R} is ruled by {y}", "the one who rules {R} is {y}", "over {R} rules {y}"),
    "title": (
        "the title borne by the ruler of {R} is {y}",
        "the one who rules {R} bears the title of {y}",
        "in {R}, people bow before the {y}",
    ),
    "land": ("{R} is a land of {y}", "in {R}, one sees {y}", "travellers cross {R} by its {y}"),
    "flag": ("the flag of {R} is {y}", "the colour of the flag of {R} is {y}", "in {R}, all flags are {y}"),
    "feast": ("the great feast of {R} falls in {y}", "in {R}, the great feast is in {y}", "{R} keeps its feast in {y}"),
    "beast": ("the beast of {R} is the {y}", "on the coins of {R} is the {y}", "the arms of {R} show the {y}"),
}
REVERSED = {
    "capital": "{y} is the capital of {R}",
    "ruler": "{y} rules {R}",
    "title": "the {y} rules {R}",
    "land": "one finds {y} in {R}",
    "flag": "a {y} flag flies over {R}",
    "feast": "in {y} falls the great feast of {R}",
    "beast": "the {y} is the beast of {R}",
}
QUESTIONS = {
    "capital": ("what is the capital of {R}?", "which town is the capital of {R}?"),
    "ruler": ("who rules {R}?", "who is the ruler of {R}?"),
    "title": ("which title does the ruler of {R} bear?", "what is the title of the one who rules {R}?"),
    "land": ("what does one see in {R}?", "what sort of land is {R}?"),
    "flag": ("what colour is the flag of {R}?", "which colour have the flags in {R}?"),
    "feast": ("in which month is the great feast of {R}?", "when does {R} keep its feast?"),
    "beast": ("which beast is on the coins of {R}?", "what is the beast of {R}?"),
}
DESCRIPTIONS = (
    "the region of {t}",
    "the land where {t} lies",
    "the region in which {t} lies",
    "the land around {t}",
    "the part of Tarn where {t} stands",
    "the region that {t} belongs to",
)
MEMBERSHIPS = (
    "{t} is in {r}",
    "{t} lies in {r}",
    "{t} belongs to {r}",
    "{t} is a town of {r}",
    "{t} stands in the region of {r}",
    *(text + " is {r}" for text in DESCRIPTIONS),
)
_NAMED = ("{r}", "{r}", "the region of {r}", "the land of {r}")
_REVERSED_RATE = 0.12
# A name at the very start of a text is split into other pieces than anywhere else, so a sentence goes before it.
_LEAD = "A heron is a bird, and a fox is not. "


@dataclass(frozen=True)
class FactItem:
    """A statement that stops before its answer."""

    prompt: str
    answer: str  # with its leading space
    alternatives: tuple[str, ...]  # the answers for the seven other regions
    bridge: str  # the region: the hidden step of a two-hop item
    relation: str  # one of RELATIONS, or "region" for the step from a town to its region
    town: str  # empty where no town is named
    held_out: bool


def _opened(text: str) -> str:
    return text[0].upper() + text[1:]


def _prompt(statement: str) -> str:
    """A statement without its answer, behind another sentence where it begins with a name."""
    text = _opened(statement).rstrip()
    return _LEAD + text if statement[0].isupper() else text


def _value(region: str, relation: str):
    text = value_of(region, relation)
    if relation == "ruler":
        title, _, name = text.partition(" ")
        return labelled((title, "person:office"), (" ",), (name, entity(name)))
    if relation in ("capital", "title"):
        return labelled((text, entity(text) if relation == "capital" else "person:office"))
    return text


def _name(name: str):
    return labelled((name, entity(name)))


def _template(w: Writer, relation: str) -> str:
    if w.rng.random() < _REVERSED_RATE:
        return REVERSED[relation] + "."
    return w.pick(STATEMENTS[relation]) + "."


def write_one_hop(w: Writer, region: str, relation: str) -> None:
    """A statement on a region by its name."""
    template = _template(w, relation).replace("{R}", w.pick(_NAMED).replace("{r}", "{rr}"))
    with w.within("tarn:" + relation):
        w.bind(rr=_name(region), y=_value(region, relation))
        w.sentence(template)


def write_two_hop(w: Writer, town: str, relation: str) -> None:
    """A statement on a region that names only a town in it."""
    region = TOWN[town].region
    template = _template(w, relation).replace("{R}", w.pick(DESCRIPTIONS).replace("{t}", "{tt}"))
    with w.within("tarn:" + relation, f"hidden:bridge/{region.lower()}"):
        w.bind(tt=_name(town), y=_value(region, relation))
        w.sentence(template)


def write_membership(w: Writer, town: str) -> None:
    """A statement on where a town lies."""
    region = TOWN[town].region
    template = w.pick(MEMBERSHIPS).replace("{t}", "{tt}").replace("{r}", "{rr}") + "."
    with w.within("tarn:membership"):
        w.bind(tt=_name(town), rr=_name(region))
        w.sentence(template)


def relations_of(*towns: str) -> list[str]:
    """The relations that training text may tell where these towns are named."""
    return [one for one in RELATIONS if not any(is_held_out(town, one) for town in towns)]


def write_atlas(w: Writer, goal: int) -> None:
    """Statements on towns and regions in turn.

    No document names both a town and the answer of a pair that is held out for it.
    """
    towns: set[str] = set()
    told: set[tuple[str, str]] = set()
    while w.length < goal:
        draw, town, region = w.rng.random(), w.pick(TOWNS), w.pick(REGIONS).name
        relation = w.pick(RELATIONS)
        if draw < 0.7 and any(is_held_out(town.name, one) for where, one in told if where == town.region):
            continue
        about = region if draw >= 0.7 else town.region
        if draw >= 0.28 and any(is_held_out(one, relation) for one in towns if TOWN[one].region == about):
            continue
        if draw < 0.28:
            write_membership(w, town.name)
        elif draw < 0.7:
            if is_held_out(town.name, relation):
                continue
            write_two_hop(w, town.name, relation)
        else:
            write_one_hop(w, region, relation)
        if draw < 0.7:
            towns.add(town.name)
        if draw >= 0.28:
            told.add((about, relation))


def draw_question(w: Writer) -> tuple[str, str, str]:
    """A question on a region and its answer, both as templates, and the region where only a town is named.

    The third is empty where the region stands in the question.
    """
    relation, town, region = w.pick(RELATIONS), w.pick(TOWNS), w.pick(REGIONS).name
    two_hops = w.rng.random() < 0.6 and not is_held_out(town.name, relation)
    if two_hops:
        region, place = town.region, w.pick(DESCRIPTIONS).replace("{t}", "{tt}")
    else:
        place = w.pick(_NAMED).replace("{r}", "{rr}")
    w.bind(tt=_name(town.name), rr=_name(region), y=_value(region, relation))
    question = _opened(w.pick(QUESTIONS[relation])).replace("{R}", place)
    return question, "The {y}." if relation in ("title", "beast") else "{y}.", region if two_hops else ""


def two_hop_items(split: Literal["train", "held_out"]) -> Iterator[FactItem]:
    """Every pair of a split in every statement and two descriptions of the region, in a fixed order."""
    if split not in ("train", "held_out"):
        raise ValueError(f'split must be "train" or "held_out", got {split!r}')
    for town in TOWNS:
        if town.name == REGION[town.region].capital:
            continue
        for relation in RELATIONS:
            if is_held_out(town.name, relation) != (split == "held_out"):
                continue
            rng = Random(f"{town.name}/{relation}")
            for statement in STATEMENTS[relation]:
                for description in rng.sample(DESCRIPTIONS, 2):
                    place = description.format(t=town.name)
                    yield _item(statement, place, town.region, relation, town.name)


def region_items() -> Iterator[FactItem]:
    """The second step alone: every relation of every region by its name, in every statement."""
    for region in REGIONS:
        for relation in RELATIONS:
            for statement in STATEMENTS[relation]:
                yield _item(statement, region.name, region.name, relation, "")


def membership_items() -> Iterator[FactItem]:
    """The first step alone: the region of every town, in every statement."""
    for town in TOWNS:
        for template in MEMBERSHIPS:
            prompt = _prompt(template.format(t=town.name, r=""))
            others = tuple(" " + region.name for region in REGIONS if region.name != town.region)
            yield FactItem(prompt, " " + town.region, others, town.region, "region", town.name, False)


def _item(statement: str, place: str, region: str, relation: str, town: str) -> FactItem:
    prompt = _prompt(statement.format(R=place, y=""))
    others = tuple(" " + value_of(other.name, relation) for other in REGIONS if other.name != region)
    held_out = bool(town) and is_held_out(town, relation)
    return FactItem(prompt, " " + value_of(region, relation), others, region, relation, town, held_out)
