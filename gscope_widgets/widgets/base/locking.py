"""A widget locked to a lesson: what it refuses, what it shows of its results, and what the page is told."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from gscope_widgets.errors import GscopeError, InvalidValue, describe_value
from gscope_widgets.lessons.scope import find_whole_scope, restrict
from gscope_widgets.lessons.sight import describe_filtered, see
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.lessons import LESSON_PARTS, Lesson
from gscope_widgets.widgets.base.formats import format_prompt
from gscope_widgets.widgets.base.state import Checked, as_prompt
from gscope_widgets.widgets.base.wire import LessonView, Text

if TYPE_CHECKING:
    from gscope_widgets.widgets.base.widget import GscopeWidget

Check = Callable[[Any], object]  # called with the widget: True where the next stage may open, or what is missing
FIXED = "Fixed by your course."
HIDDEN = "Labels are hidden by your course."


# ---- to lock


def build_lesson(widget: "GscopeWidget", lesson: Lesson | None, parts: dict[str, Any]) -> Lesson:
    """The lesson given, or made of its parts, where this widget can keep it.

    Raises:
        InvalidValue: it is none, or names what this widget has not.
    """
    if lesson is not None and parts:
        raise InvalidValue(f"give a lesson or its parts, not both; got a lesson and {', '.join(parts)}")
    if lesson is None:
        given = parts.get("features")
        if isinstance(given, (list, tuple)) and any(type(one) is int for one in given):
            parts = {**parts, "features": [_find_ref(widget, one) for one in given]}
        lesson = Lesson(**parts)
    if not isinstance(lesson, Lesson):
        raise InvalidValue(f'a lesson is gs.Lesson(fixed=["text"], hide_labels=True), got {describe_value(lesson)}')
    _require_kept(widget, lesson)
    return lesson


def _find_ref(widget: "GscopeWidget", feature: object) -> object:
    if type(feature) is not int:
        return feature
    dictionary_id = getattr(widget, "dictionary_id", "") or next((one.dictionary_id for one in _list_refs(widget)), "")
    if not dictionary_id:
        raise InvalidValue(f"give features as dictionary.feature({feature}): no dictionary is this widget's own")
    return FeatureRef(dictionary_id, feature)


def _list_refs(widget: "GscopeWidget") -> Iterator[FeatureRef]:
    for name in _list_checked(widget):
        value = getattr(widget, name)
        yield from (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, FeatureRef))


def _list_checked(widget: "GscopeWidget") -> list[str]:
    return [name for name, trait in widget.shared_traits().items() if isinstance(trait, Checked)]


def _list_texts(widget: "GscopeWidget") -> list[str]:
    return [name for name in _list_checked(widget) if widget.shared_traits()[name].wire == Text]


def _require_kept(widget: "GscopeWidget", lesson: Lesson) -> None:
    kind, fixable = type(widget).__name__, widget._fixable
    if not fixable:
        raise InvalidValue(f"{kind} is locked to no lesson: an exercise says itself what is asked and what is given")
    for name in lesson.fixed:
        if name not in fixable:
            raise InvalidValue(f"{kind} can fix {', '.join(fixable)}, got {describe_value(name)}")
    for name in (one for stage in lesson.stages for one in stage.opens):
        if name not in (*lesson.fixed, *LESSON_PARTS):
            raise InvalidValue(
                f"a stage opens what was fixed, or {', '.join(LESSON_PARTS)}; {describe_value(name)} is not fixed"
            )
    if lesson.prompts and not _list_texts(widget):
        raise InvalidValue(f"{kind} reads no text: leave out prompts")
    if lesson.features and not widget._filters_features:
        raise InvalidValue(f"{kind} cannot leave features out: leave out features")
    scope = getattr(widget, "scope", None)
    if scope is not None:
        for ref in lesson.features:
            scope.describe(ref)


def take_lesson(widget: "GscopeWidget", lesson: Lesson | None) -> None:
    """Have a widget keep a lesson, or none, and show what it holds as the lesson lets it be seen."""
    with suppress(GscopeError):  # the widget says what it was
        widget.wait()
    widget._lesson = None
    if lesson is not None:
        _bring(widget, lesson)
        widget.wait()
    widget._lesson = lesson
    widget._use_scope(find_whole_scope if lesson is None else lambda scope: restrict(scope, lesson))
    widget._see_again(lambda record: see(record, lesson))
    widget._show_lesson()


def _bring(widget: "GscopeWidget", lesson: Lesson) -> None:
    """Bring the state to what a lesson allows."""
    with widget.hold_trait_notifications():
        for name in _list_texts(widget):
            if lesson.allowed_prompts and getattr(widget, name) not in lesson.allowed_prompts:
                setattr(widget, name, as_prompt(lesson.allowed_prompts[0]))
        for name in _list_checked(widget) if lesson.allowed_features else ():
            value = getattr(widget, name)
            if isinstance(value, FeatureRef) and not lesson.allows(value):
                is_free = widget.shared_traits()[name].initial is None
                setattr(widget, name, None if is_free else _choose(widget, lesson, value))
            elif isinstance(value, tuple) and any(isinstance(one, FeatureRef) for one in value):
                kept = [one for one in value if lesson.allows(one)]
                if len(kept) < len(value):
                    setattr(widget, name, kept or [_choose(widget, lesson, value[0])])


def _choose(widget: "GscopeWidget", lesson: Lesson, instead_of: FeatureRef) -> FeatureRef:
    own = [one for one in lesson.allowed_features if one.dictionary_id == instead_of.dictionary_id]
    return (own or lesson.allowed_features)[0]


# ---- while it is locked


def require_allowed(widget: "GscopeWidget", name: str, value: Any) -> None:
    """Refuse what the widget's lesson does not allow a setting to be.

    Raises:
        InvalidValue: with how to open it.
    """
    lesson = widget._lesson
    if lesson is None or widget._is_quiet:
        return
    advice = "widget.unlock() opens everything"
    if (lesson.is_fixed(name) or lesson.is_fixed(widget._fixed_with.get(name, ""))) and value != getattr(widget, name):
        raise InvalidValue(f"{name} is fixed by your course; {advice}")
    if lesson.allowed_prompts and name in _list_texts(widget) and value not in lesson.allowed_prompts:
        count = len(lesson.allowed_prompts)
        raise InvalidValue(
            f"{name} must be {'the prompt' if count == 1 else f'one of the {count} prompts'} of your course, "
            f"got {describe_value(value)}; {advice}"
        )
    refs = value if isinstance(value, (tuple, list)) else (value,)
    for one in refs if lesson.allowed_features else ():
        ref = getattr(one, "ref", one)  # of a change
        if isinstance(ref, FeatureRef) and not lesson.allows(ref):
            names = ", ".join(str(one.feature) for one in lesson.allowed_features[:20])
            raise InvalidValue(f"feature {ref.feature} is filtered by your course, which has {names}; {advice}")


def open_stage(widget: "GscopeWidget") -> None:
    """Open the next stage, where the check that the lesson was locked with lets it.

    Raises:
        InvalidValue: the check says what is missing.
    """
    assert widget._lesson is not None, "only a lesson gives this choice"
    if widget._lesson_check is not None:
        said = widget._lesson_check(widget)
        if said is not True:
            raise InvalidValue(said if isinstance(said, str) and said else "Not yet: the task of this stage is open.")
    take_lesson(widget, widget._lesson.next())


def tell_lesson(widget: "GscopeWidget") -> LessonView | None:
    """What the page is told."""
    lesson = widget._lesson
    if lesson is None:
        return None
    return {
        "lines": describe_lesson(widget, lesson),
        "choices": [words for words, _ in _list_choices(widget, lesson)],
        "fixed": _list_fixed(widget, lesson),
    }


def _list_choices(widget: "GscopeWidget", lesson: Lesson) -> list[tuple[str, Callable[[], None]]]:
    """What may be chosen in the page, and what that does."""

    def take(name: str, prompt: Any) -> None:
        setattr(widget, name, prompt)

    names, prompts = _list_texts(widget), lesson.allowed_prompts if len(lesson.allowed_prompts) > 1 else ()
    choices: list[tuple[str, Callable[[], None]]] = []
    for name in names:
        place = f" ({name})" if len(names) > 1 else ""
        for number, prompt in enumerate(prompts, 1):
            words = f"Prompt {number}{place}: {format_prompt(as_prompt(prompt))}"
            choices.append((words, partial(take, name, as_prompt(prompt))))
    if lesson.next_stage is not None:
        choices.append((f"Open: {lesson.next_stage.name}", partial(open_stage, widget)))
    return choices


def take_choice(widget: "GscopeWidget", choice: int) -> None:
    """Do what the page chose.

    Raises:
        InvalidValue: there is no such choice, or the check of the next stage says what is missing.
    """
    choices = [] if widget._lesson is None else _list_choices(widget, widget._lesson)
    if choice >= len(choices):
        raise InvalidValue(f"the lesson gives {len(choices)} choices, the page chose number {choice + 1}")
    choices[choice][1]()


def _list_fixed(widget: "GscopeWidget", lesson: Lesson) -> dict[str, str]:
    fixed = {name: FIXED for name in lesson.fixed if lesson.is_fixed(name)}
    if lesson.allowed_prompts:
        choice = FIXED if len(lesson.allowed_prompts) == 1 else "Your course has chosen the prompts: take one above."
        fixed |= dict.fromkeys(_list_texts(widget), choice)
    if lesson.hides_labels:
        fixed |= dict.fromkeys(widget._label_settings, HIDDEN)
    return fixed


def describe_lesson(widget: "GscopeWidget", lesson: Lesson) -> list[str]:
    """What stands above the view: the note, what is filtered and hidden, how far the stages are."""
    said = [lesson.note] if lesson.note else []
    said += [sentence for record in widget._list_held() for sentence in describe_filtered(record)]
    if lesson.hides_labels and widget._shows_labels:
        said.append(HIDDEN)
    if lesson.stages:
        said.append(f"{lesson.stage} of {len(lesson.stages)} stages open.")
    return said
