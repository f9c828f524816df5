"""A kept view as a widget again: its scope, its dictionaries, and what differs from when it was kept."""

import os
import re
import warnings
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any

from gscope_widgets import __version__
from gscope_widgets.errors import BadArtefact, GscopeError, InvalidValue, KeptWarning, UnknownDictionary, describe_value
from gscope_widgets.keeping.files import read_view
from gscope_widgets.recordings.container import as_path
from gscope_widgets.records.kept import KeptDictionary, KeptView, compare_numbers, describe_numbers
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.widgets.base.keeping import build_view, make_again
from gscope_widgets.widgets.base.state import check_scope
from gscope_widgets.widgets.base.widget import GscopeWidget
from gscope_widgets.widgets.catalogue import find_row
from gscope_widgets.widgets.workbench import PARTS, Workbench

_PUBLIC = import_module("gscope_widgets")  # whose names bring in torch on first use
_NAMED = re.compile(
    r"mini|(google/)?gemma-3-\w+(-it|-pt)?"
)  # models that a file may name; other names may be a folder's
_SETTINGS = {"revision", "device", "dtype"}
_WISHES: dict[str, tuple[type, ...]] = {"site": (str,), "layer": (int,), "width": (str,), "l0": (str,)}
_WISHES |= {"affine": (bool,), "revision": (str,), "path": (str,)}


def open(view: KeptView | str | os.PathLike[str], scope: Scope | None = None) -> GscopeWidget:  # noqa: A001
    """The widget that `widget.save(path)` or `widget.pin()` kept, with its state and the same numbers.

    Numbers are computed again, or replayed, and compared with those kept. What differs from when the view was kept
    (revisions, versions, numbers by more than 1 part in 1000 of their column's largest) is said in a sentence: as
    `KeptWarning`, and in the widget. Another model is refused.

    Args:
        view: a file of `widget.save`, at most 20 MB; or a view, from `widget.pin`, `widget.findings` or `gs.read_view`.
        scope: who answers, live or replayed; None loads the model named there, "mini" or a Gemma 3 model, or replays
            the recording named there from the file's own folder. A file loads nothing else by itself.

    Raises:
        InvalidValue: no such file; another model; or it names no scope that is opened by itself.
        BadArtefact: the file is damaged, changed, too large, or of a newer version.
        UnknownDictionary, NotRecorded, ...: what `gs.load`, `gs.replay` and the widget raise.
    """
    if isinstance(view, KeptView):
        return _reopen(view, scope, folder=Path(), name="this view")
    place = as_path(view, example="finding.json")
    return _reopen(read_view(place), scope, folder=place.parent, name=str(place))


def _reopen(view: KeptView, scope: Scope | None, *, folder: Path, name: str) -> GscopeWidget:
    """See `open`. Args: folder: where a recording may lie; name: of the view, as a sentence begins."""
    row = find_row(view.widget)
    if row is None or row.home != "widgets":  # an exercise is kept by its answer's line
        raise BadArtefact(f"{name} is of the widget {describe_value(view.widget)}, which no file keeps")
    if not row.asks_scope:
        answering: dict[str, Any] = {} if scope is None else {row.engine: scope}
    else:
        answering = {"scope": _open_scope(view, folder, name) if scope is None else scope}
        _check_model(view, answering["scope"], name)
    widget = _make(_find_class(view.widget), view, answering, name, is_trusted=scope is not None)
    told = _tell_difference(widget, view)
    if told:
        warnings.warn(f"{name} {told}", KeptWarning, stacklevel=3)
        widget._say(f"This view {told}")
    return widget


def _make(
    cls: type[GscopeWidget], view: KeptView, answering: dict[str, Any], name: str, *, is_trusted: bool
) -> GscopeWidget:
    try:
        given = answering | ({} if "scope" not in answering else _find_given(view, answering["scope"], is_trusted))
        widget = make_again(cls, view, given)
    except GscopeError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise BadArtefact(f"{name} is not as it was made ({error}); keep the widget again") from None
    if isinstance(widget, Workbench):
        try:
            widget._take_parts(
                {part: _make_part(part, kept, answering, name, is_trusted) for part, kept in view.parts.items()}
            )
        except BaseException:
            widget.close()
            raise
    return widget


def _make_part(part: str, view: KeptView, answering: dict[str, Any], name: str, is_trusted: bool) -> GscopeWidget:
    if part not in PARTS or PARTS[part] != view.widget:
        raise BadArtefact(f"{name} is not as it was made: a workbench has no part {describe_value(part)}")
    return _make(_find_class(view.widget), view, answering, name, is_trusted=is_trusted)


def _find_class(name: str) -> type[GscopeWidget]:
    row = find_row(name)
    assert row is not None, "checked by whoever asks"
    found: type[GscopeWidget] = getattr(import_module(f"gscope_widgets.widgets.{row.module}"), row.name)
    return found


# ---- who answers


