"""Generation: the plain model's tokens, the seed's draw, and an end that says why."""

import itertools
import signal
import threading
import time
from collections import Counter

import numpy as np
import pytest
import torch

import gscope_widgets as gs
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.runtime.gemma.generation import draw_tokens
from gscope_widgets.runtime.gemma.prefix import name_cache
from gscope_widgets.runtime.generation import Generation
from tests.runtime.inside import loaded


@pytest.fixture
def plain(tiny, load_plain):
    return load_plain(tiny.name)


def softmax(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def run_plainly(plain, ids):
    with torch.no_grad():
        return plain(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0, -1].numpy().astype(np.float64)


def test_the_likeliest_tokens_are_those_of_a_plain_pass_without_a_cache(tiny, plain):
    ids = list(tiny.tokens("The old man").ids)
    tokens = tiny.generate(ids, max_new_tokens=20).wait().tokens()
    assert [token.step for token in tokens] == list(range(len(tokens)))
    assert len(tokens) > 8  # past the sliding window
    for token in tokens:
        logits = run_plainly(plain, ids)
        assert logits[token.id] == pytest.approx(logits.max(), abs=1e-3)
        assert token.logprob == pytest.approx(np.log(softmax(logits)[token.id]), abs=2e-3)
        assert token.alternatives[0].id == token.id
        assert [chance.probability for chance in token.alternatives] == pytest.approx(
            sorted(softmax(logits))[::-1][:5], abs=1e-4
        )
        ids.append(token.id)


def test_transformers_own_generate_gives_the_same_text(tiny, plain):
    ids = list(tiny.tokens("On Monday").ids)
    with torch.no_grad():
        expected = plain.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False)[0, len(ids) :].tolist()
    found = [token.id for token in tiny.generate(ids, max_new_tokens=12).wait().tokens()]
    assert found == [token_id for token_id in expected if token_id not in (0, 1)]


@pytest.mark.row("7", "NEW 27")
def test_next_tokens_are_the_plain_models(tiny, plain):
    distribution = tiny.next_tokens("The old man", 10)
    probabilities = softmax(run_plainly(plain, distribution.tokens.ids))
    best = np.argsort(-probabilities)[:10]
    assert [chance.id for chance in distribution.chances] == best.tolist()
    np.testing.assert_allclose([chance.probability for chance in distribution.chances], probabilities[best], atol=1e-5)
    assert distribution.kl == 0.0
    assert distribution.interventions == ()
    assert all(base == changed for base, changed in distribution.pairs)


def test_kl_is_that_of_the_changed_from_the_unchanged_distribution(tiny, tiny_dictionary):
    distribution = tiny.next_tokens("The old man", 4096, [gs.add(tiny_dictionary.feature(2), 1.0)])
    base, changed = (np.array([pair[side].probability for pair in distribution.pairs]) for side in (0, 1))
    assert distribution.kl == pytest.approx((changed * np.log(changed / base)).sum(), rel=1e-3)
    assert distribution.kl != pytest.approx((base * np.log(base / changed)).sum(), rel=1e-3)  # control: the other way


@pytest.mark.parametrize("k", [0, -1, 4097, 1.0, True, "3"])
def test_k_out_of_range_is_refused(tiny, k):
    with pytest.raises(gs.InvalidValue, match="k must be a whole number from 1 to 4096"):
        tiny.next_tokens("x", k)


# ---- drawing


def draw_plainly(logits, *, temperature, top_p, uniform):
    probabilities = softmax(logits.astype(np.float64) / temperature)
    order = np.argsort(-probabilities, kind="stable")
    kept, mass = [], 0.0
    for token in order:
        kept.append(token)
        mass += probabilities[token]
        if mass >= top_p:
            break
    wanted, reached = uniform * mass, 0.0
    for token in sorted(kept):
        reached += probabilities[token]
        if reached > wanted:
            return token
    return max(kept)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("top_p", [1e-6, 0.5, 0.9, 1.0])
def test_a_draw_is_the_inverse_transform_of_its_uniform_number(temperature, top_p):
    random = np.random.default_rng(0)
    for uniform in (0.0, 1e-9, 0.25, 0.5, 0.999999):
        logits = random.normal(size=(3, 50)).astype(np.float32) * 2
        drawn = draw_tokens(torch.from_numpy(logits), plan=SamplingPlan(1, temperature, top_p, 0), uniform=uniform)
        assert drawn.tolist() == [
            draw_plainly(row, temperature=temperature, top_p=top_p, uniform=uniform) for row in logits
        ]


