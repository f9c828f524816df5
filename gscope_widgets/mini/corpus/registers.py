"""The table of registers, and the endless stream of documents drawn from it."""

from collections.abc import Iterator
from random import Random

from .document import Document
from .facts import FACT_RULES, write_facts
from .lists import LIST_RULES, write_list
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
}
REGISTERS = tuple(_TABLE)


def generate_documents(seed: int) -> Iterator[Document]:
    """Documents without end, the same ones for the same seed."""
    rng = Random(seed)
    while True:
        register = REGISTERS[int(rng.random() * len(REGISTERS))]
        write, rules, least, most = _TABLE[register]
        w = Writer(rng, rules=rules)
        write(w, least + int(rng.random() * (most - least)))
        yield w.finish(register)
