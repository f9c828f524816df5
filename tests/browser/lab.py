"""A real JupyterLab and a notebook in it, as a person meets them: server, page, cells, kernel.

Every wait is for a condition. No browser is downloaded: the system's
Chromium is driven. HOST_PYTHON names another environment's Python, whose server and kernel are
meant then, and HOST_PAGE=notebook its Notebook 7 (the Makefile's `test-hosts`).
"""

import ast
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import nbformat
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Playwright, expect

from gscope_widgets.widgets.catalogue import CATALOGUE, Row

ROOT = Path(__file__).parent.parent.parent
START_S = 120
SETTLE_S = 30
RUN_MS = 120_000
COMMAND_MS = 300_000  # running all cells of a tutorial, too
POLL_MS = 50
MOST_PAUSE_MS = 400
# anywidget gives a view two seconds to load, and then lets every update fail; on a machine that is
# busy with something else the first load can take longer, and running the cell again mends it.
LOADED_LATE = "[anywidget] Failed to initialize model"
TRIES = 3
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# JupyterLab asks these of its reader or of the network at the first start.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
# Has Chromium draw another picture for its tab whenever a kernel is busy, which is half of what a question to one costs.
DISABLED = {"@jupyterlab/application-extension:faviconbusy": True}
PYTHON = os.environ.get("HOST_PYTHON", sys.executable)
# By what is named on the command line: the server's class, and where a notebook opens alone, in a workspace of its own.
PAGES = {"lab": ("LabApp", "lab/workspaces/{workspace}/tree"), "notebook": ("JupyterNotebookApp", "notebooks")}
PAGE = os.environ.get("HOST_PAGE", "lab")
# In a file, as JupyterLab 3.6 does not take it from the command line.
OPTIONS = {"expose_app_in_browser": True}


def find_chromium() -> str:
    """The system's Chromium; the Makefile looks for the same names."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        raise FileNotFoundError(f"no browser found (looked for {', '.join(CHROMIUM_NAMES)}); install Debian's chromium")
    return found


VIEW = ".gscope-live:not(.gscope-slot *)"  # not those that are parts of another


def open_browser(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=find_chromium(), args=list(CHROMIUM_ARGS))


def write_notebook(path: Path, cells: list[str]) -> Path:
    """A notebook of code cells, without outputs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


def write_examples(rows: Sequence[Row] = CATALOGUE, **changes: object) -> list[str]:
    """A cell for each widget, which shows its example; `text` stands for what its model reads."""
    cells = []
    for row in rows:
        text = {row.text: changes["text"]} if "text" in changes and row.text else {}
        cells.append(f"{row.module} = {row.write_call(**text)}\n{row.module}")
    return cells


