"""A lesson: what of a widget is fixed, what its lists leave out, and which stage opens what.

It is for teaching, not for security: whoever can run Python can open everything again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from gscope_widgets.errors import InvalidValue, describe_value
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.lists import read_list
from gscope_widgets.records.numbers import check_switch

Text = str | tuple[dict[str, str], ...]  # as a widget holds it: a string, or the turns of a chat
LessonPart = Literal["prompts", "features", "labels", "words"]  # what a stage opens besides settings
LESSON_PARTS: tuple[LessonPart, ...] = get_args(LessonPart)

MAX_ITEMS = 200  # prompts, features, words, settings and stages, of each
MAX_NOTE = 2000  # characters of a note, and of a stage's title
MAX_PROMPT = 20_000  # characters of one prompt


@dataclass(frozen=True)
class Stage:
    """A step of a lesson, and what it opens."""

    opens: tuple[str, ...]  # settings that were fixed, or "prompts", "features", "labels", "words"
    title: str = ""  # what the step is called in the page; empty: named after what it opens

    def __post_init__(self) -> None:
        object.__setattr__(self, "opens", _check_names("opens", self.opens))
        object.__setattr__(self, "title", _check_words("title", self.title, limit=MAX_NOTE))
        if not self.opens:
            raise InvalidValue('a stage opens something, such as Stage(opens=["labels"]), got nothing')

    @property
    def name(self) -> str:
        """Its title, or what it opens in words."""
        return self.title or ", ".join(one.replace("_", " ") for one in self.opens)

    def __repr__(self) -> str:
        return f"gs.{_write_call(self)}"


@dataclass(frozen=True)
class Lesson:
    """What `widget.lock(lesson)` makes of a widget; `repr` is the line of code that makes the same lesson.

    Lists may be given as any sequence, features as refs or as "dictionary_id#3". A list that is empty allows all.

    Raises:
        InvalidValue: a field is not what it should be, and which.
    """

    fixed: tuple[str, ...] = ()  # settings that stay as they are: "text", "features", "strength"
    prompts: tuple[Text, ...] = ()  # the only texts; one alone is fixed
    features: tuple[FeatureRef, ...] = ()  # the only features, in settings and in lists
    words: tuple[str, ...] = ()  # no example that holds one of these as a whole word, in any case, is shown
    hide_labels: bool = False  # in views, copies, tables, code and pictures
    note: str = ""  # the instructor's, above the view
    stages: tuple[Stage, ...] = ()
    stage: int = 0  # how many of them have been opened

    def __post_init__(self) -> None:
        checked = {
            "fixed": _check_names("fixed", self.fixed),
            "prompts": tuple(_check_prompt(one) for one in _check_list("prompts", self.prompts)),
            "features": tuple(_check_ref(one) for one in _check_list("features", self.features)),
            "words": tuple(_check_word(one) for one in _check_list("words", self.words)),
            "note": _check_words("note", self.note, limit=MAX_NOTE),
            "stages": tuple(_check_stage(one) for one in _check_list("stages", self.stages)),
            "hide_labels": check_switch("hide_labels", self.hide_labels),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if isinstance(self.stage, bool) or not isinstance(self.stage, int) or not 0 <= self.stage <= len(self.stages):
            raise InvalidValue(
                f"stage must be 0 to {len(self.stages)}, the number of stages, got {describe_value(self.stage)}"
            )

    # ---- what holds now

    @property
    def opened(self) -> frozenset[str]:
        """What the stages so far have opened."""
        return frozenset(name for one in self.stages[: self.stage] for name in one.opens)

    def is_fixed(self, name: str) -> bool:
        """Whether a setting stays as it is."""
        return name in self.fixed and name not in self.opened

    @property
    def hides_labels(self) -> bool:
        """Whether labels are hidden now."""
        return self.hide_labels and "labels" not in self.opened

    @property
    def allowed_prompts(self) -> tuple[Text, ...]:
        """The only texts now; () allows all."""
        return () if "prompts" in self.opened else self.prompts

    @property
    def allowed_features(self) -> tuple[FeatureRef, ...]:
        """The only features now; () allows all."""
        return () if "features" in self.opened else self.features

    @property
    def banned_words(self) -> tuple[str, ...]:
        """Words that no example may hold now."""
        return () if "words" in self.opened else self.words

    def allows(self, ref: FeatureRef) -> bool:
        """Whether a feature may be shown now."""
        return not self.allowed_features or ref in self.allowed_features

    def holds_banned(self, text: str) -> bool:
        """Whether a text holds a banned word, as a whole word, upper and lower case alike."""
        if not self.banned_words:
            return False
        any_of = "|".join(re.escape(one.casefold()) for one in self.banned_words)
        return re.search(rf"(?<!\w)(?:{any_of})(?!\w)", text.casefold()) is not None

    # ---- steps

    @property
    def next_stage(self) -> Stage | None:
        """The one that `next()` opens; None after the last."""
        return self.stages[self.stage] if self.stage < len(self.stages) else None

    def next(self) -> "Lesson":
        """The lesson with one more stage opened.

        Raises:
            InvalidValue: all are open.
        """
        if self.next_stage is None:
            raise InvalidValue(f"all {len(self.stages)} stages of this lesson are open; there is no next one")
        return replace(self, stage=self.stage + 1)

    # ---- as code and JSON

    def to_code(self) -> str:
        """One line of Python that makes this lesson."""
        return f"gs.{_write_call(self)}"

    def __repr__(self) -> str:
        return self.to_code()

    def to_json(self) -> dict[str, Any]:
        """The lesson as JSON has it: lists, strings, numbers; features as "dictionary_id#3"."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        return plain | {
            "fixed": list(self.fixed),
            "prompts": [one if isinstance(one, str) else [dict(turn) for turn in one] for one in self.prompts],
            "features": [str(one) for one in self.features],
            "words": list(self.words),
            "stages": [{**asdict(one), "opens": list(one.opens)} for one in self.stages],
        }

    @classmethod
    def from_json(cls, value: object) -> "Lesson":
        """The lesson that `to_json` wrote, checked as input from anybody; what is missing is as by default.

        Raises:
            InvalidValue: it is no lesson, or has fields that this version does not know.
        """
        given = _check_fields("a lesson", value, {one.name for one in fields(cls)})
        stages = given.get("stages", [])
        if not isinstance(stages, list):
            raise InvalidValue(f"stages must be a list, got {describe_value(stages)}")
        made = [Stage(**_check_fields("a stage", one, {"opens", "title"}, needs="opens")) for one in stages]
        return cls(**{**given, "stages": tuple(made)})


