"""FeatureFinder: a list of features: those that fire here, those whose label fits, those that texts point to."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypedDict, get_args

import traitlets as t

from gscope_widgets.errors import InvalidValue, PromptTooLong, describe_value
from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.figures import escape_math, open_figure, write_title
from gscope_widgets.records.frames import build_frame
from gscope_widgets.records.glossary import define
from gscope_widgets.records.hits import FeatureHit, FeatureHits
from gscope_widgets.records.protocols import Dictionary, Job, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.readings import FeatureReading, Ranking, TopFeature
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.features import tell_label, tell_ref
from gscope_widgets.widgets.base.formats import (
    format_label,
    format_number,
    format_percent,
    format_prompt,
    format_text,
    format_token,
)
from gscope_widgets.widgets.base.limits import FOUND_FEATURES, FOUND_TEXTS, QUERY_LENGTH
from gscope_widgets.widgets.base.picks import TokenPicker, check_place
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
from gscope_widgets.widgets.base.wire import ArrayHead, Glyph, Label, Ref, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

Way = Literal["here", "label", "texts"]

_ORDERS: Mapping[Ranking, str] = {
    "activation": "the largest activation first",
    "share": "the largest share of its own known maximum first",
    "rarity": "the rarest first",
}


class Chance(TypedDict):
    """What a score comes to when the texts' marks are dealt out anew; see `ShuffledNull`."""

    mean: float
    p95: float
    reached: float
    reached_by_any: float


class Found(TypedDict):
    """A feature of the list."""

    feature: int
    label: Label | None
    activation: float | None  # its largest here; null where it does not fire here
    pos: int | None  # where that is
    share: float | None  # of its known maximum; null where that is not known
    max_activation: float | None
    density: float | None  # null where it is not known
    dense: bool  # whether it fires at more than one token in ten
    score: float | None  # of a search
    positive: float | None  # mean over the (positive) texts of its largest activation in each; null by label
    negative: float | None
    chance: Chance | None  # of a contrast


class FinderResult(TypedDict):
    """The list, and the text that it is about."""

    type: Literal["result"]
    request: int
    text: Text  # the settings that this answers: compare with what the view shows now
    way: Way
    query: str
    positive: list[str]
    negative: list[str]
    heading: str  # what the list is of, and in which order
    note: str  # what there is to say besides: nothing was found and what comes nearest, a pick that moved
    nearest: list[str]  # labels most like a query that none holds
    densities_on: str  # what text densities and known maxima are of; empty where nobody says
    measure: str  # what `score` is, in words; empty where there is none
    count: int  # features that there are; the list is the first of them
    found: list[Found]
    tokens: list[str]
    glyphs: list[Glyph]
    ignored: dict[str, str]  # position to the reason it is left out
    arrays: list[ArrayHead]  # none


class _Read(NamedTuple):
    settings: dict[str, Any]
    reading: FeatureReading
    hits: FeatureHits | None  # None for what fires here, and where there is nothing to search by


class _Row(NamedTuple):
    feature: int
    label: FeatureLabel | None
    top: TopFeature | None  # where it fires in the text, or at the token picked
    hit: FeatureHit | None


def _check_text(finder: "FeatureFinder", value: object) -> object:
    return check_text(finder.scope, value)


def _check_order(_finder: "FeatureFinder", value: object) -> str:
    if not isinstance(value, str) or value not in get_args(Ranking):
        raise InvalidValue(f"order must be one of {', '.join(get_args(Ranking))}, got {describe_value(value)}")
    return value


def _check_way(_finder: "FeatureFinder", value: object) -> str:
    if not isinstance(value, str) or value not in get_args(Way):
        raise InvalidValue(f"way must be one of {', '.join(get_args(Way))}, got {describe_value(value)}")
    return value


def _check_query(_finder: "FeatureFinder", value: object) -> str:
    if not isinstance(value, str) or len(value) > QUERY_LENGTH:
        raise InvalidValue(
            f"query is a part of a label, at most {QUERY_LENGTH} characters, got {describe_value(value)}"
        )
    return value