class Lab:
    """A JupyterLab server on loopback, with settings, data and notebooks in one folder of its own."""

    def __init__(self, folder: Path):
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir(parents=True)
        self._folder, self._token = folder, secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._write_settings()
        self._log = (folder / "server.log").open("w")
        self._process = subprocess.Popen(
            self._command(), cwd=self.notebooks, env=self._environment(), stdout=self._log, stderr=subprocess.STDOUT
        )

    def __enter__(self) -> "Lab":
        self._wait_for_answer()
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()

    @property
    def process_id(self) -> int:
        """Of the server, which begins the kernels."""
        return self._process.pid

    def address(self, notebook: Path, *, workspace: str) -> str:
        """Where a notebook opens alone, in a workspace of its own."""
        tree = notebook.relative_to(self.notebooks).as_posix()
        return f"{self.url}/{PAGES[PAGE][1].format(workspace=workspace)}/{tree}?token={self._token}"

    def trust(self, notebook: Path) -> None:
        """As the reader does who made the notebook: its outputs are shown as they are."""
        command = [PYTHON, "-m", "jupyter", "trust", str(notebook)]
        subprocess.run(command, env=self._environment(), check=True, capture_output=True, timeout=300)

    def shut_kernels_down(self) -> None:
        """As closing the notebook at the end of a day does, but by the server's own interface."""
        for session in json.loads(self._ask("GET", "api/sessions")):
            self._ask("DELETE", f"api/sessions/{session['id']}")

    def put_settings_back(self) -> None:
        """Those of a first start, whatever a page has chosen since, such as a theme: a page that opens reads them."""
        shutil.rmtree(self._folder / "settings")
        self._write_settings()

    def restart_kernels(self) -> None:
        """As another page of the same notebook does: this one's page is not told."""
        for kernel in json.loads(self._ask("GET", "api/kernels")):
            self._ask("POST", f"api/kernels/{kernel['id']}/restart")

    def _ask(self, method: str, path: str) -> bytes:
        headers = {"Authorization": f"token {self._token}"}
        request = urllib.request.Request(f"{self.url}/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read()

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                self._ask("GET", "api/status")
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                ended = self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    log = (self._folder / "server.log").read_text()
                    raise RuntimeError(f"JupyterLab did not start in {START_S} s:\n{log}") from None
                time.sleep(0.1)

    def _write_settings(self) -> None:
        for name, values in SETTINGS.items():
            file = self._folder / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        config = self._folder / "config" / f"jupyter_{PAGE}_config.json"
        config.parent.mkdir(exist_ok=True)
        config.write_text(json.dumps({PAGES[PAGE][0]: OPTIONS}))
        page_config = config.parent / "labconfig" / "page_config.json"
        page_config.parent.mkdir(exist_ok=True)
        page_config.write_text(json.dumps({"disabledExtensions": DISABLED}))

    def _command(self) -> list[str]:
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self._port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.notebooks,
            "IdentityProvider.token": self._token,
            "LabApp.extension_manager": "readonly",
        }
        flags = [f"--{name}={value}" for name, value in options.items()]
        as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        return [PYTHON, "-m", "jupyter", PAGE, "--no-browser", *as_root, *flags]

    def _environment(self) -> dict[str, str]:
        rooms = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        own = {name: str(self._folder / room) for name, room in rooms.items()}
        # One thread: beside a browser on two cores, two of mini's threads wait for each other.
        return os.environ | own | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


