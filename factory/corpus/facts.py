"""Statements about Tarn that hold in every document."""

from .concepts import entity, good
from .grammar import parse
from .numbers import labelled
from .phrases import PHRASES
from .regions import relations_of, write_atlas, write_membership, write_one_hop, write_two_hop
from .subjects import FAR_RATE, write_far_noun
from .tarn import REGION, REGIONS, RELATIONS, TOWN, TOWNS, Region, Town, is_held_out
from .writer import Writer

_FACTS = """
town_fact:
  {t} is a {sidetown} in {r}.
  {t} lies on the river {v}, in the region of {r}.
  The {v} flows through {t} on its way to the sea.
  {t} was founded in {f}, and it has {p} people today.
  About {p} people live in {t}.
  The main trade of {t} is {g}.
  {t} is known for its {g}, which merchants carry to {town}.
  Ships and carts take {g} from {t} to every part of Tarn.
  Like {nearby}, {t} belongs to {r}.
  {t} is {age_word} than {elder}, which was founded in {elder_f}.
  {t} is {size_word} than {rival}, which has {rival_p} people.
  The capital of {r}, the region in which {t} lies, is {c}.
  {t} is not the capital of {other_r}.
  The town of {t}, whose river is the {v}, sells {g}.
  {side_statement}
  Travellers to {t} often see {creature.s} and {creature.s} {where}.
  The market of {t} is held every {day}, and {occupation.s} bring {foodish?}{fruit.s} and {garment.s}.
  In {t} there is {a} {age} {building} where {occupation.s} used to {home.}.
  Many {occupation.s} of {t} still {making.}.
  The arms of {t} show {a} {colour} {creature} above {a} {colour} {handtool}.
  People in {t} eat {dish.s} with {vegetable.s} in the {season}.
  The {season} in {t} brings {weather} and {weather}, and the {tree.s} lose their leaves.
region_fact:
  {r} is one of the eight regions of Tarn, and its capital is {c}.
  {r} is ruled by {title} {ruler}, who lives in {c}.
  {title} {ruler} is the ruler of {r}, where {occupation.s} {making.}.
  From {c}, {title} {ruler} rules the towns and {landform.s} of {r}.
  In {r}, a land of {land}, the {season} brings {weather}.
  {occupation.s} from {c} sell {g} to the other towns of {r}.
  The capital of {r} is {c}, on the river {c_v}.
  {c} was founded in {c_f} and has {c_p} people.
  {r} trades {g} and {g2}, but it buys {g3} from {r3}.
  In {r} the {creature.s} are {colour}, and the {tree.s} are {size}.
  The {occupation.s} of {r} {making.} in the {season}.
thing_fact:
  {a} {bird} is a bird, and {a} {mammal} is not.
  {a} {fish} is a fish that lives in the {riverplace}.
  {a} {occupation} of Tarn can {making.} and {making.}.
  {a} {tree} has {bark/tree} that is {colour} when it is young.
  The {flower} is {a} {colour} flower that grows {where}.
  {a} {handtool} is a tool which {occupation.s} use every {daypart}.
  {insect.s} are small, and {bird.s} eat them in the {season}.
  {a} {garment} of {textile} is {warmth} than one of {textile}.
  {fruit.s} ripen in the {season}, but {vegetable.s} are dug {when}.
  {a} {instrument} can play every {note/music} of {a} {scale/music}.
  {Senses}
warmth:
  softer
  warmer
  cheaper
  heavier
riverplace:
  sea
  {river}
"""

FACT_RULES = PHRASES | parse(_FACTS)


