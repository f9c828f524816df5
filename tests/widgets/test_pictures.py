"""Pictures and pages of every widget: what they say of where their numbers come from, and nothing that runs."""

import hashlib
import io
import json
import threading
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import gscope_widgets as gs
from gscope_widgets.records.figures import describe_provenance, open_figure, write_title
from gscope_widgets.records.provenance import Provenance
from gscope_widgets.widgets.catalogue import CATALOGUE
from gscope_widgets.widgets.contract import make_example
from tests.fake_engines import make_engine

ORIGIN = Provenance("gemma", "0123456789abcdef", "cuda", "bfloat16", {"dictionary": "fedcba9876543210"})


@pytest.fixture
def engine(row):
    made = make_engine(row)
    yield made
    made.close()


@pytest.fixture
def page(row, engine, open_page):
    widget = make_example(row, engine)
    if not row.asks:
        widget.start()
    widget.wait()
    return open_page(widget)


def read_foot(figure) -> str:
    return " ".join(figure._supxlabel.get_text().split())


@pytest.mark.row("50", "NEW 20")
def test_every_picture_says_where_its_numbers_come_from(row, page):
    widget = page.widget
    figure, origin = widget.plot(), widget.provenance
    foot, whole = read_foot(figure), json.loads(figure.get_label())
    assert f"{origin.model} @ " in foot
    for name, revision in origin.dictionaries.items():
        assert f"{name} @ {revision[:12] or 'unknown revision'}" in foot
        assert whole["dictionaries"][name] == revision
    for name, version in origin.versions.items():
        assert f"{name} {version}" in foot
    if row.asks_scope and row.home == "widgets" and row.name not in ("FeatureCard", "PromptContrast"):  # of more texts
        assert whole["token_ids"]
        assert f"{len(whole['token_ids'])} token ids, sha256 " in foot
    if "seed" in widget.settings:
        assert "seed" in foot
    picture = Image.open(io.BytesIO(widget.to_png()))
    assert json.loads(picture.info["Description"]) == whole
    drawing = ElementTree.fromstring(widget.to_svg())
    texts = [node.text for node in drawing.iter() if node.tag.endswith("}description")]
    assert json.loads(texts[0]) == whole
    assert {node.tag.split("}")[1] for node in drawing.iter()} & {"script", "foreignObject", "image"} <= {"image"}


def test_a_title_is_whole_and_covers_nothing(row, page):
    if row.home == "exercises" or row.name in ("Doctor", "DictionaryCompare", "PromptContrast"):
        pytest.skip("lines of text, and several axes with titles of their own, have none")
    figure = page.widget.plot()
    figure.draw_without_rendering()
    assert figure.get_suptitle()
    title = figure._suptitle.get_window_extent()
    assert figure.bbox.x0 <= title.x0 and title.x1 <= figure.bbox.x1 and title.y1 <= figure.bbox.y1
    for axes in figure.axes:
        assert not title.overlaps(axes.get_tightbbox())
        assert title.width > 0


def test_a_title_has_the_lines_that_it_needs():
    figure = open_figure(4, 3, None)
    height = figure.get_figheight()
    write_title(figure, "a price of $5 and of $6, " * 6)
    first = figure.get_suptitle()
    assert first.count("\n") == 2 and figure.get_figheight() > height
    write_title(figure, "mini")
    assert figure.get_suptitle().replace("\n", " ") == "mini · " + first.replace("\n", " ").strip()
    figure.draw_without_rendering()
    assert figure._suptitle.get_window_extent().width <= figure.bbox.width
    taller = figure.get_figheight()
    figure.suptitle("")
    write_title(figure, "mini")
    assert figure.get_figheight() <= taller
    figure.draw_without_rendering()


def test_no_picture_is_made_without_it():
    with pytest.raises(TypeError, match="provenance"):
        open_figure(4, 3)
    assert read_foot(open_figure(4, 3, None)) == "put together by hand: of no model"


def test_the_foot_is_of_what_it_is_given():
    foot = describe_provenance(replace(ORIGIN, settings={"seeds": [3, 4]}, token_ids=(1, 2), versions={"torch": "2"}))
    assert foot == (
        "gemma @ 0123456789ab · dictionary @ fedcba987654 · cuda bfloat16 · seeds 3, 4 · "
        f"2 token ids, sha256 {hashlib.sha256(b'[1, 2]').hexdigest()[:12]} · torch 2"
    )
    assert describe_provenance(ORIGIN) != foot
    assert "\n" not in describe_provenance(replace(ORIGIN, model="a\nb\x00"))


def test_hostile_words_are_drawn_and_nothing_else(scope, open_page, hostile_words):
    for words in (hostile_words[:5], hostile_words[5:]):
        widget = open_page(gs.TokenHeatmap(scope, "".join(words), features=[3])).widget
        ElementTree.fromstring(widget.to_svg())
        assert widget.to_png().startswith(b"\x89PNG")


# ---- asked for by the page


@pytest.mark.row("48")
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_page_gets_the_picture_that_python_gives(page, kind):
    page.forget()
    page.send({"type": "picture", "format": kind})
    page.widget._engine.submit(lambda _job: None).wait()
    ((content, (data,)),) = page.messages("kept")
    assert content == {"type": "kept", "text": "", "format": kind}
    assert bytes(data).startswith(b"\x89PNG" if kind == "png" else b"<?xml")


