"""Writes what Python and the page agree on: `python -m gscope_widgets.widgets.contract`, in a source checkout.

`js/contract.json` holds, for each widget, its traits (writer, default, schema), the settings that a run is made
with, and every message with its schema and golden messages. Those are made by the widgets themselves on the
tests' fake scope, and `shows` lists words that copy and view must come to. `js/src/traits.d.ts` holds the same as
TypeScript, and `js/src/shared/glossary.js` the terms. A test fails where a file is not what this writes.
"""

import base64
import json
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from inspect import getsource
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from gscope_widgets import __version__
from gscope_widgets.exercises import wire as exercise_wire
from gscope_widgets.records.glossary import TERMS, Term, define
from gscope_widgets.records.protocols import Engine
from gscope_widgets.widgets.base import wire
from gscope_widgets.widgets.base.contract import build_schema
from gscope_widgets.widgets.base.limits import LIMITS
from gscope_widgets.widgets.base.state import Shared
from gscope_widgets.widgets.base.widget import TO_PYTHON, GscopeWidget
from gscope_widgets.widgets.catalogue import CATALOGUE, Row

Json = dict[str, Any]
_GOLDEN: dict[str, Json] = {  # of messages that no example leads to
    "ack": {"content": {"type": "ack", "id": "ready"}, "buffers": [], "shows": []},
    "effect": {
        "content": {
            "type": "effect",
            "words": "feature 12 of layer 3 at ␣fish (4): ablated",
            "nodes": ["3_12_4"],
            "controls": 5,
            "rows": [
                {
                    "target": " fish",
                    "baseline": 4.5,
                    "predicted": -1.25,
                    "frozen": -1.0,
                    "free": -0.75,
                    "random": -0.1,
                    "random_low": -0.2,
                    "random_high": 0.05,
                }
            ],
        },
        "buffers": [],
        "shows": ["4.5", "\u22121.25", "\u22120.75"],
    },
    "heads": {
        "content": {
            "type": "heads",
            "node": "3_12_4",
            "source": "1_7_2",
            "weight": 2.0,
            "direct": 0.5,
            "heads": 2,
            "rows": [
                {"layer": 2, "head": 1, "weight": 1.75, "share": 0.875},
                {"layer": 3, "head": 0, "weight": -0.25, "share": -0.125},
            ],
        },
        "buffers": [],
        "shows": ["2.1", "1.75", "87.5 %"],
    },
    "kept": {"content": {"type": "kept", "text": "Pinned.", "format": ""}, "buffers": [], "shows": []},
    "piece": {"content": {"type": "piece", "index": 0}, "buffers": [], "shows": []},
}
_WIDTH = 110  # of a line of comment
_DEPTH = 5  # down to a message's schema and golden messages, which are a line each
_COMMAND = "python -m gscope_widgets.widgets.contract"
_TO_PAGE: dict[str, type] = {"ack": wire.Ack, "kept": wire.KeepAnswer}


def load_class(row: Row) -> type[GscopeWidget]:
    """The class of a row."""
    found: type[GscopeWidget] = getattr(import_module(f"gscope_widgets.{row.home}.{row.module}"), row.name)
    assert issubclass(found, GscopeWidget), row
    return found


def make_example(row: Row, engine: Engine, **changes: object) -> GscopeWidget:
    """The example of a row, answered by an engine of the row's kind."""
    make: Callable[..., GscopeWidget] = load_class(row)
    return make(**{row.engine: engine, **row.example, **changes})


def build_contract(make_engine: Callable[[Row], Engine]) -> Json:
    """The whole contract, as JSON has it. Each widget's golden messages are made on an engine of its own.

    Args:
        make_engine: gives a new one of the row's kind.
    """
    return {
        "version": __version__,
        "limits": LIMITS,
        "terms": _build_terms(),
        "widgets": {row.name: _build_widget(row, make_engine(row)) for row in CATALOGUE},
    }


def _build_terms() -> Json:
    """Of each term, examples of numbers, their totals and what is said of them."""
    return {
        name: [[value, total, define(name, value, total)] for value, total in term.examples]
        for name, term in TERMS.items()
    }


def _build_widget(row: Row, engine: Engine) -> Json:
    cls = load_class(row)
    golden = _make_golden(row, engine)
    return {
        "module": row.module,
        "title": row.title,
        "traits": {name: _build_trait(trait) for name, trait in sorted(cls.shared_traits().items())},
        "settings": list(cls.settings),
        "fixable": list(cls._fixable),
        **({"parts": list(row.parts)} if row.parts else {}),
        "to_page": {
            kind: {"schema": build_schema(message), "golden": golden[kind] if kind in golden else [_GOLDEN[kind]]}
            for kind, message in {**_TO_PAGE, **cls.to_page}.items()
        },
        "to_python": {
            kind: {
                "schema": build_schema(message),
                "golden": golden.get(kind, [{"type": kind, **row.sends.get(kind, {})}]),
            }
            for kind, message in {**TO_PYTHON, **cls.to_python}.items()
        },
    }


