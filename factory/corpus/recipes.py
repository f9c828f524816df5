"""Recipes: ingredients with their amounts, and numbered steps."""

from .grammar import parse
from .labels import WORDS
from .numbers import labelled
from .phrases import PHRASES
from .writer import Writer

_RECIPE = """
recipe_title:
  {main1} and {main2} {dish}
  {town} {dish} with {main1.s}
  {name}'s {main1} {dish}
  {season} {dish} of {main1} and {main2}
  {a} {taste} {main2} {dish} for {numword} people
  {a} simple {main1} {dish}
intro:
  This {dish} is eaten in {town} every {season}.
  My {kin} made it when the {weather} came.
  {a} {temper} {occupation} in {town} taught me this {dish}.
  It is not hard to make, and it keeps for {numword} days.
  Serve it to your {folk.s} on a cold {daypart}.
  You can use {fruit.s} if you have no {vegetable.s}.
prepare:
  {prepare_core}
  {prepare_core}
  {prepare_lead} {prepare_core}
  {prepare_lead} {prepare_core}
prepare_core:
  wash the {main1.s} and cut them into {numword} pieces.
  peel {numword} {main1.s}, but do not throw away the skins.
  chop the {main2.s} with a sharp knife.
  mix the {staple1} with the {drink} in {a} {container}.
  weigh {n} ounces of {staple1} on {a} {toolish?}{scale/weight}.
  scrape every {scale/fish} off the {fish} and cut off its head.
  knead the dough {softly} for {numword} minutes.
  roll out the dough on {a} {texture} {furniture}.
  fill {a} {container} with water from {a} {spring/water} and set it on the fire.
  beat {numword} eggs until they are {light/weight} and smooth.
  grate {numword} ounces of cheese over the {main2.s}.
  strain the {drink} through a clean piece of {textile}.
  heat the {oven} for {numword} minutes while you cut the {main1.s}.
  cut the {main1.s} {softly} into {size} pieces and put them in {a} {container}.
  sift {n} grams of {staple} into {a} {size?}{container}.
  soak the {main2.s} in {drink} for {numword} hours.
  mash {numword} {main1.s} with {a} {handmasher}.
  rub the {meat} with {spice} and {spice}.
  take {numword} {fruit.s} and throw away the stones.
  grind the {spice} until it is as fine as {staple}.
cook:
  {cook_core}
  {cook_core}
  {cook_lead} {cook_core}
  {cook_lead} {cook_core}
cook_core:
  melt the butter in {a} {size} {pan}.
  add the {main1.s}, the {staple1} and a spoon of {spice}.
  stir {softly} with a wooden spoon for {numword} minutes.
  boil the {main2.s} in {size} pots of water until they are soft{?hours2}.
  bake for {numword} minutes, until the top is {colour} and {taste}.
  cover the {pan} and wait until the {main1.s} are tender.
  pour the {drink} over the {main2.s} {softly}.
  fry the {meat} in butter until it is brown.
  take the {pan} off the fire {when2}.
  if the {dish} is too {taste}, add {numword} spoons of {staple1}.
  never let the {staple1} burn, and do not leave the {pan}.
  turn the {main2.s} over {when2}.
  simmer the {main1.s} with {spice} for {numword} minutes.
  add {numword} cups of {drink} and stir {softly}.
  toast the {spice} in {a} {hard} {pan}.
  let the {meat} roast in the {oven} until {clock}.
  skim the fat off with {a} {hard} spoon.
  boil {numword} {vegetable.s} with the {main2.s}.
finish:
  {finish_core}
  {finish_core}
  {finish_lead} {finish_core}
  {finish_lead} {finish_core}
finish_core:
  leave the {dish} to cool {where2}{?hours}.
  taste it, and add {spice} if it is not {taste} enough.
  sprinkle the {dish} with {spice} and {spice}.
  keep the {dish} warm {where2} {hours}.
  serve the {dish} warm with {staple} and {a} cup of {drink}.
  put the {main1.s} in a cold place {hours}.
  decorate the {dish} with {fruit.s} or {flower.s}.
  cut the {dish} into {numword} pieces and give one to each of your {folk.s}.
  spread {staple} over the {dish}.
  eat it with {a} {hard} spoon {where2}.
  wrap the {dish} in {a} clean piece of {textile}.
  pour {numword} spoons of {staple} over the {dish}.
prepare_lead:
  first,
  while the {oven} gets hot,
  the day before,
  before you begin,
  meanwhile,
cook_lead:
  then
  after {numword} minutes,
  when the {pan} is hot,
  while you wait,
  when the {main2.s} are {taste},
  as soon as it smells of {spice},
  without a lid,
finish_lead:
  at last,
  after {numword} minutes,
  just before supper,
  while it is still warm,
  when it is {taste} enough,
  if you have time,
handmasher:
  fork
  {hard} spoon
  {handtool}
softly:
  slowly
  carefully
  gently
  patiently
  quickly
pan:
  pan
  pot
  kettle
oven:
  oven
  stove
where2:
  on the {furniture}
  near the window
  in the {room}
  in the {container}
when2:
  before it boils
  after {numword} minutes
  when the {main1.s} are soft
  as soon as it smells of {spice}
hours2:
  and {colour}
  and {taste}
hours:
  for {numword} hours
  until {clock}
tip:
  This makes enough for {numword} people.
  Keep the rest in {a} {container} in the {room}.
  It is even better on the next day, with {staple}.
  Children like it with {fruit.s}.
"""

