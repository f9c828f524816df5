"""SteeringPanel: three continuations that are the scope's own, started and stopped by message, one run at a time."""

import json
import math
import re
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import gscope_widgets as gs
from gscope_widgets.records.comparisons import ComparedText, Comparison
from gscope_widgets.records.estimates import estimate_share
from gscope_widgets.widgets.base.formats import format_number, format_percent, format_text
from gscope_widgets.widgets.steering_panel import ROWS

PROMPT = "The old fisherman"
SETTINGS = {"prompt": PROMPT, "max_new_tokens": 6, "temperature": 0, "seed": 3}


@pytest.fixture
def refs(dictionary):
    return [dictionary.feature(3), dictionary.feature(900)]


@pytest.fixture
def page(scope, refs, open_page):
    return open_page(gs.SteeringPanel(scope, PROMPT, features=refs, strength=0.4, max_new_tokens=6, seed=3))


def write_changes(page, *, strength=0.4, active=(True, True)):
    """An added direction for each of the panel's features, as the page writes it."""
    refs = [{"dictionary_id": ref.dictionary_id, "feature": ref.feature} for ref in page.widget.features]
    more = {"kind": "add", "amount": strength, "unit": "fraction", "positions": "all"}
    return [{"ref": ref, **more, "on": on} for ref, on in zip(refs, active, strict=True)]


def start(page, *, id="start-1", strength=0.4, active=(True, True), **settings):
    settings = {"changes": write_changes(page, strength=strength, active=active)} | settings
    page.send({"type": "start", "id": id, "settings": SETTINGS | settings})


def join(messages) -> dict:
    """The texts of the first seed that a view shows after these messages, as the front end puts them together."""
    shown, request = dict.fromkeys(ROWS, ()), None
    for content, _ in messages:
        if content["type"] != "stream":
            continue
        if content["reset"]:
            shown, request = dict.fromkeys(ROWS, ()), content["request"]
        assert content["request"] == request, "a message of another run than the one in view"
        for row in content["rows"]:
            head = content["heads"][row["at"]]
            if head["seed"] == content["heads"][0]["seed"]:
                shown[head["name"]] += tuple(token["id"] for token in row["tokens"])
    return shown


def made(widget) -> dict:
    return {name: tuple(token.id for token in widget._tokens(name)) for name in ROWS}


def list_rows(scope, changed, *, first=0):
    """Each row's interventions."""
    controls = [[scope.random_control(changed, seed=first + number)] for number in range(3)]
    return dict(zip(ROWS, ([], changed, *controls), strict=True))


def test_nothing_runs_before_start(page):
    page.send({"type": "ready"})
    assert page.messages("stream") == []
    assert page.messages() != []  # yet the view hears that the kernel lives
    assert page.widget.status["state"] == "idle"
    assert page.widget.texts == dict.fromkeys(ROWS, "")


