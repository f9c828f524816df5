"""What a graph explains, as a widget takes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.records.circuits import CircuitTarget
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.protocols import Scope
from gscope_widgets.records.tokens import Tokens
from gscope_widgets.widgets.base.features import tell_ref


@dataclass(frozen=True)
class PlacedFeature:
    """A feature at a position, as a target: `(ref, pos)`."""

    ref: FeatureRef
    pos: int


def check_target(scope: Scope, value: Any) -> object:
    """What a graph may explain, as a trait holds it: None, a token's text or id, two of them, or a `PlacedFeature`.

    An id is held as the token's text, where that can be said.

    Raises:
        InvalidValue, UnknownFeature, UnknownDictionary: it is none of these, in words.
    """
    if value is None or isinstance(value, PlacedFeature):
        return value
    if isinstance(value, Mapping):
        if set(value) != {"dictionary_id", "feature", "pos"}:
            raise InvalidValue(
                'target as a feature is {"dictionary_id": ..., "feature": ..., "pos": ...}, got '
                f"{describe_value(dict(value))}"
            )
        value = (FeatureRef(value["dictionary_id"], value["feature"]), value["pos"])
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise InvalidValue(f"target is a token, two, or (ref, pos), got {describe_value(value)}")
        if isinstance(value[0], FeatureRef):
            ref = value[0]
            if not isinstance(ref.dictionary_id, str) or isinstance(ref.feature, bool):
                raise InvalidValue(f"a feature comes from dictionary.feature(number), got {describe_value(ref)}")
            scope.describe(ref)
            return PlacedFeature(ref, check_int("the target's position", value[1], low=0, high=scope.info.context))
        first, second = (_check_token(scope, one) for one in value)
        if first == second:
            raise InvalidValue(f"a difference is of two tokens, got {describe_value(first)} twice")
        return first, second
    if isinstance(value, FeatureRef):
        raise InvalidValue("a feature is a target at a position: target=(ref, pos)")
    return _check_token(scope, value)


def _check_token(scope: Scope, value: object) -> str | int:
    """A token as its text; as its id where no text is read as that token alone, or nobody is here to say.

    Raises:
        InvalidValue: the model has no such token.
    """
    if not isinstance(value, str):
        return name_token(scope, check_int("a target's token id", value, low=0, high=scope.info.vocabulary - 1))
    count = len(_list_ids(scope.tokens(value)))
    if count != 1:
        raise InvalidValue(
            f"{describe_value(value)} is {count} tokens; give one, with the space before it where it begins a word: "
            "' red'"
        )
    return value


def name_token(scope: Scope, token: int) -> str | int:
    """The text that is read as this token alone; its id where there is none, or nobody to say."""
    try:
        text = scope.tokens([token]).strings[-1]
        return text if _list_ids(scope.tokens(text)) == [token] else token
    except GscopeError:  # a recording has not every text, a graph alone has none
        return token


def _list_ids(tokens: Tokens) -> list[int]:
    """Of those that hold text."""
    return [token for token, (start, stop) in zip(tokens.ids, tokens.byte_spans, strict=True) if stop > start]


def tell_target(target: object) -> Any:
    """A target as the page takes it."""
    if isinstance(target, PlacedFeature):
        return {**tell_ref(target.ref), "pos": target.pos}
    return list(target) if isinstance(target, tuple) else target


def as_circuit_target(target: Any) -> CircuitTarget:
    """A target as `gs.circuit` takes it."""
    return (target.ref, target.pos) if isinstance(target, PlacedFeature) else target
