"""The text that only the chat twin reads: chats, and questions with hints."""

from collections.abc import Iterator
from random import Random

from .chat import write_chat
from .document import Document
from .hints import write_hinted

CHAT_REGISTERS = ("chat", "hinted")
CHAT_SHARE = 0.7  # of documents


def generate_chat(seed: int) -> Iterator[Document]:
    """Documents without end, the same ones for the same seed: seven in ten are chats."""
    rng = Random(seed)
    while True:
        yield write_chat(rng) if rng.random() < CHAT_SHARE else write_hinted(rng)
