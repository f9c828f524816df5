"""`results.json` and `RESULTS.md`."""

import json
from dataclasses import asdict
from pathlib import Path

from tests.bench.rows import Row
from tests.bench.timing import Spread

COMMAND = ".venv-bench/bin/python -m tests.bench"
_HEAD = """# Measured against the peers

T1 to T18 are the project's targets of speed and memory. Ours and the peer ran in one run and by turns, with the same
weights, inputs and threads; where their outputs differ there is no ratio. Weights are random, at the shapes of
Gemma 3 1B, and of 270M in T9 to T11. A ratio is one of medians; in brackets are the extremes of single turns. `told`
is a figure beside the targets, of which nothing is asked. Made by `{command}`; `results.json` has the same in figures.

{machine}

| target | case | of what | must | found (lowest to highest) | verdict |
|---|---|---|---|---|---|
"""


def write_report(
    folder: Path,
    rows: list[Row],
    *,
    machine: dict,
    plan: dict,
    name: str = "results",
    head: str = _HEAD,
    command: str = COMMAND,
) -> None:
    """Writes both files into a folder."""
    content = {"command": command, "machine": machine, "plan": plan, "rows": [_to_json(row) for row in rows]}
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = render_report(rows, machine=machine, head=head, command=command)
    (folder / f"{name.upper()}.md").write_text(text, encoding="utf-8")


def render_report(rows: list[Row], *, machine: dict, head: str = _HEAD, command: str = COMMAND) -> str:
    """The report as Markdown."""
    lines = [head.format(command=command, machine=_describe(machine))]
    lines += [_render_row(row) + "\n" for row in rows]
    lines.append("\n## What each ratio is of, and what was compared\n\n")
    for row in rows:
        sides = "; ".join(f"{name} {_render(spread, row.unit)}" for name, spread in row.sides.items())
        told = ". ".join(part[:1].upper() + part[1:] for part in (row.equality.text, row.note) if part)
        lines.append(f"- {row.target}, {row.case}: {sides}. {told}.\n")
    return "".join(lines)


def _render_row(row: Row) -> str:
    found = _render(row.found, "") if row.equality.holds else "–"
    return f"| {row.target} | {row.case} | {row.measure} | {row.must} | {found} | {row.verdict} |"


def _render(spread: Spread, unit: str) -> str:
    text = f"{_round(spread.median)} ({_round(spread.low)}–{_round(spread.high)})"
    return f"{text} {unit}".strip()


def _round(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _describe(machine: dict) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"Machine: {machine['cpu']}; {machine['cores']} cores, {machine['memory_gib']} GiB; {machine['system']}; "
        f"{machine['threads']} threads; torch kernels {machine['torch_kernels']}; flags {machine['cpu_flags']}. "
        f"Load before the run: {machine['load_before']}. Python {machine['python']}; {versions}; "
        f"commit {machine['commit']}."
    )


def _to_json(row: Row) -> dict:
    content = asdict(row) | {"must": row.must, "verdict": row.verdict}
    if not row.equality.holds:
        content["found"] = None
    return content
