"""Presets: changes by name, kept, made again, written to a file, and refused where they mean something else."""

import json
import math

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.widgets.base.limits import PRESET_NAME, PRESETS
from tests.fake_model import D_MODEL
from tests.fake_scope import FakeScope

TEXT = "The old fisherman sold two fish"
OTHER = "On Monday the children sang"


@pytest.fixture
def direction():
    return gs.Direction("resid_post", 3, np.arange(1, D_MODEL + 1) / 7, "uphill")


@pytest.fixture
def mixed(dictionary, direction, scope):
    early = scope.dictionary(layer=1)
    return [gs.add(dictionary.feature(3), 0.5), gs.clamp(early.feature(4), 12.0), gs.add(direction, -0.2)]


@pytest.fixture(params=["FeatureSliders", "SteeringPanel"])
def page(request, scope, open_page):
    return open_page(getattr(gs, request.param)(scope, TEXT, features=[3]))


def set_text(widget, text):
    setattr(widget, "prompt" if isinstance(widget, gs.SteeringPanel) else "text", text)


def test_a_preset_keeps_changes_and_makes_them_again(page, mixed, direction):
    widget = page.widget
    widget.interventions = mixed
    widget.presets = {"mixed": widget.changes, "none": []}
    widget.interventions = mixed[:1]
    assert list(widget.presets) == ["mixed", "none"]
    widget.changes = widget.presets["mixed"]
    assert widget.interventions == tuple(mixed)
    widget.presets = widget.presets | {"one": mixed[:1]}
    assert list(widget.presets) == ["mixed", "none", "one"]
    with pytest.raises(TypeError):
        widget.presets["more"] = mixed  # which would be lost without a word
    assert direction in widget.directions
    widget.directions = []
    widget.presets = {"mixed": mixed}
    assert direction in widget.directions  # what a preset adds is at hand


def test_the_page_saves_and_applies_what_it_is_told(page, mixed, scope):
    widget = page.widget
    widget.interventions = mixed
    widget.wait()
    told = widget.get_state(["changes"])["changes"]
    page.set(presets=[{"name": " mixed ", "changes": told}])
    assert page.settle()["state"] == "idle"
    assert widget.presets["mixed"] == widget.changes
    widget.interventions = []
    page.set(changes=widget.get_state(["presets"])["presets"][0]["changes"])
    assert page.settle()["state"] == "idle"
    assert widget.interventions == tuple(mixed)


def test_a_preset_outlives_its_text_and_its_range_is_told_when_it_is_applied(page, dictionary):
    widget = page.widget
    painted = gs.clamp(dictionary.feature(3), 9.0, positions=slice(2, 4))
    widget.interventions = [painted]
    widget.presets = {"painted": widget.changes}
    words = widget.presets["painted"][0].painted
    widget.interventions = []
    set_text(widget, OTHER)
    assert widget.presets["painted"][0].intervention == painted
    widget.changes = widget.presets["painted"]
    assert widget.interventions == (gs.clamp(dictionary.feature(3), 9.0),)
    assert words.strip() in widget.notice
    set_text(widget, TEXT)
    widget.changes = widget.presets["painted"]
    assert widget.interventions == (painted,)
    assert widget.notice == ""


