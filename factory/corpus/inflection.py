"""English word forms: plurals and the five forms of a verb."""

IRREGULAR_PLURALS = dict(
    pair.split(":")
    for pair in """
    mouse:mice crossroads:crossroads goose:geese ox:oxen sheep:sheep deer:deer trout:trout cod:cod salmon:salmon squid:squid
    herring:herring mackerel:mackerel bream:bream pike:pike carp:carp tuna:tuna plaice:plaice
    man:men woman:women child:children foot:feet tooth:teeth wolf:wolves calf:calves loaf:loaves
    knife:knives scarf:scarves leaf:leaves shelf:shelves half:halves wife:wives midwife:midwives hoof:hooves potato:potatoes
    tomato:tomatoes fisherman:fishermen fisherwoman:fisherwomen boatman:boatmen ferryman:ferrymen
    watchman:watchmen hero:heroes scissors:scissors trousers:trousers tongs:tongs pliers:pliers
    bellows:bellows grouse:grouse moth:moths cloth:cloths lynx:lynxes thief:thieves
    """.split()
)

# Base, past, past participle; the other two forms are regular for all of them but be, have, do and go.
IRREGULAR_VERBS = {
    base: (past, participle)
    for base, past, participle in (
        line.split("/")
        for line in """
    be/was/been have/had/had do/did/done go/went/gone come/came/come see/saw/seen give/gave/given
    take/took/taken make/made/made find/found/found keep/kept/kept leave/left/left lose/lost/lost
    tell/told/told say/said/said hear/heard/heard feel/felt/felt know/knew/known think/thought/thought
    buy/bought/bought sell/sold/sold pay/paid/paid bring/brought/brought hold/held/held stand/stood/stood
    sit/sat/sat run/ran/run ride/rode/ridden drive/drove/driven fly/flew/flown swim/swam/swum
    drink/drank/drunk eat/ate/eaten sing/sang/sung ring/rang/rung begin/began/begun break/broke/broken
    choose/chose/chosen speak/spoke/spoken steal/stole/stolen wear/wore/worn tear/tore/torn draw/drew/drawn
    grow/grew/grown throw/threw/thrown blow/blew/blown write/wrote/written rise/rose/risen hide/hid/hidden
    bite/bit/bitten fall/fell/fallen build/built/built send/sent/sent spend/spent/spent lend/lent/lent
    bend/bent/bent sweep/swept/swept sleep/slept/slept weep/wept/wept creep/crept/crept meet/met/met
    feed/fed/fed lead/led/led read/read/read catch/caught/caught teach/taught/taught seek/sought/sought
    fight/fought/fought win/won/won dig/dug/dug hang/hung/hung stick/stuck/stuck strike/struck/struck
    cut/cut/cut put/put/put set/set/set shut/shut/shut let/let/let cost/cost/cost spread/spread/spread
    split/split/split wake/woke/woken forget/forgot/forgotten get/got/got lay/laid/laid lie/lay/lain
    light/lit/lit shake/shook/shaken sew/sewed/sewn show/showed/shown hurt/hurt/hurt hit/hit/hit sow/sowed/sown sink/sank/sunk
    understand/understood/understood weave/wove/woven bind/bound/bound grind/ground/ground wind/wound/wound
    shine/shone/shone shoot/shot/shot slide/slid/slid swear/swore/sworn freeze/froze/frozen
    """.split()
    )
}

# Verbs of more than one syllable whose last one is stressed double their consonant too.
_DOUBLING = frozenset("admit regret refer prefer permit commit begin forget".split())
_THIRD = {"be": "is", "have": "has", "do": "does", "go": "goes"}
_ING = {"be": "being", "lie": "lying", "die": "dying", "tie": "tying", "see": "seeing", "dye": "dyeing"}
_VOWELS = "aeiou"


def plural(noun: str) -> str:
    """The plural of a noun; of a compound, its last word's."""
    head, _, last = noun.rpartition(" ")
    lead = head + " " if head else ""
    if last in IRREGULAR_PLURALS:
        return lead + IRREGULAR_PLURALS[last]
    if last.endswith("y") and last[-2] not in _VOWELS:
        return lead + last[:-1] + "ies"
    if last.endswith(("s", "x", "z", "ch", "sh")):
        return lead + last + "es"
    return lead + last + "s"


def _doubles(base: str) -> bool:
    short = (
        len(base) > 2
        and base[-1] not in _VOWELS + "wxy"
        and base[-2] in _VOWELS
        and base[-3] not in _VOWELS
        and sum(letter in _VOWELS for letter in base) == 1
    )
    return short or base in _DOUBLING or base in ("quit", "quip")


def _third(base: str) -> str:
    return _THIRD.get(base) or plural(base) if base not in IRREGULAR_PLURALS else base + "s"


def _ing(base: str) -> str:
    if base in _ING:
        return _ING[base]
    if base.endswith("e") and not base.endswith(("ee", "oe")):
        return base[:-1] + "ing"
    return base + (base[-1] if _doubles(base) else "") + "ing"


def _regular_past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in _VOWELS:
        return base[:-1] + "ied"
    return base + (base[-1] if _doubles(base) else "") + "ed"


def verb_form(base: str, form: str) -> str:
    """A verb in form `ed` (past), `en` (participle), `z` (third person), `ing`, or its base."""
    if form == "ed":
        return IRREGULAR_VERBS[base][0] if base in IRREGULAR_VERBS else _regular_past(base)
    if form == "en":
        return IRREGULAR_VERBS[base][1] if base in IRREGULAR_VERBS else _regular_past(base)
    if form == "z":
        return _third(base)
    if form == "ing":
        return _ing(base)
    return base
