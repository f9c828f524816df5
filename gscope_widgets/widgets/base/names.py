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
    """A sentence where a name is like that of a setting, or is one of the constructor alone; empty otherwise."""
    kind = type(widget).__name__
    if name in _list_keywords(_find_public(type(widget))):
        return f"{name} of a {kind} is given when it is made; make another one with {name}=..."
    settable = [one for one, trait in widget.traits().items() if isinstance(trait, Checked)]
    meant = [one for one in _MEANT.get(name, ()) if one in settable]
    meant = meant or get_close_matches(name, settable, n=1, cutoff=_NEAR)
    return f"a {kind} has no {name}; set {' or '.join(meant)}" if meant else ""


def _find_public(kind: type) -> type:
    """The class of this package that an instance is of; users' own ones take what they like."""
    is_ours = (one for one in kind.__mro__ if one.__module__.startswith("gscope_widgets.") and "__init__" in vars(one))
    return next(is_ours, object)


@cache
def _list_keywords(kind: type) -> frozenset[str]:
    """What its constructor takes."""
    return frozenset(inspect.signature(kind).parameters) if kind is not object else frozenset()
