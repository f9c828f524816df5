"""What a view says of its kernel: busy, restarted, dead, shut down and out of reach are told apart, and at once."""

import re

import pytest
from playwright.sync_api import expect

KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
CELLS = [
    "import gscope_widgets as gs\nfrom tests.fake_scope import FakeScope\nscope = FakeScope()",
    "lens = gs.LogitLens(scope, 'The old fisherman')\nlens",
    "panel = gs.SteeringPanel(scope, 'The old fisherman', features=[3], max_new_tokens=3)\npanel",
    """import pathlib, time
end = time.monotonic() + 60
while time.monotonic() < end and not pathlib.Path(globals().get("done", ".")).exists():
    time.sleep(0.05)""",
]
ANSWERED = "[lens.text, lens.status['state']]"
FROM_THE_TOP = "Run this notebook from the top"
pytestmark = [pytest.mark.row("35", "38"), pytest.mark.usefixtures("quiet")]


def lens(notebook):
    return notebook.widget("Logit lens")


def said(notebook):
    return lens(notebook).locator("> .gscope-status")


def type_text(notebook, text):
    lens(notebook).get_by_role("textbox", name="Text", exact=True).fill(text)


@pytest.fixture(autouse=True)
def alive(notebook):
    """Views that answer, whatever became of the kernel in a test before."""
    notebook.page.context.set_offline(False)
    if lens(notebook).get_attribute("data-link") != "live":
        restart(notebook)
        run_again(notebook)
        notebook.complaints.all.clear()


def restart(notebook):
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")


def run_again(notebook):
    notebook.run_all()
    notebook.wait_for_views()
    expect(lens(notebook)).to_have_attribute("data-link", "live")
    notebook.wait_for("lens.status['state']", "idle")


def test_a_running_cell_is_named_and_the_answer_comes_when_it_ends(notebook):
    """Messages of widgets wait for cells on ipykernel 6, and on 7 where the page uses no subshells."""
    done = notebook.lab.notebooks / "go_on"
    notebook.evaluate("None", after=f"done = {str(done)!r}; del lens")
    notebook.page.evaluate(f"() => {{ {KERNEL}.commsOverSubshells = 'disabled'; }}")
    notebook.run_cell(1)
    notebook.wait_for("'lens' in globals() and lens.status['state']", "idle")
    expect(lens(notebook)).to_have_attribute("data-link", "live")
    notebook.run_cell(3)
    type_text(notebook, "On Monday his sister")
    expect(said(notebook)).to_contain_text("Waiting: the kernel runs a cell")
    expect(notebook.panel.locator(".gscope-static").first).to_be_hidden()
    done.touch()
    notebook.wait_for(ANSWERED, ["On Monday his sister", "idle"])
    expect(said(notebook).get_by_text("Waiting")).to_have_count(0)


def test_a_lost_connection_is_told_until_the_kernel_is_reached_again(notebook):
    notebook.page.context.set_offline(True)
    notebook.page.evaluate(f"() => {{ {KERNEL}._ws.close(4000); }}")
    expect(said(notebook)).to_contain_text("The kernel is out of reach")
    notebook.page.context.set_offline(False)
    notebook.page.evaluate(f"() => {KERNEL}.reconnect()")
    expect(said(notebook)).not_to_contain_text("out of reach")
    type_text(notebook, "Two red coats")
    notebook.wait_for(ANSWERED, ["Two red coats", "idle"])
    notebook.complaints.all.clear()  # JupyterLab's own, of the connection


@pytest.mark.parametrize("by", ["the page", "the server", "a crash"])
def test_a_restart_says_to_run_from_the_top_and_what_is_typed_then_raises_nothing(notebook, by):
    told = notebook.page.get_by_role("button", name="Ok", exact=True)
    notebook.page.add_locator_handler(told, lambda button: button.click())  # JupyterLab's own dialog, of most crashes
    reason = "The kernel was restarted. "
    try:
        if by == "the page":
            restart(notebook)
        elif by == "a crash":
            notebook.page.evaluate(f"() => {{ {KERNEL}.requestExecute({{ code: 'import os; os._exit(1)' }}); }}")
        else:
            # A page that waits for an answer of the kernel before is not told: that nobody answers is all it can say.
            notebook.lab.restart_kernels()
            type_text(notebook, "Typed to another kernel")
            reason = re.compile(rf"(The kernel was restarted|No kernel answers)\. {FROM_THE_TOP}")
        expect(said(notebook)).to_contain_text(FROM_THE_TOP)
        expect(lens(notebook)).to_have_attribute("data-link", "silent")
        type_text(notebook, "Typed to nobody")
        notebook.widget("Steering panel").get_by_role("button", name="Start", exact=True).click()
        expect(said(notebook)).to_contain_text(reason if by == "the server" else reason + FROM_THE_TOP)
        if by == "the server":
            restart(notebook)
        run_again(notebook)
    finally:
        notebook.page.remove_locator_handler(told)


def test_a_kernel_that_was_shut_down_is_told_and_what_is_typed_then_raises_nothing(notebook):
    """Last: it leaves no kernel."""
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    expect(said(notebook)).to_contain_text("The kernel ended. " + FROM_THE_TOP)
    expect(notebook.panel.locator(".gscope-static").first).to_be_visible()
    type_text(notebook, "Typed to nobody")
    notebook.widget("Steering panel").get_by_role("button", name="Start", exact=True).click()
    expect(said(notebook)).to_contain_text(FROM_THE_TOP)