@pytest.mark.parametrize("who", ["page", "python"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.row("21", "24", "27", "NEW 3")
def test_the_three_texts_are_the_scopes_own(page, scope, refs, who, temperature):
    page.forget()
    if who == "page":
        start(page, temperature=temperature)
    else:
        page.widget.temperature = temperature
        page.widget.start()
    assert page.settle()["state"] == "idle"
    for name, interventions in list_rows(scope, [gs.add(ref, 0.4) for ref in refs]).items():
        alone = scope.generate(PROMPT, interventions, max_new_tokens=6, temperature=temperature, seed=3)
        assert page.widget.texts[name] == alone.text
        assert made(page.widget)[name] == tuple(token.id for token in alone)
    assert join(page.messages()) == made(page.widget)
    streams = page.messages("stream")
    assert streams[0][0]["reset"]
    said = [head["words"] for head in streams[0][0]["heads"]]
    assert said[:2] == ["baseline", "changed: feature 3: add +0.40; feature 900: add +0.40"]
    assert said[2:] == [f"random direction {number}, as long as the changes" for number in range(3)]
    assert streams[-1][0]["ended"] == "whole"
    assert not any(content["reset"] or content["ended"] for content, _ in streams[1:-1])
    assert {content["request"] for content, _ in streams} == {page.widget.status["request"]}


@pytest.mark.row("20")
def test_at_strength_0_all_are_the_same_and_at_others_not(page):
    start(page, strength=0, temperature=1.0, max_new_tokens=12)
    page.settle()
    texts = page.widget.texts
    assert len(set(texts.values())) == 1
    assert texts["baseline"] != ""
    start(page, strength=3.0, temperature=1.0, max_new_tokens=12)
    page.settle()
    assert len(set(page.widget.texts.values())) == 5
    assert page.widget.texts["baseline"] == texts["baseline"]


def test_with_nothing_switched_on_nothing_runs_and_no_title_says_otherwise(page):
    start(page)
    page.settle()
    texts = page.widget.texts
    page.forget()
    start(page, active=[False, False], strength=3.0)
    assert page.settle()["message"].startswith("no change is switched on; switch one on, or add one")
    assert (page.messages("stream"), page.widget.texts) == ([], texts)
    assert page.widget.interventions == ()
    assert "add +0.40" in page.widget._write_run_changes()


@pytest.mark.row("21")
def test_only_active_features_take_part(page, scope, refs):
    start(page, active=[False, True], strength=2.0)
    page.settle()
    assert page.widget.texts["changed"] == scope.generate(PROMPT, [gs.add(refs[1], 2.0)], max_new_tokens=6).text


# ---- features of what is generated


def test_tokens_come_with_the_activations_of_their_own_run(page, scope, dictionary):
    made_text = scope.generate(PROMPT, max_new_tokens=6, temperature=1.0, seed=3).text
    refs = [dictionary.feature(top.feature) for top in scope.read(made_text).top(2)]
    page.widget.features = refs
    page.forget()
    start(page, temperature=1.0)
    page.settle()
    found = {name: [] for name in ROWS}
    for content, _ in page.messages("stream"):
        assert [info["feature"] for info in content["known"]] == [ref.feature for ref in refs]
        for row in content["rows"]:
            found[content["heads"][row["at"]]["name"]] += [token["activations"] for token in row["tokens"]]
    for name, made_of in list_rows(scope, [gs.add(ref, 0.4) for ref in refs]).items():
        options = {"max_new_tokens": 6, "temperature": 1.0, "seed": 3, "features": refs}
        alone = scope.generate(PROMPT, made_of, **options).wait()
        assert found[name] == [list(token.activations) for token in alone]
        frame = page.widget.to_frame()
        assert frame[frame["row"] == name][f"feature {refs[1].feature}"].tolist() == [
            token.activations[1] for token in alone
        ]
    assert found["baseline"] != found["changed"] != found["random 0"]


def test_the_copy_says_and_shows_what_the_first_feature_does(recorded, refs, open_page, check_copy):
    page = open_page(gs.SteeringPanel(recorded, PROMPT, features=refs))
    page.widget.start()
    recorded.step(0, 0, 8, 46)
    recorded.step(0, 4, 0, 46)
    recorded.end(0, "length")
    html = page.widget._build_copy()
    text = check_copy(html)
    assert "Filled by feature 3 (birds; measured on generated text): full colour at 23." in text
    for words in ("mean 2, most 4 at x", "mean 4, most 8 at x", "mean 46, most 46 at x", "silent"):
        assert words in text
    assert html.count("background-color") == 4  # two tokens are silent
    assert html.count("background-color:#56b4e9") == 2  # beyond the maximum is full colour
    assert page.widget.shows()[7:13] == [
        "mean 2, most 4 at x", "silent", "mean 4, most 8 at x", "silent", "mean 46, most 46 at x", "silent",
    ]  # fmt: skip


def test_without_a_known_maximum_the_largest_here_is_full(recorded, dictionary, open_page, check_copy):
    page = open_page(gs.SteeringPanel(recorded, PROMPT, features=[dictionary.feature(7), dictionary.feature(3)]))
    page.widget.start()
    recorded.step(0, 2, 8, 0)
    recorded.end(0, "length")
    assert "Filled by feature 7: full colour at 8." in check_copy(page.widget._build_copy())


# ---- messages


def test_start_and_stop_are_acknowledged_at_once_and_each_by_its_id(page, hold_after):
    page.forget()
    gate = hold_after(20)
    start(page, id="start-7", max_new_tokens=200, temperature=1.0)
    gate.wait_until_held()
    page.send({"type": "stop", "id": "stop-8"})
    gate.set()
    assert [content["id"] for content, _ in page.messages("ack")] == ["start-7", "stop-8"]
    status = page.settle()
    assert status["state"] == "cancelled"
    assert page.messages("stream")[-1][0]["ended"] == "cancelled"
    assert max(map(len, made(page.widget).values())) < 200


def test_two_starts_give_two_acknowledgements_and_the_newest_run(page, scope):
    page.forget()
    start(page, id="a", prompt="On Monday", max_new_tokens=100, temperature=1.0)
    start(page, id="b", prompt=PROMPT)
    assert [content["id"] for content, _ in page.messages("ack")] == ["a", "b"]
    assert page.settle()["state"] == "idle"
    assert page.widget.texts["baseline"] == scope.generate(PROMPT, max_new_tokens=6).text
    assert join(page.messages()) == made(page.widget)


def test_settings_that_come_with_start_are_taken_and_kept(page):
    start(page, prompt="On Monday", seed=8, max_new_tokens=2)
    page.settle()
    assert (page.widget.prompt, page.widget.seed, page.widget.max_new_tokens) == ("On Monday", 8, 2)
    assert page.messages("stream")[0][0]["settings"]["prompt"] == "On Monday"


@pytest.mark.parametrize(
    "wrong",
    [{"strength": math.nan}, {"strength": "1e3"}, {"strength": 101}, {"prompt": 5}, {"prompt": "word " * 100_000}]
    + [
        {"active": [1, 1]},
        {"changes": 5},
        {"changes": [{"ref": 3}]},
        {"changes": [5]},
        {"max_new_tokens": 513},
        {"max_new_tokens": 1.5},
    ]
    + [{"temperature": 2.1}, {"temperature": None}, {"seed": -1}, {"seed": 2**31}],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_start_with_one_wrong_setting_starts_nothing_and_changes_none(page, wrong):
    before = {name: getattr(page.widget, name) for name in (*SETTINGS, "changes")}
    page.forget()
    start(page, **({"prompt": "On Monday", "seed": 9} | wrong))
    status = page.settle()
    assert status["state"] == "error"
    assert status["message"]
    assert page.messages("stream") == []
    assert {name: getattr(page.widget, name) for name in before} == before
    start(page)
    assert page.settle()["state"] == "idle"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"type": "start", "id": "x", "settings": 5}, "the page's start message: settings must be an object, got 5"),
        ({"type": "start", "id": "x", "settings": [["prompt", "x"]]}, "settings must be an object"),
        ({"type": "start", "id": "x"}, "the page's start message must be an object with settings"),
        ({"type": "start", "id": "x", "settings": {"sed": 1}}, "settings.sed must be left out"),
        ({"type": "start", "id": "x", "settings": {"seed": "1"}}, "settings.seed must be a whole number from 0 to"),
        ({"type": "stop"}, "the page's stop message must be an object with id"),
        ({"type": "stop", "id": 5}, "id must be a string of at most 100 characters, got 5"),
        ({"type": "stop", "id": "x" * 101}, "id must be a string of at most 100 characters"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_message_of_another_form_is_refused_in_words(page, message, words):
    page.send(message)
    status = page.settle()
    assert status["state"] == "error"
    assert words in status["message"]
    assert page.messages("stream") == []


def test_a_start_changes_only_what_it_names(page):
    """What another page set meanwhile stays."""
    page.set(prompt="On Monday", seed=8)
    changes = write_changes(page, strength=0.1)
    page.send({"type": "start", "id": "x", "settings": {"changes": changes, "max_new_tokens": 2}})
    assert page.settle()["state"] == "idle"
    run = page.messages("stream")[-1][0]["settings"]
    assert (run["prompt"], run["seed"], run["changes"], run["max_new_tokens"]) == ("On Monday", 8, changes, 2)


def test_the_copy_of_a_run_names_what_it_was_made_with(page, scope, refs, check_copy):
    page.widget.features = [refs[0], scope.dictionary(layer=2).feature(900)]
    start(page, active=[True, True], strength=-0.4, temperature=0.7, seed=11)
    page.settle()
    page.set(seed=5, changes=write_changes(page, strength=1.0))  # after the run
    text = check_copy(page.widget._build_copy())
    names = [f"feature {ref.feature} of resid_post layer {layer}" for ref, layer in zip(refs, (3, 2), strict=True)]
    for word in (*(f"{name}: add −0.40" for name in names), "temperature 0.7", "seed 11", "At most 6 tokens"):
        assert word in text


def test_a_run_under_way_says_so_in_the_copy(page, scope, check_copy):
    scope.gate.clear()
    page.widget.start()
    assert "Generating…" in check_copy(page.widget._build_copy())
    scope.gate.set()
    page.widget.wait()
    assert "Generating…" not in check_copy(page.widget._build_copy())


def test_state_out_of_range_is_refused_from_page_and_python(page, refuse_all):
    refuse_all(page, "temperature", [-0.1, 2.1, "1", None], message="temperature must be a finite number from 0 to 2")
    refuse_all(page, "max_new_tokens", [0, 513, 1.5, "5", True], message="max_new_tokens must be a whole number from 1")
    refuse_all(page, "seed", [-1, 2**31, 1.0, "1", None], message="seed must be a whole number from 0")
    wrong = [
        write_changes(page, strength=one) for one in (math.inf, math.nan, 1e30, 101, -101, "1e3", "", True, [1], None)
    ]
    refuse_all(page, "changes", wrong, message="strength must be a finite number from -100 to 100")
    refuse_all(
        page, "changes", [write_changes(page, active=on) for on in ((1, 0), ("a", "b"))], message="on must be True"
    )
    refuse_all(page, "changes", ["ab", None, 5], message="changes is a list such as [gs.add(ref, 0.3)]")


def test_strength_and_switches_from_python(page, refs):
    widget = page.widget
    widget.strength = -0.2
    widget.active = [True, False]
    assert (widget.strength, widget.active) == (-0.2, (True, False))
    assert widget.interventions == (gs.add(refs[0], -0.2),)
    for value in (math.nan, 1e30, "1"):
        with pytest.raises(gs.InvalidValue, match="strength must be a finite number"):
            widget.strength = value
    for value in ([True], [1, 0], "ab", None):
        with pytest.raises(gs.InvalidValue, match="active must"):
            widget.active = value
    assert widget.interventions == (gs.add(refs[0], -0.2),)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"features": [-1]}, gs.UnknownFeature),
        ({"features": [3], "strength": math.nan}, gs.InvalidValue),
        ({"features": [3], "max_new_tokens": 0}, gs.InvalidValue),
        ({"features": [3], "strength_limit": 0}, gs.InvalidValue),
        ({"features": [3], "top_p": 1}, TypeError),
    ],
    ids=str,
)
def test_a_panel_that_cannot_be_made_is_refused(scope, arguments, error):
    with pytest.raises(error):
        gs.SteeringPanel(scope, **arguments)


