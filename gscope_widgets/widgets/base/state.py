"""State that page and Python share: who writes it, what it may be, and how it is checked."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import traitlets as t

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.widgets.base.contract import Schema, build_schema


class Shared(t.TraitType):  # type: ignore[type-arg]  # traitlets 5.7 has no generics
    """A trait that page and Python share. What is read from it can be changed without effect on the widget."""

    writer = ""

    def __init__(
        self,
        wire: object,
        default: object,
        *,
        help: str,  # noqa: A002 - traitlets' name
        to_page: Callable[[Any], object] | None = None,
    ):
        """Args: wire: its type as it crosses; to_page: makes that of its value here, where they differ."""
        super().__init__(default, help=help)
        self.wire, self.initial, self._to_page = wire, default, to_page
        self.tag(sync=True)
        if to_page is not None:
            self.tag(to_json=lambda value, _widget: to_page(value))

    @property
    def schema(self) -> Schema:
        """Of what the page is told."""
        return build_schema(self.wire)

    def to_wire(self, value: object) -> object:
        """The value as the page is told it."""
        return value if self._to_page is None else self._to_page(value)

    def get(self, obj: Any, cls: Any = None) -> Any:
        """A copy, where a change in place would otherwise go half unseen."""
        value = super().get(obj, cls)
        return copy.deepcopy(value) if isinstance(value, (dict, list)) or _holds_dicts(value) else value


class Told(Shared):
    """Written by Python alone."""

    writer = "Python"


class Checked(Shared):
    """Set by the reader, from Python or in the page, and checked by a function that raises GscopeErrors."""

    writer = "page and Python"

    def __init__(
        self,
        check: Callable[[Any, Any], Any],
        wire: object,
        default: object,
        *,
        help: str,  # noqa: A002 - traitlets' name
        to_page: Callable[[Any], object] | None = None,
        accepts: object = None,
    ):
        """Args: check: called with widget and value, returns the value to keep; accepts: wider than `wire`."""
        super().__init__(wire, default, help=help, to_page=to_page)
        self._check = check
        self.accepts = build_schema(wire if accepts is None else accepts)

    def validate(self, obj: Any, value: Any) -> Any:
        """The checked value; a closed widget takes none, and a locked one what its lesson allows."""
        obj._require_open()
        checked = self._check(obj, value)
        obj._require_allowed(self.name, checked)
        return checked

    def set(self, obj: Any, value: Any) -> None:
        """Set it; the widget hears also of a value that is what it was, which observers do not."""
        before = obj._trait_values.get(self.name, self.default_value)
        super().set(obj, value)
        if obj._trait_values[self.name] == before:
            obj._take_same(self.name)


def _holds_dicts(value: object) -> bool:
    return isinstance(value, tuple) and any(isinstance(item, dict) for item in value)


def check_text(scope: Scope, value: Any) -> str | tuple[dict[str, str], ...]:
    """A text or a chat that the scope's model can read, with lone surrogates replaced.

    Raises:
        InvalidValue: neither a string nor chat messages, or chat messages for a base model.
        PromptTooLong: more tokens than the model reads.
    """
    if isinstance(value, str):
        text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        scope.tokens(text)
        return text
    if isinstance(value, (list, tuple)) and value and all(isinstance(message, dict) for message in value):
        messages = tuple(_check_message(message) for message in value)
        scope.tokens([dict(message) for message in messages])
        return messages
    raise InvalidValue(
        'the text must be a string, or chat messages such as [{"role": "user", "content": "Hello"}], '
        f"got {describe_value(value)}"
    )


def _check_message(message: dict[Any, Any]) -> dict[str, str]:
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or not isinstance(content, str) or len(message) != 2:
        raise InvalidValue(
            f'a chat message is {{"role": ..., "content": ...}} with two strings, got {describe_value(message)}'
        )
    whole = content.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return {"role": role, "content": whole}


def as_prompt(text: str | Sequence[dict[str, str]]) -> str | list[dict[str, str]]:
    """A text or chat as a scope takes it."""
    return text if isinstance(text, str) else [dict(message) for message in text]


def check_many(name: str, value: Any, *, count: int) -> list[Any]:
    """A list of exactly `count` items."""
    items = read_list(value)
    if items is None:
        raise InvalidValue(f"{name} must be a list of {count} values, one a feature, got {describe_value(value)}")
    if len(items) != count:
        raise InvalidValue(f"{name} must have {count} values, one a feature, got {len(items)}")
    return items


def check_scope(scope: object) -> None:
    """Refuse what is no scope, such as a text given in its place.

    Raises:
        InvalidValue: it has not what a scope has.
    """
    if not all(hasattr(scope, name) for name in ("info", "tokens", "describe", "submit")):
        raise InvalidValue(f"the first argument is a scope from gs.load() or gs.replay(), got {describe_value(scope)}")


def check_dictionary(scope: Scope, dictionary: object) -> Dictionary:
    """The dictionary given, or the scope's default one for None.

    Raises:
        InvalidValue: it is no dictionary.
    """
    if dictionary is None:
        return scope.dictionary()
    if not all(hasattr(dictionary, name) for name in ("info", "d_dict", "feature")):
        raise InvalidValue(f"dictionary comes from scope.dictionary(), got {describe_value(dictionary)}")
    found: Dictionary = dictionary  # type: ignore[assignment]  # it has what one has
    return found


def check_ref(scope: Scope, value: Any, own: Callable[[], Dictionary]) -> FeatureRef:
    """A feature given as a whole number, as a reference, or as the page sends one, as a reference.

    Args:
        own: the dictionary whose features numbers are.

    Raises:
        UnknownFeature, UnknownDictionary, InvalidValue: there is none.
    """
    if isinstance(value, dict):
        if set(value) != {"dictionary_id", "feature"} or not isinstance(value["dictionary_id"], str):
            raise InvalidValue(
                f'a feature is a number or {{"dictionary_id": ..., "feature": ...}}, got {describe_value(value)}'
            )
        value = FeatureRef(value["dictionary_id"], value["feature"])
    if not isinstance(value, FeatureRef):
        return own().feature(value)
    if isinstance(value.feature, bool) or not isinstance(value.feature, int):
        raise InvalidValue(f"a feature is a whole number, got {describe_value(value.feature)}")
    scope.describe(value)
    return value


def check_refs(scope: Scope, value: Any, own: Callable[[], Dictionary]) -> tuple[FeatureRef, ...]:
    """Features as references, each once. See `check_ref`.

    Raises:
        InvalidValue: no list, or the same feature twice.
    """
    items = read_list(value)
    if items is None:
        raise InvalidValue(f"features is a list of features, got {describe_value(value)}")
    refs: list[FeatureRef] = []
    for item in items:
        ref = check_ref(scope, item, own)
        if ref in refs:
            raise InvalidValue(f"features holds {ref} twice; give each feature once")
        refs.append(ref)
    return tuple(refs)


def refuse_as_words(error: Exception) -> Exception:
    """What traitlets refuses, as an error of ours."""
    return error if isinstance(error, GscopeError) or not isinstance(error, t.TraitError) else InvalidValue(str(error))
