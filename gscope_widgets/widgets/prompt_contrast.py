"""PromptContrast: two texts aligned token by token, and the features in which they differ."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypedDict

import numpy as np
import traitlets as t

from gscope_widgets.errors import InvalidValue
from gscope_widgets.records.alignments import align_tokens
from gscope_widgets.records.contrasts import ContrastedFeature, TextContrast
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.glossary import define
from gscope_widgets.records.numbers import check_int
from gscope_widgets.records.protocols import Dictionary, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.features import FeatureWidget, tell_label, tell_ref
from gscope_widgets.widgets.base.formats import format_number, format_prompt, format_text, format_tokens
from gscope_widgets.widgets.base.limits import CONTRASTED, CONTRASTED_HERE, MAX_POS
from gscope_widgets.widgets.base.picks import check_place, find_same
from gscope_widgets.widgets.base.reader import describe_engine
from gscope_widgets.widgets.base.state import (
    Checked,
    Told,
    as_prompt,
    check_dictionary,
    check_ref,
    check_scope,
    check_text,
)
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import ArrayHead, FeatureInfo, Glyph, Label, Piece, Ref, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class ContrastedText(TypedDict):
    """One of the two texts."""

    tokens: list[str]
    ignored: dict[str, str]  # position to the reason it is left out
    glyphs: list[Glyph]


class ContrastedActivation(TypedDict):
    """A feature in both texts: its largest activation in each, 0 where it is silent."""

    feature: int
    first: float
    second: float


class ContrastResult(TypedDict):
    """Two texts aligned, and the features on both."""

    type: Literal["result"]
    request: int
    first: Text  # the settings that this answers: compare with what the editors hold now
    second: Text
    texts: list[ContrastedText]  # the first and the second
    features: list[FeatureInfo]  # those kept in sight, one a row of `first_values` and `second_values`
    selected: FeatureInfo | None  # the feature that `first_painted` and `second_painted` are of
    differing: list[ContrastedActivation]  # in the whole texts, the largest difference first
    shared: list[ContrastedActivation]  # that fire in both, by the smaller of the two
    labels: dict[str, Label]  # of every feature listed that has one
    note: str  # what became of the column picked, a sentence; empty where it stands where it stood
    # pairs [columns, 2] int32, positions in both texts, -1 where a text has no such token; differences [columns]
    # float32; differing_features and shared_features [columns, k] int32, -1 where fewer are;
    # differing_activations and shared_activations [columns, k, 2] float32; first_values [features, pos] and
    # second_values float32; first_painted [pos] and second_painted float32
    arrays: list[ArrayHead]
    pieces: int  # messages that came before with the bytes of these arrays; 0 where they are this one's buffers


class _Read(NamedTuple):
    first: Any  # as the trait holds it
    second: Any
    contrast: TextContrast
    arrays: dict[str, np.ndarray]  # of the message, as far as they follow from the texts alone


def _check_text(contrast: "PromptContrast", value: object) -> object:
    return check_text(contrast.scope, value)


def _check_selected(contrast: "PromptContrast", value: object) -> FeatureRef | None:
    return None if value is None else contrast._check_own(check_ref(contrast.scope, value, contrast._get_dictionary))


def _check_column(contrast: "PromptContrast", value: object) -> int | None:
    if value is None:
        return None
    if contrast._is_following:
        return check_int("selected_column", value, low=0, high=MAX_POS)
    return check_place("selected_column", value, count=contrast._count_columns(), of="columns")


class PromptContrast(FeatureWidget):
    """Two editable texts under each other, token by token, and the features whose activations differ most.

    A column is a token of both texts, or one that the other lacks. Click a column to list the features that
    differ there; click a feature to colour both texts by it.
    """

    first = Checked(_check_text, Text, "", help="The upper text: a string, or chat messages for a chat model.")
    second = Checked(_check_text, Text, "", help="The lower text: a string, or chat messages for a chat model.")
    selected_column = Checked(
        _check_column,
        Annotated[int, Bounds(0, MAX_POS)] | None,
        None,
        help="The column of the alignment picked, or None for the whole texts.",
    )
    selected_feature = Checked(
        _check_selected,
        Ref | None,
        None,
        accepts=int | Ref | None,
        to_page=lambda ref: None if ref is None else tell_ref(ref),
        help="The feature that colours both texts, as a FeatureRef; None colours by how much the columns differ.",
    )
    dictionary_id = Told(str, "", help="The dictionary whose features are shown.")

    _is_following = False  # whether the pick is being brought to the texts that come into view
    to_page = {"piece": Piece, "result": ContrastResult}
    shared_state: ClassVar[Mapping[SharedName, str]] = {"feature": "selected_feature", "pos": "selected_column"}
    settings = ("first", "second", "features", "selected_feature")
    _asking = settings
    _at_least, _at_most = 0, CONTRASTED

    def __init__(
        self,
        scope: Scope,
        first: str | Sequence[dict[str, str]] = "",
        second: str | Sequence[dict[str, str]] = "",
        dictionary: Dictionary | None = None,
        *,
        features: Sequence[int | FeatureRef] = (),
    ):
        """Read both texts and align them.

        Args:
            scope: from `gs.load`.
            first: the upper text at first: a string, or chat messages for a chat model.
            second: the lower text.
            dictionary: from `scope.dictionary()`, which is also the default.
            features: kept at the head of the list, however little they differ; twenty at most.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.dictionary = check_dictionary(scope, dictionary)
        refs = self._prepare(scope, features, self.dictionary)
        self._picked_in: object = None  # the two texts in which `selected_column` was set
        self._due_pos: int | None = None  # a position that a linked widget picked in a text not yet read
        self._read = self._contrast(check_text(scope, first), check_text(scope, second))
        super().__init__(
            scope,
            features=refs,
            first=self._read.first,
            second=self._read.second,
            dictionary_id=self.dictionary.info.id,
        )
        self._present(self._read, self._deliver)
        self._open()

    @property
    def contrast(self) -> TextContrast:
        """Both texts aligned, with their features, once the newest request is answered."""
        self.wait()
        return self._read.contrast

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, one row a feature at a column; see `TextContrast.to_frame`."""
        return self._read.contrast.to_frame()

    def plot(self) -> "Figure":
        """A matplotlib Figure: the features that differ most; see `TextContrast.plot`."""
        return self._read.contrast.plot()

    def shows(self) -> list[str]:
        """The tokens of both texts, and both activations of the features that differ most."""
        found = self._read.contrast.differing(CONTRASTED)
        values = [format_number(value, 4) for one in found for value in (one.first, one.second)]
        return list(dict.fromkeys([*(token for side in self._list_tokens() for token in side), *values]))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        refs = [ref.feature for ref in self.features]
        kept = [
            f"for feature in {refs}:",
            "    print(feature, contrast.first.trace(feature).max(), contrast.second.trace(feature).max())",
        ]
        return "\n".join(
            [
                *Opening(self.scope, dictionary_ids=[self.dictionary_id]).lines,
                f"first = {as_prompt(self._read.first)!r}",
                f"second = {as_prompt(self._read.second)!r}",
                "contrast = scope.contrast(first, second, dictionary)",
                f"for one in contrast.differing({CONTRASTED}):",
                "    print(one.feature, one.first, one.second)",
                *(kept if refs else []),
            ]
        )

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from. `token_ids` are the first text's."""
        contrast = self._read.contrast
        return self.scope.provenance(
            [self.dictionary_id],
            token_ids=contrast.first.tokens.ids,
            second_token_ids=list(contrast.second.tokens.ids),
            features=[str(ref) for ref in self.features],
        )

    def read_shared(self, name: SharedName) -> Any:
        """See `GscopeWidget`. The position is that in the first text; None where it has no such token."""
        value = getattr(self, self.shared_state[name])
        pairs = self._read.contrast.pairs
        if name != "pos" or value is None:
            return value
        pos = int(pairs[value, 0]) if value < len(pairs) else -1
        return None if pos < 0 else pos

    def take_shared(self, name: SharedName, value: Any) -> None:
        """See `GscopeWidget`. A position is one of the first text."""
        if name == "feature":
            if value is not None and value.dictionary_id == self.dictionary_id:
                self.selected_feature = value
        elif name != "pos":
            super().take_shared(name, value)
        elif value is not None and (self.first, self.second) != (self._read.first, self._read.second):
            self._due_pos = value
        else:
            self.selected_column = None if value is None else _find_column(self._read.contrast.pairs, 0, value)

    def _describe_engine(self, refs: Sequence[FeatureRef]) -> str:
        return describe_engine(self.scope, self.dictionary.info.id)

    def _check_refs(self, value: object) -> tuple[FeatureRef, ...]:
        return tuple(self._check_own(ref) for ref in super()._check_refs(value))

    def _check_own(self, ref: FeatureRef) -> FeatureRef:
        if ref.dictionary_id != self.dictionary.info.id:
            raise InvalidValue(f"{ref} is of another dictionary than this contrast's, {self.dictionary.info.id}")
        return ref

    def _read_pick_texts(self) -> tuple[Any, Any]:
        """The page picks in what it shows; Python means the texts that it has set, answered or not."""
        return (self._read.first, self._read.second) if self._is_from_page else (self.first, self.second)

    def _count_columns(self) -> int:
        """Columns of the texts that a pick is of."""
        texts, known = self._read_pick_texts(), self._read
        if texts == (known.first, known.second):
            return len(known.contrast.pairs)
        first, second = (self.scope.tokens(as_prompt(text)).ids for text in texts)
        return len(align_tokens(first, second))

    @t.observe("selected_column")
    def _on_pick(self, _change: object) -> None:
        self._picked_in = self._read_pick_texts()
        if not self._is_quiet:
            self._output.refresh()

    def _contrast(self, first: Any, second: Any) -> _Read:
        contrast = self.scope.contrast(as_prompt(first), as_prompt(second), self.dictionary)
        return _Read(first, second, contrast, _pack_columns(contrast))

    def _answer(self, settings: dict[str, Any]) -> None:
        first, second = settings["first"], settings["second"]

        def read() -> _Read:
            known = self._read
            return known if (known.first, known.second) == (first, second) else self._contrast(first, second)

        self._request(read, deliver=self._deliver, doing="Reading…")

    def _deliver(self, read: _Read) -> None:
        note = self._follow_column(read)
        self._read = read
        self._send_result(*self._build_message(read, note))

    def _see_again(self, see: Callable[[Any], Any]) -> None:
        super()._see_again(see)
        contrast = see(self._read.contrast)
        self._deliver(_Read(self._read.first, self._read.second, contrast, _pack_columns(contrast)))

    def _list_held(self) -> tuple[object, ...]:
        return (self._read.contrast,)

    def _get_result(self) -> TextContrast:
        return self._read.contrast

    def _follow_column(self, read: _Read) -> str:
        """Bring the column picked to new texts, or drop it. Returns what became of it, as a sentence."""
        before, after, column, due = self._read.contrast, read.contrast, self.selected_column, self._due_pos
        self._due_pos = None
        texts = (read.first, read.second)
        if due is not None:
            self._follow_to(_find_column(after.pairs, 0, due), texts)
            return ""
        if column is None or column >= len(before.pairs) or self._picked_in == texts:
            return ""
        now, name = None, ""
        for side, (old, new) in enumerate(((before.first, after.first), (before.second, after.second))):
            pos = int(before.pairs[column, side])
            if pos < 0 or now is not None:
                continue
            name = name or format_tokens(old.tokens.strings, old.tokens.glyphs)[pos]
            same = find_same(old.tokens, new.tokens, pos)
            now = None if same is None else _find_column(after.pairs, side, same)
        self._follow_to(now, texts)
        if now == column:
            return ""
        if now is None:
            return f"The text around the column picked, {name}, has changed: none is picked now."
        return f"The column picked, {name}, is number {now} now; it was {column}."

    def _follow_to(self, column: int | None, texts: object) -> None:
        self._is_following = True
        try:
            self.selected_column = column
        finally:
            self._is_following = False
        self._picked_in = texts

    def _build_message(self, read: _Read, note: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        contrast, refs, selected = read.contrast, self.features, self.selected_feature
        sides = (contrast.first, contrast.second)
        whole = (contrast.differing(CONTRASTED), contrast.shared(CONTRASTED))
        columns = (read.arrays["differing_features"], read.arrays["shared_features"])
        listed = {*(one.feature for found in whole for one in found), *np.unique(columns).tolist()}
        labels = contrast.first.labels | contrast.second.labels
        content = {
            "first": as_prompt(read.first),
            "second": as_prompt(read.second),
            "texts": [_tell_text(side) for side in sides],
            "features": self._tell_known(refs),
            "selected": None if selected is None else self._tell_known([selected])[0],
            "differing": _tell_activations(whole[0]),
            "shared": _tell_activations(whole[1]),
            "labels": {str(one): tell_label(labels[one]) for one in sorted(listed) if one in labels},
            "note": note,
        }
        arrays = dict(read.arrays)
        for name, side in zip(("first", "second"), sides, strict=True):
            traces = [side.trace(ref.feature) for ref in refs]
            arrays[f"{name}_values"] = np.array(traces, np.float32).reshape(len(refs), len(side.tokens))
            none = np.zeros(len(side.tokens), np.float32)
            arrays[f"{name}_painted"] = none if selected is None else side.trace(selected.feature).astype(np.float32)
        return content, arrays

    def _list_tokens(self) -> tuple[list[str], list[str]]:
        first, second = (side.tokens for side in (self._read.contrast.first, self._read.contrast.second))
        return format_tokens(first.strings, first.glyphs), format_tokens(second.strings, second.glyphs)

    def _copy_parts(self) -> list[str]:
        contrast, sides = self._read.contrast, self._list_tokens()
        lengths = contrast.differences()
        aligned = [
            [
                str(row),
                *(_name(side, int(pos)) for side, pos in zip(sides, pair, strict=True)),
                format_number(float(length)),
            ]
            for row, (pair, length) in enumerate(zip(contrast.pairs, lengths, strict=True))
        ]
        columns = ["column", "first text", "second text", "difference"]
        table = copy.build_token_table(columns=columns, rows=aligned, caption="Tokens aligned")
        found = [(one, "differs") for one in contrast.differing(CONTRASTED)]
        found += [(one, "in both") for one in contrast.shared(CONTRASTED)]
        return [
            copy.build_paragraph(f"First text: {format_prompt(as_prompt(self._read.first))}"),
            copy.build_paragraph(f"Second text: {format_prompt(as_prompt(self._read.second))}"),
            _build_features(found),
            copy.build_details("Tokens", table),
        ]

    def _define_terms(self) -> dict[str, str]:
        return {name: define(name) for name in ("feature", "activation")}


def _find_column(pairs: np.ndarray, side: int, pos: int) -> int | None:
    found = np.flatnonzero(pairs[:, side] == pos)
    return int(found[0]) if len(found) else None


def _name(side: Sequence[str], pos: int) -> str:
    return "none" if pos < 0 else side[pos]


def _pack_columns(contrast: TextContrast) -> dict[str, np.ndarray]:
    """The features that differ and those shared, column by column, and what else the message tells of the columns."""
    rows = range(len(contrast.pairs))
    packed = {"pairs": contrast.pairs.astype(np.int32), "differences": contrast.differences()}
    for name, choose in (("differing", contrast.differing), ("shared", contrast.shared)):
        features = np.full((len(rows), CONTRASTED_HERE), -1, np.int32)
        activations = np.zeros((len(rows), CONTRASTED_HERE, 2), np.float32)
        for row in rows:
            for at, one in enumerate(choose(CONTRASTED_HERE, row=row)):
                features[row, at], activations[row, at] = one.feature, (one.first, one.second)
        packed |= {f"{name}_features": features, f"{name}_activations": activations}
    return packed


def _tell_text(reading: FeatureReading) -> ContrastedText:
    tokens = reading.tokens
    return {
        "tokens": list(tokens.strings),
        "ignored": {str(pos): reason for pos, reason in tokens.ignored.items()},
        "glyphs": [{"first": first, "last": last, "character": glyph} for first, last, glyph in tokens.glyphs],
    }


def _tell_activations(found: Iterable[ContrastedFeature]) -> list[ContrastedActivation]:
    return [{"feature": one.feature, "first": one.first, "second": one.second} for one in found]


def _build_features(found: Sequence[tuple[ContrastedFeature, str]]) -> str:
    if not found:
        return copy.build_paragraph("No feature fires in either text.")
    rows = [
        [
            str(one.feature),
            format_text(one.label.text) if one.label else "no label",
            word,
            format_number(one.first, 4),
            format_number(one.second, 4),
            format_number(one.difference, 4),
        ]
        for one, word in found
    ]
    columns = ["feature", "label", "it", "in the first", "in the second", "second less first"]
    return copy.build_table(columns=columns, rows=rows, caption="Largest activation in each text")
