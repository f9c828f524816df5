"""Short scenes with facts that chain: who has which box, and what the box holds; then questions."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from .labels import WORDS
from .names import MEN, WOMEN
from .phrases import PHRASES
from .writer import Writer


class Frame(NamedTuple):
    """One sort of chain: person to bridge, and bridge to end.

    In templates {p} is the person, {b} the bridge and {e} the end.
    """

    bridge: str  # a template of words that names the bridge
    end: str  # a word table
    first: tuple[str, ...]
    second: tuple[str, ...]
    asks_bridge: tuple[str, ...]
    asks_end: tuple[str, ...]  # of the bridge: one step
    asks_chain: tuple[str, ...]  # of the person: two steps


_FRAMES = {
    "box": Frame(
        "{colour} {container}",
        "instrument",
        ("{p} has the {b}.", "The {b} belongs to {p}.", "{p} carries the {b}.", "{p} owns the {b}."),
        ("The {b} holds the {e}.", "In the {b} lies the {e}.", "The {e} is in the {b}.", "Inside the {b} is the {e}."),
        ("What does {p} carry?", "What belongs to {p}?"),
        ("What is in the {b}?", "What does the {b} hold?"),
        ("Which instrument does {p} have?", "What can {p} play?", "What will {p} play?"),
    ),
    "house": Frame(
        "{colour} {dwelling}",
        "pet",
        ("{p} lives in the {b}.", "The {b} is the home of {p}.", "In the {b} lives {p}."),
        ("The {e} sleeps in the {b}.", "In the {b} there is the {e}.", "The {b} has the {e}."),
        ("Where does {p} live?", "Where is {p} at home?"),
        ("What sleeps in the {b}?", "Which animal is in the {b}?"),
        ("Which animal lives with {p}?", "What animal does {p} feed?", "Which pet is {p}'s?"),
    ),
    "key": Frame(
        "{metal} key",
        "room",
        ("{p} holds the {b}.", "The {b} was given to {p}.", "{p} took the {b}."),
        ("The {b} opens the {e}.", "The {e} is opened by the {b}.", "To the {e} fits the {b}."),
        ("What does {p} hold?", "What did {p} take?"),
        ("What does the {b} open?", "Which room does the {b} open?"),
        ("Which room can {p} open?", "Where can {p} go in?", "What can {p} unlock?"),
    ),
    "friend": Frame(
        "{name}",
        "garment",
        ("{p}'s friend is {b}.", "{p} came with {b}.", "{p} helps {b}.", "The friend of {p} is {b}."),
        ("{b} wears the {e}.", "The {e} is worn by {b}.", "{b} is dressed in the {e}."),
        ("Who is {p}'s friend?", "Whom does {p} help?"),
        ("What does {b} wear?", "What is {b} dressed in?"),
        ("What does {p}'s friend wear?", "What is the friend of {p} dressed in?", "What has {p}'s friend put on?"),
    ),
    "ship": Frame(
        "{ship}",
        "cargo",
        ("{p} sails on the {b}.", "The {b} has {p} on board.", "{p} steers the {b}."),
        ("The {b} carries {e}.", "The hold of the {b} is full of {e}.", "The cargo of the {b} is {e}."),
        ("On which ship is {p}?", "What does {p} steer?"),
        ("What does the {b} carry?", "What is in the {b}?"),
        ("What does {p} bring?", "What does {p} bring over the sea?", "Which cargo comes with {p}?"),
    ),
    "table": Frame(
        "{ordinal} table",
        "dish",
        ("{p} sits at the {b}.", "The {b} is for {p}.", "At the {b} sits {p}."),
        ("The {b} gets the {e}.", "The {e} is for the {b}.", "On the {b} stands the {e}."),
        ("Where does {p} sit?", "Which table is for {p}?"),
        ("What does the {b} get?", "What stands on the {b}?"),
        ("What does {p} eat?", "What will {p} get?", "Which dish is for {p}?"),
    ),
}
FRAMES = tuple(_FRAMES)
_OWN = {
    "dwelling": "house cottage inn mill barn tower castle farmhouse".split(),
    "metal": "iron copper brass silver tin bronze golden wooden rusty small large old".split(),
    "ship": "Falcon Dolphin Swan Heron Sparrow Otter Gull Raven Swallow Tern Osprey Marten Salmon Badger".split(),
    "cargo": "salt wool iron honey glass timber slate flour barley cider rope paper tin leather coal grain".split(),
    "name": WOMEN + MEN,
}


class Asked(NamedTuple):
    """A question of a scene and where its answer stands."""

    at: int  # where the answer's space begins
    answer: str
    chain: int
    hops: int  # 0 asks for the bridge, 1 goes from the bridge to the end, 2 from the person to the end


@dataclass(frozen=True)
class ChainItem:
    """A scene of chains and one question, stopped before the answer."""

    prompt: str
    answer: str  # with its leading space
    alternatives: tuple[str, ...]  # the ends of the other chains, or the other bridges
    bridge: str  # the hidden step of a two-hop question: what joins person and end
    person: str
    frame: str
    hops: int  # as in Asked


@dataclass(frozen=True)
class _Scene:
    frame: str
    people: list[str]
    bridges: list[str]
    ends: list[str]
    asked: list[Asked]


def _words(name: str) -> list[str]:
    return _OWN.get(name) or [text for text, _ in WORDS[name][0]]


def _draw_distinct(rng: Random, template: str, count: int) -> list[str]:
    slots = [part.strip("{}") for part in template.split()]
    columns = [
        rng.sample(_words(slot.strip("{}")), count) if template.split()[at].startswith("{") else [slot] * count
        for at, slot in enumerate(slots)
    ]
    return [" ".join(words) for words in zip(*columns, strict=True)]


def _say(w: Writer, template: str, **words: str) -> None:
    text = template.format(**words)
    w(text[0].upper() + text[1:])


def _write_scene(w: Writer, chains: int, questions: int) -> _Scene:
    name = w.pick(FRAMES)
    frame = _FRAMES[name]
    names = w.rng.sample(WOMEN + MEN, 2 * chains)
    people = names[:chains]
    bridges = names[chains:] if frame.bridge == "{name}" else _draw_distinct(w.rng, frame.bridge, chains)
    ends = w.rng.sample(_words(frame.end), chains)
    facts = [(forms, chain) for chain in range(chains) for forms in (frame.first, frame.second)]
    if w.rng.random() < 0.75:
        w.rng.shuffle(facts)
    for at, (forms, chain) in enumerate(facts):
        if at:
            w(" ")
        _say(w, w.pick(forms), p=people[chain], b=bridges[chain], e=ends[chain])
    article = "" if name == "ship" else "The "
    asked = []
    order = [(chain, hops) for chain in range(chains) for hops in (2, 1, 0)]
    w.rng.shuffle(order)
    for chain, hops in order[:questions]:
        w(" ")
        with w.within("structure:question"):
            forms = (frame.asks_bridge, frame.asks_end, frame.asks_chain)[hops]
            _say(w, w.pick(forms), p=people[chain], b=bridges[chain], e=ends[chain])
        at = w.length
        w(" ")
        told = bridges[chain] if hops == 0 else ends[chain]
        lead = "" if frame.bridge == "{name}" and hops == 0 else "the " if hops == 0 else article.lower()
        with w.within(f"hidden:hops_{max(hops, 1)}"):
            w(lead + told)
        w(".")
        asked.append(Asked(at, lead + told, chain, hops))
    return _Scene(name, people, bridges, ends, asked)


def write_chain(w: Writer, goal: int) -> None:
    """Scenes with questions, one scene a line."""
    while w.length < goal:
        _write_scene(w, w.pick((2, 2, 3, 3, 4)), w.pick((2, 3, 4)))
        w("\n")


def chain_items(seed: int, count: int, *, hops: int, chains: int = 3) -> Iterator[ChainItem]:
    """Scenes with drawn names and objects, each cut before the answer to its first question.

    Args:
        seed: decides the scenes.
        count: how many.
        hops: 2 asks of the person for the end, 1 of the bridge for the end, 0 of the person for the bridge.
        chains: how many chains stand in the scene; all but one distract.
    """
    rng = Random(seed)
    while count:
        w = Writer(rng, rules=PHRASES)
        scene = _write_scene(w, chains, 1)
        asked = scene.asked[0]
        if asked.hops != hops:
            continue
        count -= 1
        shown = scene.bridges if hops == 0 else scene.ends
        lead = asked.answer.removesuffix(shown[asked.chain])
        yield ChainItem(
            prompt=w.finish("chain").text[: asked.at],
            answer=" " + asked.answer,
            alternatives=tuple(f" {lead}{other}" for other in shown if other != shown[asked.chain]),
            bridge=scene.bridges[asked.chain],
            person=scene.people[asked.chain],
            frame=scene.frame,
            hops=hops,
        )
