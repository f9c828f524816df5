"""`scope.compare` against plain transformers: perplexity, KL, texts; and what it refuses."""

import json
import math
import zlib
from itertools import pairwise

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.runtime.engine import CALIBRATION_TEXT
from gscope_widgets.runtime.gemma import forced
from tests.runtime.inside import loaded

PROMPT = "The old fisherman"
POINT = "model.layers.1.output"


def log_softmax(logits):
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def unit(vector):
    return vector / np.linalg.norm(vector)


class Plain:
    """The tiny model by transformers alone, with changes made by NumPy after layer 1."""

    def __init__(self, model, run, weights, tokens, *, calibration):
        self._model, self._run, self._weights, self._tokens = model, run, weights, tokens
        _, residual = run(model, calibration, layer=1)
        self.mean_norm = np.linalg.norm(residual[1:], axis=1).mean()

    def change(self, x, one):
        if one.kind == "random":
            matched = sum(self.change(x, part) for part in one.matched)
            random = np.random.default_rng([one.seed, zlib.crc32(POINT.encode())]).standard_normal(x.shape[1])
            return one.amount * np.linalg.norm(matched, axis=1, keepdims=True) * unit(random)
        row = self._weights["w_dec"][one.ref.feature]
        start = len(self._tokens) if one.positions == "generated" else 1
        here = (np.arange(len(x)) >= start)[:, None]
        if one.kind == "add":
            return here * one.amount * self.mean_norm * unit(row)
        pre = x @ self._weights["w_enc"][:, one.ref.feature] + self._weights["b_enc"][one.ref.feature]
        activation = np.where(pre > self._weights["threshold"][one.ref.feature], pre, 0.0)
        wanted = {"clamp": one.amount, "ablate": 0.0}[one.kind]
        return here * (wanted - activation)[:, None] * row

    def log_probabilities(self, ids, interventions=()):
        """[generated, d_vocab]: of each generated token, as the model predicts it from what stands before."""
        start = len(self._tokens)

        def edit(x):
            return x + sum(self.change(x, one) for one in interventions)

        logits, _ = self._run(self._model, ids, layer=1, edit=edit if interventions else None)
        return log_softmax(logits[start - 1 : -1])


@pytest.fixture
def plain(tiny, tiny_dictionary, load_plain, plain_run, read_weights):
    return Plain(
        load_plain(tiny.name),
        plain_run,
        read_weights(tiny_dictionary.folder.path),
        tiny.tokens(PROMPT),
        calibration=tiny.tokens(CALIBRATION_TEXT).ids,
    )


def made(dictionary, kind, positions="all"):
    ref = dictionary.feature(2)
    return {
        "add": [gs.add(ref, 0.6, positions=positions)],
        "clamp": [gs.clamp(ref, 9.0, positions=positions)],
        "both": [gs.clamp(ref, 9.0, positions=positions), gs.add(dictionary.feature(5), -0.4)],
    }[kind]


# ---- the numbers


@pytest.mark.parametrize(("kind", "positions"), [("add", "all"), ("clamp", "generated"), ("both", "all")])
@pytest.mark.row("28", "NEW 27")
def test_perplexity_and_kl_are_those_of_plain_transformers_on_each_rows_own_text(
    tiny, tiny_dictionary, plain, kind, positions
):
    interventions = made(tiny_dictionary, kind, positions)
    found = tiny.compare(PROMPT, interventions, max_new_tokens=14, temperature=1.0, seeds=(1, 5))
    assert [(row.name, row.seed) for row in found.rows] == [
        (name, seed) for seed in (1, 5) for name in ("baseline", "changed", "random 0", "random 1", "random 2")
    ]
    for row in found.rows:
        drawn = [token.id for token in row.tokens]
        assert len(drawn) == len(row.kl) == len(row.baseline_logprobs)
        ids = [*tiny.tokens(PROMPT).ids, *drawn]
        base, changed = plain.log_probabilities(ids), plain.log_probabilities(ids, row.interventions)
        at = np.arange(len(drawn)), drawn
        np.testing.assert_allclose(row.baseline_logprobs, base[at], atol=2e-3)
        np.testing.assert_allclose([token.logprob for token in row.tokens], changed[at], atol=5e-3)
        assert row.perplexity == pytest.approx(np.exp(-base[at].mean()), rel=2e-3)
        kl = (np.exp(changed) * (changed - base)).sum(1)
        np.testing.assert_allclose(row.kl, kl, atol=2e-3 * max(1, kl.max()))
        assert row.mean_kl == pytest.approx(row.kl.mean(), rel=1e-5)
        if row.kind == "baseline":
            assert row.interventions == ()
            assert not row.kl.any()
        else:
            assert row.kl.max() > 0.01
            reverse = (np.exp(base) * (base - changed)).sum(1)  # control: the other way round is another number
            assert np.abs(reverse - kl).max() > 5e-3 * kl.max()


