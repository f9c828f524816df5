"""DictionaryCompare: one text through two dictionaries, and which features of one answer those of the other."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypedDict, get_args

import numpy as np
import traitlets as t

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.glossary import define
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.matches import (
    KINDS,
    DictionaryComparison,
    DictionaryPair,
    FeatureMatch,
    MatchedFeature,
    MatchKind,
    MatchMeasure,
)
from gscope_widgets.records.numbers import check_float
from gscope_widgets.records.protocols import Dictionary, Job, Scope
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.records.tokens import Prompt
from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.code import Opening
from gscope_widgets.widgets.base.contract import Bounds
from gscope_widgets.widgets.base.features import tell_label, tell_ref
from gscope_widgets.widgets.base.formats import format_feature, format_number, format_prompt, format_text, format_tokens
from gscope_widgets.widgets.base.homes import Home, open_homes, read_elsewhere
from gscope_widgets.widgets.base.limits import MATCHED_HERE, MATCHES, MATCHES_LISTED, MEMBERS_LISTED
from gscope_widgets.widgets.base.matches import (
    ORDERS,
    ListedMatch,
    Order,
    TokenMatches,
    choose_matches,
    index_features,
    list_by_token,
    list_matches,
    pack_matches,
)
from gscope_widgets.widgets.base.picks import TokenPicker, check_place
from gscope_widgets.widgets.base.reader import describe_engine
from gscope_widgets.widgets.base.state import (
    Checked,
    Told,
    as_prompt,
    check_ref,
    check_scope,
    check_text,
)
from gscope_widgets.widgets.base.widget import SharedName
from gscope_widgets.widgets.base.wire import ArrayHead, FeatureInfo, Glyph, Label, Piece, Ref, Text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

Shown = Literal["all", "one to one", "split", "merged", "several to several", "only first", "only second"]

_ON_SCALES_OF_THEIR_OWN = (
    "The two read different vectors. So a cosine of their decoder rows would mean nothing, and they are matched by "
    "where they fire; and activations and FVU of either are on a scale of its own: compare where features fire, not "
    "how strongly."
)
_NOTHING_READ = "No token is left to read features at, and so there is nothing to compare."


class Choice(TypedDict):
    """A dictionary that may stand on either side."""

    dictionary_id: str
    name: str  # where it sits: "resid_post layer 4", with its size where two sit there, with its model where two read


class ComparedSide(TypedDict):
    """What one of the two dictionaries makes of the text."""

    dictionary_id: str
    name: str  # as in `choices`
    d_dict: int
    mean_l0: float | None  # null where no token is left
    fvu: float | None  # null where it is not defined
    firing: int  # features that fire on the text
    alone: int  # of them, those without a partner
    labels: dict[str, Label]  # of every feature listed that has one


class KindCount(TypedDict):
    """How many matches of the whole text are of a kind."""

    kind: MatchKind
    count: int


class SelectedMatch(TypedDict):
    """The match whose activations `painted` holds."""

    first: list[FeatureInfo]
    second: list[FeatureInfo]
    kind: MatchKind | None  # null for a feature that is silent here, and answers none that fires
    value: float | None


class CompareResult(TypedDict):
    """One text as two dictionaries read it."""

    type: Literal["result"]
    request: int
    text: Text  # the settings that this answers: compare with what the view shows now
    compared: list[str]
    tokens: list[str]
    glyphs: list[Glyph]
    ignored: dict[str, str]  # position to the reason it is left out
    sides: list[ComparedSide]  # the first and the second
    measure: MatchMeasure
    on: str  # of what the measure is, in words
    threshold: float  # from which value on features count as matched
    counts: list[KindCount]  # in the order that `kinds` numbers them
    selected: SelectedMatch | None
    one_scale: bool  # whether activations of either may be set against the other's: both read the same vectors
    notes: list[str]  # what to keep in mind, a sentence each
    note: str  # what became of the token picked, a sentence; empty where it stands where it stood
    # l0 [2, pos] int32; fvu [2, pos] float32, NaN where it is not defined; painted [2, pos] float32, the largest
    # activation of either side of `selected`; matches by the largest difference: kinds [m] int32, values and nearest
    # [m] float32, NaN where there is none, activations [m, 2] float32; members [q, 3] int32: match, side, feature;
    # token_matches [pos, k] int32, -1 where fewer fire; token_activations [pos, k, 2] float32; token_counts [pos] int32
    arrays: list[ArrayHead]
    pieces: int  # messages that came before with the bytes of these arrays; 0 where they are this one's buffers


class _Read(NamedTuple):
    settings: dict[str, Any]  # those that the comparison follows from
    comparison: DictionaryComparison
    here: TokenMatches
    chosen: np.ndarray  # the matches that the page is told of, as indices
    arrays: dict[str, np.ndarray]  # of the message, as far as they follow from the comparison alone

    @property
    def pair(self) -> DictionaryPair:
        return self.comparison.pairs[0]


def _check_text(compare: "DictionaryCompare", value: object) -> object:
    return check_text(compare.scope, value)


def _check_compared(compare: "DictionaryCompare", value: Any) -> tuple[str, str]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise InvalidValue(f"compared must be two of the dictionaries given, got {describe_value(value)}")
    first, second = (_read_id(one) for one in value)
    for one in (first, second):
        if one not in compare._homes:
            raise InvalidValue(f"compared must be two of {', '.join(compare._homes)}, got {one}")
    if first == second:
        raise InvalidValue(f"{first} stands on both sides; compare two different dictionaries")
    return first, second


def _check_threshold(_compare: object, value: object) -> float | None:
    return None if value is None else check_float("threshold", value, low=0.0, high=1.0)


def _check_selected(compare: "DictionaryCompare", value: Any) -> FeatureRef | None:
    if value is None:
        return None
    given = value.get("dictionary_id") if isinstance(value, dict) else getattr(value, "dictionary_id", None)
    home = compare._homes.get(given) if isinstance(given, str) else None
    own = compare._homes[compare.compared[0]].dictionary
    ref = check_ref(compare.scope if home is None else home.scope, value, lambda: own)
    if ref.dictionary_id not in compare.compared:
        raise InvalidValue(f"{ref} is of neither dictionary compared, {' and '.join(compare.compared)}")
    return ref


def _check_order(_compare: object, value: object) -> object:
    return _check_word("order", value, get_args(Order))


def _check_kind(_compare: object, value: object) -> object:
    return _check_word("kind", value, get_args(Shown))


def _check_word(name: str, value: object, words: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in words:
        raise InvalidValue(f"{name} must be one of {', '.join(words)}, got {describe_value(value)}")
    return value


class DictionaryCompare(TokenPicker):
    """One editable text through two dictionaries: features that answer one another, those split, merged, or alone.

    Two dictionaries of one site and the same layers are matched by the cosine of their decoder rows, others by the
    correlation of their activations; see `scope.compare_dictionaries`. Pick a token to list what fires there in
    either; pick a match to see where either side of it fires.
    """

    text = Checked(_check_text, Text, "", help="What is read: a string, or chat messages for a chat model.")
    compared = Checked(
        _check_compared,
        list[str],
        (),
        to_page=list,
        help="Ids of the first and the second dictionary. Set as two of those given, by id or as dictionaries.",
    )
    threshold = Checked(
        _check_threshold,
        Annotated[float, Bounds(0, 1)] | None,
        None,
        help="From which value on features count as matched, 0 to 1; None for 0.5 (cosine), 0.7 (correlation).",
    )
    selected_feature = Checked(
        _check_selected,
        Ref | None,
        None,
        accepts=int | Ref | None,
        to_page=lambda ref: None if ref is None else tell_ref(ref),
        help="A feature of either dictionary, as a FeatureRef; the text shows where its match fires, on both sides. "
        "None shows what each dictionary leaves unexplained. Numbers are the first dictionary's.",
    )
    order = Checked(
        _check_order, Order, "difference", help="Of the matches: by difference, by the first, the second, or measure."
    )
    kind = Checked(_check_kind, Shown, "all", help="Which matches are listed: all, or those of one kind.")
    choices = Told(list[Choice], [], help="The dictionaries given, two of which are compared.")

    to_page = {"piece": Piece, "result": CompareResult}
    shared_state: ClassVar[Mapping[SharedName, str]] = {"feature": "selected_feature", "pos": "selected_pos"}
    settings = ("text", "compared", "threshold", "selected_feature")
    _asking = settings

    def __init__(
        self,
        scope: Scope,
        text: str | Sequence[dict[str, str]] = "",
        dictionaries: Sequence[Dictionary | Mapping[str, Any]] = (),
        *,
        other: Scope | None = None,
        texts: Sequence[Prompt] = (),
        threshold: float | None = None,
        pos: int | None = None,
        order: Order = "difference",
        selected_feature: int | FeatureRef | None = None,
    ):
        """Read the text with the first two dictionaries and match their features.

        Args:
            scope: from `gs.load`.
            text: a string, or chat messages for a chat model.
            dictionaries: two to six, from `scope.dictionary()`, or its keywords as a dict: `[{}, {"width": "64k"}]`.
                The first two are compared at first; the view offers all.
            other: the scope of those that read another model, such as the instruction-tuned one beside the base one.
            texts: on which correlations are measured, instead of the text alone; not with `other`.
            threshold: from which value on features count as matched, 0 to 1; None for that of the measure.
            pos: a position, whose features are listed; None for the whole text.
            order: of the matches; see the trait.
            selected_feature: picked at first.

        Raises:
            PromptTooLong, UnknownDictionary, UnknownFeature, InvalidValue: with what to do.
        """
        check_scope(scope)
        if other is not None:
            check_scope(other)
        self.scope = scope
        self._homes = open_homes(scope, other, dictionaries)
        given = read_list(texts)
        if given is None:
            raise InvalidValue(f"texts must be a list of texts, got {describe_value(texts)}")
        self._texts: tuple[Prompt, ...] = tuple(given)
        compared = tuple(self._homes)[:2]
        settings = {"text": check_text(scope, text), "compared": compared, "threshold": threshold}
        self._read = self._pack(settings, self._start_comparison(settings).wait())
        if pos is not None:
            check_place("pos", pos, count=len(self._read.comparison.readings[0].tokens), of="the text's tokens")
        super().__init__(
            scope,
            **settings,
            selected_feature=selected_feature,
            selected_pos=pos,
            order=order,
            choices=[{"dictionary_id": one, "name": home.name} for one, home in self._homes.items()],
            footer=self._describe_engine(compared),
        )
        self._present(self._read, self._deliver)
        self._open()

    # ---- what it holds

    @property
    def dictionaries(self) -> tuple[Dictionary, ...]:
        """The dictionaries given, two of which are `compared`."""
        return tuple(home.dictionary for home in self._homes.values())

    @property
    def comparison(self) -> DictionaryComparison:
        """Both readings and their matches, once the newest request is answered."""
        self.wait()
        return self._read.comparison

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, one row a match of the whole text; see `DictionaryComparison.to_frame`."""
        return self._read.comparison.to_frame()

    def plot(self) -> "Figure":
        """A matplotlib Figure: the activations of both sides of each match; see `DictionaryComparison.plot`."""
        return self._read.comparison.plot()

    def shows(self) -> list[str]:
        """The tokens, mean L0 and FVU of both dictionaries, and the numbers and activations of the matches listed."""
        tokens = self._read.comparison.readings[0].tokens
        words = format_tokens(tokens.strings, tokens.glyphs)
        for told in self._tell_sides(self._read):
            words += [told["name"], format_number(told["mean_l0"]), format_number(told["fvu"])]
        for one in self._list()[:MATCHES_LISTED]:
            for side in (one.match.first, one.match.second):
                words += [str(each.feature) for each in side[:MEMBERS_LISTED]]
            words += [format_number(one.first, 4), format_number(one.second, 4)]
        return list(dict.fromkeys(words))

    def to_code(self) -> str:
        """Code that gives the numbers on screen without the widget."""
        settings = self._read.settings
        homes = [self._homes[one] for one in settings["compared"]]
        runner, away = self._choose_runner(homes)
        lines, names = ["import gscope_widgets as gs", ""], {}
        prompt = f"text = {as_prompt(settings['text'])!r}"
        if away is not None:
            lines += [away.scope.to_code(), prompt]
            lines.append(f"reading = scope.read(text, {away.scope.write_opening(away.dictionary.info.id)})")
            names[away.dictionary.info.id] = "reading"
        own = [home.dictionary.info.id for home in homes if home is not away]
        opening = Opening(runner, dictionary_ids=own)
        names |= opening.names
        given = ", ".join(names[one] for one in settings["compared"])
        extra = f", texts={list(self._texts)!r}" if self._texts else ""
        extra += "" if settings["threshold"] is None else f", threshold={settings['threshold']!r}"
        return "\n".join(
            [
                *lines,
                *opening.lines[2:],
                *([prompt] if away is None else []),
                f"comparison = scope.compare_dictionaries(text, [{given}]{extra})",
                "for side in comparison.summaries:",
                "    print(side.info.id, side.mean_l0, side.fvu)",
                "for match in comparison.pairs[0].matches:",
                "    features = [[one.feature for one in side] for side in (match.first, match.second)]",
                "    print(match.kind, *features, match.value, *match.activations)",
            ]
        )

    @property
    def provenance(self) -> Provenance:
        """Where the numbers on screen come from. What another model's dictionary read is in the setting `other`."""
        settings, comparison = self._read.settings, self._read.comparison
        homes = [self._homes[one] for one in settings["compared"]]
        runner, away = self._choose_runner(homes)
        texts = [str(one) for one in self._texts]
        kept: dict[str, object] = {"threshold": comparison.pairs[0].threshold, "texts": texts}
        if away is not None:
            theirs = away.scope.provenance([away.dictionary.info.id])
            kept["other"] = {"model": theirs.model, "revision": theirs.revision, "dictionaries": theirs.dictionaries}
        own = [home.dictionary.info.id for home in homes if home is not away]
        return runner.provenance(own, token_ids=comparison.readings[0].tokens.ids, **kept)

    def take_shared(self, name: SharedName, value: Any) -> None:
        """See `GscopeWidget`. A feature of a dictionary that is not compared is left alone."""
        if name == "feature" and value is not None and value.dictionary_id not in self.compared:
            return
        super().take_shared(name, value)

    # ---- state

    @t.observe("compared")
    def _on_compared(self, change: Any) -> None:
        if self._is_quiet:
            return
        selected = self.selected_feature
        with self._quietly(), self.hold_sync():
            self.footer = self._describe_engine(change.new)
            if selected is not None and selected.dictionary_id not in change.new:
                self.selected_feature = None

    @t.observe("order", "kind", "selected_pos")
    def _on_look(self, _change: object) -> None:
        if not self._is_quiet:
            self._output.refresh()

    # ---- requests

    def _read_keyword(self, name: str) -> Any:
        if name == "other" and any(home.scope is not self.scope for home in self._homes.values()):
            raise InvalidValue("a comparison of dictionaries of two models is kept in no file; keep its to_code()")
        return list(self._homes) if name == "dictionaries" else super()._read_keyword(name)

    def _answer(self, settings: dict[str, Any]) -> None:
        known = self._read
        if all(known.settings[one] == settings[one] for one in known.settings):
            self._request(lambda: known, deliver=self._deliver, doing="Reading…")
        else:
            self._requests.start(lambda number: self._start(settings, number), doing="Comparing…")

    def _start(self, settings: dict[str, Any], number: int) -> Job:
        """The comparison is the request's own job: its progress is shown, and a stop reaches it."""
        job = self._start_comparison(settings)

        def take(ended: Job) -> None:
            if ended.exception() is not None:
                return
            try:
                read = self._pack(settings, ended.result())
                self._requests.deliver(number, lambda: self._deliver(read))
            except Exception as error:  # noqa: BLE001 - it becomes the widget's status
                self._requests.end(number, error)

        job.add_done_callback(take)
        return job

    def _choose_runner(self, homes: Sequence[Home]) -> tuple[Scope, Home | None]:
        """The scope that compares, and the dictionary that another one reads, if there is one."""
        if homes[0].scope is homes[1].scope:
            return homes[0].scope, None
        return self.scope, next(home for home in homes if home.scope is not self.scope)

    def _start_comparison(self, settings: Mapping[str, Any]) -> Job:
        prompt, threshold = as_prompt(settings["text"]), settings["threshold"]
        homes = [self._homes[one] for one in settings["compared"]]
        runner, away = self._choose_runner(homes)
        if away is None:
            both = [home.dictionary for home in homes]
            return runner.start_compare_dictionaries(
                prompt, both, texts=self._texts, threshold=threshold, slot=id(self)
            )

        def steps(_job: object) -> Generator[None, None, DictionaryComparison]:
            reading = yield from read_elsewhere(away, prompt, slot=id(self))
            given = [reading if home is away else home.dictionary for home in homes]
            return runner.compare_dictionaries(prompt, given, texts=self._texts, threshold=threshold)

        return runner.submit(steps, slot=id(self))

    def _pack(self, settings: Mapping[str, Any], comparison: DictionaryComparison) -> _Read:
        pair, readings = comparison.pairs[0], comparison.readings
        here = list_by_token(pair, readings, MATCHED_HERE)
        chosen = choose_matches(pair, here, MATCHES)
        arrays = {
            "l0": np.stack([reading.l0 for reading in readings]).astype(np.int32),
            "fvu": np.stack([reading.fvu for reading in readings]).astype(np.float32),
            **pack_matches(pair, here, chosen),
        }
        kept = {name: settings[name] for name in ("text", "compared", "threshold")}
        return _Read(kept, comparison, here, chosen, arrays)

    def _deliver(self, read: _Read) -> None:
        before, after = self._read.comparison.readings[0].tokens, read.comparison.readings[0].tokens
        note = self._follow_pick(before, after, read.settings["text"])
        self._read = read
        selected, painted = self._tell_selected(read)
        self._send_result(
            {**self._tell_text(read), "selected": selected, "note": note}, {**read.arrays, "painted": painted}
        )

    def _shown_text(self) -> object:
        return self._read.settings["text"]

    def _use_scope(self, change: Callable[[Scope], Scope]) -> None:
        changed: dict[int, Scope] = {}  # one for each scope: whether two are the same is asked
        for scope in (self.scope, *(home.scope for home in self._homes.values())):
            changed.setdefault(id(scope), change(scope))
        self._homes = {name: home._replace(scope=changed[id(home.scope)]) for name, home in self._homes.items()}
        self.scope = changed[id(self.scope)]

    def _see_again(self, see: Callable[[Any], Any]) -> None:
        self._deliver(self._pack(self._read.settings, see(self._read.comparison)))

    def _get_result(self) -> DictionaryComparison:
        return self._read.comparison

    # ---- words

    def _describe_engine(self, compared: Sequence[str]) -> str:
        by_scope: dict[int, tuple[Scope, list[str]]] = {}
        for one in compared:
            scope = self._homes[one].scope
            by_scope.setdefault(id(scope), (scope, []))[1].append(one)
        return " · ".join(describe_engine(scope, *ids) for scope, ids in by_scope.values())

    def _tell_text(self, read: _Read) -> dict[str, Any]:
        tokens, pair = read.comparison.readings[0].tokens, read.pair
        return {
            "text": as_prompt(read.settings["text"]),
            "compared": list(read.settings["compared"]),
            "tokens": list(tokens.strings),
            "glyphs": [{"first": first, "last": last, "character": glyph} for first, last, glyph in tokens.glyphs],
            "ignored": {str(pos): reason for pos, reason in tokens.ignored.items()},
            "sides": self._tell_sides(read),
            "measure": pair.measure,
            "on": pair.on,
            "threshold": pair.threshold,
            "counts": [{"kind": kind, "count": pair.count(kind)} for kind in KINDS],
            "one_scale": _are_on_one_scale(read.comparison),
            "notes": _write_notes(read.comparison),
        }

    def _tell_sides(self, read: _Read) -> list[ComparedSide]:
        sides: list[ComparedSide] = []
        comparison = read.comparison
        for at, summary in enumerate(comparison.summaries):
            alone: MatchKind = "only second" if at else "only first"
            told = (read.pair.matches[one] for one in read.chosen)
            members = [one for match in told for one in (match.first, match.second)[at]]
            sides.append(
                {
                    "dictionary_id": summary.info.id,
                    "name": self._homes[summary.info.id].name,
                    "d_dict": self._homes[summary.info.id].dictionary.d_dict,
                    "mean_l0": None if np.isnan(summary.mean_l0) else summary.mean_l0,
                    "fvu": summary.fvu,
                    "firing": len(np.unique(comparison.readings[at].features)),
                    "alone": read.pair.count(alone),
                    "labels": {str(one.feature): label for one in members if (label := tell_label(one.label))},
                }
            )
        return sides

    def _tell_selected(self, read: _Read) -> tuple[SelectedMatch | None, np.ndarray]:
        """The match of the feature selected, and where either side of it fires: float32, [2, pos]."""
        ref, compared, readings = self.selected_feature, read.settings["compared"], read.comparison.readings
        painted = np.zeros((2, len(readings[0].tokens)), np.float32)
        if ref is None or ref.dictionary_id not in compared:
            return None, painted
        side = compared.index(ref.dictionary_id)
        owner = index_features(read.pair, side, self._homes[ref.dictionary_id].dictionary.d_dict)[ref.feature]
        match = None if owner < 0 else read.pair.matches[owner]
        sides: list[list[int]] = [[], []]
        if match is None:
            sides[side].append(ref.feature)
        else:
            sides = [[one.feature for one in features] for features in (match.first, match.second)]
        for at, (reading, features) in enumerate(zip(readings, sides, strict=True)):
            for feature in features:
                painted[at] = np.maximum(painted[at], reading.trace(feature))
        first, second = (
            [self._tell_feature(one, feature) for feature in features]
            for one, features in zip(compared, sides, strict=True)
        )
        told: SelectedMatch = {
            "first": first,
            "second": second,
            "kind": None if match is None else match.kind,
            "value": None if match is None else match.value,
        }
        return told, painted

    def _tell_feature(self, dictionary_id: str, feature: int) -> FeatureInfo:
        home, ref = self._homes[dictionary_id], FeatureRef(dictionary_id, feature)
        summary = home.scope.describe(ref)
        return {
            "dictionary_id": dictionary_id,
            "feature": feature,
            "name": format_feature(ref, place=home.name),
            "label": tell_label(summary.label),
            "max_activation": summary.max_activation,
        }

    def _find_pos(self) -> int | None:
        """The position that the list is of; None for the whole text, also where the text has not so many tokens."""
        pos: int | None = self.selected_pos
        return None if pos is None or pos >= len(self._read.comparison.readings[0].tokens) else pos

    def _list(self) -> list[ListedMatch]:
        read = self._read
        return list_matches(read.pair, read.here, pos=self._find_pos(), kind=self.kind, order=self.order)

    # ---- the copy

    def _copy_parts(self) -> list[str]:
        read, pos = self._read, self._find_pos()
        tokens = read.comparison.readings[0].tokens
        shown = format_tokens(tokens.strings, tokens.glyphs)
        pair, found = read.pair, self._list()
        where = "In the whole text" if pos is None else f"At {shown[pos]}, position {pos}"
        counts = ", ".join(f"{pair.count(kind)} {kind}" for kind in KINDS)
        fewer = pos is not None and self.kind == "all" and len(found) < read.here.counts[pos]
        count = f"{len(found)} of {read.here.counts[pos]}" if fewer else str(len(found))
        heading = f"{where}: {count} matches, {ORDERS[self.order]}"
        return [
            copy.build_paragraph(f"Text: {format_prompt(as_prompt(read.settings['text']))}"),
            _build_sides(self._tell_sides(read)),
            copy.build_paragraph(
                f"Matched by {pair.measure} on {pair.on}, from {format_number(pair.threshold)} on; "
                f"in the whole text {counts}."
            ),
            *(copy.build_paragraph(note) for note in _write_notes(read.comparison)),
            _build_matches(found[:MATCHES_LISTED], caption=heading),
            copy.build_details("Tokens", _build_tokens(read, shown)),
        ]

    def _define_terms(self) -> dict[str, str]:
        words = ("feature", "dictionary", "activation", "L0", "FVU", "decoder cosine", "co-activation")
        return {name: define(name) for name in words}


