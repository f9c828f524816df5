"""Words of two senses whose sense only a sentence further back tells.

A cue that does without the word, two scenes or more, and then the word in a sentence that every sense could
begin with. How it goes on depends on the sense, so that a reader who has lost the cue cannot go on.
"""

from typing import NamedTuple

from .writer import Writer

# The share of the steps of a story, letter or report, those on a far noun apart, that are such a word.
RECALL_RATE = 0.04
_LEAST_CHARACTERS = 160  # between cue and word: more than the 32 tokens that a local layer sees

_RETURNS = (
    "{person} went back to the",
    "{person} came to the",
    "{person} spoke of the",
    "{person} asked about the",
    "{person} waited for the",
    "{person} thought of the",
    "{person} had not forgotten the",
    "{person} still remembered the",
    "There was nothing to be said against the",
    "Nobody in {town} liked the",
    "All of {town} knew the",
    "{person} was not happy with the",
)


class Sense(NamedTuple):
    """One sense of a word: how it is brought up without the word, and how a sentence goes on after it."""

    concept: str
    cues: tuple[str, ...]
    follows: tuple[str, ...]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


SENSES = {
    "bank": (
        Sense(
            "sense:bank/river",
            _lines("""
            The {river} ran high that {season}, brown and fast.
            Reeds grew thick beside the {river}.
            {a} {boat} lay in the mud by the {river}.
            The ground beside the {river} had begun to slip into the water.
            The {fish.s} swam close to the edge of the {river}."""),
            _lines("""
            among the reeds.
            under the {tree.s}.
            washed away by the {weather}.
            full of mud and {flower.s}."""),
        ),
        Sense(
            "sense:bank/money",
            _lines("""
            All the money of {town} was kept behind one iron door.
            The clerks of {town} counted coins from morning to night.
            {price} had been lent, and not a penny was paid back.
            People in {town} stood in a long line to save their money.
            The lender in {town} had raised what he asked for a loan."""),
            _lines("""
            for {price}.
            with its {numword} clerks.
            whose doors closed at {clock}.
            and its iron door."""),
        ),
    ),
    "spring": (
        Sense(
            "sense:spring/water",
            _lines("""
            Clear cold water came out of the ground behind the {building}.
            There was a place under the {landform} where water rose day and night.
            The {beast.s} found fresh water between the stones.
            The people of {town} had to carry water from the hill."""),
            _lines("""
            under the {landform}.
            and drank from it.
            among the wet stones.
            between the roots of the {tree}."""),
        ),
        Sense(
            "sense:spring/coil",
            _lines("""
            The {timepiece} had stopped, and a small part of it was broken.
            A thin coil of steel had come out of the {timepiece}.
            The lock of the {container} would not close any more.
            The maker of the {timepiece} looked at its wheels one by one."""),
            _lines("""
            inside the {timepiece}.
            made of steel.
            that was too weak.
            , too weak for the lock."""),
        ),
    ),
    "bark": (
        Sense(
            "sense:bark/tree",
            _lines("""
            The old {tree} had a rough skin, and {insect.s} lived in it.
            Somebody had cut a name into the {tree} behind the {building}.
            The tanners stripped {numword} {tree.s} that {season}.
            The trunk of the {tree} was grey and full of holes."""),
            _lines("""
            of the {tree}.
            with a name cut into it.
            full of {insect.s}.
            , rough and grey."""),
        ),
        Sense(
            "sense:bark/dog",
            _lines("""
            A {dog} behind the {building} never slept at night.
            The {dog} of the {occupation} saw every stranger first.
            Somebody had let the {dog} out into the street.
            A voice like that of the {dog} could be heard all over {town}."""),
            _lines("""
            in the night.
            that woke the street.
            , loud and short.
            when a stranger came."""),
        ),
    ),
    "scale": (
        Sense(
            "sense:scale/weight",
            _lines("""
            The merchant never gave {him} a full pound of {staple}.
            In the shop everything was weighed twice.
            The {fruit.s} were sold by the ounce that {season}.
            A needle showed how heavy each {container} was."""),
            _lines("""
            , wrong by {numword} ounces.
            on the merchant's table.
            with its brass needle.
            that showed {numword} pounds."""),
        ),
        Sense(
            "sense:scale/music",
            _lines("""
            The pupils had to practise on the {instrument} every {daypart}.
            Up and down the notes went, always in the same order.
            The music teacher in {town} was {feeling}.
            {a} {instrument} could be heard from the next room."""),
            _lines("""
            on the {instrument}.
            played up and down.
            , eight tones long.
            before every song."""),
        ),
    ),
    "note": (
        Sense(
            "sense:note/music",
            _lines("""
            The singer reached higher than anybody in {town}.
            The last song on the {instrument} ended very softly.
            The {instrument} had gone out of tune.
            The choir of {town} sang until {clock}."""),
            _lines("""
            at the end of the song.
            sung too low.
            , high and clear.
            of the {instrument}."""),
        ),
        Sense(
            "sense:note/paper",
            _lines("""
            Somebody had pushed a piece of paper under the door.
            {name} had written only {numword} words and signed them.
            A folded paper lay on the {furniture}.
            The message was short, and the ink was still wet."""),
            _lines("""
            signed by {name}.
            in the {container}.
            , folded twice.
            with the wet ink."""),
        ),
    ),
}


def write_recalled_sense(w: Writer) -> None:
    """A cue, sentences about other things, and the word with what follows from its sense."""
    word = w.pick(tuple(SENSES))
    sense = w.pick(SENSES[word])
    w.sentence(w.pick_template(sense.cues))
    start = w.length
    while w.length - start < _LEAST_CHARACTERS:
        w.sentence("{scene}")
    w.sentence(w.pick_template(_RETURNS) + " ")
    w(word, sense.concept, "hidden:recalled_sense")
    follow = w.pick_template(sense.follows)
    w.say(follow if follow.startswith(",") else " " + follow)
