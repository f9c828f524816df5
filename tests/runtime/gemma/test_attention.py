"""Attention beside transformers' own: patterns, what they carry, and each score by its formula."""

import re

import numpy as np
import pytest
import torch
from transformers import Gemma3ForConditionalGeneration

import gscope_widgets as gs
from gscope_widgets.records.attention import MAX_NUMBERS, SCORES, finish_scores, weigh_scores
from gscope_widgets.runtime.gemma import loading
from tests.hub.gemma import write_gemma
from tests.runtime.inside import loaded

TEXT = "The old fisherman sold 12 fish, and the old fisherman sold his boat."


def run_plainly(model, ids):
    """Eager patterns by layer, and by layer what goes into o_proj, what comes out, and behind the norm after it."""
    kept = {}

    def watch(name, module):
        def keep(_module, inputs, output):
            kept[name] = inputs[0][0].double(), output[0].double()

        return module.register_forward_hook(keep)

    handles = []
    for layer, block in enumerate(model.model.layers):
        handles += [
            watch(("values", layer), block.self_attn.v_proj),
            watch(("output", layer), block.self_attn.o_proj),
            watch(("norm", layer), block.post_attention_layernorm),
        ]
    handles.append(watch("final", model.model.norm))
    with torch.no_grad():
        found = model(input_ids=torch.tensor([list(ids)]), use_cache=False, output_attentions=True)
    for handle in handles:
        handle.remove()
    return [one[0].double().numpy() for one in found.attentions], kept, found.logits[0].double()


class Picturing:
    """A Gemma 3 that sees pictures too, called as one that does not."""

    def __init__(self, folder):
        self._whole = Gemma3ForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        self.model, self.lm_head = self._whole.model.language_model, self._whole.lm_head

    def __call__(self, **inputs):
        return self._whole(**inputs)


def list_contributions(model, layer, pattern, kept):
    """Every term of what the residual stream gets: [head, query, key, d_model], scale by scale, by plain loops."""
    block = model.model.layers[layer]
    attention, norm = block.self_attn, block.post_attention_layernorm
    size, heads = attention.head_dim, len(pattern)
    values = kept["values", layer][1]
    x = kept["norm", layer][0]
    gain = (1 + norm.weight.double()) / (x.square().mean(-1, keepdim=True) + norm.eps).sqrt()  # [query, d_model]
    found = []
    for head in range(heads):
        group = head // (heads // (values.shape[1] // size))
        value = values[:, group * size : (group + 1) * size]
        matrix = attention.o_proj.weight.double()[:, head * size : (head + 1) * size]
        written = value @ matrix.T  # [key, d_model]
        found.append(torch.tensor(pattern[head])[:, :, None] * written[None] * gain[:, None])
    return torch.stack(found)


@pytest.mark.row("9")
def test_patterns_are_those_of_transformers(scope, plain_mini):
    patterns, _, _ = run_plainly(plain_mini, scope.tokens(TEXT).ids)
    for layer in range(scope.info.layers):
        reading = scope.attention(TEXT, layer=layer)
        np.testing.assert_allclose(reading.patterns, patterns[layer], atol=1e-5)
        np.testing.assert_allclose(reading.patterns.sum(-1), 1, atol=1e-5)
    assert np.abs(patterns[0] - patterns[1]).max() > 0.1  # the control: layers differ


@pytest.mark.parametrize("shape", ["mini", "tiny", "4b"])
def test_contributions_add_up_to_what_attention_writes(
    scope, plain_mini, load, load_plain, make_model, tmp_path, shape
):
    if shape == "mini":
        asked, plain, prompt = scope, plain_mini, list(scope.tokens(TEXT).ids)
    else:
        folder = make_model() if shape == "tiny" else write_gemma(tmp_path, "4b")
        asked, plain = load(str(folder)), load_plain(folder) if shape == "tiny" else Picturing(folder)
        prompt = [2, *np.random.default_rng(1).integers(10, 4000, 20).tolist()]  # longer than the window of 8
    patterns, kept, logits = run_plainly(plain, prompt)
    unembed = plain.lm_head.weight.detach().double()
    x = kept["final"][0]
    last_gain = (1 + plain.model.norm.weight.detach().double()) / (
        x.square().mean(-1, keepdim=True) + plain.model.norm.eps
    ).sqrt()
    targets = [*prompt[1:], int(logits[-1].argmax())]
    for layer in (0, asked.info.layers - 1):
        reading = asked.attention(prompt, layer=layer)
        with torch.no_grad():
            terms = list_contributions(plain, layer, patterns[layer], kept)
        written = kept["norm", layer][1]
        np.testing.assert_allclose(terms.sum((0, 2)), written, atol=1e-4 * float(written.abs().max()))
        found = np.stack([reading.contributions(pos) for pos in range(len(prompt))], 1)
        expected = terms.norm(dim=-1).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())
        vectors = (unembed[targets] - unembed.mean(0)) * last_gain
        effects = torch.einsum("hqkd,qd->hqk", terms, vectors).numpy()
        np.testing.assert_allclose(reading.effects, effects, atol=1e-4 * np.abs(effects).max())
        assert reading.targets.tolist() == targets
        assert np.abs(expected[0] - expected[1]).max() > 0.1 * expected.max()  # heads are not alike


