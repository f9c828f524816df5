"""Slots filled with random numbers: counts, prices, years and hours."""

from .inflection import plural
from .labels import with_parents

Piece = tuple[str, tuple[tuple[int, int, str], ...]]


def labelled(*parts: tuple[str, ...]) -> Piece:
    """A piece made of (text, concept, concept ...) parts."""
    text, spans = "", []
    for words, *concepts in parts:
        for concept in concepts:
            spans += [(len(text), len(text) + len(words), name) for name in with_parents(concept)]
        text += words
    return text, tuple(spans)


def count(w) -> Piece:
    """A count in digits."""
    return labelled((str(int(2 + 58 * w.rng.random() ** 2)), "number:quantity"))


def price_of(amount: int, coin: str) -> Piece:
    """An amount of money, labelled as a price with its unit."""
    coin = coin if amount == 1 else {"penny": "pennies"}.get(coin) or plural(coin)
    text, spans = labelled((f"{amount} ", "number:quantity"), (coin, "number:unit"))
    digits = ((0, len(str(amount)), "number:quantity"), spans[1])
    return text, (*digits, (0, len(text), "number:price"))


def price(w) -> Piece:
    """An amount of money."""
    return price_of(int(2 + 98 * w.rng.random() ** 2), w.pick(("crown", "crown", "penny", "shilling")))


def year(w) -> Piece:
    """A year of the calendar of Tarn."""
    return labelled((str(int(1150 + 300 * w.rng.random())), "time:year"))


def day_of_month(w) -> Piece:
    """A day of a month, in digits."""
    return labelled((str(1 + int(28 * w.rng.random())), "number:quantity"))


def clock(w) -> Piece:
    """An hour of the clock."""
    hour = w.pick(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"))
    text, _ = w.pick((("{} o'clock", 0), ("half past {}", 0), ("a quarter to {}", 0), ("a quarter past {}", 0)))
    return labelled((text.format(hour), "time:clock"))


def price_rise(w) -> Piece:
    """A price and a higher one."""
    low = int(2 + 40 * w.rng.random())
    high, coin = low + 1 + int(20 * w.rng.random()), w.pick(("crown", "penny", "shilling"))
    first, second = price_of(low, coin), price_of(high, coin)
    lead, middle = "from ", " to "
    shift = len(lead) + len(first[0]) + len(middle)
    spans = [(a + len(lead), b + len(lead), c) for a, b, c in first[1]] + [
        (a + shift, b + shift, c) for a, b, c in second[1]
    ]
    return lead + first[0] + middle + second[0], tuple(spans)


def vote(w) -> Piece:
    """The votes for and the fewer votes against."""
    against = 1 + int(20 * w.rng.random())
    votes = against + 1 + int(20 * w.rng.random())
    return labelled((str(votes), "number:quantity"), (" to ",), (str(against), "number:quantity"))


NUMBER_SLOTS = {
    "price_rise": price_rise,
    "price_rise2": vote,
    "n": count,
    "n1_28": day_of_month,
    "price": price,
    "year": year,
    "clock": clock,
    "blank": lambda w: ("", ()),
}
