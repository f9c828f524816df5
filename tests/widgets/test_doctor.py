"""Doctor: findings as they come, Stop, another check-up, and the way to the page and back."""

import threading

import pytest

import gscope_widgets as gs
from gscope_widgets.records.checkup import Finding
from tests.fake_examiner import FakeExaminer
from tests.threads import wait_for_timers

PONG = {
    "type": "pong",
    "version": gs.__version__,
    "host": "Colab",
    "theme": "dark",
    "browser": "Firefox 140",
    "width_px": 700,
    "is_styled": True,
    "has_manager": True,
}


@pytest.fixture
def examiner():
    fake = FakeExaminer()
    yield fake
    fake.close()


@pytest.fixture
def page(examiner, open_page):
    opened = open_page(gs.Doctor("gemma-3-1b", examiner=examiner))
    opened.settle()
    return opened


def answer(page, **changes):
    """The page's pong to the newest ping."""
    content, [buffer] = page.messages("ping")[-1]
    told = {"id": content["id"], "received": len(buffer), "padding": "x" * content["asked"]}
    page.send({**PONG, **told, **changes})


def test_findings_come_one_by_one_with_what_is_not_checked_yet(page, examiner):
    page.forget()
    page.widget.check()
    page.settle()
    seen = [[one["seen"] for one in content["findings"][:3]] for content, _ in page.messages("result")]
    assert [[one == "not checked yet" for one in row] for row in seen] == [
        [False, True, True],
        [False, False, True],
        [False, False, False],
    ]
    assert seen[-1][1] == "1.0 GB free; gemma-3-1b takes more"
    assert examiner.calls == ["examine"] * 2
    summaries = [content["summary"] for content, _ in page.messages("result")]
    assert summaries == ["", "", page.widget.report.summarise()] == ["", "", "1 to look at, 2 fine, 2 not asked"]


def test_progress_is_told(page, examiner):
    states = []
    page.widget.observe(lambda change: states.append(change.new), names="status")
    page.send({"type": "check"})
    page.settle()
    assert states[0]["state"] == "busy"
    assert states[0]["message"] == "Checking…"
    assert states[-1]["state"] == "idle"
    assert examiner.calls == ["examine"] * 2


def test_stop_keeps_what_was_found(page, examiner):
    reached, gate = threading.Event(), threading.Event()

    def hold(finding):
        reached.set()
        assert gate.wait(60)
        return finding

    examiner.planted = Held({"memory": hold})
    page.widget.check()
    assert reached.wait(60)
    page.send({"type": "cancel"})
    gate.set()
    assert page.settle()["message"] == "Stopped."
    assert page.widget.report["python"].state == "fine"
    assert page.widget.report["hub"] == Finding("hub", "not asked", "not checked yet")
    examiner.planted = {}
    page.send({"type": "check"})
    assert page.settle()["state"] == "idle"
    assert page.widget.report["hub"].state == "fine"


class Held(dict):
    """Findings that wait before they are told."""

    def get(self, name, default):
        return self[name](default) if name in self else default


# ---- the page


@pytest.mark.row("NEW 15")
def test_a_page_that_answers_stands_in_the_report(page):
    assert page.widget.report["front end"].seen == "no page shows this widget yet"
    page.forget()
    page.send({"type": "ready"})
    assert page.widget.report["front end"].seen == "asked; no answer yet"
    answer(page)
    found = page.widget.report["front end"]
    assert (found.state, f"version {gs.__version__} on both sides" in found.seen) == ("fine", True)
    assert page.widget.report["page"].seen == "Colab, dark theme, view 700 px wide, Firefox 140"
    assert page.messages("result")[-1][0]["findings"][3]["state"] == "fine"
    assert page.messages("result")[-1][0]["summary"] == "1 to look at, 4 fine"


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"version": "0.0.1"}, "broken"),
        ({"received": 0}, "attention"),
        ({"padding": ""}, "attention"),
        ({}, "fine"),
    ],
)
def test_what_is_wrong_with_the_way_is_found(page, change, state):
    page.forget()
    page.send({"type": "ready"})
    answer(page, **change)
    assert page.widget.report["front end"].state == state


