"""What GitHub leaves of a notebook's outputs, and what keeps it from showing one."""

import re
from typing import Any

import bleach
import nbformat

# Of what its sanitizer lets through, all that a copy may use; it drops scripts, styles and classes.
TAGS = frozenset(
    "a abbr b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li ol p pre q s samp small "
    "span strong sub summary sup table tbody td tfoot th thead tr ul var".split()
)
MOST_BYTES = 1_000_000  # of a notebook; larger ones are slow to come, or do not


def clean(html: str) -> str:
    """HTML as GitHub shows it: tags that it knows, with nothing to them."""
    return bleach.clean(html, tags=TAGS, attributes={}, strip=True)


def find_faults(notebook: Any) -> list[str]:
    """What GitHub would not show, or not as it is: of a notebook as `nbformat` reads it."""
    faults = ["the notebook is not valid"] * (not nbformat.validator.isvalid(notebook))
    if "state" not in notebook.metadata.get("widgets", {"state": {}}):
        faults.append("metadata.widgets without a state")  # "Invalid Notebook" (colabtools#5288)
    if len(nbformat.writes(notebook).encode()) > MOST_BYTES:
        faults.append("the notebook is too large")
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            html = "".join(output.get("data", {}).get("text/html", ""))
            faults += [f"<{tag}> in an output" for tag in sorted(set(re.findall(r"<([a-z]\w*)", html)) - TAGS)]
    return faults
