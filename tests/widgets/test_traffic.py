"""What goes over the wire: few messages while a hand drags or a text is typed, none above a megabyte, long texts too."""

import json
import math
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace

import pytest

import gscope_widgets as gs
from gscope_widgets.widgets import steering_panel
from gscope_widgets.widgets.base import widget as base_widget
from gscope_widgets.widgets.base.limits import MOVES_A_SECOND, PIECE_BYTES
from gscope_widgets.widgets.catalogue import CATALOGUE
from gscope_widgets.widgets.contract import load_class, make_example
from tests import fake_model
from tests.fake_engines import make_engine
from tests.fake_scope import FakeScope
from tests.widgets.test_every_widget import echoing

MOST_A_SECOND = 30  # messages of one widget; hosts drop more, or hold them up
MOST_BYTES = 1_000_000  # of one message
DRAGGED = ("FeatureSliders", "SteeringPanel", "DoseSweep")  # whose settings are paced in the page (settings.js)
TYPED_A_SECOND = 3  # texts go out after a pause of 350 ms (text_field.js)
SENTENCE = "The old fisherman walked from the harbour to the market with his sister and sold twelve fish. "
LONG = 10_000  # tokens that a message is to have room for
READ = {"LogitLens": 250, "SteeringPanel": 250}  # tokens of a text that the fake answers soon


@pytest.fixture
def engine(row) -> Iterator[object]:
    made = make_engine(row)
    yield made
    made.close()


def write_moves(row) -> Iterator[dict[str, object]]:
    """State as the page sends it while a hand drags, or types, each another result than the last."""
    if "changes" not in row.change:
        yield from (row.write_news(number) for number in count())
    for number in count(1):
        yield {"changes": [{**one, "amount": number / 10} for one in row.change["changes"]]}


def weigh(sent) -> int:
    data, buffers = sent
    return len(json.dumps(data).encode()) + sum(map(len, buffers))


def test_a_second_of_moves_is_answered_by_thirty_messages_at_most(row, engine, open_page):
    page, moves = open_page(make_example(row, engine)), write_moves(row)
    page.settle()
    page.set(**next(moves))  # the first of all may say more
    page.settle()
    page.forget()
    with echoing(True):
        for _ in range(MOVES_A_SECOND if row.name in DRAGGED else TYPED_A_SECOND):
            page.set(**next(moves))
            page.settle()
    sent = page.comm.sent[page.start :]
    assert len(sent) <= MOST_A_SECOND, [(data["method"], *data.get("state", {})) for data, _ in sent]
    assert len(page.messages(row.result)) > 0 or not row.asks  # the control: they are answered
    assert max(map(weigh, sent)) < MOST_BYTES


def test_moves_that_wait_for_the_model_say_no_more(row, engine, open_page):
    page, moves = open_page(make_example(row, engine)), write_moves(row)
    page.settle()
    page.forget()
    engine.gate.clear()
    with echoing(True):
        for _ in range(MOVES_A_SECOND if row.name in DRAGGED else TYPED_A_SECOND):
            page.set(**next(moves))
    waiting = len(page.comm.sent) - page.start
    engine.gate.set()
    page.settle()
    assert 0 < waiting <= len(page.comm.sent) - page.start <= MOST_A_SECOND


def test_without_a_pace_a_drag_would_be_a_flood(scope, open_page):
    """The control: a move a frame, as from a page that does not wait."""
    [row] = [row for row in CATALOGUE if row.name == "FeatureSliders"]
    page, moves = open_page(make_example(row, scope)), write_moves(row)
    page.settle()
    page.forget()
    for _ in range(60):
        page.set(**next(moves))
        page.settle()
    assert len(page.comm.sent) - page.start > 2 * MOST_A_SECOND


@pytest.mark.parametrize("step_s", [0.001, 0.01, 0.2])
def test_a_text_that_is_made_comes_in_thirty_messages_a_second_at_most(scope, open_page, monkeypatch, step_s):
    """By a clock that goes on by so much at each token."""
    ticks = count()
    monkeypatch.setattr(steering_panel, "time", SimpleNamespace(monotonic=lambda: next(ticks) * step_s))
    panel = open_page(gs.SteeringPanel(scope, "The old", features=[3], max_new_tokens=200)).widget
    page = open_page(panel)
    page.forget()
    panel.start()
    panel.wait()
    seconds, streams = next(ticks) * step_s, page.messages("stream")
    assert len(streams) <= max(2, (MOST_A_SECOND - 4) * seconds + 2)  # four tell how far it is, four times a second
    assert sum(len(row["tokens"]) for content, _ in streams for row in content["rows"]) >= 400
    assert max(map(weigh, page.comm.sent[page.start :])) < MOST_BYTES


# ---- long texts


@pytest.fixture
def long_page(row, open_page, monkeypatch) -> Iterator[tuple[object, float]]:
    """A row's page with a long text, answered, and how much longer one of `LONG` tokens would be."""
    monkeypatch.setattr(fake_model, "CONTEXT", LONG)
    scope = FakeScope()
    scope.text_limit = LONG * 12
    text = SENTENCE * (READ.get(row.name, 2500) // (len(scope.tokens(SENTENCE)) - 1))
    page = open_page(make_example(row, scope))
    setattr(page.widget, row.text, text)
    if not row.asks:
        page.widget.start()
    page.widget.wait()
    yield page, LONG / len(scope.tokens(text))
    scope.close()


@pytest.mark.parametrize("row", [row for row in CATALOGUE if row.text], ids=lambda row: row.name)
def test_a_text_of_ten_thousand_tokens_goes_in_messages_and_a_copy_below_a_megabyte(row, long_page):
    """Words grow with the text; numbers do not (the test below), and copies list the first tokens alone."""
    page, longer = long_page
    page.send({"type": "ready"})
    sent = page.comm.sent
    words = max(len(json.dumps(data).encode()) for data, _ in sent[page.start :])
    numbers = max(sum(map(len, buffers)) for _, buffers in sent[page.start :])
    assert 1000 < words < words * longer < MOST_BYTES / 2
    assert numbers <= PIECE_BYTES
    assert "piece" in page.widget.to_page or numbers * longer < MOST_BYTES / 2
    assert len(page.widget._build_copy().encode()) < MOST_BYTES


@pytest.mark.parametrize(
    "row", [row for row in CATALOGUE if "piece" in load_class(row).to_page], ids=lambda row: row.name
)
@pytest.mark.parametrize("most", [400, 900_000])
def test_numbers_that_are_too_long_for_a_message_come_before_it_in_pieces(row, engine, open_page, monkeypatch, most):
    monkeypatch.setattr(base_widget, "PIECE_BYTES", most)
    page = open_page(make_example(row, engine))
    page.settle()
    page.forget()
    page.send({"type": "ready"})
    *pieces, (content, buffers) = [one for one in page.messages() if one[0]["type"] in ("piece", row.result)]
    sizes = [4 * math.prod(head["shape"]) for head in content["arrays"]]
    assert [one["index"] for one, _ in pieces] == list(range(content["pieces"]))
    assert (len(pieces) > 1) == (most == 400)
    assert max(len(part) for _, parts in [*pieces, (content, buffers)] for part in parts) <= most
    assert sum(len(part) for _, parts in [*pieces, (content, buffers)] for part in parts) == sum(sizes)
