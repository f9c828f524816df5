"""A widget's state as a record, and a widget made of such a record again."""

import ast
import inspect
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from gscope_widgets import __version__
from gscope_widgets.errors import Cancelled, InvalidValue, describe_value
from gscope_widgets.lessons.scope import find_whole_scope
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.kept import KeptColumn, KeptDictionary, KeptScope, KeptView
from gscope_widgets.records.lessons import Lesson
from gscope_widgets.records.protocols import Scope
from gscope_widgets.widgets.base.changes import Change
from gscope_widgets.widgets.base.state import Checked

if TYPE_CHECKING:
    from gscope_widgets.widgets.base.widget import GscopeWidget

MAX_NOTE = 2000  # characters
_TURNS = 3  # settings that move one another stand by then
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # which JSON has no numbers for
_TRAITS = {"ref": "feature", "pos": "selected_pos"}  # what a constructor calls otherwise than the trait
_GIVEN = ("scope", "examiner", "interventions")  # who answers; and what `changes` holds too


def build_view(widget: "GscopeWidget", note: str = "") -> KeptView:
    """All that makes the widget again as it stands, once the newest request is answered.

    Raises:
        GscopeError: what the newest request ended with, or that it was stopped: there are no numbers of this state.
        InvalidValue: it holds what is kept in no file.
    """
    note = _check_note(note)
    widget.wait()
    if widget._asking and widget._requests.is_unanswered:  # a run that was stopped shows what it made
        raise Cancelled(
            "the newest request was stopped: what is shown is older than the settings; ask again, then keep it"
        )
    run = widget._read_run()
    return KeptView(
        widget=type(widget).__name__,
        state={name: _write(widget._write_kept(name)) for name in list_state(type(widget))},
        made_with=_read_made_with(widget),
        run=None if run is None else {name: _write_told(widget, name, value) for name, value in run[0].items()},
        is_stopped=run is not None and run[1],
        parts={name: build_view(part) for name, part in widget._list_kept_parts().items()},
        lesson=None if widget.lesson is None else widget.lesson.to_json(),
        numbers=_read_numbers(widget),
        scope=name_scope(widget),
        dictionaries=_list_dictionaries(widget),
        provenance=widget.provenance,
        package=__version__,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        note=note,
    )


def list_state(cls: type["GscopeWidget"]) -> list[str]:
    """The traits that a reader sets: those that results are made with first, in their order."""
    checked = [name for name, trait in cls.shared_traits().items() if isinstance(trait, Checked)]
    return [*(name for name in cls.settings if name in checked), *sorted(set(checked) - set(cls.settings))]


def list_keywords(cls: type["GscopeWidget"]) -> list[str]:
    """What the constructor takes besides who answers."""
    return [name for name in inspect.signature(cls.__init__).parameters if name not in ("self", *_GIVEN)]


def make_again(cls: type["GscopeWidget"], view: KeptView, given: Mapping[str, Any]) -> "GscopeWidget":
    """The widget that a view was made of, its run made again where it had one, locked as it was.

    Args:
        given: of the constructor: the scope; `dictionary` and `dictionaries` open, where the view names them.

    Raises:
        GscopeError: some of it is refused, or cannot be brought back.
    """
    state = {name: _read(value) for name, value in view.state.items()}
    run = {name: _read(value) for name, value in (view.run or {}).items()}
    first = {**{name: _read(value) for name, value in view.made_with.items()}, **state, **run}
    names = {name: _TRAITS.get(name, name) for name in list_keywords(cls)}
    widget = cls(**{name: first[trait] for name, trait in names.items() if trait in first} | dict(given))
    try:
        if view.run is not None:
            _set(widget, run)
            widget.start()
            widget.wait()
        _set(widget, state)
        if view.lesson is not None:
            widget.lock(Lesson.from_json(view.lesson))
    except BaseException:
        widget.close()
        raise
    return widget


def _set(widget: "GscopeWidget", state: Mapping[str, Any]) -> None:
    """Bring traits to a state, together; what moved with others is set once more."""
    wanted = {name: _write(value) for name, value in state.items()}
    for _ in range(_TURNS):
        missing = [name for name, value in wanted.items() if _write(widget._write_kept(name)) != value]
        if not missing:
            return
        with widget.hold_trait_notifications():
            for name in missing:
                setattr(widget, name, state[name])
        widget.wait()
    raise InvalidValue(f"{', '.join(missing)} of {type(widget).__name__} cannot be set as kept; it was kept otherwise")


def _check_note(note: object) -> str:
    if not isinstance(note, str) or len(note) > MAX_NOTE:
        raise InvalidValue(f"a note is a text of at most {MAX_NOTE} characters, got {describe_value(note)}")
    return note.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# ---- parts of a view