def _build_trait(trait: Shared) -> Json:
    accepts = getattr(trait, "accepts", None)
    built = {"writer": trait.writer, "default": trait.to_wire(trait.initial), "schema": trait.schema}
    return built if accepts in (None, trait.schema) else built | {"accepts": accepts}


def _make_golden(row: Row, engine: Engine) -> dict[str, list[Json]]:
    """Messages by kind: a widget is made from its example, changed by the page, and asked by a late view."""
    widget = make_example(row, engine)
    golden: dict[str, list[Json]] = {
        "again": [{"type": "again", "state": dict(row.change)}],
        "step": [{"type": "step", "choice": 0}],
        "pin": [{"type": "pin", "note": "fires on fish"}],
        "picture": [{"type": "picture", "format": one} for one in ("png", "svg")],
    }

    requests: list[int] = []

    def keep(content: Json, buffers: Iterable[bytes] = ()) -> None:
        if "request" in content:  # counted from the first: a first card that takes long on a busy machine is one more
            requests.append(content["request"])
            content = {**content, "request": content["request"] - requests[0]}
        packed = [base64.b64encode(one).decode() for one in buffers]
        shows = widget.shows() if content["type"] == row.result else []
        golden.setdefault(content["type"], []).append({"content": content, "buffers": packed, "shows": shows})

    def ask_again() -> None:
        widget.wait()
        widget.send = keep
        widget._receive(widget, {"type": "ready"}, [])
        widget.send = lambda *_arguments: None

    try:
        ask_again()
        widget.set_state(dict(row.change))
        if not row.asks:
            start = {"type": "start", "id": "start-1", "settings": dict(row.settings)}
            golden["start"], golden["stop"] = [start], [{"type": "stop", "id": "stop-2"}]
            widget._receive(widget, start, [])
        ask_again()
    finally:
        widget.close()
    return golden


# ---- TypeScript


def build_typescript() -> str:
    """The contract as TypeScript: every type under its Python name, and one interface of traits a widget."""
    classes = [load_class(row) for row in CATALOGUE]
    modules = list(dict.fromkeys([wire, exercise_wire, *(one for cls in classes for one in _list_modules(cls))]))
    aliases = {value: name for module in modules for name, value in vars(module).items() if _is_alias(name, value)}
    declared = [
        value
        for module in modules
        for value in vars(module).values()
        if is_typeddict(value) and value.__module__ == module.__name__
    ]
    parts = [f"/** Written by `{_COMMAND}`, not by hand. Writers of traits: [P] Python, [B,P] page and Python. */"]
    parts += [_write_interface(one, aliases) for one in declared]
    base = GscopeWidget.shared_traits()
    parts.append(_write_traits("BaseTraits", base, aliases))
    for cls in classes:
        own = {name: trait for name, trait in cls.shared_traits().items() if name not in base}
        parts.append(_write_traits(f"{cls.__name__}Traits extends BaseTraits", own, aliases))
    to_python = dict.fromkeys([*TO_PYTHON.values(), *(one for cls in classes for one in cls.to_python.values())])
    from_python = dict.fromkeys([*_TO_PAGE.values(), *(one for cls in classes for one in cls.to_page.values())])
    parts.append(f"export type ToPython = {' | '.join(one.__name__ for one in to_python)};")
    parts.append(f"export type FromPython = {' | '.join(one.__name__ for one in from_python)};")
    used = set(re.findall(r"\w+", " ".join(parts)))
    names = [f"export type {name} = {_write(value, {})};" for value, name in aliases.items() if name in used]
    parts[1:1] = names
    return "\n\n".join(parts) + "\n"


def _list_modules(cls: type[GscopeWidget]) -> Iterator[types.ModuleType]:
    """Where the types of a widget's traits and messages stand: its own file, and those of its messages."""
    for kind in (cls, *cls.to_page.values(), *cls.to_python.values()):
        yield sys.modules[kind.__module__]


def _is_alias(name: str, value: object) -> bool:
    return name[0].isupper() and name[1:2].islower() and get_origin(value) in (Literal, Union, types.UnionType)


