"""Static copies: plain tables that an untrusted page keeps, in which any text stays text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gscope_widgets.widgets import _static
from gscope_widgets.widgets._visible import show_token


def test_every_part_keeps_hostile_words_as_text(check_copy, read_html, hostile_words):
    for word in hostile_words:
        parts = [
            _static.build_paragraph(word),
            _static.build_table(columns=[word], rows=[[word]], caption=word),
            _static.build_details(word, _static.build_paragraph(word)),
            _static.build_tokens([word, word, word], shares=[0.5, 0.0, None]),
        ]
        text = check_copy(_static.build_copy(title=word, badge=word, parts=parts, footer=word))
        plain = _static.build_copy(title="x", badge="x", parts=[], footer="x")
        assert len(text) > len(plain) / 4
        tags = [tag for tag, _ in read_html(_static.build_copy(title=word, badge=word, parts=parts, footer=word)).tags]
        same = [_static.build_paragraph("x"), _static.build_table(columns=["x"], rows=[["x"]], caption="x")]
        same += [_static.build_details("x", _static.build_paragraph("x"))]
        same += [_static.build_tokens(["x", "x", "x"], shares=[0.5, 0.0, None])]
        expected = _static.build_copy(title="x", badge="x", parts=same, footer="x")
        assert tags == [tag for tag, _ in read_html(expected).tags]


def test_a_copy_that_does_not_escape_is_seen_by_the_check(check_copy):
    """The control of the test above."""
    for markup in ("<script>x</script>", "<img src=x>", "<p onclick='x'>", "<svg></svg>", "<p style='x:url(y)'>"):
        with pytest.raises(AssertionError):
            check_copy(f"<p>{markup}</p>")


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_in_a_cell_comes_out_as_it_went_in(text):
    from html.parser import HTMLParser

    class Cells(HTMLParser):
        found = ""

        def handle_data(self, data):
            self.found += data

    cells = Cells()
    cells.feed(_static.build_paragraph(show_token(text)))
    cells.close()
    assert cells.found == show_token(text)


def test_a_page_is_the_copy_with_a_head_and_no_script(read_html, hostile_words):
    for word in hostile_words:
        copy = _static.build_copy(title=word, badge=word, parts=[_static.build_paragraph(word)], footer=word)
        page = _static.build_page(copy, title=word)
        reader = read_html(page)
        tags = [tag for tag, _ in reader.tags]
        assert tags[:5] == ["html", "head", "meta", "title", "style"]
        assert set(tags) == {"html", "head", "meta", "title", "style", "body", "div", "p", "strong", "small"}
        assert copy in page
        assert not any(name in ("src", "href") or name.startswith("on") for _, found in reader.tags for name in found)


def test_colour_is_a_share_of_the_full_one_and_bounded():
    html = _static.build_tokens(["a", "b", "c", "d", "e"], shares=[None, 0.0, 0.5, 1.0, 7.0])
    spans = html.removeprefix("<p>").removesuffix("</p>").split("</span>")
    assert "opacity" in spans[0]
    assert spans[1] == "<span>b"
    assert "#aadaf4" in spans[2]
    assert "#56b4e9" in spans[3]
    assert "#56b4e9" in spans[4]


def test_tokens_and_shares_of_two_lengths_are_our_own_mistake():
    with pytest.raises(ValueError, match="shorter"):
        _static.build_tokens(["a", "b"], shares=[0.5])


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("\n", "⏎"), ("\t", "⇥"), ("\r", "␍"), ("\x00", "␀"), ("\u00a0", "⍽"), (" cat", " cat"), ("", ""),
        ("\u202e", "\\u{202E}"), ("\u200b", "\\u{200B}"), ("\x1b", "\\u{001B}"), ("\ud800", "\\u{D800}"),
        ("\u2028", "\\u{2028}"), ("\U0001f600", "😀"), ("\ue000", "\\u{E000}"), ("é", "é"),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_written_out(token, shown):
    assert show_token(token) == shown


def test_a_token_of_ten_megabytes_is_cut_quickly():
    assert show_token("x" * 10_000_000) == "x" * 200 + "…"
    assert len(show_token("\u202e" * 10_000_000)) <= 200 * 8 + 1


@given(st.text())
@settings(deadline=None)
def test_what_is_shown_can_be_encoded_and_holds_no_control(text):
    shown = show_token(text)
    shown.encode()
    assert not any(ord(character) < 32 or 0x202A <= ord(character) <= 0x202E for character in shown)
