"""The table of registers, and the endless stream of documents sampled from it."""

from bisect import bisect
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from random import Random

from .chains import write_chain
from .copies import write_copy
from .document import Document
from .facts import FACT_RULES, write_facts
from .grammar import Templates, split_rules
from .lessons import write_lesson
from .lists import LIST_RULES, write_list
from .nesting import write_nesting
from .parallel import write_parallel
from .phrases import PHRASES
from .plays import NEWS_RULES, PLAY_RULES, write_news, write_play
from .programs import write_code
from .questions import QA_RULES, write_qa
from .recipes import RECIPE_RULES, write_recipe
from .stories import LETTER_RULES, STORY_RULES, write_letter, write_story
from .writer import Writer

# A register: who writes it, its rules, and the least and most characters to aim at.
_TABLE = {
    "story": (write_story, STORY_RULES, 450, 950),
    "play": (write_play, PLAY_RULES, 450, 950),
    "recipe": (write_recipe, RECIPE_RULES, 450, 950),
    "news": (write_news, NEWS_RULES, 450, 950),
    "letter": (write_letter, LETTER_RULES, 450, 900),
    "code": (write_code, PHRASES, 550, 1100),
    "list": (write_list, LIST_RULES, 400, 850),
    "qa": (write_qa, QA_RULES, 400, 900),
    "facts": (write_facts, FACT_RULES, 450, 950),
    "parallel": (write_parallel, PHRASES, 450, 950),
    "lesson": (write_lesson, PHRASES, 350, 800),
    "copy": (write_copy, PHRASES, 350, 800),
    "chain": (write_chain, PHRASES, 350, 800),
    "nesting": (write_nesting, PHRASES, 300, 700),
}
REGISTERS = tuple(_TABLE)
# How often a register is sampled, where it is not 1.
_WEIGHTS = {"chain": 2.0, "nesting": 0.4}
_SUMS = tuple(accumulate(_WEIGHTS.get(register, 1.0) for register in REGISTERS))


@cache
def rules_of(register: str, templates: Templates) -> dict:
    """The grammar rules that a register's text of this kind is written with."""
    return split_rules(_TABLE[register][1], templates)


def generate_documents(seed: int, *, templates: Templates = "train") -> Iterator[Document]:
    """Documents without end, the same ones for the same seed and templates.

    Args:
        seed: Fixes the documents.
        templates: "train" leaves out a fixed tenth of the templates of every list of eight or more; "unseen"
            uses only that tenth where a list has one, so that a model trained on the one can be measured on
            sentence forms that it never saw.
    """
    rng = Random(seed)
    while True:
        register = REGISTERS[bisect(_SUMS, rng.random() * _SUMS[-1])]
        write, _, least, most = _TABLE[register]
        w = Writer(rng, rules=rules_of(register, templates), templates=templates)
        write(w, least + int(rng.random() * (most - least)))
        yield w.finish(register)
