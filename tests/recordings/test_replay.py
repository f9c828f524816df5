"""A replayed scope gives what was recorded, number for number, and says what was not."""

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gscope_widgets as gs
from gscope_widgets.recordings.answers import Answers
from gscope_widgets.recordings.codec import Malformed, decode, encode
from gscope_widgets.recordings.container import read_recording
from gscope_widgets.recordings.contents import Contents, describe_left_out
from gscope_widgets.recordings.questions import write
from gscope_widgets.recordings.recorder import Recorder
from gscope_widgets.recordings.replay import ReplayedScope
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.records.protocols import Scope
from tests.recordings.asked import OTHER, PLAIN, PLAN, TEXT, ask_all, find_difference, list_paths, spoil

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def replayed(lesson):
    return gs.replay(lesson[0])


@pytest.fixture(scope="module")
def ref(replayed):
    return replayed.dictionary().feature(3)


@pytest.mark.row("55")
def test_the_same_questions_give_the_same_numbers(lesson, replayed):
    again = ask_all(replayed)
    assert {name: find_difference(answer, again[name]) for name, answer in lesson[1].items()} == dict.fromkeys(
        again, ""
    )
    for name in ("read", "loss", "next", "lens", "find", "card", "contrast", "compare"):
        assert again[name].provenance == lesson[1][name].provenance


def test_nothing_of_torch_is_needed(lesson):
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'huggingface_hub', 'pandas'): sys.modules[name] = None\n"
        "import gscope_widgets as gs\n"
        "from tests.recordings.asked import ask_all\n"
        f"print(len(ask_all(gs.replay({str(lesson[0])!r}))))\n"
        "print([name for name in sys.modules if name.startswith('gscope_widgets.runtime')])\n"
        "try: gs.load('mini')\nexcept ImportError: print('no torch')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.stdout.split("\n")[:3] == [str(len(lesson[1])), "[]", "no torch"], run.stderr


def test_it_says_what_it_is(lesson, replayed, scope):
    assert (replayed.power, scope.power) == ("replayed", "live on cpu")
    assert replayed.to_code() == f"scope = gs.replay({str(lesson[0])!r})"
    assert replayed.info == scope.info
    assert TEXT in replayed.texts
    for home in (scope.dictionary(), scope.dictionary("mlp_out", 4)):
        found = eval(replayed.write_opening(home.info.id), {"scope": replayed})
        assert found.info == home.info
        assert found is replayed.dictionary(home.info.site, home.info.layer)
        assert found is replayed.dictionary(path=f"/anywhere/else/{home.info.id}")
        assert {feature: found.label(feature) for feature in range(home.d_dict)} == {
            feature: home.label(feature) for feature in range(home.d_dict)
        }
        assert [found.max_activation(one) for one in range(home.d_dict)] == [
            home.max_activation(one) for one in range(home.d_dict)
        ]
    settings = {"token_ids": [1, 2], "seed": 3}
    ids = [scope.dictionary().info.id]
    assert replayed.provenance(ids, **settings) == scope.provenance(ids, **settings)


def test_two_dictionaries_of_one_folders_name_are_told_apart_by_their_paths(scope, tmp_path):
    own = gs.mini.DICTIONARIES["mini"] / "resid_post" / "layer_4_width_1k_l0_small"
    with scope.recording(tmp_path / "twins.gscope"):
        live = [scope.dictionary(path=path).info.id for path in (own, gs.mini.TWIN)]
    replayed = gs.replay(tmp_path / "twins.gscope")
    assert [replayed.dictionary(path=path).info.id for path in (own, gs.mini.TWIN)] == live
    assert len(set(live)) == 2
    with pytest.raises(gs.UnknownDictionary, match="several"):
        replayed.dictionary(path="/elsewhere/another-model/resid_post/layer_4_width_1k_l0_small")


# ---- less than was recorded


