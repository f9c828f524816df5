"""Pins and groups of a graph's file, which readers write by hand too: what is taken, and what is not."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from gscope_widgets.errors import describe_value
from gscope_widgets.records.circuits import NodeGroup
from gscope_widgets.widgets.base.limits import GROUP_LABEL, GROUPS, PINNED_NODES

_TOLD = 3  # of those left out are named


class FileMarks(NamedTuple):
    """What a file marks on its graph."""

    pinned: tuple[int, ...]
    groups: tuple[NodeGroup, ...]
    left_out: tuple[str, ...]  # what the file has beyond that, in sentences without a full stop


def read_marks(told: Any, where: Mapping[str, int]) -> FileMarks:
    """Pins and groups, as far as their nodes are in the file and in no group before, and as many as are kept.

    Every group gets a name of its own.

    Args:
        told: the file's `qParams`, whatever that is.
        where: nodes by id.
    """
    if told is not None and not isinstance(told, Mapping):
        return FileMarks((), (), (f"qParams is {describe_value(told)}, no object with pins and groups",))
    marks, lost = told or {}, list[str]()
    pinned = _read_pins(marks.get("pinnedIds"), where, lost)
    listed = marks.get("supernodes")
    if listed is not None and not isinstance(listed, list):
        lost.append(f"supernodes is {describe_value(listed)}, no list of groups")
        listed = None
    return FileMarks(pinned, _read_groups(listed or [], where, lost), tuple(lost))


def _read_pins(told: Any, where: Mapping[str, int], lost: list[str]) -> tuple[int, ...]:
    if isinstance(told, str):  # as in the address of a viewer's page
        told = [one for each in told.split(",") if (one := each.strip())]
    if told is not None and not isinstance(told, list):
        lost.append(f"pinnedIds is {describe_value(told)}, no list of ids")
        told = None
    found = dict.fromkeys(where[one] for one in told or () if isinstance(one, str) and one in where)
    lost += count_lost(
        "of its pins {} that no node has", [one for one in told or () if not isinstance(one, str) or one not in where]
    )
    if len(found) > PINNED_NODES:
        lost.append(f"of {len(found)} pins the first {PINNED_NODES} are kept")
    return tuple(found)[:PINNED_NODES]


def _read_groups(listed: Sequence[Any], where: Mapping[str, int], lost: list[str]) -> tuple[NodeGroup, ...]:
    groups: list[NodeGroup] = []
    taken, names = set[int](), set[str]()
    odd, unknown, twice, empty, beyond, cut, renamed = (list[Any]() for _ in range(7))
    for one in listed:
        if not isinstance(one, list) or not one or not isinstance(one[0], str):
            odd.append(one)
            continue
        label, ids = one[0], one[1:]
        known = {where[name]: name for name in ids if isinstance(name, str) and name in where}
        unknown += [name for name in ids if not isinstance(name, str) or name not in where]
        nodes = set(known) - taken
        twice += [known[node] for node in known if node in taken]
        if not nodes:
            empty.append(label)
            continue
        if len(groups) == GROUPS or len(taken | nodes) > PINNED_NODES:
            beyond.append(label)
            continue
        taken |= nodes
        if len(label) > GROUP_LABEL:
            cut.append(label)
        label = label[:GROUP_LABEL].strip() or "group"
        if label in names:
            renamed.append(label)
            label = next(made for at in count(2) if (made := f"{label[: GROUP_LABEL - 4].strip()} {at}") not in names)
        names.add(label)
        groups.append(NodeGroup(label, tuple(sorted(nodes))))
    lost += count_lost("in supernodes {} that are no lists of a label and ids", odd, "part")
    lost += count_lost("in its groups {} that no node has", unknown)
    lost += count_lost("{} in two groups, which stay in the first", twice)
    lost += count_lost("{} without a node that could be kept", empty, "group")
    lost += count_lost(
        f"{{}} beyond the {GROUPS} groups of {PINNED_NODES} nodes together that are kept", beyond, "group"
    )
    lost += count_lost(f"{{}} cut to {GROUP_LABEL} characters", cut, "label")
    lost += count_lost("{} of another group too, which got a number", renamed, "label")
    return tuple(groups)


def count_lost(words: str, found: Sequence[Any], noun: str = "id") -> tuple[str, ...]:
    """What became of some ids or labels: how many, and the first; nothing of none.

    Args:
        words: with a place for them, {}.
    """
    if not found:
        return ()
    few = ", ".join(describe_value(one) for one in found[:_TOLD])
    more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return (words.format(f"{len(found)} {noun}{'s' if len(found) > 1 else ''} ({few}{more})"),)
