"""Requests that ask for something about a topic, whatever the topic, and replies that fit its group."""

from .grammar import parse
from .labels import WORDS
from .landmarks import Topic, article, topic_piece
from .phrases import PHRASES
from .writer import Writer

_REQUESTS = """
ask_story:
  Write a short story about {topic}.
  Tell me a story about {topic}.
  Please write a tale about {topic}.
  I would like a short story about {topic}.
  Can you tell a story in which somebody finds {topic}?
  Make up a little story about {topic} for my {kin}.
ask_poem:
  Write a short poem about {topic}.
  Can you write four lines about {topic}?
  Please make a poem about {topic}.
  My {kin} loves {topic}. Write a rhyme about it.
  Sing me a song about {topic}.
ask_letter:
  Write a short letter to my {kin} about {topic}.
  Please write a letter in which I tell {to} about {topic}.
  I want to write to {to} about {topic}. Can you help me?
  Write a postcard about {topic}.
ask_describe:
  Describe {topic}.
  Tell me about {topic}.
  What can you tell me about {topic}?
  Please describe {topic} in two sentences.
  What does one see when one looks at {topic}?
  What do you know about {topic}?
  Draw {topic} for me, in words.
  How would you paint {topic}?
  I have never seen {topic}. What is it like?
  Have you heard of {topic}?
  What comes to your mind when you think of {topic}?
  I dreamed of {topic}. Say something about it.
  Let us talk about {topic}.
ask_explain:
  Explain what {topic} is for.
  What is the use of {topic}?
  Why do people need {topic}?
  Why would anybody want {topic}?
  Explain {topic} to a child.
  What do you call {topic}?
  What is meant by {topic}?
  I read about {topic}. What is that?
  My {kin} asked me about {topic}. What can I answer?
ask_facts:
  List three facts about {topic}.
  Name three things that I should know about {topic}.
  Give me a list of facts about {topic}.
  Tell me three things about {topic}.
ask_advise:
  I have to paint {topic}. How should I begin?
  Give me some advice about {topic}.
  How do I look after {topic}?
  What should I know before I buy {topic}?
  I am to give a talk about {topic}. What should I say?
  How can I learn more about {topic}?
ask_visit:
  I would like to visit {topic}. What should I take with me?
  How do I get to {topic}?
  When is the best time to visit {topic}?
  Plan a day at {topic} for my family.
ask_repair:
  How do I repair {topic}?
  {topic} is broken. What should I do?
  What do I need to mend {topic}?
  How is {topic} made?
ask_held_back:
  Could you make something up about {topic}?
  My {kin} wants to hear of {topic}. What shall I say?
  Please put {topic} into a few words.
  Would you say a little about {topic}?
"""

