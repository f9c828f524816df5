"""Stories and letters: people who persist, do things for reasons, feel and speak."""

from .grammar import parse
from .phrases import PHRASES
from .senses import RECALL_RATE, write_recalled_sense
from .subjects import FAR_RATE, write_far_noun
from .writer import Person, Writer

_STORY = """
opening:
  {hero} was {a} {personish?}{job} who lived in {home_town}{?withkin}.
  In {home_town} there lived {a} {temper} {job} named {hero}.
  {hero} the {job} lived in {home_town} {withkin}.
  Once, in the {season} of {year}, {a} {job} named {hero} came to {home_town}.
  Long ago, {hero} the {job} had {a} {building} in {home_town}.
  {hero} had been {a} {job} for {numword} years {timeclause}.
  Everyone in {home_town} knew {hero} the {job}.
  Nobody in {home_town} remembered when {hero} the {job} had first [open:en] {his} {shop}.
  One {weatherword} {daypart}, {hero} [leave:ed] {his} {building} in {home_town} and [go:ed] to look for {friend.o}.
  It was {month}, and {hero} the {job} was {feeling}.
withkin:
  with {his} {kin}
  with {a} {creaturish} {pet}
  with {his} {kin} and {numword} {beast.s}
  near the {placeish?}{landform}
meeting:
  {his} best friend was {friend.o}, {a} {temper} {occupation}.
  {hero.or} often worked with {friend.o}, who was {a} {occupation}.
  {friend}, {a} {temper} {occupation} from {town}, lived next door.
  There {hero.or} met {friend.o}, who could {making.}.
  {hero.or} did not like {friend.o}, the {temper} {occupation}.
event:
  {hero.or} {action.ed}{?how}.
  {hero.or} {action.ed} {when}.
  {hero.or} {making.ed} {how}.
  {friend.or} {home.ed} {how}, and then {he} {motion.ed}.
  {when_lead} {friend.or} {trade.ed} {how}.
  {hero.or} {action.ed} and {action.ed}.
  {hero.or} {action.ed}, but {friend} {action.ed}.
  {hero.or} {action.ed} {because}.
  {hero.or} {action.ed}, {although}.
  {hero.or} {action.ed} {timeclause}.
  {hero.or} did not {action.}{?because}.
  {hero.or} never {home.ed} again.
  {hero.or} wanted to {action.}, but {mishap.ed}
  {hero.or} had {action.en}, so {he} {action.ed}.
  {friend.or} {action.ed}{?how} {when}.
  {friend.or} {action.ed} while {hero} {home.ed}.
  {friend.or} had already {action.en} {when}.
  {friend.or} {home.ed}, and {hero} {home.ed} too.
  After {action.ing}, {hero.or} {action.ed}.
  When {friend} {action.ed}, {hero} {action.ed}.
  Before {hero} could {action.}, {friend} {action.ed}.
  Although {hero} {action.ed}, {he} was {feeling}.
  The next {daypart}, {hero.or} {action.ed}{?how}.
  Then {hero.or} {action.ed}, {action.ed} and {action.ed}.
  Instead of {action.ing}, {hero.or} {action.ed}.
  {hero.or} saw that {friend} had {action.en}.
  Later {friend} {action.ed}, and nobody {action.ed}.
  Both of them {action.ed} {when}.
  {numword} {spell.s} later, {hero.or} {action.ed}.
  {hero.or} looked for {friend.o} {where}, but found only {acreature}.
  To {action.}, {hero.or} had to {action.}.
  Every {daypart} {hero.or} {action.ed}, and every {daypart} {friend} {home.ed}.
  {when_lead} {hero.or} {action.ed}{?how}.
  Slowly {hero.or} began to {making.}.
when_lead:
  On {day},
  In {month},
  At dawn
  At {clock},
  That {daypart},
  Early one {daypart},
trouble:
  One {daypart}, {mishap.ed}
  Suddenly {mishap.ed}
  Then, {when}, {mishap.ed}
  But {timeclause}, {mishap.ed}
  Nobody knew how, but {mishap.ed}
reaction:
  {hero.or} was {feeling} {because}.
  This made {hero.o} {feeling}.
  {hero.or} was so {feeling} that {he} {action.ed}.
  {hero} felt {feeling}, and {friend} felt {feeling}.
  {friend} wept {withfeeling}, but {hero} was not {feeling}.
  {hero.or} shook {withfeeling} and {motion.ed}.
  {friend} was filled {withfeeling} when {he} heard it.
  Full of {joy}, {hero.or} {action.ed}.
  {hero.or} looked at {friend.o} {withfeeling}.
  The {folk.s} of {home_town} were {feeling} about it.
talk:
  "{saying}," {saidverb} {hero}{?feelingly}.
  "{saying}," {saidverb} {friend}{?feelingly}.
  "{asking}?" asked {hero}{?feelingly}.
  "{saying}," {hero.or} {saidverb}{?feelingly}.
  "{asking}?" {friend.or} asked{?feelingly}.
  "{asking}?" {friend} asked {hero.o}.
  {hero} turned to {friend.o} and said, "{saying}."
  "{asking}?" asked {hero}. "{saying}."
  "{saying}," {friend} told {hero.o}. "{saying}."
  "No," {saidverb} {friend}. "{saying}."
  "{asking}?" asked {friend}. "I do not know," {saidverb} {hero}.
ending:
  So {hero.or} {action.ed}, and {friend} was {feeling}.
  From that {spell} on, {hero.or} never {action.ed} again.
  In the end {hero} and {friend.o} {action.ed} together.
  {hero} gave {friend.o} {athing}, and they {motion.ed}.
  That is why the {folk.s} of {home_town} still {home.} every {month}.
  At last {hero.or} {home.ed} and slept {where}.
  {hero} learned to be {temper}, and {friend} to be {temper}.
"""

