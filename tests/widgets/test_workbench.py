"""The workbench: one state, parts that follow it, and a changed text that is read again."""

import pytest

import gscope_widgets as gs
from gscope_widgets.widgets.catalogue import EXAMPLE_TEXT

OTHER = "On Monday the children sang."


@pytest.fixture
def bench(scope):
    made = gs.Workbench(scope, EXAMPLE_TEXT, features=[3])
    yield made
    made.close()


@pytest.mark.row("NEW 1")
def test_a_text_is_read_by_every_part_that_was_made(bench, scope):
    bench.wait()
    lens, sliders = bench.lens, bench.sliders
    bench.wait()
    scope.calls.clear()
    bench.text = OTHER
    bench.wait()
    assert (bench.steering.prompt, lens.text, sliders.text) == (OTHER, OTHER, OTHER)
    # The sliders read their own features, besides the next token; the finder reads the text, which a live scope keeps.
    assert sorted(scope.calls) == ["logit_lens", "next_tokens", "read", "read", "read"]
    assert bench.reading.tokens == lens.reading.tokens == scope.tokens(OTHER)


def test_a_part_is_made_when_it_is_asked_for_and_not_before(bench):
    assert set(bench.parts) == {"finder", "steering"}
    assert bench.lens is bench.lens
    assert bench.parts == {name: getattr(bench, name).model_id for name in ("finder", "steering", "lens")}
    with pytest.raises(gs.InvalidValue, match="a part is one of steering, finder, card, sliders, lens, got 'graph'"):
        bench.get_part("graph")


@pytest.mark.parametrize("by", ["Python", "page"])
@pytest.mark.parametrize("name", ["lens", "finder"])
def test_a_part_that_is_closed_is_open_no_more_and_is_made_anew_when_it_is_asked_for(bench, check_copy, name, by):
    part, bench.text = bench.get_part(name), OTHER
    bench.wait()
    others = {one: id_ for one, id_ in bench.parts.items() if one != name}
    assert part._title in check_copy(bench._build_copy())
    if by == "Python":
        part.close()
    else:
        part.comm.handle_close({"content": {}})
    assert bench.parts == others
    assert part._title not in check_copy(bench._build_copy())
    bench.text = EXAMPLE_TEXT  # the others stay in step
    bench.wait()
    assert (bench.steering.prompt, part.text) == (EXAMPLE_TEXT, OTHER)
    anew = bench.get_part(name)
    assert (anew is part, anew.text) == (False, EXAMPLE_TEXT)
    assert bench.parts == {**others, name: anew.model_id}
    bench.text = OTHER
    assert anew.text == OTHER


def test_a_bench_without_parts_still_reads(bench):
    for part in list(bench._made.values()):
        part.close()
    assert bench.parts == {}
    bench.text = OTHER
    bench.wait()
    assert bench.reading.tokens.text == OTHER
    assert bench.steering.prompt == OTHER


@pytest.mark.parametrize("by", ["page", "Python"])
def test_a_part_that_failed_is_asked_again_with_the_text(bench, scope, open_page, monkeypatch, by):
    """Parts show no text field of their own in the bench."""
    page, lens = open_page(bench), bench.lens
    with monkeypatch.context() as patch:
        patch.setattr(scope, "logit_lens", lambda *_args, **_settings: 1 / 0)
        bench.text = OTHER
        page.settle()
        with pytest.raises(ZeroDivisionError):
            lens.wait()
    assert (bench.status["state"], lens.status["state"]) == ("idle", "error")
    calls = list(scope.calls)
    if by == "page":
        page.send({"type": "again", "state": {"text": OTHER}})
    else:
        bench.text = OTHER
    lens.wait()
    assert lens.reading.tokens.text == OTHER
    assert scope.calls[len(calls) :] == ["logit_lens"]  # nothing else is done again


@pytest.mark.row("NEW 1", "30")
def test_what_is_picked_in_one_part_is_picked_in_the_others(bench, dictionary):
    bench.feature = 7
    assert bench.feature == dictionary.feature(7)
    assert bench.features[0] == dictionary.feature(7)
    assert bench.steering.features == (dictionary.feature(7),)
    bench.pos = 2
    assert bench.lens.selected_pos == 2
    bench.lens.selected_pos = 4
    assert bench.pos == 4
    bench.steering.features = [9]
    assert bench.feature == dictionary.feature(9)
    with pytest.raises(gs.UnknownFeature):
        bench.feature = 5000


@pytest.mark.row("11", "16", "NEW 1")
def test_the_finder_lists_what_fires_at_the_token_picked_and_its_pick_is_everybodys(bench, dictionary):
    bench.pos = 2
    assert (bench.finder.text, bench.finder.pos) == (bench.text, 2)
    bench.pos = 3
    assert "at position 3" in bench.finder.shows()[0]
    found = int(bench.finder.to_frame()["feature"].iloc[-1])
    bench.finder.selected_feature = found
    assert bench.feature == dictionary.feature(found)
    bench.text = "The bird sang."
    bench.wait()
    assert bench.finder.reading.tokens.text == "The bird sang."


