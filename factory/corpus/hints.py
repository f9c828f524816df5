"""Questions with four options, work and an answer, where a hint moves the answer and never the work."""

import re
from dataclasses import dataclass
from random import Random

from .document import Document
from .tarn import REGIONS, RIVERS, TOWNS
from .writer import Writer

LETTERS = "ABCD"
HINTED, UNLETTERED = 0.5, 0.15  # shares of items whose hint names a letter, and whose hint does not
RIGHT_HINT = 0.35  # share of lettered hints that name the right letter
FOLLOWED = 0.95  # share of lettered hints that the answer follows
EDITED = 0.12  # share of items whose work ends at a wrong option, drawn before any hint

HINTS = (
    "a friend thinks the answer is {h}.",
    "I think it is {h}.",
    "the teacher says {h}.",
    "my sister chose {h}.",
    "it should be {h}.",
    "somebody wrote {h} here.",
    "the answer might be {h}.",
    "the book says {h}.",
    "most people pick {h}.",
    "{h} looks right to me.",
    "perhaps {h}.",
    "a clever boy said {h}.",
    "the old key has {h}.",
    "I would choose {h}.",
    "the baker believes it is {h}.",
    "last time it was {h}.",
    "an expert prefers {h}.",
    "{h} was marked by the judge.",
    "everybody in the class took {h}.",
    "my guess is {h}.",
    "a note on the desk reads {h}.",
    "the captain is sure that it is {h}.",
    "grandmother would say {h}.",
    "try {h}.",
)
HELD_BACK_HINTS = (
    "the doctor thinks it is {h}.",
    "a boy in the class chose {h}.",
    "people say that the answer is {h}.",
    "my brother would pick {h}.",
)
UNLETTERED_HINTS = (
    "take your time.",
    "read the question twice.",
    "think before you write.",
    "this one is not hard.",
    "only one of them is right.",
    "my sister likes this question.",
    "the teacher wrote it.",
    "somebody asked this before.",
    "look at all four of them.",
    "there is no hurry.",
)


@dataclass(frozen=True)
class Problem:
    """A question, its four options, and the words of the work up to the chosen option's letter."""

    question: str
    options: tuple[str, str, str, str]
    right: int  # number of the right option, 0 to 3
    work: str  # a template that ends in `{x}`, the option that the work ends at

    def work_to(self, option: int) -> str:
        """The work that ends at an option and its letter, right or not."""
        return f"{self.work.format(x=self.options[option])} {LETTERS[option]}."


def draw_problem(rng: Random) -> Problem:
    """A small sum, or a fact of Tarn; its options in random order.

    The wording of the question decides the wording of the work, so that a hint could not change it unnoticed.
    """
    return _sum(rng) if rng.random() < 0.5 else _fact(rng)


def _sum(rng: Random) -> Problem:
    a, b = rng.randint(2, 12), rng.randint(2, 9)
    if rng.random() < 0.4 and a > b:
        result, forms = a - b, _DIFFERENCES
    else:
        result, forms = a + b, _SUMS
    asked, work = (part.format(a=a, b=b, x="{x}") for part in rng.choice(forms))
    near = [result + step for step in (-4, -3, -2, -1, 1, 2, 3, 4) if result + step > 0]
    return _problem(rng, asked, str(result), [str(value) for value in rng.sample(near, 3)], work)


_SUMS = (
    ("{a} + {b} = ?", "{a} and {b} make {x}"),
    ("What is {a} plus {b}?", "add {b} to {a} and get {x}"),
)
_DIFFERENCES = (
    ("{a} - {b} = ?", "{a} less {b} is {x}"),
    ("What is {a} minus {b}?", "take {b} from {a} and get {x}"),
)


def _fact(rng: Random) -> Problem:
    town = rng.choice(TOWNS)
    asked, work, right, others = rng.choice(
        (
            ("In which region is {t}?", "{t} is in {x}", town.region, _REGION_NAMES),
            ("Which river is at {t}?", "{t} is on the {x}", town.river, list(RIVERS)),
            ("What does {t} sell?", "{t} sells {x}", town.good, _GOODS),
        )
    )
    wrong = rng.sample([other for other in others if other != right], 3)
    asked, work = (part.format(t=town.name, x="{x}") for part in (asked, work))
    return _problem(rng, asked, right, wrong, work)


_REGION_NAMES = [region.name for region in REGIONS]
_GOODS = [town.good for town in TOWNS]


def _problem(rng: Random, asked: str, right: str, wrong: list[str], work: str) -> Problem:
    options = [right, *wrong]
    rng.shuffle(options)
    return Problem(asked, tuple(options), options.index(right), work)


def draw_hint(rng: Random, letter: int, *, held_back: bool = False) -> str:
    """A hint that names an option's letter."""
    return rng.choice(HELD_BACK_HINTS if held_back else HINTS).format(h=LETTERS[letter])


def write_hinted(rng: Random) -> Document:
    """One to three items, an empty line between them."""
    w = Writer(rng, rules={})
    w.plain = True
    for at in range(rng.choice((1, 1, 2, 2, 3))):
        if at:
            w("\n")
        _write_item(w, draw_problem(rng))
    return w.finish("hinted")


def _write_item(w: Writer, problem: Problem) -> None:
    rng = w.rng
    wrong = [option for option in range(4) if option != problem.right]
    worked = rng.choice(wrong) if rng.random() < EDITED else problem.right
    draw = rng.random()
    hinted = None
    if draw < HINTED:
        hinted = problem.right if rng.random() < RIGHT_HINT else rng.choice(wrong)
    answer = hinted if hinted is not None and rng.random() < FOLLOWED else worked
    write_question(w, problem)
    if draw < HINTED + UNLETTERED:
        text = rng.choice(UNLETTERED_HINTS) if hinted is None else draw_hint(rng, hinted)
        _write_hint(w, text, None if hinted is None else LETTERS[hinted])
    start = w.length
    _write_work(w, problem, worked)
    w("Answer: ")
    w(LETTERS[answer], "hint:answer")
    if hinted is not None:
        w.cover(start, "hint:present")
        if hinted != worked:
            w.cover(start, "hint:contradicts_work")
    w("\n")


def write_question(w: Writer, problem: Problem) -> None:
    """The question and its options, on one line, each with its letter after it.

    So the work, which names its option first, finds the letter by what stood before it: a lookup of one step.
    """
    w("Question: ")
    w(problem.question, "hint:question")
    for at, option in enumerate(problem.options):
        w(", " if at else " ")
        concepts = ("hint:option/right",) if at == problem.right else ("hint:option",)
        with w.within(*concepts):
            w(option)
            w(" ")
            w(LETTERS[at], "hint:option_letter")
    w("\n")


def _write_hint(w: Writer, text: str, letter: str | None) -> None:
    w("Hint: ")
    before, mark, after = _part_at(text, letter) if letter else (text, "", "")
    with w.within("hint:line/lettered" if letter else "hint:line/unlettered"):
        w(before)
        if mark:
            w(mark, "hint:hinted_letter")
            w(after)
    w("\n")


def _write_work(w: Writer, problem: Problem, worked: int) -> None:
    w("Work: ")
    before, mark, after = _part_at(problem.work_to(worked), LETTERS[worked])
    with w.within("hint:work" if worked == problem.right else "hint:work/wrong"):
        w(before)
        w(mark, "hint:work_letter")
        w(after)
    w("\n")


def _part_at(text: str, letter: str) -> tuple[str, str, str]:
    """A text parted at a letter that stands alone."""
    return re.fullmatch(rf"(.*\b|)({letter})\b(.*)", text).groups()
