"""Choosing from the whole family: sweeps, suites of all layers, multi-layer kinds, and what is shown of them."""

import pytest

import gscope_widgets as gs
from gscope_widgets.records.catalogues import Catalogue
from gscope_widgets.runtime.dictionaries.catalogue import list_dictionaries
from gscope_widgets.runtime.dictionaries.choice import choose_dictionary, write_choice


@pytest.fixture
def family(make_dictionary, make_multilayer, tmp_path):
    """A family of every kind in several widths and sizes, on a model of eight layers."""
    for site in ("resid_post", "attn_out", "mlp_out"):
        for layer in (2, 4, 5, 6):
            for width in ("512", "1k", "4k"):
                for l0 in ("small", "medium", "big"):
                    make_dictionary(site=site, layer=layer, width_name=width, l0=l0, width=4, d_in=3)
    make_dictionary(layer=4, width_name="1k", suffix="_seed_1", width=4, d_in=3)
    for layer in range(8):
        make_dictionary(site="resid_post_all", layer=layer, width_name="1k", l0="big", width=4, d_in=3)
        make_dictionary(
            site="transcoder_all", layer=layer, width_name="1k", l0="big", suffix="_affine", width=4, d_in=3
        )
    make_dictionary(site="transcoder", layer=5, width_name="1k", width=4, d_in=3)
    make_multilayer(site="crosscoder", layers=(2, 4, 5, 6), d_model=3, share=2)
    make_multilayer(site="clt", layers=tuple(range(8)), d_model=3, share=2, affine=True)
    return list_dictionaries(tmp_path / "tiny-pt")


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({}, "resid_post/layer_4_width_1k_l0_medium"),
        ({"site": "attn_out"}, "attn_out/layer_4_width_1k_l0_medium"),
        ({"site": "mlp_out", "width": "512", "layer": 6}, "mlp_out/layer_6_width_512_l0_medium"),
        ({"layer": 4, "l0": "big"}, "resid_post/layer_4_width_1k_l0_big"),
        ({"layer": 3}, "resid_post_all/layer_3_width_1k_l0_big"),
        ({"site": "resid_post_all"}, "resid_post_all/layer_3_width_1k_l0_big"),
        ({"site": "resid_post_all", "layer": 4}, "resid_post_all/layer_4_width_1k_l0_big"),
        ({"site": "transcoder"}, "transcoder/layer_5_width_1k_l0_medium"),
        ({"site": "transcoder", "affine": True}, "transcoder_all/layer_3_width_1k_l0_big_affine"),
        ({"site": "transcoder", "affine": True, "layer": 5}, "transcoder_all/layer_5_width_1k_l0_big_affine"),
        ({"site": "crosscoder"}, "crosscoder/layer_2_4_5_6_width_1k_l0_medium"),
        ({"site": "crosscoder", "layer": 5}, "crosscoder/layer_2_4_5_6_width_1k_l0_medium"),
        ({"site": "clt", "affine": True}, "clt/width_1k_l0_medium_affine"),
    ],
    ids=str,
)
def test_wishes_choose(family, wishes, expected):
    assert choose_dictionary(family, **wishes).id == f"tiny-pt/{expected}"


@pytest.mark.parametrize(
    ("wishes", "first"),
    [
        ({"site": "attn_out", "layer": 3}, "attn_out layer=2"),
        ({"site": "transcoder", "layer": 2}, "transcoder layer=5 width='1k' l0='medium'"),
        ({"site": "transcoder", "layer": 9, "affine": True}, "transcoder_all layer=7 width='1k' l0='big' affine=True"),
        ({"site": "crosscoder", "layer": 3}, "crosscoder layers 2, 4, 5, 6 width='1k'"),
        ({"site": "clt"}, "clt layers 0, 1, 2, 3, 4, 5, 6, 7 width='1k' l0='medium' affine=True"),
        ({"layer": 5, "width": "16k", "l0": "big"}, "resid_post layer=5 width='1k' l0='big'"),
        ({"site": "resid_post_all", "layer": 4, "l0": "medium"}, "resid_post layer=4 width='1k' l0='medium'"),
    ],
    ids=str,
)
def test_what_cannot_be_met_is_answered_with_the_nearest_of_that_site(family, wishes, first):
    with pytest.raises(gs.UnknownDictionary) as caught:
        choose_dictionary(family, **wishes)
    listed = str(caught.value).split("there are: ")[1].split("; ")
    assert listed[0].startswith(first)
    site = wishes.get("site", "resid_post").removesuffix("_all")
    assert all(entry.startswith((site, "and ")) for entry in listed)


