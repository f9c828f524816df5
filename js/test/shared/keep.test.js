import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createKeep } from "../../src/shared/keep.js";
import { createWatch } from "../../src/shared/watch.js";
import { openPage } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
beforeEach(() => {
  page = openPage();
});
afterEach(() => page.close());

/** @param {number[]} values */
const bytes = (...values) => new DataView(new Uint8Array(values).buffer);

/** @param {{ refuses: boolean }} options whether the page may not use the clipboard */
function open({ refuses }) {
  /** @type {any[]} */
  const sent = [];
  /** @type {any[]} */
  const copied = [];
  /** @type {string[]} */
  const saved = [];
  const write = (/** @type {any} */ items) => {
    if (refuses) return Promise.reject(new Error("NotAllowedError"));
    copied.push(...items);
    return Promise.resolve();
  };
  const names = {
    navigator: { clipboard: { write } },
    ClipboardItem: class { constructor(/** @type {any} */ parts) { Object.assign(this, parts); } },
  };
  for (const [name, value] of Object.entries(names)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  URL.createObjectURL = () => "blob:here";
  URL.revokeObjectURL = () => undefined;
  page.window.HTMLAnchorElement.prototype.click = function click() {
    saved.push(`${this.download} ${this.href}`);
  };
  const watch = createWatch();
  const keep = createKeep({ title: "Logit lens", send: (message) => sent.push(message), watch });
  page.holder.append(keep.el);
  const said = () => keep.el.querySelector("[role=status]")?.textContent;
  /** @param {string} name */
  const press = (name) => [...keep.el.querySelectorAll("button")].find((one) => one.textContent === name)?.click();
  return { keep, sent, copied, saved, said, press, watch };
}

// row NEW 24
test("a finding is pinned with its note, and the view says what came of it", async () => {
  const { keep, sent, said, press } = open({ refuses: false });
  const note = /** @type {HTMLInputElement} */ (keep.el.querySelector("input"));
  assert.equal(note.getAttribute("aria-label"), "Note");
  note.value = "fires on fish";
  press("Pin finding");
  assert.deepEqual(sent, [{ type: "pin", note: "fires on fish" }]);
  await keep.draw({ type: "kept", text: "Pinned: findings[0] <b>", format: "" }, []);
  assert.equal(said(), "Pinned: findings[0] <b>");
  assert.equal(keep.el.querySelector("b"), null);
});

// row 48
test("a picture goes to the clipboard, and becomes a file where the page may not use it", async () => {
  for (const refuses of [false, true]) {
    const { keep, sent, copied, saved, said, press } = open({ refuses });
    press("Copy as image");
    assert.deepEqual(sent, [{ type: "picture", format: "png" }]);
    assert.equal(said(), "Drawing…");
    await keep.draw({ type: "kept", text: "", format: "png" }, [bytes(137, 80)]);
    if (refuses) assert.deepEqual([saved, said()], [["Logit lens.png blob:here"], "Saved as a file."]);
    else {
      assert.equal(said(), "Copied.");
      assert.equal(copied[0]["image/png"].size, 2);
      assert.deepEqual(saved, []);
    }
    press("Save as SVG");
    await keep.draw({ type: "kept", text: "", format: "svg" }, [bytes(60)]);
    assert.equal(saved.at(-1), "Logit lens.svg blob:here");
  }
});

test("a picture that another view of the widget asked for is not this one's", async () => {
  const { keep, copied, saved, said } = open({ refuses: false });
  await keep.draw({ type: "kept", text: "", format: "png" }, [bytes(137)]);
  assert.deepEqual([copied, saved, said()], [[], [], ""]);
});

test("a picture that cannot be drawn says why, and its view can ask again", async () => {
  const { keep, saved, said, press } = open({ refuses: true });
  press("Save as SVG");
  await keep.draw({ type: "kept", text: "No picture: it broke", format: "" }, []);
  assert.equal(said(), "No picture: it broke");
  press("Save as SVG");
  await keep.draw({ type: "kept", text: "", format: "svg" }, [bytes(60)]);
  assert.equal(saved.length, 1);
});
