"""What a learner installs: a small wheel with everything in it, that changes nothing Colab preloads."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STATIC = ROOT / "gscope_widgets" / "static"
WHEEL_LIMIT_BYTES = 41_000_000
IMPORT_LIMIT_S = 0.5
# Preloaded by the Colab image of 19 August 2026.
COLAB = {
    "python": "3.13",
    "anywidget": "0.9.21",
    "huggingface-hub": "1.27.0",
    "ipywidgets": "7.7.1",
    "matplotlib": "3.10.0",
    "numpy": "2.1.3",
    "safetensors": "0.8.0",
    "torch": "2.11.0",
    "traitlets": "5.7.1",
    "transformers": "5.15.0",
}


def name_of(requirement: Requirement) -> str:
    return re.sub(r"[-_.]+", "-", requirement.name).lower()


def find_conflicts(requirements: list[str], *, installed: dict[str, str]) -> list[str]:
    """The requirements that would make pip replace, or fetch beside, what is installed."""
    parsed = [Requirement(requirement) for requirement in requirements]
    return [str(one) for one in parsed if not one.specifier.contains(installed.get(name_of(one), "0"))]


def find_caps(requirements: list[str]) -> list[str]:
    """The requirements that are anything but a floor."""
    parsed = [Requirement(requirement) for requirement in requirements]
    return [str(one) for one in parsed if {part.operator for part in one.specifier} != {">="}]


def test_colab_keeps_all_that_it_preloads():
    assert find_conflicts(PROJECT["dependencies"], installed=COLAB) == []
    assert Version(COLAB["python"]) in Requirement(f"python{PROJECT['requires-python']}").specifier


def test_a_requirement_above_colabs_version_is_found():
    assert find_conflicts(["numpy>=2.2", "torch>=2.6"], installed=COLAB) == ["numpy>=2.2"]
    assert find_conflicts(["requests>=1"], installed=COLAB) == ["requests>=1"]


def test_requirements_are_floors_only():
    extras = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    assert find_caps([*PROJECT["dependencies"], *extras]) == []


def test_a_cap_is_found():
    assert find_caps(["numpy<3", "torch>=2.6", "traitlets==5.7.1", "anywidget"]) == [
        "numpy<3",
        "traitlets==5.7.1",
        "anywidget",
    ]


def test_every_direct_requirement_has_a_tested_version():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert [str(pin) for pin in pins if {part.operator for part in pin.specifier} != {"=="}] == []
    extras = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    asked = {name_of(Requirement(one)) for one in [*PROJECT["dependencies"], *extras]}
    assert asked - {name_of(pin) for pin in pins} == set()


def test_binder_keeps_its_own_jupyterlab_and_notebook():
    # The image has both, in versions that fit each other; another JupyterLab beside its notebook does not.
    lines = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    asked = [line for line in lines if line and not line.startswith(("#", "--", "-c"))]
    assert [line for line in asked if line.startswith("-e")] == ["-e ."]
    named = {name_of(Requirement(line)) for line in asked if not line.startswith("-e")}
    named |= {name_of(Requirement(one)) for one in PROJECT["dependencies"]}
    assert named & {"jupyterlab", "notebook", "nbclassic"} == set()
    assert {"anywidget", "ipywidgets", "pandas"} <= named
    pins = {line for line in asked if "==" in line}
    assert {"torch", "transformers"} <= {name_of(Requirement(pin)) for pin in pins}
    assert pins <= set((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())


# ---- importing

_TIMED_IMPORT = """
import json, sys, time
start = time.perf_counter()
import gscope_widgets
seconds = time.perf_counter() - start
heavy = [name for name in ("torch", "transformers", "IPython", "matplotlib", "numpy") if name in sys.modules]
print(json.dumps({"seconds": seconds, "heavy": heavy}))
"""


def run_python(code: str) -> dict:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout)


def test_import_is_quick_and_brings_in_nothing_heavy():
    runs = [run_python(_TIMED_IMPORT) for _ in range(5)]
    assert [run["heavy"] for run in runs] == [[]] * 5
    assert min(run["seconds"] for run in runs) < IMPORT_LIMIT_S


def test_gs_load_is_found_without_torch_so_that_a_cell_can_say_that_torch_is_loaded():
    code = """
import json, sys
import gscope_widgets as gs
gs.load
found = [name for name in ("torch", "transformers") if name in sys.modules]
gs.load("mini").close()
print(json.dumps([found, "torch" in sys.modules]))
"""
    assert run_python(code) == [[], True]


def test_widgets_import_without_torch():
    code = """
