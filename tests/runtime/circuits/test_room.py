"""What a graph is told to take beside what it takes, in a process of its own."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.records.circuits import FEATURE
from gscope_widgets.runtime.circuits import building, changing, heads, room

ROOT = Path(__file__).parents[3]
TOKENS = 200
UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
needs_peak = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is read off Linux' /proc")


def trace(scope, kind, most, tokens=TOKENS):
    """A graph of random tokens, on which many features fire."""
    prompt = [2, *np.random.default_rng(1).integers(10, 4000, tokens - 1).tolist()]
    one_layer = [scope.dictionary("transcoder_all", layer=layer) for layer in range(scope.info.layers)]
    given = scope.dictionary("clt") if kind == "clt" else one_layer
    return gs.circuit(scope, prompt, dictionaries=given, max_features=most, show=False)


def refuse(scope, monkeypatch, kind, most, free=1):
    """What is told where so many bytes are free, of which the pass is let through."""
    with monkeypatch.context() as patched, pytest.raises(gs.OutOfMemory) as told:
        patched.setattr(building, "require_room_for_pass", lambda *_: None)
        patched.setattr(room, "find_free", lambda _device: free)
        trace(scope, kind, most)
    return str(told.value)


def read_bytes(told):
    number, unit = re.search(r"would take ([\d.]+) (\w+)", told).groups()
    return float(number) * UNITS[unit]


@needs_peak
@pytest.mark.parametrize(("kind", "most"), [("clt", 10), ("plain", 1000)])
def test_what_is_told_is_what_is_taken_within_a_factor_of_two(kind, most):
    command = [sys.executable, "-m", "tests.runtime.circuits.test_room", kind, str(most)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=200)
    told, taken = json.loads(done.stdout.splitlines()[-1])
    assert told / 2 < taken < 2 * told  # the C library keeps some of what was let go


def test_a_graph_that_would_not_fit_is_refused_before_it_is_made_and_told_what_fits(scope, monkeypatch):
    monkeypatch.setattr(building, "replace_mlps", None)  # not reached
    free = 200_000_000
    told = refuse(scope, monkeypatch, "plain", 1000, free)
    assert re.search(r"a graph of 1000 of the \d{4} features .* 200.0 MB are free", told)
    most = int(re.search(r"give max_features=(\d+) or a shorter text", told)[1])
    assert 100 < most < 1000
    monkeypatch.undo()
    assert str(most) in refuse(scope, monkeypatch, "plain", most + 1, free)
    monkeypatch.setattr(room, "find_free", lambda _device: free)
    graph = trace(scope, "plain", most)
    assert (graph.kinds == FEATURE).sum() == most


def test_where_no_number_of_nodes_fits_a_shorter_text_is_advised(scope, monkeypatch):
    told = refuse(scope, monkeypatch, "clt", 10, 30_000_000)
    assert "max_features" not in told and told.endswith("give a shorter text or dictionaries of a smaller l0")


def test_a_text_whose_attention_would_not_fit_is_refused_before_its_pass(scope, monkeypatch):
    monkeypatch.setattr(building, "freeze", None)  # not reached
    monkeypatch.setattr(room, "find_free", lambda _device: 10_000_000)
    with pytest.raises(gs.OutOfMemory, match="attention patterns of 200 tokens .* would take 10.2 MB"):
        trace(scope, "plain", 10)


@pytest.mark.parametrize("module", [changing, heads])
def test_so_are_a_change_of_it_and_its_heads(scope, monkeypatch, module):
    graph = trace(scope, "plain", 10)
    node = int(np.flatnonzero(graph.kinds == FEATURE)[-1])
    monkeypatch.setattr(module, "freeze", None)  # not reached
    monkeypatch.setattr(room, "find_free", lambda _device: 10_000_000)
    with pytest.raises(gs.OutOfMemory, match="attention patterns of 200 tokens .* would take 10.2 MB"):
        if module is changing:
            gs.change_circuit(scope, graph, [node])
        else:
            gs.circuit_heads(scope, graph, len(graph) - 1, node)


def _main():
    from tests.bench.memory import _read_status

    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("most", type=int)
    asked = parser.parse_args()
    scope, start = gs.load("mini"), []
    trace(scope, asked.kind, 1, tokens=8)  # what is loaded at first

    def begin(_device):
        if not start:
            Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM to VmRSS
            start.append(_read_status("VmRSS"))

    with pytest.MonkeyPatch.context() as patched:
        told = read_bytes(refuse(scope, patched, asked.kind, asked.most))
        patched.setattr(building, "require_room_for_pass", lambda *_: None)
        patched.setattr(room, "find_free", begin)
        trace(scope, asked.kind, asked.most)
    print(json.dumps([told, 1e6 * (_read_status("VmHWM") - start[0])]))


if __name__ == "__main__":
    _main()
