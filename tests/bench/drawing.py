"""How long an attribution graph of 5,000 nodes takes to be drawn and panned: `python -m tests.bench.drawing`.

In Chromium, of the view alone: from the message to the page laid out, and to its first frame; then frames while the
picture is scrolled. A graph of a fixed seed with 20,000 edges drawn.
"""

import statistics

from playwright.sync_api import sync_playwright

import gscope_widgets as gs
from tests.browser.lab import open_browser
from tests.browser.plain import PlainView
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
        const laid = performance.now();
        await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
        const drawn = document.querySelector("[role=option]") !== before;
        times.push([laid - began, performance.now() - began, drawn]);
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
PAN = """() => new Promise((done) => {
    const box = document.querySelector(".gscope-circuit-scroll"), frames = [];
    let count = 0, last = performance.now();
    const step = (now) => {
        frames.push(now - last);
        last = now;
        box.scrollLeft = 400 + 300 * Math.sin(count / 10);
        box.scrollTop = 50 + 40 * Math.sin(count / 7);
        count += 1;
        if (count < 120) requestAnimationFrame(step);
        else done(frames.slice(5));
    };
    requestAnimationFrame(step);
})"""


def main() -> None:
    """Measure, and print."""
    scope = FakeScope()
    graph = build_circuit(tokenize("The old cat sang and " * 40, chat=False), None, 5000)
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        page = browser.new_context(viewport={"width": 1500, "height": 1600}).new_page()
        view = PlainView(page, lambda: gs.CircuitGraph(scope, graph=graph, node_share=1.0, edge_share=1.0))
        page.evaluate(KEEP)
        view.settle()
        times = page.evaluate(DRAW, RUNS)
        assert all(drawn for *_, drawn in times), "a message was not drawn"
        frames = sorted(page.evaluate(PAN))
        print(f"{page.locator('[role=option]').count()} nodes, {RUNS} runs")
        for at, name in enumerate(("laid out", "first frame")):
            taken = [one[at] for one in times]
            print(f"{name}: median {statistics.median(taken):.0f} ms, {min(taken):.0f} to {max(taken):.0f}")
        print(
            f"panning: median {statistics.median(frames):.1f} ms a frame, 95 % within {frames[len(frames) * 95 // 100]:.1f}"
        )
        browser.close()
    view.widget.close()
    scope.close()


if __name__ == "__main__":
    main()
