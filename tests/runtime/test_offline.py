"""A model and dictionaries fetched beforehand: sizes told before, and all there without a network."""

import pytest
from huggingface_hub import constants

import gscope_widgets as gs
from gscope_widgets.errors import write_bytes
from gscope_widgets.runtime.hub import faults as hub_faults
from gscope_widgets.runtime.offline import fetch_all, list_needed, write_plan
from gscope_widgets.shell import main
from tests.hub.disk import no_free_space
from tests.hub.fixtures import hub, no_waiting
from tests.hub.gemma import write_gemma
from tests.hub.published import write_folder

__all__ = ["hub", "no_waiting"]

MODEL, SCOPE = "google/gemma-3-270m", "google/gemma-scope-2-270m-pt"
FOLDERS = (
    "resid_post/layer_9_width_16k_l0_medium",
    "transcoder_all/layer_8_width_16k_l0_small",
    "attn_out/layer_9_width_16k_l0_medium",
)
TEXT = "The old fisherman sold two red fish."


@pytest.fixture(autouse=True)
def _quick(monkeypatch, no_waiting):
    monkeypatch.setattr(hub_faults, "PAUSE_S", 0.0)


@pytest.fixture
def published(hub):
    write_gemma(hub.folder, "270m", "pt")
    for at, name in enumerate(FOLDERS):
        write_folder(hub.folder / SCOPE, name, size="270m", examples=True, seed=at)
    return hub


@pytest.mark.filterwarnings("ignore::gscope_widgets.errors.SanityWarning")
@pytest.mark.row("37")
def test_what_was_downloaded_is_all_that_a_session_without_a_network_needs(published, load, monkeypatch, capsys):
    assert main(["download", "gemma-3-270m", "resid_post", "transcoder_all"]) == 0
    said = capsys.readouterr().out
    assert said.endswith("all is here\n")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    published.close()
    scope = load("gemma-3-270m")
    for wish in ({}, {"site": "transcoder_all"}):
        dictionary = scope.dictionary(**wish)
        assert len(scope.read(TEXT, dictionary).top(3)) == 3
        assert scope.card(dictionary.feature(0)).bands
    with pytest.raises(gs.Offline):  # what was not named is not there
        scope.read(TEXT, scope.dictionary("attn_out"))


def test_the_size_is_told_before_and_is_that_of_the_files(published, capsys):
    files = list_needed("gemma-3-270m", ["resid_post"])
    [folder] = {file.name.rpartition("/")[0] for file in files if file.repository == SCOPE}
    place = published.folder / SCOPE / folder
    model = [path for path in (published.folder / MODEL).iterdir() if path.is_file() and path.name != "README.md"]
    expected = sum(path.stat().st_size for path in [*model, *place.iterdir()])
    assert sum(file.size for file in files) == expected
    assert main(["download", "gemma-3-270m", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == [*write_bytes(expected).split(), "to", "fetch"]
    assert not any(file.is_here for file in files)
    told = []
    fetch_all(files, told.append)
    assert len(told) == len(files)
    assert told[0].startswith(
        f"1 of {len(files)}, {write_bytes(0)} of {write_bytes(expected)} done: {MODEL}/config.json"
    )
    assert write_plan(files).splitlines()[-1].split()[0] == "0.0"
    assert write_plan(files).count("here already") == 2
    fetch_all(files, told.append)
    assert len(told) == len(files)


def test_a_published_folder_is_named_by_its_path_and_examples_are_left_out_on_request(published):
    every = list_needed("gemma-3-270m", ["resid_post"])
    [folder] = {file.name.rpartition("/")[0] for file in every if file.repository == SCOPE}
    assert list_needed("gemma-3-270m", [folder, folder]) == every
    few = list_needed("gemma-3-270m", [folder], examples=False)
    assert {file.name.rpartition("/")[2] for file in set(every) - set(few)} == {"examples.safetensors"}


def test_what_cannot_be_downloaded_is_told(published, capsys):
    assert main(["download", "mini"]) == 2
    assert "'mini' is on this machine already" in capsys.readouterr().err
    assert main(["download", "gemma-3-9b"]) == 2
    assert "there is no model named 'gemma-3-9b'" in capsys.readouterr().err
    with pytest.raises(gs.UnknownDictionary, match="has no folder .*; the nearest are resid_post/layer_"):
        list_needed("gemma-3-270m", ["resid_post/layer_12_width_16k_l0_medum"])
    with pytest.raises(gs.UnknownDictionary, match="no dictionaries for somebody/else are known"):
        list_needed("somebody/else", ["resid_post"])
    with no_free_space(published.home):
        assert main(["download", "gemma-3-270m"]) == 2
    assert "are free where" in capsys.readouterr().err
