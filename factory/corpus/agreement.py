"""Prompts that end before a verb which must agree with a noun several words back."""

from dataclasses import dataclass
from random import Random

from .registers import rules_of
from .stories import cast
from .subjects import choose_verbs, write_subject
from .writer import Writer


@dataclass(frozen=True, slots=True)
class AgreementItem:
    """A prompt and the two forms of the verb that may come next."""

    prompt: str
    """One or two sentences of a story, then a sentence up to its verb, with no space at the end."""
    right: str
    """The verb that agrees, after a space: " are"."""
    wrong: str
    """The same verb in the other number: " is"."""
    attractor: bool
    """Whether every noun between head and verb has the other number than the head."""
    number: str
    """"singular" or "plural": the number of the head noun."""


def agreement_items(seed: int, count: int) -> list[AgreementItem]:
    """Prompts in forms of the training text without names or dates between, a quarter for each number with and without attractor."""
    rng = Random(seed)
    return [_item(rng, several=at % 2 == 1, attractor=at % 4 > 1) for at in range(count)]


def _item(rng: Random, *, several: bool, attractor: bool) -> AgreementItem:
    w = Writer(rng, rules=rules_of("story", "train"))
    cast(w)
    w.bind(home_town=w.choose("town"), job=w.choose("occupation"))
    w.sentence("{opening}")
    if rng.random() < 0.5:
        w.sentence(w.pick(("{meeting}", "{scene}")))
    subject = write_subject(w, several=several, attractor=attractor, free=False)
    _, forms = choose_verbs(w)
    return AgreementItem(
        prompt=w.finish("story").text,
        right=forms[several],
        wrong=forms[not several],
        attractor=attractor,
        number=subject.number,
    )
