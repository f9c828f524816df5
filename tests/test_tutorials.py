"""The tutorials: source and notebook agree, nothing stored in them, and they run top to bottom, on a recording too."""

import contextlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import gscope_widgets as gs
from gscope_widgets.teaching.tutorials import find_tutorials, list_sources
from gscope_widgets.teaching.variants import build_variant, read_answers, write_notebook
from tests.hub.fixtures import hub, no_waiting
from tests.hub.gemma import write_gemma
from tests.hub.published import write_scope_repository
from tests.published import find_faults

__all__ = ["hub", "no_waiting"]

TUTORIALS = Path(__file__).parent.parent / "tutorials"
SOURCES = list_sources()
SECONDS_A_CELL = 180
PRINTS = {  # a part of what each prints
    "00_start_here": "claims about it hold",
    "01_a_microscope_on_text": "KL divergence",
    "02_name_that_feature": "precision   recall",
    "03_what_a_dictionary_buys": "sentences shuffled",
    "04_matryoshka_splitting_absorption": "median lift",
    "05_steering_with_a_lab_notebook": "stands out from:",
    "06_computation": "largest gap between what comes in",
    "07_across_layers": "rows of decoders that are not 0",
}

# By tutorial and exercise: answers with a wrong idea behind them that lower the lead as much as is asked, the idea, and
# what is said of each.
WRONG_IDEAS = {
    "06_computation": {
        "ex3": [
            (
                "what any change as large would do",
                ["feature 87 of layer 0", "feature 645 of layer 2", "feature 1328 of layer 5"],
                "A control comes too near",
            ),
            (
                "what is read alike on both prompts",
                ["feature 345 of layer 1", "feature 645 of layer 2", "feature 1847 of layer 7"],
                "A control comes too near",
            ),
            (
                "features of another position",
                [f"feature {one}, at Stormness" for one in ("242 of layer 0", "321 of layer 1", "118 of layer 0")],
                "A control comes too near",
            ),
            (
                "the right ones, clamped too strongly",
                ["feature 1328 of layer 5", "feature 1550 of layer 6", "feature 1847 of layer 7"]
                + ["harder: held at minus five times what they are"],
                "A control reaches what is asked",
            ),
            (
                "one that does nothing beside two that do",
                ["feature 1328 of layer 5", "feature 1550 of layer 6", "feature 1923 of layer 7"],
                "Taken out alone, it lowers the lead no more than a random one in its place: feature 1923 of layer 7.",
            ),
        ]
    }
}


def test_there_are_tutorials():
    assert find_tutorials() == TUTORIALS
    assert SOURCES == sorted(TUTORIALS.glob("*.py")) != []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_is_built_from_its_source(source: Path):
    built = write_notebook(build_variant(source, "student"))
    assert source.with_suffix(".ipynb").read_text(encoding="utf-8") == built, (
        "run: python -m gscope_widgets.teaching.variants"
    )


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_learners_get_no_answer_and_the_solution_has_all(source: Path):
    untouched, solution = read_answers(source, "student"), read_answers(source, "solution")
    assert set(untouched.values()) <= {None}
    assert list(solution) == list(untouched)
    assert None not in solution.values()
    student = source.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert student.count("gs-answer: ") == len(untouched)
    cells = [build_variant(source, kind).cells for kind in ("student", "solution")]
    changed = [two.source for one, two in zip(*cells, strict=True) if one.source != two.source]
    assert [one.rsplit("gs-answer: ")[-1] for one in changed] == list(solution)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_is_valid_and_stores_no_output(source: Path):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@dataclass(frozen=True)
class Run:
    """A tutorial that ran in a kernel, on mini, from its first cell to its last."""

    source: Path
    notebook: nbformat.NotebookNode
    recording: Path  # of all that it asked
    states: dict[str, dict[str, str]]  # by set of answers and exercise, what `check` said after the last cell
    wrong: dict[str, tuple[str, str]]  # by wrong idea, the state that `check` gave and its sentence

    @property
    def printed(self) -> str:
        return leave_out_pictures(
            "".join(
                output.text
                for cell in self.notebook.cells
                if cell.cell_type == "code"
                for output in cell.outputs
                if output.output_type == "stream" and output.name == "stdout"
            )
        )


def leave_out_pictures(printed: str) -> str:
    """Without what figures, scope and dictionaries say of themselves."""
    return "".join(line for line in printed.splitlines(True) if not line.startswith("<"))


@pytest.fixture(scope="module", params=SOURCES, ids=lambda path: path.stem)
def run(request, tmp_path_factory) -> Run:
    """One live run for all tests of a tutorial: it takes up to a minute."""
    source, recording = request.param, tmp_path_factory.mktemp("tutorial") / "run.gscope"
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    answers = {kind: read_answers(source, kind) for kind in ("solution", "first-idea")}
    wrong = WRONG_IDEAS.get(source.stem, {})
    record = f"import gscope_widgets as gs\nrecorder_ = gs.load('mini').recording({str(recording)!r}).__enter__()"
    keep = "recorder_.__exit__(None, None, None)"
    check = f"""import json
from gscope_widgets.exercises.exercise import Exercise
exercises_ = {{one.name: one for one in list(globals().values()) if isinstance(one, Exercise)}}
print(json.dumps({{
    "untouched": {{name: one.check().state for name, one in exercises_.items()}},
    "wrong": {{idea: (found.state, found.sentence) for name, tried in {wrong!r}.items()
       for idea, value, _ in tried for found in [exercises_[name].check(value)]}},
    **{{kind: {{name: exercises_[name].check(value).state for name, value in given.items()}}
       for kind, given in {answers!r}.items()}},
}}))"""
    cells = [nbformat.v4.new_code_cell(text) for text in (record, keep, check)]
    notebook.cells = [cells[0], *notebook.cells, *cells[1:]]
    NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(TUTORIALS)}},
    ).execute()
    states = json.loads(notebook.cells[-1].outputs[-1].text)
    notebook.cells = notebook.cells[1:-2]
    return Run(source, notebook, recording, states, states.pop("wrong"))


