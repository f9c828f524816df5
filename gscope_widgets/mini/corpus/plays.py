"""Plays and news reports: people who speak in turn, and people who are spoken of."""

from .grammar import parse
from .numbers import labelled
from .phrases import PHRASES
from .stories import cast
from .subjects import FAR_RATE, write_far_agreement
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
            w.sentence("{speech}")
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
            write_far_agreement(w)
            continue
        w.sentence("{report}" if w.rng.random() < 0.92 else "{scene}")
