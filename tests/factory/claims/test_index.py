"""The list of claims in the documentation is that of the claims that ship, and the index names where each is measured."""

import dataclasses
import re

import pytest

import factory.claims
from factory.claims.index import PAGE, find_modules, insert_list, list_claims
from gscope_widgets.mini import claims


def test_every_claim_that_ships_has_one_module_that_measures_it():
    assert set(find_modules()) == set(claims())


def test_the_index_of_the_package_names_the_module_of_every_claim():
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", factory.claims.__doc__, re.MULTILINE)
    named = {}
    for ids, where in rows[1:]:
        folder, _, files = where.partition(":")
        for name in ids.split(", "):
            named[name] = [f"{folder.strip('`/ ')}/{file}.py" for file in re.findall(r"`(\w+)`", files)]
    modules = find_modules()
    assert set(named) == set(modules)
    assert [name for name, module in modules.items() if module not in named[name]] == []


def test_the_page_lists_the_claims_as_they_ship():
    page = PAGE.read_text(encoding="utf-8")
    assert insert_list(page, list_claims(claims(), find_modules())) == page, "run python -m factory.claims"


@pytest.mark.parametrize("change", [{"value": 1.5}, {"passed": False}, {"claim": "other"}, {"control": {"none": 0.1}}])
def test_a_changed_claim_makes_the_page_stale(change):
    page = PAGE.read_text(encoding="utf-8")
    changed = claims() | {"T3b": dataclasses.replace(claims()["T3b"], **change)}
    assert insert_list(page, list_claims(changed, find_modules())) != page


def test_a_claim_is_shown_with_its_numbers():
    claim = dataclasses.replace(
        claims()["T3b"], claim="it works", value=0.51234, interval=None, control={"at_random": 0.25}, passed=False
    )
    shown = list_claims({"T3b": claim}, {"T3b": "detection/detectors.py"})
    for part in ("(**missed**). It works.", "0.5123 (no interval;", "at random 0.25", "(../factory/claims/detection/"):
        assert part in shown


def test_a_page_without_a_place_for_the_list_is_refused():
    with pytest.raises(ValueError, match="list of claims"):
        insert_list("# Claims", "")
