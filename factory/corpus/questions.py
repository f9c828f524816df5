"""Questions with right answers: sums, facts of Tarn, kinds of things, and short readings."""

from .concepts import entity
from .facts import FACT_RULES, bind_town, named
from .numbers import labelled
from .regions import draw_question
from .stories import cast
from .tarn import REGION, TOWNS, is_held_out
from .writer import Writer

QA_RULES = FACT_RULES


def _sum(w: Writer) -> tuple[str, int]:
    kind, a, b = int(w.rng.random() * 4), 1 + int(w.rng.random() * 20), 1 + int(w.rng.random() * 9)
    if kind == 0:
        return w.pick((f"What is {a} plus {b}?", f"How much is {a} + {b}?")), a + b
    if kind == 1:
        a, b = max(a, b), min(a, b)
        return w.pick((f"What is {a} minus {b}?", f"How much is {a} - {b}?")), a - b
    a = a % 9 + 1
    if kind == 2:
        return w.pick((f"What is {a} times {b}?", f"How much is {a} * {b}?")), a * b
    return f"What is {a * b} divided by {b}?", a


def _ask(w: Writer, question: str) -> None:
    w("Q:", "structure:question_tag")
    w(" ")
    w.sentence(question)
    w("\n")
    w("A:", "structure:answer_tag")
    w(" ")


def _answer(w: Writer, template: str) -> None:
    with w.within("structure:answer"):
        w.sentence(template)


def _arithmetic(w: Writer) -> None:
    question, answer = _sum(w)
    w("Q:", "structure:question_tag")
    w(" ")
    with w.within("structure:question", "structure:arithmetic"):
        w(question)
    w("\n")
    w("A:", "structure:answer_tag")
    w(" ")
    with w.within("structure:answer"):
        w(str(answer), "number:answer", "structure:arithmetic")
        w(".")


def _word_sum(w: Writer) -> None:
    b = 1 + int(w.rng.random() * 9)
    a = b + 1 + int(w.rng.random() * 12)
    noun = w.pick(("fruit", "vegetable", "beast", "container", "fish", "garment"))
    word = w.choose(noun, "s")
    w.bind(them=word, had=named(str(max(a, b)), "number:quantity"), less=named(str(min(a, b)), "number:quantity"))
    more = w.rng.random() < 0.5
    with w.within("structure:arithmetic"):
        _ask(
            w,
            "{hero} had {had} {them} and "
            + ("[buy:ed]" if more else "[sell:ed]")
            + " {less}. How many {them} did {he} have then?",
        )
    answer = a + b if more else abs(a - b)
    w.bind(answer=named(str(answer), "number:answer"))
    _answer(w, "{he} had {answer} {them}.")


_TOWN_QUESTIONS = {
    "In which region is {t}?": ("{t} is in {r}.", "In {r}."),
    "Which river flows through {t}?": ("The {v} flows through {t}.", "The {v}."),
    "What does {t} sell?": ("{t} sells {g}.", "It sells {g}."),
    "When was {t} founded?": ("{t} was founded in {f}.", "In {f}."),
    "How many people live in {t}?": ("{p} people live in {t}.", "About {p}."),
    "Is {t} larger than {rival}?": ("{yes_size}, {t} is {size_word}.", "{yes_size}."),
    "Does {t} have a harbour?": ("{yes_harbour}", "{yes_harbour}"),
    "What is the capital of {r}?": ("The capital of {r} is {c}.", "{c}."),
    "Who rules {r}, where {t} lies?": ("{title} {ruler} rules {r}.", "{title} {ruler}."),
}


def _town_question(w: Writer) -> None:
    town = w.pick(TOWNS)
    bind_town(w, town)
    region = REGION[town.region]
    w.bind(
        title=named(region.title, "person:office"),
        ruler=named(region.ruler, entity(region.ruler)),
        yes_size="Yes" if w.bound["size_word"][0] == "larger" else "No",
        yes_harbour=labelled(("Yes, ",), (town.name, entity(town.name)), (" has a harbour.",))
        if town.harbour
        else labelled(
            ("No, ",), (town.name, entity(town.name)), (" has ",), ("no", "grammar:negation"), (" harbour.",)
        ),
    )
    question = w.pick_template(tuple(_TOWN_QUESTIONS))
    while "rules" in question and is_held_out(town.name, "ruler"):
        question = w.pick_template(tuple(_TOWN_QUESTIONS))
    long, short = _TOWN_QUESTIONS[question]
    _ask(w, question)
    answer = long if w.rng.random() < 0.6 else short
    _answer(w, answer)


def _region_question(w: Writer) -> None:
    question, answer, hidden = draw_question(w)
    with w.within(*([f"hidden:bridge/{hidden.lower()}"] if hidden else [])):
        _ask(w, question)
        _answer(w, answer)


def _reading(w: Writer) -> None:
    w.bind(
        x=w.choose(w.pick(("handtool", "garment", "keepsake", "instrument"))),
        y=w.choose("town"),
        z=w.choose("creature" if "creature" in w.bound else "pet"),
        k=w.choose("colour"),
        d=w.choose("day"),
        o=w.choose("occupation"),
    )
    with w.within("structure:reading"):
        w.sentence(w.pick(_TALES))
    w("\n")
    questions = w.templates_of(tuple(_TALE_QUESTIONS))
    for question in w.rng.sample(questions, min(2, len(questions))):
        _ask(w, question)
        _answer(w, _TALE_QUESTIONS[question])
        w("\n")


_TALES = (
    "On {d}, {hero} the {o} lost {a} {k} {x} in {y}, and {friend.o}'s {z} found it {where}.",
    "{hero}, {a} {o} from {town}, lost {a} {k} {x} in {y} on {d}. It was the {z} of {friend.o} that found it.",
    "In {y}, on {d}, {a} {o} named {hero} lost {a} {k} {x} while {he} [watch:ed] the {bird.s}. {friend.o}'s {z} found it.",
)
_TALE_QUESTIONS = {
    "Who lost the {x}?": "{hero} lost the {x}.",
    "What did {hero} lose?": "{he} lost {a} {k} {x}.",
    "Where did {hero} lose the {x}?": "{he} lost it in {y}.",
    "What colour was the {x}?": "The {x} was {k}.",
    "When did {hero} lose the {x}?": "On {d}.",
    "Which animal found the {x}?": "The {z} of {friend.o} found it.",
    "What was {hero}'s occupation?": "{hero} was {a} {o}.",
    "Did {friend.o} lose the {x}?": "No, {friend.o} did not lose it; {hero} did.",
}


def _kinds(w: Writer) -> None:
    kind = w.pick(("bird", "mammal", "fish", "insect", "tree", "flower", "fruit", "vegetable"))
    other = w.pick(("bird", "fish", "tree", "flower", "insect", "fruit"))
    yes = kind == other
    w.bind(x=w.choose(kind))
    _ask(w, "Is {a} {x} {a} " + other + "?")
    _answer(w, ("Yes, {a} {x} is {a} " if yes else "No, {a} {x} is not {a} " + other + ". It is {a} ") + kind + ".")


_ASKING = (
    *(_arithmetic, _arithmetic, _arithmetic, _word_sum, _reading, _kinds),
    *(_town_question, _town_question, _region_question, _region_question, _region_question),
)


def write_qa(w: Writer, goal: int) -> None:
    """Questions with their right answers."""
    while w.length < goal:
        w.people.clear()
        cast(w)
        w.focus("they")
        w.pick(_ASKING)(w)
        w("\n")