def _write_call(one: "Lesson | Stage") -> str:
    """The call with what differs from the defaults."""
    parts = []
    for field in fields(one):
        value = getattr(one, field.name)
        if value != field.default:
            parts.append(f"{field.name}={_write_value(value)}")
    return f"{type(one).__name__}({', '.join(parts)})"


def _write_value(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_write_value(one) for one in value)}]"
    return repr(str(value) if isinstance(value, FeatureRef) else value)


# ---- checks


def _check_list(name: str, value: Any) -> list[Any]:
    items = read_list(value)
    if items is None:
        raise InvalidValue(f"{name} must be a list, got {describe_value(value)}")
    if len(items) > MAX_ITEMS:
        raise InvalidValue(f"{name} takes at most {MAX_ITEMS}, got {len(items)}")
    return items


def _check_names(name: str, value: Any) -> tuple[str, ...]:
    items = _check_list(name, value)
    for one in items:
        if not isinstance(one, str) or not one.isidentifier() or len(one) > MAX_ITEMS:
            raise InvalidValue(f'{name} holds names of settings such as "text", got {describe_value(one)}')
    return tuple(dict.fromkeys(items))


def _check_words(name: str, value: Any, *, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise InvalidValue(f"{name} must be a string of at most {limit} characters, got {describe_value(value)}")
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _check_word(value: Any) -> str:
    word = _check_words("a word", value, limit=MAX_ITEMS).strip()
    if not word:
        raise InvalidValue("words holds an empty one, which every example would hold; leave it out")
    return word


def _check_prompt(value: Any) -> Text:
    if isinstance(value, str):
        return _check_words("a prompt", value, limit=MAX_PROMPT)
    turns = list(value) if isinstance(value, Sequence) and not isinstance(value, bytes) else []
    if not turns or not all(_is_turn(one) for one in turns):
        raise InvalidValue(
            'a prompt is a string, or chat messages such as [{"role": "user", "content": "Hello"}], '
            f"got {describe_value(value)}"
        )
    return tuple({name: _check_words(name, turn[name], limit=MAX_PROMPT) for name in turn} for turn in turns)


def _is_turn(value: object) -> bool:
    return isinstance(value, Mapping) and set(value) == {"role", "content"}


def _check_ref(value: Any) -> FeatureRef:
    if isinstance(value, str):
        found = re.fullmatch(r"(.{1,500})#(\d{1,9})", value, re.DOTALL)
        if found is not None:
            return FeatureRef(found[1], int(found[2]))
    elif isinstance(value, FeatureRef) and isinstance(value.dictionary_id, str) and type(value.feature) is int:
        return value
    raise InvalidValue(
        f'features holds refs from dictionary.feature(3), or "dictionary_id#3", got {describe_value(value)}'
    )


def _check_stage(value: Any) -> Stage:
    if not isinstance(value, Stage):
        raise InvalidValue(f'stages holds gs.Stage(opens=["labels"]), got {describe_value(value)}')
    return value


def _check_fields(what: str, value: object, known: set[str], *, needs: str = "") -> dict[str, Any]:
    if not isinstance(value, dict) or (needs and needs not in value):
        raise InvalidValue(f"{what} is an object{f' with {needs}' if needs else ''}, got {describe_value(value)}")
    if strange := sorted(str(name) for name in value if name not in known):
        raise InvalidValue(
            f"{what} has no field {describe_value(strange[0])}; it may be of a newer version: update gscope_widgets"
        )
    return value