# ---- a view that comes late, runs that overlap


def test_a_late_view_gets_everything_and_nothing_twice(page, hold_after):
    gate = hold_after(3)
    start(page, max_new_tokens=40, temperature=1.0)
    gate.wait_until_held()
    page.forget()
    page.send({"type": "ready"})
    assert page.messages("stream")[0][0]["reset"]
    gate.set()
    page.settle()
    assert join(page.messages()) == made(page.widget)
    page.forget()
    page.send({"type": "ready"})
    ((content, _),) = page.messages("stream")
    assert content["ended"] == "whole"
    assert len(page.messages("scores")) == 1
    assert join(page.messages()) == made(page.widget)


def test_late_views_at_every_moment_show_each_token_once(page):
    start(page, max_new_tokens=30, temperature=1.0)
    while page.widget.status["state"] == "busy":
        page.send({"type": "ready"})
        time.sleep(0.002)
    page.settle()
    assert join(page.messages()) == made(page.widget)


class Recorded:
    """A scope whose generations are driven by hand, one step at a time."""

    def __init__(self, scope):
        self._scope, self.runs = scope, []

    def __getattr__(self, name):
        return getattr(self._scope, name)

    def start_compare(self, prompt, interventions, *, on_step, slot, **settings):
        from gscope_widgets.records.rows import plan_comparison
        from gscope_widgets.runtime.worker import Job, Worker

        job = Job(len(self.runs) + 1, lambda _job: None, slot, Worker("driven by hand"))
        for older in self.runs:
            older[0].cancel()
        planned = plan_comparison(interventions, seeds=settings["seeds"], controls=settings["controls"])
        self.runs.append((job, on_step, planned, [[] for _ in planned], self._scope.tokens(prompt)))
        return job

    def step(self, run, *ids):
        from gscope_widgets.records.generation import GeneratedToken, TokenChance

        _, on_step, _, made, _ = self.runs[run]
        likeliest = (TokenChance(7, " seven", 0.5, 1.0),)
        step = {}
        for at, token_id in enumerate(ids):
            step[at] = GeneratedToken(len(made[at]), token_id, "x", -1.0, likeliest, (float(token_id), 0.0))
            made[at].append(step[at])
        on_step(step)

    def end(self, run, how):
        job, _, planned, made, tokens = self.runs[run]
        if isinstance(how, BaseException):
            job.set_exception(how)
            return
        rows = [
            ComparedText(name, kind, row.seed, row.interventions, tuple(own), how, *self.score(at, len(own)))
            for at, ((name, kind, row), own) in enumerate(zip(planned, made, strict=True))
        ]
        provenance = self._scope.provenance()
        job.set_result(Comparison(tokens, planned[1][2].interventions, tuple(rows), provenance))

    def score(self, at, count):
        """Log probabilities under the unchanged model, and KL: of the changed rows 5 nats worse."""
        worse = 5.0 if at % 5 == 1 else 0.0
        return np.full(count, -1.0 - worse, np.float32), np.full(count, worse / 2, np.float32)


