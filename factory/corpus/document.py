"""What the generator hands out: text and the concepts that its characters carry."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """The characters `start` to `end` (exclusive) of a document carry `concept`."""

    start: int
    end: int
    concept: str


@dataclass(frozen=True, slots=True)
class Document:
    """One text of one register, with every concept span in order of position."""

    text: str
    register: str
    spans: tuple[Span, ...]
