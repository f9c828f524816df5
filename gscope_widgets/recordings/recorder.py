"""Writing down what a scope is asked, and what it answers."""

import inspect
import json
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

import numpy as np

from gscope_widgets.errors import Cancelled, InvalidValue, UnknownDictionary, write_bytes
from gscope_widgets.recordings import questions
from gscope_widgets.recordings.codec import Arrays, encode
from gscope_widgets.recordings.container import MOST_BYTES, check_place, write_recording
from gscope_widgets.recordings.contents import (
    Choice,
    Contents,
    RecordedAnswer,
    RecordedDictionary,
    RecordedRow,
    RecordedText,
    describe_left_out,
)
from gscope_widgets.recordings.questions import ANSWERS, DEFAULT_WISHES, Question
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.records.measures import build_measure
from gscope_widgets.records.protocols import Generation, Job, Scope

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
_STOPPED = "stopped before their end"
_MOST_IN_ARRAYS, _MOST_CHARACTERS = 180_000_000, 50_000_000  # of answers: with room for texts and labels


def recorded(method: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """A method of a scope whose answers go into the scope's recording, where one is under way."""
    signature = inspect.signature(method)

    @wraps(method)
    def ask(*arguments: Asked.args, **options: Asked.kwargs) -> Answer:
        answer = method(*arguments, **options)
        scope: Any = arguments[0]
        recorder: Recorder | None = scope._recorder
        if recorder is not None:
            given = signature.bind(*arguments, **options)
            given.apply_defaults()
            recorder.take(method.__name__, given.arguments, answer)
        return answer

    return ask


class Recorder:
    """What `scope.recording(path)` gives: what is asked and answered from `start()` to `stop()`, or in a `with` block.

    Answers are held in memory, and nothing is written before the end, or where a block ends by an exception: the file
    of that name is a whole recording, or what was there before.
    """

    def __init__(self, scope: Scope, path: str | os.PathLike[str], set_recorder: Callable[["Recorder | None"], None]):
        """Made by `scope.recording`. Args: set_recorder: called with this as it starts, with None as it stops."""
        self.path: Path = check_place(path)
        self.left_out: dict[str, int] = {}  # how many of what was asked are not recorded, by the reason
        self._scope, self._set = scope, set_recorder
        self._lock = threading.RLock()  # held while an answer is kept; whoever holds it waits for no job
        self._is_on = self._has_ended = False
        self._arrays: Arrays = {}
        self._bytes, self._characters = 0, 0  # of the arrays, and of the rest
        self._answers: dict[str, RecordedAnswer] = {}  # by the question's key
        self._texts: dict[str, RecordedText] = {}  # by the same of the prompt
        self._choices: dict[str, Choice] = {}
        self._ids: dict[str, None] = {}  # dictionaries that were asked about
        self._pending: list[tuple[Job, Callable[[], None] | None]] = []  # with what keeps the answer, if it is one

    def __repr__(self) -> str:
        return f"<Recorder of {len(self._answers)} answers on {len(self._texts)} texts, for {self.path}>"

    def start(self) -> "Recorder":
        """Record from now on, what is clicked and typed in widgets included, until `stop()` in a later cell.

        Raises:
            InvalidValue: it cannot be written there, was started before, or another one of this scope is under way.
        """
        if self._is_on or self._has_ended:
            raise InvalidValue(f"the recording to {self.path} was started before; scope.recording(path) makes another")
        check_place(self.path)
        self._set(self)
        self._is_on = True
        return self

    def stop(self) -> None:
        """Wait for what is under way, and write the file; a warning says what was asked and is not in it.

        Raises:
            InvalidValue: it was not started, or the file is too large, or cannot be written there.
            DiskFull: there is no room.
        """
        if not self._is_on:
            raise InvalidValue(f"the recording to {self.path} is not under way; recorder.start() begins it, once")
        self._finish()

    def _finish(self) -> None:
        try:
            self._wait()
        finally:
            self._end()
        if self.left_out:
            warnings.warn(describe_left_out(self.left_out, where=f"in {self.path}"), stacklevel=3)
        write_recording(self.path, self._build(), self._arrays)

    def __enter__(self) -> "Recorder":
        return self.start()

    def __exit__(self, kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if kind is None:
            self._finish()
        else:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self._is_on, self._has_ended = False, True
        self._set(None)

    def take(self, method: str, given: Mapping[str, Any], answer: Any) -> None:
        """Note what a method of the scope was asked, and what it answered. Answers of jobs are noted as they end."""
        with self._lock:
            if not self._is_on:
                return
            keep = getattr(self, f"_take_{method}", None)
            if keep is None:
                self._leave_out(f"only a live scope answers scope.{method}")
            else:
                self._try(lambda: keep(given, answer))

    def _try(self, keep: Callable[[], None]) -> None:
        try:
            keep()
        except InvalidValue as error:  # it holds what no file can, such as a function
            self._leave_out(str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours: the answer is given, and its absence told
            words = " ".join(str(error).split())
            self._leave_out(f"an answer could not be written down: {type(error).__name__}{words and f': {words}'}")

    def _leave_out(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    # ---- questions, by the methods that are asked

    def _take_tokens(self, given: Mapping[str, Any], answer: Any) -> None:
        prompt = questions.write_prompt(given["text"])
        self._texts.setdefault(questions.write_key(prompt), RecordedText(prompt, answer))

    def _take_dictionary(self, given: Mapping[str, Any], answer: Any) -> None:
        self._ids[answer.info.id] = None
        if given.get("path") is None and given.get("revision") is None:
            self._choose({name: given[name] for name in DEFAULT_WISHES}, answer.info.id)

    def _take_describe(self, given: Mapping[str, Any], _answer: Any) -> None:
        self._ids[given["ref"].dictionary_id] = None

    def _take_read(self, given: Mapping[str, Any], answer: Any) -> None:
        id_ = self._name(given, answer.dictionary_info.id)
        self._keep(questions.ask_reading(given["text"], id_, given["features"]), answer)

    def _take_delta_loss(self, given: Mapping[str, Any], answer: Any) -> None:
        id_ = self._name(given, answer.dictionary_id)
        self._keep(questions.ask_loss(given["text"], id_), answer)

    def _take_next_tokens(self, given: Mapping[str, Any], answer: Any) -> None:
        asked = questions.ask_next_tokens(given["text"], given["k"], given["interventions"], given["controls"])
        self._keep(asked, answer)

    def _take_logit_lens(self, given: Mapping[str, Any], answer: Any) -> None:
        self._keep(questions.ask_lens(given["text"], given["k"], answer.layers, given["track"]), answer)

    def _take_generate_rows(self, given: Mapping[str, Any], generation: Generation) -> None:
        plan: SamplingPlan = given["plan"]
        rows = given["rows"]
        seeds = [plan.seed] * len(rows) if given["seeds"] is None else given["seeds"]
        asked = {
            name: questions.ask_row(given["prompt"], row, plan, seed, given["features"])
            for (name, row), seed in zip(rows.items(), seeds, strict=True)
        }

        def keep() -> None:
            if generation.ended == "cancelled":
                self._leave_out(_STOPPED)
                return
            for name, question in asked.items():
                self._keep(question, self._build_row(generation, name, question))

        self._follow(generation.job, keep)

    def _take_start_compare(self, given: Mapping[str, Any], job: Job) -> None:
        names = ("max_new_tokens", "temperature", "top_p", "seeds", "controls", "features")
        settings = {name: given[name] for name in names}
        self._await(questions.ask_comparison(given["prompt"], given["interventions"], **settings), job)

    def _take_start_dose(self, given: Mapping[str, Any], job: Job) -> None:
        names = ("samples", "max_new_tokens", "temperature", "top_p", "seed", "positions")
        settings = {name: given[name] for name in names}
        measure = build_measure(given["measure"], vocabulary=self._scope.info.vocabulary)
        self._await(
            questions.ask_dose(given["prompt"], given["ref"], given["strengths"], measure=measure, **settings), job
        )

    def _take_start_find(self, given: Mapping[str, Any], job: Job) -> None:
        names = ("positive", "negative", "k", "where")

        def keep() -> None:
            id_ = self._name(given, job.result().dictionary_info.id)
            self._keep(questions.ask_hits(given["query"], id_, **{name: given[name] for name in names}), job.result())

        self._follow(job, keep)

    def _take_start_score_claim(self, given: Mapping[str, Any], job: Job) -> None:
        names = ("ref", "positive", "negative", "claim", "threshold")
        self._await(questions.ask_score(**{name: given[name] for name in names}), job)

    def _take_start_card(self, given: Mapping[str, Any], job: Job) -> None:
        names = ("ref", "texts", "examples", "sources")
        self._await(questions.ask_dashboard(**{name: given[name] for name in names}), job)

    def _take_start_contrast(self, given: Mapping[str, Any], job: Job) -> None:
        def keep() -> None:
            id_ = self._name(given, job.result().first.dictionary_info.id)
            self._keep(questions.ask_contrast(given["first"], given["second"], id_), job.result())

        self._follow(job, keep)

    def _take_start_compare_dictionaries(self, given: Mapping[str, Any], job: Job) -> None:
        names = ("text", "dictionaries", "texts", "threshold")
        self._await(questions.ask_matches(**{name: given[name] for name in names}), job)

    def _take_start_attention(self, given: Mapping[str, Any], job: Job) -> None:
        self._await(questions.ask_attention(given["text"], given["layer"]), job)

    def _take_start_circuit(self, given: Mapping[str, Any], job: Job) -> None:
        names = ("prompt", "dictionaries", "target", "max_features")

        def keep() -> None:
            self._ids.update(dict.fromkeys(one for one in job.result().dictionary_ids if one))
            self._keep(questions.ask_circuit(**{name: given[name] for name in names}), job.result())

        self._follow(job, keep)

    def _take_start_circuit_heads(self, given: Mapping[str, Any], job: Job) -> None:
        self._await(questions.ask_heads(given["graph"], given["node"], given["source"]), job)

    def _take_write_spans(self, given: Mapping[str, Any], answer: Any) -> None:
        self._keep(questions.ask_spans(given["features"]), answer)

    def _take_start_change_circuit(self, given: Mapping[str, Any], job: Job) -> None:
        names = ("graph", "nodes", "factor", "activation", "instead", "controls")
        self._await(questions.ask_change(**{name: given[name] for name in names}), job)

    def _take_submit(self, _given: Mapping[str, Any], job: Job) -> None:
        self._follow(job, None)  # what it asks of the scope is taken by itself

    # ---- keeping

    def _name(self, given: Mapping[str, Any], found: str) -> str:
        """The id of the dictionary that a question was about, which is the default one where it named none."""
        if given["dictionary"] is None:
            self._choose(DEFAULT_WISHES, found)
        return found

    def _choose(self, wishes: Mapping[str, Any], dictionary_id: str) -> None:
        self._ids[dictionary_id] = None
        written = questions.write(dict(wishes))
        self._choices.setdefault(questions.write_key(written), Choice(written, dictionary_id))

    def _await(self, question: Question, job: Job) -> None:
        self._follow(job, lambda: self._keep(question, job.result()))

    def _follow(self, job: Job, keep: Callable[[], None] | None) -> None:
        """Keep what a job gives once it has ended; the recording does not end before."""
        self._pending.append((job, keep))
        job.add_done_callback(self._settle)

    def _settle(self, job: Job) -> None:
        with self._lock:
            mine = [keep for one, keep in self._pending if one is job]
            self._pending = [entry for entry in self._pending if entry[0] is not job]
            for keep in mine if self._is_on else ():
                error = job.exception()
                if keep is not None and error is None:
                    self._try(keep)
                elif keep is not None and isinstance(error, Cancelled):
                    self._leave_out(_STOPPED)

    def _wait(self) -> None:
        """Until all that was asked is answered, what such jobs asked for included."""
        while jobs := self._list_pending():
            for job in jobs:
                job.exception()
                self._settle(job)

    def _list_pending(self) -> list[Job]:
        with self._lock:
            return [job for job, _ in self._pending if not job.is_current]

    def _keep(self, question: Question, answer: Any) -> None:
        for prompt in question.prompts:
            self._scope.tokens(prompt)  # which is recorded by itself
        self._ids.update(dict.fromkeys(_find_ids(question.settings)))
        if question.key in self._answers:
            return
        arrays: Arrays = {}
        content = encode(answer, ANSWERS[question.name], arrays)
        new = {name: array for name, array in arrays.items() if name not in self._arrays}
        size, characters = sum(array.nbytes for array in new.values()), len(json.dumps(content))
        if self._characters + characters > _MOST_CHARACTERS or self._bytes + size > _MOST_IN_ARRAYS:
            self._leave_out(f"a recording holds at most {write_bytes(MOST_BYTES)}: make two of it")
            return
        self._arrays.update(new)
        self._bytes, self._characters = self._bytes + size, self._characters + characters
        self._answers[question.key] = RecordedAnswer(question.name, question.settings, content)

    def _build_row(self, generation: Generation, name: str, question: Question) -> RecordedRow:
        tokens = generation.tokens(name)
        prompt = self._scope.tokens(question.settings["prompt"])
        read = np.zeros((0, len(prompt)), np.float32)
        if question.settings["features"]:
            read = generation.trace(name).activations[:, : len(prompt)]
        longest = max(len(generation.tokens(one)) for one in generation.names)
        ended: Any = generation.ended if len(tokens) == longest else "end of text"
        return RecordedRow(tokens, ended, read)

    def _build(self) -> Contents:
        infos = []
        for id_ in self._ids:
            with suppress(UnknownDictionary):  # of a reading that another scope gave
                infos.append(self._scope.dictionary_info(id_))
        return Contents(
            model=self._scope.info,
            text_limit=self._scope.text_limit,
            provenance=self._scope.provenance([info.id for info in infos]),
            dictionaries=tuple(self._describe(info) for info in infos),
            choices=tuple(self._choices.values()),
            texts=tuple(self._texts.values()),
            answers=tuple(self._answers.values()),
            left_out=dict(self.left_out),
        )

    def _describe(self, info: DictionaryInfo) -> RecordedDictionary:
        known = [self._scope.describe(FeatureRef(info.id, feature)) for feature in range(info.d_dict or 0)]
        return RecordedDictionary(
            info,
            labels={one.feature: one.label for one in known if one.label is not None},
            max_activations={one.feature: one.max_activation for one in known if one.max_activation is not None},
        )


def _find_ids(settings: Any) -> Iterator[str]:
    """The dictionaries that a question names."""
    if isinstance(settings, list):
        for item in settings:
            yield from _find_ids(item)
    elif isinstance(settings, dict):
        for name, item in settings.items():
            if name in ("dictionary", "dictionary_id", "reading"):
                yield item
            elif name == "dictionaries":
                yield from (one if isinstance(one, str) else one["reading"] for one in item)
            elif name not in ("text", "prompt"):
                yield from _find_ids(item)
