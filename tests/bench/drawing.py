"""How long an attribution graph of 5,000 nodes takes to be drawn and panned: `python -m tests.bench.drawing`.

In Chromium, of the view alone: from the message to the page laid out, to its first frame, which has all that is in sight,
and until what is around that is drawn too; then frames while the picture is scrolled and while it is scaled by the wheel,
and how long a node takes to show its own edges. Of what is drawn also the time that the page's thread worked, which a
machine that is busy with other things leaves as it is. A graph of a fixed seed with 20,000 edges. A folder of other built
bundles, such as another commit's `gscope_widgets/static`, may be named: both are measured in turn. Without one the report,
DRAWING.md and drawing.json, is written anew.
"""

import sys
from pathlib import Path
from unittest.mock import patch

from playwright.sync_api import Page, sync_playwright

import gscope_widgets as gs
from tests.bench.machine import describe_machine
from tests.bench.report import render_report, write_report
from tests.bench.rows import Equality, Row
from tests.bench.timing import Spread
from tests.browser import plain
from tests.browser.lab import open_browser
from tests.fake_circuits import build_circuit
from tests.fake_model import tokenize
from tests.fake_scope import FakeScope

RUNS = 5
NODES = 5000
FRAME_MS = 17.0  # of 60 a second, and the rounding of Chromium's clock
FIRST_MS = 200.0
_COMMAND = ".venv/bin/python -m tests.bench.drawing"
_HEAD = """# An attribution graph drawn

A graph of 5,000 nodes and 20,000 edges, all of them shown, in the view alone, in Chromium without a GPU. Nothing is compared:
the targets are milliseconds. `told` is a figure beside them. Made by `{command}`; `drawing.json` has the same in figures.

{machine}

| target | case | of what | must | found (lowest to highest) | verdict |
|---|---|---|---|---|---|
"""
# The newest result is drawn again and again, as from a kernel.
DRAW = """(runs) => new Promise(async (done) => {
    const times = [];
    for (let run = 0; run < runs; run += 1) {
        const before = document.querySelector("[role=option]");
        const began = performance.now();
        for (const { content, views } of window.kept) window.model.emit("msg:custom", content, views);
        document.querySelector(".gscope").getBoundingClientRect();
        const frame = () => new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
        const laid = performance.now();
        await frame();
        const drawn = document.querySelector("[role=option]") !== before, first = performance.now();
        await frame();
        times.push([laid - began, first - began, performance.now() - began, drawn]);
    }
    done(times);
})"""
# The numbers come in pieces before their message.
KEEP = """() => {
    const take = window.model.take;
    window.kept = [];
    window.model.take = (method, content, buffers) => {
        if (method === "custom" && ["piece", "result"].includes(content.type)) {
            const views = buffers.map((one) => new DataView(Uint8Array.from(atob(one), (c) => c.charCodeAt(0)).buffer));
            window.kept.push({ content, views });
        }
        take(method, content, buffers);
    };
    window.model.send({ type: "ready" });
}"""
PAN = """(way) => new Promise((done) => {
    const box = document.querySelector(".gscope-circuit-scroll"), frames = [];
    let count = 0, last = performance.now();
    const step = (now) => {
        frames.push(now - last);
        last = now;
        if (way === "zoom") {
            const deltaY = 30 * Math.cos(count / 20);
            box.dispatchEvent(new WheelEvent("wheel", { ctrlKey: true, deltaY, bubbles: true, cancelable: true }));
        } else {
            box.scrollLeft = 900 + 800 * Math.sin(count / 20);
            box.scrollTop = 50 + 40 * Math.sin(count / 7);
        }
        count += 1;
        if (count < 240) requestAnimationFrame(step);
        else done(frames.slice(5));
    };
    requestAnimationFrame(step);
})"""
# The strongest inputs of what is chosen, one after the other.
CHOOSE = """(runs) => new Promise(async (done) => {
    const times = [];
    for (let run = 0; run < runs; run += 1) {
        const link = document.querySelectorAll("[aria-label='Strongest inputs'] .gscope-link")[0]
            ?? document.querySelectorAll("[aria-label='Strongest outputs'] .gscope-link")[run % 3];
        const began = performance.now();
        link.click();
        await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
        times.push(performance.now() - began);
    }
    done(times);
})"""