def test_an_answer_to_an_older_ping_is_not_counted(page):
    page.forget()
    page.send({"type": "ready"})
    page.send({"type": "ready"})
    answer(page, id=page.messages("ping")[0][0]["id"])
    assert page.widget.report["front end"].seen == "asked; no answer yet"
    answer(page)
    assert page.widget.report["front end"].state == "fine"


def test_another_check_up_asks_the_page_again_when_it_has_ended(page, examiner):
    page.widget.check()
    page.widget.wait()
    assert page.messages("ping") == []  # no page has shown itself
    page.send({"type": "ready"})
    answer(page)
    examiner.gate.clear()
    page.send({"type": "check"})
    assert len(page.messages("ping")) == 1
    examiner.gate.set()
    page.widget.wait()
    assert len(page.messages("ping")) == 2
    assert page.widget.report["front end"].state == "fine"  # the last answer stands until the next
    answer(page, received=0)
    assert page.widget.report["front end"].state == "attention"


def test_a_page_that_falls_silent_is_found_and_mends_itself_when_it_answers(page, examiner):
    examiner.patience_s = 0.01
    page.forget()
    page.send({"type": "ready"})
    wait_for_timers(page.widget)
    found = page.widget.report["front end"]
    assert (found.state, found.seen) == ("attention", "the view stands, but gave no answer within 0 s")
    assert page.messages("result")[-1][0]["findings"][3]["state"] == "attention"
    answer(page)
    assert page.widget.report["front end"].state == "fine"


@pytest.mark.parametrize("wrong", [{"host": "elsewhere"}, {"version": "x" * 41}, {"received": -1}, {"theme": None}])
def test_a_page_that_answers_anything_else_is_refused_in_words(page, wrong):
    page.forget()
    page.send({"type": "ready"})
    answer(page, **wrong)
    assert f"the page's pong message: {next(iter(wrong))} must be" in page.settle()["message"]
    assert page.widget.report["front end"].seen == "asked; no answer yet"


def test_closing_stops_the_wait_for_the_page(page):
    page.send({"type": "ready"})
    timer = page.widget._timer
    page.widget.close()
    timer.join(60)
    assert not timer.is_alive()


# ---- state and what it writes


def test_names_of_the_hub_are_taken_and_others_refused(examiner, open_page):
    page = open_page(gs.Doctor("google/gemma-3-4b-it", examiner=examiner))
    assert page.widget.model == "gemma-3-4b-it"
    page.set(model="llama")
    assert page.settle()["state"] == "error"
    assert "the needs of 'llama' are not known" in page.widget.status["message"]
    assert page.widget.model == "gemma-3-4b-it"
    with pytest.raises(gs.UnknownModel, match="did you mean 'gemma-3-1b'"):
        gs.Doctor("gemma3-1b", examiner=examiner)
    for wrong in ("mini", 5):
        with pytest.raises(gs.InvalidValue, match="examiner has examine and submit"):
            gs.Doctor(examiner=wrong)


def test_a_finding_is_inert_in_the_copy(page, examiner, check_copy, hostile_words):
    for word in hostile_words:
        examiner.planted = {"hub": Finding("hub", "broken", word, word)}
        page.widget.check()
        page.widget.wait()
        check_copy(page.widget._build_copy())


def test_the_table_has_a_row_for_each_finding(page):
    frame = page.widget.to_frame()
    assert list(frame.columns) == ["name", "state", "seen", "advice"]
    assert list(frame["name"]) == ["python", "memory", "hub", "front end", "page"]


def test_it_has_nothing_to_link(page, scope):
    with pytest.raises(gs.InvalidValue, match="Doctor has no text or feature or pos to share"):
        gs.link(page.widget, gs.TokenHeatmap(scope, "The bird", features=[3]))
