"""Dictionaries beside each other, each with the scope whose model it reads."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.tokens import Prompt
from gscope_widgets.widgets.base.features import name_places
from gscope_widgets.widgets.base.limits import COMPARED
from gscope_widgets.widgets.base.state import check_dictionary


class Home(NamedTuple):
    """A dictionary and whose activations it reads."""

    scope: Scope
    dictionary: Dictionary
    name: str  # where it sits: "resid_post layer 4"; see `open_homes`


def open_homes(scope: Scope, other: Scope | None, given: Any) -> dict[str, Home]:
    """The dictionaries given, by id; named by their places, and by their models where there are two.

    Args:
        other: the scope of those that `scope` has not opened.
        given: dictionaries, or keywords of `scope.dictionary` as dicts.

    Raises:
        InvalidValue: no list, too few or many, one of them twice, or of neither scope.
        UnknownDictionary: from `scope.dictionary`.
    """
    return _name_homes(_open_given(scope, other, given))


def _open_given(scope: Scope, other: Scope | None, given: Any) -> list[tuple[Scope, Dictionary]]:
    """The dictionaries given, each with the scope that reads it."""
    items = read_list(given)
    if items is None:
        raise InvalidValue(f"dictionaries must be a list from scope.dictionary(), got {describe_value(given)}")
    if not 2 <= len(items) <= COMPARED:
        raise InvalidValue(
            f"dictionaries must be 2 to {COMPARED}, such as [scope.dictionary(), scope.dictionary(layer=5)], "
            f"got {len(items)}"
        )
    opened: list[tuple[Scope, Dictionary]] = []
    for item in items:
        try:
            one = scope.dictionary(**item) if isinstance(item, Mapping) else check_dictionary(scope, item)
        except TypeError as error:
            raise InvalidValue(f"dictionaries holds {describe_value(item)}, but {error}") from None
        home = next((each for each in (scope, other) if each is not None and _has(each, one)), None)
        if home is None:
            raise InvalidValue(
                f"{one.info.id} was not opened by {scope.info.id}; open it with this scope, "
                "or give the scope that did as other="
            )
        if any(one.info.id == before.info.id for _, before in opened):
            raise InvalidValue(f"dictionaries holds {one.info.id} twice; compare different dictionaries")
        opened.append((home, one))
    return opened


def _has(scope: Scope, dictionary: Dictionary) -> bool:
    try:
        scope.dictionary_info(dictionary.info.id)
    except GscopeError:
        return False
    return True


def _name_homes(opened: Sequence[tuple[Scope, Dictionary]]) -> dict[str, Home]:
    """By id; named by their places, and by their models where there are several."""
    scopes = {id(scope): scope for scope, _ in opened}
    names: dict[str, str] = {}
    for scope in scopes.values():
        places = name_places({one.info.id: one.info for home, one in opened if home is scope})
        model = f", {scope.info.id}" if len(scopes) > 1 else ""
        names |= {one: f"{place}{model}" for one, place in places.items()}
    return {one.info.id: Home(scope, one, names[one.info.id]) for scope, one in opened}


def read_elsewhere(home: Home, prompt: Prompt, *, slot: int) -> Generator[None, None, FeatureReading]:
    """Another scope's reading. Each worker goes on with its own work meanwhile: neither waits for the other."""
    job = home.scope.submit(lambda _job: home.scope.read(prompt, home.dictionary), slot=slot)
    try:
        while not job.done():
            yield
            with suppress(TimeoutError):
                job.exception(timeout=0.02)
    finally:
        job.cancel()
    reading: FeatureReading = job.result()
    return reading
