"""Every widget on a recording made on mini: the same numbers without a model, and words for what was not recorded."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gscope_widgets as gs
from gscope_widgets.recordings.container import read_recording, write_recording
from gscope_widgets.widgets.contract import load_class, make_example
from tests.recordings.asked import find_difference
from tests.recordings.lesson import READING, RECORDED, record_widgets, run_code, tell, use

_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d*(?:e[-+]\d+)?")
ROOT = Path(__file__).parents[2]
WITHOUT_MODEL = """
import sys
for name in ("torch", "transformers", "huggingface_hub"):
    sys.modules[name] = None  # to import it raises ImportError
import gscope_widgets as gs
from gscope_widgets.widgets.contract import make_example
from tests.recordings.lesson import RECORDED, tell, use
scope = gs.replay(sys.argv[1])
for row in RECORDED:
    widget = make_example(row, scope)
    use(row, widget)
    assert widget.plot() and widget.to_html() and widget.to_code()
    print(row.name, len(tell(widget)["frame"]), widget.badge)
print([name for name in sys.modules if name.startswith("gscope_widgets.runtime")])
"""


@pytest.fixture(scope="module")
def lesson(mini, tmp_path_factory):
    """Path of a recording of every widget, and what each showed."""
    path = tmp_path_factory.mktemp("recording") / "lesson.gscope"
    return path, record_widgets(mini, path)


@pytest.fixture(params=RECORDED, ids=lambda row: row.name)
def row(request):
    return request.param


@pytest.fixture
def replayed(lesson):
    return gs.replay(lesson[0])


def _split(text):
    """Printed words, and printed numbers."""
    return _NUMBER.sub("number", text).split(), [float(one) for one in _NUMBER.findall(text)]


@pytest.mark.row("55", "NEW 5")
def test_a_widget_shows_the_same_numbers_and_says_that_it_is_replayed(row, lesson, replayed, open_page):
    widget = open_page(make_example(row, replayed)).widget
    assert widget.badge == "gscope-mini (embedded, not Gemma) · replayed"
    use(row, widget)
    live = lesson[1][row.name]
    assert {name: find_difference(value, live[name]) for name, value in tell(widget).items()} == dict.fromkeys(
        ("shows", "frame", "copy", "provenance"), ""
    )
    printed, wanted = (_split(text) for text in (run_code(widget), live["printed"]))
    assert printed[0] == wanted[0]
    np.testing.assert_allclose(printed[1], wanted[1], rtol=1e-5)  # code makes each row alone, and not in one batch
    if row.home == "widgets":  # the code of an exercise is its answer
        assert f"scope = gs.replay({str(lesson[0])!r})" in widget.to_code()
        assert len(printed[0]) > 1
    assert "· replayed" in widget.to_html()


@pytest.mark.row("NEW 5")
@pytest.mark.parametrize("row", [RECORDED[0], RECORDED[-1]], ids=lambda row: row.name)
def test_the_badge_names_each_of_the_three_powers(row, mini, replayed, open_page, monkeypatch):
    """mini as it is, mini that tells of a GPU, and a recording. Every widget has the badge by test_every_widget.py."""
    name = "gscope-mini (embedded, not Gemma)"

    def tell_power(scope) -> tuple[str, str]:
        widget = open_page(make_example(row, scope)).widget
        assert widget.badge in widget.to_html()
        assert widget.badge in widget._build_copy()
        widget.close()
        return widget.badge, widget.footer.split(" · ")[-2]

    assert tell_power(mini) == (f"{name} · live on cpu", "cpu")
    assert tell_power(replayed) == (f"{name} · replayed", "cpu")  # where it was recorded
    monkeypatch.setattr(
        type(mini), "info", replace(mini.info, device="cuda")
    )  # told by the scope, not where it computes
    assert mini.power == "live on cuda"
    assert tell_power(mini) == (f"{name} · live on cuda", "cuda")


@pytest.mark.parametrize("row", READING, ids=lambda row: row.name)
def test_a_text_that_is_being_typed_is_said_to_be_missing_and_breaks_nothing(row, replayed, open_page):
    page = open_page(make_example(row, replayed))
    use(row, page.widget)
    before = page.widget.shows()
    for typed in ("T", "The ol", "The old fisherman sold 12 fis"):
        page.set(**{row.text: typed})
        status = page.settle()
        assert status["state"] == "error"
        assert f"has no text {typed!r}; the texts recorded are " in status["message"]
        assert "The old fisherman sold 12 fish." in status["message"]
    assert page.widget.shows() == before
    page.set(**{row.text: row.example[row.text]})
    assert page.settle()["state"] == "idle"


def test_a_slider_between_the_stops_says_which_there_are(replayed, open_page):
    page = open_page(gs.FeatureSliders(replayed, "The old fisherman sold 12 fish.", features=[3, 4]))
    page.widget.values = [29.5, None]
    status = page.settle()
    assert status["state"] == "error"
    assert "no prediction with clamp 29.5 of feature 3; recorded: no change; clamp 30 of feature 3" in status["message"]
    page.widget.values = [30.0, None]
    assert page.settle()["state"] == "idle"


@pytest.mark.parametrize("row", READING, ids=lambda row: row.name)
def test_what_a_widget_cannot_be_made_of_is_refused(row, replayed):
    with pytest.raises(gs.NotRecorded, match="has no text 'Never asked'"):
        load_class(row)(replayed, **{**row.example, row.text: "Never asked"})


def test_no_model_is_needed(lesson):
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_MODEL, lesson[0]], capture_output=True, text=True, cwd=ROOT, check=False
    )
    lines = run.stdout.splitlines()
    assert lines[-1:] == ["[]"], run.stderr
    assert [line.split()[0] for line in lines[:-1]] == list(lesson[1])
    assert all(line.endswith("replayed") for line in lines[:-1])


def test_hostile_words_in_a_recording_are_inert(row, lesson, tmp_path, open_page, check_copy, hostile_words):
    contents, arrays = read_recording(lesson[0])
    word = "".join(hostile_words)

    def spoil(value):
        if isinstance(value, str) and value.startswith(" "):
            return f" {word}"  # tokens, which are strings with a space in front
        if isinstance(value, dict):
            return {name: spoil(item) for name, item in value.items()}
        return [spoil(item) for item in value] if isinstance(value, list) else value

    spoiled = replace(
        contents,
        model=replace(contents.model, id=word, revision=word),
        dictionaries=tuple(
            replace(one, labels={key: replace(label, text=word, source=word) for key, label in one.labels.items()})
            for one in contents.dictionaries
        ),
        texts=tuple(
            replace(one, tokens=replace(one.tokens, strings=tuple(map(spoil, one.tokens.strings)), hints=(word,)))
            for one in contents.texts
        ),
        answers=tuple(replace(one, answer=spoil(one.answer)) for one in contents.answers),
    )
    write_recording(tmp_path / "hostile.gscope", spoiled, arrays)
    widget = open_page(make_example(row, gs.replay(tmp_path / "hostile.gscope"))).widget
    use(row, widget)
    assert "alert(1)" in check_copy(widget._build_copy())
    compile(widget.to_code(), "code", "exec")
    assert "alert" not in widget.to_code()
