"""Walks through graphs on mini, beside the code that measured the claim about them (T7)."""

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from factory.claims.circuits.attribution import attribute, measure_paths, prune, trace_prompts
from factory.training.artefact import load_members
from gscope_widgets.mini import DICTIONARIES

TEXTS = [document.text for document in gs.mini.texts()[:40:10]]


def read_members(kind):
    root = DICTIONARIES["mini"]
    if kind == "clt":
        return load_members(root / "clt" / "width_2k_l0_medium")
    folder, ends = root / "transcoder_all", "_affine" if kind == "affine" else ""
    return [load_members(folder / f"layer_{layer}_width_512_l0_small{ends}")[0] for layer in range(8)]


def choose(scope, kind):
    if kind == "clt":
        return scope.dictionary("clt")
    return [scope.dictionary("transcoder_all", layer=layer, affine=kind == "affine") for layer in range(8)]


@pytest.mark.row("10")
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_lengths_are_those_that_the_claim_was_measured_by(scope, plain_mini, text):
    ids = list(scope.tokens(text).ids[:24])
    [trace] = trace_prompts(plain_mini, torch.tensor([ids]))
    found, expected = {}, {}
    for kind in ("clt", "plain", "affine"):
        theirs = attribute(plain_mini, trace, read_members(kind))
        ours = gs.circuit(scope, ids, dictionaries=choose(scope, kind), target=trace.top)
        found[kind], expected[kind] = (ours, ours.walks()), (theirs, measure_paths(theirs))
        assert found[kind][1].explained == pytest.approx(expected[kind][1].explained, abs=1e-4)
        assert found[kind][1].length == pytest.approx(expected[kind][1].length, abs=1e-3)
    least = min(walks.explained for _, walks in found.values())
    for kind, (graph, walks) in found.items():
        if walks.explained > least:
            matched, paths = graph.walks(explained=least), prune(expected[kind][0], explained=least)
            assert matched.length == pytest.approx(paths.length, abs=0.01)
            assert matched.features < walks.features
    assert np.ptp([walks.length for _, walks in found.values()]) > 0.02  # they are told apart
