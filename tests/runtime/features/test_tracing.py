"""Features of a text while it is made, against a second whole pass of plain transformers over what was made."""

import threading
import zlib

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import gscope_widgets as gs
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.records.generation import SamplingPlan
from gscope_widgets.runtime.gemma import prefix
from gscope_widgets.runtime.gemma.tokens import Tokenizer
from tests.runtime import inside

TEXT = "The old fisherman sold 12 fish"
COUNT = 6
# Site -> module under a layer and whether its input is meant: what is read, and what is written.
ENDS = {
    "resid_post": (("", False), ("", False)),
    "attn_out": (("self_attn.o_proj", True), ("self_attn.o_proj", True)),
    "mlp_out": (("post_feedforward_layernorm", False), ("post_feedforward_layernorm", False)),
    "transcoder": (("pre_feedforward_layernorm", False), ("post_feedforward_layernorm", False)),
}
PLACES = [("resid_post", 1), ("resid_post", 2), ("attn_out", 1), ("mlp_out", 1), ("transcoder", 1), ("transcoder", 2)]


@pytest.fixture
def plain(tiny, load_plain):
    return load_plain(tiny.name)


@pytest.fixture
def weights():
    def read(dictionary, name="params.safetensors"):
        return {key: value.astype(np.float64) for key, value in load_file(dictionary.folder.path / name).items()}

    return read


@pytest.fixture
def opened(tiny, make_dictionary):
    """Dictionaries at six places, two of them at one."""
    made = {
        (site, layer): tiny.dictionary(
            path=make_dictionary(site=site, layer=layer, seed=at, d_in=32 if site == "attn_out" else 24)
        )
        for at, (site, layer) in enumerate(PLACES)
    }
    made["second", 1] = tiny.dictionary(path=make_dictionary("other-pt", site="resid_post", layer=1, seed=9))
    return made


@pytest.fixture
def refs(tiny, opened):
    """Three features of each that fire at some of the text's tokens and are silent at others, out of order."""
    found = []
    for dictionary in opened.values():
        share = (tiny.read(TEXT, dictionary).to_dense()[1:] > 0).mean(0)
        found += [dictionary.feature(int(one)) for one in np.argsort(np.abs(share - 0.5))[:3]]
    return found[::2] + found[1::2]


def name_point(site: str, layer: int) -> str:
    path, is_input = ENDS[site][1]
    return ".".join(["model.layers", str(layer), *([path] if path else []), "input" if is_input else "output"])


def encode(x: np.ndarray, w: dict, feature: int) -> np.ndarray:
    pre = x @ w["w_enc"][:, feature] + w["b_enc"][feature]
    return np.where(pre > w["threshold"][feature], pre, 0)


