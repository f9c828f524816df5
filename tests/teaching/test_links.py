"""Links: what each server reads out of them is the notebook, whatever its name; no address is made up."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import nbformat
import pytest

import gscope_widgets as gs
from gscope_widgets.exercises.cells import blank_magics
from gscope_widgets.shell import main
from gscope_widgets.teaching import tutorials, variants
from gscope_widgets.teaching.links import BEGIN, END, Place, find_place, keep_place, put_into
from gscope_widgets.teaching.tutorials import find_tutorials, list_notebooks, list_sources
from gscope_widgets.teaching.variants import build_variant

ROOT = Path(__file__).parents[2]
NAMES = ["two words", "no. #1", "why?", "50% of it", "a&b=c+d", "naïve ü"]
OTHER = {"hub": "https://hub.example.org/", "environment": "them/image", "environment_branch": "a/b"}


def read_query(address: str) -> dict[str, str]:
    """The query as a server decodes it, once."""
    return {name: value for name, [value] in parse_qs(urlsplit(address).query, strict_parsing=True).items()}


@pytest.mark.parametrize("name", NAMES)
def test_each_server_reads_the_notebook_out_of_its_link(name):
    path = f"my lessons/{name}.ipynb"
    place = Place("us/course", "release/1", **OTHER)
    colab = urlsplit(place.link_colab(path))
    assert (colab.netloc, colab.query, colab.fragment) == ("colab.research.google.com", "", "")
    assert unquote(colab.path) == f"/github/us/course/blob/release/1/{path}"

    own = Place("us/course", "release/1").link_binder(path)
    assert urlsplit(own).path == "/v2/gh/us/course/release%2F1"
    assert unquote(read_query(own)["urlpath"]) == f"lab/tree/{path}"

    pulled = place.link_binder(path)
    assert urlsplit(pulled).path == "/v2/gh/them/image/a%2Fb"
    inner = read_query(pulled)["urlpath"]
    assert urlsplit(inner).path == "git-pull"
    hub = place.link_hub(path)
    assert hub.startswith("https://hub.example.org/hub/user-redirect/git-pull?")
    for query in (read_query(inner), read_query(hub)):
        assert (query["repo"], query["branch"]) == ("https://github.com/us/course", "release/1")
        assert unquote(query["urlpath"]) == f"lab/tree/course/{path}"
        # What follows is opened as an address: nothing in a name may end its path.
        assert urlsplit(query["urlpath"]).query == urlsplit(query["urlpath"]).fragment == ""


def test_interface_and_target_folder_are_as_asked():
    place = Place("us/course", "main", hub="https://hub", interface="notebook", target="week 1")
    query = read_query(place.link_hub("a.ipynb"))
    assert query["targetPath"] == "week 1"
    assert unquote(query["urlpath"]) == "notebooks/week 1/a.ipynb"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"repository": "https://github.com/us/course"}, "repository is owner/name"),
        ({"branch": ""}, "branch is a branch, tag or commit"),
        ({"branch": "main; rm"}, "branch is a branch"),
        ({"branch": "a..b"}, "branch is a branch"),
        ({"hub": "javascript:alert(1)"}, "hub is an address"),
        ({"hub": "https://hub?x=1"}, "hub is an address"),
        ({"environment_branch": "main"}, "is of an environment"),
        ({"interface": "retro"}, "interface is 'lab' or 'notebook'"),
    ],
)
def test_what_makes_no_link_is_refused(given, words):
    with pytest.raises(gs.InvalidValue, match=words):
        Place(**{"repository": "us/course", "branch": "main", **given})


def test_the_command_writes_a_line_for_each_tutorial_and_puts_them_into_a_page(tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    assert main(["links", "--repository", "us/course", "--branch", "main", "--into", str(page)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("`")[1] for line in lines] == [f"tutorials/{path.name}" for path in list_notebooks()]
    assert page.read_text(encoding="utf-8").splitlines() == ["before", BEGIN, *lines, END, "after"]
    (tmp_path / "bare.md").write_text("no marks")
    with pytest.raises(gs.InvalidValue, match="has no lines"):
        put_into(tmp_path / "bare.md", "links")
    assert main(["links", "--repository", "course", "--branch", "main"]) == 2


def test_a_place_that_is_kept_comes_into_the_notebooks(tmp_path):
    source = Path(shutil.copy(list_sources()[0], tmp_path))
    plain = build_variant(source, "student").cells
    keep_place(Place("us/course", "main"), tmp_path)
    assert find_place(tmp_path) == Place("us/course", "main")
    built = build_variant(source, "student")
    nbformat.validate(built)
    title, badges, install, *rest = built.cells
    assert [cell.source for cell in (title, *rest)] == [cell.source for cell in plain]
    assert Place("us/course", "main").link_colab(f"{tmp_path.name}/{source.stem}.ipynb") in badges.source
    assert '%pip install -q "gscope-widgets @ git+https://github.com/us/course@main"' in install.source
    compile(blank_magics(install.source), "install", "exec")
    (tmp_path / "repository.json").write_text("[]")
    with pytest.raises(gs.InvalidValue, match="names no place"):
        build_variant(source, "student")


KEEP = ("links", "--repository", "us/course", "--branch", "main", "--keep")


@pytest.fixture
def installed(monkeypatch):
    """A folder with two tutorials of an installed package, which is found in place of this one's, and a page."""
    with tempfile.TemporaryDirectory() as name:  # that any user reaches, unlike tmp_path
        folder = Path(name, "tutorials")
        folder.mkdir()
        for source in list_sources()[:2]:
            shutil.copy(source, folder)
            shutil.copy(source.with_suffix(".ipynb"), folder)
        page = Path(name, "README.md")
        page.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
        monkeypatch.setattr(tutorials, "find_tutorials", lambda: folder)
        monkeypatch.setattr(variants, "find_tutorials", lambda: folder)
        yield folder, page