@pytest.fixture
def recorded(scope):
    return Recorded(scope)


def test_what_an_older_run_still_makes_does_not_reach_the_new_ones_columns(recorded, refs, open_page):
    page = open_page(gs.SteeringPanel(recorded, PROMPT, features=refs))
    page.widget.start()
    recorded.step(0, 10, 11, 12)
    page.forget()
    page.widget.start()
    recorded.step(0, 20, 21, 22)  # the older run was in the middle of a step
    recorded.step(1, 30, 31, 32)
    recorded.end(0, gs.Cancelled("a newer request took its place"))
    recorded.step(1, 40, 41, 42)
    assert page.widget.status["state"] == "busy"
    recorded.end(1, "length")
    assert join(page.messages()) == {
        "baseline": (30, 40), "changed": (31, 41), "random 0": (32, 42), "random 1": (), "random 2": (),
    }  # fmt: skip
    assert [content["ended"] for content, _ in page.messages("stream") if content["ended"]] == ["whole"]
    assert page.widget.status["state"] == "idle"


def test_a_run_that_ends_at_once_is_told_as_ended(recorded, refs, open_page):
    page = open_page(gs.SteeringPanel(recorded, PROMPT, features=refs))
    for run in range(2):
        page.forget()
        page.widget.start()
        recorded.end(run, "context full")
        assert page.messages("stream")[-1][0]["ended"] == "whole"
        score = page.messages("scores")[-1][0]["rows"][0]
        assert (score["ended"], score["perplexity"], score["kl"]) == ("context full", None, None)
        assert score["note"] == "no token: the text ended at once, so there is no perplexity"
        assert score["note"] in page.widget._build_copy()
        assert page.widget.status["state"] == "idle"


