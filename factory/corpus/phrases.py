"""Phrases and clauses that every English register is made of."""

from .actions import ACTIONS
from .events import EVENTS
from .grammar import parse
from .numbers import NUMBER_SLOTS

_NOUN_PHRASES = """
animal:
  {mammal}
  {mammal}
  {bird}
  {bird}
  {fish}
  {insect}
creature:
  {pet}
  {beast}
  {wild}
  {bird}
  {bird}
plant:
  {tree}
  {flower}
  {shrub}
food:
  {dish}
  {fruit}
  {vegetable}
vehicle:
  {boat}
  {cart}
thing:
  {handtool}
  {garment}
  {keepsake}
  {container}
  {instrument}
  {furniture}
  {paper}
place:
  {building}
  {landform}
  {street}
toolish:
  {age}
  {size}
  {colour}
  {texture}
  {light/weight}
  broken
  heavy
  borrowed
  favourite
creaturish:
  {size}
  {colour}
  {size} {colour}
  {lifeage}
  lame
  hungry
  sleepy
  noisy
  wild
  thin
  wet
  tame
foodish:
  {taste}
  {size}
  {colour}
  fresh
  warm
  dried
  baked
personish:
  {lifeage}
  {temper}
  {temper}
  tall
  {temper} {lifeage}
  bearded
  tired
  retired
  young
placeish:
  {size}
  {age}
  quiet
  empty
  crowded
  dark
  distant
  windy
  sunny
  ruined
  lonely
weatherish:
  heavy
  bitter
  sudden
  gentle
  endless
  morning
  icy
  thick
whose:
  the
  the
  {his}
  {his}
which:
  that {person} had [make:en]
  that {person} had [sell:en] {him}
  with {a} {size?}{spring/coil} inside
  that smelled of {spice}
  from {town}
  with {a} {texture} edge
  with {a} {colour} mark on it
  that had once belonged to {a} {kin}
  from the market at {town}
  that nobody wanted
  that had cost {price}
  as {light/weight} as a feather
  on the {furniture}
  in the {room}
athing:
  {whose} {toolish?}{thing}
  {a} {toolish?}{thing}{?which}
  {whose} {toolish?}{thing}{?which}
  {numword} {toolish?}{thing.s}
  {a} {textile} {garment.1}
  {a} {hard} {handtool.1}
  {whose} {hard} {container.1}
  {a} {garment.1} of {colour?}{textile}
thetool:
  {whose} {toolish?}{handtool}
  {a} {toolish?}{handtool}{?which}
  {numword} {toolish?}{handtool.s}
acreature:
  {a} {creaturish?}{creature.1}
  the {creaturish?}{creature.1}
  {numword} {creaturish?}{creature.s}
  {a} {creaturish?}{creature.1} from the {landform.1}
afood:
  {a} {foodish?}{food.1}
  some {foodish?}{staple}
  {numword} {foodish?}{food.s}
  {a} {container} of {foodish?}{fruit.s}
  {a} {container} of {staple}
  {a} {stew.1} of {vegetable.s} and {meat}
  some {meat} with {vegetable.s}
adrink:
  {a} cup of {drink}
  {a} {container} of {drink}
  some warm {drink}
  {a} glass of {drink} with {spice}
person:
  the {personish?}{occupation.1}
  {a} {personish?}{occupation.1}
  the {occupation.1} from {town}
  {a} {personish?}{folk.1}
  {his} {personish?}{kin.1}
  the {occupation.1}'s {kin.1}
  {name} the {occupation.1}
  {name} {family}
aplace:
  the {placeish?}{place.1}
  {a} {placeish?}{place.1}
  the {place.1} by the {river}
  the {building.1} beside the {street.1}
"""

_ADVERBIALS = """
where:
  on the {size?}{bank/river} of the {river}
  near the {placeish?}{place.1}
  behind the {placeish?}{building.1}
  beside the {river}
  in the {room}
  under the {tree.1}
  in {town}
  outside {town}
  at the {shop.1}
  by the {landform.1}
  on the road to {town}
  on the {bank/river} of the {river}
  across the {street.1}
  among the {tree.s}
  in the {weatherish?}{weather}
  not far from {town}
when:
  on {day}
  in {month}
  that {daypart}
  one {season} {daypart}
  every {daypart}
  at dawn
  at dusk
  at {clock}
  early in the {daypart}
  after {numword} {spell.s}
  before the {weather}
  late in {month}
  in the {spring/season}
  on the {ordinal} of {month}
  after supper
  at midnight
how:
  by the {light/lamp} of {a} lantern
  by {coldish} {light/lamp}
  {manner}
  {manner}
  without a word
  with great care
  with both hands
  as usual
  again
  alone
  in a hurry
  with the help of {person}
  without any help
  for {numword} {spell.s}
  at once
because:
  because the {weather} had ruined the {plant.s}
  because {his} {kin} needed {athing}
  because it was {his} {kin}'s birthday
  because the {weatherish?}{weather} would not stop
  because the {building} was closed
  because {person} had asked {him} to
  because there was no {staple} left
  because nobody else would
  because {he} had promised to
  because the {creature} was hungry
  because the price of {staple} had risen
  since {he} could not find {his} {garment}
  since it was {comparative} than before
  because {he} had forgotten the {thing}
comparative:
  colder
  warmer
  cheaper
  older
  better
  worse
although:
  although the {weather} was {weatherish}
  although {he} was tired
  although {person} had warned {him}
  although it was very late
  although {his} {bodypart} was still sore
  though nobody had asked {him}
  though the {street} was dark
  though {he} had only {price}
timeclause:
  when {he} heard the {bark/dog} of {a} {dog}
  until the last {note/music} of the {instrument}
  after one {coldish} {note/music} on the {instrument}
  as the {light/lamp} in the {room} went out
  when the {building} bell rang
  when {person} came in
  while {person} watched
  while the {bird.s} sang in the {tree.s}
  before the {boat} left for {town}
  after the {weather} had passed
  until the {container} was empty
  when the {weather} began
  before {person} could answer
  as the {cart} rolled by
  after {he} had [eat:en] {afood}
  while the {drink} was still warm
ifclause:
  if the {weather} stops
  if there is enough {staple}
  if the {cart.1} comes in time
  unless the {weather} gets worse
  if {person} agrees
  if nobody objects
  unless the {creature.1} runs away
"""

PHRASES = parse(_NOUN_PHRASES) | parse(_ADVERBIALS) | ACTIONS | EVENTS | NUMBER_SLOTS
