"""What the page is told of an error besides its sentence: what to pass on, and what one press can do about it."""

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from gscope_widgets import __version__
from gscope_widgets.checkup.needs import find_needs
from gscope_widgets.checkup.redaction import redact
from gscope_widgets.errors import (
    BadArtefact,
    DiskFull,
    GatedModel,
    GscopeError,
    Offline,
    OutOfMemory,
    UnwritableCache,
)
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.base.keeping import name_scope
from gscope_widgets.widgets.base.wire import Trouble

if TYPE_CHECKING:
    from gscope_widgets.widgets.base.widget import GscopeWidget

_OF_THE_MACHINE = (GatedModel, Offline, DiskFull, UnwritableCache, BadArtefact, OutOfMemory)
_MAX_SENTENCE = 2000  # characters
_NAME = r"[^\s/\\'\"<>|,;]+"
# From a root on: names with spaces only where more of the path follows them.
_PATH = re.compile(rf"(?<![\w.:/\\~])(?:~|[A-Za-z]:)?[/\\](?:{_NAME}(?: {_NAME}){{0,3}}[/\\])*{_NAME}")


def build_trouble(
    widget: "GscopeWidget", sentence: str, error: BaseException | None, *, is_unanswered: bool
) -> Trouble:
    """What helps with an error that a widget shows.

    Args:
        widget: that shows it.
        sentence: that it shows.
        error: behind the sentence, where it is known.
        is_unanswered: whether the newest request ended with this error, so that the same can be asked for once more.
    """
    is_of_machine = isinstance(error, _OF_THE_MACHINE)
    may_pass = is_of_machine or not (error is None or isinstance(error, GscopeError))
    return {
        "details": "\n".join([hide_paths(sentence[:_MAX_SENTENCE]), *_describe_source(widget, error)]),
        "code": _write_checkup(widget) if is_of_machine else "",
        "again": is_unanswered and may_pass,
    }


def hide_paths(text: str) -> str:
    """A text without tokens, names of users, and the folders of paths; of an address on a network nothing is hidden."""
    return redact(_PATH.sub("<path>", text))


def _describe_source(widget: "GscopeWidget", error: BaseException | None) -> list[str]:
    named = "" if error is None else f", {type(error).__name__}"
    lines = [f"{type(widget).__name__}{named}, gscope-widgets {__version__}"]
    with suppress(Exception):  # before the first result there is nothing whose source could be told
        return [*lines, *_describe_provenance(widget.provenance)]
    return [*lines, *filter(None, [hide_paths(widget.footer)])]


def _describe_provenance(source: Provenance) -> list[str]:
    model = [f"{source.model} ({source.revision})" if source.revision else source.model, source.dtype, source.device]
    dictionaries = [f"{name} ({version or 'version unknown'})" for name, version in source.dictionaries.items()]
    versions = [f"{name} {version}" for name, version in source.versions.items()]
    return [hide_paths(", ".join(filter(None, parts))) for parts in (model, dictionaries, versions) if any(parts)]


def _write_checkup(widget: "GscopeWidget") -> str:
    with suppress(Exception):  # a scope that cannot be named, or a model of which no needs are known
        scope = name_scope(widget)
        if scope is not None and scope.call == "load":
            return f'gs.doctor("{find_needs(scope.name).model}")'
    return "gs.doctor()"