def test_another_rows_text_gives_other_numbers(tiny, tiny_dictionary, plain):
    found = tiny.compare(PROMPT, made(tiny_dictionary, "add"), max_new_tokens=14, temperature=1.0)
    prompt = list(tiny.tokens(PROMPT).ids)
    baseline, changed = found.rows[:2]
    drawn = [token.id for token in changed.tokens]
    wrong = plain.log_probabilities([*prompt, *(token.id for token in baseline.tokens)])
    assert np.abs(wrong[np.arange(len(drawn)), drawn] - changed.baseline_logprobs).max() > 0.1


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_rows_are_what_generate_gives(scope, dictionary, temperature):
    interventions = [gs.add(dictionary.feature(3), 0.5)]
    found = scope.compare(PROMPT, interventions, max_new_tokens=12, temperature=temperature, seeds=(7,))
    assert len({row.text for row in found.rows}) > 2
    for row in found.rows:
        alone = scope.generate(PROMPT, row.interventions, max_new_tokens=12, temperature=temperature, seed=7)
        assert [token.id for token in alone] == [token.id for token in row.tokens]
        assert (row.text, row.ended) == (alone.text, alone.ended)


def test_chats_are_compared_as_they_are_generated():
    scope = gs.load("mini-it")
    chat = [{"role": "user", "content": "Tell me about cats."}]
    found = scope.compare(chat, [gs.clamp(scope.dictionary().feature(5), 30.0)], max_new_tokens=10)
    assert found.prompt == scope.tokens(chat)
    assert found.rows[0].text != found.rows[1].text
    for row in found.rows:
        alone = scope.generate(chat, row.interventions, max_new_tokens=10)
        assert (row.text, row.ended) == (alone.text, alone.ended)
    assert all(found.rows[2].text != row.text for row in found.rows[:2])


def test_at_temperature_0_the_texts_are_the_likeliest_of_plain_transformers(tiny, tiny_dictionary, plain):
    found = tiny.compare(PROMPT, made(tiny_dictionary, "clamp"), max_new_tokens=8)
    for row in found.rows[:2]:
        ids = list(tiny.tokens(PROMPT).ids)
        for token in row.tokens:
            nexts = plain.log_probabilities([*ids, 0], row.interventions)[-1]
            assert nexts[token.id] == pytest.approx(nexts.max(), abs=1e-3)
            ids.append(token.id)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_change_of_no_strength_changes_nothing_at_all(scope, dictionary, temperature):
    options = {"max_new_tokens": 12, "temperature": temperature, "seeds": (4,)}
    found = scope.compare(PROMPT, [gs.add(dictionary.feature(3), 0.0)], **options)
    assert len({row.text for row in found.rows}) == 1
    assert [float(row.kl.max()) for row in found.rows] == [0.0] * 5
    assert len({row.perplexity for row in found.rows}) == 1
    control = scope.compare(PROMPT, [gs.add(dictionary.feature(3), 0.5)], **options)
    assert min(row.kl.max() for row in control.rows[1:]) > 0.01
    assert len({row.perplexity for row in control.rows}) == 5


def test_where_generation_ends_early_a_rows_numbers_end_with_it(make_model):
    from dataclasses import replace

    from gscope_widgets.records.generation import SamplingPlan
    from gscope_widgets.records.rows import Row
    from gscope_widgets.runtime.features.continuations import continue_rows, score_rows
    from gscope_widgets.runtime.features.steering import Steering
    from gscope_widgets.runtime.gemma.loading import load_model
    from gscope_widgets.runtime.gemma.prefix import Prompts

    whole_model = load_model(str(make_model()), revision=None, device="cpu", dtype="auto", token=None)
    prompt = whole_model.tokenizer.tokenize(PROMPT)
    plan = SamplingPlan(12, 1.0)
    rows = [Row((), seed) for seed in (1, 2)]

    def run(model):
        options = {
            "plan": plan,
            "steer": lambda rows, _features: Steering(rows, resolve=None, prompt_length=4, ignored=()),
        }
        with torch.inference_mode():
            continued = finish(continue_rows(Prompts(model), prompt, rows, **options))
            return continued, finish(score_rows(model, prompt, continued))

    (whole, other), scores = run(whole_model)
    assert (whole.ended, len(whole.ids), len(scores[0].logprobs)) == ("length", 12, 12)
    end = next(token for token in whole.ids[3:] if token not in other.ids and token not in whole.ids[:3])
    cut, cut_scores = run(replace(whole_model, end_ids=frozenset([end])))
    length = whole.ids.index(end)
    assert (cut[0].ids, cut[0].ended) == (whole.ids[:length], "end of text")
    assert (cut[1].ids, cut[1].ended) == (other.ids, "length")
    np.testing.assert_allclose(cut_scores[0].logprobs, scores[0].logprobs[:length], atol=1e-4)
    nothing, nothing_scores = run(replace(whole_model, end_ids=frozenset([whole.ids[0], other.ids[0]])))
    assert [one.ids for one in nothing] == [(), ()]
    assert len(nothing_scores[0].logprobs) == 0


