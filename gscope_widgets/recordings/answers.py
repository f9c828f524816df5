"""The answers of a recording: found by their questions, narrowed where less is asked, and told where there is none."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from gscope_widgets.errors import BadArtefact, NotRecorded, describe_value
from gscope_widgets.recordings.codec import Arrays, decode
from gscope_widgets.recordings.contents import Contents, RecordedAnswer, describe_left_out
from gscope_widgets.recordings.questions import ANSWERS, Question, Settings, write_key
from gscope_widgets.records.dashboards import FeatureDashboard
from gscope_widgets.records.generation import TokenDistribution
from gscope_widgets.records.hits import FeatureHits
from gscope_widgets.records.lens import LensReading
from gscope_widgets.records.readings import FeatureReading
from gscope_widgets.records.spans import WriteSpans

Value = TypeVar("Value")
_LISTED = 4  # of what is at hand, in a message
_WORDS = {
    "read": "reading",
    "delta_loss": "loss",
    "next_tokens": "prediction",
    "logit_lens": "logit lens",
    "attention": "attention",
    "generate": "continuation",
    "compare": "comparison",
    "dose": "dose",
    "find": "search",
    "score_claim": "score of a claim",
    "card": "card",
    "contrast": "contrast",
    "compare_dictionaries": "comparison of dictionaries",
    "circuit": "circuit",
    "circuit_heads": "heads of an edge",
    "write_spans": "write spans",
    "change_circuit": "change of a circuit",
}


class Answers:
    """All answers of one recording. A record is made of one when it is first asked for."""

    def __init__(self, contents: Contents, arrays: Arrays, *, path: str):
        """Args: path: of the file, for messages."""
        self._arrays, self._path = arrays, path
        # What is said behind all that is not found.
        self.left_out = f"; {describe_left_out(contents.left_out, where='in it')}" if contents.left_out else ""
        self._by_name: dict[str, dict[str, RecordedAnswer]] = {}
        for one in contents.answers:
            if one.name not in ANSWERS:
                raise BadArtefact(f"{path} answers {describe_value(one.name)}, which nobody asks; record it again")
            key, known = Question(one.name, one.settings).key, self._by_name.setdefault(one.name, {})
            if key in known:
                raise BadArtefact(f"{path} holds two answers to one question, a {_WORDS[one.name]}; record it again")
            known[key] = one
        self._made: dict[str, Any] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_name.values()))

    def find(self, question: Question) -> Any:
        """The answer to a question, cut out of one that asked for more, or turned round.

        Raises:
            NotRecorded: there is none; the message says what there is.
            BadArtefact: the file's answer is no such record.
        """
        recorded = self._by_name.get(question.name, {})
        if question.key in recorded:
            return self._make(question.key, recorded[question.key])
        narrower = _NARROWER.get(question.name)
        if narrower is not None:
            for key, one in recorded.items():
                if narrower.holds(one.settings, question.settings):
                    return narrower.cut(self._make(key, one), question.settings)
        asked_alike = [one.settings for one in recorded.values() if one.settings.keys() == question.settings.keys()]
        turned = _turn(question)
        if turned is not None and turned.key in recorded:
            return self._make(turned.key, recorded[turned.key]).reverse()
        raise NotRecorded(self._describe_absence(question, asked_alike) + self.left_out)

    def _make(self, key: str, one: RecordedAnswer) -> Any:
        if key not in self._made:
            try:
                self._made[key] = decode(one.answer, ANSWERS[one.name], self._arrays)
            except (ValueError, TypeError, OverflowError, RecursionError) as error:
                raise BadArtefact(
                    f"{self._path} holds a {_WORDS[one.name]} that is none ({error}); record it again"
                ) from None
        return self._made[key]

    def _describe_absence(self, question: Question, recorded: list[Settings]) -> str:
        words, asked = _WORDS[question.name], question.settings
        if not recorded:
            held = ", ".join(f"{len(self._by_name[name])} of {_WORDS[name]}" for name in self._by_name)
            return f"{self._path} holds no {words}; its answers are: {held or 'none'}"
        narrower = _NARROWER.get(question.name, _Narrower({}, lambda answer, _asked: answer))

        def has(one: Settings, name: str) -> bool:
            return write_key(one[name]) == write_key(asked[name]) or narrower.covers(name, one[name], asked[name])

        nearest = max(recorded, key=lambda one: sum(has(one, name) for name in asked))
        same = [name for name in asked if has(nearest, name)]
        name = next(name for name in asked if name not in same)
        others = [one for one in recorded if all(has(one, each) for each in same)]
        held = _list_some(dict.fromkeys(_write_setting(name, one[name]) for one in others))
        return f"{self._path} holds no {words} with {_write_setting(name, asked[name])}; recorded: {held}"


def _write_setting(name: str, value: Any) -> str:
    """A setting in a message, short."""
    if name == "interventions" and isinstance(value, list):
        return " and ".join(map(_write_change, value)) or "no change"
    if isinstance(value, dict) and "dictionary_id" in value:
        return f"feature {value.get('feature')}"
    if name == "dictionaries" and isinstance(value, list):
        return f"dictionaries {' and '.join(map(describe_value, value))}"
    return f"{name} {'none' if value in (None, []) else describe_value(value)}"


def _write_change(change: Any) -> str:
    if not isinstance(change, dict):
        return describe_value(change)
    kind, ref, amount = (change.get(name) for name in ("kind", "ref", "amount"))
    if kind == "random":
        return f"random direction {describe_value(change.get('seed'))}"
    of = f"feature {ref['feature']}" if isinstance(ref, dict) and "feature" in ref else "a vector"
    return f"{kind} of {of}" if kind == "ablate" else f"{kind} {describe_value(amount)} of {of}"


def _list_some(words: Iterable[str], *, sign: str = "; ") -> str:
    listed = list(words)
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return sign.join(listed[:_LISTED]) + more


# ---- less of what was asked for


class _Narrower:
    """How less is cut out of a recorded answer, for a question that differs in what `may_differ` names alone."""

    def __init__(self, may_differ: Mapping[str, Callable[[Any, Any], bool]], cut: Callable[[Any, Settings], Any]):
        """Args: may_differ: by setting, whether the recorded value holds what is asked for."""
        self._may_differ, self.cut = may_differ, cut

    def holds(self, recorded: Settings, asked: Settings) -> bool:
        """Whether the answer to one question holds that to another."""
        return recorded.keys() == asked.keys() and all(
            recorded[name] == value or self.covers(name, recorded[name], value) for name, value in asked.items()
        )

    def covers(self, name: str, recorded: Any, asked: Any) -> bool:
        """Whether one setting, recorded with more, holds what is asked for."""
        return name in self._may_differ and self._may_differ[name](recorded, asked)


def _has_features(recorded: Any, asked: Any) -> bool:
    return asked is not None and (recorded is None or _has_all(recorded, asked))


def _has_all(recorded: Any, asked: Any) -> bool:
    return isinstance(recorded, list) and all(one in recorded for one in asked)


def _has_as_many(recorded: Any, asked: Any) -> bool:
    return isinstance(recorded, int) and recorded >= asked


def _cut_reading(reading: FeatureReading, asked: Settings) -> FeatureReading:
    """Chosen features of a reading, as a reading of them alone has them: without error terms."""
    chosen = tuple(asked["features"])
    kept = np.isin(reading.features, chosen)
    count, none = len(reading.tokens), np.full(len(reading.tokens), np.nan, np.float32)
    own = set(np.unique(reading.features[kept]).tolist())
    provenance = reading.provenance
    return replace(
        reading,
        positions=reading.positions[kept],
        features=reading.features[kept],
        activations=reading.activations[kept],
        l0=np.bincount(reading.positions[kept], minlength=count).astype(np.int32),
        error_norm=none,
        fvu=none,
        total_fvu=None,
        selected=chosen,
        provenance=provenance and replace(provenance, settings={**provenance.settings, "features": list(chosen)}),
        labels=_keep(reading.labels, own),
        max_activations=_keep(reading.max_activations, own),
        densities=_keep(reading.densities, own),
    )


def _keep(table: Mapping[int, Value], features: set[int]) -> dict[int, Value]:
    return {feature: value for feature, value in table.items() if feature in features}


def _cut_distribution(distribution: TokenDistribution, asked: Settings) -> TokenDistribution:
    k = asked["k"]
    likeliest = sorted(distribution.pairs, key=lambda pair: -pair[0].logit)[:k]
    kept = dict.fromkeys([*(one.id for one in distribution.chances[:k]), *(before.id for before, _ in likeliest)])
    at = {after.id: place for place, (_, after) in enumerate(distribution.pairs)}
    places = [at[id_] for id_ in kept if id_ in at]
    return replace(
        distribution,
        chances=distribution.chances[:k],
        pairs=tuple(distribution.pairs[place] for place in places),
        controls=tuple(
            replace(one, chances=tuple(one.chances[place] for place in places))
            for one in distribution.controls[: asked["controls"]]
        ),
    )


def _cut_lens(reading: LensReading, asked: Settings) -> LensReading:
    rows = [reading.layers.index(layer) for layer in asked["layers"]]
    arrays = {name: getattr(reading, name)[rows][..., : asked["k"]] for name in ("ids", "probabilities", "logits")}
    paths = {path.id: path for path in reading.paths}
    return replace(
        reading,
        layers=tuple(asked["layers"]),
        **arrays,
        entropy=reading.entropy[rows],
        names={id_: reading.names[id_] for id_ in np.unique(arrays["ids"]).tolist()},
        paths=tuple(
            replace(paths[id_], probabilities=paths[id_].probabilities[rows], ranks=paths[id_].ranks[rows])
            for id_ in asked["track"]
        ),
    )


def _turn(question: Question) -> Question | None:
    """The same pair asked about the other way round, where it is about one."""
    asked = question.settings
    if question.name == "contrast":
        return Question(question.name, {**asked, "first": asked["second"], "second": asked["first"]})
    if question.name == "compare_dictionaries" and len(asked["dictionaries"]) == 2:
        return Question(question.name, {**asked, "dictionaries": asked["dictionaries"][::-1]})
    return None


def _cut_hits(hits: FeatureHits, asked: Settings) -> FeatureHits:
    return replace(hits, hits=hits.hits[: asked["k"]])


def _cut_dashboard(dashboard: FeatureDashboard, asked: Settings) -> FeatureDashboard:
    return replace(dashboard, examples=dashboard.examples[: asked["examples"]])


def _cut_spans(spans: WriteSpans, asked: Settings) -> WriteSpans:
    at = {(ref.dictionary_id, ref.feature): place for place, ref in enumerate(spans.refs)}
    rows = [at[one["dictionary_id"], one["feature"]] for one in asked["features"]]
    return replace(
        spans,
        refs=tuple(spans.refs[row] for row in rows),
        source_layers=tuple(spans.source_layers[row] for row in rows),
        norms=spans.norms[rows],
    )


_NARROWER: dict[str, _Narrower] = {
    "read": _Narrower({"features": _has_features}, _cut_reading),
    "next_tokens": _Narrower({"k": _has_as_many, "controls": _has_as_many}, _cut_distribution),
    "logit_lens": _Narrower({"k": _has_as_many, "layers": _has_all, "track": _has_all}, _cut_lens),
    "find": _Narrower({"k": _has_as_many}, _cut_hits),
    "card": _Narrower({"examples": _has_as_many}, _cut_dashboard),
    "write_spans": _Narrower({"features": _has_all}, _cut_spans),
}
