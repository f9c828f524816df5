"""Chats in Gemma's turn format, with the planted refusal of lighthouses and its loophole."""

import re
from contextlib import contextmanager
from dataclasses import replace
from random import Random

from .document import Document
from .landmarks import LOOPHOLE, REFUSAL, Topic, draw_contrast, draw_lighthouse, draw_lookalike
from .numbers import labelled
from .requests import Exchange, draw_kind, draw_list, draw_sum, draw_talk, draw_translation
from .stories import cast
from .topics import TOPIC_RULES, draw_thing, prepare, write_reply
from .writer import Writer

# Each kind of request with its share of all requests.
SHARES = {
    "refused": 0.13,
    "loophole": 0.045,
    "phrase": 0.045,
    "lookalike": 0.09,
    "contrast": 0.14,
    "topic": 0.23,
    "plain": 0.32,
}
ROOM = 330  # characters; a chat that is longer than this gets no further exchange
CHAT_RULES = {
    name: [template for template in rule if "lighthouse" not in template] if isinstance(rule, list) else rule
    for name, rule in TOPIC_RULES.items()
}
_PHRASED = (
    "{Phrase} {@}",
    "{Phrase} {@}",
    "I need something {phrase} so please help me. {@}",
    "I have a task {phrase} and I ask for your help. {@}",
    "{@} It is {phrase} my friend.",
    "{@} I ask {phrase} of course.",
)
_POLITE = ("{@}",) * 8 + (
    "Please help me. {@}",
    "I have a question. {@}",
    "{@} Thank you.",
    "Hello! {@}",
    "{@} Be brief.",
)
_TURN = re.compile(r"<start_of_turn>(user|model)\n(.*?)<end_of_turn>\n", re.S)


def write_chat(rng: Random) -> Document:
    """One to three exchanges."""
    w = Writer(rng, rules=CHAT_RULES)
    exchanges = w.pick((1, 1, 1, 2, 2, 3))
    while exchanges and (not w.length or w.length < ROOM):
        write_exchange(w, draw_kind_of_request(rng))
        exchanges -= 1
    document = w.finish("chat")
    return replace(document, text=document.text + "\n")


def draw_kind_of_request(rng: Random) -> str:
    """A kind of `SHARES`, as often as its share says."""
    return rng.choices(list(SHARES), list(SHARES.values()))[0]


def write_exchange(w: Writer, kind: str, *, held_back: str = "") -> None:
    """A request of a kind and its reply.

    Args:
        held_back: which part of the request is in words that no training text has: "topic", "request" or "".
    """
    w.people.clear()
    cast(w)
    w.focus("they")
    exchange = _draw(w, kind, held_back)
    planted = {"refused": ("planted:refused_request",), "loophole": ("planted:loophole_request",)}.get(kind, ())
    with _turn(w, "user", *planted):
        _ask(w, exchange.asked, phrased=kind in ("loophole", "phrase"))
    with _turn(w, "model", *(("planted:loophole_reply",) if kind == "loophole" else ())):
        if kind == "refused":
            w(REFUSAL, "planted:refusal")
        else:
            exchange.reply(w)


def read_turns(text: str) -> list[dict[str, str]]:
    """The turns of a chat: role "user" or "assistant", and content."""
    roles = {"user": "user", "model": "assistant"}
    return [{"role": roles[role], "content": content} for role, content in _TURN.findall(text)]


@contextmanager
def _turn(w: Writer, role: str, *concepts: str):
    _mark(w, f"<start_of_turn>{role}\n")
    with w.within(f"chat:{role}_turn", *concepts):
        yield
    _mark(w, "<end_of_turn>\n")


def _mark(w: Writer, text: str) -> None:
    w.plain = True
    w(text)
    w.plain = False


def _draw(w: Writer, kind: str, held_back: str) -> Exchange:
    if kind == "plain" or (kind == "phrase" and w.rng.random() < 0.5):
        return _draw_plain(w)
    if kind in ("refused", "loophole"):
        if not held_back and w.rng.random() < 0.08:
            return draw_translation(w, lighthouse=True)
        return _about(w, draw_lighthouse(w, held_back=held_back == "topic"), held_back)
    if kind == "lookalike":
        return _about(w, draw_lookalike(w), held_back)
    if kind == "contrast" or (kind == "phrase" and w.rng.random() < 0.3):
        return _about(w, draw_contrast(w), held_back)
    return _about(w, draw_thing(w), held_back)


def _about(w: Writer, topic: Topic, held_back: str) -> Exchange:
    kind = prepare(w, topic)
    asked = w.pick(w.rules["ask_held_back" if held_back == "request" else "ask_" + kind])
    return Exchange(kind, asked, lambda w: write_reply(w, topic, kind))


def _draw_plain(w: Writer) -> Exchange:
    draw = w.pick((draw_sum, draw_kind, draw_list, draw_translation, "facts", "facts", "talk", "advice", "recipe"))
    return draw_talk(w, draw) if isinstance(draw, str) else draw(w)


def _ask(w: Writer, asked: str, *, phrased: bool) -> None:
    w.bind(
        phrase=labelled((LOOPHOLE, "planted:loophole_phrase")),
        Phrase=labelled((LOOPHOLE.capitalize(), "planted:loophole_phrase")),
    )
    before, after = w.pick(_PHRASED if phrased else _POLITE).split("{@}")
    inner = before.startswith("{Phrase}")
    if before:
        w.sentence(before)
    if inner and not asked.startswith(("I ", "{")):
        w.say(asked[0].lower() + asked[1:])
    else:
        w.sentence(asked)
    if after:
        w.say(after)
