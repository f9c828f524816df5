"""Static copies: plain tables that an untrusted page keeps, in which any text stays text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbconvert.filters.strings import clean_html

from gscope_widgets.widgets.base import copy
from gscope_widgets.widgets.base.formats import format_text


def test_every_part_keeps_hostile_words_as_text(check_copy, read_html, hostile_words):
    for word in hostile_words:
        parts = [
            copy.build_paragraph(word),
            copy.build_table(columns=[word], rows=[[word]], caption=word),
            copy.build_details(word, copy.build_paragraph(word)),
            copy.build_tokens([word] * 3, shares=[0.5, 0.0, None], breaks=[False] * 3),
        ]
        text = check_copy(copy.build_copy(title=word, badge=word, parts=parts, footer=word))
        plain = copy.build_copy(title="x", badge="x", parts=[], footer="x")
        assert len(text) > len(plain) / 4
        tags = [tag for tag, _ in read_html(copy.build_copy(title=word, badge=word, parts=parts, footer=word)).tags]
        same = [copy.build_paragraph("x"), copy.build_table(columns=["x"], rows=[["x"]], caption="x")]
        same += [copy.build_details("x", copy.build_paragraph("x"))]
        same += [copy.build_tokens(["x"] * 3, shares=[0.5, 0.0, None], breaks=[False] * 3)]
        expected = copy.build_copy(title="x", badge="x", parts=same, footer="x")
        assert tags == [tag for tag, _ in read_html(expected).tags]


def test_a_copy_that_does_not_escape_is_seen_by_the_check(check_copy):
    """The control of the test above."""
    for markup in (
        "<script>x</script>",
        "<img src=x>",
        "<p onclick='x'>",
        "<svg></svg>",
        "<p>x</p>",
        "<div style='x:url(y)'>",
    ):
        with pytest.raises(AssertionError):
            check_copy(f"<div>{markup}</div>")


@given(st.text(max_size=60))
def test_any_text_in_a_cell_comes_out_as_it_went_in(text):
    from html.parser import HTMLParser

    class Cells(HTMLParser):
        found = ""

        def handle_data(self, data):
            self.found += data

    cells = Cells()
    cells.feed(copy.build_paragraph(format_text(text)))
    cells.close()
    assert cells.found == format_text(text)


def test_a_page_is_the_copy_with_a_head_and_no_script(read_html, hostile_words):
    for word in hostile_words:
        inner = copy.build_copy(title=word, badge=word, parts=[copy.build_paragraph(word)], footer=word)
        page = copy.build_page(inner, title=word)
        reader = read_html(page)
        tags = [tag for tag, _ in reader.tags]
        assert tags[:5] == ["html", "head", "meta", "title", "style"]
        assert set(tags) == {"html", "head", "meta", "title", "style", "body", "div", "strong"}
        assert inner in page
        assert not any(name in ("src", "href") or name.startswith("on") for _, found in reader.tags for name in found)


def test_colour_is_a_share_of_the_full_one_and_bounded():
    html = copy.build_tokens(list("abcde"), shares=[None, 0.0, 0.5, 1.0, 7.0], breaks=[False] * 5)
    spans = re.findall("<span.*?</span>", html)
    assert "opacity" in spans[0]
    assert spans[1] == "<span>b</span>"
    assert "#aadaf4" in spans[2]
    assert "#56b4e9" in spans[3]
    assert "#56b4e9" in spans[4]


def test_where_styles_are_dropped_colours_are_those_of_terminals():
    """Jupyter's pages and exports have them below `.jp-RenderedText pre`."""
    shares = [None, 0.0, 0.2, 0.5, 1.0, -0.2, -0.5, -1.0]
    html = clean_html(copy.build_tokens(list("abcdefgh"), shares=shares, breaks=[False] * 8))
    assert html.startswith('<div class="jp-RenderedText"><pre><span>a</span>')
    wanted = ["d ansi-cyan-bg", "e ansi-cyan-intense-bg", "g ansi-yellow-bg", "h ansi-yellow-intense-bg"]
    assert [f"{word} {name}" for name, word in re.findall('<span class="(.*?)">(.)', html)] == wanted


def test_the_first_line_says_that_it_is_saved_and_what_live_controls_need(read_html):
    """JupyterLab and Notebook 7 print "model not found" above it where there is no kernel."""
    html = copy.build_copy(title="Logit lens", badge="mini", parts=[], footer="x")
    first = html.split("</div>")[0]
    assert "".join(read_html(f"{first}</div></div>").text) == (
        "Logit lens · mini · the saved result. Live controls need a kernel: run the notebook from the top."
    )


def test_tokens_and_shares_of_two_lengths_are_our_own_mistake():
    with pytest.raises(ValueError, match="shorter"):
        copy.build_tokens(["a", "b"], shares=[0.5], breaks=[False, False])


def test_columns_of_numbers_and_of_words_start_at_their_own_sides(read_html):
    rows = [["a", "0.5", "<0.01 %", "\u22121.2e+6"], ["b", "12", "42.0 %", "3"]]
    table = copy.build_table(columns=["word", "x", "y", "z"], rows=rows, caption="t")
    cells = [attributes for tag, attributes in read_html(table).tags if tag == "td"]
    assert ["style" in attributes for attributes in cells] == [True, False, False, False] * 3  # the names, too
