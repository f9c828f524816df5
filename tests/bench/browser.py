"""T18: a long text in Chromium, drawn by the token heatmap and as a span for each token."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.bench.rows import Equality, Row
from tests.bench.shapes import Plan
from tests.bench.timing import Spread, alternate_told, compare

SENTENCE = "The old fisherman walked from the harbour to the market with his sister and sold twelve fish. "
MOST_NODES = 2000
_MIB = 2**20

# Both sides get the message as bytes that have come; time is taken until the frame after it is on the screen.
_PREPARE = """messages => {
    const unpack = (one) => new DataView(Uint8Array.from(atob(one), (c) => c.charCodeAt(0)).buffer);
    const long = messages.map(([content, buffers]) => [content, buffers.map(unpack)]);
    const [head] = long.at(-1);
    const short = { ...head, tokens: ["x"], ignored: {}, glyphs: [], features: [], labels: {}, pieces: 0,
        arrays: head.arrays.map((one) => ({ ...one, shape: one.shape.map((size) => size === head.tokens.length ? 1 : 0) })) };
    const nothing = short.arrays.map(({ shape }) => new DataView(new ArrayBuffer(4 * shape.reduce((a, b) => a * b, 1))));
    const settled = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))));
    const shown = (start) => new Promise((done) => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => done((performance.now() - start) / 1000);
        channel.port2.postMessage(null);
    }));
    const plain = document.createElement("div");
    plain.style.cssText = "max-height: 440px; overflow: auto; font-size: 15px";
    document.body.append(plain);
    const shade = (at, step) => `rgb(${(at * step) % 200} 180 240)`;
    const addPlain = () => plain.append(...head.tokens.map((token, at) => {
        const span = document.createElement("span");
        span.textContent = token;
        span.title = `position ${at}`;
        span.style.backgroundColor = shade(at, 7);
        return span;
    }));
    const tell = (messages) => messages.forEach(([content, buffers]) => window.model.emit("msg:custom", content, buffers));
    const colour = document.querySelector(".gscope-fold select");
    const choose = (value) => {
        colour.value = value;
        colour.dispatchEvent(new Event("change"));
    };
    let turn = 0; // so that each colour differs from the one before
    window.bench = {
        async ours() {
            plain.replaceChildren();
            tell([[short, nothing]]);
            await settled();
            const start = performance.now();
            tell(long);
            return shown(start);
        },
        async plain() {
            plain.replaceChildren();
            tell([[short, nothing]]);
            await settled();
            const start = performance.now();
            addPlain();
            return shown(start);
        },
        async recolourOurs() {
            plain.replaceChildren();
            tell(long);
            choose("features");
            await settled();
            const start = performance.now();
            choose("l0");
            return shown(start);
        },
        async recolourPlain() {
            tell([[short, nothing]]);
            if (!plain.hasChildNodes()) addPlain();
            await settled();
            const start = performance.now();
            turn += 1;
            [...plain.children].forEach((span, at) => { span.style.backgroundColor = shade(at, 11 + turn); });
            return shown(start);
        },
        async scroll(steps) {
            plain.replaceChildren();
            tell(long);
            await settled();
            const strip = document.querySelector(".gscope-strip");
            let most = 0;
            for (let step = 0; step <= steps; step += 1) {
                strip.scrollTop = (strip.scrollHeight * step) / steps;
                await settled();
                most = Math.max(most, document.querySelectorAll(".gscope *").length);
            }
            const last = strip.querySelector(`[data-pos="${head.tokens.length - 1}"]`);
            return { most, reached: !!last };
        },
    };
    return head.tokens.length;
}"""


def measure_browser(plan: Plan) -> list[Row]:
    """First paint and recolouring of 10,000 tokens beside plain spans, nodes, and memory while 32,000 are scrolled."""
    sizes = (10_000, 32_000) if plan.gated else (1000, 2000)
    rows = []
    with _open_page(sizes[0]) as (page, count):
        for case, ours, peer, least in (
            ("first paint", "ours", "plain", 2.0),
            ("recolour", "recolourOurs", "recolourPlain", None),
        ):
            sides = {name: partial(page.evaluate, f"() => window.bench.{call}()") for name, call in
                     (("ours", ours), ("plain spans", peer))}  # fmt: skip
            taken = alternate_told(sides, alternations=max(10, plan.alternations))
            rows.append(
                Row(
                    "T18",
                    f"{case}, {count:,} tokens, to the next frame",
                    measure="plain spans / ours",
                    found=compare(taken, ours="ours", peer="plain spans"),
                    equality=Equality(True, "both show the same tokens; colours are each side's own"),
                    least=least,
                    sides={name: Spread.of([1e3 * one for one in values]) for name, values in taken.items()},
                    unit="ms",
                    note="asked besides: 50 ms to the first paint, 30 ms to recolour",
                )
            )
        nodes = page.evaluate("() => window.bench.scroll(20)")
        rows.append(_count(f"{count:,} tokens, scrolled through", nodes))
    with _open_page(sizes[1]) as (page, count):
        page.evaluate("() => window.bench.scroll(20)")  # warm
        before = _used_memory(page)
        nodes = page.evaluate("() => window.bench.scroll(200)")
        after = _used_memory(page)
        rows.append(_count(f"{count:,} tokens, scrolled through", nodes))
        rows.append(
            Row(
                "T18",
                f"memory of the page, {count:,} tokens scrolled through in 200 steps",
                measure="after / before",
                found=Spread(after / before, after / before, after / before),
                equality=Equality(nodes["reached"], "the last token was reached"),
                most=1.1,
                sides={"before": Spread.of([before]), "after": Spread.of([after])},
                unit="MiB",
            )
        )
    return rows


def _count(case: str, nodes: dict) -> Row:
    most = float(nodes["most"])
    return Row(
        "T18",
        f"elements of the widget, {case}",
        measure="elements, at most",
        found=Spread(most, most, most),
        equality=Equality(nodes["reached"], "the last token was reached"),
        most=MOST_NODES,
    )


@contextmanager
def _open_page(count: int) -> Iterator[tuple]:
    """A page with a heatmap of so many tokens, and how many they are."""
    from playwright.sync_api import sync_playwright

    import gscope_widgets as gs
    from tests import fake_model
    from tests.browser.lab import open_browser
    from tests.browser.plain import PlainView
    from tests.fake_scope import FakeScope

    context, fake_model.CONTEXT = fake_model.CONTEXT, count + 100
    scope = FakeScope()
    scope.text_limit = len(SENTENCE) * count
    per_sentence = len(scope.tokens(SENTENCE)) - 1
    text = SENTENCE * (count // per_sentence)
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        try:
            page = browser.new_context(viewport={"width": 1500, "height": 900}).new_page()
            page.set_default_timeout(120_000)
            view = PlainView(page, lambda: gs.TokenHeatmap(scope, text, features=[3, 4]))
            content, buffers = view.widget._last_message
            pieces = [
                ({"type": "piece", "index": index}, [piece]) for index, piece in enumerate(view.widget._last_pieces)
            ]
            packed = [
                [one, [base64.b64encode(part).decode() for part in parts]]
                for one, parts in [*pieces, (content, buffers)]
            ]
            yield page, page.evaluate(_PREPARE, packed)
        finally:
            browser.close()
            scope.close()
            fake_model.CONTEXT = context


def _used_memory(page) -> float:
    """MiB of the page's JavaScript and DOM, garbage collected."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return metrics["JSHeapUsedSize"] / _MIB
