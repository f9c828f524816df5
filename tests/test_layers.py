"""Imports go one way: who may import whom, read from the source with `ast`."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = "gscope_widgets"
FACTORY = "factory"  # beside the package: it may import the package, the package never it
BOX = (f"{OURS}.records", f"{OURS}.errors")


def is_for_types(node: ast.AST) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`, under which nothing is imported when the program runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def find_imports(source: str, *, module: str, is_package: bool = False) -> list[tuple[str, str]]:
    """Every import of a source: the full dotted name, and when it happens: "at once", "in a function", "for types"."""
    found = []
    package = module.split(".") if is_package else module.split(".")[:-1]

    def visit(node: ast.AST, when: str) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            when = "in a function"
        elif is_for_types(node):
            when = "for types"
        if isinstance(node, ast.Import):
            found.extend((alias.name, when) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found.extend((f"{base}.{alias.name}", when) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child, when)

    visit(ast.parse(source), "at once")
    return found


def is_under(name: str, *homes: str) -> bool:
    return any(name == home or name.startswith(f"{home}.") for home in homes)


def find_offences(source: str, *, module: str, is_package: bool = False) -> list[str]:
    """The imports that a module of the package may not have, each as a sentence."""
    offences = []
    for name, when in find_imports(source, module=module, is_package=is_package):
        top = name.split(".")[0]
        third_party = top not in sys.stdlib_module_names and top not in (OURS, FACTORY)
        if is_under(module, *BOX):
            home = {"pandas": f"{OURS}.records.frames", "matplotlib": f"{OURS}.records.figures"}.get(top)
            homes = {"in a function": home, "for types": f"{OURS}.records"}
            shown = home is not None and when in homes and is_under(module, homes[when])
            wrong = (top == OURS and not is_under(name, *BOX)) or (third_party and top != "numpy" and not shown)
        elif is_under(module, f"{OURS}.widgets", f"{OURS}.exercises"):
            wrong = top in ("torch", "transformers") or is_under(name, f"{OURS}.runtime", f"{OURS}.recordings")
        elif is_under(module, f"{OURS}.runtime", f"{OURS}.checkup"):
            wrong = is_under(name, f"{OURS}.widgets")
        elif is_under(module, f"{OURS}.recordings"):
            ours = top == OURS and not is_under(name, *BOX, f"{OURS}.recordings")
            wrong = ours or (third_party and top not in ("numpy", "safetensors"))
        elif is_under(module, f"{OURS}.lessons"):
            wrong = (top == OURS and not is_under(name, *BOX, f"{OURS}.lessons")) or (third_party and top != "numpy")
        elif is_under(module, f"{OURS}.keeping"):
            wrong = (third_party and top not in ("numpy", "safetensors")) or is_under(name, f"{OURS}.runtime")
        elif is_under(module, f"{OURS}.mini"):
            wrong = third_party or is_under(name, f"{OURS}.runtime", f"{OURS}.widgets")
        elif is_under(module, f"{FACTORY}.corpus"):
            wrong = third_party or top == OURS or (top == FACTORY and not is_under(name, f"{FACTORY}.corpus"))
        elif is_under(module, f"{FACTORY}.training"):
            wrong = is_under(name, f"{FACTORY}.claims")
        else:
            wrong = False
        if wrong or (top == FACTORY and not is_under(module, FACTORY)):
            offences.append(f"{module} imports {name}")
    return offences


def find_rooms(sources: dict[str, str], *, home: str) -> dict[str, set[str]]:
    """Which rooms of a package import which: its folders, and the modules that lie beside them.

    Args:
        sources: module to its source; what only type checkers read does not count.
    """

    def name_room(module: str) -> str:
        return module.removeprefix(f"{home}.").split(".")[0]

    rooms: dict[str, set[str]] = {}
    for module, source in sources.items():
        found = find_imports(source, module=module)
        names = {name_room(name) for name, when in found if when != "for types" and is_under(name, home)}
        rooms.setdefault(name_room(module), set()).update(names - {name_room(module)})
    return rooms


def find_circle(rooms: dict[str, set[str]]) -> list[str]:
    """Rooms that import one another in a ring, whichever is found first, its first room at the end again."""

    def walk(path: list[str]) -> list[str]:
        if path[-1] in path[:-1]:
            return path[path.index(path[-1]) :]
        circles = (walk([*path, room]) for room in sorted(rooms.get(path[-1], ())))
        return next(filter(None, circles), [])

    return next(filter(None, (walk([room]) for room in sorted(rooms))), [])


def name_module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = sorted(path for package in (OURS, FACTORY) for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=name_module)
def test_imports_go_one_way(path):
    offences = find_offences(
        path.read_text(encoding="utf-8"), module=name_module(path), is_package=path.name == "__init__.py"
    )
    assert offences == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gscope_widgets.widgets.bad", "import torch"),
        ("gscope_widgets.widgets.bad", "def later():\n    from transformers import AutoModel"),
        ("gscope_widgets.widgets.bad", "from gscope_widgets.runtime.scope import load"),
        ("gscope_widgets.widgets.bad", "from gscope_widgets import runtime"),
        ("gscope_widgets.exercises.bad", "def later():\n    from gscope_widgets.runtime.scope import Scope"),
        ("gscope_widgets.widgets.bad", "from ..runtime import scope"),
        ("gscope_widgets.runtime.bad", "from gscope_widgets.widgets import token_heatmap"),
        ("gscope_widgets.widgets.bad", "from gscope_widgets.recordings.replay import replay"),
        ("gscope_widgets.recordings.bad", "from gscope_widgets.runtime.worker import Job"),
        ("gscope_widgets.recordings.bad", "def later():\n    import torch"),
        ("gscope_widgets.recordings.bad", "from gscope_widgets.widgets.link import link"),
        ("gscope_widgets.lessons.bad", "from gscope_widgets.widgets.link import link"),
        ("gscope_widgets.lessons.bad", "def later():\n    import torch"),
        ("gscope_widgets.checkup.bad", "from gscope_widgets.widgets.doctor import Doctor"),
        ("gscope_widgets.keeping.bad", "from gscope_widgets.runtime.registry import load"),
        ("gscope_widgets.keeping.bad", "def later():\n    import torch"),
        ("gscope_widgets.records.bad", "import torch"),
        ("gscope_widgets.records.bad", "from gscope_widgets.runtime.worker import Job"),
        ("gscope_widgets.records.frames", "import pandas"),
        ("gscope_widgets.records.bad", "def later():\n    import pandas"),
        ("gscope_widgets.records.bad", "def later():\n    from matplotlib.figure import Figure"),
        ("gscope_widgets.records.figures", "from matplotlib.figure import Figure"),
        ("gscope_widgets.records.bad", "if TYPE_CHECKING:\n    import torch"),
        ("gscope_widgets.records.bad", "if True:\n    import pandas"),
        ("gscope_widgets.errors", "import requests"),
        ("gscope_widgets.runtime.bad", "from factory.training import model"),
        ("gscope_widgets.mini.bad", "def later():\n    import factory"),
        ("gscope_widgets.widgets.bad", "from factory.corpus import generate_documents"),
        ("gscope_widgets.mini.bad", "import torch"),
        ("gscope_widgets.mini.bad", "from gscope_widgets.runtime.registry import load"),
        ("factory.corpus.bad", "import numpy"),
        ("factory.corpus.bad", "from gscope_widgets.errors import GscopeError"),
        ("factory.corpus.bad", "from ..training.model import train_model"),
        ("factory.training.bad", "from factory.claims.record import write_claims"),
    ],
)
def test_the_checker_sees_an_arrow_that_goes_the_wrong_way(module, source):
    assert len(find_offences(source, module=module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gscope_widgets.widgets.good", "import anywidget\nfrom gscope_widgets.records.features import FeatureRef"),
        ("gscope_widgets.runtime.good", "import torch\nfrom gscope_widgets.errors import GscopeError"),
        ("gscope_widgets.runtime.good", "from gscope_widgets.recordings.recorder import recorded"),
        ("gscope_widgets.recordings.good", "import safetensors\nfrom gscope_widgets.records.tokens import Tokens"),
        ("gscope_widgets.keeping.good", "from gscope_widgets.recordings.codec import encode"),
        ("gscope_widgets.lessons.good", "import numpy as np\nfrom gscope_widgets.records.hits import FeatureHits"),
        ("gscope_widgets.records.frames", "def build():\n    import pandas"),
        ("gscope_widgets.records.figures", "def build():\n    from matplotlib.figure import Figure"),
        ("gscope_widgets.records.good", "if TYPE_CHECKING:\n    import pandas"),
        ("gscope_widgets.records.good", "import numpy as np\nfrom .tokens import Tokens"),
        ("factory.training.good", "from .model import train_model\nfrom factory.corpus import Document"),
        ("factory.claims.good", "import torch\nfrom gscope_widgets.runtime.gemma.hooks import capture"),
    ],
)
def test_the_checker_lets_the_right_arrows_be(module, source):
    assert find_offences(source, module=module) == []


def test_no_rooms_of_the_runtime_import_one_another_in_a_circle():
    home = f"{OURS}.runtime"
    sources = {name_module(path): path.read_text(encoding="utf-8") for path in SOURCES}
    rooms = find_rooms({name: source for name, source in sources.items() if is_under(name, home)}, home=home)
    assert {"gemma", "dictionaries", "scope"} <= set(rooms)
    assert "dictionaries" in rooms["features"]
    assert find_circle(rooms) == []


def test_the_checker_sees_a_circle_of_rooms():
    home = f"{OURS}.runtime"
    sources = {
        f"{home}.gemma.loading": f"def load():\n    from {home}.files.weights import read_header",
        f"{home}.files.weights": f"from {home}.hub.transfer import fetch_file",
        f"{home}.hub.transfer": "from ..gemma import sites",
        f"{home}.scope": f"from {home}.gemma.loading import load",
    }
    assert find_circle(find_rooms(sources, home=home)) == ["files", "hub", "gemma", "files"]
    sources[f"{home}.hub.transfer"] = "if TYPE_CHECKING:\n    from ..gemma import sites"
    assert find_circle(find_rooms(sources, home=home)) == []
