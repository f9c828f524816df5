"""Widgets on the embedded model in a real kernel, with a page's messages sent as a page sends them."""

import json
import os
from pathlib import Path

import ipykernel
import pytest
from jupyter_client.manager import KernelManager

from gscope_widgets.widgets.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
SOON = 60.0  # seconds; far more than any of this takes
MOVES = 200
VIEW = "application/vnd.jupyter.widget-view+json"
INSIDE = str(ROOT / "tests" / "runtime" / "inside.py")
SETUP = f"""
import json, os, runpy, threading
import gscope_widgets as gs

scope, text = gs.load(), "The old fisherman sold two red"
top = [found.feature for found in scope.read(text).top(2)]
sliders = gs.FeatureSliders(scope, text, features=top)
panel = gs.SteeringPanel(scope, text, features=top, max_new_tokens=512, temperature=1.0)
gate, standing, last, runs = threading.Event(), threading.Event(), threading.Event(), []
hold_at = []  # the number of runs at which the gate closes
gate.set()

def run(_module, _inputs):
    runs.append(1)
    if hold_at and len(runs) >= hold_at[0]:
        hold_at.clear()
        gate.clear()
    if not gate.is_set():
        standing.set()
    assert gate.wait(60)

loaded = runpy.run_path({INSIDE!r})["loaded"]  # IPython 7 has a package `tests` of its own
loaded(scope).model.register_forward_pre_hook(run)
"""
TELL = """
import sys, time, traceback

def tell(main=threading.get_ident()):
    names = []
    while not (names[:1] == ["Condition.wait"] and "Job.wait" in names):
        time.sleep(0.001)
        names = [one.f_code.co_qualname for one, _ in traceback.walk_stack(sys._current_frames()[main])]
    print("it waits", flush=True)

threading.Thread(target=tell).start()
"""
WAIT_FOR_TOKENS = """
import time
while max(map(len, {widget}._run.made)) < {count}:
    time.sleep(0.001)
"""


class Kernel:
    """A kernel with what a page and its notebook send to it."""

    def __init__(self, manager: KernelManager):
        self.manager, self.client = manager, manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SOON)

    def run(self, code: str) -> None:
        """A cell, waited for."""
        reply = self.client.execute(code, reply=True, timeout=SOON)["content"]
        assert reply["status"] == "ok", "\n".join(reply.get("traceback", []))

    def evaluate(self, expression: str) -> object:
        reply = self.client.execute("", user_expressions={"value": expression}, reply=True, timeout=SOON)["content"]
        value = reply["user_expressions"]["value"]
        assert value["status"] == "ok", value
        return eval(value["data"]["text/plain"])

    def begin(self, code: str) -> None:
        """A cell, not waited for."""
        self.client.execute(code)

    def hear(self, code: str) -> list[tuple[str, dict]]:
        """A cell, waited for; and all that the kernel has said until its end."""
        asked, heard = self.client.execute(code), []
        while True:
            message = self.client.get_iopub_msg(timeout=SOON)
            heard.append((message["msg_type"], message["content"]))
            if message["parent_header"].get("msg_id") == asked and message["content"].get("execution_state") == "idle":
                assert self.client.get_shell_msg(timeout=SOON)["content"]["status"] == "ok", heard
                return heard

    def hear_page(self, name: str) -> list[str]:
        """The kinds of messages that a widget has sent to its page, once it has answered."""
        said = [content for kind, content in self.hear(f"{name}.wait()") if kind == "comm_msg"]
        custom = [one["data"] for one in said if one["comm_id"] == self.ids[name] and one["data"]["method"] == "custom"]
        return [data["content"]["type"] for data in custom]

    def send(self, name: str, data: dict, *, subshell: str | None = None) -> None:
        """A message to a widget."""
        message = self.client.session.msg("comm_msg", {"comm_id": self.ids[name], "data": data})
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def set(self, name: str, *, subshell: str | None = None, **state) -> None:
        self.send(name, {"method": "update", "state": state, "buffer_paths": []}, subshell=subshell)

    def storm(self, name: str = "sliders", *, subshell: str | None = None) -> None:
        """A slider moved from 0.1 to 20 in steps as fast as they can be sent."""
        rest = {"unit": "fraction", "positions": "all"}
        for number in range(MOVES):
            moved = {"ref": 3, "kind": "clamp", "amount": (number + 1) / 10, **rest, "on": True}
            still = {"ref": 4, "kind": "clamp", "amount": 0.0, **rest, "on": False}
            self.set(name, subshell=subshell, changes=[moved, still])

    def open_subshell(self) -> str:
        message = self.client.session.msg("create_subshell_request")
        self.client.control_channel.send(message)
        return self.client.get_control_msg(timeout=SOON)["content"]["subshell_id"]

    def run_beside(self, code: str, *, subshell: str) -> None:
        """Code in a subshell, waited for."""
        message = self.client.session.msg("execute_request", {"code": code, "silent": False, "store_history": False})
        message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        assert self.client.get_shell_msg(timeout=SOON)["content"]["status"] == "ok"

    def set_up(self) -> None:
        self.run(SETUP)
        self.ids = self.evaluate("{'sliders': sliders.model_id, 'panel': panel.model_id}")


