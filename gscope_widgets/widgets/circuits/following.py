"""What is marked on one graph, on the next."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gscope_widgets.records.circuits import AttributionGraph
from gscope_widgets.widgets.base.limits import GROUPS, PINNED_NODES
from gscope_widgets.widgets.circuits.homes import Away, AwayGroup, Home, find_again
from gscope_widgets.widgets.circuits.marks import Marks

Key = str | int  # a mark: its id on the graph before, or the number of one that was away there
Listed = tuple[str, list[Key]]  # a group


def follow_marks(marks: Marks, before: AttributionGraph | None, after: AttributionGraph) -> tuple[Marks, str]:
    """What is marked in another graph, and a sentence on pins that moved, went or came back; see `find_again`.

    Each is looked for from where it was marked, whatever graphs came between: a text that comes back has all its own.
    What a graph has not is away until one comes that has it, or the reader unpins all.
    """
    active = dict.fromkeys((*marks.pinned, *(id_ for one in marks.groups for id_ in one["nodes"])))
    away = () if marks.homes and not active else marks.away
    homes: dict[Key, Home | None] = {id_: _find_home(marks, id_, before) for id_ in active}
    homes |= {at: one.home for at, one in enumerate(away)}
    if before is after:
        places: dict[Key, str] = {id_: id_ for id_ in active if id_ in after.places}
    else:
        places = _find_places(homes, after)
    pins = _put_back(marks.pinned, [(one.pin, at) for at, one in enumerate(away) if one.pin is not None])
    groups = _list_groups(marks.groups, away)
    pins += [at for at, one in enumerate(away) if one.pin is None and not any(at in keys for _, keys in groups)]
    for keys in (pins, [key for _, listed in groups for key in listed]):  # what there is no room for stays away
        there = [key for key in keys if key in places]
        for key in [key for key in there if isinstance(key, int)][: max(0, len(there) - PINNED_NODES)]:
            del places[key]
    selected = None
    if marks.selected is not None:
        home = _find_home(marks, marks.selected, before)
        selected = _find_places({marks.selected: home}, after).get(marks.selected)
    kept = Marks(
        tuple(places[key] for key in pins if key in places),
        tuple(
            {"label": label, "nodes": nodes}
            for label, keys in groups
            if (nodes := [places[key] for key in keys if key in places])
        )[:GROUPS],
        selected,
        homes={id_: homes[key] or Home.of(after, id_) for key, id_ in places.items()},
        away=tuple(
            Away(home, pins.index(key) if key in pins else None, _describe_group(key, groups, places))
            for key, home in homes.items()
            if home is not None and key not in places
        ),
    )
    return kept, _write_moves(homes, places, after)


def _find_home(marks: Marks, id_: str, before: AttributionGraph | None) -> Home | None:
    """Where a node was marked; None for one that is of the graph to come."""
    if before is None or id_ in marks.fresh or id_ not in before.places:
        return None
    return marks.homes.get(id_) or Home.of(before, id_)


def _find_places(homes: Mapping[Key, Home | None], graph: AttributionGraph) -> dict[Key, str]:
    """The id of each mark in the graph, as far as it has them; no two have one."""
    found = {}
    for key, home in homes.items():
        found[key] = [str(key)] * (key in graph.places) if home is None else find_again(home, graph)
    places: dict[Key, str] = {}
    is_still = {key: ids[:1] == [key if (home := homes[key]) is None else home.id] for key, ids in found.items()}
    for key in sorted(found, key=lambda key: not is_still[key]):  # what moved takes no other's place
        free = (id_ for id_ in found[key] if id_ not in places.values())
        if (id_ := next(free, None)) is not None:
            places[key] = id_
    return places


def _put_back(held: Iterable[Any], taken: Iterable[tuple[int, Any]]) -> list[Any]:
    """A list with what was taken out of it, each at its place again."""
    whole = list(held)
    for at, one in sorted(taken, key=lambda each: each[0]):
        whole.insert(at, one)
    return whole


def _list_groups(groups: Sequence[Mapping[str, Any]], away: Sequence[Away]) -> list[Listed]:
    """The groups with what of them is away: beside their mates, under whatever label these are by now.

    A group that is away whole is there by its own label; what was in one that the reader took apart is in none.
    """
    joined: list[list[tuple[int, Key]]] = [[] for _ in groups]
    labels = [one["label"] for one in groups]
    whole: dict[str, tuple[int, list[tuple[int, Key]]]] = {}
    for key, group in enumerate(one.group for one in away):
        if group is None:
            continue
        mine = [at for at, one in enumerate(groups) if group.mates & set(one["nodes"])]
        if not group.mates and group.label in labels:
            mine = [labels.index(group.label)]
        if mine:
            joined[mine[0]].append((group.place, key))
        elif not group.mates:
            whole.setdefault(group.label, (group.at, []))[1].append((group.place, key))
    held = [(one["label"], _put_back(one["nodes"], taken)) for one, taken in zip(groups, joined, strict=True)]
    return _put_back(held, [(at, (label, _put_back((), taken))) for label, (at, taken) in whole.items()])


def _describe_group(key: Key, groups: Sequence[Listed], places: Mapping[Key, str]) -> AwayGroup | None:
    for at, (label, keys) in enumerate(groups):
        if key in keys:
            return AwayGroup(label, at, keys.index(key), frozenset(places[one] for one in keys if one in places))
    return None


def _write_moves(homes: Mapping[Key, Home | None], places: Mapping[Key, str], graph: AttributionGraph) -> str:
    """What became of pins, in sentences."""
    moved = [key for key, home in homes.items() if isinstance(key, str) and places.get(key, key) != key
             and not (home is not None and home.is_of(graph))]  # fmt: skip
    gone = [home for key, home in homes.items() if isinstance(key, str) and key not in places]
    known, unknown, back = len(gone) - gone.count(None), gone.count(None), sum(isinstance(key, int) for key in places)
    said = []
    if moved:
        said.append(f"{_count(len(moved), 'stands', 'stand')} at another position now.")
    if known:
        said.append(f"{_count(known, 'is', 'are')} not in this graph, and unpinned until {_say(known)}.")
    if unknown:
        said.append(f"{_count(unknown, 'is', 'are')} not in this graph, and unpinned.")
    if back:
        said.append(f"{_count(back, 'is', 'are')} back.")
    return " ".join(said)


def _count(count: int, one: str, many: str) -> str:
    return f"{count} pinned {f'node {one}' if count == 1 else f'nodes {many}'}"


def _say(count: int) -> str:
    return "it is" if count == 1 else "they are"
