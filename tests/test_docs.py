"""Pages name what there is: links lead somewhere, and sources cite pages that exist."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from PIL import Image

import gscope_widgets as gs
from gscope_widgets.widgets.catalogue import CATALOGUE
from tests.browser import gallery, lesson_gallery
from tests.features import GROUPS, PAGE, build_page, list_marks

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES += sorted((ROOT / "tutorials").rglob("*.md"))
SOURCES = [path for room in ("gscope_widgets", "factory", "tests") for path in sorted((ROOT / room).rglob("*.py"))]


def find_dead_links(text: str, *, folder: Path) -> list[str]:
    """The targets of Markdown links within the repository that are not there."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", text)
    return [target for target in targets if not (folder / target).exists()]


def find_dead_citations(text: str) -> list[str]:
    """Pages of `docs/` that a source cites and that are not there."""
    return [name for name in re.findall(r"docs/([\w-]+\.md)", text) if not (ROOT / "docs" / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    assert find_dead_links(page.read_text(encoding="utf-8"), folder=page.parent) == []


def test_sources_cite_pages_that_exist():
    others = [path for path in SOURCES if path != Path(__file__)]
    texts = {path: path.read_text(encoding="utf-8") for path in others}
    assert sum("docs/" in text for text in texts.values()) > 5
    assert {path: dead for path, text in texts.items() if (dead := find_dead_citations(text))} == {}


def test_the_first_example_of_sweeps_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    names = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    printed = capsys.readouterr().out
    assert "tokens of 3 documents" in printed and (tmp_path / "sweeps" / "mine" / "examples.safetensors").exists()
    assert "tokens of the 3 texts given" in printed  # of the card
    assert "texts given" not in names["scope"].card(names["french"]).examples_on  # the control: None took them away


def test_the_examples_of_circuits_run_as_they_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "circuits.md").read_text(encoding="utf-8")
    names = {"gs": gs}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    assert (tmp_path / "graph.json").exists() and names["crossing"].walks().length > 1 and names["changes"]
    plt.close("all")


def test_a_dead_link_and_a_dead_citation_are_found():
    assert find_dead_links("[here](docs/house.md), [there](docs/nowhere.md#a)", folder=ROOT) == ["docs/nowhere.md"]
    assert find_dead_citations("see docs/nowhere.md, docs/house.md") == ["nowhere.md"]


def test_the_page_of_features_is_what_the_marks_say():
    assert PAGE.read_text(encoding="utf-8") == build_page(), "run `python -m tests.features`"


def test_marks_name_rows_that_exist():
    known = {row for rows in GROUPS.values() for row in rows}
    marks = list_marks()
    assert len(marks) > 30
    assert {test: row for row, test in marks if row not in known} == {}


def test_the_gallery_is_of_the_widgets_there_are():
    assert gallery.PAGE.read_text(encoding="utf-8") == gallery.build_page(), f"run `{gallery.COMMAND}`"
    assert {row.name for row in CATALOGUE} <= set(gallery.NOTICE), "say what is to be noticed in each picture"


def test_the_gallery_has_a_picture_of_each_widget_in_both_themes():
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", gallery.PAGE.read_text(encoding="utf-8"))
    assert shown == [f"{row.module}-{theme}.png" for row in CATALOGUE for theme in ("light", "dark")]
    pictures = [gallery.FOLDER / name for name in shown]
    assert sorted(gallery.FOLDER.glob("*.png")) == sorted(pictures)
    assert sum(path.stat().st_size for path in pictures) <= gallery.BUDGET_BYTES
    for path in pictures:
        with Image.open(path) as image:
            brightness = image.convert("L").resize((1, 1)).getpixel((0, 0))
        assert (brightness > 128) == path.stem.endswith("-light"), path.name


def test_a_moment_of_each_tutorial_is_shown_in_both_themes():
    page = lesson_gallery.PAGE.read_text(encoding="utf-8")
    assert page == lesson_gallery.build_page(), f"run `{lesson_gallery.COMMAND}`"
    pictures = [lesson_gallery.FOLDER / name for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page)]
    assert len(pictures) == 2 * len(lesson_gallery.MOMENTS)
    assert sorted(lesson_gallery.PICTURES.glob("*.png")) == sorted(pictures)
    assert sum(path.stat().st_size for path in pictures) <= lesson_gallery.BUDGET_BYTES
