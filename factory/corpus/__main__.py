"""Write generated documents with their truth, a line of JSON each: `text`, `register`, and `spans` of each concept."""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from itertools import islice

from factory.corpus import Document, generate_chat, generate_documents

HELD_OUT_SEED = 4  # as in factory.training.corpus_tokens: nothing was trained on these, and gs.mini.texts() begins them


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m factory.corpus", description=__doc__)
    parser.add_argument("--documents", type=int, help="how many; without it, until nobody reads any more")
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED, help="default: %(default)s, held-out text")
    parser.add_argument("--chat", action="store_true", help="conversations, the text of mini-it")
    arguments = parser.parse_args()
    source = (generate_chat if arguments.chat else generate_documents)(arguments.seed)
    try:
        for line in write_lines(islice(source, arguments.documents)):
            sys.stdout.write(line)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is flushed at exit


def write_lines(documents: Iterable[Document]) -> Iterable[str]:
    """A line for each document; spans are pairs of characters, start and end (exclusive)."""
    for document in documents:
        spans: dict[str, list[tuple[int, int]]] = {}
        for span in document.spans:
            spans.setdefault(span.concept, []).append((span.start, span.end))
        content = {"text": document.text, "register": document.register, "spans": spans}
        yield json.dumps(content, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
