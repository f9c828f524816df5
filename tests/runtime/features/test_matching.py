"""Dictionaries compared: a copy in another order is recovered, and each measure is plain arithmetic."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import gscope_widgets as gs

TEXT = "The old fisherman sold 12 fish at the market."


@pytest.fixture
def original(tiny, make_dictionary):
    path = make_dictionary(threshold=torch.full((40,), 0.1))
    return tiny.dictionary(path=path)


def copy(make_dictionary, original, order, **changes):
    """The same dictionary with its features in another order, under another name."""
    tensors = load_file(original.folder.path / "params.safetensors")
    order = torch.as_tensor(order)
    tensors["w_enc"] = tensors["w_enc"][:, order]
    for name in ("b_enc", "threshold", "w_dec"):
        tensors[name] = tensors[name][order]
    return make_dictionary(l0="big", width=len(order), **(tensors | changes))


@pytest.mark.row("NEW 21")
@pytest.mark.filterwarnings("ignore::gscope_widgets.errors.SanityWarning")
def test_a_copy_in_another_order_is_matched_feature_by_feature(tiny, make_dictionary, original):
    order = np.random.default_rng(0).permutation(40)
    other = tiny.dictionary(path=copy(make_dictionary, original, order))
    comparison = tiny.compare_dictionaries(TEXT, [original, other])
    (pair,) = comparison.pairs
    firing = np.unique(comparison.readings[0].features)
    assert pair.measure == "decoder cosine" and pair.count("one to one") == len(pair.matches) == len(firing) > 5
    for match in pair.matches:
        assert match.first[0].feature == order[match.second[0].feature]
        assert match.value == pytest.approx(1, abs=1e-5)
        assert match.difference == pytest.approx(0, abs=1e-3)
    one, two = comparison.summaries
    assert (one.mean_l0, one.fvu) == (two.mean_l0, pytest.approx(two.fvu, rel=1e-4))
    assert any(order[at] != at for at in range(40))  # control


@pytest.mark.row("NEW 21")
@pytest.mark.filterwarnings("ignore::gscope_widgets.errors.SanityWarning")
def test_a_feature_in_two_halves_is_split_one_way_and_merged_the_other(tiny, make_dictionary, original):
    strongest = tiny.read(TEXT, original).top(1)[0].feature
    order = [*range(40), strongest]
    other = tiny.dictionary(path=copy(make_dictionary, original, order))
    (pair,) = tiny.compare_dictionaries(TEXT, [original, other]).pairs
    (split,) = [match for match in pair.matches if match.kind == "split"]
    assert [one.feature for one in split.first] == [strongest]
    assert [one.feature for one in split.second] == [strongest, 40]
    (turned,) = tiny.compare_dictionaries(TEXT, [other, original]).pairs
    (merged,) = [match for match in turned.matches if match.kind == "merged"]
    assert [one.feature for one in merged.first] == [strongest, 40]
    assert turned.count("split") == pair.count("merged") == 0


@pytest.mark.filterwarnings("ignore::gscope_widgets.errors.SanityWarning")
def test_cosines_find_partners_that_are_silent_too(tiny, make_dictionary, original):
    """The copy has thresholds that nothing reaches: all its features are silent, and all are found."""
    quiet = tiny.dictionary(path=copy(make_dictionary, original, range(40), threshold=torch.full((40,), 1e6)))
    (pair,) = tiny.compare_dictionaries(TEXT, [original, quiet]).pairs
    assert pair.count("one to one") == len(pair.matches)
    assert all(match.activations[0] > 0 == match.activations[1] for match in pair.matches)
    assert all(match.second[0].pos is None for match in pair.matches)


def test_correlations_across_layers_are_numpys(scope, dictionary):
    other, texts = scope.dictionary(layer=5), [TEXT, "Le vieux peintre est très fier.", "On Monday the children sang."]
    comparison = scope.compare_dictionaries(TEXT, [dictionary, other], texts=texts, threshold=0.3)
    (pair,) = comparison.pairs
    assert (pair.measure, pair.threshold) == ("activation correlation", 0.3)
    dense = []
    for home in (dictionary, other):
        readings = [scope.read(text, home) for text in texts]
        dense.append(np.concatenate([one.to_dense()[list(one.tokens.used)] for one in readings]).astype(np.float64))
    assert pair.on == f"{len(dense[0])} tokens of 3 texts"
    for match in pair.matches:
        if match.kind != "one to one":
            continue
        one, two = dense[0][:, match.first[0].feature], dense[1][:, match.second[0].feature]
        assert match.value == pytest.approx(np.corrcoef(one, two)[0, 1], abs=1e-4)
    assert pair.count("one to one") > 3
    few = scope.compare_dictionaries("The old cat", [dictionary, other])
    assert "by accident" in few.notes[0] and "the 3 tokens of this text" in few.pairs[0].on


def test_a_wider_dictionary_of_one_place_is_compared_by_rows(scope, dictionary, read_weights):
    wide = scope.dictionary(width="4k")
    comparison = scope.compare_dictionaries(TEXT, [dictionary, wide], threshold=0.7)
    (pair,) = comparison.pairs
    rows = [read_weights(home.folder.path)["w_dec"] for home in (dictionary, wide)]
    rows = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in rows]
    cosines = rows[0] @ rows[1].T
    for match in pair.matches:
        if match.kind == "one to one":
            one, two = match.first[0].feature, match.second[0].feature
            assert match.value == pytest.approx(cosines[one, two], abs=1e-4)
            assert cosines[one].max() == pytest.approx(match.value, abs=1e-4) or cosines[:, two].max() == pytest.approx(
                match.value, abs=1e-4
            )
        if match.kind == "only first":
            assert (
                match.nearest == pytest.approx(cosines[match.first[0].feature].max(), abs=1e-4) and match.nearest < 0.7
            )
    assert pair.on == "decoder rows" and pair.count("one to one") > 3


@pytest.mark.row("NEW 21")
def test_another_models_reading_stands_for_its_dictionary(scope, dictionary):
    tuned = gs.load("mini-it")
    comparison = scope.compare_dictionaries(TEXT, [dictionary, tuned.read(TEXT, tuned.dictionary())])
    assert comparison.models == (scope.info.id, "another scope")
    assert comparison.pairs[0].measure == "activation correlation"
    assert "A reading was given" in comparison.notes[-1]
    with pytest.raises(gs.InvalidValue, match="of the same tokens"):
        scope.compare_dictionaries("another text", [dictionary, tuned.read(TEXT, tuned.dictionary())])


@pytest.mark.filterwarnings("ignore::gscope_widgets.errors.SanityWarning")
def test_rows_are_read_block_by_block(tiny, make_dictionary, original, monkeypatch):
    from gscope_widgets.runtime.dictionaries import member

    whole = tiny.compare_dictionaries(TEXT, [original, original]).pairs
    monkeypatch.setattr(member, "_ROW_BYTES", 7 * 4 * 24)
    sizes = [len(block) for block in original.row_blocks()]
    assert sizes == [7] * 5 + [5]
    assert tiny.compare_dictionaries(TEXT, [original, original]).pairs == whole
    original.close()
    np.testing.assert_array_equal(np.concatenate(list(original.row_blocks())), original.decoder_rows())