def score_plainly(pattern, ids, window):
    """One head's scores, by the sentences that define them, token by token."""
    count = len(ids)
    rest = range(1, count)
    previous = np.mean([pattern[q, q - 1] for q in rest if q > 1])
    first = np.mean([pattern[q, 0] for q in rest])
    copied = []
    for q in rest:
        before = [k for k in range(1, q - 1) if ids[k] == ids[q]]
        if before:
            copied.append(sum(pattern[q, k + 1] for k in before))
    steps = sum(pattern[q, k] * (q - k) for q in rest for k in range(1, q + 1))
    shares = sum(pattern[q, k] for q in rest for k in range(1, q + 1))
    far = [sum(pattern[q, k] for k in range(1, q - window + 1)) for q in rest if q - window >= 1] if window else []
    return [
        previous,
        np.mean(copied) if copied else np.nan,
        first,
        steps / shares,
        np.mean(far) if far else np.nan,
    ]


@pytest.mark.parametrize("to", ["first", "self"])
def test_a_head_that_only_rests_does_not_look_back_or_copy(to):
    ids = [2, 7, 7, 9, 9, 7]
    pattern = np.zeros((len(ids), len(ids)))
    pattern[np.arange(len(ids)), 0 if to == "first" else np.arange(len(ids))] = 1
    weights = weigh_scores(ids, window=3)
    scores = dict(zip(SCORES, finish_scores((weights * pattern).sum((1, 2)), weights).tolist(), strict=True))
    assert scores["previous"] == scores["induction"] == 0
    assert scores["first"] == (to == "first")
    copying = np.zeros_like(pattern)
    copying[5, [2, 3]] = 0.5, 0.5  # what follows the two earlier 7s
    assert finish_scores((weights * copying).sum((1, 2)), weights)[1] > 0


def say_again(tokenizer, *, again, count=40):
    """BOS, random word pieces, then the same or others, as claim T6c has them."""
    pieces = sorted(index for piece, index in tokenizer.get_vocab().items() if re.fullmatch(r"▁?[A-Za-z]+", piece))
    drawn = np.random.default_rng(3).choice(pieces, 2 * count, replace=False)
    return [2, *drawn[:count].tolist(), *(drawn[:count] if again else drawn[count:]).tolist()]


