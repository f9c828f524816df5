"""Word tables made ready to write: pieces with spans, and what a plain word is known to mean."""

from .concepts import entity, of_word, with_parents
from .inflection import plural, verb_form
from .lexicon import CLOSED, COINS, MASS, NOUNS, SENSES, UNITS, VERBS
from .names import FAMILIES, MEN, WOMEN
from .tarn import REGIONS, RIVERS, TOWNS


def _pieces(words: list[str], *concepts: str):
    flat = tuple(one for concept in concepts for one in with_parents(concept))
    return tuple((word, tuple((0, len(word), concept) for concept in flat)) for word in words)


def _noun_table(concept: str, text: str):
    words = [word.replace("_", " ") for word in text.split()]
    several = [_pieces([plural(word)], of_word(word, concept), "grammar:plural_noun")[0] for word in words]
    return _own_pieces(words, concept), tuple(several)


def _own_pieces(words: list[str], concept: str):
    return tuple(_pieces([word], of_word(word, concept))[0] for word in words)


def _words() -> dict:
    tables = {name: _noun_table(*row) for name, row in NOUNS.items()}
    for name, (concept, text) in MASS.items():
        tables[name] = (_own_pieces(text.split(), concept),) * 2
    for name, word in SENSES.items():
        concept = f"sense:{name}"
        tables[name] = _pieces([word], concept), _pieces([plural(word)], concept, "grammar:plural_noun")
    for name, words in (("woman", WOMEN), ("man", MEN), ("name", WOMEN + MEN)):
        tables[name] = (_pieces(words, "person:given_name"),) * 2
    tables["family"] = (_pieces(FAMILIES, "person:family"),) * 2
    places = {"town": [town.name for town in TOWNS], "region": [region.name for region in REGIONS], "river": RIVERS}
    for name, words in places.items():
        tables[name] = (tuple(_pieces([word], entity(word))[0] for word in words),) * 2
    tables["unit"] = (_pieces(UNITS.split(), "number:unit"),) * 2
    tables["coin"] = (_pieces(COINS.split(), "number:unit"),) * 2
    return tables


WORDS = _words()
VERB_CONCEPTS = {verb: (concept,) for concept, text in VERBS.items() for verb in text.split()}

# Words that mean several things are labelled only where a template says which.
_AMBIGUOUS = frozenset(
    """light lights note notes scale scales bark barks bank banks spring springs second may march will
    back roll fly file sole ray lime plane pick drill rose jay lead oak well fall lark crane perch
    long little great cross quiet content fresh pipe compass watch""".split()
)


def _labels() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, table in WORDS.items():
        if name in SENSES:
            continue
        for word, spans in table[0] + table[1]:
            if " " not in word:
                known = found.setdefault(word, [])
                known.extend(span[2] for span in spans if span[2] not in known)
    clear = {word: names for word, names in found.items() if word not in _AMBIGUOUS and _consistent(names)}
    for word, names in _verb_labels().items():
        if word not in _AMBIGUOUS:
            clear.setdefault(word, list(names))
    for concept, text in CLOSED.items():
        for word in text.split():
            clear.setdefault(word, [])
            clear[word] = [*clear[word], concept]
    return {word: tuple(names) for word, names in clear.items()}


# Verb forms that are also other words, or other forms, are labelled only where a template marks the verb.
_UNCLEAR_VERBS = frozenset(
    """order cost hire report cross follow leave drift step race call print plant paint smell taste hope dream guess
    find feel watch answer repair fly reply spot see saw""".split()
)


def _verb_labels() -> dict[str, tuple[str, ...]]:
    clear = {verb: names for verb, names in VERB_CONCEPTS.items() if verb not in _UNCLEAR_VERBS}
    return {verb_form(verb, form): names for verb, names in clear.items() for form in ("", "z", "ing", "en", "ed")}


def _consistent(names: list[str]) -> bool:
    told = [name for name in names if name != "grammar:plural_noun" and not name.startswith("entity:")]
    roots = {name.partition("/")[0] for name in told}
    return len(roots) == 1


LABELS = _labels()