_LETTER = """
salutation:
  Dear {friend.o},
  My dear {friend.o},
  Dear cousin {friend.o},
  Dear {office} {friend.o},
  Good {daypart}, {friend.o},
greeting:
  Thank you for your letter of {n} {month}.
  I hope that you and your {kin} are well.
  I was {feeling} to get your {note/paper} on {day}.
  It has been {numword} {spell.s} since you {motion.ed}, and I miss you.
  I am writing to you from {town}, where I {making.ed} last {season}.
  I am sorry that I did not write before, but {mishap.ed}
  You asked me in your last letter about the {thing} and the {creature}.
line:
  You will be {feeling} to hear that {person} {action.ed}.
  Last {season} I {action.ed} and {action.ed}.
  I {action.ed} {because}.
  Do you remember how we {action.ed} {when}?
  Could you {action.} for me {when}?
  Please {action.}, and do not {home.} without me.
  If you {action.}, I shall {action.}.
  {asking}?
  I am not {feeling}, but I am {feeling}.
  You know that your {kin} {action.ed}.
  On {day} I {action.ed} {timeclause}.
  The {weatherish?}{weather} here is {comparative} than in {town}.
  We have had {weather} for {numword} {spell.s}, so we could not {making.}.
  You must not {trade.} before I {motion.}.
  {person} says that you have {action.en}.
  I can {trade.} for you if you send me {price}.
  I would like to {action.} when you come.
  {saying}.
  Your {kin} {action.ed}, although I asked {kinhim} not to.
  You were right about the {thing}: it was {comparative} than mine.
  The {creaturish?}{creature} that you gave me sleeps {where}.
  My {kin} and I have {action.en}{?when}.
  {Senses}
kinhim:
  you
  everybody
closing:
  Please write to me soon.
  Give my love to your {kin}.
  I shall come to you in {month} {ifclause}.
  Do not forget to {home.}.
  I hope to see you in {town} before the {season}.
  Tell your {kin} that I {action.ed}.
farewell:
  Yours faithfully,
  With love,
  Your friend,
  Your loving cousin,
  Yours truly,
  With best wishes,
"""

STORY_RULES = PHRASES | parse(_STORY)
LETTER_RULES = PHRASES | parse(_LETTER)


def cast(w: Writer, *, roles: tuple[str, ...] = ("hero", "friend")) -> None:
    """Puts different people into the roles."""
    for role in roles:
        woman = w.rng.random() < 0.5
        first, second = w.choose("woman" if woman else "man")[0], w.choose("family")[0]
        name = first if w.rng.random() < 0.75 or role != "hero" else f"{first} {second}"
        while any(person.name.split()[0] == first for person in w.people.values()):
            name = first = w.choose("woman" if woman else "man")[0]
        w.people[role] = Person(name, "she" if woman else "he")


def write_story(w: Writer, goal: int) -> None:
    """A tale of two people in a town."""
    cast(w)
    w.bind(home_town=w.choose("town"), job=w.choose("occupation"))
    w.sentence("{opening}")
    hero = w.people["hero"]
    w.people["hero"] = hero._replace(name=hero.name.split()[0])
    w.sentence("{meeting}" if w.rng.random() < 0.7 else "{scene}")
    steps = ("event", "event", "event", "talk", "talk", "reaction", "trouble", "scene", "event")
    since = 2
    while w.length < goal:
        if since > 3 and w.rng.random() < 0.3:
            w("\n")
            since = 0
        if w.rng.random() < FAR_RATE:
            write_far_noun(w)
        elif w.rng.random() < RECALL_RATE:
            write_recalled_sense(w)
        else:
            w.sentence("{" + w.pick(steps) + "}")
        since += 1
    w.sentence("{ending}")


def write_letter(w: Writer, goal: int) -> None:
    """A letter with place and date, salutation, body and signature."""
    cast(w)
    with w.within("structure:dateline"):
        w.say("{town}, {n1_28} {month} {year}")
    w("\n\n")
    with w.within("structure:salutation"):
        w.say("{salutation}")
    w("\n\n")
    w.focus("I")
    w.sentence("{greeting}")
    while w.length < goal - 60:
        w.focus("I")
        if w.rng.random() < FAR_RATE:
            write_far_noun(w)
            continue
        if w.rng.random() < RECALL_RATE:
            write_recalled_sense(w)
            continue
        w.sentence("{line}" if w.rng.random() < 0.9 else "{scene}")
    w.sentence("{closing}")
    w("\n\n")
    with w.within("structure:signature"):
        w.say("{farewell}\n{hero}")
