import { createFindingList, writeReport } from "../parts/finding_list.js";
import { readPage } from "../parts/page_facts.js";
import { version } from "../shared/contract.js";
import { el, setText } from "../shared/dom.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { CheckupResult, DoctorTraits, Ping } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */

/**
 * @param {{ model: AnyModel<DoctorTraits>, frame: Frame }} inside
 */
function openDoctor({ model, frame }) {
  const { watch } = frame;
  const choice = el("select", {});
  const ask = el("input", { type: "checkbox" });
  const again = el("button", { type: "button", class: "gscope-button gscope-primary" }, "Check again");
  const bar = el("div", { class: "gscope-actions" },
    el("label", { class: "gscope-doctor-field" }, el("span", { class: "gscope-label" }, "For"), choice),
    el("label", { class: "gscope-doctor-field" }, ask, "ask the Hub"), again);
  const summary = el("p", { class: "gscope-doctor-summary", role: "status" });
  const empty = el("p", { class: "gscope-empty" }, "Nothing checked yet.");
  const list = createFindingList();
  const report = el("pre", { class: "gscope-doctor-report" });
  const fold = el("details", { class: "gscope-fold" }, el("summary", {}, "Report to paste"), report);
  fold.hidden = true;
  watch.dom(choice, "change", () => frame.ask({ model: choice.value }));
  watch.dom(ask, "change", () => frame.ask({ ask_hub: ask.checked }));
  watch.dom(again, "click", () => {
    frame.status.asked();
    frame.send({ type: "check" });
  });

  function draw() {
    const chosen = model.get("model");
    const names = [...new Set([...model.get("models"), chosen])];
    if (names.join() !== [...choice.options].map((one) => one.value).join()) {
      choice.replaceChildren(...names.map((value) => el("option", { value }, value)));
    }
    choice.value = chosen;
    ask.checked = model.get("ask_hub");
  }
  /** @param {CheckupResult} message */
  function drawResult(message) {
    empty.hidden = true;
    fold.hidden = false;
    const heading = `${message.model}: ${message.summary || "not all checked yet"}`;
    setText(summary, `For ${heading}`);
    list.draw(message.findings);
    setText(report, `gscope-widgets ${model.get("version")}, for ${heading}\n${writeReport(message.findings)}`);
  }
  /**
   * @param {Ping} message
   * @param {DataView[]} buffers
   */
  function answer({ id, asked }, buffers) {
    const received = buffers.reduce((sum, { byteLength }) => sum + (byteLength ?? 0), 0);
    const facts = readPage({ model, root: frame.root, theme: frame.theme() });
    frame.send({ type: "pong", id, received, padding: "x".repeat(asked), version, ...facts });
  }
  frame.follow(["model", "ask_hub", "models"], draw);
  return { body: [bar, summary, empty, list.el, fold], receive: { result: drawResult, ping: answer }, draw, locks: { model: /** @type {HTMLElement} */ (choice.parentElement) } };
}

export default defineWidget({ name: "Doctor", cancellable: true, open: openDoctor });
