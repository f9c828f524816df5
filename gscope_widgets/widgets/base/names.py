"""Names that widgets do not have, and those that are meant."""

import inspect
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from gscope_widgets.widgets.base.state import Checked

if TYPE_CHECKING:
    from gscope_widgets.widgets.base.widget import GscopeWidget

_NEAR = 0.85  # how alike names are of which one is taken for the other, 0 to 1
_MEANT = {  # by what other widgets call a setting, what it may be called here
    "text": ("text", "prompt", "first"),
    "prompt": ("prompt", "text", "first"),
    "value": ("text", "prompt", "first"),
    "feature": ("feature", "features", "selected_feature"),
    "features": ("features", "feature", "selected_feature"),
    "pos": ("selected_pos",),
    "position": ("selected_pos",),
}


def explain_name(widget: "GscopeWidget", name: str) -> str:
    """A sentence where a name is like that of a setting, or is one of the constructor alone; empty otherwise.

    Users' own subclasses take what they like.
    """
    public, kind = _find_public(type(widget)), type(widget).__name__
    if public is None:
        return ""
    if name in _list_keywords(public):
        return f"{name} of a {kind} is given when it is made; make another one with {name}=..."
    settable = [one for one, trait in widget.traits().items() if isinstance(trait, Checked)]
    meant = [one for one in _MEANT.get(name, ()) if one in settable]
    meant = meant or get_close_matches(name, settable, n=1, cutoff=_NEAR)
    return f"a {kind} has no {name}; set {' or '.join(meant)}" if meant else ""


def _find_public(kind: type) -> type | None:
    """The class of this package that an instance is of; None for users' own subclasses.

    Each instance is of a class of its own, which anywidget makes with the name and module of the one called.
    """
    if not kind.__module__.startswith("gscope_widgets."):
        return None
    return next(one for one in kind.__mro__ if "__init__" in vars(one))


@cache
def _list_keywords(kind: type) -> frozenset[str]:
    """What its constructor takes."""
    return frozenset(inspect.signature(kind).parameters)