def _check_texts(name: str) -> Callable[["FeatureFinder", Any], tuple[str, ...]]:
    def check(finder: "FeatureFinder", value: Any) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) and one.strip() for one in value):
            raise InvalidValue(f"{name} is a list of texts, none of them empty, got {describe_value(value)}")
        if len(value) > FOUND_TEXTS:
            raise InvalidValue(f"{name} takes at most {FOUND_TEXTS} texts, got {len(value)}")
        return tuple(_check_one(finder, name, at, one) for at, one in enumerate(value))

    return check


def _check_one(finder: "FeatureFinder", name: str, at: int, value: str) -> str:
    try:
        return str(check_text(finder.scope, value))
    except PromptTooLong as error:
        raise PromptTooLong(f"text {at + 1} of {name}, {describe_value(value, limit=40)}: {error}") from None


def _check_selected(finder: "FeatureFinder", value: object) -> FeatureRef | None:
    if value is None:
        return None
    ref = check_ref(finder.scope, value, lambda: finder.dictionary)
    if ref.dictionary_id != finder.dictionary.info.id:
        raise InvalidValue(f"{ref} is of another dictionary than this finder's, {finder.dictionary.info.id}")
    return ref


class FeatureFinder(TokenPicker):
    """A list of features, filled in one of three ways.

    - `way="here"`: those that fire in `text`, or at the token `pos` of it, in the `order` asked for.
    - `way="label"`: those whose label holds `query`; the empty query lists all labelled ones.
    - `way="texts"`: those that fire most on the texts of `positive`; with `negative`, those that tell the two sets
      apart, the shuffled null beside each score.

    To set `query`, or texts, also sets the way. Each feature stands with what it does in the text. Fifty at most are
    listed. A click, or Enter, sets `selected_feature`.
    """

    text = Checked(_check_text, Text, "", help="What is read: a string, or chat messages for a chat model.")
    way = Checked(_check_way, Way, "here", help="How the list is filled: here, label or texts; see the class.")
    order = Checked(
        _check_order, Ranking, "activation", help="Of what fires here: by activation, share of own maximum, or rarity."
    )
    query = Checked(_check_query, Annotated[str, Bounds(length=QUERY_LENGTH)], "", help="A part of a label.")
    positive = Checked(
        _check_texts("positive"), list[str], (), help="Texts that the features should fire on.", to_page=list
    )
    negative = Checked(
        _check_texts("negative"), list[str], (), help="Texts on which they should fire less.", to_page=list
    )
    selected_feature = Checked(
        _check_selected,
        Ref | None,
        None,
        accepts=int | Ref | None,
        to_page=lambda ref: None if ref is None else tell_ref(ref),
        help="The feature picked, as a FeatureRef, or None.",
    )
    dictionary_id = Told(str, "", help="The dictionary whose features are listed.")

    to_page = {"result": FinderResult}
    shared_state: ClassVar[Mapping[SharedName, str]] = {"feature": "selected_feature", "pos": "selected_pos"}
    settings = ("text", "way", "query", "positive", "negative")
    _asking = settings
    _label_settings = ("query",)

    def __init__(
        self,
        scope: Scope,
        text: str | Sequence[dict[str, str]] = "",
        dictionary: Dictionary | None = None,
        *,
        pos: int | None = None,
        order: Ranking = "activation",
        selected_feature: int | FeatureRef | None = None,
    ):
        """List what fires on the text.

        Args:
            scope: from `gs.load`.
            text: a string, or chat messages for a chat model.
            dictionary: from `scope.dictionary()`, which is also the default.
            pos: a position; None for the whole text.
            order: "activation", "share" or "rarity"; see the trait.
            selected_feature: picked at first.

        Raises:
            PromptTooLong, UnknownFeature, InvalidValue: with what to do.
        """
        check_scope(scope)
        self.scope = scope
        self.dictionary = check_dictionary(scope, dictionary)
        state = {"order": _check_order(self, order), "selected_feature": _check_selected(self, selected_feature)}
        settings = {"text": check_text(scope, text), "way": "here", "query": "", "positive": (), "negative": ()}
        self._read = _Read(settings, scope.read(as_prompt(settings["text"]), self.dictionary), None)
        if pos is not None:
            check_place("pos", pos, count=len(self._read.reading.tokens), of="the text's tokens")
        id_ = self.dictionary.info.id
        super().__init__(
            scope,
            text=settings["text"],
            selected_pos=pos,
            dictionary_id=id_,
            footer=describe_engine(scope, id_),
            **state,
        )
        self._present(self._read, self._deliver)
        self._open()

    # ---- what it holds

    @property
    def pos(self) -> int | None:
        """The token picked, or None; the trait `selected_pos` by a shorter name."""
        found: int | None = self.selected_pos
        return found

    @pos.setter
    def pos(self, value: int | None) -> None:
        self.selected_pos = value

    @property
    def reading(self) -> FeatureReading:
        """The features on the text shown, once the newest request is answered."""
        self.wait()
        return self._read.reading

    @property
    def hits(self) -> FeatureHits | None:
        """What the last search found, once the newest request is answered; None for what fires here."""
        self.wait()
        return self._read.hits

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame of the list: `feature`, `label`, `activation`, `pos`, `token`, `share`, `density`, ....

        `activation` to `share` are of the text, or of the token picked; None where the feature does not fire there.
        `score`, `null_mean`, `null_p95`, `reached` and `reached_by_any` are a search's.
        """
        rows = [self._tell(row) for row in self._list()[0]]
        tokens = self._read.reading.tokens.strings
        chances = [row["chance"] for row in rows]
        return build_frame(
            feature=[row["feature"] for row in rows],
            label=[row["label"] and row["label"]["text"] for row in rows],
            activation=[row["activation"] for row in rows],
            pos=[row["pos"] for row in rows],
            token=[None if row["pos"] is None else tokens[row["pos"]] for row in rows],
            share=[row["share"] for row in rows],
            density=[row["density"] for row in rows],
            score=[row["score"] for row in rows],
            null_mean=[one and one["mean"] for one in chances],
            null_p95=[one and one["p95"] for one in chances],
            reached=[one and one["reached"] for one in chances],
            reached_by_any=[one and one["reached_by_any"] for one in chances],
        )

    def plot(self) -> "Figure":
        """A matplotlib Figure: a bar for each feature of the list, as long as its activation, or a search's score."""
        if self._read.hits is not None:
            return self._read.hits.plot()
        rows = self._list()[0]
        figure = open_figure(6, 1.2 + 0.25 * max(1, len(rows)), self.provenance)
        axes = figure.subplots()
        axes.barh(range(len(rows)), [row.top.activation if row.top else 0.0 for row in rows])
        names = [f"{row.feature} {'' if row.label is None else row.label.text}"[:40] for row in rows]
        axes.set_yticks(range(len(rows)), [escape_math(format_text(name)) for name in names])
        axes.invert_yaxis()
        axes.set_xlabel("activation")
        write_title(figure, f"{self.badge} · {self.dictionary_id}")
        return figure

    def shows(self) -> list[str]:
        """The heading, and each feature's number, token and share."""
        words = [self._write_heading()]
        for row in self._list()[0]:
            words.append(str(row.feature))
            if row.top is not None:
                words += [format_number(row.top.activation, 4), format_token(row.top.token)]
                words += [] if row.top.share is None else [format_percent(row.top.share)]
            if row.hit is not None and row.hit.score is not None:
                words.append(format_number(row.hit.score))
        return list(dict.fromkeys(words))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        settings, reading, hits = self._read
        lines = [f"text = {as_prompt(settings['text'])!r}"]
        if hits is None:
            pos = self._find_pos(reading)
            lines += [
                "reading = scope.read(text, dictionary)",
                f"for found in reading.top({FOUND_FEATURES}, pos={pos}, by={self.order!r}):",
                "    print(found.feature, found.activation, found.pos, found.share, found.density)",
            ]
        elif settings["way"] == "label":
            lines.append(f"hits = scope.find({settings['query']!r}, dictionary, k={self._count_wanted()})")
            lines.append("print(hits.to_frame().to_string())")
        else:
            sets = f"positive={list(settings['positive'])!r}, negative={list(settings['negative'])!r}"
            lines.append(f"hits = scope.find(dictionary=dictionary, {sets}, k={self._count_wanted()})")
            lines.append("print(hits.to_frame().to_string())")
        return "\n".join([*Opening(self.scope, dictionary_ids=[self.dictionary_id]).lines, *lines])

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from."""
        settings, reading, _ = self._read
        kept = {name: settings[name] for name in ("way", "query")}
        sets = {name: list(settings[name]) for name in ("positive", "negative")}
        where = {"pos": self._find_pos(reading), "order": self.order}
        return self.scope.provenance([self.dictionary_id], token_ids=reading.tokens.ids, **kept, **sets, **where)

    def take_shared(self, name: SharedName, value: Any) -> None:
        """See `GscopeWidget`. A feature of another dictionary is left alone."""
        if name == "feature" and value is not None and value.dictionary_id != self.dictionary_id:
            return
        super().take_shared(name, value)

    # ---- state

    @t.observe("query")
    def _on_query(self, change: Any) -> None:
        if not self._is_quiet and change.new:
            self.way = "label"

    @t.observe("positive", "negative")
    def _on_texts(self, change: Any) -> None:
        if not self._is_quiet and change.new:
            self.way = "texts"

    @t.observe("order", "selected_pos")
    def _on_look(self, _change: object) -> None:
        if not self._is_quiet:
            self._tell_list("")
            self._output.refresh()

    @t.observe("selected_feature")
    def _on_selected(self, _change: object) -> None:
        if not self._is_quiet:
            self._output.refresh()

    # ---- requests

    def _answer(self, settings: dict[str, Any]) -> None:
        if settings["way"] == "texts" and settings["positive"] and not self._has_searched(settings):
            self._requests.start(lambda number: self._start_search(settings, number), doing="Reading the texts…")
            return

        def work() -> _Read:
            return _Read(settings, self._read_text(settings), self._search(settings))

        doing = "Searching…" if settings["way"] == "label" else "Reading…"
        self._request(work, deliver=self._deliver, doing=doing)

    def _start_search(self, settings: dict[str, Any], number: int) -> Job:
        """A search through texts is the request's own job: its progress is shown, and a stop reaches it."""
        job = self.scope.start_find(
            dictionary=self.dictionary,
            positive=settings["positive"],
            negative=settings["negative"],
            k=self._count_wanted(),
            slot=id(self),
        )

        def take(ended: Job) -> None:
            if ended.exception() is not None:
                return
            try:
                found = _Read(settings, self._read_text(settings), ended.result())
                self._requests.deliver(number, lambda: self._deliver(found))
            except Exception as error:  # noqa: BLE001 - it becomes the widget's status
                self._requests.end(number, error)

        job.add_done_callback(take)
        return job

    def _read_text(self, settings: dict[str, Any]) -> FeatureReading:
        known = self._read
        if known.settings["text"] == settings["text"]:
            return known.reading
        return self.scope.read(as_prompt(settings["text"]), self.dictionary)

    def _search(self, settings: dict[str, Any]) -> FeatureHits | None:
        if self._has_searched(settings):
            return self._read.hits
        if settings["way"] != "label":
            return None
        return self.scope.find(settings["query"], self.dictionary, k=self._count_wanted())

    def _has_searched(self, settings: dict[str, Any]) -> bool:
        """Whether the last search is the one asked for."""
        names = {"label": ("way", "query"), "texts": ("way", "positive", "negative")}.get(settings["way"], ())
        known = self._read
        return bool(names) and known.hits is not None and all(known.settings[one] == settings[one] for one in names)

    def _count_wanted(self) -> int:
        return min(FOUND_FEATURES, self.dictionary.d_dict)

    def _deliver(self, read: _Read) -> None:
        note = self._follow_pick(self._read.reading.tokens, read.reading.tokens, read.settings["text"])
        self._read = read
        self._tell_list(note)

    def _see_again(self, see: Callable[[Any], Any]) -> None:
        settings, reading, hits = self._read
        if self.lesson is not None and self.lesson.hides_labels and "label" in (self.way, settings["way"]):
            with self._quietly(), self.hold_trait_notifications():  # a list found by its labels would tell them
                self.way, self.query = "here", ""
            self._asked = settings = self._read_settings()
            hits = None
        self._deliver(_Read(settings, see(reading), see(hits)))

    def _list_held(self) -> tuple[object, ...]:
        return (self._read.reading if self._read.hits is None else self._read.hits,)

    def _require_allowed(self, name: str, value: Any) -> None:
        super()._require_allowed(name, value)
        is_by_label = (name == "way" and value == "label") or (name == "query" and value)
        if is_by_label and self.lesson is not None and self.lesson.hides_labels and not self._is_quiet:
            raise InvalidValue("labels are hidden by your course; search by texts, or call widget.unlock()")

    def _shown_text(self) -> object:
        return self._read.settings["text"]

    def _get_result(self) -> FeatureReading | FeatureHits:
        return self._read.reading if self._read.hits is None else self._read.hits

    # ---- the list

    def _find_pos(self, reading: FeatureReading) -> int | None:
        """The position that the list is of; None for the whole text, also where the text has not so many tokens."""
        pos: int | None = self.selected_pos
        return None if pos is None or pos >= len(reading.tokens) else pos

    def _list(self) -> tuple[list[_Row], int]:
        """The features listed, and how many there are."""
        settings, reading, hits = self._read
        tops = reading.top(self.dictionary.d_dict, pos=self._find_pos(reading), by=self.order)
        if settings["way"] == "here":
            return [_Row(top.feature, top.label, top, None) for top in tops[:FOUND_FEATURES]], len(tops)
        here = {top.feature: top for top in tops}
        rows = [_Row(hit.feature, hit.label, here.get(hit.feature), hit) for hit in hits or ()]
        return rows, len(rows)

    def _tell(self, row: _Row) -> Found:
        top, hit = row.top, row.hit
        reading = self._read.reading
        density = reading.densities.get(row.feature)
        null = None if hit is None else hit.null
        return {
            "feature": row.feature,
            "label": tell_label(row.label),
            "activation": None if top is None else top.activation,
            "pos": None if top is None else top.pos,
            "share": None if top is None else top.share,
            "max_activation": top.max_activation if top is not None else hit.max_activation if hit else None,
            "density": density,
            "dense": top is not None and top.is_dense,
            "score": None if hit is None else hit.score,
            "positive": None if hit is None else hit.positive,
            "negative": None if hit is None else hit.negative,
            "chance": None
            if null is None
            else {
                "mean": null.mean,
                "p95": null.p95,
                "reached": null.reached,
                "reached_by_any": null.reached_by_any,
            },
        }

    def _tell_list(self, moved: str) -> None:
        settings, reading, hits = self._read
        rows, count = self._list()
        content = {
            **{name: settings[name] for name in ("way", "query")},
            "text": as_prompt(settings["text"]),
            "positive": list(settings["positive"]),
            "negative": list(settings["negative"]),
            "heading": self._write_heading(),
            "note": " ".join(filter(None, [moved, self._write_note()])),
            "nearest": list(hits.nearest) if hits is not None else [],
            "densities_on": reading.densities_on,
            "measure": hits.measure if hits is not None else "",
            "count": count,
            "found": [self._tell(row) for row in rows],
            "tokens": list(reading.tokens.strings),
            "glyphs": [
                {"first": first, "last": last, "character": glyph} for first, last, glyph in reading.tokens.glyphs
            ],
            "ignored": {str(pos): reason for pos, reason in reading.tokens.ignored.items()},
        }
        self._send_result(content)

    def _write_heading(self) -> str:
        settings, reading, hits = self._read
        count = self._list()[1]
        some = f"{count} features" if count > 1 else "1 feature" if count else "No feature"
        if settings["way"] == "label":
            query = format_text(settings["query"])
            return f"{some} whose label holds “{query}”" if query else f"{some} with a label"
        if settings["way"] == "texts":
            ahead, behind = len(settings["positive"]), len(settings["negative"])
            if hits is None:
                return "Features by texts"
            texts = f"{ahead} text{'s' if ahead != 1 else ''}"
            if behind:
                others = f"{behind} other{'s' if behind != 1 else ''}"
                return f"{some} that tell{'' if count > 1 else 's'} {texts} from {others}"
            return f"{some} that fire{'' if count > 1 else 's'} most on {texts}"
        pos = self._find_pos(reading)
        fires = "fire" if count > 1 else "fires"
        where = (
            "in the whole text" if pos is None else f"at position {pos}, {format_token(reading.tokens.strings[pos])}"
        )
        some = f"The first {FOUND_FEATURES} of {some}" if count > FOUND_FEATURES else some
        return f"{some} that {fires} {where}: {_ORDERS[self.order]}"

    def _write_note(self) -> str:
        settings, reading, hits = self._read
        if hits is not None and hits.nearest:
            names = ", ".join(f"“{format_text(one)}”" for one in hits.nearest)
            return f"No label of this dictionary holds it; the nearest are {names}."
        if hits is not None:
            return hits.note
        if settings["way"] == "texts":
            return "Give at least one text that the features should fire on, one a line."
        pos = self._find_pos(reading)
        if pos is not None and pos in reading.tokens.ignored:
            return f"Position {pos} is left out: {reading.tokens.ignored[pos]}."
        if not reading.tokens.used:
            return "No text is read yet: there is no token at which features are read."
        return "" if self._list()[1] else "No feature fires here."

    def _copy_parts(self) -> list[str]:
        settings, reading, hits = self._read
        parts = [
            copy.build_paragraph(f"Text: {format_prompt(as_prompt(settings['text']))}"),
            copy.build_heading(self._write_heading()),
        ]
        if note := self._write_note():
            parts.append(copy.build_paragraph(note))
        rows = self._list()[0]
        if not rows:
            return parts
        columns = ["feature", "label", "activation", "at", "share of known maximum", "density"]
        more = [] if hits is None else [hits.measure or "score", "shuffled mean", "share of deals that reach it"]
        cells = [self._write_cells(row, searched=hits is not None) for row in rows]
        on = reading.densities_on
        caption = f"Features; densities and known maxima are of {format_text(on)}" if on else "Features"
        return [*parts, copy.build_table(columns=[*columns, *more], rows=cells, caption=caption)]

    def _define_terms(self) -> dict[str, str]:
        return {name: define(name) for name in ("feature", "activation", "known maximum", "density")}

    def _write_cells(self, row: _Row, *, searched: bool) -> list[str]:
        told = self._tell(row)
        top, chance, score = row.top, told["chance"], told["score"]
        dense = ", dense" if told["dense"] else ""
        label = format_label(row.label).strip()[1:-1]
        cells = [
            str(row.feature),
            label or "no label",
            "silent here" if top is None else format_number(top.activation, 4),
            "" if top is None else f"{format_token(top.token)}, position {top.pos}",
            "not known" if told["share"] is None else format_percent(told["share"]),
            "not known" if told["density"] is None else f"{format_percent(told['density'])}{dense}",
        ]
        if searched:
            cells.append("none" if score is None else format_number(score))
            cells.append("" if chance is None else format_number(chance["mean"]))
            cells.append("" if chance is None else format_percent(chance["reached"]))
        return cells
