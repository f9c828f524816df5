"""Claims grow stale with any source that their measurement reaches, and with no other."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from factory.measuring import MEASURES
from factory.sources import ROOT, digest_sources, find_sources

TREE = {
    "factory/__init__.py": "",
    "factory/measure.py": "from factory.plain import a\nimport factory.dotted\n",
    "factory/plain.py": "from . import beside\nfrom .deep.inner import f\na = 1\n",
    "factory/dotted.py": "def later():\n    from gscope_widgets.runtime import hooks\n",
    "factory/beside.py": "import json\nx = 'beside'\n",
    "factory/deep/__init__.py": "y = 0\n",
    "factory/deep/inner.py": "from .. import above\n\n\ndef f(): return 1\n",
    "factory/above.py": "z = 3\n",
    "factory/apart.py": "from factory import measure\nq = 1\n",
    "gscope_widgets/__init__.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gscope_widgets.widgets import w\n"
    ),
    "gscope_widgets/runtime/__init__.py": "",
    "gscope_widgets/runtime/hooks.py": "h = 1\n",
    "gscope_widgets/widgets/__init__.py": "w = 1\n",
}


@pytest.fixture
def tree(tmp_path) -> Path:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def add_line(root: Path, name: str) -> None:
    path = root / name
    path.write_text(path.read_text() + "changed = True\n")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("factory/measure.py", id="the measurement itself"),
        pytest.param("factory/plain.py", id="from x import y"),
        pytest.param("factory/dotted.py", id="import x"),
        pytest.param("factory/beside.py", id="from . import module"),
        pytest.param("factory/deep/inner.py", id="from .package.module import name"),
        pytest.param("factory/deep/__init__.py", id="a package on the way"),
        pytest.param("factory/above.py", id="from .. import module"),
        pytest.param("gscope_widgets/runtime/hooks.py", id="inside a function, of the product"),
    ],
)
def test_a_change_in_a_reached_source_changes_the_digest(tree, name):
    before = digest_sources("factory.measure", root=tree)
    add_line(tree, name)
    assert digest_sources("factory.measure", root=tree) != before


@pytest.mark.parametrize("name", ["factory/apart.py", "gscope_widgets/widgets/__init__.py"])
def test_a_change_elsewhere_leaves_the_digest(tree, name):
    before = digest_sources("factory.measure", root=tree)
    add_line(tree, name)
    assert digest_sources("factory.measure", root=tree) == before


def test_comments_docstrings_and_layout_leave_the_digest_and_a_constant_does_not(tree):
    before = digest_sources("factory.measure", root=tree)
    inner = tree / "factory/deep/inner.py"
    inner.write_text('"""New words."""\nfrom .. import above\n\n\n# why\ndef f():\n    """More."""\n    return (1)\n')
    assert digest_sources("factory.measure", root=tree) == before
    for value in ("True", "1.0", "'1'", "2"):  # equal in value to 1, or not
        inner.write_text(f"from .. import above\n\n\ndef f(): return {value}\n")
        assert digest_sources("factory.measure", root=tree) != before


def test_a_name_of_the_package_without_a_home_is_refused(tree):
    (tree / "factory/measure.py").write_text("from gscope_widgets import load\n")
    with pytest.raises(ValueError, match=r"factory\.measure imports gscope_widgets\.load"):
        find_sources("factory.measure", root=tree)
    with pytest.raises(ValueError, match=r"factory\.missing is no module"):
        find_sources("factory.missing", root=tree)


@pytest.mark.parametrize(
    ("group", "reached", "apart"),
    [
        ("detectors", "factory.claims.concept_scores", "factory.claims.steering.rule"),
        ("detectors", "factory.claims.auc", "gscope_widgets.widgets.token_heatmap"),
        ("multi_step", "factory.corpus.chains", "factory.claims.detection.labels"),
        ("fronts", "gscope_widgets.runtime.gemma.hooks", "factory.measuring"),
        ("spans", "factory.training.artefact", "factory.claims.planted.refusal"),
    ],
)
def test_real_measurements_reach_what_they_run_and_not_each_other(group, reached, apart):
    found = find_sources(MEASURES[group].__module__)
    assert reached in found and (ROOT / apart.replace(".", "/")).with_suffix(".py").exists()
    assert apart not in found


def test_what_python_loads_for_a_measurement_is_among_its_sources():
    """Independent: a fresh interpreter imports the measurement and says which of our modules it loaded."""
    module = MEASURES["planted"].__module__
    code = f"import sys, json, {module}; print(json.dumps([m for m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name for name in json.loads(done.stdout) if name.partition(".")[0] in ("factory", "gscope_widgets")}
    assert len(loaded) > 30
    assert loaded <= set(find_sources(module))
