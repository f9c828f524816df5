"""T10 and T11: the first steered token, and the rate of those that follow."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle

import torch
from nnsight import TransformersModel
from transformers import DynamicCache, TextIteratorStreamer
from transformers.generation.streamers import BaseStreamer

import gscope_widgets as gs
from gscope_widgets.records.generation import GeneratedToken, SamplingPlan
from gscope_widgets.records.interventions import Intervention
from tests.bench.gemma import Bench, compare_greedy, recompute_greedy, steered
from tests.bench.rows import Equality, Row
from tests.bench.shapes import Plan
from tests.bench.timing import Spread, alternate, alternate_told, compare

_FEATURE = 7
_STRONG = 0.5  # mean norms
_PARITY = 12  # tokens
_ROWS = 8


def measure_first_token(bench: Bench, plan: Plan) -> list[Row]:
    """T10: a new prompt; the same prompt with another strength; and that where generated positions alone are changed."""
    equal = {scope: _check_parity(bench, scope) for scope in ("all", "generated")}
    kept = next(bench.prompts)
    nnsight = TransformersModel(bench.load_plain(), tokenizer=bench.tokenizer, task="text-generation")
    strengths = cycle([step / 20 for step in range(1, 21)])
    sides: dict[str, Callable[[], object]] = {
        "ours, new prompt": lambda: _start_ours(bench, next(bench.prompts), next(strengths)),
        "ours, moved slider": lambda: _start_ours(bench, kept, next(strengths)),
        "ours, moved slider, generated positions": lambda: _start_ours(
            bench, kept, next(strengths), positions="generated", tokens=2
        ),
        "generate": lambda: _start_streamer(bench, next(bench.prompts), next(strengths)),
        "nnsight": lambda: _start_nnsight(bench, nnsight, next(bench.prompts), next(strengths)),
        "decode step": _make_step(bench, kept),
    }
    taken = alternate(sides, alternations=plan.alternations, window_s=plan.window_s)
    rows = []
    for own, peer, most, scope in (
        ("ours, new prompt", "generate", 0.9, "all"),
        ("ours, new prompt", "nnsight", None, "all"),
        ("ours, moved slider", "generate", 0.6, "all"),
        ("ours, moved slider, generated positions", "decode step", 1.3, "generated"),
    ):
        rows.append(
            Row(
                "T10",
                f"first steered token, {plan.prompt} tokens, layer {bench.layer}: {own.removeprefix('ours, ')}",
                measure=f"ours / {peer}",
                found=compare(taken, ours=peer, peer=own),
                equality=equal[scope],
                most=most,
                sides={side: Spread.of([1e3 * one for one in taken[side]]) for side in (own, peer)},
                unit="ms",
                note="generate has a hook and a TextIteratorStreamer" if peer == "generate" else "",
            )
        )
    return rows


def measure_rate(bench: Bench, plan: Plan) -> list[Row]:
    """T11: seconds a token after the first: ours steered, `generate` unsteered, and ours in eight rows."""
    rows = {"0": (), **{str(one): (_add(bench, one / _ROWS),) for one in range(1, _ROWS)}}
    tokens = plan.decoded
    sides = {
        "ours, steered": lambda: _time_ours(bench, next(bench.prompts), {"1": rows["1"]}, tokens),
        "ours, eight rows": lambda: _time_ours(bench, next(bench.prompts), rows, tokens),
        "generate": lambda: _time_generate(bench, next(bench.prompts), tokens),
    }
    taken = alternate_told(sides, alternations=plan.alternations)
    one, eight, peer = (taken[name] for name in ("ours, steered", "ours, eight rows", "generate"))
    batch = {"one": [_ROWS * seconds for seconds in one], "eight": eight}
    shown = {name: Spread.of([1e3 * seconds for seconds in values]) for name, values in taken.items()}
    return [
        Row(
            "T11",
            f"{tokens} tokens steered, against generate unsteered",
            measure="generate's time a token / ours",
            found=compare({"ours": one, "generate": peer}, ours="ours", peer="generate"),
            equality=_check_parity(bench, "all"),
            least=0.95,
            sides={name: shown[name] for name in ("ours, steered", "generate")},
            unit="ms",
        ),
        Row(
            "T11",
            f"{_ROWS} rows of {tokens} tokens, each with another strength, against one row",
            measure="tokens a second / one row's",
            found=compare(batch, ours="eight", peer="one"),
            equality=_check_rows(bench, rows),
            least=3.0,
            sides={name: shown[name] for name in ("ours, eight rows", "ours, steered")},
            unit="ms a step",
        ),
    ]


def _check_parity(bench: Bench, positions: str) -> Equality:
    """Greedy text against whole passes of a hooked model; on a prompt that is known from the baseline's pass."""
    ids = next(bench.prompts)
    bench.scope.next_tokens(ids)
    own = bench.scope.generate(ids, [_add(bench, _STRONG, positions)], max_new_tokens=_PARITY).wait().tokens()
    with steered(bench.plain, bench.layer, _delta(bench, _STRONG), first=1 if positions == "all" else len(ids)):
        theirs = recompute_greedy(bench.plain, ids, _PARITY)
    return compare_greedy(_list_pairs(own), theirs, recompute_greedy(bench.plain, ids, _PARITY))