def test_some_features_are_read_out_of_a_reading_of_all(scope, replayed, lesson):
    chosen = [one.feature for one in lesson[1]["read"].top(3)] + [5]
    part, live = replayed.read(TEXT, features=chosen), scope.read(TEXT, features=chosen)
    assert part.selected == live.selected == tuple(chosen)
    np.testing.assert_allclose(part.to_dense(), live.to_dense(), rtol=1e-4, atol=1e-4)
    for name in ("positions", "features", "l0", "norm", "error_norm", "fvu"):
        np.testing.assert_allclose(getattr(part, name), getattr(live, name), rtol=1e-5)
        assert getattr(part, name).dtype == getattr(live, name).dtype
    assert (part.labels, part.max_activations, part.densities, part.total_fvu) == (
        live.labels,
        live.max_activations,
        live.densities,
        None,
    )
    assert part.provenance == live.provenance
    other = replayed.dictionary("mlp_out", 4)
    assert replayed.read(OTHER, other, features=[3]).selected == (3,)
    with pytest.raises(gs.NotRecorded, match=r"no reading with features \[3, 6\]; recorded: features \[5, 3\]"):
        replayed.read(OTHER, other, features=[3, 6])
    with pytest.raises(gs.NotRecorded, match="no reading with features none"):
        replayed.read(OTHER, other)


def test_fewer_of_the_likeliest_tokens_are_those_of_the_live_scope(scope, replayed, ref):
    changes = [gs.clamp(ref, 30.0)]
    for k in (1, 3, 8):
        for made in ((), changes):
            assert find_difference(replayed.next_tokens(TEXT, k, made), scope.next_tokens(TEXT, k, made)) == ""
    with pytest.raises(gs.NotRecorded, match="no prediction with k 9; recorded: k 8"):
        replayed.next_tokens(TEXT, 9)


def test_a_part_of_a_lens_is_that_of_the_live_scope(scope, replayed):
    for options in ({"k": 2}, {"k": 4, "layers": [1, 3]}, {"k": 1, "layers": [2], "track": [9]}):
        part, live = replayed.logit_lens(TEXT, **options), scope.logit_lens(TEXT, **options)
        assert find_difference(replace(part, paths=()), replace(live, paths=())) == ""
        assert [path.id for path in part.paths] == [path.id for path in live.paths]
        for one, other in zip(part.paths, live.paths, strict=True):
            np.testing.assert_array_equal(one.ranks, other.ranks)
    with pytest.raises(gs.NotRecorded, match="no logit lens with track"):
        replayed.logit_lens(TEXT, 4, track=[77])


def test_fewer_hits_and_examples(scope, replayed, ref):
    assert find_difference(replayed.find("fish", k=2).hits, scope.find("fish", k=2).hits) == ""
    assert find_difference(replayed.card(ref, examples=2).examples, scope.card(ref, examples=2).examples) == ""
    with pytest.raises(gs.NotRecorded):
        replayed.find("fish", k=7)


def test_a_pair_is_answered_the_other_way_round(scope, replayed):
    found, live = replayed.contrast(OTHER, TEXT), scope.contrast(OTHER, TEXT)
    assert (find_difference(found, live), found.provenance) == ("", live.provenance)
    assert find_difference(found, replayed.contrast(TEXT, OTHER)) != ""
    names = [scope.dictionary().info.id, scope.dictionary("mlp_out", 4).info.id]
    texts = [f"The old {noun} was" for noun in ("cat", "dog", "bird")]
    found, live = (one.compare_dictionaries(TEXT, names[::-1], texts=texts) for one in (replayed, scope))
    assert [one.dictionary_info.id for one in found.readings] == names[::-1]
    assert {one.kind for one in found.pairs[0].matches} > {"split", "only first", "only second"}
    for one, other in zip(found.pairs[0].matches, live.pairs[0].matches, strict=True):
        assert find_difference(replace(one, value=None, nearest=None), replace(other, value=None, nearest=None)) == ""
        for name in ("value", "nearest"):
            assert getattr(one, name) == pytest.approx(getattr(other, name))
    assert find_difference(replace(found, pairs=()), replace(live, pairs=())) == ""
    assert found.provenance == live.provenance


def test_no_ids_are_no_tokens_as_live(scope, replayed):
    for nothing in ([], (), [[]], np.array([], np.int64)):
        assert replayed.tokens(nothing) == scope.tokens(nothing)
    for one in (scope, replayed):
        with pytest.raises(gs.InvalidValue, match="no token ids given; a prompt has at least one"):
            one.read([])