class Complaints:
    """What the page's console and its uncaught errors say, less what is known to be JupyterLab's own."""

    # Each with its reason. Matched as a part of the message.
    ALLOWED: dict[str, str] = {
        "(reading 'schema')": "Notebook 7.6 as it opens, before a cell is run: settings that it lacks"
    }

    def __init__(self, page: Page):
        self.all: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._note(f"page error: {error.message}\n{error.stack}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"console: {message.text} ({message.location.get('url', '')})")

    def take(self, part: str) -> bool:
        """Forget those that hold `part`; whether there were any."""
        before, self.all = self.all, [text for text in self.all if part not in text]
        return len(before) > len(self.all)

    def _note(self, text: str) -> None:
        if not any(known in text for known in self.ALLOWED):
            self.all.append(text)


class Notebook:
    """One notebook open in a page, with its kernel."""

    def __init__(self, page: Page, lab: Lab, path: Path, *, workspace: str):
        self.page, self.lab, self.path = page, lab, path
        self.complaints = Complaints(page)
        self.dialogs: list[str] = []
        page.on("dialog", self._on_dialog)
        page.goto(lab.address(path, workspace=workspace), timeout=RUN_MS, wait_until="commit")
        self.panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        expect(self.panel.locator(".jp-Cell").first).to_be_visible(timeout=RUN_MS)

    def _on_dialog(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def command(self, name: str, **arguments: object) -> None:
        """One of JupyterLab's own commands, as its menus run them; returns when it is done."""
        self.page.evaluate(
            """([name, arguments, limit]) => Promise.race([
                window.jupyterapp.commands.execute(name, arguments).then(() => null),
                new Promise((_, fail) => setTimeout(() => fail(new Error(`${name} did not end`)), limit)),
            ])""",
            [name, arguments, COMMAND_MS],
        )

    def run_all(self) -> None:
        """Run every cell, top to bottom, and wait for the last."""
        self.wait_for_kernel()
        self.command("notebook:run-all-cells")

    def run_cell(self, index: int) -> None:
        """Begin to run one cell; returns at once."""
        script = """(index) => {
            const { content } = window.jupyterapp.shell.currentWidget;
            content.deselectAll();
            content.activeCellIndex = index;
            window.jupyterapp.commands.execute("notebook:run-cell");
        }"""
        self.page.evaluate(script, index)

    def wait_for_views(self, count: int | None = None, *, again: Callable[[], object] | None = None) -> None:
        """Return when every widget in the outputs has drawn its view; where anywidget gave one up, after `again`.

        Args:
            count: of widgets; those in the outputs of the notebook as it is saved, unless told.
            again: What a reader does then: runs the cells again, unless told.
        """
        if count is None:
            outputs = [output for cell in self.save()["cells"] for output in cell.get("outputs", [])]
            count = sum(WIDGET_VIEW in output.get("data", {}) for output in outputs)
        for _ in range(TRIES):
            if self._draws(count):
                return
            (again or self.run_all)()
        raise AssertionError(f"anywidget gave up loading a view in {TRIES} tries")

    def _draws(self, count: int) -> bool:
        """Wait for that many views; False if anywidget gave up on one."""
        views, deadline = self.panel.locator(VIEW), time.monotonic() + RUN_MS / 1000
        while (drawn := views.count()) != count:
            assert time.monotonic() < deadline, f"{drawn} of {count} views after {RUN_MS / 1000:.0f} s"
            if self.complaints.take(LOADED_LATE):
                return False
            self.page.wait_for_timeout(POLL_MS)
        return not self.complaints.take(LOADED_LATE)

    def wait_for_kernel(self) -> None:
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=RUN_MS,
        )

    def save(self) -> dict:
        """Save, and return what is on disk."""
        self.command("docmanager:save")
        return json.loads(self.path.read_text(encoding="utf-8"))

    def evaluate(self, expression: str, *, after: str = "") -> object:
        """The value of a Python expression in the notebook's kernel, once the statements `after` have run.

        What JSON has no form for comes as its `repr`: a value that is waited for may be on its way.
        """
        script = """
            async ([code, expression, limit]) => {
              const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
              const asked = kernel.requestExecute({
                code, store_history: false, user_expressions: { value: `__import__("json").dumps(${expression}, default=repr)` },
              });
              const late = new Promise((_, fail) => setTimeout(() => fail(new Error(`no answer: ${expression}`)), limit));
              return (await Promise.race([asked.done, late])).content;
            }"""
        content = self.page.evaluate(script, [after, expression, RUN_MS])
        assert content["status"] == "ok", content
        value = content["user_expressions"]["value"]
        assert value["status"] == "ok", value
        return json.loads(ast.literal_eval(value["data"]["text/plain"]))

    def run(self, code: str) -> None:
        """Run statements in the notebook's kernel, outside its cells, with the field left that was typed in."""
        self.page.evaluate("() => document.activeElement?.blur()")
        self.evaluate("None", after=code)

    def wait_for(self, expression: str, wanted: object) -> None:
        """Return when a Python expression in the kernel has the wanted value."""
        deadline, pause = time.monotonic() + SETTLE_S, POLL_MS
        while (value := self.evaluate(expression)) != wanted:
            assert time.monotonic() < deadline, f"{expression} is {value!r} after {SETTLE_S} s, wanted {wanted!r}"
            self.page.wait_for_timeout(pause)  # to ask takes computing, which what is waited for needs too
            pause = min(2 * pause, MOST_PAUSE_MS)

    def widget(self, title: str) -> Locator:
        """The live view of that name, not one that is part of another."""
        return self.panel.get_by_role("group", name=title, exact=True).and_(self.panel.locator(VIEW))

    def cell_ids(self) -> list[str]:
        """The cells as they are now, in order."""
        return self.page.evaluate(
            "() => [...window.jupyterapp.shell.currentWidget.content.model.cells].map((cell) => cell.id)"
        )

    def error_outputs(self) -> list[str]:
        """Tracebacks in the notebook as it would be saved."""
        cells = self.save()["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        return ["\n".join(output["traceback"]) for output in outputs if output["output_type"] == "error"]
