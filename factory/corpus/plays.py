"""Plays and news reports: people who speak in turn, and people who are spoken of."""

from .grammar import parse
from .numbers import labelled
from .phrases import PHRASES
from .senses import RECALL_RATE, write_recalled_sense
from .stories import cast
from .subjects import FAR_RATE, write_far_noun
from .writer import Person, Writer

_PLAY = """
scenery:
  {aplace} in {town}. {feelinglight}
  {weather} outside. {a} {furniture} and {a} {container} stand {where}.
  The {room} of {a} {building}. {weather} at the window.
  {a} {placeish} {landform} at {clock}. {a} {bird} sings.
feelinglight:
  It is {daypart}.
  It is {month}.
  There is {weather}.
  It is very late.
  {a} {light/lamp} burns in the window.
doing:
  [enter:z] with {athing}
  [sit:z] on the {furniture}
  [go:z] to the window
  [look:z] at the {thing}
  [laugh:z] {gladly}
  [weep:z] {sadly}
  [shake:z] with {fear}
  [speak:z] {manner}
  {feeling}
  {home.z}
  {manner}
  {angrily}
  [stand:z] by the door
  [open:z] the {container}
  [whisper:z]
speech:
  {saying}.
  {saying}.
  {asking}?
  {asking}?
  {asking}? {saying}.
  I {action.ed} {when}, and you {action.ed}.
  You never {action.ed}, {friend.o}!
  Why are you so {feeling}, {friend.o}?
  I was {feeling} {because}.
  Listen, {friend.o}: {person} {action.ed}.
  No, I did not {action.}. I {action.ed}.
  Yes, and then I {action.ed}.
  Go and {action.}, {friend.o}, {ifclause}.
  What shall we do? {mishap.ed}
  If I {action.}, will you {action.}?
  They told me that {person} had {action.en}.
  It is not my {thing}; it is my {kin}'s.
  You have {action.en}, and I am {feeling}.
  {Senses}
  Neither you nor I can {making.}.
  Look, there is {a} {creaturish?}{creature.1} {where}!
  Look, there are {numword} {creature.s} {where}!
says_mara:
  The {boat} for {town} sails {when}.
  There are {fish.s} in the bay again, {friend.o}.
  My {kin} lost {a} {boat} near {town}.
  {a} {boat} is coming in from {town}, and the sea is {colour}.
  Give me {a} {boat} and some {weather}, and I am {glad}.
  I smell salt, and I hear the waves.
  The {river} carries everything down to the sea.
  Will the {weather} turn before we sail?
  We caught {numword} {fish.s} off {town}.
  No harbour is so safe as that of {town}, {friend.o}.
says_orla:
  Where is my {thing}?
  Why did you {action.}, {friend.o}?
  Who told you that {person} {action.ed}?
  Can you tell me why you are so {feeling}?
  {asking}?
  {asking}? {asking}?
  What would you do {ifclause}?
  When will you {action.}?
  And what of the {thing}? What of the {creature}?
  How do you know that, {friend.o}?
says_tova:
  I have made {dish} with {spice} for everybody.
  Is there no {staple} left, {friend.o}?
  Taste this {fruit.1}; it is {taste}.
  Nobody in {town} bakes like my {kin}.
  First we eat, and then you may tell me.
  I could eat {numword} {vegetable.s} and {a} {fruit} after them.
  Give me {drink} and a piece of {meat}.
  The {dish} smells of {spice}.
  There are {fruit.s} in the {container}, but no {meat}.
  Sit down, {friend.o}, the {dish} is getting cold.
says_bram:
  {a} {creaturish} {creature} has come to the door.
  I gave the {beast.s} their hay {when}.
  My {pet} knows more than you, {friend.o}.
  Hush, there is {a} {bird} in the {tree}.
  {a} {wild} took {numword} of my {beast.s}.
  The {pet} wants to go out again.
  Have you seen my {pet}, {friend.o}?
  The {bird.s} are early this year, and so are the {insect.s}.
  I would not sell that {beast} for all of {town}.
  Look at its ears: the {creature} hears us.
says_edric:
  It will cost you {price}, not less.
  You still owe me {price}, {friend.o}.
  I bought it for {price} and sold it for more.
  {numword} pennies for {a} {thing}? It is worth half of that.
  What does {a} {thing} cost in {town}?
  Money does not grow on {tree.s}.
  I counted {price} twice, and some of it is gone.
  Lend me {price} until {day}.
  The market in {town} pays {price} for {staple}.
  Who will pay for this {thing}, {friend.o}?
says_piers:
  Oh, my {bodypart}! Oh, my {bodypart}!
  I did not sleep at all, and my {bodypart} hurts.
  This {weather} will be the end of me.
  I am cold, {friend.o}, and nobody cares.
  My {bodypart} has hurt since {month}.
  The {weather} gets into every {room}.
  I am too ill to {action.}.
  Nobody suffers as I do, not even my {kin}.
  Close the door, there is {weather} outside.
  I shall be dead before {month}, you will see.
"""