def read_all(folder):
    return {path.name: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}


def test_the_command_keeps_the_place_in_every_notebook_and_in_the_page(installed):
    folder, page = installed
    before = read_all(folder)
    assert main([*KEEP, "--into", str(page)]) == 0
    after = read_all(folder)
    assert after.keys() - before.keys() == {"repository.json"}
    assert {name for name in before if before[name] != after[name]} == {
        page.name,
        *(path.name for path in folder.glob("*.ipynb")),
    }
    for path in folder.glob("*.ipynb"):
        assert path.read_text(encoding="utf-8") == variants.write_notebook(
            build_variant(path.with_suffix(".py"), "student")
        )
        assert "colab.research.google.com/github/us/course" in path.read_text(encoding="utf-8")


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="folders that are read-only are of POSIX")
def test_tutorials_that_are_read_only_are_refused_before_anything_is_changed(installed, capsys):
    folder, page = installed
    for path in (folder.parent, page):
        path.chmod(0o777)
    folder.chmod(0o555)
    before, user = read_all(folder), os.geteuid()
    try:
        if user == 0:  # whom nothing is read-only to
            os.seteuid(65534)
        assert main([*KEEP, "--into", str(page)]) == 2
    finally:
        os.seteuid(user)
        folder.chmod(0o755)
    assert read_all(folder) == before
    said = capsys.readouterr().err
    assert f"the tutorials in {folder} cannot be changed (Permission denied); clone the repository" in said
    assert "Traceback" not in said
    assert main([*KEEP, "--into", str(page)]) == 0  # the control: where it can be written, both are changed
    assert read_all(folder) != before


def test_what_cannot_be_kept_is_refused_in_words(installed, capsys):
    folder, page = installed
    page.write_text("no marks", encoding="utf-8")
    before = read_all(folder)
    assert main([*KEEP, "--into", str(page)]) == 2
    assert "has no lines" in capsys.readouterr().err
    assert read_all(folder) == before
    shutil.rmtree(folder)
    with pytest.raises(gs.InvalidValue, match=r"cannot be changed \(No such file"):
        variants.write_all(Place("us/course", "main"))
    with pytest.raises(gs.InvalidValue, match="cannot be written"):
        keep_place(Place("us/course", "main"), folder)


def test_the_install_cell_installs_only_where_the_package_is_not():
    # Where it is, as here, the line of pip is not reached; where it is not, it is.
    install = blank_magics(Place("us/course", "main").write_install()).replace("pass", "asked.append(1)")
    for package, expected in (("gscope_widgets", []), ("no_such_package_at_all", [1])):
        names = {"asked": []}
        exec(install.replace('"gscope_widgets"', repr(package)), names)
        assert names["asked"] == expected


_ADDRESS = re.compile(r"(?:colab\.research\.google\.com/github|mybinder\.org/v2/gh|user-redirect/git-pull)[/?][\w-]")


def test_no_address_of_a_repository_is_made_up():
    assert _ADDRESS.search(Place("us/course", "main").write_badges("a.ipynb"))
    kept = find_place(find_tutorials()) is not None  # in the repository of whoever ran the command
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *list_notebooks(), *list_sources()]
    pages = [*([] if kept else pages), *(ROOT / "gscope_widgets").rglob("*.py"), *(ROOT / "binder").iterdir()]
    assert [path for path in pages if _ADDRESS.search(path.read_text(encoding="utf-8"))] == []