def count_work(page: Page, runs: int) -> float:
    """Milliseconds of processor time that the page's thread takes for so many drawings of the newest result."""
    session, events, ended = page.context.new_cdp_session(page), [], []
    session.on("Tracing.dataCollected", lambda news: events.extend(news["value"]))
    session.on("Tracing.tracingComplete", lambda news: ended.append(news))  # a handler must be a Python function
    session.send("Tracing.start", {"transferMode": "ReportEvents", "categories": "toplevel"})
    page.evaluate(DRAW, runs)
    session.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(20)
    session.detach()
    threads = {(one["pid"], one["tid"]): one["args"]["name"] for one in events if one["name"] == "thread_name"}
    return sum(
        one.get("tdur", 0) / 1000
        for one in events
        if one["name"] == "ThreadControllerImpl::RunTask" and threads.get((one["pid"], one["tid"])) == "CrRendererMain"
    )


def measure(browser, scope: FakeScope, bundles: Path | None) -> list[Row]:
    """Measure one set of bundles."""
    graph = build_circuit(tokenize("The old cat sang and " * 40, chat=False), None, NODES)
    read = plain.read_bundle if bundles is None else lambda name: (bundles / name).read_text("utf-8")
    page = browser.new_context(viewport={"width": 1500, "height": 1600}).new_page()
    with patch.object(plain, "read_bundle", read):
        view = plain.PlainView(page, lambda: gs.CircuitGraph(scope, graph=graph, node_share=1.0, edge_share=1.0))
    page.evaluate(KEEP)
    view.settle()
    times = page.evaluate(DRAW, RUNS)
    assert all(drawn for *_, drawn in times), "a message was not drawn"
    in_sight = Equality(
        True, f"{page.locator('[role=option]').count()} elements of {len(graph.kinds)} nodes in the page"
    )
    laid, first, whole = ([one[at] for one in times] for at in range(3))
    work = [count_work(page, 1) for _ in range(RUNS)]
    while int(page.locator(".gscope-circuit-bar .gscope-hint").first.inner_text().removesuffix(" %")) < 60:
        page.get_by_role("button", name="Larger").click()
    page.wait_for_timeout(1000)
    pan, zoom = page.evaluate(PAN, "pan"), page.evaluate(PAN, "zoom")
    page.wait_for_timeout(1000)
    view.widget.selected_node = len(graph.kinds) - 1
    view.settle()
    edges = page.evaluate(CHOOSE, 12)
    page.context.close()
    view.widget.close()
    case = f"{NODES:,} nodes"
    return [
        Row("D1", case, "message to first frame, ms", Spread.of(first), in_sight, most=FIRST_MS),
        Row("D1", case, "message to laid out, ms", Spread.of(laid), in_sight),
        Row("D1", case, "message until what is around is drawn too, ms", Spread.of(whole), in_sight),
        Row("D1", case, "work of the page's thread for a drawing, ms", Spread.of(work), in_sight),
        Row("D2", f"{case}, at 60 %", "a frame while it is panned, ms", Spread.of(pan), in_sight, most=FRAME_MS),
        Row("D2", f"{case}, from 60 %", "a frame while it is scaled by the wheel, ms", Spread.of(zoom), in_sight),
        Row("D3", case, "click on an input or output to its own edges, ms", Spread.of(edges), in_sight),
    ]


def main() -> int:
    """Measure, print and write; the exit status."""
    machine, scope = describe_machine(), FakeScope()
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        machine["versions"]["chromium"] = browser.version
        for bundles in [*map(Path, sys.argv[1:]), None]:
            rows = measure(browser, scope, bundles)
            print(bundles or "these bundles")
            print(render_report(rows, machine=machine, head=_HEAD, command=_COMMAND))
        browser.close()
    scope.close()
    if not sys.argv[1:]:
        plan = {"nodes": NODES, "runs": RUNS}
        write_report(
            Path(__file__).parent, rows, machine=machine, plan=plan, name="drawing", head=_HEAD, command=_COMMAND
        )
    return int(any(row.verdict == "miss" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