def test_what_is_no_list_and_no_plain_data_is_refused_in_words(replayed, ref):
    for wrong in (3, np.array(3), iter([TEXT]), "text"):
        with pytest.raises(gs.InvalidValue, match="texts must be a list"):
            replayed.card(ref, texts=wrong)
    with pytest.raises(gs.InvalidValue, match="nothing that a scope is asked with"):
        write({ref: 3})


def test_a_row_is_found_alone_and_beside_others(scope, replayed, ref, lesson):
    changes = [
        gs.add(ref, 0.5, positions="prompt"),
        gs.ablate(replayed.dictionary().feature(4), positions=slice(2, None)),
    ]
    features = [ref, replayed.dictionary("mlp_out", 4).feature(7)]
    alone = replayed.generate(TEXT, changes, max_new_tokens=4, temperature=1.0, seed=4, features=features)
    assert tuple(alone) == lesson[1]["rows"][1]
    assert find_difference(alone.trace(), lesson[1]["trace"]) == ""
    seen = []
    both = replayed.generate_rows(
        TEXT, {"a": changes, "b": ()}, plan=PLAN, seeds=[4, 3], features=features, on_step=seen.append
    ).wait()
    assert both.job.done() and both.ended in ("length", "end of text")
    assert [step[0] for step in seen] == list(both.tokens("a")) and len(seen[0]) == 2
    assert both.tokens("b") == lesson[1]["rows"][0]
    greedy = replayed.generate(TEXT, changes, max_new_tokens=4, seed=77, top_p=0.5)
    assert tuple(greedy) == lesson[1]["greedy"]  # at temperature 0 nothing is drawn
    with pytest.raises(gs.NotRecorded, match="seed 9"):
        replayed.generate(TEXT, changes, max_new_tokens=4, temperature=1.0, seed=9, features=features)
    with pytest.raises(gs.InvalidValue, match="the rows are"):
        both.tokens("c")


def test_a_step_that_raises_is_told_to_whoever_waits(replayed):
    def fail(_step):
        raise ValueError("on purpose")

    changes = [gs.add(replayed.dictionary().feature(3), 0.5, positions="prompt")]
    changes.append(gs.ablate(replayed.dictionary().feature(4), positions=slice(2, None)))
    generation = replayed.generate_rows(TEXT, {"text": changes}, plan=SamplingPlan(4), on_step=fail)
    with pytest.raises(ValueError, match="on purpose"):
        generation.wait()
    assert generation.ended == "error"


def test_settings_are_exact_and_what_is_there_is_named(replayed, ref):
    with pytest.raises(gs.NotRecorded) as raised:
        replayed.next_tokens(TEXT, 8, [gs.clamp(ref, 29.0)])
    assert str(raised.value).endswith(
        "holds no prediction with clamp 29 of feature 3; recorded: no change; "
        "add 0.5 of feature 3 and ablate of feature 4; clamp 30 of feature 3"
    )
    with pytest.raises(gs.NotRecorded, match="no comparison with controls 4; recorded: controls 3"):
        replayed.compare(
            TEXT,
            [
                gs.add(ref, 0.5, positions="prompt"),
                gs.ablate(FeatureRef(ref.dictionary_id, 4), positions=slice(2, None)),
            ],
            max_new_tokens=3,
            temperature=1.0,
            seeds=(1, 4),
            controls=4,
            features=[ref],
        )
    with pytest.raises(gs.InvalidValue, match="a measure that is a function, len.text., is not recorded"):
        replayed.dose(TEXT, ref, measure=len)


# ---- what was not recorded


@pytest.mark.parametrize(
    "text", ["The old fisher", "", "x" * 500, [5, 6], [{"role": "user", "content": "Hi"}], "\ud800"]
)
def test_a_text_that_was_not_recorded_is_refused_with_those_that_were(lesson, replayed, text):
    if text == "":
        replayed.read("")
        return
    with pytest.raises(gs.NotRecorded, match="has no text .*the texts recorded are .* and [0-9]+ more") as raised:
        replayed.read(text)
    if text == "The old fisher":
        assert "the texts recorded are 'The old fisherman sold" in str(raised.value)