def test_every_member_of_the_family_can_be_chosen_by_its_own_words_but_a_seed_variant(family):
    for info in family:
        words = write_choice(family, info)
        if info.id.endswith("_seed_1"):
            assert words is None
            assert write_choice([info], info) is None  # as where it alone was downloaded
        else:
            assert eval(f"choose(infos, {words})", {"choose": choose, "infos": family}) == info


def choose(infos, site, **wishes):
    return choose_dictionary(infos, site=site, **wishes)


def test_the_catalogue_lists_kinds_layers_and_sizes(family):
    kinds = {(info.site, info.kind, info.affine) for info in family}
    assert kinds == {
        ("resid_post", "sae", False), ("attn_out", "sae", False), ("mlp_out", "sae", False),
        ("resid_post_all", "sae", False), ("transcoder", "transcoder", False),
        ("transcoder_all", "transcoder", True), ("crosscoder", "crosscoder", False), ("clt", "clt", True),
    }  # fmt: skip
    assert len(family) == 3 * 36 + 1 + 8 + 8 + 1 + 2
    assert {info.base_site for info in family} == {
        "resid_post", "attn_out", "mlp_out", "transcoder", "crosscoder", "clt",
    }  # fmt: skip


def test_the_catalogue_shows_a_line_for_each_family(family):
    lines = repr(family).splitlines()
    assert lines[0].split() == ["site", "kind", "layers", "width", "l0", "affine", "size", "here"]
    assert any(line.split()[:6] == ["crosscoder", "crosscoder", "2+4+5+6", "1k", "medium", "0.0"] for line in lines)
    assert any("0 ... 7" in line and "affine" in line and "8 x" in line for line in lines)
    assert len(lines) == 1 + 3 * 9 + 2 + 1 + 2
    assert repr(Catalogue()) == "no dictionaries for this model on this machine"


def test_the_catalogues_frame_has_a_row_for_each_dictionary(family):
    frame = family.to_frame()
    assert list(frame.columns) == [
        "site", "kind", "layers", "width", "features", "l0", "mean_l0", "affine", "bytes", "cached", "id",
    ]  # fmt: skip
    assert frame["id"].tolist() == [info.id for info in family]
    row = frame[frame["site"] == "clt"].iloc[0]
    assert (row["features"], row["layers"], bool(row["affine"])) == (16, tuple(range(8)), True)


def test_a_layer_that_is_not_there_is_told_which_are(scope):
    with pytest.raises(gs.UnknownDictionary, match=r"layer=99; layers of resid_post are 0 to 7; there are: "):
        scope.dictionary(layer=99)
    with pytest.raises(gs.UnknownDictionary) as caught:  # control: the layer is there, the width is not
        scope.dictionary(layer=4, width="2k")
    assert "layers of" not in str(caught.value)


@pytest.mark.parametrize("layer", [2.5, 4.0, "4", True], ids=repr)
def test_what_is_no_whole_number_is_refused_wherever_a_layer_is_given(scope, layer):
    multilayer, text = scope.dictionary("crosscoder"), "The baker is tired."
    attention, lens = scope.attention(text, layer=4), scope.logit_lens(text, layers=[4])
    for ask in (
        lambda: scope.dictionary(layer=layer),
        lambda: scope.dictionary("crosscoder", layer),
        lambda: scope.dictionary().direction(3, layer=layer),
        lambda: multilayer.direction(3, layer=layer),
        lambda: gs.feature_direction(scope, scope.dictionary().feature(3), layer=layer),
        lambda: scope.attention(text, layer=layer),
        lambda: attention.describe_window(layer),
        lambda: scope.logit_lens(text, layers=[layer]),
        lambda: lens.top(layer=layer, pos=1),
        lambda: scope.direction(["Il est tard."], ["It is late."], layer=layer),
        lambda: gs.add([1.0] * scope.info.d_model, 0.5, site="resid_post", layer=layer),
        lambda: gs.DictionaryCompare(scope, text, [{}, {"layer": layer}]),
        lambda: gs.AttentionView(scope, text, layer=layer),
        lambda: setattr(gs.LogitLens(scope, text), "selected_layer", layer),
    ):
        with pytest.raises(gs.InvalidValue, match="layer must be a whole number.*, got"):
            ask()