@pytest.mark.row("9")
@pytest.mark.parametrize("again", [True, False])
def test_every_score_is_what_its_sentence_says(scope, plain_mini, again):
    ids = say_again(loaded(scope).tokenizer.inner, again=again)
    patterns, _, _ = run_plainly(plain_mini, ids)
    reading = scope.attention(ids, layer=4)
    window = plain_mini.config.sliding_window
    for layer, heads in enumerate(patterns):
        for head, pattern in enumerate(heads):
            expected = score_plainly(pattern, ids, window)
            np.testing.assert_allclose(reading.scores[layer, head], expected, atol=1e-4, rtol=1e-4)
    assert reading.windows == tuple(0 if kind == "full_attention" else window for kind in plain_mini.config.layer_types)
    assert np.isnan(reading.scores[..., SCORES.index("induction")]).all() == (not again)
    short = scope.attention(ids[: window // 2], layer=4)
    assert np.isnan(short.scores[..., SCORES.index("beyond")]).all()


@pytest.mark.row("9")
def test_scores_find_the_heads_that_the_claims_name(scope):
    """T6c: without these heads mini no longer profits from what comes again. T6d: only one layer looks far back."""
    claims = gs.mini.claims()
    needed = claims["T6c"].details["needed_heads"]
    ids = say_again(loaded(scope).tokenizer.inner, again=True)
    reading = scope.attention(ids, layer=0)
    best = {score: reading.find_heads(score, 1)[0] for score in ("previous", "induction")}
    # One looks one token back, the other goes by what that found: a circuit of the two.
    assert sorted(f"{layer}.{head}" for layer, head, _ in best.values()) == sorted(needed)
    assert min(value for *_, value in best.values()) > 0.2
    beyond = reading.scores[..., SCORES.index("beyond")]
    far = claims["T6d"].details["global_layer"]
    assert (beyond[far] > 0.05).any() and (np.delete(beyond, far, 0) == 0).all()
    assert reading.describe_window(far).startswith("global") and reading.describe_window(0).startswith("local")
    other = scope.attention(say_again(loaded(scope).tokenizer.inner, again=False), layer=0)
    assert other.find_heads("induction") == ()  # the control: nothing comes again


def test_the_heads_of_a_chat_are_read_too(load, load_plain, tmp_path):
    folder = write_gemma(tmp_path, "4b", "it")
    scope = load(str(folder))
    chat = [{"role": "user", "content": "The old fisherman"}]
    reading = scope.attention(chat, layer=3)
    assert reading.tokens == scope.tokens(chat)
    with torch.no_grad():
        inner = loaded(scope).text_model
        inner.set_attn_implementation("eager")
        plain = inner(input_ids=torch.tensor([list(reading.tokens.ids)]), use_cache=False, output_attentions=True)
    np.testing.assert_allclose(reading.patterns, plain.attentions[3][0].numpy(), atol=1e-5)


def test_layers_left_on_the_disk_are_read_alike(load, make_model, tmp_path, monkeypatch):
    pytest.importorskip("accelerate")
    folder, real = str(make_model()), loading.AutoModelForCausalLM.from_pretrained

    def crowded(*arguments, **options):
        if options.get("device_map"):
            options |= {"max_memory": {"cpu": "450KB"}, "offload_folder": str(tmp_path / "offloaded")}
        return real(*arguments, **options)

    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", crowded)
    whole, spread = load(folder), load(folder, device="spread")
    assert any(parameter.is_meta for parameter in loaded(spread).model.parameters())
    for layer in range(3):
        one, other = (scope.attention("hello there", layer=layer) for scope in (whole, spread))
        for name in ("patterns", "sizes", "scales", "effects", "scores"):
            np.testing.assert_allclose(getattr(other, name), getattr(one, name), atol=1e-4, err_msg=name)


def test_attention_is_as_it_was_afterwards(scope, count_hooks):
    text_model = loaded(scope).text_model
    before = text_model.config._attn_implementation, count_hooks(text_model)
    logits = scope.next_tokens(TEXT).chances
    scope.attention(TEXT, layer=0)
    assert (text_model.config._attn_implementation, count_hooks(text_model)) == before
    assert scope.next_tokens(TEXT).chances == logits


def test_what_is_too_long_or_no_layer_is_refused_in_words(scope, load, make_model, monkeypatch):
    with pytest.raises(gs.InvalidValue, match="layer must be"):
        scope.attention(TEXT, layer=scope.info.layers)
    with pytest.raises(gs.InvalidValue, match="layer must be"):
        scope.attention(TEXT, layer=None)
    most = int((MAX_NUMBERS / 4) ** 0.5)
    assert most > 1024 and int((MAX_NUMBERS / 32) ** 0.5) == 512
    monkeypatch.setattr("gscope_widgets.records.attention.MAX_NUMBERS", 4 * 100)
    assert len(scope.attention([2] * 10, layer=0).tokens) == 10
    with pytest.raises(
        gs.PromptTooLong, match=r"the attention of 11 tokens in 4 heads is 484 numbers .* up to 10 tokens"
    ):
        scope.attention([2] * 11, layer=0)


def test_the_record_lists_heads_and_one_row(scope):
    reading = scope.attention(TEXT, layer=5)
    frame = reading.to_frame()
    assert list(frame.columns) == ["layer", "head", "window", *SCORES]
    assert len(frame) == scope.info.layers * 4
    at = frame.iloc[4 * 5 + 2]
    assert (at["layer"], at["head"], at["window"]) == (5, 2, 0) and at["previous"] == reading.scores[5, 2, 0]
    row = reading.row_to_frame(6)
    assert len(row) == 4 * 7
    assert row["pattern"].sum() == pytest.approx(4, abs=1e-4)
    best = reading.find_heads("previous", 3)
    assert [one for *_, one in best] == sorted(reading.scores[..., 0].ravel().tolist(), reverse=True)[:3]
    assert (
        repr(reading)
        == f"<AttentionReading of {len(reading.tokens)} tokens, 4 heads of layer 5, global: sees the whole text>"
    )
    for wrong in ("best", None):
        with pytest.raises(gs.InvalidValue, match="score must be one of"):
            reading.find_heads(wrong)
    with pytest.raises(gs.InvalidValue, match="pos must be"):
        reading.contributions(len(reading.tokens))
    assert len(scope.attention("", layer=0).tokens) == 1
