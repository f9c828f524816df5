"""Scenes, mishaps, feelings and speech, and sentences whose words have several senses."""

from .grammar import parse

_EVENTS = """
scene:
  The {weatherish?}{weather} [come:ed] down over {town}.
  The {bird.s} were quiet {where}.
  There was {weatherish} {weather} {where} and the {street} was empty.
  {a} {creaturish?}{creature.1} [sleep:ed] {where}.
  The {building} stood {where}, {size} and {colour}.
  It was {a} {weatherword} {daypart} in {month}.
  A smell of {dish.s} and {spice} came from the {building}.
  Nobody was {where}, but {a} {bird} [cry:ed] in the {tree}.
  The {boat.s} in the harbour at {town} [wait:ed] for the {weather} to pass.
  {Senses}
  The {flower.s} were {colour} and the {tree.s} were {colour}.
  Far away, {a} {cart} [roll:ed] towards {town}.
weatherword:
  cold
  warm
  windy
  grey
  bright
  rainy
  foggy
  stormy
Senses:
  {sense_core}
  {leadin} {sense_core}
  {leadin} {sense_core}
leadin:
  on {day}
  in {month},
  that {daypart}
  in {town},
  {where},
  in the {year2} of {year},
  {numword} {spell.s} later,
  at {clock}
  once, {where},
year2:
  {season}
  {spring/season}
sense_core:
  The water rose until the {bank/river} of the {river} gave way.
  Reeds and {flower.s} grew along the {bank/river} beside the {boat}.
  The {fisher} sat on the muddy {bank/river} and watched the {river} flow past.
  The {bank/money} in {town} lent {him} {price} for a new {building}.
  Every coin {he} earned went into the {bank/money}.
  The clerk at the {bank/money} counted the money twice.
  When {spring/season} came, the {tree.s} turned green and the {bird.s} returned.
  It was a late {spring/season}, and the {flower.s} did not open until {month}.
  In {spring/season} the {beast.s} had their young.
  Clear water ran from a {spring/water} under the {landform}.
  {he} filled the {container} at the {spring/water}, where the water was always cold.
  The {creature.s} drank from the {spring/water} beside the rocks.
  The {spring/coil} inside the {timepiece} had lost its strength.
  A tiny steel {spring/coil} jumped out of the {timepiece} and rolled away.
  Without its {spring/coil}, the lock would not close.
  The {bark/tree} of the old {tree} was rough and grey.
  {insect.s} lived under the loose {bark/tree} of the {tree}.
  Strips of {bark/tree} from the {tree} hung in the tannery.
  With a loud {bark/dog}, the {dog} ran after the {bird}.
  The {bark/dog} of {a} {dog} woke the whole {street}.
  One short {bark/dog} told {him} that the {dog} was glad.
  The merchant put the {fruit.s} on the {scale/weight} and read the weight.
  The {scale/weight} in the shop was wrong by {numword} ounces.
  The needle of the {scale/weight} stopped at {numword} pounds.
  The pupil played a {scale/music} on the {instrument} before the song.
  A slow {scale/music} rose from the {instrument} in the next room.
  Each {scale/music} on the {instrument} was harder than the last.
  A single silver {scale/fish} from the {fish} stuck to the knife.
  The {fish} lost a {scale/fish} when the net rubbed its side.
  Every {scale/fish} of the {fish} shone like glass in the water.
  The {instrument} held one high {note/music} until the song ended.
  The last {note/music} of the tune faded, and everyone clapped.
  {he} sang one {note/music} too low, and the {instrument} stopped.
  Someone had left a {note/paper} under the door, signed by {name}.
  The {note/paper} on the table said only, "Come to {town}."
  {he} folded the {note/paper} and put it in {a} {container}.
  A {light/lamp} burned all night in the window of the {building}.
  The {light/lamp} of the lamp fell on the {furniture}.
  They saw the {light/lamp} of the lighthouse from the {boat}.
  The {container} was so {light/weight} that a child could lift it.
  The {garment} was {light/weight} as a feather and very warm.
  {a} {light/weight} load was easy for {a} {lifeage} {beast}.
fisher:
  angler
  {occupation}
mishap:
  {a} {wild} [steal:ed] the {dish} from the {furniture}.
  the {weather} [break:ed] the roof of the {building}.
  the {container} [fall:ed] and {numword} {fruit.s} [roll:ed] away.
  {person} [steal:ed] {a} {toolish?}{keepsake}.
  the {boat} [hit:ed] a rock near {town}.
  the {creature} [escape:ed] into the {landform}.
  there was a fire in the {building}.
  the bridge over the {river} [fall:ed] down.
  a wheel of the {cart} [break:ed] {where}.
  the {insect.s} [eat:ed] all the {vegetable.s}.
  {person} [fall:ed] ill with a fever.
  the {river} [rise:ed] and flooded the {room}.
  {a} {size} {tree} [fall:ed] on the {building}.
  the {handtool} [break:ed] in two.
  the {drink} [turn:ed] sour in the {container}.
feeling:
  {glad}
  {glad}
  {afraid}
  {angry}
  {sad}
  {amazed}
withfeeling:
  with {joy}
  with {fear}
  with {anger}
  with {sorrow}
feelingly:
  {gladly}
  {fearfully}
  {angrily}
  {sadly}
  {manner}
saying:
  I heard the {bark/dog} of {a} {creaturish?}{dog} {where}
  That {note/music} on the {instrument} was too high
  Your {scale/music} on the {instrument} was {comparative} than mine
  The {spring/coil} in this {timepiece} is broken
  We must {action.} before {daypart}
  I cannot find {athing}
  I will {action.} {when}
  You should not {action.}
  There is {a} {creaturish?}{creature.1} in the {room}
  Nobody in {town} would {trade.} like that
  I have never seen such {a} {creaturish} {creature}
  If you {home.}, I will {home.}
  The {creature.s} are hungry, and there is no {staple} left
  My {kin} used to {making.}
  We could {motion.} together
  I was {feeling} when I heard the news
  You can keep the {toolish?}{thing}, but I want the {thing}
  My {bodypart} hurts, and your {bodypart} is cold
  This {thing} is {light/weight}, but that one is heavy
  I can see a {light/lamp} {where}
  There is a {note/paper} for you from {person}
  It will cost you {price}, not less
  The {boat} to {town} leaves {when}
  I do not trust {person}
  This {thing} is {comparative} than the last one
  I would rather {home.} than {making.}
  That {foodish?}{dish} smells of {spice}
  They say the {weather} will last {numword} {spell.s}
asking:
  Where is the {toolish?}{thing}
  Did you {action.}
  Who [take:ed] my {garment}
  Why did {person} {action.}
  How many {creature.s} are there {where}
  Have you seen {a} {colour} {creature}
  What is in the {container}
  Will you help me to {making.}
  When does the {boat} leave for {town}
  Can you lend me {price}
  Which {thing} do you want
  Do you know the way to {town}
saidverb:
  [say:ed]
  [say:ed]
  [say:ed]
  [answer:ed]
  [whisper:ed]
  [shout:ed]
  [reply:ed]
  [murmur:ed]
  [explain:ed]
  [declare:ed]
"""


def _opening_low(rules: dict) -> dict:
    core = [line[0].lower() + line[1:] for line in rules["sense_core"]]
    return rules | {"sense_core": core}


EVENTS = _opening_low(parse(_EVENTS))
