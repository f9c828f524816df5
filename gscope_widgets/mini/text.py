"""Held-out text of gscope-mini's world, and which characters of it carry which concept."""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gscope_widgets.errors import InvalidValue


@dataclass(frozen=True)
class LabelledText:
    """One generated document with its truth."""

    text: str
    register: str  # what kind of text it is: "story", "recipe", ..., or "chat" and "hinted" of mini-it
    spans: Mapping[str, tuple[tuple[int, int], ...]]  # concept -> [start, end) in characters of `text`, in order

    def covered(self, concept: str) -> tuple[str, ...]:
        """The parts of the text that carry a concept, in order; none where it does not occur."""
        return tuple(self.text[start:end] for start, end in self.spans.get(concept, ()))


def read_texts(
    path: Path, *, model: str, concept: str | None = None, register: str | None = None
) -> tuple[LabelledText, ...]:
    """Documents of a `texts.json.gz`, as `gscope_widgets.mini.texts` gives them.

    Raises:
        InvalidValue: no such model, or no document of it with that concept or register.
    """
    content = json.loads(gzip.decompress(path.read_bytes()))
    _check("model", model, content)
    found = tuple(_build_text(entry) for entry in content[model])
    if register is not None:
        _check("register", register, sorted({one.register for one in found}))
        found = tuple(one for one in found if one.register == register)
    if concept is not None:
        _check("concept", concept, sorted({name for one in found for name in one.spans}))
        found = tuple(one for one in found if concept in one.spans)
    return found


def _build_text(entry: dict[str, Any]) -> LabelledText:
    spans = {concept: tuple((start, end) for start, end in pairs) for concept, pairs in entry["spans"].items()}
    return LabelledText(entry["text"], entry["register"], MappingProxyType(spans))


def _check(name: str, value: str, known: Iterable[str]) -> None:
    names = list(known)
    if value not in names:
        shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        raise InvalidValue(f"{name} must be one of {shown}; got {value!r}")
