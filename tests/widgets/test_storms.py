"""Moves faster than a model answers, on the embedded one: few runs, and the end is that of the last move."""

import threading

import pytest

import gscope_widgets as gs
from tests.runtime import inside

TEXT = "The old fisherman sold two red"
MOVES = 200


@pytest.fixture
def held(mini):
    """Counts the passes of mini's model, which wait while the gate is closed."""
    gate, passes = threading.Event(), []

    def run(_module, _inputs):
        passes.append(1)
        assert gate.wait(60)

    handle = inside.loaded(mini).model.register_forward_pre_hook(run)
    gate.set()
    yield gate, passes
    gate.set()
    handle.remove()


@pytest.fixture
def refs(mini):
    return [mini.dictionary().feature(top.feature) for top in mini.read(TEXT).top(2)]


def clamp_first(refs, value):
    """Changes as the page writes them: the first feature clamped, the others left alone."""
    made = []
    for at, ref in enumerate(refs):
        where = {"dictionary_id": ref.dictionary_id, "feature": ref.feature}
        amount = 0.0 if at else float(value)
        change = {"ref": where, "kind": "clamp", "amount": amount, "unit": "fraction", "positions": "all", "on": not at}
        made.append(change)
    return made


@pytest.mark.row("31")
def test_a_storm_of_slider_moves_costs_at_most_three_runs_and_ends_on_the_last_value(mini, refs, open_page, held):
    gate, passes = held
    page = open_page(gs.FeatureSliders(mini, TEXT, features=refs))
    page.settle()
    gate.clear()
    passes.clear()
    page.forget()
    for number in range(MOVES):
        page.set(changes=clamp_first(refs, (number + 1) / 10))
    gate.set()
    assert page.settle()["state"] == "idle"
    assert 1 <= len(passes) <= 3
    (*_, (shown, _)) = page.messages("result")
    assert [one["amount"] for one in shown["changes"]] == [20.0, 0.0]
    expected = mini.next_tokens(TEXT, 10, [gs.clamp(refs[0], 20.0)])
    assert shown["kl"] == pytest.approx(expected.kl, rel=1e-5)


@pytest.mark.parametrize("each", [1, 5])
def test_a_drag_that_is_faster_than_the_model_shows_what_was_computed_on_the_way(mini, refs, open_page, each):
    """So many moves come while one is computed, as from a hand that does not rest: the last of them is computed next."""
    page = open_page(gs.FeatureSliders(mini, TEXT, features=refs))
    page.settle()
    page.forget()
    begun, allowed = threading.Semaphore(0), threading.Semaphore(0)

    def run(_module, _inputs):
        begun.release()
        assert allowed.acquire(timeout=60)

    with inside.loaded(mini).model.register_forward_pre_hook(run):
        page.set(changes=clamp_first(refs, 1.0))
        for first in range(1, 8):
            assert begun.acquire(timeout=60)
            for move in range(each):
                page.set(changes=clamp_first(refs, first + (move + 1) / each))
            allowed.release()
        allowed.release()
        assert page.settle()["state"] == "idle"
    shown = [content["changes"][0]["amount"] for content, _ in page.messages("result")]
    assert shown == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]


def test_a_panels_strength_runs_nothing_until_start_and_of_many_starts_the_newest(mini, refs, open_page, held):
    gate, passes = held
    page = open_page(gs.SteeringPanel(mini, TEXT, features=refs, max_new_tokens=1))
    for _ in range(2):  # the first one also measures the mean norm
        passes.clear()
        page.widget.start().wait()
        page.settle()
    of_one = len(passes)
    passes.clear()
    for number in range(MOVES):
        page.set(changes=clamp_first(refs, number / MOVES))
    assert passes == []
    gate.clear()
    for number in range(MOVES):
        settings = {"changes": clamp_first(refs, (number + 1) / MOVES)}
        page.send({"type": "start", "id": str(number), "settings": settings})
    gate.set()
    assert page.settle()["state"] == "idle"
    assert of_one <= len(passes) <= 3 * of_one
    assert page.messages("stream")[-1][0]["settings"]["changes"][0]["amount"] == 1.0
    assert {content["id"] for content, _ in page.messages("ack")} == set(map(str, range(MOVES)))


@pytest.mark.parametrize("after", [1, 2, 7])
@pytest.mark.row("25", "NEW 6")
def test_a_stop_leaves_at_most_the_step_under_way(mini, refs, open_page, held, after):
    gate, passes = held
    page = open_page(gs.SteeringPanel(mini, TEXT, features=refs, max_new_tokens=200, temperature=1.0))
    passes.clear()
    reached = threading.Event()

    def close_gate(_module, _inputs):
        if len(page.widget._tokens("baseline")) == after and not reached.is_set():
            gate.clear()
            reached.set()

    with inside.loaded(mini).model.register_forward_pre_hook(close_gate, prepend=True):
        page.widget.start()
        assert reached.wait(60)
        page.send({"type": "stop", "id": "x"})
        made = len(passes)
        gate.set()
        assert page.settle()["state"] == "cancelled"
    assert len(passes) <= made + 1
    gate.clear()
    answered = mini.submit(lambda _job: "free")
    assert answered.result(60) == "free"
    assert len(passes) <= made + 1


def overtake(mini, first, then):
    """Have the model begin on what `first` asks, ask for what `then` does, and only then let it go on."""
    begun, gate = threading.Event(), threading.Event()

    def run(_module, _inputs):
        begun.set()
        assert gate.wait(60)

    with inside.loaded(mini).text_model.register_forward_pre_hook(run):
        first()
        assert begun.wait(60)
        then()
        gate.set()


def test_a_token_picked_in_the_text_to_come_stays_picked_when_an_older_result_comes_first(mini, open_page):
    page = open_page(gs.LogitLens(mini, TEXT))
    page.settle()
    page.forget()
    lens, last, heard = page.widget, "On Monday the children sang a song", []
    lens.on_result(lambda reading: heard.append(reading.tokens.text))

    def ask():
        lens.text, lens.selected_pos = last, 5

    overtake(mini, lambda: setattr(lens, "text", "A red coat and a loaf of bread"), ask)
    lens.wait()
    texts = [content["text"] for content, _ in page.messages("result")]
    assert texts == ["A red coat and a loaf of bread", last]  # control: the older result was shown
    assert lens.selected_pos == 5
    assert heard == [last]


def test_an_older_answer_leaves_the_ranges_to_the_newest_features(mini, refs, open_page):
    page = open_page(gs.FeatureSliders(mini, TEXT, features=refs))
    page.settle()
    page.forget()
    sliders = page.widget

    shown = []

    def ask():
        sliders.features = refs[:1]
        sliders.observe(lambda change: shown.append(len(change.new)), "ranges")

    overtake(mini, lambda: setattr(sliders, "values", [3.0, None]), ask)
    sliders.wait()
    assert [len(content["changes"]) for content, _ in page.messages("result")] == [2, 1]  # control, as above
    assert len(sliders.ranges) == 1 and set(shown) <= {1}
