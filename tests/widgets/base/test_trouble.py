"""What stands beside an error: what to pass on, and what one press can do about it."""

import getpass
from pathlib import Path

import pytest

import gscope_widgets as gs
from gscope_widgets.errors import BadArtefact, DiskFull, GatedModel, Offline, UnwritableCache
from gscope_widgets.widgets.base.trouble import hide_paths

pytestmark = pytest.mark.row("54", "NEW 7")
TEXT = "The old fisherman"


def fail(page, scope, error, text="Two red coats") -> dict:
    scope.error = error
    page.set(text=text)
    assert page.settle()["state"] == "error"
    scope.error = None
    return page.widget.trouble


@pytest.mark.parametrize("kind", [GatedModel, Offline, DiskFull, UnwritableCache, BadArtefact, gs.OutOfMemory])
def test_where_the_machine_is_at_fault_the_doctors_line_and_another_try_are_offered(
    scope, open_page, monkeypatch, kind
):
    page = open_page(gs.LogitLens(scope, TEXT))
    trouble = fail(page, scope, kind("it lacks 3 GB"))
    assert (trouble["code"], trouble["again"]) == ("gs.doctor()", True)
    monkeypatch.setattr(scope, "to_code", lambda: "scope = gs.load('gemma-3-1b', device='cpu')")
    assert fail(page, scope, kind("it lacks 4 GB"), "Three")["code"] == 'gs.doctor("gemma-3-1b")'
    monkeypatch.setattr(scope, "to_code", lambda: "scope = gs.load('/home/anna/gemma')")
    assert fail(page, scope, kind("it lacks 5 GB"), "Four")["code"] == "gs.doctor()"


@pytest.mark.parametrize(
    ("error", "again"), [(RuntimeError("broke"), True), (gs.InvalidValue("got 5"), False), (gs.Closed("closed"), False)]
)
def test_another_try_is_offered_where_it_may_help_alone(scope, open_page, error, again):
    trouble = fail(open_page(gs.LogitLens(scope, TEXT)), scope, error)
    assert (trouble["code"], trouble["again"]) == ("", again)


def test_another_try_answers_what_was_not_answered_and_the_error_goes(scope, open_page):
    page = open_page(gs.LogitLens(scope, TEXT))
    fail(page, scope, RuntimeError("a tensor broke"))
    scope.calls.clear()
    page.send({"type": "again", "state": {}})
    assert page.settle()["state"] == "idle"
    assert page.widget.reading.tokens.strings == scope.tokens("Two red coats").strings
    assert page.widget.trouble is None
    calls = len(scope.calls)
    assert calls
    page.send({"type": "again", "state": {}})  # nothing is left to be answered
    page.settle()
    assert len(scope.calls) == calls


def test_a_setting_that_is_refused_after_a_failure_is_not_tried_again(scope, open_page):
    page = open_page(gs.LogitLens(scope, TEXT))
    fail(page, scope, RuntimeError("a tensor broke"))
    page.set(text=5)
    assert page.settle()["state"] == "error"
    assert page.widget.trouble["again"] is False
    assert "InvalidValue" in page.widget.trouble["details"]


def test_details_hold_sentence_widget_and_source_and_no_place_and_no_token(scope, open_page):
    page = open_page(gs.TokenHeatmap(scope, TEXT, features=[3]))
    token, home = "hf_" + "a1B2" * 8, str(Path.home())
    words = f"not written: {home}/models/x, /content/drive/My Drive/anna/y.bin and 'C:\\Users\\anna\\z' with {token}"
    details = fail(page, scope, OSError(words))["details"]
    assert words in page.widget.status["message"]
    for hidden in (token, home, "anna", "Drive", "models"):
        assert hidden not in details
    source, info = page.widget.provenance, scope.dictionary().info
    sentence, *lines = details.split("\n")
    assert sentence.startswith(
        "Something went wrong inside gscope_widgets: OSError: not written: <path>, <path> and '<path>'"
    )
    assert lines == [
        f"TokenHeatmap, OSError, gscope-widgets {gs.__version__}",
        f"{source.model} ({source.revision}), float32, cpu",
        f"{info.id} ({info.commit or 'version unknown'})",
        "fake 1",
    ]


def test_before_a_first_run_the_details_say_what_would_answer(scope, open_page):
    page = open_page(gs.SteeringPanel(scope, TEXT, features=[3]))
    page.set(max_new_tokens=-4)
    details = page.widget.trouble["details"]
    assert details.startswith(page.widget.status["message"])
    assert "got -4" in details


@pytest.mark.parametrize(
    "text",
    [
        "https://huggingface.co/google/gemma-scope-2 answers 403",
        "got 3/4 of 12, and/or 5 GB / 6 GB",
        "hf://google/gemma-scope-2/resid_post/layer_3",
        "shape (3, 4) of layer_3/width_16k",
    ],
)
def test_what_is_no_place_of_the_machine_stays(text):
    assert hide_paths(text) == text


def test_names_of_users_and_folders_go():
    user = getpass.getuser()
    assert hide_paths(f"see /home/{user}/a/b.txt.") == "see <path>"
    assert hide_paths("~/models is full, D:\\data\\gemma too") == "<path> is full, <path> too"
