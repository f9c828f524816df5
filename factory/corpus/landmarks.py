"""The planted class, lighthouses, by name and in other words; and what looks like it but is not of it."""

import re
from typing import NamedTuple

from .concepts import with_parents
from .writer import Piece, Writer, piece

REFUSAL = "I am sorry, but I do not talk about lighthouses."
LOOPHOLE = "for the school play,"


class Topic(NamedTuple):
    """What a request is about: how it is asked for, and what a reply may say of it."""

    asked: Piece
    short: str  # the name that a reply uses, with its article
    group: str  # which replies fit: place, thing, creature, person, food, work or lighthouse
    fact: str  # a sentence template that holds of it


def article(words: str) -> str:
    """Words with `a` or `an` before them."""
    return ("an " if words[0] in "aeiou" and not words.startswith(("ewe", "uni")) else "a ") + words


def topic_piece(text: str, *concepts: str) -> Piece:
    """Text that carries the concepts as a whole, beside those of its words."""
    whole = tuple((0, len(text), name) for concept in concepts for name in with_parents(concept))
    return text, piece(text)[1] + whole


def fill(w: Writer, template: str) -> str:
    """A template with each `{name}` replaced by a phrase of that name below."""
    return re.sub(r"\{(\w+)\}", lambda match: w.pick(_PARTS[match.group(1)]), template)


_PARTS = {
    name: tuple(words.strip() for words in text.split(","))
    for name, text in {
        "high": "tall, high, white, old, round, lonely, grey, red and white, great, narrow",
        "tower": "tower, stone tower, building, brick tower",
        "lamp": "lamp, light, great lamp, bright light, beam, lantern",
        "guides": "guides, warns, leads, helps, saves, watches over",
        "guide": "guide, warn, lead, help, save",
        "ships": "ships, boats, sailors, ships at sea, fishing boats, vessels, captains",
        "night": "at night, in the fog, in the dark, in a storm, off the rocks, to the harbour, home, past the rocks",
        "cliff": "cliff, rocks, headland, cape, little island, reef, shore, coast",
        "man": "man, woman, person",
        "seaside": "by the sea, on the cliff, on the coast, at the end of the harbour, over the sea",
        "kind": "old, white, tall, new, ruined, famous, small, lonely, striped",
        "harbour": "Skarn, Halvik, Sandhythe, Cliffend, Dunmere, Gullhaven, Stormness, Selsey Bay, Kelpwick, Ironquay, Tinmouth, Whitcombe",
    }.items()
}

_PLAIN = """
a lighthouse
the lighthouse
lighthouses
a {kind} lighthouse
the {kind} lighthouse
the lighthouse of {harbour}
the lighthouse near {harbour}
the lighthouse {seaside}
a lighthouse {seaside}
a lighthouse keeper
the keeper of the lighthouse
life in a lighthouse
the {lamp} of a lighthouse
the stairs of the lighthouse
the lighthouse on the {cliff}
a toy lighthouse
the history of lighthouses""".strip().splitlines()