def test_draws_follow_the_distribution():
    logits = torch.tensor([[0.0, 1.0, 2.0, -40.0]])
    uniforms = (np.arange(4000) + 0.5) / 4000
    drawn = Counter(int(draw_tokens(logits, plan=SamplingPlan(1, 1.0), uniform=float(u))) for u in uniforms)
    expected = softmax(logits[0].numpy().astype(np.float64))
    for token in range(4):
        assert drawn[token] / 4000 == pytest.approx(expected[token], abs=1e-3)


def test_a_small_top_p_takes_the_likeliest_and_never_what_lies_outside():
    logits = torch.tensor([[1.0, 3.0, 2.9, 0.0]])
    for uniform in np.linspace(0, 0.9999, 50):
        assert draw_tokens(logits, plan=SamplingPlan(1, 1.0, 1e-6), uniform=float(uniform)).item() == 1
        assert draw_tokens(logits, plan=SamplingPlan(1, 1.0, 0.6), uniform=float(uniform)).item() in (1, 2)


def test_temperature_0_is_the_likeliest_whatever_the_seed(tiny):
    texts = {tiny.generate("Hello", max_new_tokens=8, temperature=0, seed=seed).text for seed in range(3)}
    assert len(texts) == 1


def test_a_seed_fixes_the_draw_and_another_seed_is_another(tiny):
    def draw(seed):
        return [
            token.id for token in tiny.generate("Hello", max_new_tokens=16, temperature=1.5, seed=seed).wait().tokens()
        ]

    assert draw(1) == draw(1)
    assert len({tuple(draw(seed)) for seed in range(4)}) == 4


def test_rows_share_their_random_numbers(tiny):
    generation = tiny.generate_rows("Hello", {"a": (), "b": ()}, plan=SamplingPlan(16, 1.5, 1.0, 3)).wait()
    one, other = generation.tokens("a"), generation.tokens("b")
    assert [token.id for token in one] == [token.id for token in other]
    np.testing.assert_allclose([token.logprob for token in one], [token.logprob for token in other], atol=1e-4)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("max_new_tokens", 0), ("max_new_tokens", 5.5), ("temperature", -1), ("temperature", float("nan")), ("top_p", 0)]
    + [("top_p", 1.1), ("seed", -1), ("seed", 2**31), ("seed", "1"), ("max_new_tokens", True)],
)
def test_a_setting_out_of_range_is_refused_before_anything_runs(tiny, setting, value):
    with pytest.raises(gs.InvalidValue, match=f"{setting} must be a .* number from .* got"):
        tiny.generate("Hello", **{setting: value})


# ---- ends


def test_it_ends_at_the_length_asked_for(tiny):
    generation = tiny.generate("Hello", max_new_tokens=3).wait()
    assert (generation.ended, len(generation.tokens())) == ("length", 3)


def test_it_ends_at_the_context_and_says_so(tiny):
    prompt = [2, *[300] * 109]
    generation = tiny.generate(prompt, max_new_tokens=50, temperature=1.0).wait()
    assert (generation.ended, len(generation.tokens())) == ("context full", 10)
    full = tiny.generate([2, *[300] * 119], max_new_tokens=5).wait()
    assert (full.ended, full.tokens()) == ("context full", ())


def prefer(scope, steps):
    """Makes the model give one token the highest logit at each step: a list of ids, or of one id a row."""
    head = loaded(scope).model.lm_head
    given = iter(steps)

    def hook(_module, _inputs, output):
        logits = torch.zeros_like(output)
        wanted = next(given)
        for row in range(len(logits)):
            logits[row, -1, wanted[row] if isinstance(wanted, tuple) else wanted] = 50.0
        return logits

    return head.register_forward_hook(hook)


def test_it_ends_at_the_end_token_which_is_no_part_of_the_text(tiny):
    handle = prefer(tiny, [300, 301, 1, 302])
    generation = tiny.generate("Hello", max_new_tokens=10).wait()
    handle.remove()
    assert generation.ended == "end of text"
    assert [token.id for token in generation.tokens()] == [300, 301]


def test_a_row_that_ends_early_stays_ended_while_others_go_on(tiny):
    handle = prefer(tiny, [(300, 300), (1, 301), (302, 302), (303, 1), (304, 304)])
    steps = []
    plan = SamplingPlan(10)
    generation = tiny.generate_rows("Hello", {"a": (), "b": ()}, plan=plan, on_step=steps.append).wait()
    handle.remove()
    assert generation.ended == "end of text"
    assert [token.id for token in generation.tokens("a")] == [300]
    assert [token.id for token in generation.tokens("b")] == [300, 301, 302]
    assert [[token is not None for token in step] for step in steps] == [[True, True], [False, True], [False, True]]