def test_other_words_for_the_same_question_find_it(scope, replayed):
    ids = replayed.tokens(TEXT).ids
    reading = replayed.read(TEXT)
    for asked in (replayed.dictionary(), replayed.dictionary().info.id, None):
        assert replayed.read(TEXT, asked) is reading
    assert replayed.tokens(np.array(ids)) == replayed.tokens([list(ids)]) == replayed.tokens(ids)
    with pytest.raises(gs.InvalidValue, match="comes from scope.dictionary"):
        replayed.read(TEXT, scope.dictionary())  # a dictionary of the live scope


def test_bad_questions_are_refused_by_the_same_kind_of_error(replayed, ref):
    home = replayed.dictionary()
    for error, ask in (
        (gs.InvalidValue, lambda: replayed.tokens(5)),
        (gs.InvalidValue, lambda: replayed.tokens([{"role": 1}])),
        (gs.PromptTooLong, lambda: replayed.tokens("word " * 100_000)),
        (gs.InvalidValue, lambda: replayed.read(TEXT, 5)),
        (gs.UnknownDictionary, lambda: replayed.read(TEXT, "elsewhere")),
        (gs.UnknownDictionary, lambda: replayed.dictionary(layer=5)),
        (gs.UnknownFeature, lambda: replayed.read(TEXT, features=[1024])),
        (gs.UnknownFeature, lambda: home.feature(-1)),
        (gs.UnknownFeature, lambda: replayed.describe(FeatureRef(home.info.id, 1024))),
        (gs.UnknownDictionary, lambda: replayed.describe(FeatureRef("elsewhere", 3))),
        (gs.UnknownDictionary, lambda: replayed.provenance(["elsewhere"])),
        (gs.InvalidValue, lambda: replayed.describe(3)),
        (gs.InvalidValue, lambda: replayed.next_tokens(TEXT, 0)),
        (gs.InvalidValue, lambda: replayed.next_tokens(TEXT, 3, [3])),
        (gs.InvalidValue, lambda: replayed.next_tokens(TEXT, 3, [gs.ablate(ref)] * 2)),
        (gs.InvalidValue, lambda: replayed.generate_rows(TEXT, {}, plan=SamplingPlan())),
        (gs.InvalidValue, lambda: replayed.generate(TEXT, features=[ref] * 2)),
        (gs.InvalidValue, lambda: replayed.generate(TEXT, max_new_tokens=0)),
        (gs.InvalidValue, lambda: replayed.dose(TEXT, ref, measure=None)),
        (gs.InvalidValue, lambda: replayed.find(5)),
        (gs.NotRecorded, lambda: replayed.find("never asked")),
        (gs.InvalidValue, lambda: replayed.find(positive="text")),
        (gs.NotRecorded, lambda: replayed.contrast(OTHER, OTHER)),
        (gs.InvalidValue, lambda: replayed.read([])),
        (gs.NotRecorded, lambda: replayed.card(home.feature(9))),
    ):
        with pytest.raises(error) as raised:
            ask()
        assert "\n" not in str(raised.value) and len(str(raised.value)) < 900


@pytest.fixture(scope="module")
def small(scope, tmp_path_factory):
    """The JSON of a small recording, its arrays, and what can be asked of it."""
    path = tmp_path_factory.mktemp("recording") / "small.gscope"
    text, home = "The cat", scope.dictionary()
    asks = [
        lambda scope: scope.read(text),
        lambda scope: scope.read(text, features=[3]).to_dense(),
        lambda scope: scope.next_tokens(text, 3),
        lambda scope: scope.next_tokens(text, 2, [gs.ablate(home.feature(4))]),
        lambda scope: scope.logit_lens(text, 2, layers=[1], track=[5]).top(layer=1, pos=0),
        lambda scope: scope.generate(text, max_new_tokens=2, features=[home.feature(3)]).trace(),
        lambda scope: scope.find("fish", k=2),
        lambda scope: scope.contrast(text, "The dog").differing(),
        lambda scope: scope.describe(home.feature(3)),
        lambda scope: scope.write_opening(home.info.id),
        lambda scope: scope.tokens("never"),
        lambda scope: scope.read(text, features=[1023]),
    ]
    with scope.recording(path):
        for ask in asks:
            ask(scope)
    contents, arrays = read_recording(path)
    (kept,) = contents.dictionaries
    labels = dict(list(kept.labels.items())[:3])  # a file has hundreds, all of one form
    few = replace(contents, dictionaries=(replace(kept, labels=labels, max_activations={3: 5.0}),))
    content = encode(few, Contents, {})
    paths = list(list_paths(content, depth=7))
    asked = [path for path in paths if path[0] == "answers" and "settings" in path]
    return content, st.sampled_from(asked) | st.sampled_from(paths), arrays, asks


