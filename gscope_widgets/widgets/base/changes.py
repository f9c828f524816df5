"""Changes that a reader makes to the model: interventions, each with its switch, as page and Python share them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.directions import Direction
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.interventions import (
    MAX_FACTOR,
    MAX_FRACTION,
    MAX_RAW,
    Intervention,
    build_intervention,
    require_set_once,
)
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.numbers import check_switch
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.widgets.base.formats import format_text
from gscope_widgets.widgets.base.limits import CHANGES, PAINTED_TOKENS, PRESET_NAME, PRESETS
from gscope_widgets.widgets.base.wire import ChangeRange, ChangeState, OwnDirection, PresetState, PromptTokens

Presets = Mapping[str, tuple["Change", ...]]  # by name
NO_PRESETS: Presets = MappingProxyType({})

KINDS = ("add", "clamp", "scale", "ablate")


@dataclass(frozen=True)
class Change:
    """An intervention with its switch, as `widget.changes` lists them."""

    intervention: Intervention
    on: bool = True
    painted: str = ""  # the text of the tokens of a range, by which they are known again

    @property
    def ref(self) -> FeatureRef | Direction:
        """What is changed."""
        return self.intervention.ref

    def __str__(self) -> str:
        return f"{self.intervention}{'' if self.on else ' (off)'}"


def name_direction(direction: Direction) -> str:
    """The id by which changes name a direction: the same for the same numbers at the same place."""
    place = f"{direction.site}/{direction.layer}/".encode()
    return f"direction-{hashlib.sha256(place + direction.vector.tobytes()).hexdigest()[:16]}"


def tell_directions(directions: Sequence[Direction]) -> list[OwnDirection]:
    """Directions as the page takes them."""
    return [
        {
            "id": name_direction(one),
            "name": one.name,
            "site": one.site,
            "layer": one.layer,
            "vector": [float(value) for value in one.vector],
        }
        for one in directions
    ]


def tell_changes(changes: Sequence[Change]) -> list[ChangeState]:
    """Changes as the page takes them."""
    return [_tell_change(one) for one in changes]


def _tell_change(one: Change) -> ChangeState:
    made = one.intervention
    positions: Any = made.positions
    if isinstance(positions, slice):
        positions = {"start": positions.start, "stop": positions.stop, "text": one.painted}
    ref: Any = name_direction(made.ref) if isinstance(made.ref, Direction) else made.ref
    if isinstance(ref, FeatureRef):
        ref = {"dictionary_id": ref.dictionary_id, "feature": ref.feature}
    return {
        "ref": ref,
        "kind": made.kind,  # type: ignore[typeddict-item]  # a reader makes no random ones
        "amount": made.amount,
        "unit": made.unit if made.kind == "add" else "fraction",  # as the page writes it: nothing to send back
        "positions": positions,
        "on": one.on,
    }


def tell_presets(presets: Presets) -> list[PresetState]:
    """Presets as the page takes them."""
    return [{"name": name, "changes": tell_changes(changes)} for name, changes in presets.items()]


def tell_tokens(tokens: Tokens) -> PromptTokens:
    """The tokens of a text that ranges are painted on."""
    shown = range(min(len(tokens), PAINTED_TOKENS))
    ignored = [pos for pos in tokens.ignored if pos in shown]
    return {"tokens": [tokens.strings[pos] for pos in shown], "ignored": ignored, "count": len(tokens)}


def build_range(peak: float, *, reach: float, unit: str = "fraction") -> dict[str, ChangeRange]:
    """How sliders run, by kind.

    Args:
        peak: the feature's largest known activation.
        reach: of an added direction, in mean norms.
        unit: "raw" where multiples of the unit direction are added.
    """
    top = float(f"{1.5 * peak:.2g}")
    end, most, words = (reach, MAX_FRACTION, "× mean norm") if unit == "fraction" else (100.0, MAX_RAW, "× direction")
    return {
        "clamp": _write_range(0.0, top, top / 100, rest=0.0, unit="activation", least=0.0, most=MAX_RAW),
        "scale": _write_range(-2.0, 5.0, 0.05, rest=1.0, unit="× its activation", least=-MAX_FACTOR, most=MAX_FACTOR),
        "add": _write_range(-end, end, end / 100, rest=0.0, unit=words, least=-most, most=most),
        "ablate": _write_range(0.0, 1.0, 1.0, rest=0.0, unit="", least=0.0, most=0.0),
    }


def _write_range(low: float, high: float, step: float, *, rest: float, unit: str, least: float, most: float) -> Any:
    return {"min": low, "max": high, "step": step, "rest": rest, "unit": unit, "least": least, "most": most}


def read_changes(value: object, *, find: Any, tokens: Tokens, drop: Any, require: Any) -> tuple[Change, ...]:
    """Changes as a reader gives them: interventions, `Change`s, or as the page writes them.

    Args:
        find: gives the feature or direction that the page names.
        tokens: of the text that they are made on.
        drop: called with a change whose painted tokens are no longer there; gives the change that stays.
        require: refuses interventions that the model has no place for.

    Raises:
        InvalidValue: what is wrong, in a sentence.
    """
    read = _read_list(value, find)
    made = [_place(one, tokens, drop) for one in read]
    require([one.intervention for one in made])
    try:
        _require_set_once(made, tokens)
    except InvalidValue:
        # A range that went with its text reaches further now than the reader meant it to.
        made = [
            replace(new, on=False) if old.painted and not new.painted else new
            for old, new in zip(read, made, strict=True)
        ]
        _require_set_once(made, tokens)
    return tuple(made)


def read_presets(value: object, *, find: Any, tokens: Tokens, require: Any) -> Presets:
    """Presets as a reader gives them: by name, changes as `read_changes` takes them; or as the page writes them.

    Nothing is looked up in the text but the words of ranges that have none: a preset is for other texts too.

    Raises:
        InvalidValue: what is wrong, in a sentence.
    """
    if isinstance(value, Mapping):
        named = list(value.items())
    elif isinstance(value, (list, tuple)) and all(isinstance(one, Mapping) for one in value):
        named = [(one.get("name"), one.get("changes")) for one in value]
    else:
        raise InvalidValue(f'presets are changes by name, {{"more": widget.changes}}, got {describe_value(value)}')
    if len(named) > PRESETS:
        raise InvalidValue(f"a widget keeps at most {PRESETS} presets, got {len(named)}")
    presets: dict[str, tuple[Change, ...]] = {}
    for name, changes in named:
        if not isinstance(name, str) or not 0 < len(name.strip()) <= PRESET_NAME:
            raise InvalidValue(f"a preset's name has 1 to {PRESET_NAME} characters, got {describe_value(name)}")
        if name.strip() in presets:
            raise InvalidValue(f"two presets are called {describe_value(name.strip())}; give each a name of its own")
        presets[name.strip()] = _read_preset(name.strip(), changes, find=find, tokens=tokens, require=require)
    return MappingProxyType(presets)


def _read_preset(name: str, changes: object, *, find: Any, tokens: Tokens, require: Any) -> tuple[Change, ...]:
    try:
        made = tuple(one if one.painted else _place(one, tokens, None) for one in _read_list(changes, find))
        require([one.intervention for one in made])
        _require_set_once(made, tokens)
    except InvalidValue as error:
        raise InvalidValue(f"the preset {describe_value(name)}: {error}") from None
    return made


def _read_list(value: object, find: Any) -> list[Change]:
    items = read_list(value)
    if items is None:
        raise InvalidValue(f"changes is a list such as [gs.add(ref, 0.3)], got {describe_value(value)}")
    if len(items) > CHANGES:
        raise InvalidValue(
            f"a widget takes at most {CHANGES} changes, got {len(items)}; scope.compare takes any number"
        )
    return [_read_change(item, find) for item in items]


def _require_set_once(changes: Sequence[Change], tokens: Tokens) -> None:
    require_set_once([one.intervention for one in changes if one.on], prompt_length=len(tokens))


def _read_change(item: object, find: Any) -> Change:
    if isinstance(item, Change):
        return Change(_require_plain(item.intervention), check_switch("on", item.on), item.painted)
    if isinstance(item, Intervention):
        return Change(_require_plain(item))
    if not isinstance(item, Mapping) or not {"ref", "kind", "amount"} <= set(item):
        raise InvalidValue(f"a change comes from gs.add, gs.clamp, gs.scale or gs.ablate, got {describe_value(item)}")
    positions, painted = item.get("positions", "all"), ""
    if isinstance(positions, Mapping):
        if not {"start", "stop"} <= set(positions):
            raise InvalidValue(f"a painted range has a start and a stop, got {describe_value(positions)}")
        painted = str(positions.get("text", ""))
        positions = slice(positions["start"], positions["stop"])
    unit = item.get("unit", "fraction") if item["kind"] == "add" else "fraction"
    made = build_intervention(item["kind"], find(item["ref"]), item["amount"], unit=unit, positions=positions)
    return Change(made, check_switch("on", item.get("on", True)), painted)


def _require_plain(one: Intervention) -> Intervention:
    if one.kind == "random":
        raise InvalidValue("random controls stand beside the changes by themselves; give what they are to control")
    return one


def _place(one: Change, tokens: Tokens, drop: Any) -> Change:
    """A range is of tokens of the text; its words are looked up, or are still the same."""
    positions = one.intervention.positions
    if not isinstance(positions, slice):
        return one
    start, stop, step = positions.start or 0, positions.stop, positions.step
    is_inside = stop is not None and step in (None, 1) and start < stop <= len(tokens)
    words = "".join(tokens.strings[start:stop]) if is_inside else ""
    if one.painted and words != one.painted:
        dropped: Change = drop(one)
        return dropped
    if not is_inside:
        raise InvalidValue(
            f"positions must be a range of the text's {len(tokens)} tokens, such as slice(3, 6), without a step; "
            f"got {positions}"
        )
    made = replace(one.intervention, positions=slice(start, stop))
    return Change(made, one.on, words)


def describe_positions(one: Change | Intervention, *, painted: str = "") -> str:
    """Where a change is made, in words: "at all tokens", "at tokens 3 to 5 (old fisherman)"."""
    if isinstance(one, Change):
        return describe_positions(one.intervention, painted=one.painted)
    where = one.positions
    if not isinstance(where, slice):
        return {"all": "at all tokens", "prompt": "at the prompt", "generated": "at generated tokens"}[where]
    first, last = where.start or 0, (where.stop or 1) - 1
    numbers = f"at token {first}" if first == last else f"at tokens {first} to {last}"
    return f"{numbers} ({format_text(painted, limit=60)})" if painted else numbers


def list_refs(changes: Iterable[Change]) -> tuple[FeatureRef, ...]:
    """The features that are changed, each once, in their order."""
    return tuple(dict.fromkeys(one.ref for one in changes if isinstance(one.ref, FeatureRef)))


def list_directions(changes: Iterable[Change]) -> tuple[Direction, ...]:
    """The directions that are added, each once, in their order."""
    return tuple(dict.fromkeys(one.ref for one in changes if isinstance(one.ref, Direction)))
