"""Turns templates into text and remembers which characters carry which concept.

A template is English with three marks. `{name}` expands a word table, a person or a grammar rule;
`{name?}` does so one time in three, with a space after it, and `{?name}` with a space before it;
`{name.s}` asks for a form (`s` plural; `ed`, `en`, `z`, `ing` for verbs), which inner slots inherit;
`{name.}` asks for the base form.
`[mend]` is a verb in the form asked for, `[mend:ed]` one in a fixed form. `{a} ` is the right article.
What a rule writes carries the concept that `RULE_CONCEPTS` gives the rule.
Straight quotes open and close a quotation, and `.`, `!` and `?` end sentences.
"""

import re
from functools import cache, lru_cache
from random import Random
from typing import NamedTuple

from .concepts import RULE_CONCEPTS, with_parents
from .document import Document, Span
from .grammar import Templates, choose_templates
from .inflection import verb_form
from .labels import LABELS, VERB_CONCEPTS, WORDS

_MARK = re.compile(r"\{a\} |\{([^}]*)\}|\[([^\]]*)\]|(\")|([.!?])(?=[\s\"\)]|$)")
_WORD = re.compile(r"[A-Za-z']+")
_LITERAL, _SLOT, _ARTICLE, _QUOTE, _STOP = range(5)
_NO_AN = ("one", "use", "uni", "eu", "ewe")
_OPTIONAL_RATE = 0.34

Piece = tuple[str, tuple[tuple[int, int, str], ...]]


class Person(NamedTuple):
    """Somebody a document speaks of: a name and the pronouns that stand for it."""

    name: str
    pronouns: str = "he"


PRONOUNS = {
    "he": ("he", "him", "his", "himself"),
    "she": ("she", "her", "her", "herself"),
    "they": ("they", "them", "their", "themselves"),
    "you": ("you", "you", "your", "yourself"),
    "I": ("I", "me", "my", "myself"),
}
_CASES = {"he": 0, "him": 1, "his": 2, "himself": 3}


@lru_cache(maxsize=1 << 16)
def piece(text: str, *concepts: str) -> Piece:
    """Text with the given concepts over all of it and the concepts its known words carry."""
    core = text.strip() or text
    start = text.index(core)
    found = [(start, start + len(core), concept) for given in concepts for concept in with_parents(given)]
    if not concepts:
        for match in _WORD.finditer(text):
            word = match.group()
            for concept in LABELS.get(word) or LABELS.get(word.lower(), ()):
                found.append((match.start(), match.end(), concept))
    return text, tuple(dict.fromkeys(found))


def _verb(mark: str, form: str) -> Piece:
    base, _, fixed = mark.partition(":")
    base, _, particle = base.partition(" ")
    form = fixed or form
    concepts = VERB_CONCEPTS.get(base, ()) + (("grammar:past_verb",) if form == "ed" else ())
    text = verb_form(base, form)
    spans = tuple((0, len(text), concept) for given in concepts for concept in with_parents(given))
    return text + (" " + particle if particle else ""), spans


@cache
def compiled(template: str, form: str) -> tuple:
    """The steps that write a template in a form."""
    steps: list = []
    at = 0
    for match in _MARK.finditer(template):
        if match.start() > at:
            steps.append((_LITERAL, piece(template[at : match.start()])))
        slot, verb, quote, stop = match.groups()
        if slot is not None:
            before, after = slot.startswith("?"), slot.endswith("?")
            name, dot, asked = slot.strip("?").partition(".")
            steps.append((_SLOT, name, asked or "base" if dot else form, before, after))
        elif verb is not None:
            steps.append((_LITERAL, _verb(verb, form)))
        elif quote:
            steps.append((_QUOTE,))
        elif stop:
            steps.append((_STOP, stop))
        else:
            steps.append((_ARTICLE,))
        at = match.end()
    if at < len(template):
        steps.append((_LITERAL, piece(template[at:])))
    return tuple(steps)