def test_text_comes_in_pieces_that_hold_back_half_a_character(tiny):
    face = tiny.tokens("😀").ids[1:]
    handle = prefer(tiny, [300, *face, 301, 1])
    generation = tiny.generate("Hello", max_new_tokens=10)
    pieces = [token.text for token in generation]
    handle.remove()
    assert pieces[1:5] == ["", "", "", "😀"]
    assert "\ufffd" not in generation.text


# ---- iterating, stopping


def test_iterating_again_gives_the_same_tokens_from_the_first(tiny):
    generation = tiny.generate("Hello", max_new_tokens=6)
    first = [token.id for token in generation]
    assert [token.id for token in generation] == first == [token.id for token in generation.tokens()]
    assert generation.text == "".join(token.text for token in generation)


def test_several_threads_iterate_one_generation(tiny):
    generation = tiny.generate("Hello", max_new_tokens=12, temperature=1.0)
    found = [[], [], []]
    threads = [threading.Thread(target=lambda into=into: into.extend(generation)) for into in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found[0] == found[1] == found[2] == list(generation.tokens())


@pytest.mark.parametrize("stop_at", [0, 1, 5])
def test_a_cancel_at_any_step_ends_it_within_one_token_and_keeps_what_was_made(tiny, stop_at):
    cancelled, passes = threading.Event(), itertools.count()

    def wait(_module, _inputs):
        assert next(passes) <= stop_at or cancelled.wait(60)

    with loaded(tiny).model.register_forward_pre_hook(wait):
        generation = tiny.generate("Hello", max_new_tokens=100, temperature=1.0)
        for token in generation:
            if token.step == stop_at:
                generation.cancel()
                cancelled.set()
    assert generation.ended == "cancelled"
    assert stop_at + 1 <= len(generation.tokens()) <= stop_at + 2
    assert tiny.next_tokens("Hello", 3).chances


def test_a_cancel_before_the_first_token_ends_it_empty(tiny):
    gate = threading.Event()
    tiny.submit(lambda _job: gate.wait(60))
    generation = tiny.generate("Hello", max_new_tokens=5)
    generation.cancel()
    gate.set()
    assert list(generation) == []
    assert generation.ended == "cancelled"


def test_an_interrupt_while_iterating_stops_the_generation(tiny):
    generation = tiny.generate("Hello", max_new_tokens=100, temperature=1.0)
    went = threading.Event()
    pause = loaded(tiny).model.register_forward_hook(lambda *_: time.sleep(0.02))

    def interrupt():
        went.wait(60)
        time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in generation:
            went.set()
        time.sleep(30)
    thread.join()
    pause.remove()
    deadline = time.monotonic() + 60
    while not generation.ended and time.monotonic() < deadline:
        time.sleep(0.005)
    # The interrupt may fall between two tokens, in the loop's own body: then the reader has to stop it.
    generation.cancel()
    assert generation.wait().ended in ("cancelled", "length", "context full", "end of text")
    assert tiny.next_tokens("Hello", 3).chances


def test_what_the_reader_of_steps_raises_ends_the_generation_as_an_error(tiny):
    def fail(_step):
        raise ValueError("no room")

    generation = tiny.generate_rows("Hello", {"a": ()}, plan=SamplingPlan(10), on_step=fail)
    with pytest.raises(ValueError, match="no room"):
        generation.wait()
    assert generation.ended == "error"
    assert tiny.generate("Hello", max_new_tokens=2).wait().ended == "length"


def test_who_waited_for_the_job_finds_the_generation_ended(tiny):
    """Though those who wait for a job go on before its callbacks are called."""
    gate, held = threading.Event(), threading.Event()
    job = tiny.submit(lambda _job: held.wait(60) and "length")
    job.add_done_callback(lambda _job: gate.wait(60))
    generation = Generation(("text",), prompt=tiny.tokens("Hello"))
    generation.attach(job)
    assert generation.ended == ""
    held.set()
    assert job.result(60) == generation.ended == "length"
    gate.set()


def test_progress_rises_to_one(tiny):
    generation = tiny.generate("Hello", max_new_tokens=4, temperature=1.0)
    generation.wait()
    assert generation.job.progress == len(generation.tokens()) / 4


def test_generating_inside_a_job_does_not_wait_for_ever(tiny):
    expected = tiny.generate("Hello", max_new_tokens=4).text
    assert tiny.submit(lambda _job: tiny.generate("Hello", max_new_tokens=4).text).result(60) == expected


def test_the_cache_goes_by_the_name_that_the_forward_pass_has_for_it():
    """transformers 5.24 renamed it, and warns of the old name."""

    class Before(torch.nn.Module):
        def forward(self, input_ids, past_key_values=None): ...

    class Since(torch.nn.Module):
        def forward(self, input_ids, cache=None, **options): ...

    assert [name_cache(one()) for one in (Before, Since)] == ["past_key_values", "cache"]