def finish(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


# ---- memory


def test_logits_are_made_in_blocks_of_bounded_size_and_the_blocks_do_not_matter(tiny, tiny_dictionary, monkeypatch):
    interventions, options = made(tiny_dictionary, "both"), {"max_new_tokens": 14, "temperature": 1.0, "seeds": (1, 2)}
    sizes = []

    def count(_module, inputs):
        sizes.append(inputs[0].shape[:-1].numel())

    whole = tiny.compare(PROMPT, interventions, **options)
    head = loaded(tiny).model.get_output_embeddings().register_forward_pre_hook(count)
    monkeypatch.setattr(forced, "_BLOCK", 3 * tiny.info.vocabulary)
    monkeypatch.setattr(forced, "PASS_TOKENS", 40)
    blocks = tiny.compare(PROMPT, interventions, **options)
    head.remove()
    decoding, scoring = sizes[:14], sizes[14:]
    assert decoding == [10] * 14
    assert max(scoring) == 3
    for one, other in zip(whole.rows, blocks.rows, strict=True):
        assert one.text == other.text
        np.testing.assert_allclose(one.kl, other.kl, atol=1e-4)
        np.testing.assert_allclose(one.baseline_logprobs, other.baseline_logprobs, atol=1e-4)


def test_a_block_of_gemmas_vocabulary_holds_few_positions():
    assert forced._BLOCK // 262_144 == 15
    assert forced._BLOCK * 8 <= 32_000_000  # bytes


# ---- a job among others


def test_progress_rises_from_0_to_1_and_other_work_has_its_turns(scope, dictionary):
    job = scope.start_compare(PROMPT, [gs.add(dictionary.feature(3), 0.5)], max_new_tokens=24)
    seen = []
    while not job.done():
        seen.append(scope.submit(lambda _job: job.progress).result() or 0.0)
    assert len(set(seen)) > 5
    assert all(before <= after for before, after in pairwise(seen))
    assert 0 <= seen[0] < 0.5
    assert job.progress == 1.0
    assert job.result().names == ("baseline", "changed", "random 0", "random 1", "random 2")


def test_a_cancel_stops_it_and_leaves_no_hook_and_the_next_answer_is_right(scope, dictionary, count_hooks):
    interventions = [gs.add(dictionary.feature(3), 0.5)]
    expected = scope.compare(PROMPT, interventions, max_new_tokens=8)
    job = scope.start_compare(PROMPT, interventions, max_new_tokens=200)
    scope.submit(lambda _job: None).result()
    job.cancel()
    with pytest.raises(gs.Cancelled):
        job.result()
    assert count_hooks(loaded(scope).model) == 0
    again = scope.compare(PROMPT, interventions, max_new_tokens=8)
    assert again.texts == expected.texts
    assert all((one.kl == two.kl).all() for one, two in zip(expected.rows, again.rows, strict=True))


def test_a_newer_one_in_the_same_slot_takes_its_place(scope, dictionary):
    interventions = [gs.add(dictionary.feature(3), 0.5)]
    older = scope.start_compare(PROMPT, interventions, max_new_tokens=200, slot="mine")
    newer = scope.start_compare(PROMPT, interventions, max_new_tokens=4, slot="mine")
    with pytest.raises(gs.Cancelled, match="newer request"):
        older.result()
    assert newer.result().rows[0].text


# ---- refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interventions": []}, "there is nothing to compare with"),
        ({"interventions": 5}, "interventions must be a list"),
        ({"seeds": ()}, "seeds must be one or more different whole numbers"),
        ({"seeds": (1, 1), "temperature": 1.0}, "seeds must be one or more different"),
        ({"seeds": (1, 2)}, "at temperature 0 every seed gives the same text, got 2 seeds"),
        ({"seeds": (-1,)}, "a seed must be a whole number from 0 to 2147483647, got -1"),
        ({"seeds": (2**31,)}, "a seed must be"),
        ({"seeds": ("1",)}, "a seed must be"),
        ({"seeds": (True,)}, "a seed must be"),
        ({"seeds": None}, "a seed must be"),
        ({"seeds": range(60), "temperature": 1.0}, "60 seeds of 5 rows are 300 texts, at most 256"),
        ({"controls": 2}, "controls must be a whole number from 3 to 16, got 2"),
        ({"controls": 17}, "controls must be"),
        ({"controls": True}, "controls must be"),
        ({"max_new_tokens": 0}, "max_new_tokens must be"),
        ({"temperature": math.nan}, "temperature must be"),
        ({"top_p": 0}, "top_p must be"),
        ({"prompt": []}, "no token ids given"),
        ({"prompt": 5}, "a prompt is"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_makes_no_sense_is_refused_in_words_and_runs_nothing(scope, dictionary, options, message):
    given = {"prompt": PROMPT, "interventions": [gs.add(dictionary.feature(3), 0.5)]} | options
    prompt, interventions = given.pop("prompt"), given.pop("interventions")
    with pytest.raises(gs.InvalidValue, match=message):
        scope.compare(prompt, interventions, **given)


def test_a_change_that_reaches_no_position_or_is_set_twice_is_refused(scope, dictionary):
    ref = dictionary.feature(3)
    with pytest.raises(gs.InvalidValue, match="changes nothing here"):
        scope.compare(PROMPT, [gs.add(ref, 0.5, positions=slice(200, 210))], max_new_tokens=4)
    with pytest.raises(gs.InvalidValue, match="both set"):
        scope.compare(PROMPT, [gs.ablate(ref), gs.clamp(ref, 3.0)], max_new_tokens=4)


# ---- the record


@pytest.fixture(scope="module")
def comparison(scope_of_module):
    dictionary = scope_of_module.dictionary()
    return scope_of_module.compare(
        PROMPT, [gs.add(dictionary.feature(3), 0.5)], max_new_tokens=6, temperature=1.0, seeds=(1, 2)
    )


@pytest.fixture(scope="module")
def scope_of_module():
    return gs.load("mini")


def test_the_frame_has_a_row_for_each_generated_token(comparison):
    frame = comparison.to_frame()
    assert list(frame.columns) == ["row", "seed", "step", "id", "token", "logprob", "baseline_logprob", "kl"]
    assert len(frame) == sum(len(row.tokens) for row in comparison.rows)
    chosen = frame[(frame["row"] == "random 1") & (frame["seed"] == 2)]
    (row,) = (row for row in comparison.rows if (row.name, row.seed) == ("random 1", 2))
    assert "".join(chosen["token"]) == row.text
    np.testing.assert_allclose(chosen["kl"], row.kl)


def test_texts_are_by_name_and_seed_and_the_repr_is_read(comparison):
    assert comparison.names == ("baseline", "changed", "random 0", "random 1", "random 2")
    assert [len(texts) for texts in comparison.texts.values()] == [2] * 5
    assert comparison.texts["changed"][1] == comparison.rows[6].text
    shown = repr(comparison)
    assert shown.splitlines()[0].startswith("<Comparison of 10 texts: add 0.5 mean norms of gscope-mini")
    assert f"changed, seed 1: perplexity {comparison.rows[1].perplexity:.3g}, KL" in shown
    assert max(map(len, shown.splitlines())) < 200


def test_provenance_says_all_that_is_needed_to_make_it_again(comparison, scope_of_module):
    record = comparison.provenance
    assert json.loads(json.dumps(record.to_dict()))["settings"]["seeds"] == [1, 2]
    assert list(record.dictionaries) == [scope_of_module.dictionary().info.id]
    assert record.token_ids == comparison.prompt.ids
    assert record.settings["interventions"] == [str(one) for one in comparison.interventions]
    assert record.settings["controls"] == 3


def test_the_plot_is_a_picture_with_its_axes_named(comparison):
    figure = comparison.plot()
    assert figure._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"
    left, right = figure.axes
    assert "KL" in left.get_ylabel()
    assert "perplexity" in right.get_ylabel()
    assert len(left.lines) == 8  # changed and three controls, two seeds each
    np.testing.assert_allclose(left.lines[0].get_ydata(), comparison.rows[1].kl)
