"""A widget's built view in a bare page, joined to its Python half in this process: no notebook, no server."""

import base64
import json
import time
from collections.abc import Callable

import ipywidgets
from comm.base_comm import BaseComm
from playwright.sync_api import Locator, Page

from gscope_widgets.widgets.base.widget import GscopeWidget, read_bundle
from gscope_widgets.widgets.catalogue import find_row

SETTLE_S = 60
# The page's side of the model, as ipywidgets has it: patches and messages wait in `outbox` for `pump`.
MODEL = """([state, script, sheet, theme]) => {
    document.body.dataset.jpThemeLight = String(theme === "light");
    document.body.style.cssText = `margin: 12px; background: ${theme === "light" ? "#fff" : "#111"}`;
    const style = document.createElement("style");
    style.textContent = sheet;
    const holder = document.createElement("div");
    document.head.append(style);
    document.body.replaceChildren(holder);
    const listeners = new Map(), unsaved = {};
    const emit = (name, ...content) => [...(listeners.get(name) ?? [])].forEach((handler) => handler(...content));
    const model = {
        emit,
        outbox: [],
        get: (name) => state[name],
        set(name, value) {
            const changed = JSON.stringify(state[name]) !== JSON.stringify(value);
            state[name] = value;
            if (!changed) return;
            unsaved[name] = value;
            emit(`change:${name}`);
        },
        save_changes() {
            model.outbox.push({ method: "update", state: { ...unsaved } });
            for (const name of Object.keys(unsaved)) delete unsaved[name];
        },
        send: (content) => model.outbox.push({ method: "custom", content }),
        on: (name, handler) => listeners.set(name, (listeners.get(name) ?? new Set()).add(handler)),
        off: (name, handler) => listeners.get(name)?.delete(handler),
        take(method, content, buffers) {
            if (method === "custom") {
                const views = buffers.map((one) => new DataView(Uint8Array.from(atob(one), (c) => c.charCodeAt(0)).buffer));
                emit("msg:custom", content, views);
                return;
            }
            const changed = Object.keys(content).filter((name) => JSON.stringify(state[name]) !== JSON.stringify(content[name]));
            Object.assign(state, content);
            changed.forEach((name) => emit(`change:${name}`));
        },
    };
    window.model = model;
    return import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })))
        .then((module) => { module.default.render({ model, el: holder }); });
}"""
# Every shift of what is in sight counts, also one that follows a press at once; but not what details and
# chips show of another token, or in another order, in the room that they have.
WATCH_SHIFTS = """() => {
    window.shifts = [];
    const holder = (node) => (node instanceof Element ? node : node?.parentElement);
    const boxes = ".gscope-details, .gscope-lens-details, .gscope-match-list, .gscope-chips, .gscope-circuit-details";
    // Of what is gone by now, only the place is known, in whole pixels; of what came from out of sight, where it came to.
    const placeOf = ({ previousRect, currentRect }) => (previousRect.height ? previousRect : currentRect);
    const middleOf = ({ top, height }) => top + height / 2;
    const isInside = (source) => source.node
        ? holder(source.node)?.parentElement?.closest(boxes)
        : [...document.querySelectorAll(boxes)].map((box) => box.getBoundingClientRect())
            .some((box) => middleOf(placeOf(source)) > box.top && middleOf(placeOf(source)) < box.bottom);
    const name = ({ node }) => `${holder(node)?.className}`;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
        const moved = entry.sources.filter((source) => !isInside(source));
        if (moved.length) window.shifts.push(moved.map(name).join(", "));
    })).observe({ type: "layout-shift" });
}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))"


class Wire(BaseComm):
    """Keeps what Python sends."""

    def __init__(self, *arguments, **options):
        self.sent: list[tuple[dict, list[bytes]]] = []
        super().__init__(*arguments, **options)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **_keys):
        if msg_type == "comm_msg":
            self.sent.append((data, [bytes(buffer) for buffer in buffers or ()]))


class PlainView:
    """A view and its widget; `settle` carries what each has for the other until both are quiet."""

    def __init__(self, page: Page, make: Callable[[], GscopeWidget], *, theme: str = "light"):
        before, ipywidgets.comm.create_comm = ipywidgets.comm.create_comm, Wire
        try:
            self.widget = make()
        finally:
            ipywidgets.comm.create_comm = before
        self.page, self._taken = page, len(self.widget.comm.sent)
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(error.message))
        module = find_row(type(self.widget).__name__).module
        state = json.loads(json.dumps(self.widget.get_state()))
        page.evaluate(MODEL, [state, read_bundle(f"{module}.js"), read_bundle(f"{module}.css"), theme])
        self.root: Locator = page.locator(".gscope")
        self.settle()

    def settle(self) -> None:
        deadline = time.monotonic() + SETTLE_S
        while self.pump() or self.widget.status["state"] == "busy":
            assert time.monotonic() < deadline, "it never ended"
        self.page.evaluate(TWO_FRAMES)

    def pump(self) -> bool:
        """Carry what waits on either side; whether there was anything."""
        self.page.evaluate(TWO_FRAMES)
        sent = self.page.evaluate("() => window.model.outbox.splice(0)")
        for data in sent:
            self.widget.comm.handle_msg({"content": {"data": {**data, "buffer_paths": []}}, "buffers": []})
        new = self.widget.comm.sent[self._taken :]
        self._taken += len(new)
        for data, buffers in new:
            if data["method"] in ("update", "custom"):
                content = data["state"] if data["method"] == "update" else data["content"]
                packed = [base64.b64encode(one).decode() for one in buffers]
                self.page.evaluate("(news) => window.model.take(...news)", [data["method"], content, packed])
        return bool(sent or new)

    def watch_shifts(self) -> None:
        self.page.evaluate(WATCH_SHIFTS)

    def shifts(self) -> list[str]:
        """Layout shifts since `watch_shifts`, each by the classes of what moved."""
        self.page.evaluate(TWO_FRAMES)
        return self.page.evaluate("() => window.shifts")