_NEWS = """
headline:
  {occupation} of {town} [win:z] prize for {creature.s}
  {town} {office} [promise:z] new {building}
  {weather} [hit:z] {region}: {n} {building.s} closed
  Price of {staple} [rise:z] in {town}
  {n} {creature.s} found {where}
  {boat} lost near {town}
  {occupation.s} of {region} ask for {comparative} {garment.s}
  No {fish.s} in the {river}, say {occupation.s}
  {town} [open:z] {size} {building} on {day}
  Fire in {town} {building}
report:
  {council_report}
  {n} {creature.s} {were} seen {where} {when}.
  {said_report}
  {person} {action.ed} {when}, and {n} {folk.s} came to watch.
  {price_report}
  The {weatherish?}{weather} began at {clock} and lasted {numword} hours.
  {loss_report}
  {said_report}
  {said_report}
  {said_report}
  {said_report}
  {loss_report}
  {council_report}
  A {ship} from {town} brought {n} {container.s} of {staple} and {n} {instrument.s}.
  {said_report}
  The {building} will open again on {day} {ifclause}.
  It was the {ordinal} {weather} of the year, and the {comparative2}.
  {price_report}
  {a} {occupation} of {townname}, {name} {family}, {action.ed} {when}.
  {numword} of the sixty {folk.s} were {feeling} about the news.
  {council_report}
  {judge_report}
  Since {year} the {building} has been used by {occupation.s} and {occupation.s}.
  {folk.s} in {town} were {feeling} {because_news}.
  Meanwhile, {a} {occupation} in {town} has {action.en}.
  {council_report}
  {Senses}
council_report:
  The {office} of {townname}, {head.o}, said on {day} that {n} {building.s} would be built {when}.
  The council of {townname} voted {price_rise2} for the plan.
  {head.or} promised to {making.} before {month}.
  The {bank/money} in {town} will lend the council {price}.
said_report:
  {head.or} told the council that the {building} had cost {price}.
  "{saying}," said {head.or}, who has been {office} since {year}.
  "{asking}?" asked {a} {occupation} {where}. "{saying}."
  {person} said that {mishap.ed}
  According to the {office}, {mishap.ed}
  {head.or} did not say whether {person} would {action.}.
price_report:
  The price of {staple} rose {price_rise} in {month}.
  The {occupation.s} of {townname} earned {n} {unitnews} more than in {year}.
  {a} {container.1} of {staple} in {townname} now costs {price}, and {a} {garment.1} costs {price}.
  Prices of {textile} and {staple} went {price_rise} at the market of {townname}.
judge_report:
  The judge ordered {name} {family} to pay {price} {because_thief}.
  The judge of {townname} fined {person} {price} {because_thief}.
  {name} {family} must pay {price} {because_thief}, the judge said {when}.
loss_report:
  {n} {occupation.s} from {region} refused to work {because_news}.
  No one was hurt, but {n} {beast.s} were lost.
  The {weather} cost the town {n} {beast.s} and {n} {boat.s}.
  {n} {container.s} of {staple} were lost when the {weather} came.
ship:
  {boat}
  {cart}
were:
  were
comparative2:
  worst
  coldest
  longest
  best
unitnews:
  crowns
  pennies
because_news:
  because the {weather} had been so {weatherish}
  because their {garment.s} were too old
  because the {building} had no {furniture.s}
  because the {office} had raised the price of {drink}
  after the {river} rose
because_thief:
  for stealing {numword} {beast.s}
  for taking {numword} {handtool.s}
  for selling bad {meat}
  for hiding {a} {beast} in the {building}
"""

