"""Attribution graphs as the JSON that circuit-tracer and Neuronpedia read and write."""

import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from gscope_widgets.errors import BadArtefact, InvalidValue, KeptWarning, describe_value, write_bytes, write_name
from gscope_widgets.keeping.circuit_reading import MOST_NODES, read_json
from gscope_widgets.keeping.circuit_writing import build_json
from gscope_widgets.recordings.container import as_path, check_free, refuse_constant, refuse_twins, write_whole
from gscope_widgets.records.circuits import AttributionGraph

MOST_BYTES = 100_000_000  # that Neuronpedia takes
_EXAMPLE = "graph.json"
_ADVICE = "get it again from where it was made"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_EDGE_BYTES = 48  # of an edge in a file, at least: its punctuation, two ids and a weight
_SMALLER = "which is what readers take: prune it first, graph.prune() (in a shell --prune)"


def save_circuit(path: str | os.PathLike[str], graph: AttributionGraph, *, slug: str | None = None) -> None:
    """Write a graph as one JSON file, which Neuronpedia's and circuit-tracer's viewers open.

    Nodes have the ids, types and layers of circuit-tracer's files (an error is `{layer}_-1_{pos}`), `influence` is the
    cumulative share, smaller for more important. Viewers show all nodes and prune by a slider: `node_threshold` is 1. A
    Gemma, and its transcoders where Neuronpedia is known to have them, are named as there. circuit-tracer's server also
    wants a `graph-metadata.json`, of which docs/circuits.md tells. Pins and groups go along as `qParams`. What only
    this package knows stands apart, so that `gs.load_circuit` gives the same graph again. Prune a large graph first:
    viewers are made for some hundred nodes.

    Args:
        path: such as "graph.json", in a folder that there is; only over another graph.
        graph: of next tokens. A difference or a feature has no place in the format, where every target is a token's
            logit, known by the token's number. `gs.CircuitGraph(...).save` and recordings keep such graphs.
        slug: the graph's name, of letters, digits, ".", "_" and "-"; None for one made of the prompt.

    Raises:
        InvalidValue, DiskFull: it is no graph of tokens, or above 10,000 nodes or 100 MB; it cannot be written there.
    """
    if not isinstance(graph, AttributionGraph):
        raise InvalidValue(f"a circuit comes from gs.circuit(...), got {describe_value(graph)}")
    if len(graph) > MOST_NODES:
        raise InvalidValue(f"the graph has {len(graph):,} nodes, above {MOST_NODES:,}, {_SMALLER}")
    edges = int(np.count_nonzero(graph.weights))
    if _EDGE_BYTES * edges > MOST_BYTES:  # told at once, where the file itself would take its time
        raise InvalidValue(f"a file of {edges:,} edges would be larger than {write_bytes(MOST_BYTES)}, {_SMALLER}")
    content = json.dumps(build_json(graph, slug=slug), allow_nan=False, separators=(",", ":")).encode()
    if len(content) > MOST_BYTES:
        raise InvalidValue(
            f"the graph takes {write_bytes(len(content))} of at most {write_bytes(MOST_BYTES)}, {_SMALLER}"
        )
    place = check_graph_place(path)
    write_whole(place, lambda unfinished: Path(unfinished).write_bytes(content), size=len(content))


def check_graph_place(path: str | os.PathLike[str]) -> Path:
    """Where a graph can be written: in a folder that there is, over nothing that is no graph.

    Raises:
        InvalidValue: it cannot.
    """
    return check_free(as_path(path, example=_EXAMPLE), is_ours=_is_graph, kind="circuit")


def load_circuit(path: str | os.PathLike[str]) -> AttributionGraph:
    """A graph out of a JSON file of this package, circuit-tracer or Neuronpedia.

    Of a file from elsewhere, what edges add up to is not known: `values` are then the sums of the edges in the file,
    and its scores are those of the part that was written. A bias node becomes `remainder`; nodes of attention are read
    as an MLP's, which a `KeptWarning` tells. The model's depth is what the answers' layer says. A file of ours gives
    the graph as it was saved.

    A file of ours that was changed by hand is read as it now stands. Where edges or sums of a node do not add up to
    its value, the difference goes into `left_out`. That, and each pin or group that cannot be kept, is told in one
    such warning. Early files do not say by how much rounding had the two differ: of those, up to a tenth of the
    largest value is taken for rounding.

    Args:
        path: at most 100 MB and 10,000 nodes. Files that need unpickling (`.pt`) are refused.

    Raises:
        InvalidValue: no such file.
        BadArtefact: no graph, cut short, too large, an edge that goes backwards or is no finite number.
    """
    place = as_path(path, example=_EXAMPLE)
    try:
        is_there, is_folder = place.is_file(), place.is_dir()
    except (OSError, ValueError):  # a name that no file can have
        is_there = is_folder = False
    if is_folder:
        raise InvalidValue(
            f"{write_name(place)} is a folder; give the graph's file in it, such as {write_name(place / _EXAMPLE)}"
        )
    if not is_there:
        raise InvalidValue(
            f"there is no file {write_name(place)}; gs.save_circuit({describe_value(str(path), limit=200)}, graph) "
            "makes one"
        )
    shown, size = write_name(place), place.stat().st_size
    if size > MOST_BYTES:
        raise BadArtefact(f"{shown} has {write_bytes(size)}, a graph at most {write_bytes(MOST_BYTES)}; it is not read")
    try:
        graph, told = read_json(_parse(place.read_bytes()))
    except BadArtefact as error:
        raise BadArtefact(f"{shown} is no graph: {error}; {_ADVICE}") from None
    if told:
        warnings.warn(
            f"not all of {shown} could be read as it stands there: {'; '.join(told)}", KeptWarning, stacklevel=2
        )
    return graph


def _parse(content: bytes) -> Any:
    try:
        found = json.loads(content, parse_constant=refuse_constant, object_pairs_hook=refuse_twins)
        return _mend_texts(found) if _SURROGATE.search(content) else found
    except json.JSONDecodeError as error:
        raise BadArtefact(f"its JSON breaks off or is none: {error}") from None
    except UnicodeDecodeError:
        raise BadArtefact("it is no text") from None
    except RecursionError:
        raise BadArtefact("its parts lie within one another too deeply") from None
    except ValueError as error:  # of ours, or a number of too many digits
        raise BadArtefact(str(error)[:200]) from None


def _mend_texts(told: Any) -> Any:
    """The same data, half characters in its texts replaced by U+FFFD: no page takes them."""
    if isinstance(told, str):
        return told.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(told, list):
        return [_mend_texts(one) for one in told]
    if isinstance(told, dict):
        return {_mend_texts(name): _mend_texts(one) for name, one in told.items()}
    return told


def _is_graph(place: Path) -> bool:
    """Whether a file is a graph of this package or of circuit-tracer: what is there to be written over."""
    try:
        if place.stat().st_size > MOST_BYTES:
            return False
        content = json.loads(place.read_bytes())
        return {"metadata", "qParams", "nodes", "links"} <= set(content)
    except (OSError, ValueError, TypeError, RecursionError):
        return False
