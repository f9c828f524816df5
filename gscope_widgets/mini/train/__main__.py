"""Rebuild gscope-mini from its seeds: corpus, tokenizer, models, dictionaries, measurements."""

import argparse
from pathlib import Path

from gscope_widgets.mini.train.build import Build
from gscope_widgets.mini.train.model import ModelRecipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to build in; steps done there are kept")
    parser.add_argument("--until", help="stop after the last step whose name begins with this")
    parser.add_argument("--tokens", type=int, default=ModelRecipe.tokens, help="tokens to train the model on")
    arguments = parser.parse_args()
    build = Build(arguments.out, recipe=ModelRecipe(tokens=arguments.tokens))
    steps = build.training_steps()
    if arguments.until:
        last = max(i for i, step in enumerate(steps) if step.name.startswith(arguments.until))
        steps = steps[: last + 1]
    build.make(steps)


if __name__ == "__main__":
    main()