PLAY_RULES = PHRASES | parse(_PLAY)
NEWS_RULES = PHRASES | parse(_NEWS)

# The company that most plays are cast from; each of their lines carries `speaker:<name>`.
COMPANY = (
    Person("Mara", "she"),
    Person("Orla", "she"),
    Person("Tova", "she"),
    Person("Bram", "he"),
    Person("Edric", "he"),
    Person("Piers", "he"),
)
_COMPANY_RATE = 0.65
_HABIT_RATE = 0.75  # share of their speeches that are of the kind that each is known for


def _direction(w: Writer, role: str) -> None:
    w.focus(w.people[role].pronouns)
    with w.within("structure:stage_direction"):
        w("(")
        w.say("{doing.z}")
        w(")")


def _tag(w: Writer, role: str) -> None:
    with w.within("structure:speaker_tag"):
        w(w.people[role].name.split()[0].upper(), "person:given_name")
        w(":")


def _cast_play(w: Writer, roles: tuple[str, ...]) -> None:
    if w.rng.random() < _COMPANY_RATE:
        w.people.update(zip(roles, w.rng.sample(COMPANY, len(roles)), strict=True))
    else:
        cast(w, roles=roles)


def _line_concept(person: Person) -> str:
    return f"speaker:{person.name.lower()}" if person in COMPANY else "structure:speaker_line"


def _draw_speech(w: Writer, person: Person) -> str:
    habit = person in COMPANY and w.rng.random() < _HABIT_RATE
    return f"{{says_{person.name.lower()}}}" if habit else "{speech}"


def write_play(w: Writer, goal: int) -> None:
    """A scene for two or three speakers."""
    roles = ("first", "second", "third_one")[: 2 + (w.rng.random() < 0.4)]
    _cast_play(w, roles)
    with w.within("structure:stage_direction"):
        w("(")
        w.sentence("{scenery}")
        w(")")
    role = w.pick(roles)
    while w.length < goal:
        w("\n")
        other = w.pick([name for name in roles if name != role])
        with w.within(_line_concept(w.people[role])):
            _tag(w, role)
            w(" ")
            if w.rng.random() < 0.3:
                _direction(w, role)
                w(" ")
            w.people["friend"] = w.people[other]
            w.focus("I")
            w.sentence(_draw_speech(w, w.people[role]))
        role = other


def write_news(w: Writer, goal: int) -> None:
    """A report with headline and dateline."""
    woman = w.rng.random() < 0.5
    first, last = w.choose("woman" if woman else "man")[0], w.choose("family")[0]
    w.people["head"] = Person(f"{first} {last}", "she" if woman else "he")
    town = w.choose("town")
    w.bind(townname=town, office=w.choose("office"))
    w.focus("he")
    with w.within("structure:title"):
        w.sentence("{headline}")
    w("\n")
    upper = labelled((town[0].upper(), town[1][0][2]))
    w.bind(upper=upper)
    with w.within("structure:dateline"):
        w.say("{upper}, {n1_28} {month} {year}")
    w(" - ")
    while w.length < goal:
        w.focus("they")
        if w.rng.random() < FAR_RATE:
            write_far_noun(w)
            continue
        if w.rng.random() < RECALL_RATE:
            write_recalled_sense(w)
            continue
        w.sentence("{report}" if w.rng.random() < 0.92 else "{scene}")