def _read_id(value: object) -> str:
    """The id of a dictionary, given by it or itself; of anything else, what it is, which is no id."""
    found = value if isinstance(value, str) else getattr(getattr(value, "info", None), "id", None)
    return found if isinstance(found, str) else describe_value(value)


def _are_on_one_scale(comparison: DictionaryComparison) -> bool:
    infos = [reading.dictionary_info for reading in comparison.readings]
    places = {(info.base_site, info.kind, info.layers) for info in infos}
    return len(places) == len(set(comparison.models)) == 1


def _write_notes(comparison: DictionaryComparison) -> list[str]:
    if not comparison.readings[0].tokens.used:
        return [_NOTHING_READ]
    apart = not _are_on_one_scale(comparison)
    return [*([_ON_SCALES_OF_THEIR_OWN] if apart else []), *comparison.notes]


def _build_sides(sides: Sequence[ComparedSide]) -> str:
    rows = [
        [
            word,
            format_text(side["name"]),
            format_text(side["dictionary_id"]),
            format_number(side["mean_l0"]),
            format_number(side["fvu"]),
            str(side["firing"]),
            str(side["alone"]),
        ]
        for word, side in zip(("first", "second"), sides, strict=True)
    ]
    columns = ["side", "where", "dictionary", "mean L0", "FVU", "features that fire", "without a partner"]
    return copy.build_table(columns=columns, rows=rows, caption="The two dictionaries on this text")