def _write_interface(kind: Any, aliases: dict[Any, str]) -> str:
    comments = dict(_find_comments(getsource(kind)))
    lines = []
    for name, field in get_type_hints(kind, include_extras=True).items():
        optional = "" if name in kind.__required_keys__ else "?"
        lines += [*_write_comment(comments.get(name, "")), f"  {name}{optional}: {_write(field, aliases)};"]
    return "\n".join([f"/** {kind.__doc__} */", f"export interface {kind.__name__} {{", *lines, "}"])


def _find_comments(source: str) -> Iterator[tuple[str, str]]:
    """Fields of a class with the comment behind them, or on the lines before."""
    above: list[str] = []
    for line in source.splitlines():
        stripped = line.strip()
        if stripped.startswith("# "):
            above.append(stripped[2:])
        elif found := re.match(r"(\w+): [^#]*(?:# (.*))?$", stripped):
            yield found[1], " ".join(above) or found[2] or ""
            above = []


def _write_traits(head: str, traits: dict[str, Shared], aliases: dict[Any, str]) -> str:
    lines = []
    for name, trait in sorted(traits.items()):
        writer = "[P]" if trait.writer == "Python" else "[B,P]"
        lines += [*_write_comment(f"{writer} {trait.help}"), f"  {name}: {_write(trait.wire, aliases)};"]
    return "\n".join([f"export interface {head} {{", *lines, "}"])


def _write_comment(text: str) -> list[str]:
    if not text:
        return []
    lines, words = [""], text.split()
    for word in words:
        if len(lines[-1]) + len(word) > _WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [f"  /** {lines[0]} */"] if len(lines) == 1 else ["  /**", *(f"   * {line}" for line in lines), "   */"]


def _write(kind: Any, aliases: dict[Any, str]) -> str:
    plain = {str: "string", int: "number", float: "number", bool: "boolean", types.NoneType: "null", Any: "unknown"}
    if kind in plain:
        return plain[kind]
    if kind in aliases:
        return aliases[kind]
    if is_typeddict(kind):
        return str(kind.__name__)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Annotated, NotRequired):
        return _write(arguments[0], aliases)
    if origin is Literal:
        return " | ".join(json.dumps(one) for one in arguments)
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(_write(one, aliases) for one in arguments))
    if origin is list:
        inner = _write(arguments[0], aliases)
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    assert origin is dict, kind
    return f"Record<{_write(arguments[0], aliases)}, {_write(arguments[1], aliases)}>"


# ---- glossary


def build_glossary() -> str:
    """The terms as JavaScript: a constant each, so that a bundle carries no other than those it shows."""
    scaled = [_name_scale(name) for name, term in TERMS.items() if term.scale]
    head = f'import {{ {", ".join(scaled)} }} from "./scales.js";\n\n/** Written by `{_COMMAND}`, not by hand. */'
    return "\n\n".join([head, *map(_write_term, TERMS.values())]) + "\n"


def _write_term(term: Term) -> str:
    constant = re.sub(r"\W", "_", term.name.lower())
    fields = [f"name: {json.dumps(term.name)}", f"meaning: {json.dumps(term.sentence)}"]
    fields += [f"scale: {_name_scale(term.name)}"] if term.scale else []
    return "\n".join([f"export const {constant} = {{", *(f"  {one}," for one in fields), "};"])


def _name_scale(name: str) -> str:
    return "scale" + "".join(word[0].upper() + word[1:] for word in re.split(r"\W", name))


# ---- files


def write_json(contract: Json) -> str:
    """The contract as text, in lines such that a change shows itself where it is."""
    return f"{_lay_out(contract, depth=0)}\n"


def _lay_out(value: object, *, depth: int) -> str:
    if not isinstance(value, dict) or not value or depth == _DEPTH:
        return json.dumps(value, allow_nan=False)
    pad = "  " * (depth + 1)
    lines = [f"{pad}{json.dumps(name)}: {_lay_out(one, depth=depth + 1)}" for name, one in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"


def build_files(make_engine: Callable[[Row], Engine]) -> dict[str, str]:
    """What is written, by path from the repository's root."""
    return {
        "js/contract.json": write_json(build_contract(make_engine)),
        "js/src/shared/glossary.js": build_glossary(),
        "js/src/traits.d.ts": build_typescript(),
    }


def main() -> None:
    """Write the files."""
    root = Path(__file__).parent.parent.parent
    if not (root / "js" / "src").is_dir() or not (root / "tests" / "fake_scope.py").is_file():
        sys.exit(f"{root} is no source checkout: js/ and tests/ are not there")
    sys.path.insert(0, str(root))
    make_engine = import_module("tests.fake_engines").make_engine
    for name, text in build_files(make_engine).items():
        (root / name).write_text(text, encoding="utf-8")
        print(f"{name}: {len(text.encode()):,} bytes")


if __name__ == "__main__":
    main()
