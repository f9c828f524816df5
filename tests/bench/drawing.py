"""How long an attribution graph of 5,000 nodes takes to be drawn and panned: `python -m tests.bench.drawing`.

In Chromium, of the view alone: from the message to the page laid out, to its first frame, which has all that is in sight,
and until what is around that is drawn too; then frames while the picture is scrolled and while it is scaled by the wheel,
and how long a node takes to show its own edges. Of what is drawn also the time that the page's thread worked, which a
machine that is busy with other things leaves as it is. A graph of a fixed seed with 20,000 edges. A folder of other built
bundles, such as another commit's `gscope_widgets/static`, may be named: both are measured in turn.
"""

import statistics
import sys
from pathlib import Path
from unittest.mock import patch

from playwright.sync_api import Page, sync_playwright

import gscope_widgets as gs
from tests.browser import plain
from tests.browser.lab import open_browser
from tests.fake_circuits import build_circuit
from tests.fake_model import tokenize
from tests.fake_scope import FakeScope

RUNS = 5
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


def write(name: str, times: list[float], unit: str = "ms") -> str:
    times = sorted(times)
    return f"{name}: median {statistics.median(times):.1f} {unit}, 95 % within {times[len(times) * 95 // 100]:.1f}"


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


def measure(browser, scope: FakeScope, bundles: Path | None) -> None:
    """Measure one set of bundles, and print."""
    graph = build_circuit(tokenize("The old cat sang and " * 40, chat=False), None, 5000)
    read = plain.read_bundle if bundles is None else lambda name: (bundles / name).read_text("utf-8")
    page = browser.new_context(viewport={"width": 1500, "height": 1600}).new_page()
    with patch.object(plain, "read_bundle", read):
        view = plain.PlainView(page, lambda: gs.CircuitGraph(scope, graph=graph, node_share=1.0, edge_share=1.0))
    page.evaluate(KEEP)
    view.settle()
    times = page.evaluate(DRAW, RUNS)
    assert all(drawn for *_, drawn in times), "a message was not drawn"
    print(f"{bundles or 'these bundles'}: {page.locator('[role=option]').count()} elements of {len(graph.kinds)} nodes")
    for at, name in enumerate(("laid out", "first frame", "all drawn")):
        print(" ", write(name, [one[at] for one in times]))
    print(" ", write("work of a drawing, all of it", [count_work(page, 1) for _ in range(RUNS)]))
    while int(page.locator(".gscope-circuit-bar .gscope-hint").first.inner_text().removesuffix(" %")) < 60:
        page.get_by_role("button", name="Larger").click()
    page.wait_for_timeout(1000)
    print(" ", write("panning", page.evaluate(PAN, "pan"), "ms a frame"))
    print(" ", write("zooming", page.evaluate(PAN, "zoom"), "ms a frame"))
    page.wait_for_timeout(1000)
    view.widget.selected_node = len(graph.kinds) - 1
    view.settle()
    print(" ", write("a node's own edges", page.evaluate(CHOOSE, 12)))
    page.context.close()
    view.widget.close()


def main() -> None:
    """Measure, and print."""
    scope = FakeScope()
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        for bundles in [*map(Path, sys.argv[1:]), None]:
            measure(browser, scope, bundles)
        browser.close()
    scope.close()


if __name__ == "__main__":
    main()