@settings(max_examples=200)
@given(st.data())
def test_whatever_a_file_says_is_answered_or_refused_in_words(small, data):
    """Signed as it should be: whoever makes a file can make its sums."""
    content, paths, arrays, asks = small
    spoiled = spoil(content, data.draw(paths), data.draw(PLAIN | st.sampled_from([*arrays][:5])))
    try:
        contents = decode(spoiled, Contents, arrays)
        replayed = ReplayedScope(contents, Answers(contents, arrays, path="x"), path="x")
    except (Malformed, OverflowError, gs.BadArtefact):
        return
    for ask in asks:
        try:
            ask(replayed)
        except gs.GscopeError as error:
            assert str(error)


# ---- work without a thread


def test_work_is_done_where_it_is_asked_for(replayed):
    before, seen = set(threading.enumerate()), []

    def steps(job):
        yield 0.5
        seen.append((job.progress, job.done(), threading.current_thread() is threading.main_thread()))
        with pytest.raises(gs.NotFinished):
            job.result()
        return replayed.submit(lambda _job: 7).result()

    job = replayed.submit(steps, slot="here")
    assert (job.result(), seen, job.done(), job.is_current) == (7, [(0.5, False, True)], True, False)
    assert set(threading.enumerate()) - before == set()
    failed = replayed.submit(lambda _job: 1 / 0)
    told = []
    failed.add_done_callback(told.append)
    assert told == [failed] and isinstance(failed.exception(), ZeroDivisionError)

    def stop(job):
        assert job.cancel() and job.stopping
        yield None
        raise AssertionError("it was stopped")

    with pytest.raises(gs.Cancelled):
        replayed.submit(stop).wait()
    assert not job.cancel()


# ---- recording


def test_what_jobs_and_threads_ask_is_recorded_and_waited_for(scope, tmp_path):
    path = tmp_path / "a.gscope"
    with scope.recording(path) as recorder:
        thread = threading.Thread(target=lambda: scope.read("asked by a thread"))
        thread.start()
        scope.submit(lambda _job: scope.next_tokens("asked by a job", 3))
        scope.generate("asked to go on", max_new_tokens=5)
        scope.start_find(positive=["asked to be found"])
        with pytest.raises(gs.InvalidValue, match="is recording already"), scope.recording(tmp_path / "b.gscope"):
            pass
        thread.join()
    assert repr(recorder).startswith("<Recorder of 4 answers on 4 texts")
    scope.read("asked afterwards")
    replayed = gs.replay(path)
    assert replayed.read("asked by a thread").tokens.text == "asked by a thread"
    assert replayed.next_tokens("asked by a job", 3).chances
    assert len(replayed.generate("asked to go on", max_new_tokens=5).tokens()) == 5
    assert replayed.find(positive=["asked to be found"]).hits
    with pytest.raises(gs.NotRecorded):
        replayed.read("asked afterwards")


