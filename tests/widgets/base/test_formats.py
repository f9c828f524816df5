"""What readers see of numbers, tokens and features; the page's own formatter must say the same."""

import json
import math
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gscope_widgets as gs
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.features import FeatureRef
from gscope_widgets.widgets.base.features import name_places
from gscope_widgets.widgets.base.formats import (
    format_feature,
    format_intervention,
    format_number,
    format_percent,
    format_prompt,
    format_signed,
    format_text,
    format_token,
    format_tokens,
)

JS = Path(__file__).parents[3] / "js"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.42, "0.42"), (0, "0"), (-0.0, "0"), (1234.6, "1230"), (999.6, "1000"), (1e6, "1e+6"), (1234567, "1.23e+6"),
        (-0.0012349, "−0.00123"), (1e-7, "1e−7"), (-1.5e-7, "−1.5e-7"), (None, "none"), (math.nan, "none"),
        (math.inf, "infinite"), (-math.inf, "minus infinite"), (12.25, "12.3"), (0.1 + 0.2, "0.3"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits_and_an_exponent_only_where_it_is_needed(value, shown):
    assert format_number(value) == shown


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(0, "0.00 %"), (1e-9, "<0.01 %"), (0.0001, "0.01 %"), (0.05, "5.00 %"), (0.1, "10.0 %"), (0.1225, "12.3 %"), (1, "100.0 %")],
)  # fmt: skip
def test_what_is_small_is_not_said_to_be_nothing(probability, shown):
    assert format_percent(probability) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.3, "+0.30"), (-1, "−1.00"), (0.001, "0.00"), (-0.0, "0.00")])
def test_a_strength_has_its_sign(value, shown):
    assert format_signed(value) == shown


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("\n", "⏎"), ("\t", "⇥"), ("\r", "␍"), ("\x00", "␀"), ("\u00a0", "⍽"), (" cat", "␣cat"), ("cat  ", "cat␣␣"),
        ("a b", "a b"), ("  ", "␣␣"), ("", "empty"), ("\u202e", "RLO"), ("\u200b", "ZWSP"), ("\x1b", "␛"),
        ("\ud800", "U+D800"), ("\u2028", "U+2028"), ("\U0001f600", "😀"), ("\ue000", "U+E000"), ("é", "é"),
        ("👩\u200d🌾", "👩\u200d🌾"), ("\u200d", "ZWJ"), ("❤\ufe0f", "❤\ufe0f"), ("\u0301", "◌\u0301"), ("\u034f", "U+034F"),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_has_a_sign(token, shown):
    assert format_token(token) == shown


def test_a_character_of_several_tokens_stands_whole_at_the_first():
    tokens = ["a", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", " b"]
    assert format_tokens(tokens, [(1, 4, "😀")]) == ["a", "😀", "‥", "‥", "‥", "␣b"]


def test_a_text_to_be_read_on_keeps_its_spaces():
    assert format_text(" a b \n") == " a b ⏎"
    assert (
        format_prompt([{"role": "user", "content": "Hi"}, {"role": "model", "content": "Yes\n"}])
        == "user: Hi / model: Yes⏎"
    )


def test_features_are_named_with_their_place_where_it_is_given():
    ref = FeatureRef("d", 21)
    assert format_feature(ref) == "feature 21"
    assert format_feature(ref, place="resid_post layer 4") == "feature 21 of resid_post layer 4"
    assert format_intervention(gs.clamp(ref, 20), "feature 21") == "feature 21: clamp 20"
    assert format_intervention(gs.add(ref, -0.4), "feature 21") == "feature 21: add −0.40"
    assert format_intervention(gs.ablate(ref), "feature 21") == "feature 21: ablate"


def test_a_token_of_ten_megabytes_is_cut_quickly():
    assert format_token("x" * 10_000_000) == "x" * 200 + "… 9999800 more"
    assert len(format_token("\u202e" * 10_000_000)) < 1000


@given(st.text())
def test_what_is_shown_can_be_encoded_and_holds_no_control(text):
    for shown in (format_token(text), format_text(text)):
        shown.encode()
        assert not any(ord(character) < 32 or 0x202A <= ord(character) <= 0x202E for character in shown)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_the_page_says_the_same():
    rng = random.Random(0)
    numbers = [0.0, 1.0, -1.0, 0.1225, 12.25, 1e-7, -1.2345e-7, 999999.6, 1e6, 12345.678, 99999.95]
    numbers += [rng.choice([-1, 1]) * 10 ** rng.uniform(-9, 9) for _ in range(2000)] + [at / 800 for at in range(801)]
    tokens = [
        "\n",
        " cat",
        "cat ",
        "  ",
        "a b",
        "\u202e",
        "\u200b",
        "👩\u200d🌾",
        "\u200d",
        "e\u0301",
        "\u0301",
        "\ufe0f",
        "❤\ufe0f",
    ]
    tokens += [
        "\U000e0100",
        "\ud800",
        "\ue000",
        "\u3000",
        "\x00",
        "\x1b",
        "\u034f",
        "",
        "x" * 300,
        "\u00a0",
        "\U000e0041",
        "<bos>",
    ]
    script = f"""
        import {{ readFileSync }} from "node:fs";
        import {{ formatNumber, formatPercent, formatSigned }} from {json.dumps((JS / "src/shared/format.js").as_uri())};
        import {{ visibleText }} from {json.dumps((JS / "src/shared/tokens.js").as_uri())};
        const [numbers, tokens] = JSON.parse(readFileSync(0, "utf8"));
        console.log(JSON.stringify([numbers.map((one) => [formatNumber(one), formatNumber(one, 4),
          formatPercent(Math.abs(one)), formatSigned(one)]), tokens.map(visibleText)]));"""
    command = ["node", "--input-type=module", "-e", script]
    run = subprocess.run(
        command, input=json.dumps([numbers, tokens]), capture_output=True, text=True, check=True, timeout=300
    )
    there = json.loads(run.stdout)
    here = [
        [format_number(one), format_number(one, 4), format_percent(abs(one)), format_signed(one)] for one in numbers
    ]
    assert there == [here, [format_token(token) for token in tokens]]


def test_dictionaries_of_one_place_are_told_apart_by_what_their_names_say():
    published = DictionaryInfo("a/b/c", "sae", "resid_post", (4,), "16k", 16384, "medium", 60.0, False, 1)
    own = replace(published, id="d/e/f", width="4k", l0="")  # saved by SAELens, which names no sparsity
    assert name_places({"a/b/c": published, "d/e/f": own}) == {
        "a/b/c": "resid_post layer 4 16k medium",
        "d/e/f": "resid_post layer 4 4k",
    }
    assert name_places({"d/e/f": own}) == {"d/e/f": "resid_post layer 4"}