def test_a_picture_that_cannot_be_drawn_says_so(page, monkeypatch):
    monkeypatch.setattr(type(page.widget), "plot", lambda _widget: 1 / 0)
    page.forget()
    page.send({"type": "picture", "format": "png"})
    page.widget._engine.submit(lambda _job: None).wait()
    ((content, buffers),) = page.messages("kept")
    assert content["text"].startswith("No picture: Something went wrong inside gscope_widgets: ZeroDivisionError")
    assert (content["format"], buffers) == ("", [])
    assert page.widget.status["state"] != "error"


# An exercise is kept by the line of its answer.
@pytest.mark.parametrize("row", [row for row in CATALOGUE if row.home == "widgets"], ids=lambda row: row.name)
@pytest.mark.row("NEW 24")
def test_a_finding_pinned_in_the_page_is_there_in_python(row, page):
    page.forget()
    page.send({"type": "pin", "note": "fires <b>here</b>"})
    ((content, _buffers),) = page.messages("kept")
    assert 'gs.write_view("finding-1.json", widget.findings[0]) keeps it' in content["text"]
    assert [one.note for one in page.widget.findings] == ["fires <b>here</b>"]


@pytest.mark.parametrize(
    "message", [{"type": "pin", "note": "x" * 2001}, {"type": "pin"}, {"type": "picture", "format": "exe"}]
)
def test_what_is_no_such_message_is_refused(page, message):
    page.forget()
    page.send(message)
    assert page.messages("kept") == []
    assert page.widget.status["state"] == "error"
    assert page.widget.findings == ()


def test_what_is_still_being_made_is_not_pinned(scope, open_page):
    page = open_page(gs.TokenHeatmap(scope, "The old fisherman", features=[3]))
    gate = threading.Event()
    scope.submit(lambda _job: gate.wait(60))
    page.set(text="Another")
    page.send({"type": "pin", "note": ""})
    assert page.messages("kept")[-1][0]["text"].startswith("Not pinned: what is shown is still being made")
    gate.set()
    page.settle()
    assert page.widget.findings == ()


# ---- several as one page


@pytest.mark.row("48")
def test_widgets_become_one_page(scope, open_page, read_html):
    texts = ("The old fisherman", "On Monday")
    widgets = [open_page(gs.TokenHeatmap(scope, text, features=[3])).widget for text in texts]
    panel = open_page(gs.SteeringPanel(scope, "The old", features=[3], max_new_tokens=3)).widget
    panel.start()
    panel.wait()
    html = gs.to_html([*widgets, panel], title="Fish")
    reader = read_html(html)
    links = [one["href"] for tag, one in reader.tags if tag == "a"]
    assert links == ["#part-1", "#part-2", "#part-3"]
    assert [one["id"] for tag, one in reader.tags if tag == "section"] == ["part-1", "part-2", "part-3"]
    assert "script" not in {tag for tag, _ in reader.tags}
    assert [tag for tag, _ in reader.tags].count("style") == 1
    words = "".join(reader.text)
    for widget in (*widgets, panel):
        assert all(word in words for word in widget.shows())
        assert json.dumps(widget.provenance.to_dict(), indent=1) in words
    alone = "".join(read_html(gs.to_html(widgets[:1])).text)
    assert texts[0] in alone
    assert texts[1] not in alone


def test_hostile_titles_are_text(scope, open_page, read_html, hostile_words):
    widget = open_page(gs.TokenHeatmap(scope, "".join(hostile_words[:5]), features=[3])).widget
    for words in (hostile_words[:5], hostile_words[5:]):
        reader = read_html(gs.to_html([widget], title="".join(words)[:200]))
        names = {name for tag, attributes in reader.tags for name in attributes if tag != "html"}
        assert names <= {"charset", "href", "id", "class", "style", "title", "scope", "open", "aria-label", "role"}
        assert {tag for tag, _ in reader.tags} & {"script", "img", "svg", "iframe"} == set()
        assert "<script>alert(1)</script>" in "".join(reader.text)


@pytest.mark.parametrize(
    ("widgets", "title", "words"),
    [
        ([], "x", "takes 1 to 100 widgets, got 0"),
        ([5], "x", "takes 1 to 100 widgets, got 5"),
        ([None], "x", "takes 1 to 100 widgets, got None"),
        (np.array(3), "x", r"takes a list of widgets, got array\(3\)"),
        ("text", "x", "takes a list of widgets"),
        (5, "x", "takes a list of widgets"),
        (None, "", "title must be a text of 1 to 200 characters"),
        (None, 5, "title must be a text of 1 to 200 characters"),
        (None, "x" * 201, "title must be a text of 1 to 200 characters"),
    ],
)
def test_what_is_no_page_is_refused(scope, open_page, widgets, title, words):
    given = [open_page(gs.TokenHeatmap(scope, "x", features=[3])).widget] if widgets is None else widgets
    with pytest.raises(gs.InvalidValue, match=words):
        gs.to_html(given, title=title)