@cache
def _choices(templates: tuple[str, ...], which: Templates) -> tuple[str, ...]:
    return tuple(choose_templates(templates, which))


class _Within:
    __slots__ = ("concepts", "start", "writer")

    def __init__(self, writer: "Writer", concepts: tuple[str, ...]):
        self.writer, self.concepts = writer, concepts

    def __enter__(self):
        self.start = self.writer.length

    def __exit__(self, *error):
        for concept in self.concepts:
            self.writer.cover(self.start, concept)


class Writer:
    """Collects one document: `w(text, concept)`, `w.say(template)`, `with w.within(concept):`."""

    def __init__(self, rng: Random, *, rules: dict, templates: Templates = "train"):
        self.rng, self.rules, self.templates = rng, rules, templates
        self.people: dict[str, Person] = {}
        self.bound: dict[str, Piece] = {}
        self.forms: dict[str, tuple[Piece, Piece]] = {}
        self.length = self.words = 0
        self._focus, self._holder = PRONOUNS["they"], ""
        self._texts: list[str] = []
        self._spans: list[tuple[int, int, str]] = []
        self._used: set[str] = set()
        self._capital = self._article = False
        self.plain = False
        self._outside = self._focus, self._holder
        self._quote_at, self._sentence_at, self._last = -1, 0, ""

    def __call__(self, text: str, *concepts: str) -> None:
        self._capital = self._article = False
        self._put((text, ()) if self.plain and not concepts else piece(text, *concepts))

    def within(self, *concepts: str) -> _Within:
        """A context whose whole text carries the concepts."""
        return _Within(self, concepts)

    def cover(self, start: int, concept: str) -> None:
        """Labels everything written since `start`."""
        if self.length > start:
            for name in with_parents(concept):
                self._spans.append((start, self.length, name))

    def cover_word(self, start: int, concept: str) -> None:
        """Labels the first word written since `start`."""
        text, at = "", len(self._texts)
        while at and self.length - len(text) > start:
            at -= 1
            text = self._texts[at] + text
        word = re.split(r"[ ,.']", text, maxsplit=1)[0]
        self._spans.append((start, start + len(word), concept))

    def bind(self, **values: str | Piece) -> None:
        """Fixes what slots stand for in the rest of the document."""
        for name, value in values.items():
            self.bound[name] = piece(value) if isinstance(value, str) else value

    def choose(self, name: str, form: str = "") -> Piece:
        """A word of a table, with its concepts, to bind or to write later."""
        return self.pick(WORDS[name][form == "s"])

    def pick(self, options):
        """One of a sequence."""
        return options[int(self.rng.random() * len(options))]

    def templates_of(self, templates: tuple[str, ...]) -> tuple[str, ...]:
        """Those of a list's templates that this text may use."""
        return _choices(templates, self.templates)

    def pick_template(self, templates: tuple[str, ...]) -> str:
        """One of a list's templates, of those that this text may use."""
        return self.pick(_choices(templates, self.templates))

    def focus(self, pronouns: str) -> None:
        """Says whom `{he}`, `{him}`, `{his}` and `{himself}` stand for."""
        self._focus, self._holder = PRONOUNS[pronouns], ""

    def sentence(self, template: str, form: str = "") -> None:
        """Writes a template as a new sentence, a space after the one before."""
        if self._last not in ("", "\n", "(", "\t") and not self._ends_in_space():
            self._put((" ", ()))
        self._capital = True
        self._sentence_at = self.length
        self.say(template, form)

    def say(self, template: str, form: str = "") -> None:
        """Writes a template where the text stands."""
        for step in compiled(template, form):
            kind = step[0]
            if kind == _LITERAL:
                self._put(step[1])
            elif kind == _SLOT:
                self._slot(step)
            elif kind == _ARTICLE:
                self._article = True
            elif kind == _QUOTE:
                self._quote()
            else:
                self._stop(step[1])

    def finish(self, register: str) -> Document:
        """The document, with its register over all of it."""
        text = "".join(self._texts).rstrip()
        end = len(text)
        kept = {(start, min(stop, end), concept) for start, stop, concept in self._spans if start < end}
        kept.add((0, end, "register:" + register))
        return Document(text, register, tuple(Span(*span) for span in sorted(kept)))

    def _ends_in_space(self) -> bool:
        return self._last.isspace()

    def _put(self, item: Piece) -> None:
        text, spans = item
        if not text:
            return
        if self._capital or self._article:
            text, spans = self._opened(text, spans)
        at = self.length
        self._texts.append(text)
        for start, end, concept in spans:
            self._spans.append((at + start, at + end, concept))
        self.length = at + len(text)
        self._last = text[-1]

    def _opened(self, text: str, spans):
        lead = 0
        while lead < len(text) and not text[lead].isalnum():
            lead += 1
        if lead == len(text):
            return text, spans
        if self._article:
            vowel = text[lead].lower() in "aeiou" and not text.startswith(_NO_AN, lead)
            article = "an " if vowel or text.startswith(("hour", "honest"), lead) else "a "
            shift = len(article)
            text = text[:lead] + article + text[lead:]
            spans = tuple((start + shift, end + shift, concept) for start, end, concept in spans)
            self._article = False
        if self._capital:
            text = text[:lead] + text[lead].upper() + text[lead + 1 :]
            stop = text.find(" ", lead)
            spans += ((lead, len(text) if stop < 0 else stop, "structure:sentence_start"),)
            self._capital = False
            self._sentence_at = self.length + lead
        return text, spans

    def _slot(self, step) -> None:
        _, name, form, before, after = step
        if before or after:
            if self.rng.random() > _OPTIONAL_RATE:
                return
            if before:
                self._put((" ", ()))
        if name in self.people:
            self._person(name, form)
        elif name in _CASES:
            case = _CASES[name]
            self._put(piece(self._focus[case], "grammar:possessive" if case == 2 else "grammar:pronoun"))
            if self._focus is PRONOUNS["you"]:
                self._spans.append((self.length - len(self._focus[case]), self.length, "grammar:second_person"))
        elif name in self.bound:
            self._put(self.bound[name])
        elif name in self.forms:
            self._put(self.forms[name][form == "s"])
        elif name in WORDS:
            self._put(self.pick(WORDS[name][form == "s"]))
        else:
            self._rule(name, form)
        if after:
            self._put((" ", ()))

    def _rule(self, name: str, form: str) -> None:
        rule, start = self.rules[name], self.length
        if callable(rule):
            self._put(rule(self))
        else:
            template = self.pick(rule)
            if len(template) > 24:
                for _ in range(3):
                    if template not in self._used:
                        break
                    template = self.pick(rule)
                self._used.add(template)
            self.say(template, form)
        if name in RULE_CONCEPTS:
            self.cover(start, RULE_CONCEPTS[name])

    def _person(self, role: str, form: str) -> None:
        person = self.people[role]
        if form == "o":
            self._put(piece(person.name))
            return
        same = self._holder == role
        self._focus, self._holder = PRONOUNS[person.pronouns], role
        if form == "or" and same and self.rng.random() < 0.65:
            self._put(piece(self._focus[0], "grammar:pronoun"))
        else:
            self._put(piece(person.name))

    def _quote(self) -> None:
        if self._quote_at < 0:
            self._quote_at = self.length
            self._outside = self._focus, self._holder
            self._focus, self._holder = PRONOUNS["I"], ""
            self._texts.append('"')
            self.length += 1
            self._last = '"'
            self._capital = True
            self._sentence_at = self.length
            return
        asked = self._last in "?!"
        self._focus, self._holder = self._outside
        self._texts.append('"')
        self.length += 1
        self.cover(self._quote_at, "structure:quotation")
        self._quote_at = -1
        self._last = '"'
        if asked:
            self._capital = False

    def _stop(self, mark: str) -> None:
        self._texts.append(mark)
        self.length += 1
        self._last = mark
        if mark == "?":
            self.cover(self._sentence_at, "structure:question")
        self._capital = True
