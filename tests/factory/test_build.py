"""The driver of the build: each step once, and again when something it rests on has changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from factory.__main__ import main
from factory.build import Build, Step
from factory.training import family
from factory.training.artefact import weight_files
from gscope_widgets.mini import SUMS


class TwoSteps:
    """Two steps, the second resting on the first, and how often each was done."""

    def __init__(self, folder: Path):
        self.folder, self.done, self.setting = folder, [], 1
        self.fails = False

    def run(self) -> list[str]:
        self.done.clear()
        build = Build(self.folder)
        first = Step("first", lambda: {"setting": self.setting}, lambda: [self.write("first.txt", str(self.setting))])
        second = Step("second", lambda: {"made": build.find_made(["first"])}, self.make_second)
        build.make([first, second])
        return list(self.done)

    def make_second(self):
        if self.fails:
            raise KeyboardInterrupt
        return [self.write("second.txt", (self.folder / "first.txt").read_text() + "!")]

    def write(self, name: str, text: str) -> Path:
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)
        self.done.append(name.removesuffix(".txt"))
        return self.folder / name


@pytest.fixture
def two_steps(tmp_path) -> TwoSteps:
    return TwoSteps(tmp_path / "out")


def test_finished_steps_are_not_done_again(two_steps):
    assert two_steps.run() == ["first", "second"]
    assert two_steps.run() == []


def test_a_changed_input_redoes_the_step_and_what_rests_on_it(two_steps):
    two_steps.run()
    two_steps.setting = 2
    assert two_steps.run() == ["first", "second"]
    assert (two_steps.folder / "second.txt").read_text() == "2!"


@pytest.mark.parametrize("damage", [lambda path: path.write_text("9"), lambda path: path.unlink()])
def test_an_altered_or_missing_file_is_made_again(two_steps, damage):
    two_steps.run()
    damage(two_steps.folder / "first.txt")
    assert two_steps.run() == ["first"]
    assert (two_steps.folder / "first.txt").read_text() == "1"


def test_a_run_killed_in_a_step_goes_on_with_that_step(two_steps):
    two_steps.fails = True
    with pytest.raises(KeyboardInterrupt):
        two_steps.run()
    two_steps.fails = False
    assert two_steps.run() == ["second"]


def test_steps_name_every_dictionary_once_and_in_an_order_that_finds_what_it_needs(tmp_path):
    names = [step.name for step in Build(tmp_path).training_steps()]
    assert len(set(names)) == len(names)
    for recipe in family.list_family()[family.CHAT]:
        needed = f"{family.PRETRAINED}/{recipe.folder}"
        assert names.index(needed) < names.index(f"{family.CHAT}/{recipe.folder}")


def test_nothing_that_ships_would_be_trained_again_and_a_changed_recipe_would():
    build = Build(SUMS.parent)
    shipped = [step for step in build.training_steps() if not step.name.startswith("seed_")]
    assert len(shipped) > 40
    assert [step.name for step in shipped if not build.is_current(step)] == []
    build.recipe = replace(build.recipe, seed=1)
    assert [step.name for step in shipped if not build.is_current(step)] == ["mini"]


def test_records_of_steps_that_are_gone_are_dropped_and_others_kept(two_steps):
    two_steps.run()
    Build(two_steps.folder).forget_others([Step("first", dict, list)])
    assert list(json.loads((two_steps.folder / "build.json").read_text())["steps"]) == ["first"]
    assert two_steps.run() == ["second"]


def test_a_dictionary_that_no_recipe_makes_stops_the_command_by_name(tmp_path, monkeypatch, capsys):
    build = Build(tmp_path)
    for root, folder in (
        (family.PRETRAINED, family.middle_dictionary().folder),
        (family.CHAT, "resid_post/layer_4_width_1k_l0_tiny"),
    ):
        (build.root_folder(root) / folder).mkdir(parents=True)
        (build.root_folder(root) / folder / "config.json").write_text("{}")
    assert build.find_leftovers() == [build.root_folder(family.CHAT) / "resid_post/layer_4_width_1k_l0_tiny"]
    monkeypatch.setattr("sys.argv", ["train", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        main()
    assert "layer_4_width_1k_l0_tiny" in capsys.readouterr().err


def test_the_family_has_every_published_kind_and_no_name_twice():
    shipped = family.list_family()
    folders = [recipe.folder for recipe in shipped[family.PRETRAINED]]
    assert len(set(folders)) == len(folders)
    assert {recipe.kind for recipe in shipped[family.PRETRAINED]} == {"sae", "transcoder", "crosscoder", "clt"}
    sites = {folder.partition("/")[0] for folder in folders}
    assert sites == {
        "resid_post",
        "resid_post_all",
        "attn_out",
        "mlp_out",
        "transcoder_all",
        "crosscoder",
        "clt",
    }
    assert {recipe.affine for recipe in shipped[family.PRETRAINED] if recipe.kind == "transcoder"} == {True, False}
    for recipe in shipped[family.PRETRAINED]:
        assert recipe.prefixes[-1] == recipe.features
    assert weight_files(4)[3] == "params_layer_3.safetensors"


def test_the_record_says_what_was_made_how_fast_and_with_which_versions(two_steps):
    two_steps.run()
    entry = json.loads((two_steps.folder / "build.json").read_text())["steps"]["first"]
    assert set(entry) == {"inputs", "files", "seconds", "versions"}
    assert entry["versions"]["torch"] == torch.__version__
