"""What crosses between Python and the page, as types; `contract` makes schemas of them, and TypeScript.

A comment behind a field is its documentation on both sides.
"""

from typing import Annotated, Any, Literal, TypedDict

from gscope_widgets.widgets.base.contract import Bounds

State = Literal["idle", "busy", "cancelled", "error"]


class Status(TypedDict):
    """What a widget does now."""

    state: State
    message: str  # one sentence for the reader; empty when there is nothing to say
    progress: Annotated[float, Bounds(0, 1)] | None  # share done; null where it is not known
    detail: str  # place in the queue, bytes or time left, in words; empty where none is known
    request: Annotated[int, Bounds(low=0)]  # the newest number; it never goes back


class Message(TypedDict):
    """A turn of a chat."""

    role: str
    content: str


Text = str | list[Message]  # what a model reads: a string, or the turns of a chat, the newest last


class Ref(TypedDict):
    """A feature with its dictionary."""

    dictionary_id: str
    feature: Annotated[int, Bounds(low=0)]


class Label(TypedDict):
    """Words for a feature: where they come from, and how well they held on text not used to choose them."""

    text: str
    source: str
    auc: float | None


class FeatureInfo(TypedDict):
    """A feature as the reader meets it."""

    dictionary_id: str
    feature: int
    name: str  # "feature 21", or "feature 21 of resid_post layer 4" beside features of other dictionaries
    label: Label | None
    max_activation: float | None  # the largest seen when it was measured


class PaintedRange(TypedDict):
    """Tokens of the text that a change is made at, painted by hand."""

    start: Annotated[int, Bounds(low=0)]
    stop: Annotated[int, Bounds(low=0)]  # the first token after it
    text: str  # of these tokens, by which they are known again; empty where it was not looked up yet


class OwnDirection(TypedDict):
    """A direction of one's own, which changes name by its id."""

    id: str
    name: str
    site: str
    layer: Annotated[int, Bounds(low=0)]
    vector: list[float]  # float32


class ChangeState(TypedDict):
    """A change with its switch."""

    ref: (
        Ref | str | int
    )  # a feature; the id of one of `directions`; from the page also a number of the widget's dictionary
    kind: Literal["add", "clamp", "scale", "ablate"]
    amount: float  # strength, activation or factor; 0 of "ablate"
    unit: Literal["fraction", "raw"]  # of "add": mean norms, or multiples of the unit direction
    positions: Literal["all", "prompt", "generated"] | PaintedRange
    on: bool  # whether it takes part


class PresetState(TypedDict):
    """Changes under a name."""

    name: str
    changes: list[ChangeState]


class ChangeRange(TypedDict):
    """How the slider of a change runs, for one kind."""

    min: float
    max: float
    step: float
    rest: float  # where nothing is changed
    unit: str
    least: float  # that may be typed
    most: float


class PromptTokens(TypedDict):
    """The tokens of the text, on which ranges are painted."""

    tokens: list[str]
    ignored: list[int]  # positions that are never changed, such as BOS
    count: int  # of the whole text, of which no more than these can be painted by hand


class Glyph(TypedDict):
    """A run of tokens, by position, that are one character only together."""

    first: int
    last: int
    character: str


class ArrayHead(TypedDict):
    """One of a message's arrays, whose bytes are the buffer at the same place."""

    name: str
    dtype: Literal["float32", "int32"]
    shape: list[int]


class Piece(TypedDict):
    """A part of the arrays of the result that follows, where they are too long for one message: the next bytes."""

    type: Literal["piece"]
    index: Annotated[int, Bounds(low=0)]  # 0 begins anew


class Ready(TypedDict):
    """From a view that can draw: it is answered with everything."""

    type: Literal["ready"]


class Cancel(TypedDict):
    """From the page: stop the work under way."""

    type: Literal["cancel"]


class Again(TypedDict):
    """From the page: state that it sent before, to be answered or refused once more; a patch carries changes alone."""

    type: Literal["again"]
    state: dict[str, Any]  # empty: what was asked for last


class Trouble(TypedDict):
    """What helps with an error that a widget shows."""

    details: str  # to pass on: the sentence, the widget, where its numbers come from; no path and no token
    code: str  # a line that says what this machine lacks; empty where the machine is not at fault
    again: bool  # whether the same may be answered when it is asked for once more


class LessonView(TypedDict):
    """What the page is told of a lesson."""

    lines: list[str]  # above the view: the instructor's note, what the lists leave out, how many stages are open
    choices: list[str]  # prompts of the course, where there are several, and the next stage
    fixed: dict[str, str]  # settings that the page may not change, each with the reason


class Step(TypedDict):
    """From the page: one of the choices that the lesson gives."""

    type: Literal["step"]
    choice: Annotated[int, Bounds(low=0)]


class Stop(TypedDict):
    """From the page: end the run that its start began."""

    type: Literal["stop"]
    id: Annotated[str, Bounds(length=100)]


class Pin(TypedDict):
    """From the page: keep what is shown as a finding."""

    type: Literal["pin"]
    note: Annotated[str, Bounds(length=2000)]


class AskPicture(TypedDict):
    """From the page: what is shown as a picture."""

    type: Literal["picture"]
    format: Literal["png", "svg"]


class KeepAnswer(TypedDict):
    """What came of a pin or a picture; a picture's bytes are the buffer."""

    type: Literal["kept"]
    text: str  # a sentence; empty where a picture comes
    format: Literal["", "png", "svg"]


class Ack(TypedDict):
    """To the page: a message with this id has come."""

    type: Literal["ack"]
    id: str