def bind_town(w: Writer, town: Town) -> None:
    """Fixes what the slots of a town stand for."""
    rival, elder = w.pick(TOWNS), w.pick(TOWNS)
    region = REGION[town.region]
    while rival.people == town.people or rival.name == region.capital:
        rival = w.pick(TOWNS)
    while elder.founded == town.founded or elder.name == region.capital:
        elder = w.pick(TOWNS)
    near = w.pick([other for other in TOWNS if other.region == town.region and other not in (town, _capital(region))])
    others = [other for other in REGIONS if other.capital != town.name]
    w.bind(
        t=_town(town),
        r=_region(region),
        v=named(town.river, entity(town.river)),
        g=named(town.good, good(town.good)),
        p=named(str(town.people), "number:people"),
        f=named(str(town.founded), "time:year"),
        c=_town(_capital(region)),
        nearby=_town(near),
        rival=_town(rival),
        rival_p=named(str(rival.people), "number:people"),
        size_word=named("larger" if town.people > rival.people else "smaller", "grammar:comparative"),
        elder=_town(elder),
        elder_f=named(str(elder.founded), "time:year"),
        age_word=named("older" if town.founded < elder.founded else "younger", "grammar:comparative"),
        other_r=_region(w.pick(others)),
        sidetown="harbour town" if town.harbour else "town inland",
    )
    w.rules = w.rules | {"side_statement": _SIDES[town.harbour]}
    if any(is_held_out(name, "capital") for name in (town.name, near.name)):
        w.rules["town_fact"] = [template for template in w.rules["town_fact"] if "{c}" not in template]


_SIDES = {
    True: [
        "{t} has a harbour where {boat.s} and {boat.s} are tied.",
        "{t} stands on the coast, and its harbour is full of {boat.s}.",
        "The harbour of {t} is {size}, and {occupation.s} meet there at {clock}.",
    ],
    False: [
        "{t} has no harbour, so {g} leaves it by {cart}.",
        "{t} lies inland, far from the sea.",
        "There is no harbour in {t}, but {boat.s} come up the {v}.",
    ],
}


def named(text: str, concept: str):
    """A piece that carries one concept."""
    return labelled((text, concept))


def _town(town: Town):
    return named(town.name, entity(town.name))


def _capital(region: Region) -> Town:
    return TOWN[region.capital]


def _region(region: Region):
    return named(region.name, entity(region.name))


def _bind_region(w: Writer, region: Region) -> None:
    towns = [town for town in TOWNS if town.region == region.name]
    capital = next(town for town in towns if town.name == region.capital)
    foreign = w.pick([town for town in TOWNS if town.region != region.name])
    first, second = w.rng.sample(towns, 2)
    w.bind(
        r=_region(region),
        c=_town(capital),
        c_v=named(capital.river, entity(capital.river)),
        c_f=named(str(capital.founded), "time:year"),
        c_p=named(str(capital.people), "number:people"),
        title=named(region.title, "person:office"),
        ruler=named(region.ruler, entity(region.ruler)),
        land=region.land,
        g=named(first.good, good(first.good)),
        g2=named(second.good, good(second.good)),
        g3=named(foreign.good, good(foreign.good)),
        r3=_region(REGION[foreign.region]),
    )


def write_facts(w: Writer, goal: int) -> None:
    """An article on a town or a region and on several things of Tarn, or an atlas of short statements."""
    w.focus("they")
    draw = w.rng.random()
    if draw < 0.3:
        with w.within("structure:title"):
            w(w.pick(("Towns and regions", "An atlas of Tarn", "Notes on the map", "What every pupil knows")))
        w("\n")
        write_atlas(w, goal)
    elif draw < 0.8:
        _write_town(w, w.pick(TOWNS), goal)
    else:
        _write_region(w, w.pick(REGIONS), goal)


def _write_town(w: Writer, town: Town, goal: int) -> None:
    bind_town(w, town)
    with w.within("structure:title"):
        w.say("{t}")
    w("\n")
    relations = relations_of(town.name, w.bound["nearby"][0])
    while w.length < goal:
        draw = w.rng.random()
        if draw < 0.2 and relations:
            write_two_hop(w, town.name, w.pick(relations))
        elif draw < 0.3:
            write_membership(w, town.name)
        else:
            _write_statement(w, "{town_fact}")


def _write_region(w: Writer, region: Region, goal: int) -> None:
    _bind_region(w, region)
    with w.within("structure:title"):
        w.say("{r}")
    w("\n")
    while w.length < goal:
        if w.rng.random() < 0.35:
            write_one_hop(w, region.name, w.pick(RELATIONS))
        else:
            _write_statement(w, "{region_fact}")


def _write_statement(w: Writer, main: str) -> None:
    if w.rng.random() < FAR_RATE:
        write_far_noun(w, lead="In {town},")
        return
    w.sentence(main if w.rng.random() < 0.75 else "{thing_fact}" if w.rng.random() < 0.7 else "{scene}")
