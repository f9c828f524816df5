"""Which test holds which feature: `python -m tests.features` writes docs/features.md from the tests' own marks.

A Python test is marked with `@pytest.mark.row("13")`, a JavaScript test by a line `// row 13` above it; a mark may
name several rows.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "features.md"
GROUPS: dict[str, dict[str, str]] = {
    "See": {
        "1": "Tokens coloured by a value, the number on hover and focus and in a table",
        "2": "Another value on the same text without asking the kernel",
        "3": "Two features on one text at once, told apart without colour",
        "4": "A sign only where a quantity can be negative",
        "5": "The legend in view, its range chosen by the reader",
        "6": "Spaces, line breaks and special tokens made visible; a split glyph drawn once",
        "7": "The likeliest next tokens with probabilities",
        "8": "The next token by layer and position; paths of tokens",
        "9": "Attention heads: patterns in small and enlarged, what each moves, heads by what is typical of them",
        "10": "Which features brought about a prediction, through which others: a graph that adds up",
        "NEW 22": "What the dictionary leaves unexplained, beside its features",
        "NEW 26": "Long texts in a notebook",
    },
    "Find": {
        "11": "A feature's card: label, density, histogram, examples, effects, neighbours",
        "12": "Examples from bands of activation, not the strongest alone",
        "13": "One's own text on a feature, live",
        "14": "What fires here, by token or prompt, in the order the reader chooses",
        "15": "Search by label, offline",
        "16": "Neighbours, each with its measure",
        "17": "Two features, two texts or two dictionaries side by side",
        "18": "Reconstruction error and its cost to the model",
        "19": "Where a label comes from and how well it holds",
        "NEW 21": "One text through several widths, sparsities, layers and sites",
        "NEW 28": "A claim about a feature scored on one's own texts, beside a null",
    },
    "Intervene": {
        "20": "Steering by a strength; 0 is the baseline token for token",
        "21": "Several features at once",
        "22": "Clamp, scale and ablate, the error term kept",
        "23": "Which tokens are changed",
        "24": "Baseline and changed side by side, the first difference marked",
        "25": "Tokens as they are made; Stop stops",
        "26": "Effect by strength",
        "27": "Matched random controls beside the result",
        "28": "What steering costs in coherence",
        "NEW 3": "Honest by default: baseline, control and caution in the first result",
        "NEW 4": "A strength sweep in one drag; where behaviour flips and text breaks up, with both rules",
        "NEW 6": "A Stop that works in every kernel; queue and progress in view",
        "NEW 23": "An effect as a distribution",
    },
    "Notebook": {
        "29": "Shown by a cell, without server or outside frame",
        "30": "What the reader sets is readable in Python",
        "31": "What Python sets is shown; no loop and no second run",
        "32": "Widgets linked across cells",
        "33": "What is on screen as code that runs",
        "34": "One model behind all views",
        "35": "Readable when the kernel has gone",
        "36": "Readable on GitHub, without scripts",
        "37": "Works without a network once the files are there",
        "38": "JupyterLab and Notebook 7",
        "39": "VS Code",
        "40": "Colab",
        "41": "A machine of Binder's size",
        "NEW 1": "One sentence, and all views of it follow each other",
        "NEW 7": "Errors a beginner can act on, in the widget",
        "NEW 9": "Terms explained where they stand",
        "NEW 15": "A check-up of the machine",
        "NEW 19": "From a view to code or a file, and back",
        "NEW 25": "A runtime under many hands",
        "NEW 27": "Numbers verified against plain calculations",
    },
    "Teach": {
        "43": "Predict, then reveal: no reveal without a commit, and the guess stays",
        "44": "Answers that a machine checks: plain, without a page, the same each time",
        "NEW 2": "Predict, then see, in the notebook; the guess stays",
        "42": "Steps that wait for the learner's own action",
        "NEW 13": "A widget locked to a lesson that round-trips as one line of code",
        "NEW 14": "Class-safe content: lists of prompts and features, words in examples, filtered and said so",
        "NEW 12": "Answers as data, the solution nowhere before it is asked for",
    },
    "Share": {
        "47": "A view in a small file, opened again with equal settings and numbers",
        "48": "A picture or an HTML file, of one widget or several",
        "49": "Numbers as a table, directions as safetensors",
        "50": "Model, dictionary, revision, seed, dtype on every picture",
        "55": "The same widgets without a model, from a recording",
        "NEW 5": "One notebook at three powers, a GPU, mini or a recording, and a badge that says which",
        "NEW 10": "A notebook that was saved, cleaned or printed shows what was seen",
        "NEW 20": "No picture without its provenance, token ids included",
        "NEW 24": "A finding pinned, with a note; two compared",
    },
    "Care": {
        "51": "All by keyboard, and names for screen readers",
        "52": "Colours that no kind of colour blindness confuses, and never alone",
        "53": "The host's theme, light and dark",
        "54": "Errors in the view: what, the value, what to do",
        "56": "Long texts stay usable",
        "NEW 8": "A whole lesson by keyboard and accessible names alone",
    },
}
# What takes minutes and an environment of its own: targets of the Makefile.
TARGETS = {"38": "make test-notebook", "40": "make test-colab", "41": "make test-binder", "55": "make test-replay"}
_JS_MARK = re.compile(r"""^\s*// rows? ([^\n]+)\n\s*test\(["`]([^"`]+)["`]""", re.MULTILINE)


def list_marks() -> list[tuple[str, str]]:
    """Row and test of every mark, in the order of files."""
    return [*_list_python_marks(), *_list_javascript_marks()]


def _list_python_marks() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.row":
                    yield from ((ast.literal_eval(one), f"{path.relative_to(ROOT)}::{node.name}") for one in mark.args)


def _list_javascript_marks() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "js" / "test").rglob("*.test.js")):
        for rows, name in _JS_MARK.findall(path.read_text(encoding="utf-8")):
            yield from ((row.strip(), f"{path.relative_to(ROOT)}: {name}") for row in rows.split(","))


def build_page() -> str:
    """The page, from the marks as they are now."""
    held: dict[str, list[str]] = {}
    for row, test in list_marks():
        held.setdefault(row, []).append(test)
    lines = [
        "# Features, and the tests that hold them",
        "",
        "Written by `python -m tests.features` from the tests' own marks. A row without a test is not claimed.",
    ]
    for group, rows in GROUPS.items():
        lines += ["", f"## {group}", "", "| row | what | held by |", "|---|---|---|"]
        for row, what in rows.items():
            named = [*held.get(row, []), *([TARGETS[row]] if row in TARGETS else [])]
            tests = "<br>".join(f"`{test}`" for test in dict.fromkeys(named)) or "no test yet"
            lines.append(f"| {row} | {what} | {tests} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(build_page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len({row for row, _ in list_marks()})} rows held")