def _build_matches(found: Sequence[ListedMatch], *, caption: str) -> str:
    if not found:
        return copy.build_paragraph(f"{caption}.")
    rows = [
        [
            _write_side(one.match.first),
            _write_side(one.match.second),
            one.match.kind,
            _write_value(one.match),
            format_number(one.first, 4),
            format_number(one.second, 4),
            format_number(one.second - one.first, 4),
        ]
        for one in found
    ]
    columns = ["first", "second", "match", "measure", "in the first", "in the second", "second less first"]
    return copy.build_table(columns=columns, rows=rows, caption=caption)


def _write_value(match: FeatureMatch) -> str:
    return format_number(match.value) if match.value is not None else f"nearest {format_number(match.nearest)}"


def _write_side(features: Sequence[MatchedFeature]) -> str:
    words = [f"{one.feature} {format_text(one.label.text)}" if one.label else str(one.feature) for one in features]
    return ", ".join(words) or "none"


def _build_tokens(read: _Read, shown: Sequence[str]) -> str:
    l0, fvu = read.arrays["l0"], read.arrays["fvu"]
    rows = [
        [token, *(str(int(one)) for one in l0[:, pos]), *(format_number(float(one)) for one in fvu[:, pos])]
        for pos, token in enumerate(shown)
    ]
    columns = ["token", "L0 first", "L0 second", "FVU first", "FVU second"]
    return copy.build_token_table(columns=columns, rows=rows, caption="What each dictionary makes of each token")