def test_what_is_no_preset_is_refused_in_a_sentence_and_nothing_is_lost(page, dictionary):
    widget, three = page.widget, dictionary.feature(3)
    widget.presets = {"good": [gs.add(three, 0.5)]}
    before, changes = widget.presets, widget.changes

    def tell(amount, **more):
        told = {"ref": 3, "kind": "add", "amount": amount, "unit": "fraction", "positions": "all", "on": True}
        return [{"name": "new", "changes": [{**told, **more}]}]

    wrong = [
        (5, "presets are changes by name"),
        ({"": []}, f"a preset's name has 1 to {PRESET_NAME} characters"),
        ({"x" * (PRESET_NAME + 1): []}, f"a preset's name has 1 to {PRESET_NAME} characters"),
        ({"a": [], " a": []}, "two presets are called 'a'"),
        ({str(one): [] for one in range(PRESETS + 1)}, f"at most {PRESETS} presets, got {PRESETS + 1}"),
        ({"new": "add"}, "the preset 'new': changes is a list"),
        ({"new": [gs.clamp(three, 2.0), gs.ablate(three)]}, "the preset 'new': .* both set"),
        ({"new": [gs.add(three, 0.5, positions=slice(3, 500))]}, r"the preset 'new': .* tokens"),
        (tell(math.nan), "strength must be a finite number"),
        (tell(1e30), "strength must be a finite number from -100 to 100, got 1e"),
        (tell(0.5, ref=10**6), "feature"),
        (tell(0.5, ref="direction-0"), "no direction of this widget"),
    ]
    for value, words in wrong:
        with pytest.raises(gs.GscopeError, match=words):
            widget.presets = value
        if isinstance(value, list):
            page.set(presets=value)
            assert page.settle()["state"] == "error"
        assert widget.presets == before
        assert widget.changes == changes


# ---- files


def test_a_file_brings_presets_to_another_widget_to_the_bit(page, mixed, tmp_path, open_page):
    page.widget.presets = {"mixed": mixed, "painted": [gs.add(mixed[0].ref, 0.1, positions=slice(2, 4))]}
    path = tmp_path / "presets.json"
    page.widget.save_presets(path)
    fresh = FakeScope()  # on which no dictionary is open yet
    for kind in (gs.FeatureSliders, gs.SteeringPanel):
        other = open_page(kind(fresh, OTHER, features=[9])).widget
        other.presets = {"own": [gs.add(other.features[0], 0.3)], "mixed": []}
        assert other.load_presets(path) == ("mixed", "painted")
        assert list(other.presets) == ["own", "mixed", "painted"]
        assert [one.intervention for one in other.presets["mixed"]] == mixed
        assert other.features[0].feature == 9  # nothing is changed before one is applied
        other.changes = other.presets["mixed"]
        assert other.interventions == tuple(mixed)
        other.wait()
        assert other.status["state"] == "idle"
    page.widget.save_presets(path)  # over one of its own kind
    assert json.loads(path.read_text())["model"] == page.widget.scope.info.id


def test_a_kept_view_has_its_presets_too(page, mixed, tmp_path, scope):
    page.widget.presets = {"mixed": mixed}
    if isinstance(page.widget, gs.SteeringPanel):
        page.widget.max_new_tokens = 2
        page.widget.start()
    page.widget.save(tmp_path / "view.json")
    again = gs.open(tmp_path / "view.json", FakeScope())
    assert [one.intervention for one in again.presets["mixed"]] == mixed
    again.close()


def spoil(path, **changes):
    content = json.loads(path.read_text())
    content.update(changes)
    path.write_text(json.dumps(content))


