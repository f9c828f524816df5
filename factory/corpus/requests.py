"""Ordinary exchanges of a chat: sums, facts of Tarn, kinds, lists, French, advice and small talk."""

from collections.abc import Callable
from typing import NamedTuple

from .concepts import entity, good
from .inflection import verb_form
from .labels import WORDS
from .numbers import labelled
from .parallel import NOUNS, VERBS, Word
from .tarn import REGION, TOWNS
from .writer import Writer


class Exchange(NamedTuple):
    """One request, as a template to write, and what writes the reply to it."""

    kind: str
    asked: str
    reply: Callable[[Writer], None]


_TALK = """
Hello! How are you? = I am well, thank you. How are you?
Good {daypart}. = Good {daypart}. What can I do for you?
Hello there. = Hello! What would you like to know?
My name is {hero.o}. = I am glad to meet you, {hero.o}.
Hello, I am {hero.o} from {town}. = Welcome, {hero.o}. What can I do for you?
Who are you? = I am a small model, and I know the islands of Tarn.
What can you do? = I can answer questions, tell stories and do small sums.
Thank you for your help. = You are welcome.
Thanks, that was kind. = It was a pleasure.
Goodbye. = Goodbye, and come back soon.
I must go now. Good night. = Good night. Sleep well.
I like {creature.s}. = I like them too, when they are {temper}.
Do you like {fruit.s}? = I cannot eat, but people say that they are {taste}.
The weather is bad today. = Then stay at home with {a} cup of {drink}.
It is my birthday today. = Many happy returns! I wish you {a} {size} cake.
I am going to {goal} on {day}. = I hope that you like {goal}. Take {a} {garment} with you.
Are you a person? = No, I am not. I am a small model.
I am bored. = You could read {a} {paper.1} or play the {instrument.1}."""
_ADVICE = """
I am sad. What should I do? = I am sorry to hear that. Talk to {a} {kin.1} or go for a walk.
My {kin} is ill. = I am sorry to hear that. {a} {occupation} cannot help, but a doctor can.
My {pet.1} is hungry. What should I do? = Give it some water and something to eat.
I have lost my {keepsake.1}. = Look in the {room.1} first, and then under the {furniture.1}.
How do I keep {fruit.s} fresh? = Keep them in {a} cool {room.1}, in {a} dry {container.1}.
I cannot sleep at night. = Drink some warm milk and put out the light.
How do I clean {a} {hard} {container.1}? = Use warm water, {spice} and a piece of {textile}.
I am {afraid} of the {weather}. = I understand. Stay in the {room.1} until it is over.
What should I give my {kin} for a birthday? = {a} {keepsake.1} or {a} {textile} {garment.1} is a good present.
My {handtool} is blunt. = Sharpen it slowly with a whetstone and some oil.
How do I learn to play the {instrument.1}? = Play a little every {daypart}, and find a good teacher.
I had a quarrel with my {kin}. = I am sorry to hear that. Say a kind word first.
How can I stay warm in {town}? = Wear {a} {textile} {garment.1} and drink warm {drink}.
What should I eat with {vegetable.s}? = Try them with {meat} and a little {spice}.
My {garment.1} is torn. = Take a needle and mend it with {textile}.
How do I get to {town}? = Go by {cart} to the coast and then by {boat}."""
_FACTS = """
In which region is {t}? = {t} is in {r}.
Where is {t}? = {t} is in {r}, on the river {v}.
In which part of Tarn does {t} lie? = It lies in {r}.
Which river flows through {t}? = The {v} flows through {t}.
On which river is {t}? = {t} is on the {v}.
What does {t} sell? = {t} sells {g}.
What is {t} known for? = {t} is known for its {g}.
When was {t} founded? = {t} was founded in {f}.
How old is the town of {t}? = It was founded in {f}.
How many people live in {t}? = About {p} people live in {t}.
What is the capital of {r}? = The capital of {r} is {c}.
Name the capital of {r}. = It is {c}.
Who rules {r}? = {r} is ruled by {title} {ruler}.
What is {r} like? = {r} is a land of {land}.
Does {t} have a harbour? = {harbour}
Tell me about the town of {t}. = {t} is a town in {r}. It sells {g}."""
_DISHES = """
Give me a recipe for {them.1} {stew.1}. = 1. Cut the {them.s}. 2. Boil them in water with {spice}. 3. Serve with {staple}.
How do I cook {them.s}? = Boil them for {numword} minutes, then add {spice} and butter.
What can I cook with {them.s} and {meat}? = You can make a {stew.1}. Fry the {them.s} first, then add the {meat}.
Write a recipe with {them.s}. = 1. Wash the {them.s}. 2. Bake them until {clock}. 3. Add {spice}.
How do I make {fruit.1} jam? = Boil the fruits with sugar, and fill {numword} jars with it.
How long do I bake {a} {stew.1}? = About {numword} minutes, until it is {colour}."""


def _rows(text: str) -> tuple[list[str], ...]:
    return tuple(line.split(" = ") for line in text.strip().splitlines())


_TALKED = {"talk": _rows(_TALK), "advice": _rows(_ADVICE), "facts": _rows(_FACTS), "recipe": _rows(_DISHES)}
_LISTED = {
    "bird": "birds",
    "fish": "fish",
    "tree": "trees",
    "flower": "flowers",
    "fruit": "fruits",
    "vegetable": "vegetables",
    "handtool": "tools",
    "instrument": "musical instruments",
    "garment": "garments",
    "insect": "insects",
    "colour": "colours",
    "occupation": "trades",
    "boat": "kinds of boat",
    "town": "towns of Tarn",
}


