"""Doctor in a real JupyterLab: the page answers, faults of the way to it are found, by mouse and by keyboard."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import write_notebook

CELLS = [
    "import gscope_widgets as gs\nfrom gscope_widgets.checkup import machine, page\n"
    "page._SLOW_S = 60.0  # other tests may keep this machine busy",
    "doctor = gs.Doctor('mini')\ndoctor",
]
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def doctor(notebook) -> Locator:
    """The live view, its last check-up ended and the page heard."""
    notebook.wait_for("doctor.status['state']", "idle")
    notebook.wait_for("doctor.report['front end'].state", "fine")
    return notebook.widget("Doctor")


def finding(view: Locator, name: str) -> Locator:
    return view.locator(".gscope-finding").filter(has=view.page.get_by_text(name, exact=True))


@pytest.mark.row("NEW 15")
def test_the_page_answers_and_stands_in_the_report(notebook, doctor):
    expect(finding(doctor, "front end")).to_have_attribute("data-state", "fine")
    expect(finding(doctor, "front end")).to_contain_text("on both sides; 1.0 MB went whole")
    expect(finding(doctor, "page")).to_contain_text("JupyterLab or Notebook, light theme, view")
    assert notebook.evaluate("doctor.report['page'].state") == "fine"
    expect(finding(doctor, "hub")).to_contain_text("mini needs none")
    names = notebook.evaluate("[one.name for one in doctor.report.findings]")
    assert doctor.locator(".gscope-finding-name").all_inner_texts() == names


def test_another_check_up_is_begun_by_keyboard_and_said_to_screen_readers(notebook, doctor):
    notebook.run("real = machine.check_torch; machine.check_torch = lambda: 1 / 0")
    before = notebook.cell_ids()
    doctor.get_by_role("button", name="Check again").focus()
    notebook.page.keyboard.press("Enter")
    expect(finding(doctor, "torch")).to_have_attribute("data-state", "broken")
    expect(finding(doctor, "torch")).to_contain_text("ZeroDivisionError")
    expect(doctor.get_by_role("status").filter(has_text="For mini: 1 broken")).to_be_visible()
    expect(doctor.get_by_role("button", name="Check again")).to_be_focused()
    notebook.run("machine.check_torch = real")
    doctor.get_by_role("button", name="Check again").click()
    expect(finding(doctor, "torch")).to_have_attribute("data-state", "fine")
    assert notebook.cell_ids() == before


def test_a_model_is_chosen(notebook, doctor):
    doctor.get_by_role("combobox", name="For").select_option("gemma-3-27b")
    expect(finding(doctor, "memory")).to_contain_text("gemma-3-27b takes 109.7 GB")
    notebook.wait_for("[doctor.model, doctor.status['state']]", ["gemma-3-27b", "idle"])
    expect(finding(doctor, "hub")).to_contain_text("HF_HUB_OFFLINE is set")
    notebook.run("doctor.model = 'mini'")
    expect(doctor.get_by_role("combobox", name="For")).to_have_value("mini")


def test_a_page_of_another_version_is_found(notebook, doctor):
    notebook.run("import gscope_widgets.widgets.doctor as module; module.__version__ = '9.9'; doctor.check()")
    expect(finding(doctor, "front end")).to_contain_text("the page runs version")
    expect(finding(doctor, "front end")).to_have_attribute("data-state", "broken")
    notebook.run("module.__version__ = gs.__version__; doctor.check()")
    expect(finding(doctor, "front end")).to_have_attribute("data-state", "fine")


@pytest.mark.row("NEW 15")
def test_where_the_view_cannot_stand_python_and_the_copy_say_what_to_do(lab, open_notebook):
    """As where the front end of anywidget is missing, or refused by the page's rules."""
    cells = [
        "import gscope_widgets as gs\nfrom gscope_widgets.checkup.examiner import Examiner\n"
        "Examiner.patience_s = 1.0; gs.Doctor._esm = 'throw new Error(\"refused\")'",
        "doctor = gs.Doctor('mini', ask_hub=False)\ndoctor",
    ]
    blocked = open_notebook(write_notebook(lab.notebooks / "blocked.ipynb", cells))
    blocked.run_all()
    blocked.wait_for("doctor.report['front end'].state", "broken")
    expect(blocked.widget("Doctor")).to_have_count(0)
    copy = blocked.panel.locator(".gscope-static")
    expect(copy).to_be_visible()
    expect(copy).to_contain_text("install anywidget where the Jupyter server runs")
    assert "install anywidget" in blocked.evaluate("' '.join(str(doctor.report).split())")