def test_tutorial_runs_top_to_bottom_and_leaves_readable_copies(run):
    pages = [
        output.data["text/html"]
        for cell in run.notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text/html" in output.get("data", {})
    ]
    copies = [page for page in pages if "gscope-static" in page]
    shown = [
        cell
        for cell in run.notebook.cells
        if re.fullmatch(
            r"heatmap|sliders|panel|bench|doctor|card|sweep|compare|lens|circuit|attention|ex\d+",
            cell.source.rstrip().split("\n")[-1],
        )
    ]
    assert len(copies) == len(shown) > 0
    assert all("<script" not in page for page in copies)
    assert find_faults(run.notebook) == []  # of what GitHub would show
    assert any("<td>" in page for page in copies)


@pytest.mark.row("44")
def test_exercises_take_the_solution_and_neither_the_first_idea_nor_an_untouched_notebook(run):
    solution, ideas = read_answers(run.source, "solution"), read_answers(run.source, "first-idea")
    assert run.states["untouched"] == dict.fromkeys(solution, "not answered")
    assert run.states["solution"] == dict.fromkeys(solution, "right")
    assert run.states["first-idea"] == dict.fromkeys(ideas, "wrong")


@pytest.mark.row("10", "44")
def test_what_reaches_the_effect_and_not_its_control_is_wrong(run):
    for tried in WRONG_IDEAS.get(run.source.stem, {}).values():
        for idea, _, said in tried:
            state, sentence = run.wrong[idea]
            assert state == "wrong" and said in sentence, idea
            fall, asked = map(float, re.search(r"falls by ([\d.]+); ([\d.]+) is asked", sentence).groups())
            assert fall >= asked, idea  # by the effect alone it would pass


def run_cells(source: Path) -> str:
    """What a tutorial prints."""
    printed, names = io.StringIO(), {}
    with contextlib.redirect_stdout(printed):
        for cell in build_variant(source, "student").cells:
            if cell.cell_type == "code":
                exec(cell.source, names)
    return leave_out_pictures(printed.getvalue())


@pytest.mark.filterwarnings("ignore::gscope_widgets.errors.SteeringWarning")
@pytest.mark.row("NEW 5", "37")
def test_with_one_line_changed_a_tutorial_runs_on_a_recording_of_itself(run, monkeypatch):
    monkeypatch.setattr(gs, "load", lambda *_: gs.replay(run.recording))
    assert run_cells(run.source) == run.printed
    assert PRINTS[run.source.stem] in run.printed


@pytest.mark.row("44")
def test_a_share_as_it_is_printed_is_one_that_both_graphs_reach():
    source, names, printed = TUTORIALS / "07_across_layers.py", {}, io.StringIO()
    cells = [cell.source for cell in build_variant(source, "student").cells if cell.cell_type == "code"]
    with contextlib.redirect_stdout(printed):
        for part in ("gs.load(", "PROMPT =", "def trace("):
            exec(next(cell for cell in cells if part in cell), names)
        least = min(map(float, re.findall(r"explains ([\d.]+)", printed.getvalue())))
        own = next(cell for cell in cells if cell.startswith("least ="))
        exec(own.replace("FIRST_SHARE", str(least)), names)
        with pytest.raises(gs.InvalidValue, match="with all features"):
            exec(own.replace("FIRST_SHARE", f"{least + 0.001}"), names)
    steps = float(printed.getvalue().split()[-2])
    assert steps == pytest.approx(read_answers(source, "solution")["ex5"], abs=0.004)


@pytest.mark.parametrize(
    ("stem", "said"),
    [("01_a_microscope_on_text", "no label: found by texts"), ("02_name_that_feature", "score of “what”")],
)
def test_on_another_model_a_tutorial_finds_its_features_without_minis_labels(stem, said, monkeypatch):
    monkeypatch.setenv("GSCOPE_MODEL", "mini-it")
    printed = run_cells(TUTORIALS / f"{stem}.py")
    assert said in printed
    assert PRINTS[stem] in printed


@pytest.mark.filterwarnings("ignore::gscope_widgets.errors.SanityWarning")  # weights are random
def test_across_layers_runs_on_gemma_from_a_hub_and_leaves_the_large_files_there(hub, no_waiting, monkeypatch):
    write_gemma(hub.folder, "270m")
    each = [f"transcoder_all/layer_{layer}_width_16k_l0_small" for layer in range(18)]
    crossing = ["clt/width_262k_l0_medium", "crosscoder/layer_5_9_12_15_width_65k_l0_medium"]
    folders = [*each, *(f"{one}_affine" for one in each), *crossing]
    write_scope_repository(hub.folder, "270m", "pt", folders=folders)
    monkeypatch.setenv("GSCOPE_MODEL", "gemma-3-270m")
    try:
        printed = run_cells(TUTORIALS / "07_across_layers.py")
    finally:
        gs.load("gemma-3-270m").close()  # which the tutorial leaves open, as a notebook does
    assert "GB of encoders, and rows of decoders" in printed and PRINTS["07_across_layers"] in printed
    here = {path.parent.parent.name for path in (hub.home / "hub").rglob("*.safetensors")}
    assert "transcoder_all" in here and not here & {"clt", "crosscoder"}