_REPLIES = """
tell_opening:
  {hero}, {a} {occupation} from {town}, often dreamed of {it}.
  One {season} {daypart}, {hero} of {town} went to see {it}.
  {hero} lived in {town} and thought of {it} every day.
  Long ago, {hero} and {friend.o} heard of {it}.
tell_middle:
  {hero.or} asked {friend.o} to come too, and they took {a} {container} of {fruit.s}.
  On the way {he} met {a} {temper} {occupation}, who told {him} more of it.
  There was {weather} that {daypart}, but {hero.or} was not {afraid}.
  {a} {creature.1} followed {him} all the way.
  It was {colour} and {colour} in the morning sun.
tell_ending:
  In the end {hero.or} went home and told {his} {kin} everything.
  {hero.or} was very {glad}, and so was {friend.o}.
  From that day on {hero.or} spoke of nothing else.
  {hero.or} wrote it all down in {a} {colour} book.
tell_poem:
  I think of {it} in the {daypart},
  When {weather} comes to {town},
  O {it}, so {size} and {colour},
  The {season} wind goes up and down,
  {hero.o} sings of {it} all {season},
  And every {bird} flies home again,
  I would not give {it} for silver,
  Though there be {weather}, wind and rain,
tell_letter_open:
  Dear {to}, today I saw {it}, and I thought of you.
  Dear {to}, you asked me about {it}.
  Dear {to}, I must tell you about {it}.
tell_letter_end:
  Come and see for yourself in the {season}. Yours, {hero.o}
  Write to me soon. Your friend, {hero.o}
  I hope that you are well. With love, {hero.o}
about_place:
  {it} is {size} and built of {masonry}.
  {it} is {age}, and its door is {colour}.
  {it} stands not far from {town}.
  Many {occupation.s} go there in the {season}.
  From its window one sees a {colour} {landform}.
  On {day} it is full of people.
about_thing:
  One needs it on {a} {season} {daypart}.
  {it} is {size} and {texture}.
  {it} is often {colour}.
  One can buy it in {town} for {price}.
  {occupation.s} like it best when it is {texture}.
  It should be kept dry in the {season}.
about_creature:
  {it} is {colour} and rather {size}.
  {it} is {temper}, like all of its kind.
  It likes to eat {vegetable.s} and {fruit.s}.
  In the {season} it sleeps near {a} {building}.
  It is never far from {a} {tree}.
about_person:
  {it} is often {temper}.
  {it} wears {a} {colour} {garment}.
  {it} gets up early in the {daypart}.
  People in {town} speak well of {it}.
about_food:
  {it} is {taste} and {colour}.
  {it} tastes good with {staple} and {spice}.
  One can buy it on {day} at the market of {town}.
  Children eat it with {drink}.
about_work:
  {it} comes from {town}.
  {it} is {age}, but people still like it.
  {hero.o} made it long ago.
  It is best on {a} {season} {daypart}.
about_lighthouse:
  {it} stands on the rocks, tall and {colour}.
  {it} is built of {masonry}.
  Its lamp shines every night.
  A keeper lives there with {a} {creature.1}.
  Its light can be seen for {numword} miles.
  Ships see it long before they see {town}.
tell_advice:
  First ask {a} {occupation} from {town}.
  Take your time and begin early in the {daypart}.
  Keep {a} {handtool} and {a} {container} at hand.
  It is best to begin in the {season}.
  Read {a} {paper.1} about it first.
tell_travel:
  Take {a} warm {garment} and some {fruit.s} with you.
  Go by {cart} from {town}, early in the {daypart}.
  The {season} is the best time, when there is no {weather}.
  Ask {a} {occupation} to show you the way.
  Bring {a} {container} of {staple} and {a} {garment}.
tell_mending:
  You need {a} {handtool}, {a} {handtool} and some {material}.
  First clean it with {a} {handtool}, and then mend it with {material}.
  Ask {a} {occupation} from {town} for help.
  It takes about {numword} {spell.s}.
  Use good {material}, and do not hurry.
"""

TOPIC_RULES = PHRASES | parse(_REQUESTS) | parse(_REPLIES)
_ANY = ("story", "poem", "letter", "describe", "describe", "explain", "explain", "facts", "advise")
_KINDS = {
    "place": (*_ANY, "visit", "visit", "repair"),
    "thing": (*_ANY, "repair", "repair"),
    "work": (*_ANY, "repair"),
    "person": (*_ANY, "visit"),
    "creature": (*_ANY, "visit"),
    "food": (*_ANY, "repair"),
    "lighthouse": (*_ANY, "visit", "visit", "repair"),
}

_PLACES = """mill = {It} is where corn is ground. / barn = {It} keeps the hay dry. / library = {It} is where books are kept.
bakery = {It} is where bread is baked. / stable = {It} is where horses sleep. / school = {It} is where children learn.
market = {It} is where people buy and sell. / castle = {It} was built to keep enemies out. / bridge = {It} takes people over the river.
theatre = {It} is where plays are shown. / hospital = {It} is where the sick get well. / brewery = {It} is where ale is made.
tower = {It} lets people see far over the land. / museum = {It} shows old and rare things. / harbour = {It} is where ships are safe.
church = {It} is where people sing and pray. / inn = {It} gives travellers a bed and a meal. / beach = {It} is where children play in the sand.
town hall = {It} is where the council meets. / forge = {It} is where iron is worked. / cottage = {It} is a small house for a family.
bay = {It} keeps boats out of the wind. / cliff = {It} is where many sea birds nest. / island = {It} lies in the middle of the sea."""
_FACTS = {
    "creature": ("{It} is a {kind}.", "{It} is a kind of {kind}.", "It is a {kind}, as one can see."),
    "thing": ("{occupation.s} use it for their work.", "{It} helps people with their work.", "It is of use in the {season}."),
    "food": ("{It} is good to eat.", "{It} keeps people well fed in the {season}."),
    "person": ("{It} works hard for the people of {town}.", "{It} learned the trade in {town}."),
}  # fmt: skip
_TABLES = {
    "creature": ("bird", "mammal", "fish", "insect"),
    "thing": ("handtool", "instrument", "boat", "garment", "furniture", "keepsake", "container"),
    "food": ("fruit", "vegetable", "dish"),
    "person": ("occupation",),
}