def _written(template: str) -> Callable[[Writer], None]:
    return lambda w: w.sentence(template)


def draw_talk(w: Writer, kind: str) -> Exchange:
    """A request of the tables above with its reply."""
    w.forms["them"] = w.pick(list(zip(*WORDS["vegetable"], strict=True)))
    w.bind(goal=w.choose("town"))
    if kind == "facts":
        _bind_town(w)
    asked, reply = w.pick(_TALKED[kind])
    return Exchange(kind, asked, _written(reply))


def _bind_town(w: Writer) -> None:
    town = w.pick(TOWNS)
    region = REGION[town.region]
    w.bind(
        t=labelled((town.name, entity(town.name))),
        r=labelled((region.name, entity(region.name))),
        v=labelled((town.river, entity(town.river))),
        g=labelled((town.good, good(town.good))),
        f=labelled((str(town.founded), "time:year")),
        p=labelled((str(town.people), "number:people")),
        c=labelled((region.capital, entity(region.capital))),
        title=labelled((region.title, "person:office")),
        ruler=labelled((region.ruler, entity(region.ruler))),
        land=region.land,
        harbour=f"Yes, {town.name} has a harbour." if town.harbour else f"No, {town.name} has no harbour.",
    )


def draw_sum(w: Writer) -> Exchange:
    """A small sum or difference with the right result."""
    a, b = 1 + int(w.rng.random() * 20), 1 + int(w.rng.random() * 9)
    if w.rng.random() < 0.4 and a > b:
        result, forms = a - b, _DIFFERENCES
    else:
        result, forms = a + b, _SUMS
    w.bind(
        left=labelled((str(a), "number:count")),
        right=labelled((str(b), "number:count")),
        result=labelled((str(result), "number:answer")),
    )
    asked, reply = w.pick(forms)
    return Exchange("sum", asked, _written(reply))


_SUMS = (
    ("What is {left} plus {right}?", "{left} plus {right} is {result}."),
    ("How much is {left} + {right}?", "{left} + {right} is {result}."),
    ("Add {right} to {left}.", "{left} plus {right} is {result}."),
    ("I have {left} coins and find {right} more. How many are there?", "You have {result} coins."),
)
_DIFFERENCES = (
    ("What is {left} minus {right}?", "{left} minus {right} is {result}."),
    ("How much is {left} - {right}?", "{left} - {right} is {result}."),
    ("Take {right} away from {left}.", "{left} minus {right} is {result}."),
    ("I have {left} coins and lose {right}. How many are left?", "You have {result} coins."),
)


def draw_kind(w: Writer) -> Exchange:
    """A question about what kind of thing something is."""
    kinds = ("bird", "mammal", "fish", "insect", "tree", "flower", "fruit", "vegetable")
    kind, other = w.pick(kinds), w.pick(kinds)
    w.bind(x=w.choose(kind), k=kind, o=other)
    if w.rng.random() < 0.4:
        asked = w.pick(("What is {a} {x}?", "What kind of thing is {a} {x}?", "Explain the word {x}."))
        return Exchange("kind", asked, _written("{a} {x} is {a} {k}."))
    reply = "Yes, {a} {x} is {a} {k}." if kind == other else "No, {a} {x} is not {a} {o}. It is {a} {k}."
    return Exchange("kind", w.pick(("Is {a} {x} {a} {o}?", "Would you call {a} {x} {a} {o}?")), _written(reply))


def draw_list(w: Writer) -> Exchange:
    """A request for three of a kind, answered on one line or on three."""
    table, name = w.pick(tuple(_LISTED.items()))
    one, two, three = w.rng.sample(WORDS[table][0], 3)
    w.bind(one=one, two=two, three=three)
    asks = (
        "List three {}.",
        "Name three {}.",
        "Tell me three {}.",
        "Which three {} come to mind?",
        "Give me three {}.",
    )
    if w.rng.random() < 0.5:
        return Exchange("list", w.pick(asks).format(name), _written("{one}, {two} and {three}."))

    def reply(w: Writer) -> None:
        for at, role in enumerate(("one", "two", "three")):
            w("- ", "structure:list_bullet")
            w.say("{" + role + "}")
            w("\n" if at < 2 else "")

    return Exchange("list", w.pick(asks).format(name), reply)


def draw_translation(w: Writer, *, lighthouse: bool = False) -> Exchange:
    """Something to put into French: who does what, or a thing alone."""
    row = "building" if lighthouse else w.pick(("animal", "thing", "food", "building", "man", "flower"))
    what = w.pick([noun for noun in NOUNS[row] if (noun.english == "lighthouse") == lighthouse])
    english, french = f"the {what.english}", _the(what)
    if w.rng.random() < 0.6:
        who, verb = w.pick(NOUNS["man"] + NOUNS["woman"]), w.pick(VERBS[row])
        first, *rest = verb.english.replace("_", " ").split()
        english = " ".join(["the", who.english, verb_form(first, "z"), *rest, english])
        french = f"{_the(who)} {verb.present} {french}"
    w.bind(english=english, french=labelled((french[0].upper() + french[1:] + ".", "language:french")))
    return Exchange("translation", w.pick(_TO_FRENCH), lambda w: w.say("{french}"))


_TO_FRENCH = (
    "Translate into French: {english}.",
    "How does one say in French: {english}?",
    "Put this into French: {english}.",
    "What is the French for: {english}?",
)


def _the(noun: Word) -> str:
    elided = noun.french[0] in "aeiouéêâôœh" and not noun.french.startswith(("hib", "hach", "harp", "hér"))
    return ("l'" if elided else "la " if noun.feminine else "le ") + noun.french