def _read_made_with(widget: "GscopeWidget") -> dict[str, object]:
    """Keywords of the constructor that no trait of the reader's holds: told traits, or what stands in `_name`."""
    kept: dict[str, object] = {}
    traits = widget.shared_traits()
    for name in list_keywords(type(widget)):
        trait = _TRAITS.get(name, name)
        if trait in traits:
            if not isinstance(traits[trait], Checked):
                kept[name] = _write(getattr(widget, trait))
            continue
        value = widget._read_keyword(name)
        if value is not None:
            kept[name] = _write(value)
    return kept


def _read_numbers(widget: "GscopeWidget") -> tuple[KeptColumn, ...]:
    has_run = bool(widget._asking) or widget._read_run() is not None
    if not widget._keeps_numbers or not has_run:
        return ()
    frame = widget.to_frame()
    return tuple(_build_column(str(name), frame[name].tolist()) for name in frame.columns)


def _build_column(name: str, values: list[Any]) -> KeptColumn:
    if all(isinstance(value, (int, float)) for value in values):
        return KeptColumn(name, tuple(float(value) for value in values), None)
    return KeptColumn(name, None, tuple(map(str, values)))


def name_scope(widget: "GscopeWidget") -> KeptScope | None:
    """How a widget's scope was made; None where it has none, or where that names a place of this machine."""
    scope: Scope | None = getattr(widget, "scope", None)
    if scope is None:
        return None
    if widget.lesson is not None:  # which is kept by itself
        scope = find_whole_scope(scope)
    call = read_call(scope.to_code().removeprefix("scope = "))
    if call is None or call[0] not in ("gs.load", "gs.replay") or len(call[1]) != 1:
        return None
    (name,), settings = call[1:]
    if call[0] == "gs.replay":
        return KeptScope("replay", PurePath(name).name, {})
    is_place = name.startswith(("/", "~", ".")) or "\\" in name or PurePath(name).is_absolute()
    return None if is_place else KeptScope("load", name, settings)  # no place of this machine goes into a file


def _list_dictionaries(widget: "GscopeWidget") -> tuple[KeptDictionary, ...]:
    scope: Scope | None = getattr(widget, "scope", None)
    if scope is None:
        return ()
    return list_dictionaries(scope, [*widget.provenance.dictionaries, *_find_ids(widget)])


def list_dictionaries(scope: Scope, dictionary_ids: Iterable[str]) -> tuple[KeptDictionary, ...]:
    """Dictionaries that are open, each once, with how to open them elsewhere."""
    ids = list(dict.fromkeys(dictionary_ids))
    revisions = scope.provenance(ids).dictionaries
    return tuple(KeptDictionary(one, revisions[one], _find_wishes(scope, one)) for one in ids)


def _find_ids(widget: "GscopeWidget") -> Iterator[str]:
    """Dictionaries of all features in the state, and those that the constructor was given."""

    def walk(value: object) -> Iterator[str]:
        if isinstance(value, FeatureRef):
            yield value.dictionary_id
        elif isinstance(value, Change):
            yield from walk(value.ref)
        elif isinstance(value, (list, tuple, Mapping)):
            for item in value.values() if isinstance(value, Mapping) else value:
                yield from walk(item)

    for name in list_state(type(widget)):
        yield from walk(getattr(widget, name))
    given = [widget._read_keyword(name) for name in list_keywords(type(widget)) if name.startswith("dictionar")]
    for one in given:
        yield from [one] if isinstance(one, str) else one or ()


def _find_wishes(scope: Scope, dictionary_id: str) -> dict[str, object] | None:
    """Keywords that open a dictionary again; None where they name a place on a disk."""
    call = read_call(scope.write_opening(dictionary_id))
    if call is None or len(call[1]) > 2 or not str(call[2].get("path", "hf://")).startswith("hf://"):
        return None
    return {**dict(zip(("site", "layer"), call[1], strict=False)), **call[2]}


def read_call(code: str) -> tuple[str, list[Any], dict[str, Any]] | None:
    """What a call in code that a scope wrote calls, with what; None where it is no call of plain values."""
    try:
        call = ast.parse(code, mode="eval").body
        if not isinstance(call, ast.Call):
            return None
        named = {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg is not None}
        return ast.unparse(call.func), [ast.literal_eval(one) for one in call.args], named
    except (SyntaxError, ValueError):
        return None


# ---- plain data


def _write_told(widget: "GscopeWidget", name: str, value: object) -> object:
    return _write(widget.shared_traits()[name].to_wire(value))


def _tell(value: object) -> object:
    """Features as the page has them."""
    if isinstance(value, FeatureRef):
        return {"dictionary_id": value.dictionary_id, "feature": value.feature}
    return [_tell(one) for one in value] if isinstance(value, (list, tuple)) else value


def _write(value: Any) -> Any:
    """As JSON has it; numbers that it has not, by their names."""
    value = _tell(value)
    if isinstance(value, (list, tuple)):
        return [_write(one) for one in value]
    if isinstance(value, dict):
        return {name: _write(one) for name, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    return value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(one) for one in value]
    if isinstance(value, dict):
        if value.keys() == {"number"} and value["number"] in _NOT_FINITE:
            return _NOT_FINITE[value["number"]]
        return {name: _read(one) for name, one in value.items()}
    return value