RECIPE_RULES = PHRASES | parse(_RECIPE)


def _bind_mains(w: Writer) -> None:
    for role, table in (("main1", "vegetable"), ("main2", w.pick(("fruit", "vegetable")))):
        single, several = WORDS[table]
        at = int(w.rng.random() * len(single))
        w.forms[role] = single[at], several[at]
    w.bind(dish=w.choose("dish"), staple1=w.pick(_POURED), drink=w.choose("drink"))


_POURED = tuple(
    labelled((word, "thing:food")) for word in ("flour", "sugar", "rice", "oats", "barley", "honey", "cream")
)
_LARGE = (("grams", 50, 10), ("pounds", 2, 1), ("ounces", 3, 1))
_SMALL = (("spoons", 2, 1), ("cups", 2, 1))
_DRAWN = (
    ("{foodish?}{main1.s}", ()),
    ("{main2.s}", ()),
    ("{staple1}", _LARGE + _SMALL),
    ("butter", _LARGE),
    ("{spice}", _SMALL[:1]),
    ("{meat}", _LARGE),
    ("{fruit.s}", _LARGE),
    ("{vegetable.s}", _LARGE),
    ("{drink}", _SMALL),
)


def _ingredient(w: Writer, draw: int) -> None:
    template, measures = _DRAWN[draw]
    unit, least, step = w.pick(measures) if measures else ("", 2, 1)
    with w.within("structure:ingredient_line"):
        w("- ", "structure:list_bullet")
        w(str(least + step * int(w.rng.random() * 9)), "number:measure")
        w(" ")
        if unit:
            w(unit, "number:unit")
            w(" of ")
        w.say(template)
    w("\n")


def _stage(at: int, begun: int, goal: int) -> str:
    done = (at - begun) / max(goal - begun, 1)
    return "prepare" if done < 0.38 else "cook" if done < 0.75 else "finish"


def write_recipe(w: Writer, goal: int) -> None:
    """A recipe: title, ingredients, numbered steps."""
    _bind_mains(w)
    w.focus("you")
    with w.within("structure:title"):
        w.sentence("{recipe_title}")
    w("\n\n")
    if w.rng.random() < 0.6:
        w.sentence("{intro}")
        w("\n\n")
    for draw in (0, 1, 2, *w.rng.sample(range(3, 9), 2 + int(w.rng.random() * 3))):
        _ingredient(w, draw)
    w("\n")
    number, begun = 1, w.length
    while w.length < goal:
        with w.within("structure:step_line"):
            w(f"{number}.", "structure:step_number")
            w(" ")
            with w.within("grammar:imperative"):
                w.sentence("{" + _stage(w.length, begun, goal) + "}")
        w("\n")
        number += 1
    w.sentence("{tip}")