def test_a_refusal_in_mid_run_does_not_stop_the_run_or_its_stream(recorded, refs, open_page):
    page = open_page(gs.SteeringPanel(recorded, PROMPT, features=refs))
    page.forget()
    page.widget.start()
    recorded.step(0, 10, 11, 12)
    page.set(changes=write_changes(page, strength="much"))
    assert "strength must be" in page.widget.status["message"]
    recorded.step(0, 20, 21, 22)
    recorded.end(0, "length")
    assert join(page.messages()) == {
        "baseline": (10, 20), "changed": (11, 21), "random 0": (12, 22), "random 1": (), "random 2": (),
    }  # fmt: skip


def test_a_model_that_raises_in_mid_run_ends_as_an_error_and_keeps_the_text(recorded, refs, open_page):
    page = open_page(gs.SteeringPanel(recorded, PROMPT, features=refs))
    page.widget.start()
    recorded.step(0, 10, 11, 12)
    recorded.end(0, gs.GscopeError("the model's output is not finite"))
    status = page.settle()
    assert (status["state"], status["message"]) == ("error", "the model's output is not finite")
    assert page.messages("stream")[-1][0]["ended"] == "error"
    assert page.widget.texts["baseline"] == "x"
    with pytest.raises(gs.GscopeError, match="not finite"):
        page.widget.wait()


