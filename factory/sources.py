"""Which sources a measurement runs, and a fingerprint of them: when it changes, its claims are stale.

The rule: all modules of `factory` and of `gscope_widgets` that the measurement's module reaches by
imports, through other modules too, at the top of a file or inside a function, absolute or relative,
with the packages on the way. It is wider than what a number rests on, never narrower: a measurement
made once too often costs minutes, a stale claim is false. Imports under `if TYPE_CHECKING:` do not
run and do not count; neither do comments, docstrings and layout, which change no number. What runs
is not only source: weights and dictionaries stand in a step's inputs by their sha256, versions of
libraries in its record.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("factory", "gscope_widgets")


def digest_sources(module: str, *, root: Path = ROOT) -> str:
    """sha256 over what the sources say that a module reaches, in hexadecimal."""
    digest = hashlib.sha256()
    for name, path in sorted(find_sources(module, root=root).items()):
        digest.update(f"{name}\n{_outline(_parse(path))}\n".encode())
    return digest.hexdigest()


def find_sources(module: str, *, root: Path = ROOT) -> dict[str, Path]:
    """The files that a module reaches by imports, its own first, by dotted name.

    Args:
        module: dotted name of a module of `factory` or `gscope_widgets`.
        root: folder that holds both packages.

    Raises:
        ValueError: a module imports a name of `gscope_widgets` itself, which finds its home only
            when it is used; import it from the module where it is written.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        path = _find_file(name, root)
        if path is None:
            raise ValueError(f"{name} is no module of {' or '.join(PACKAGES)} in {root}")
        found[name] = path
        for wanted in _list_imports(_parse(path), name, is_package=path.name == "__init__.py"):
            if not wanted.startswith(tuple(f"{package}." for package in PACKAGES)):
                if wanted in PACKAGES:
                    waiting.append(wanted)
                continue
            parts = wanted.split(".")
            homes = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
            reached = [home for home in homes if _find_file(home, root)]
            if reached == ["gscope_widgets"]:
                raise ValueError(f"{name} imports {wanted}, whose home no import names; import it from there")
            waiting += reached
    return found


def _list_imports(tree: ast.AST, module: str, *, is_package: bool) -> Iterator[str]:
    """Dotted names that a module imports: modules, and names in modules, which may be modules too."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in _walk_running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = [*above, *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def _walk_running(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those of blocks that only type checkers read."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _find_file(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    files = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _outline(node) -> str:
    """A syntax tree as text, the same in every version of Python that parses it to the same tree.

    `ast.dump` is not: it leaves out empty fields in some versions and not in others.
    """
    if isinstance(node, list):
        return f"[{','.join(map(_outline, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Constant):
        return f"{type(node.value).__name__}:{node.value!r}"
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and (
        ast.get_docstring(node, clean=False) is not None
    ):
        fields["body"] = node.body[1:]
    kept = (f"{name}={_outline(value)}" for name, value in fields.items() if value not in (None, []))
    return f"{type(node).__name__}({','.join(kept)})"