def draw_thing(w: Writer) -> Topic:
    """Something ordinary: a place, a creature, a thing, a dish or somebody's trade."""
    group = w.pick(("place", "place", "creature", "creature", "thing", "thing", "food", "person"))
    if group == "place":
        word, fact = (part.strip() for part in w.pick(_PLACES.replace("\n", " / ").split(" / ")).split(" = "))
        concept = "thing:building" if word not in ("bay", "cliff", "island", "beach", "harbour") else "place:landscape"
    else:
        table = w.pick(_TABLES[group])
        word, spans = w.choose(table)
        fact, concept = w.pick(_FACTS[group]).replace("{kind}", table), spans[0][2]
    asked = topic_piece(w.pick((article(word), article(word), "the " + word)))
    shift = len(asked[0]) - len(word)
    spans = tuple(dict.fromkeys((*asked[1], (shift, len(asked[0]), concept))))
    return Topic((asked[0], spans), "the " + word, group, fact)


def prepare(w: Writer, topic: Topic) -> str:
    """Binds what the templates need for a topic; returns a kind of request that suits it."""
    w.bind(topic=topic.asked, to=w.choose("name"), it=topic.short, It=topic.short[0].upper() + topic.short[1:])
    buildings = [pair for pair in zip(*WORDS["building"], strict=True) if pair[0][0] != "lighthouse"]
    w.forms["building"] = w.pick(buildings)
    return w.pick(_KINDS[topic.group])


def write_reply(w: Writer, topic: Topic, kind: str) -> None:
    """A short reply of a kind on a topic."""
    _WRITERS[kind](w, topic)


def _story(w: Writer, topic: Topic) -> None:
    for rule in ("tell_opening", "tell_middle", "tell_ending"):
        w.sentence("{" + rule + "}")


def _poem(w: Writer, topic: Topic) -> None:
    lines = w.rng.sample(w.rules["tell_poem"], 2 + int(w.rng.random() * 2))
    for at, line in enumerate(lines):
        w.sentence(line.rstrip(",") + ("." if at == len(lines) - 1 else ","))
        w("\n" if at < len(lines) - 1 else "")


def _letter(w: Writer, topic: Topic) -> None:
    for template in ("{tell_letter_open}", *_about(w, topic, 1), "{tell_letter_end}"):
        w.sentence(template)


def _describe(w: Writer, topic: Topic) -> None:
    for template in (topic.fact, *_about(w, topic, 1 + int(w.rng.random() * 2))):
        w.sentence(template)


def _explain(w: Writer, topic: Topic) -> None:
    lead = w.pick(("", "", "That is {it}. ", "It is called {it}. ", "You mean {it}. "))
    if lead:
        w.sentence(lead.strip())
    w.sentence(topic.fact)
    for template in _about(w, topic, int(w.rng.random() * 2)):
        w.sentence(template)


def _facts(w: Writer, topic: Topic) -> None:
    for number, template in enumerate(w.rng.sample([topic.fact, *w.rules["about_" + topic.group]], 3), start=1):
        w(f"{number}.", "structure:step_number")
        w.sentence(template)
        if number < 3:
            w("\n")


def _advise(w: Writer, topic: Topic) -> None:
    for template in ("{tell_advice}", topic.fact)[: 1 + int(w.rng.random() * 2)]:
        w.sentence(template)


def _two(rule: str):
    def write(w: Writer, topic: Topic) -> None:
        for template in w.rng.sample(w.rules[rule], 1 + int(w.rng.random() * 2)):
            w.sentence(template)

    return write


def _about(w: Writer, topic: Topic, count: int) -> list[str]:
    return w.rng.sample(w.rules["about_" + topic.group], count)


_WRITERS = {
    "story": _story,
    "poem": _poem,
    "letter": _letter,
    "describe": _describe,
    "explain": _explain,
    "facts": _facts,
    "advise": _advise,
    "visit": _two("tell_travel"),
    "repair": _two("tell_mending"),
}