import json, sys
import gscope_widgets as gs
from gscope_widgets.widgets.catalogue import CATALOGUE
assert [getattr(gs, row.name) for row in CATALOGUE]
print(json.dumps([name for name in ("torch", "transformers") if name in sys.modules]))
"""
    assert run_python(code) == []


def test_claims_and_texts_of_mini_are_read_without_torch_or_numpy():
    code = """
import json, sys
import gscope_widgets as gs
assert gs.mini.claims() and gs.mini.texts()
print(json.dumps([name for name in ("torch", "transformers", "numpy", "factory") if name in sys.modules]))
"""
    assert run_python(code) == []


def test_every_public_name_resolves():
    code = """
import json
import gscope_widgets as gs
print(json.dumps([name for name in gs.__all__ if getattr(gs, name, None) is None]))
"""
    assert run_python(code) == []


# ---- the wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    # A copy, so that no build folder is left in the work tree, with the setuptools that is here, so
    # that no network is needed.
    copy = tmp_path_factory.mktemp("source") / "copy"
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "*.egg-info", "build", "dist")
    shutil.copytree(ROOT, copy, ignore=unwanted)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "-w", out, copy], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = out.glob("*.whl")
    return built


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in folder.rglob("*") if path.is_file()}


def test_wheel_carries_code_bundles_weights_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    mini = ROOT / "gscope_widgets" / "mini"
    wanted = {name for name in files_below(ROOT / "gscope_widgets") if name.endswith(".py")}
    wanted |= files_below(STATIC) | files_below(mini / "models") | files_below(mini / "dictionaries")
    wanted |= {str(path.relative_to(ROOT)) for pattern in ("*.json", "*.json.gz") for path in mini.glob(pattern)}
    wanted.add("gscope_widgets/py.typed")
    tutorials = {name for name in files_below(ROOT / "tutorials") if "/images/" not in name}
    assert {Path(name).suffix for name in tutorials} >= {".ipynb", ".py"}
    wanted |= {f"gscope_widgets/{name}" for name in tutorials}
    assert any(name.endswith(".safetensors") for name in wanted)
    assert any(name.endswith("token_heatmap.js") for name in wanted)
    assert names == wanted
    assert all(name.startswith("gscope_widgets/") for name in names)


def test_the_wheel_has_nothing_of_the_factory(wheel):
    assert {"factory/__main__.py", "factory/corpus/lexicon.py"} <= files_below(ROOT / "factory")
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if "factory" in Path(name).parts] == []
        [listed] = [name for name in archive.namelist() if name.endswith("/top_level.txt")]
        assert archive.read(listed).decode().split() == ["gscope_widgets"]


def test_what_was_installed_from_the_wheel_copies_the_tutorials(wheel, tmp_path):
    # Unpacked, as pip does; what it needs comes from here.
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-m", "gscope_widgets.shell", "lab", "--no-open"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=True)
    copied = sorted((tmp_path / "tutorials").iterdir())
    assert [path.name for path in copied] == sorted(path.name for path in (ROOT / "tutorials").glob("*.ipynb"))
    assert done.stdout.count(": copied") == len(copied) > 0
    assert all(path.read_bytes() == (ROOT / "tutorials" / path.name).read_bytes() for path in copied)


def test_wheel_is_small_and_says_who_it_is(wheel):
    assert wheel.stat().st_size < WHEEL_LIMIT_BYTES
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        text = archive.read(metadata).decode()
        licences = [name for name in archive.namelist() if name.endswith("LICENSE")]
    version = run_python("import json, gscope_widgets; print(json.dumps(gscope_widgets.__version__))")
    assert f"\nVersion: {version}\n" in text
    assert "\nLicense-Expression: Apache-2.0\n" in text
    assert len(licences) == 1


def test_bundles_are_what_their_source_builds(tmp_path):
    node = shutil.which("node")
    if node is None or not (ROOT / "js" / "node_modules").is_dir():
        pytest.fail("bundles cannot be built: run `make test`, which installs js/node_modules")
    subprocess.run([node, "js/build.mjs", "--outdir", str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    fresh = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(fresh) >= 6
    kept = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.is_file()}
    stale = [name for name in sorted(fresh | kept) if fresh.get(name) != kept.get(name)]
    assert stale == [], "run `npm run build` in js/"