@pytest.fixture(scope="module")
def kernel():
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
    kernel = Kernel(manager)
    try:
        yield kernel
    finally:
        kernel.client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def fresh(kernel):
    """The kernel with widgets that nothing has moved, on a model that waits at its gate."""
    if not hasattr(kernel, "ids"):
        kernel.set_up()
    kernel.run(
        "gate.set(); sliders.reset(); sliders.wait(); panel.stop(); panel.wait(); gate.clear(); last.clear(); runs.clear(); "
        "hold_at.clear(); standing.clear()"
    )
    return kernel


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_a_widget_opens_and_answers_its_page(fresh, row):
    """In messages of protocol 2, which ipywidgets 7 and 8 both speak."""
    fresh.run("gate.set()")
    heard = fresh.hear(f"one = {row.write_call()}\none")
    comm_id = fresh.ids["one"] = fresh.evaluate("one.model_id")
    [opened] = [content for kind, content in heard if kind == "comm_open" and content["comm_id"] == comm_id]
    assert opened["target_name"] == "jupyter.widget"
    told = {name: value for name, value in row.example.items() if name in (row.text, "name", *row.change)}
    assert told
    assert told.items() <= opened["data"]["state"].items()
    data = [content["data"] for kind, content in heard if kind in ("display_data", "execute_result")]
    assert [one[VIEW]["model_id"] for one in data if VIEW in one] == [comm_id]

    fresh.send("one", {"method": "custom", "content": {"type": "ready"}})
    assert (row.result if row.asks else "ack") in fresh.hear_page("one")
    if row.asks:
        fresh.set("one", **row.change)
    else:
        settings = {**row.change, **row.settings}
        fresh.send("one", {"method": "custom", "content": {"type": "start", "id": "a", "settings": settings}})
    assert row.result in fresh.hear_page("one")
    state = {**row.change, **row.settings}
    told = json.loads(fresh.evaluate(f"json.dumps([one.get_state()[name] for name in {list(state)}])"))
    assert [_write_numbers(value) for value in told] == [_write_numbers(value) for value in state.values()]
    assert fresh.evaluate("one.status['state']") == "idle"
    fresh.run("one.close()")


def _write_numbers(value):
    """Changes by the number of their feature, without the unit that only what is added has and a range's own words."""
    if not (isinstance(value, list) and value and isinstance(value[0], dict) and "ref" in value[0]):
        return value
    numbers = [one["ref"] if isinstance(one["ref"], int) else one["ref"]["feature"] for one in value]
    units = [one["unit"] if one["kind"] == "add" else "" for one in value]
    places = [
        {name: bound for name, bound in one["positions"].items() if name != "text"}
        if isinstance(one["positions"], dict)
        else one["positions"]
        for one in value
    ]
    rows = zip(value, numbers, units, places, strict=True)
    return [{**one, "ref": number, "unit": unit, "positions": place} for one, number, unit, place in rows]


@pytest.mark.row("NEW 6")
def test_an_interrupted_wait_stops_its_run_and_the_next_answer_is_right(fresh):
    cell = f"panel.start()\nassert standing.wait(50)\n{TELL}\npanel.wait()"
    asked = fresh.client.execute(cell, stop_on_error=False)
    while fresh.client.get_iopub_msg(timeout=SOON)["msg_type"] != "stream":
        pass  # until the cell waits in its last line
    fresh.manager.interrupt_kernel()
    reply = fresh.client.get_shell_msg(timeout=SOON)
    assert (reply["parent_header"]["msg_id"], reply["content"].get("ename")) == (asked, "KeyboardInterrupt")
    fresh.run("gate.set(); panel.wait()")
    assert fresh.evaluate("panel.status['state']") == "cancelled"
    fresh.run("sliders.values = [4.0, None]; sliders.wait()")
    fresh.run("expected = scope.next_tokens(text, 10, [gs.clamp(scope.dictionary().feature(top[0]), 4.0)])")
    assert fresh.evaluate("sliders.status['state']") == "idle"
    assert fresh.evaluate("sliders.distribution.kl") == pytest.approx(fresh.evaluate("expected.kl"), rel=1e-5)


