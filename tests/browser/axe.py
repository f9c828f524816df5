"""axe-core over a page: what it finds that keeps readers out who see badly, use a keyboard, or have the page read out."""

from pathlib import Path

from playwright.sync_api import Page

from tests.browser.lab import ROOT

SOURCE = ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js"
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
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical").flatMap(
        ({ id, impact, nodes }) => nodes.map(({ html, failureSummary }) => `${id} (${impact}): ${html}\\n${failureSummary}`));
}"""


def find_barriers(page: Page, selector: str) -> list[str]:
    """The serious and critical findings in what a selector finds, by every rule of axe-core's that is on by default."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_read(SOURCE))
    return page.evaluate(RUN, selector)


def _read(source: Path) -> str:
    if not source.exists():
        raise FileNotFoundError(f"{source} is missing: run `npm ci` in js/, as make does")
    return source.read_text(encoding="utf-8")