def test_at_most_thirty_messages_a_second_and_none_is_lost_a8(recorded, refs, open_page):
    page = open_page(gs.SteeringPanel(recorded, PROMPT, features=refs))
    page.forget()
    page.widget.start()
    began = time.monotonic()
    for number in range(2000):
        recorded.step(0, number, number, number)
    recorded.end(0, "length")
    seconds = time.monotonic() - began
    assert len(page.messages("stream")) <= 31 * seconds + 4 + 6  # 6000 tokens are 6 messages at least
    assert join(page.messages())["changed"] == tuple(range(2000))


@pytest.mark.row("25")
def test_a_stop_ends_the_run_within_a_step(page, hold_after):
    gate = hold_after(2)
    start(page, max_new_tokens=200, temperature=1.0)
    gate.wait_until_held()
    page.widget.stop()
    count = len(page.widget._tokens("baseline"))
    gate.set()
    assert page.settle()["state"] == "cancelled"
    assert len(page.widget._tokens("baseline")) <= count + 1
    assert page.widget.texts["baseline"] != ""
    assert page.messages("scores") == []
    assert page.widget.comparison is None
    assert "not measured: the run was not whole" in page.widget._build_copy()


def test_closing_in_mid_run_stops_it_and_the_scope_goes_on(page, scope, hold_after):
    gate = hold_after(5)
    start(page, max_new_tokens=200, temperature=1.0)
    gate.wait_until_held()
    job = page.widget._run.job
    page.widget.close()
    gate.set()
    with pytest.raises(gs.Cancelled):
        job.result(60)
    assert scope.next_tokens(PROMPT, 2).chances


def test_a_scope_that_raises_at_start_is_told_to_both_sides(scope, refs, open_page):
    page = open_page(gs.SteeringPanel(scope, PROMPT, features=refs, max_new_tokens=3))
    page.widget.start()
    page.settle()
    texts = page.widget.texts
    scope.close()
    with pytest.raises(gs.Closed):
        page.widget.start()
    assert page.settle()["state"] == "error"
    start(page)
    assert "gs.load()" in page.settle()["message"]
    assert page.widget.texts == texts != dict.fromkeys(ROWS, "")