def test_an_answer_that_a_fault_of_ours_keeps_out_is_counted_and_told(scope, tmp_path, monkeypatch, caplog):
    path = tmp_path / "a.gscope"
    keep = Recorder._keep

    def fail(self, question, answer):
        if question.name in ("find", "next_tokens"):
            raise TypeError("no rule for\n  a new kind")
        keep(self, question, answer)

    monkeypatch.setattr(Recorder, "_keep", fail)
    recorder = scope.recording(path).start()
    assert scope.find(positive=["asked to be found"]).hits  # of a job
    assert scope.next_tokens("asked at once", 3).chances
    scope.read("The cat")
    with pytest.warns(UserWarning, match="2 answers are not in") as said:
        recorder.stop()
    reason = "an answer could not be written down: TypeError: no rule for a new kind"
    assert recorder.left_out == {reason: 2}
    assert [str(one.message) for one in said] == [f"2 answers are not in {path}: {reason} (2)"]
    assert not caplog.records  # none was left to concurrent.futures, which logs and forgets
    replayed = gs.replay(path)
    assert replayed.read("The cat").tokens.text == "The cat"
    with pytest.raises(gs.NotRecorded, match=f"2 answers are not in it: {reason}"):
        replayed.find(positive=["asked to be found"])


def test_what_cannot_be_recorded_is_answered_all_the_same_counted_and_told(scope, tmp_path):
    path = tmp_path / "a.gscope"
    ref = scope.dictionary().feature(3)
    recorder = scope.recording(path).start()
    found = scope.dose("The cat", ref, measure=len, samples=3, max_new_tokens=2)
    ids = (one for one in (5, 6, 7))
    assert len(scope.read("The cat", features=ids).selected) == 3
    scope.generate("The cat", max_new_tokens=400, temperature=1.0).cancel()
    assert scope.mean_norm() == scope.mean_norm()
    scope.start_dose("The cat", ref, measure={"fish"}, max_new_tokens=400).cancel()
    with pytest.warns(UserWarning, match="6 answers are not in ") as said:
        recorder.stop()
    assert found.samples
    assert gs.replay(path).describe(ref) == scope.describe(ref)
    with pytest.raises(
        gs.NotRecorded, match="has no text 'The cat'.*; 6 answers are not in it: .*; and 1 other reason"
    ):
        gs.replay(path).generate("The cat", max_new_tokens=400, temperature=1.0)
    assert sorted(recorder.left_out.values()) == [1, 1, 2, 2]
    assert recorder.left_out["stopped before their end"] == 2
    assert recorder.left_out["only a live scope answers scope.mean_norm"] == 2
    (warning,) = said
    assert describe_left_out({"stopped": 1}, where="in it") == "1 answer is not in it: stopped (1)"
    assert str(warning.message).startswith(f"6 answers are not in {path}: a measure that is a function, len")
    assert str(warning.message).endswith("; and 1 other reason")
    assert warning.filename == __file__


# ---- a session


def test_what_is_clicked_between_start_and_stop_is_recorded(scope, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recorder = scope.recording("a.gscope")
    scope.read("asked before")
    assert recorder.start() is recorder
    heatmap = gs.TokenHeatmap(scope, "The old fisherman", features=[3])
    heatmap.set_state({"text": "typed by hand"})  # as the page does
    heatmap.wait()
    assert not Path("a.gscope").exists()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    recorder.stop()
    heatmap.close()
    scope.read("asked afterwards")
    replayed = gs.replay(tmp_path / "a.gscope")
    assert set(replayed.texts) == {"The old fisherman", "typed by hand"}
    assert replayed.read("typed by hand").tokens.text == "typed by hand"
    for again in (recorder.start, recorder.stop, scope.recording(tmp_path / "b.gscope").stop):
        with pytest.raises(gs.InvalidValue, match="was started before|is not under way"):
            again()
    with scope.recording(tmp_path / "b.gscope"):
        pass  # the scope is free again


def test_the_place_is_looked_at_before_anything_is_asked(scope, tmp_path):
    folder = tmp_path / "lessons"
    folder.mkdir()
    recorder = scope.recording(folder / "a.gscope")
    folder.rmdir()
    with pytest.raises(gs.InvalidValue, match="there is no folder"):
        recorder.start()
    folder.mkdir()
    (folder / "a.gscope").write_text("mine")
    with pytest.raises(gs.InvalidValue, match="is there already and is no recording"):
        recorder.start()
    (folder / "a.gscope").unlink()
    with recorder:
        scope.tokens("The cat")
    assert gs.replay(folder / "a.gscope").texts == ("The cat",)


def test_the_replayed_scope_obeys_the_protocol(replayed):
    missing = [name for name in vars(Scope) if not name.startswith("_") and not hasattr(replayed, name)]
    assert missing == []
