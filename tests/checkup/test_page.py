"""What is said of the page: each fault of the way to it and back is found, and says what to do."""

from dataclasses import replace

import pytest

import gscope_widgets as gs
from gscope_widgets.checkup.page import Contact, PageAnswer, check_front_end, check_page

ANSWER = PageAnswer(
    version="0.1.0",
    seconds=0.035,
    sent=1_000_000,
    received=1_000_000,
    asked=200_000,
    returned=200_000,
    host="JupyterLab or Notebook",
    theme="dark",
    browser="Chrome 140",
    width_px=812,
    is_styled=True,
    has_manager=True,
)
CONTACT = Contact(is_shown=True, is_heard=True, is_late=False, patience_s=8.0, answer=ANSWER)


def find(**changes):
    found = check_front_end(replace(CONTACT, **changes), "0.1.0")
    assert found.state == "fine" or found.advice, "what is not fine says what to do"
    return found


def answered(**changes):
    return find(answer=replace(ANSWER, **changes))


def test_a_page_that_answers_is_the_control():
    found = answered()
    assert (found.name, found.state, found.advice) == ("front end", "fine", "")
    assert found.seen == "there and back in 35 ms; version 0.1.0 on both sides; 1.0 MB went whole"
    found = check_page(CONTACT)
    assert (found.state, found.seen) == (
        "fine",
        "JupyterLab or Notebook, dark theme, view 812 px wide, Chrome 140",
    )


@pytest.mark.row("NEW 15")
def test_a_front_end_that_never_answers_is_found():
    found = find(answer=None, is_heard=False, is_late=True)
    assert (found.state, found.seen) == ("broken", "no answer within 8 s")
    assert "install anywidget where the Jupyter server runs" in found.advice
    assert "copy below the cell" in found.advice


@pytest.mark.parametrize(
    ("contact", "state", "seen"),
    [
        ({"is_shown": False, "is_heard": False}, "not asked", "no page shows this widget yet"),
        ({"is_shown": False, "is_heard": False, "is_late": True}, "not asked", "no page shows this widget yet"),
        ({"is_heard": False}, "not asked", "asked; no answer yet"),
        ({"is_late": True}, "attention", "the view stands, but gave no answer within 8 s"),
    ],
)
def test_a_silence_is_told_by_how_far_the_page_came(contact, state, seen):
    found = find(answer=None, **contact)
    assert (found.state, found.seen) == (state, seen)
    assert check_page(replace(CONTACT, answer=None, **contact)).advice == "see front end"


def test_halves_of_two_versions_are_found():
    found = answered(version="0.0.9")
    assert (found.state, "the page runs version 0.0.9, the kernel 0.1.0" in found.seen) == ("broken", True)
    assert "restart the kernel, reload the page" in found.advice


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ({"received": 0}, "of 1,000,000 bytes sent to the page only 0 came"),
        ({"returned": 65_536}, "of 200,000 bytes asked of the page only 65,536 came"),
    ],
)
def test_messages_that_do_not_come_whole_are_found(lost, words):
    found = answered(**lost)
    assert (found.state, words in found.seen) == ("attention", True), found.seen


def test_a_slow_way_is_found():
    assert answered(seconds=1.5).state == "fine"
    assert answered(seconds=3.2).state == "attention"


def test_a_page_without_the_style_sheet_or_a_widget_manager_is_found():
    for change, state, words in (
        ({"is_styled": False}, "broken", "style sheet is not in force"),
        ({"has_manager": False}, "attention", "no widget manager"),
    ):
        found = check_page(replace(CONTACT, answer=replace(ANSWER, **change)))
        assert (found.state, words in found.seen, bool(found.advice)) == (state, True, True)


def test_what_a_page_says_of_itself_is_redacted():
    contact = replace(CONTACT, answer=replace(ANSWER, browser="hf_secret", version="hf_secret"))
    for found in (check_page(contact), check_front_end(contact, "0.1.0")):
        assert "secret" not in found.seen
        assert "<token>" in found.seen


@pytest.mark.usefixtures("no_mini")
def test_a_report_made_without_a_page_says_that_it_did_not_look():
    found = gs.doctor("mini", ask_hub=False)["front end"]
    assert (found.state, found.seen) == ("not asked", "not looked at: gs.doctor() sees no page")
    assert "gs.Doctor()" in found.advice
