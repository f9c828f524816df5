"""axe-core over a page: what it finds that keeps readers out who see badly, use a keyboard, or have the page read out."""

from pathlib import Path

from playwright.sync_api import Page

from tests.browser.lab import ROOT

SOURCE = ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js"
# A page is looked at once it is at rest: laid out whole, as what is out of sight keeps an old size and lies over others;
# nothing asked for, nothing moving, and for some frames nothing written, as colours of another theme are.
REST = """async (selector) => {
    const style = document.createElement("style");
    style.textContent = "* { content-visibility: visible !important }";
    document.head.append(style);
    const looked_at = [...document.querySelectorAll(selector)];
    let still = 0;
    const seen = new MutationObserver(() => { still = 0; });
    for (const one of looked_at) seen.observe(one, { subtree: true, childList: true, characterData: true, attributes: true });
    const isMoving = () => document.getAnimations().some(({ playState, effect }) => playState === "running"
        && Number.isFinite(effect.getComputedTiming().endTime) && looked_at.some((one) => one.contains(effect.target)));
    const isAsking = () => looked_at.some((one) => one.querySelector(".gscope-status[data-tone='busy']"));
    for (const end = performance.now() + 20_000; still < 10; still += 1) {
        if (performance.now() > end) throw new Error("the page does not come to rest");
        await new Promise((done) => requestAnimationFrame(done));
        if (isMoving() || isAsking()) still = -1;
    }
    seen.disconnect();
    window.axe_style = style;
}"""
# axe-core takes for hidden what lies beyond a box that cuts off, also where a box between them scrolls: JupyterLab's page
# is such a box. Those around what is looked at are opened meanwhile.
RUN = """async (selector) => {
    const looked_at = document.querySelectorAll(selector), opened = new Map();
    for (const start of looked_at) {
        for (let node = start.parentElement; node; node = node.parentElement) {
            if (getComputedStyle(node).overflow !== "hidden") continue;
            opened.set(node, node.style.overflow);
            node.style.overflow = "visible";
        }
    }
    const { violations } = await axe.run(looked_at, { preload: false, resultTypes: ["violations"] });
    for (const [node, overflow] of opened) node.style.overflow = overflow;
    window.axe_style.remove();
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical").flatMap(
        ({ id, impact, nodes }) => nodes.map(({ html, failureSummary }) => `${id} (${impact}): ${html}\\n${failureSummary}`));
}"""


def find_barriers(page: Page, selector: str) -> list[str]:
    """The serious and critical findings in what a selector finds, at rest, by all rules of axe-core's on by default."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_read(SOURCE))
    page.evaluate(REST, selector)
    return page.evaluate(RUN, selector)


def _read(source: Path) -> str:
    if not source.exists():
        raise FileNotFoundError(f"{source} is missing: run `npm ci` in js/, as make does")
    return source.read_text(encoding="utf-8")