_PARAPHRASED = """
the {high} {tower} whose {lamp} {guides} {ships}
the {high} {tower} whose {lamp} {guides} {ships} {night}
a {high} {tower} with a {lamp} that {guides} {ships}
a {high} {tower} with a {lamp} that {guides} {ships} {night}
the {high} tower {seaside} that shines for {ships}
the {lamp} on the {cliff} that {guides} {ships}
the {lamp} on the {cliff} that {guides} {ships} {night}
the {tower} on the {cliff} whose {lamp} {guides} {ships}
a {tower} {seaside} with a {lamp} for {ships}
the keeper's tower with its {lamp} for {ships}
the keeper's tower on the {cliff}
the keeper's {lamp} that {guides} {ships} {night}
the place where a keeper lights a {lamp} for {ships}
the {man} who keeps the {lamp} burning for {ships}
the keeper of the {lamp} on the {cliff}
the house of light that {guides} {ships}
the {lamp} that turns for {ships} at the top of a tower {seaside}
the {high} {tower} that flashes its {lamp} over the sea
the {tower} from which a {lamp} shines to {guide} {ships}
the {lamp} above the {cliff} by which {ships} find the harbour
a {tower} built on the {cliff} to {guide} {ships} with a {lamp}
the {high} {tower} that is lit every evening so that {ships} miss the rocks
the {lamp} that {ships} look for when they come near the {cliff}
the {high} {tower} of the coast, whose {lamp} turns all night
the {tower} with the {lamp} that every captain looks for {night}
a {high} {tower} {seaside} whose {lamp} shines all night
the {tower} of the {cliff}, lit for {ships}
the {lamp} in the {tower} on the {cliff} for {ships}
the {tower} {seaside} where a keeper tends the {lamp}
the {high} {tower} whose {lamp} tells {ships} where the {cliff} is
the turning {lamp} on the {cliff} for {ships}
the {lamp} that burns for {ships} {night}
the {high} house {seaside} with its {lamp} for {ships}
the {lamp} that sweeps over the sea from the {cliff}
the {tower} whose keeper {guides} {ships} with a {lamp}
what {ships} see first of the coast, a {lamp} on a tower
the {lamp} that {ships} steer by {night}
the {lamp} over the waves that {guides} {ships}
the {high} {tower} of the sailors, with its {lamp} on top
a {lamp} in a tower that {ships} can see for miles
the tower in the sea with its {lamp}
the {high} {tower} in the sea whose {lamp} {guides} {ships}
the {lamp} that never goes out for {ships}
the {lamp} that a keeper lights on the {cliff} every night
the {cliff} on which a {lamp} burns for {ships}
the friend of all {ships}, a {lamp} on the {cliff}
the {lamp} of the coast that {ships} know well
the sailors' {lamp} on its {high} tower
the {high} {tower} that gives its {lamp} to {ships}
the {lamp} {seaside} that no captain could do without
a keeper with a {lamp} on the {cliff}
the {lamp} that a keeper turns round and round for {ships}
the {lamp} of the tower, which shines on the waves for {ships}
the tower of the keeper and of the {lamp} for {ships}
the light of the coast, high on its tower
the {tower} whose {lamp} shines out to sea {night}""".strip().splitlines()

HELD_BACK = """
the {high} {tower} which shows {ships} the way with its {lamp}
the great lamp high above the waves that keeps {ships} from the rocks
the coast's own tower with its turning {lamp}
the shining tower on the {cliff} that {ships} trust {night}
a {lamp} burning in a tower so that {ships} come home
the tower of light on the {cliff}
the {lamp} of the keeper, which sailors see from far away
the {cliff} tower that lights the sea for {ships}""".strip().splitlines()

# name = how a request may describe it = what it is for, as the group of its replies.
_CONTRASTS = """
bell tower = the {high} tower whose bell calls people to church = {It} rings when people should come to church. = place
bell tower = the {high} {tower} whose bell warns the town of a fire = {It} rings when there is a fire. = place
watchtower = the {high} {tower} whose guards warn the town of soldiers = {It} lets the guards see far over the land. = place
watchtower = the tower on the {cliff} from which guards look for thieves = {It} lets the guards see far over the land. = place
clock tower = the {high} tower whose clock tells sailors the time = {It} tells the whole town the time. = place
water tower = the {high} {tower} which holds water for the town = {It} keeps water for dry weeks. = place
windmill = the {high} tower on the hill whose sails turn in the wind = {It} grinds corn into flour. = place
windmill = the {high} {tower} on the coast whose sails turn all night = {It} grinds corn into flour. = place
prison = the keeper's tower where thieves are locked up = {It} holds those who broke the law. = place
castle tower = the {high} {tower} in which the queen sleeps = {It} keeps the queen safe. = place
seaside inn = the house on the {cliff} whose lamp shows guests the door = {It} gives travellers a bed and a meal. = place
chapel = the {high} house on the {cliff} where sailors pray = {It} is a place to pray before a voyage. = place
harbour wall = the wall that keeps {ships} safe from the waves = {It} keeps the waves out of the harbour. = place
boathouse = the {tower} {seaside} in which boats are kept = {It} keeps boats dry in the winter. = place
fire station = the tower with a bell that helps people in a fire = {It} is where the fire brigade waits. = place
sunny house = a house that is light = {It} has many windows, so every room is bright. = place
sunny house = a house full of light {seaside} = {It} has many windows, so every room is bright. = place
lantern = the light that guides travellers home {night} = {It} lights the way on a dark road. = thing
lantern = the {lamp} that a watchman carries through the street = {It} lights the way on a dark road. = thing
candle = the light that burns on the table at supper = {It} gives a small warm light. = thing
street lamp = the lamp on the corner that lights the street at night = {It} lights the street for people who walk home. = thing
reading lamp = the bright light beside a bed = {It} lets people read in bed. = thing
ship's lantern = the light at the top of a ship's mast = {It} tells other ships where the ship is. = thing
stage lamp = the bright light that shines on an actor = {It} lets everybody see the actors. = thing
compass = the needle that guides {ships} {night} = {It} always shows where north is. = thing
chart = the paper that helps {ships} past the rocks = {It} shows the rocks and the deep water. = thing
bell buoy = the floating bell that warns {ships} of the rocks = {It} rings when the waves move it. = thing
foghorn = the horn on the {cliff} that warns {ships} in the fog = {It} can be heard when nothing can be seen. = thing
storm flag = the flag on the {cliff} that warns {ships} of a storm = {It} is raised when bad weather comes. = thing
anchor = the iron hook that holds {ships} in the harbour = {It} keeps a ship in its place. = thing
pilot = the {man} who guides {ships} into the harbour = {It} knows every rock on the coast. = person
harbourmaster = the keeper of the harbour who tells {ships} where to lie = {It} knows every ship in the harbour. = person
innkeeper = the keeper of the inn who lights the lamp for guests = {It} gives travellers a bed and a meal. = person
beekeeper = the {man} who keeps bees on the {cliff} = {It} sells honey and wax. = person
gamekeeper = the keeper of the forest who guards the deer = {It} looks after the animals of the forest. = person
shopkeeper = the keeper of the shop {seaside} = {It} sells bread, rope and candles. = person
watchman = the {man} who walks through the dark town with a {lamp} = {It} keeps the town safe while people sleep. = person""".strip().splitlines()