def test_two_panels_on_one_model_do_not_touch_each_other(scope, refs, open_page):
    pages = [
        open_page(gs.SteeringPanel(scope, prompt, features=refs, strength=strength, max_new_tokens=8))
        for prompt, strength in ((PROMPT, 1.0), ("On Monday", -1.0))
    ]
    alone = []
    for page in pages:
        page.widget.start()
        page.settle()
        alone.append(page.widget.texts)
    threads = [threading.Thread(target=page.widget.start) for page in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for page in pages:
        page.settle()
    assert [page.widget.texts for page in pages] == alone


# ---- what every widget offers


def test_the_frame_and_the_figure_hold_all_tokens(page):
    start(page)
    page.settle()
    frame = page.widget.to_frame()
    assert list(frame.columns) == [
        *("row", "seed", "step", "id", "token", "logprob", "baseline_logprob", "kl", "feature 3", "feature 900"),
    ]
    for name in ROWS:
        mine = frame[frame["row"] == name]
        assert tuple(mine["id"]) == made(page.widget)[name]
        assert "".join(mine["token"]) == page.widget.texts[name]
    figure = page.widget.plot()
    assert isinstance(figure, Figure)
    assert [len(axes.lines) for axes in figure.axes] == [5, 5]
    figure.canvas.draw()


def test_frame_figure_copy_and_code_can_be_had_before_any_run(page, check_copy):
    assert len(page.widget.to_frame()) == 0
    page.widget.plot().canvas.draw()
    assert "press Start" in check_copy(page.widget._build_copy())
    assert repr(PROMPT) in page.widget.to_code()
    json.dumps(page.widget.provenance.to_dict(), allow_nan=False)


def test_provenance_is_of_the_run_on_screen_and_holds_no_path(page, scope, dictionary):
    start(page)
    page.settle()
    page.set(prompt="Something else", changes=write_changes(page, strength=-1.0))
    record = page.widget.provenance.to_dict()
    text = json.dumps(record, allow_nan=False)
    assert record["token_ids"] == scope.tokens(PROMPT).ids
    assert [one.split(" of ")[0] for one in record["settings"]["interventions"]] == ["add 0.4 mean norms"] * 2
    assert (record["settings"]["seeds"], record["settings"]["controls"]) == ([3], 3)
    assert "/" not in text.replace(dictionary.info.id, "")


def test_the_copy_has_the_texts_and_only_what_an_untrusted_page_keeps(page, check_copy, hostile_words):
    start(page)
    page.settle()
    text = check_copy(page.widget._build_copy())
    for made_text in page.widget.texts.values():
        assert format_text(made_text) in text
    for word in hostile_words:
        start(page, prompt=word, max_new_tokens=1)
        assert page.settle()["state"] == "idle"
        check_copy(page.widget._build_copy())


def test_hostile_generated_text_is_inert_in_the_copy(recorded, refs, open_page, check_copy, hostile_words):
    page = open_page(gs.SteeringPanel(recorded, PROMPT, features=refs))
    page.widget.start()
    recorded.step(0, 1, 1, 1, 1, 1)
    for word in hostile_words:
        page.widget._run.made = [[replace(token, text=word) for token in row] for row in page.widget._run.made]
        check_copy(page.widget._build_copy())


# ---- what the unchanged model makes of it


@pytest.mark.row("27", "28", "NEW 3")
def test_perplexity_and_kl_are_the_scopes_own_and_come_with_the_first_result(page, scope, refs, check_copy):
    changed = [gs.add(refs[0], 0.4), gs.clamp(refs[1], 9.0, positions=slice(1, 3))]
    page.widget.interventions = changed
    page.forget()
    page.widget.temperature, page.widget.max_new_tokens = 1.0, 12
    page.widget.start()
    page.settle()
    expected = scope.compare(PROMPT, changed, max_new_tokens=12, temperature=1.0, seeds=(3,), controls=3)
    ((content, buffers),) = page.messages("scores")
    kl, logprobs = (np.frombuffer(one, np.float32) for one in buffers)
    np.testing.assert_array_equal(kl, np.concatenate([row.kl for row in expected.rows]))
    np.testing.assert_array_equal(logprobs, np.concatenate([row.baseline_logprobs for row in expected.rows]))
    assert [row["perplexity"] for row in content["rows"]] == [row.perplexity for row in expected.rows]
    assert [row["kl"] for row in content["rows"]] == [row.mean_kl for row in expected.rows]
    assert len({row["perplexity"] for row in content["rows"]}) == 5  # control
    frame = page.widget.to_frame()
    np.testing.assert_array_equal(frame["kl"].to_numpy(np.float32), kl)
    np.testing.assert_array_equal(frame["baseline_logprob"].to_numpy(np.float32), logprobs)
    text = check_copy(page.widget._build_copy())
    for row in expected.rows:
        assert f"{format_number(row.perplexity)}" in text
        assert format_text(row.text) in text
    assert page.widget.comparison.texts == expected.texts


@pytest.mark.row("28", "NEW 3")
def test_text_that_breaks_up_is_said_and_text_that_does_not_is_not(recorded, refs, open_page, check_copy):
    page = open_page(gs.SteeringPanel(recorded, PROMPT, features=refs))
    page.widget.start()
    for number in range(4):
        recorded.step(0, number, number, number, number, number)
    recorded.end(0, "length")
    ((content, _),) = page.messages("scores")
    assert content["warning"].startswith(
        "The changed text breaks up: perplexity under the unchanged model is over 3 times"
    )
    assert [row["note"] for row in content["rows"]] == ["", "breaks up", "", "", ""]
    assert content["warning"] in check_copy(page.widget._build_copy())
    recorded.score = lambda _at, count: (np.full(count, -1.0, np.float32), np.zeros(count, np.float32))
    page.forget()
    page.widget.start()
    recorded.step(1, 1, 2, 3, 4, 5)
    recorded.end(1, "length")
    ((content, _),) = page.messages("scores")
    assert (content["warning"], {row["note"] for row in content["rows"]}) == ("", {""})


@pytest.mark.row("24")
def test_tokens_come_with_what_else_could_have_been(page, scope, refs):
    page.forget()
    start(page, temperature=1.0)
    page.settle()
    told = [
        token
        for content, _ in page.messages("stream")
        for row in content["rows"]
        if row["at"] == 1
        for token in row["tokens"]
    ]
    changed = [gs.add(ref, 0.4) for ref in refs]
    alone = scope.generate(PROMPT, changed, max_new_tokens=6, temperature=1.0, seed=3).wait().tokens()
    for one, token in zip(told, alone, strict=True):
        expected = [(other.token, other.probability) for other in token.alternatives[:5]]
        assert [(other["text"], other["probability"]) for other in one["alternatives"]] == expected
        assert len(expected) == 5


# ---- several samples


@pytest.mark.row("NEW 23")
def test_samples_have_seeds_controls_and_intervals_of_their_own(page, scope, refs, check_copy):
    page.widget.samples, page.widget.temperature, page.widget.words = 4, 1.0, ["the", "Old"]
    page.forget()
    page.widget.start()
    page.settle()
    changed = [gs.add(ref, 0.4) for ref in refs]
    streams = page.messages("stream")
    assert [head["seed"] for head in streams[0][0]["heads"]] == [seed for seed in (3, 4, 5, 6) for _ in ROWS]
    whole = page.widget.comparison
    for at, seed in enumerate((3, 4, 5, 6)):
        for name, interventions in list_rows(scope, changed, first=3 * at).items():
            alone = scope.generate(PROMPT, interventions, max_new_tokens=6, temperature=1.0, seed=seed).text
            (row,) = [one for one in whole.rows if (one.name, one.seed) == (name, seed)]
            assert row.text == alone
    ((content, _),) = page.messages("scores")
    by_hand = [
        sum(bool({"the", "old"} & set(re.findall(r"\w+", text.lower()))) for text in whole.texts[name]) for name in ROWS
    ]
    assert [one["share"].split(" (")[0] for one in content["estimates"]] == [
        format_percent(hits / 4) for hits in by_hand
    ]
    text = check_copy(page.widget._build_copy())
    for row in whole.rows:
        assert format_text(row.text) in text
    assert "seeds 3, 4, 5, 6" in text
    assert "In brackets: 95% percentile bootstrap" in text
    assert len(page.widget.to_frame()["seed"].unique()) == 4
    assert "seeds = (3, 4, 5, 6)" in page.widget.to_code()


def test_words_are_counted_whole(scope):
    found = scope.compare("The old", [gs.add(scope.dictionary().feature(3), 0.4)], max_new_tokens=1)
    rows = tuple(replace(row, tokens=(replace(row.tokens[0], text=" Plumstead teas"),)) for row in found.rows)
    inside = replace(found, rows=rows).summarize(["tea"])
    assert {one.share.mean for one in inside} == {0.0}
    rows = tuple(replace(row, tokens=(replace(row.tokens[0], text=" Tea, please"),)) for row in found.rows)
    assert {one.share.mean for one in replace(found, rows=rows).summarize(["tea"])} == {1.0}


def test_a_share_has_wilsons_interval():
    """Numbers of Wilson (1927) as statsmodels' proportion_confint(method="wilson") gives them."""
    for count, of, low, high in ((0, 8, 0.0, 0.324416), (4, 8, 0.215211, 0.784789), (8, 8, 0.675584, 1.0)):
        found = estimate_share(count, of)
        assert (found.mean, found.low, found.high) == pytest.approx((count / of, low, high), abs=1e-5)


def test_several_samples_at_temperature_0_are_refused_in_words(page):
    start(page, samples=4, temperature=0)
    assert "at temperature 0 every seed gives the same text, got 4 seeds" in page.settle()["message"]
    assert page.messages("stream") == []


def test_samples_and_words_out_of_range_are_refused(page, refuse_all):
    refuse_all(page, "samples", [0, 33, 1.5, "4", None, True], message="samples must be a whole number from 1 to 32")
    refuse_all(page, "words", [5, None, [5], {"a": 1}], message="words is a list such as")
    refuse_all(page, "words", [["two words"], [""]], message="a word of a measure is letters and digits")


def test_a_long_run_reaches_a_late_view_in_messages_below_a_megabyte(recorded, refs, open_page):
    page = open_page(gs.SteeringPanel(recorded, PROMPT, features=refs, samples=4, temperature=1.0))
    page.widget.start()
    for number in range(300):
        recorded.step(0, *[number] * 20)
    recorded.end(0, "length")
    page.forget()
    page.send({"type": "ready"})
    sizes = [len(json.dumps(content)) for content, _ in page.messages("stream")]
    assert len(sizes) >= 6
    assert max(sizes) < 1_000_000
    assert join(page.messages()) == made(page.widget)
    assert [content["reset"] for content, _ in page.messages("stream")] == [True] + [False] * (len(sizes) - 1)
    assert [content["ended"] for content, _ in page.messages("stream")] == [""] * (len(sizes) - 1) + ["whole"]