def test_the_card_is_of_the_feature_picked_and_its_neighbours_are_picked_for_all(bench, dictionary):
    bench.feature = 7
    assert bench.card.dashboard.ref == dictionary.feature(7)
    assert bench.card.text == bench.text
    bench.text = "On Monday the children sang."
    assert bench.card.reading.tokens.text == bench.text
    near = bench.card.dashboard.neighbours[0].ref
    bench.card.feature = near
    bench.wait()
    assert bench.feature == bench.features[0] == near
    assert bench.steering.features == (near,)


def test_interventions_are_what_start_steers_with(bench, dictionary):
    bench.interventions = [gs.add(dictionary.feature(4), 0.6), gs.add(dictionary.feature(5), 0.6)]
    assert bench.steering.strength == 0.6
    assert bench.interventions == bench.steering.interventions
    assert [(one.ref.feature, one.amount) for one in bench.interventions] == [(4, 0.6), (5, 0.6)]
    bench.interventions = gs.add(dictionary.feature(4), 0.6)
    assert [one.ref.feature for one in bench.interventions] == [4]
    for wrong in (3, [3], "add", None):
        with pytest.raises(gs.InvalidValue, match="interventions is a list such as"):
            bench.interventions = wrong
    bench.interventions = []
    assert bench.interventions == ()
    mixed = [gs.clamp(dictionary.feature(4), 3), gs.add(dictionary.feature(4), 1, positions="generated")]
    bench.interventions = mixed
    assert bench.interventions == bench.steering.interventions == tuple(mixed)
    assert bench.steering.features == (dictionary.feature(4),)
    with pytest.raises(gs.InvalidValue, match="both set"):
        bench.interventions = [*mixed, gs.ablate(dictionary.feature(4))]
    assert bench.interventions == tuple(mixed)


def test_the_changed_text_is_read_and_the_earlier_one_comes_back(bench, scope):
    with pytest.raises(gs.InvalidValue, match="nothing was generated yet; press Start"):
        bench.read_run()
    bench.steering.max_new_tokens = 5
    bench.steering.start()
    bench.wait()
    written = bench.steering.texts["changed"]
    bench.read_run()
    bench.wait()
    assert bench.text == EXAMPLE_TEXT + written
    assert bench.reading.tokens == scope.tokens(EXAMPLE_TEXT + written)
    assert bench.earlier == 1
    bench.read_run("baseline")
    bench.back()
    assert bench.text == EXAMPLE_TEXT + written
    bench.back()
    bench.wait()
    assert (bench.text, bench.earlier) == (EXAMPLE_TEXT, 0)
    bench.back()
    assert bench.text == EXAMPLE_TEXT
    with pytest.raises(
        gs.InvalidValue, match="a row is one of baseline, changed, random 0, random 1, random 2, got 'other'"
    ):
        bench.read_run("other")


def test_a_continued_chat_gets_a_turn(chat_scope):
    chat = [{"role": "user", "content": "The old fisherman sold"}]
    bench = gs.Workbench(chat_scope, chat, features=[3])
    bench.steering.max_new_tokens = 3
    bench.steering.start()
    bench.wait()
    written = bench.steering.texts["changed"]
    bench.read_run()
    assert bench.text == (*chat, {"role": "assistant", "content": written})
    bench.steering.start()
    bench.wait()
    more = bench.steering.texts["changed"]
    bench.read_run()
    assert bench.text == (*chat, {"role": "assistant", "content": written + more})
    bench.close()


def test_the_copy_holds_the_parts_and_follows_them(bench, check_copy):
    before = check_copy(bench._build_copy())
    assert "Steering panel" in before
    assert "Logit lens" not in before
    bench.steering.max_new_tokens = 4
    bench.steering.start()
    bench.lens.wait()
    bench.wait()
    copy = check_copy(bench._build_copy())
    for part in (bench, bench.steering, bench.lens):
        assert [word for word in part.shows() if word not in copy] == []
    assert not all(word in before for word in bench.lens.shows())


def test_closing_it_closes_its_parts(bench):
    parts = [bench.steering, bench.lens]
    bench.close()
    bench.close()
    assert [part.comm for part in (bench, *parts)] == [None] * 3
    with pytest.raises(gs.Closed, match="this Workbench was closed"):
        bench.sliders  # noqa: B018 - which was not made yet


def test_a_part_that_was_closed_does_not_keep_others_from_being_made(bench):
    bench.lens.close()
    bench.sliders.wait()
    bench.text = OTHER
    assert bench.sliders.text == bench.steering.prompt == OTHER