def _check_rows(bench: Bench, rows: dict[str, tuple[Intervention, ...]]) -> Equality:
    """Each changed row of the batch against the same row alone."""
    ids = next(bench.prompts)
    plan = SamplingPlan(_PARITY, 0.0, 1.0, 0)
    together = bench.scope.generate_rows(ids, rows, plan=plan).wait()
    found = []
    for name, interventions in rows.items():
        if interventions:
            alone = bench.scope.generate_rows(ids, {name: interventions}, plan=plan).wait()
            found.append(
                compare_greedy(
                    *(_list_pairs(one) for one in (together.tokens(name), alone.tokens(), together.tokens("0")))
                )
            )
    worst = next((one for one in found if not one.holds), found[-1])
    return Equality(worst.holds, f"each row beside itself alone: {worst.text}")


def _list_pairs(tokens: Sequence[GeneratedToken]) -> list[tuple[int, float]]:
    return [(token.id, token.logprob) for token in tokens]


def _delta(bench: Bench, strength: float) -> torch.Tensor:
    row = torch.from_numpy(bench.dictionary.direction(_FEATURE))
    return strength * bench.norm * row / row.norm()


def _add(bench: Bench, strength: float, positions: str = "all") -> Intervention:
    return gs.add(bench.dictionary.feature(_FEATURE), strength * bench.norm, unit="raw", positions=positions)


def _start_ours(bench: Bench, ids: list[int], strength: float, *, positions: str = "all", tokens: int = 1) -> object:
    """The first token that is steered: with generated positions alone, that is the second."""
    return bench.scope.generate(ids, [_add(bench, strength, positions)], max_new_tokens=tokens).wait()


def _start_streamer(bench: Bench, ids: list[int], strength: float) -> None:
    inputs = torch.tensor([ids])
    streamer = TextIteratorStreamer(bench.tokenizer, skip_prompt=True)
    options = {"attention_mask": torch.ones_like(inputs), "max_new_tokens": 1, "do_sample": False}
    with steered(bench.plain, bench.layer, _delta(bench, strength), first=1):
        thread = threading.Thread(target=partial(bench.plain.generate, inputs, streamer=streamer, **options))
        thread.start()
        next(iter(streamer))
        thread.join()


def _start_nnsight(bench: Bench, model: TransformersModel, ids: list[int], strength: float) -> None:
    delta = _delta(bench, strength)
    with torch.no_grad(), model.generate(torch.tensor([ids]), max_new_tokens=1):
        model.model.layers[bench.layer].output[:, 1:] += delta


def _make_step(bench: Bench, ids: list[int]) -> Callable[[], object]:
    """One token through the whole model after a prompt whose keys and values are held."""
    cache = DynamicCache(config=bench.plain.config)
    with torch.no_grad():
        bench.plain(torch.tensor([ids]), past_key_values=cache, logits_to_keep=1)

    @torch.no_grad()
    def step() -> int:
        logits = bench.plain(torch.tensor([[ids[-1]]]), past_key_values=cache, logits_to_keep=1).logits
        cache.crop(-1)
        return int(logits.argmax())

    return step


def _time_ours(bench: Bench, ids: list[int], rows: dict[str, tuple[Intervention, ...]], tokens: int) -> float:
    stamps: list[float] = []
    plan = SamplingPlan(tokens, 0.0, 1.0, 0)
    bench.scope.generate_rows(ids, rows, plan=plan, on_step=lambda _step: stamps.append(time.perf_counter())).wait()
    return _per_token(stamps, tokens)


class _Stamps(BaseStreamer):
    def __init__(self) -> None:
        self.stamps: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        self.stamps.append(time.perf_counter())

    def end(self) -> None:
        pass


def _time_generate(bench: Bench, ids: list[int], tokens: int) -> float:
    inputs, streamer = torch.tensor([ids]), _Stamps()
    bench.plain.generate(
        inputs,
        attention_mask=torch.ones_like(inputs),
        min_new_tokens=tokens,
        max_new_tokens=tokens,
        do_sample=False,
        streamer=streamer,
    )
    return _per_token(streamer.stamps[1:], tokens)  # the first one is the prompt's


def _per_token(stamps: list[float], tokens: int) -> float:
    if len(stamps) != tokens:
        raise RuntimeError(f"{tokens} tokens were asked for, {len(stamps)} came")
    return (stamps[-1] - stamps[0]) / (tokens - 1)