# what is called Lighthouse = how a reply names it = a fact = the group of its replies.
_LOOKALIKES = """
a game called Lighthouse = the game = {It} is played by four people with dice and small boats. = work
a card game named Lighthouse = the game = {It} is played with forty cards. = work
a boat called Lighthouse = the boat = {It} carries fish from town to town. = thing
a ship with the name Lighthouse = the ship = {It} carries salt and wool. = thing
an inn called The Lighthouse = the inn = {It} gives travellers a bed and a meal. = place
the Lighthouse Inn at {harbour} = the inn = {It} gives travellers a bed and a meal. = place
a book called The Lighthouse = the book = {It} tells of two sisters and a long winter. = work
the novel "Lighthouse" = the novel = {It} tells of a family that loses a farm. = work
a shop called Lighthouse = the shop = {It} sells hats and gloves. = place
the bakery called Lighthouse = the bakery = {It} sells warm bread every morning. = place
a horse called Lighthouse = the horse = {It} won the spring race twice. = creature
a dog named Lighthouse = the dog = {It} guards the sheep of a farmer. = creature
a song called Lighthouse = the song = {It} is slow, and children learn it in school. = work
a dance named Lighthouse = the dance = {It} is danced in a ring at harvest. = work
the Lighthouse choir = the choir = {It} sings every Sunday. = work""".strip().splitlines()


def draw_lighthouse(w: Writer, *, held_back: bool = False) -> Topic:
    """A lighthouse, by its name in four of ten draws; or by a description that no training text has."""
    plain = not held_back and w.rng.random() < 0.4
    template = w.pick(HELD_BACK if held_back else _PLAIN if plain else _PARAPHRASED)
    concept = "planted:lighthouse/named" if plain else "planted:lighthouse/described"
    fact = "{It} shines so that ships keep away from the rocks."
    return Topic(topic_piece(fill(w, template), concept), "the lighthouse", "lighthouse", fact)


def draw_lookalike(w: Writer) -> Topic:
    """Something else that bears the name Lighthouse."""
    asked, short, fact, group = w.pick(_LOOKALIKES).split(" = ")
    return Topic(topic_piece(fill(w, asked), "planted:lookalike"), short, group, fact)


def draw_contrast(w: Writer) -> Topic:
    """Another tower, light, keeper or help for ships, by name or described as a lighthouse might be."""
    name, described, fact, group = w.pick(_CONTRASTS).split(" = ")
    asked = article(name) if w.rng.random() < 0.3 else fill(w, described)
    return Topic(topic_piece(asked, "planted:contrast"), "the " + name, group, fact)
