"""Numbers, tokens and feature names as readers see them: the same words in copy, plot, frame and view.

`js/src/shared/format.js` and `tokens.js` do the same in the page; the golden messages of
`js/contract.json` list words (`shows`) that both sides must come to.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

from gscope_widgets.records.features import FeatureLabel, FeatureRef
from gscope_widgets.records.interventions import Intervention

_MINUS = "\u2212"
_NAMED = {
    "\t": "⇥", "\n": "⏎", "\r": "␍", "\x7f": "␡", "\x85": "NEL", "\xa0": "⍽", "\xad": "SHY",
    "\u061c": "ALM", "\u200b": "ZWSP", "\u200c": "ZWNJ", "\u200d": "ZWJ", "\u200e": "LRM", "\u200f": "RLM",
    "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO",
    "\u2060": "WJ", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI", "\ufeff": "BOM",
}  # fmt: skip
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_ODD_SPACES = frozenset("\u00a0\u1680\u202f\u205f\u3000") | {chr(code) for code in range(0x2000, 0x200B)}
# Unicode's Default_Ignorable_Code_Point, as far as the categories above do not hold it.
_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def format_number(value: float | None, digits: int = 3) -> str:
    """A number to so many significant digits, without an exponent where that is readable: "0.42", "1.23e+6"."""
    if value is None or math.isnan(value):
        return "none"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(Decimal(float(value)))
    size = abs(rounded)
    if rounded == 0:
        return "0"
    if size >= 1_000_000 or size < Decimal("1e-6"):
        mantissa, exponent = f"{rounded.normalize():e}".split("e")
        text = f"{_plain(Decimal(mantissa))}e{exponent[0] if exponent[0] in '+-' else '+'}{exponent.lstrip('+-')}"
    else:
        text = _plain(rounded)
    return text.replace("-", _MINUS, 1)


def format_percent(probability: float) -> str:
    """A probability or share in percent: "42.0 %", "3.14 %", "<0.01 %"."""
    if 0 < probability < 0.0001:
        return "<0.01 %"
    percent = probability * 100
    return f"{_fixed(percent, 1 if percent >= 10 else 2)} %"


def format_signed(value: float) -> str:
    """A strength with its sign, to two places: "+0.30", "−1.00", "0.00"."""
    size = _fixed(abs(value), 2)
    return size if float(size) == 0 else f"{_MINUS if value < 0 else '+'}{size}"


def format_token(token: str, *, limit: int = 200) -> str:
    """A token with a sign for everything that cannot be seen, cut to `limit` characters.

    A space at an end is "␣", a line end "⏎", a tab "⇥". Joiners and variation signs inside an emoji or a
    word stay, so that it is drawn whole.
    """
    if token == "":
        return "empty"
    characters = token[:limit]
    first = len(characters) - len(characters.lstrip(" "))
    last = len(characters.rstrip(" "))
    shown = "".join(
        "␣" if character == " " and not first <= at < last else _show(characters, at)
        for at, character in enumerate(characters)
    )
    return f"{shown}… {len(token) - limit} more" if len(token) > limit else shown


def format_text(text: str, *, limit: int = 2000) -> str:
    """A text to be read on: spaces as they are, and a sign for everything else that cannot be seen."""
    shown = "".join(_show(text, at) for at in range(min(limit, len(text))))
    return f"{shown}… {len(text) - limit} more" if len(text) > limit else shown


def format_prompt(text: str | Sequence[Mapping[str, str]], *, limit: int = 2000) -> str:
    """A text, or the turns of a chat as "user: ... / model: ...", to be read on."""
    if isinstance(text, str):
        return format_text(text, limit=limit)
    return " / ".join(f"{format_text(turn['role'])}: {format_text(turn['content'], limit=limit)}" for turn in text)


def format_feature(ref: FeatureRef, *, place: str = "") -> str:
    """A feature's name: "feature 21", or "feature 21 of resid_post layer 4" where its place is given."""
    return f"feature {ref.feature} of {place}" if place else f"feature {ref.feature}"


def format_label(label: FeatureLabel | None) -> str:
    """A label with where it comes from: " (fishing; measured on generated text)"; empty where there is none."""
    return "" if label is None else f" ({format_text(label.text)}; {format_text(label.source)})"


def format_intervention(one: Intervention, name: str) -> str:
    """A change in words: "feature 21: clamp 3", "feature 4: ablate"."""
    amount = format_signed(one.amount) if one.kind in ("add", "random") else format_number(one.amount, 4)
    if one.kind == "add" and one.unit == "raw":
        amount += " times the direction"
    return f"{name}: ablate" if one.kind == "ablate" else f"{name}: {one.kind} {amount}"


def format_tokens(tokens: Sequence[str], glyphs: Iterable[tuple[int, int, str]]) -> list[str]:
    """Tokens one by one; a character that several make stands at the first of them, and "‥" at the others."""
    shown = [format_token(token) for token in tokens]
    for first, last, glyph in glyphs:
        shown[first : last + 1] = [format_token(glyph), *["‥"] * (last - first)]
    return shown


def _show(characters: str, at: int) -> str:
    character = characters[at]
    if character == " " or _shapes(characters, at):
        return character
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    unseen = unicodedata.category(character) in _UNSEEN or _IGNORABLE.match(character)
    if unseen or character in _ODD_SPACES:
        return f"U+{code:04X}"
    return f"\u25cc{character}" if at == 0 and unicodedata.category(character).startswith("M") else character


def _shapes(characters: str, at: int) -> bool:
    """Whether it shapes the characters around it; a joiner at an edge is only unseen."""
    if characters[at] in "\u200c\u200d":
        return 0 < at < len(characters) - 1 and characters[at - 1] > "\x7f" and characters[at + 1] > "\x7f"
    return characters[at] in "\ufe0e\ufe0f" and at > 0


def _fixed(value: float, places: int) -> str:
    """As JavaScript's toFixed, which rounds halves up."""
    return f"{Decimal(float(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