def run_again(model, ids, *, change=None, reads=()) -> dict:
    """One pass of plain transformers: what is found at each of `reads`, (module path, is input) and layer, after a
    change at one place: (site, layer, function of what is read and what is written, giving what is added)."""
    seen, found, handles = {}, {}, []

    def hook(layer, path, is_input, visit):
        module = model.model.layers[layer].get_submodule(path)

        def on_output(_module, _arguments, output):
            value = output[0] if isinstance(output, tuple) else output
            new = visit(value)
            return None if new is None else ((new, *output[1:]) if isinstance(output, tuple) else new)

        def on_input(_module, arguments):
            new = visit(arguments[0])
            return None if new is None else (new, *arguments[1:])

        handles.append(
            module.register_forward_pre_hook(on_input) if is_input else module.register_forward_hook(on_output)
        )

    if change is not None:
        site, layer, make = change
        (read_path, read_input), (write_path, write_input) = ENDS[site]

        def edit(value):
            written = value[0].numpy().astype(np.float64)
            delta = make(seen.get("read", written), written)
            delta[0] = 0  # BOS
            return torch.from_numpy(written + delta).to(value.dtype)[None]

        if (read_path, read_input) != (write_path, write_input):
            hook(layer, read_path, read_input, lambda value: seen.update(read=value[0].numpy().astype(np.float64)))
        hook(layer, write_path, write_input, edit)
    for site, layer in set(reads):
        path, is_input = ENDS[site][0]
        hook(layer, path, is_input, lambda value, key=(site, layer): found.update({key: value[0].double().numpy()}))
    try:
        with torch.no_grad():
            model(input_ids=torch.tensor([list(ids)]), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return found


def trace_again(model, ids, opened, refs, weights, *, change=None) -> np.ndarray:
    """What `Trace.activations` is to be, by a second pass and NumPy."""
    by_id = {dictionary.info.id: dictionary for dictionary in opened.values()}
    infos = [by_id[ref.dictionary_id].info for ref in refs]
    found = run_again(model, ids, change=change, reads=[(info.site, info.layer) for info in infos])
    traces = []
    for ref, info in zip(refs, infos, strict=True):
        trace = encode(found[info.site, info.layer], weights(by_id[ref.dictionary_id]), ref.feature)
        trace[0] = 0  # BOS
        traces.append(trace)
    return np.array(traces)


def check_same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def make_change(kind: str, dictionary, feature: int, w: dict, positions: slice):
    """An intervention, and the same by hand."""
    ref, row = dictionary.feature(feature), w["w_dec"][feature]
    site, layer = dictionary.info.site, dictionary.info.layer
    name = name_point(site, layer)

    def along(amount):
        return lambda read, _written: np.tile(amount * row / np.linalg.norm(row), (len(read), 1))

    def set_to(wish):
        def change(read, _written):
            own = encode(read, w, feature)
            return (wish(own) - own)[:, None] * row

        return change

    def randomly(read, written):
        length = np.linalg.norm(along(3.0)(read, written), axis=1, keepdims=True)
        random = np.random.default_rng([5, zlib.crc32(name.encode())]).standard_normal(len(row))
        return length * random / np.linalg.norm(random)

    added = gs.add(ref, 3.0, unit="raw", positions=positions)
    own = gs.Direction(site if site != "transcoder" else "mlp_out", layer, row.astype(np.float32))
    made, by_hand = {
        "add": (added, along(3.0)),
        "negative add": (gs.add(ref, -3.0, unit="raw", positions=positions), along(-3.0)),
        "own direction": (gs.add(own, 3.0, unit="raw", positions=positions), along(3.0)),
        "clamp": (gs.clamp(ref, 20.0, positions=positions), set_to(lambda own: 0 * own + 20.0)),
        "scale": (gs.scale(ref, 3.0, positions=positions), set_to(lambda own: 3.0 * own)),
        "ablate": (gs.ablate(ref, positions=positions), set_to(lambda own: 0 * own)),
        "random": (None, randomly),
    }[kind]

    def masked(read, written):
        delta = by_hand(read, written)
        kept = np.zeros(len(delta))
        kept[range(len(delta))[positions]] = 1
        return delta * kept[:, None]

    return made, added, (site, layer, masked)


KINDS = ["add", "negative add", "own direction", "clamp", "scale", "ablate", "random"]


@pytest.mark.parametrize("site", ["resid_post", "attn_out", "mlp_out", "transcoder"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_text_has_the_activations_of_its_own_changed_run(tiny, plain, opened, refs, weights, kind, site):
    dictionary = opened[site, 1]
    w = weights(dictionary)
    feature = next(ref.feature for ref in refs if ref.dictionary_id == dictionary.info.id)
    start = len(tiny.tokens(TEXT))
    positions = slice(start - 2, start + 3)  # two of the prompt's tokens, and three of the generated
    made, added, change = make_change(kind, dictionary, feature, w, positions)
    made = tiny.random_control([added], seed=5) if made is None else made

    generation = tiny.generate(TEXT, [made], max_new_tokens=COUNT, features=refs).wait()
    trace = generation.trace()
    ids = [*tiny.tokens(TEXT).ids, *(token.id for token in generation)]
    expected = trace_again(plain, ids, opened, refs, weights, change=change)
    assert trace.activations.shape == (len(refs), start + COUNT)
    assert trace.activations.dtype == np.float32
    check_same(trace.activations, expected)
    for at, token in enumerate(generation):
        np.testing.assert_array_equal(token.activations, trace.activations[:, start + at])
    # Control: the same text in the unchanged model has other activations, among them where only the prefix changed.
    unchanged = trace_again(plain, ids, opened, refs, weights)
    gap = np.abs(trace.activations - unchanged).max(0)
    assert gap[: start - 2].max() < 2e-3 * np.abs(expected).max()
    assert gap[start - 2 :].max() > 0.05


def test_what_an_intervention_does_at_its_own_site_is_read_after_it(tiny, opened, refs):
    ref = next(ref for ref in refs if ref.dictionary_id == opened["resid_post", 1].info.id)
    row = opened["resid_post", 1].direction(ref.feature)
    column = opened["resid_post", 1].encoder(ref.feature).w_enc.numpy()
    baseline, changed = (
        tiny.generate(TEXT, made, max_new_tokens=1, features=[ref]).wait().trace().activations[0, 1 : len(row)]
        for made in ([], [gs.add(ref, 1000.0, unit="raw")])
    )
    assert len(baseline) > 5
    rise = 1000.0 * float(row @ column) / np.linalg.norm(row)
    assert abs(rise) > 10
    assert ((changed - baseline > 10) if rise > 0 else (changed == 0)).all()


def test_features_that_read_several_layers_are_read_each_at_its_own(tiny, plain, make_multilayer, weights):
    for site, layers in (("crosscoder", (0, 2)), ("clt", (0, 1, 2))):
        dictionary = tiny.dictionary(path=make_multilayer(site=site, layers=layers))
        refs = [dictionary.feature(one) for one in range(dictionary.d_dict - 1, -1, -1)]
        generation = tiny.generate(TEXT, max_new_tokens=COUNT, features=refs).wait()
        ids = [*tiny.tokens(TEXT).ids, *(token.id for token in generation)]
        where = "resid_post" if site == "crosscoder" else "transcoder"
        found = run_again(plain, ids, reads=[(where, layer) for layer in layers])
        expected = []
        for ref in refs:
            member, local = divmod(ref.feature, 7)
            trace = encode(
                found[where, layers[member]], weights(dictionary, f"params_layer_{member}.safetensors"), local
            )
            trace[0] = 0
            expected.append(trace)
        check_same(generation.trace().activations, np.array(expected))
        assert (np.array(expected) > 0).any(1).sum() > len(refs) / 2


@pytest.mark.parametrize("changed", [False, True])
def test_a_prompt_run_before_gives_the_same(tiny, opened, refs, monkeypatch, changed):
    made = [gs.add(opened["resid_post", 2].feature(3), 3.0, unit="raw")] if changed else []
    inside.forget_prompts(tiny)
    new = tiny.generate(TEXT, made, max_new_tokens=2, features=refs).wait().trace()
    tiny.generate(TEXT, max_new_tokens=1).wait()  # now all layers are known
    known = tiny.generate(TEXT, made, max_new_tokens=2, features=refs).wait().trace()
    np.testing.assert_allclose(known.activations, new.activations, atol=1e-4)
    # Control: a pass that is resumed above what is read comes by there no more.
    monkeypatch.setattr(prefix, "count_passed", lambda layers, _point: len(layers))
    with pytest.raises(IndexError):
        tiny.generate(TEXT, made, max_new_tokens=2, features=refs).wait()


def test_the_text_and_what_is_kept_of_the_prompt_are_as_without_features(tiny, opened, refs):
    made = [gs.add(opened["resid_post", 1].feature(3), 3.0, unit="raw")]
    for temperature in (0.0, 1.0):
        texts = []
        for features in ((), refs):
            inside.forget_prompts(tiny)
            rows = {"baseline": (), "changed": made}
            generation = tiny.generate_rows(
                TEXT, rows, plan=SamplingPlan(COUNT, temperature, seed=3), features=features
            ).wait()
            assert generation.ended == "length"
            texts.append(
                [[(token.id, token.text, token.alternatives) for token in generation.tokens(name)] for name in rows]
            )
        assert texts[0] == texts[1]
        assert texts[0][0] != texts[0][1]


def test_rows_are_read_each_in_its_own_run(tiny, plain, opened, refs, weights):
    dictionary = opened["resid_post", 1]
    made, _, change = make_change("add", dictionary, refs[0].feature, weights(dictionary), slice(1, None))
    rows = {"changed": [made], "baseline": ()}
    generation = tiny.generate_rows(TEXT, rows, plan=SamplingPlan(COUNT), features=refs).wait()
    for name, by_hand in (("changed", change), ("baseline", None)):
        ids = [*tiny.tokens(TEXT).ids, *(token.id for token in generation.tokens(name))]
        check_same(generation.trace(name).activations, trace_again(plain, ids, opened, refs, weights, change=by_hand))
    assert np.abs(generation.trace("changed").activations[:, 1:9] - generation.trace().activations[:, 1:9]).max() == 0
    assert np.abs(generation.trace("changed").activations - generation.trace("baseline").activations).max() > 0.1


def count_passes(tiny, **options) -> tuple[int, list]:
    passes = []
    handle = inside.loaded(tiny).model.register_forward_hook(lambda *_arguments: passes.append(1))
    try:
        generation = tiny.generate(TEXT, max_new_tokens=COUNT, **options).wait()
    finally:
        handle.remove()
    return len(passes), generation.tokens()


def test_no_second_pass_is_made_but_one_step_for_the_last_token(tiny, refs, count_hooks):
    passes, tokens = count_passes(tiny, features=refs)
    assert (passes, len(tokens)) == (1 + COUNT, COUNT)
    assert all(len(token.activations) == len(refs) for token in tokens)
    inside.forget_prompts(tiny)
    passes, tokens = count_passes(tiny)
    assert (passes, len(tokens)) == (COUNT, COUNT)
    assert all(token.activations == () for token in tokens)
    assert count_hooks(inside.loaded(tiny).model) == 0


def test_a_cancelled_text_has_an_activation_at_every_token_it_shows(tiny, refs):
    gate = threading.Event()
    tiny.submit(lambda _job: gate.wait(60))  # nothing is made before there is something to cancel
    generation = tiny.generate_rows(
        TEXT, {"text": ()}, plan=SamplingPlan(100), features=refs, on_step=lambda _step: generation.cancel()
    )
    gate.set()
    generation.wait()
    assert generation.ended == "cancelled"
    trace = generation.trace()
    assert len(trace.generated) == 1
    assert np.isfinite(trace.activations).all()


def test_before_the_prompt_was_read_its_activations_are_not_known(tiny, refs):
    gate = threading.Event()
    tiny.submit(lambda _job: gate.wait(60))
    generation = tiny.generate(TEXT, max_new_tokens=1, features=refs)
    assert np.isnan(generation.trace().activations).all()
    gate.set()
    assert np.isfinite(generation.wait().trace().activations).all()


def test_tokens_that_no_dictionary_was_trained_on_have_no_activation(tiny, refs, monkeypatch):
    found = tiny.generate(TEXT, max_new_tokens=COUNT, features=refs).wait()
    first = found.tokens()[0]
    assert any(first.activations)
    monkeypatch.setattr(Tokenizer, "is_untrained", lambda _self, token_id: token_id == first.id)
    again = tiny.generate(TEXT, max_new_tokens=COUNT, features=refs).wait().tokens()
    assert not any(again[0].activations)
    assert any(again[1].activations)


def test_a_chat_header_has_no_activation(load, make_model, make_dictionary):
    scope = load(str(make_model(tokenizer="chat")))
    dictionary = scope.dictionary(path=make_dictionary())
    refs = [dictionary.feature(one) for one in range(40)]
    trace = scope.generate([{"role": "user", "content": "The fish"}], max_new_tokens=1, features=refs).wait().trace()
    assert not trace.activations[:, :4].any()
    assert trace.activations[:, 4:].any(0).all()


def test_a_token_whose_own_pass_went_wrong_is_not_shown_as_silent(tiny, refs):
    passes = []

    def break_third(_module, _arguments, output):
        passes.append(1)
        return output * float("nan") if len(passes) == 3 else None

    broken = inside.loaded(tiny).model.model.norm.register_forward_hook(break_third)
    generation = tiny.generate(TEXT, max_new_tokens=COUNT, features=refs)
    with pytest.raises(gs.GscopeError, match="not finite"):
        generation.wait()
    broken.remove()
    assert len(generation.tokens()) == 1


def test_a_frame_has_a_row_for_each_token_and_feature(tiny, refs):
    generation = tiny.generate(TEXT, max_new_tokens=2, features=refs[:2]).wait()
    frame, trace = generation.trace().to_frame(), generation.trace()
    prompt = tiny.tokens(TEXT)
    assert list(frame.columns) == ["pos", "token", "part", "dictionary_id", "feature", "activation"]
    assert len(frame) == 2 * (len(prompt) + 2)
    assert frame["part"].tolist() == ["prompt"] * 2 * len(prompt) + ["generated"] * 4
    assert frame["token"].tolist()[::2] == [*prompt.strings, *(token.text for token in trace.generated)]
    assert frame["feature"].tolist()[:2] == [ref.feature for ref in refs[:2]]
    np.testing.assert_array_equal(frame["activation"].to_numpy(np.float32), trace.activations.T.ravel())


def test_what_cannot_be_read_is_refused_in_words_and_runs_nothing(tiny, opened, refs):
    dictionary = opened["resid_post", 1]
    for features, error, words in (
        ([3], gs.InvalidValue, r"dictionary\.feature"),
        ("3", gs.InvalidValue, "must be a list"),
        ([refs[0], refs[0]], gs.InvalidValue, "different ones"),
        ([FeatureRef(dictionary.info.id, 999)], gs.UnknownFeature, "999"),
        ([FeatureRef("none", 1)], gs.UnknownDictionary, "none"),
    ):
        with pytest.raises(error, match=words):
            tiny.generate(TEXT, features=features)
        with pytest.raises(error, match=words):
            tiny.compare(TEXT, [gs.add(refs[0], 1.0)], features=features)
    with pytest.raises(gs.InvalidValue, match="no features were asked for"):
        tiny.generate(TEXT, max_new_tokens=1).wait().trace()
    assert tiny.generate(TEXT, max_new_tokens=1, features=refs[0]).wait().trace().features == (refs[0],)


def test_a_run_reads_at_most_a_hundred_features(scope, dictionary):
    refs = [dictionary.feature(one) for one in range(101)]
    with pytest.raises(gs.InvalidValue, match="at most 100, got 101"):
        scope.generate(TEXT, features=refs)
    trace = scope.generate(TEXT, max_new_tokens=1, features=refs[:100]).wait().trace()
    assert trace.activations.shape[0] == 100


def test_compared_texts_have_their_own_traces(tiny, plain, opened, refs, weights):
    dictionary = opened["resid_post", 1]
    made, _, change = make_change("add", dictionary, refs[0].feature, weights(dictionary), slice(1, None))
    found = tiny.compare(TEXT, [made], max_new_tokens=COUNT, features=refs)
    changes = {"baseline": None, "changed": change}
    for row in found.rows:
        assert row.trace.features == tuple(refs)
        assert row.trace.generated == row.tokens
        if row.kind in changes:
            ids = [*tiny.tokens(TEXT).ids, *(token.id for token in row.tokens)]
            check_same(row.trace.activations, trace_again(plain, ids, opened, refs, weights, change=changes[row.kind]))
    plainly = tiny.compare(TEXT, [made], max_new_tokens=COUNT)
    assert [row.trace for row in plainly.rows] == [None] * len(found.rows)
    assert [row.text for row in plainly.rows] == [row.text for row in found.rows]
    assert found.provenance.settings["features"] == [str(ref) for ref in refs]
    assert {ref.dictionary_id for ref in refs} <= set(found.provenance.dictionaries)