def read_runs(kernel) -> int:
    kernel.run("gate.set(); sliders.wait()")
    assert kernel.evaluate("sliders.values") == (20.0, None)
    assert kernel.evaluate("[one.amount for one in sliders.distribution.interventions]") == [20.0]
    return kernel.evaluate("len(runs)")


def test_a_storm_costs_at_most_three_runs_and_ends_on_the_last_value(fresh):
    fresh.storm()
    assert 1 <= read_runs(fresh) <= 3


def test_messages_that_come_when_the_cell_ends_hold_nothing_up(fresh):
    """As with ipykernel 6: while a cell waits for a result, no message of the page is heard."""
    fresh.begin("gate.set()\nfor value in (1.0, 2.0, 3.0):\n    sliders.values = [value, None]\n    sliders.wait()")
    fresh.storm()
    assert read_runs(fresh) >= 4


@pytest.mark.skipif(ipykernel.version_info[0] < 7, reason="subshells came with ipykernel 7")
@pytest.mark.row("NEW 6")
def test_a_widget_of_a_subshell_is_answered_beside_a_running_cell(fresh):
    """The cell itself waits for the last one's answer. ipykernel 7.4 sends a message to the shell that its widget
    last answered from, whatever the page asks for: so the widget is made in the subshell."""
    subshell = fresh.open_subshell()
    fresh.run_beside(
        "beside = gs.FeatureSliders(scope, text, features=top)\n"
        "_ = beside.on_result(lambda _result: beside.values[0] == 20.0 and last.set())",
        subshell=subshell,
    )
    fresh.ids["beside"] = fresh.evaluate("beside.model_id")
    fresh.begin("gate.set()\nheard = last.wait(50)")
    fresh.storm("beside", subshell=subshell)
    assert fresh.evaluate("heard") is True
    assert fresh.evaluate("(beside.values, beside.status['state'])") == ((20.0, None), "idle")
    fresh.run("beside.close()")


@pytest.mark.row("25", "NEW 6")
def test_a_stop_frees_the_model_within_one_token(fresh):
    fresh.run("hold_at.append(6); gate.set()")
    fresh.send("panel", {"method": "custom", "content": {"type": "start", "id": "a", "settings": {}}})
    fresh.run(
        "assert standing.wait(50); made = len(runs)\nassert max(map(len, panel._run.made)) > 1"
    )  # in a decode step
    fresh.send("panel", {"method": "custom", "content": {"type": "stop", "id": "b"}})
    fresh.run("gate.set(); panel.wait()")
    assert fresh.evaluate("(panel.status['state'], len(runs) - made)") == ("cancelled", 0)


def test_a_page_that_closes_its_widget_frees_the_model(fresh):
    fresh.run("other = gs.SteeringPanel(scope, text, features=top, max_new_tokens=512, temperature=1.0)")
    fresh.run("hold_at.append(6); gate.set(); job = other.start()\nassert standing.wait(50)")
    closed = fresh.client.session.msg("comm_close", {"comm_id": fresh.evaluate("other.model_id"), "data": {}})
    fresh.client.shell_channel.send(closed)
    fresh.run("gate.set()\nimport concurrent.futures\nassert concurrent.futures.wait([job], 50).done")
    assert fresh.evaluate("(other.comm, max(map(len, other._run.made)) < 512)") == (None, True)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def begin_stream(kernel: Kernel) -> int:
    """The process id of a kernel in mid-stream."""
    if not hasattr(kernel, "ids"):
        kernel.set_up()
    kernel.run("gate.set(); panel.start()\n" + WAIT_FOR_TOKENS.format(widget="panel", count=1))
    pid = kernel.evaluate("os.getpid()")
    children = Path(f"/proc/{pid}/task/{pid}/children")
    assert not children.exists() or children.read_text() == ""
    del kernel.ids
    return pid


def test_a_kernel_restarted_in_mid_stream_leaves_no_process(kernel):
    pid = begin_stream(kernel)
    kernel.manager.restart_kernel()
    assert not is_running(pid)
    kernel.client.wait_for_ready(timeout=SOON)


def test_a_kernel_shut_down_in_mid_stream_ends_by_itself(kernel):
    pid, process = begin_stream(kernel), kernel.manager.provisioner.process
    kernel.client.shutdown()
    assert process.wait(SOON) == 0  # and not for a signal
    assert not is_running(pid)