def test_files_that_are_none_are_refused_in_a_sentence_and_nothing_is_lost(page, mixed, tmp_path):
    widget = page.widget
    widget.presets = {"mixed": mixed}
    before = widget.presets
    path = tmp_path / "presets.json"
    widget.save_presets(path)
    whole = path.read_text()
    content = json.loads(whole)
    home = content["dictionaries"][0]
    far = {**home, "dictionary_id": "fake/elsewhere"}
    there = {**content["presets"][0]["changes"][0], "ref": {"dictionary_id": "fake/elsewhere", "feature": 3}}
    nan = whole.replace('"amount": 0.5', '"amount": NaN')
    assert nan != whole
    cases = [
        (lambda: spoil(path, model="gemma-3-27b"), gs.InvalidValue, "presets for 'gemma-3-27b', this widget is of"),
        (lambda: spoil(path, version=2), gs.BadArtefact, "version 2, this package reads version 1"),
        (lambda: spoil(path, presets=5), gs.BadArtefact, "presets must be a list, got 5"),
        (lambda: spoil(path, presets=[{"name": "x", "changes": [there]}]), gs.UnknownDictionary, "elsewhere"),
        (
            lambda: spoil(path, dictionaries=[far], presets=[{"name": "x", "changes": [there]}]),
            gs.UnknownDictionary,
            "shows features of 'fake/elsewhere', this scope has",
        ),
        (
            lambda: spoil(
                path,
                dictionaries=[{**far, "wishes": {"path": "/etc"}}],
                presets=[{"name": "x", "changes": [there]}],
            ),
            gs.InvalidValue,
            "names a dictionary at '/etc', which a file does not open by itself",
        ),
        (
            lambda: spoil(path, presets=[{"name": "x", "changes": [{**there, "ref": 3}]}]),
            gs.BadArtefact,
            "feature 3 of no dictionary",
        ),
        (
            lambda: spoil(path, presets=[{"name": "x", "changes": [{**there, "ref": "direction-0"}]}]),
            gs.InvalidValue,
            "no direction of this widget",
        ),
        (lambda: path.write_text(whole[:200]), gs.BadArtefact, "cut short or damaged"),
        (lambda: path.write_text(nan), gs.BadArtefact, "cut short or damaged"),
        (lambda: path.write_text("[" * 100_000), gs.BadArtefact, "not a file of presets"),
        (lambda: path.write_text("{}"), gs.BadArtefact, "JSON of another kind"),
        (lambda: path.write_bytes(b"\x89PNG\r\n\x1a\n" * 3), gs.BadArtefact, "not a file of presets"),
        (lambda: path.write_text(" " * 6_000_000), gs.BadArtefact, "it is not read"),
        (path.unlink, gs.InvalidValue, "there is no file"),
    ]
    for make, error, words in cases:
        path.write_text(whole)
        make()
        with pytest.raises(error, match=words) as raised:
            widget.load_presets(path)
        assert "\n" not in str(raised.value)
        assert widget.presets == before
    path.write_text(whole)
    assert widget.load_presets(path) == ("mixed",)  # the control: as it was, it is read


def test_a_number_out_of_range_in_a_file_is_refused(page, mixed, tmp_path):
    page.widget.presets = {"mixed": mixed}
    before = page.widget.presets
    path = tmp_path / "presets.json"
    page.widget.save_presets(path)
    path.write_text(path.read_text().replace('"amount": 0.5', '"amount": 1e30'))
    with pytest.raises(gs.InvalidValue, match="the preset 'mixed': strength must be a finite number from -100 to 100"):
        page.widget.load_presets(path)
    assert page.widget.presets == before


def test_files_are_written_over_nothing_else(page, mixed, tmp_path):
    other = tmp_path / "notes.json"
    other.write_text("mine")
    with pytest.raises(gs.InvalidValue, match="there are no presets to write"):
        page.widget.save_presets(tmp_path / "presets.json")
    page.widget.presets = {"mixed": mixed}
    with pytest.raises(gs.InvalidValue, match="is there already and is no file of presets"):
        page.widget.save_presets(other)
    assert other.read_text() == "mine"
    with pytest.raises(gs.InvalidValue, match="there is no folder"):
        page.widget.save_presets(tmp_path / "nowhere" / "presets.json")


def test_directions_are_handed_in_by_name_and_from_files(scope, direction, tmp_path, open_page):
    gs.save_direction(tmp_path / "uphill.safetensors", direction, scope)
    read = gs.load_direction(tmp_path / "uphill.safetensors", scope)
    for kind in (gs.FeatureSliders, gs.SteeringPanel):
        page = open_page(kind(scope, TEXT, features=[3], directions=[read]))
        (told,) = page.widget.get_state(["directions"])["directions"]
        assert told["name"] == "uphill"
        page.widget.wait()
        change = {"ref": told["id"], "kind": "add", "amount": 0.4, "unit": "fraction", "positions": "all", "on": True}
        page.set(changes=[change])
        assert page.settle()["state"] == "idle"
        assert page.widget.interventions == (gs.add(direction, 0.4),)
        with pytest.raises(gs.InvalidValue, match="a direction comes from scope.direction"):
            kind(scope, TEXT, features=[3], directions=[3])
