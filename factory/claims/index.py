"""The list of claims in `docs/claims.md`, from the claims that ship and the sources that measure them."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from gscope_widgets.mini.claim import Claim

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"
# What a metric leaves unsaid, by claim.
_NOTES = {
    "T4b": "To the rate of every pair is added half a token, as a share of the tokens of all the pairs' children: "
    "without this floor a rate of 0 has no ratio. Where both rates are 0 the ratio is that of the floor to itself, and "
    "says nothing."
}
_LIST = re.compile(r"(<!-- list of claims -->\n).*(<!-- end of list -->)", re.DOTALL)


def find_modules(folder: Path = Path(__file__).parent) -> dict[str, str]:
    """Which file measures each claim, relative to `folder`: where a `Claim(id="...")` is written."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Claim":
                given = {one.arg: one.value for one in node.keywords}
                if isinstance(given.get("id"), ast.Constant):
                    found[given["id"].value] = path.relative_to(folder).as_posix()
    return found


def list_claims(claims: Mapping[str, Claim], modules: Mapping[str, str]) -> str:
    """Every claim as Markdown: its sentence, number, interval, control and threshold, and where it is measured."""
    return "\n".join(_describe(one, modules[one.id]) for one in claims.values())


def insert_list(page: str, listed: str) -> str:
    """The page with its list of claims replaced.

    Raises:
        ValueError: the page has no place for the list.
    """
    if not _LIST.search(page):
        raise ValueError("the page needs the lines <!-- list of claims --> and <!-- end of list -->")
    return _LIST.sub(lambda found: f"{found[1]}{listed}{found[2]}", page)


def _describe(claim: Claim, module: str) -> str:
    interval = "no interval" if claim.interval is None else "95 %: {:.4g} to {:.4g}".format(*claim.interval)
    controls = "; ".join(_name_numbers(claim.control)) or "none is needed"
    note = f"{_NOTES[claim.id]}\n" if claim.id in _NOTES else ""
    verdict = "holds" if claim.passed else "**missed**"
    return (
        f"**{claim.id}** ({verdict}). {claim.claim[0].upper()}{claim.claim[1:].rstrip('.')}.\n"
        f"{claim.value:.4g} ({interval}; n = {claim.n}): {claim.metric}.\n"
        f"{note}"
        f"Threshold: {claim.threshold}.\n"
        f"Control: {controls}.\n"
        f"Measured in [`{module}`](../factory/claims/{module}).\n"
    )


def _name_numbers(control: Mapping[str, object]) -> list[str]:
    """Each number of a control with its name; of a nested one, that there is more in the file."""
    shown = []
    for name, value in control.items():
        words = name.replace("_", " ")
        if isinstance(value, (int, float)):
            shown.append(f"{words} {value:.4g}")
        else:
            shown.append(f"{words}: see the file")
    return shown