def _open_scope(view: KeptView, folder: Path, name: str) -> Scope:
    kept = view.scope
    if kept is None:
        raise InvalidValue(
            f"{name} does not name how {view.provenance.model} was opened; give the scope: gs.open(path, scope)"
        )
    if kept.call == "replay":
        if kept.name != PurePath(kept.name).name or "\\" in kept.name or kept.name in ("", ".", ".."):
            raise BadArtefact(
                f"{name} names a recording outside its folder, {describe_value(kept.name)}; it is not opened"
            )
        place = folder / kept.name
        if not place.is_file():
            raise InvalidValue(
                f"{name} was kept from the recording {kept.name}, which is not beside it; "
                "give it: gs.open(path, gs.replay(...))"
            )
        replayed: Scope = _PUBLIC.replay(place)
        return replayed
    settings = {key: value for key, value in kept.settings.items() if key in _SETTINGS and isinstance(value, str)}
    if kept.call != "load" or not _NAMED.fullmatch(kept.name) or settings != kept.settings:
        raise InvalidValue(
            f"{name} names the model {describe_value(kept.name)}, and a file loads Gemma 3 and mini alone; "
            "load it, if you trust it, and give it: gs.open(path, gs.load(...))"
        )
    loaded: Scope = _PUBLIC.load(kept.name, **settings)
    return loaded


def _check_model(view: KeptView, scope: Scope, name: str) -> None:
    check_scope(scope)
    if scope.info.id != view.provenance.model:
        raise InvalidValue(
            f"{name} was kept from {describe_value(view.provenance.model)}, the scope given is of {scope.info.id}: its "
            "features and tokens mean something else; give a scope of the same model"
        )


def _find_given(view: KeptView, scope: Scope, is_trusted: bool) -> dict[str, Any]:
    """Opens all dictionaries that the view names. Returns those that the constructor takes, by keyword."""
    opened = {one.dictionary_id: open_dictionary(one, scope, is_trusted=is_trusted) for one in view.dictionaries}
    given: dict[str, Any] = {}
    for keyword in ("dictionary", "dictionaries"):
        ids = view.made_with.get(keyword)
        if isinstance(ids, str):
            given[keyword] = opened[ids]
        elif isinstance(ids, list):
            given[keyword] = [opened[one] for one in ids]
    return given


def open_dictionary(
    kept: KeptDictionary,
    scope: Scope,
    *,
    is_trusted: bool,
    name: str = "the view",
    advice: str = "give the scope too: gs.open(path, scope)",
) -> Dictionary:
    """The dictionary that a file names, from the scope.

    Args:
        is_trusted: whether an address of the Hub may be opened that is no published dictionary of the model's.
        name: of the file, as a sentence begins; `advice`: what to do where it is trusted.

    Raises:
        InvalidValue, BadArtefact: it names none that a file may open.
        UnknownDictionary: the scope has another one there, or none.
    """
    wishes = kept.wishes or {}
    address = wishes.get("path")
    if address is not None and not (is_trusted and isinstance(address, str) and address.startswith("hf://")):
        raise InvalidValue(
            f"{name} names a dictionary at {describe_value(address)}, which a file does not open by itself; "
            f"if you trust it, {advice}"
        )
    known = all(one in _WISHES and (value is None or type(value) in _WISHES[one]) for one, value in wishes.items())
    if not known:
        raise BadArtefact(f"{name} opens a dictionary by {describe_value(wishes)}, which is no choice of one")
    found = scope.dictionary(**wishes)  # type: ignore[arg-type]  # of the kinds checked above
    if found.info.id != kept.dictionary_id:
        raise UnknownDictionary(
            f"{name} shows features of {describe_value(kept.dictionary_id)}, this scope has {found.info.id} in its "
            "place; open the same model and revision"
        )
    return found


# ---- what differs


def _tell_difference(widget: GscopeWidget, view: KeptView) -> str:
    """What differs from when it was kept, as the rest of a sentence; empty where nothing does."""
    now = build_view(widget)
    parts = []
    if view.provenance.revision != now.provenance.revision:
        parts.append(
            f"model revision {view.provenance.revision or 'unknown'} (now {now.provenance.revision or 'unknown'})"
        )
    revisions = {one.dictionary_id: one.revision for one in now.dictionaries}
    for one in view.dictionaries:
        if revisions.get(one.dictionary_id, one.revision) != one.revision:
            parts.append(f"{one.dictionary_id} {one.revision or 'unknown'} (now {revisions[one.dictionary_id]})")
    if view.package != __version__:
        parts.append(f"gscope-widgets {view.package} (now {__version__})")
    told = [f"was kept with {', '.join(parts)}"] if parts else []
    if view.is_stopped:
        told.append("was kept from a run that had been stopped, and shows the whole run now")
    elif columns := compare_views(view, now):
        told.append(f"was kept with other numbers: {describe_numbers(columns)}")
    elif told:
        told.append("shows the same numbers all the same")
    return f"{'; it '.join(told)}." if told else ""


def compare_views(view: KeptView, now: KeptView, before: str = "") -> dict[str, float]:
    """The columns of numbers that differ, those of parts too."""
    found = {} if view.is_stopped else compare_numbers(view.numbers, now.numbers)
    named = {f"{before}{name}": by for name, by in found.items()}
    for name, part in view.parts.items():
        named |= compare_views(part, now.parts[name], f"{before}{name}.")
    return named
