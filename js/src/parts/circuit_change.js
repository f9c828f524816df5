import { limits } from "../shared/contract.js";
import { assign, createButton, el, setText } from "../shared/dom.js";
import { formatNumber } from "../shared/format.js";
import { createNote } from "../shared/note.js";
import { createNumberField, refuseOutside, refuseWhole } from "../shared/number_field.js";
import { drawText, visibleText } from "../shared/tokens.js";
import { feature_kind } from "./circuit_reading.js";
import { createTableHolder } from "./twin.js";

/** @import { ChangeNodes, EffectResult } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { Circuit } from "./circuit_reading.js" */

const columns = ["target", "level before", "change predicted", "change, attention frozen", "change in the model", "change by random", "least to most of those"];

/** @param {number | null} change */
const signed = (change) => `${change !== null && change > 0 ? "+" : ""}${formatNumber(change)}`;

/**
 * Change nodes in the model, and what that did.
 * @param {{ watch: Watch, onChange: (asked: Omit<ChangeNodes, "type">) => void }} options
 */
export function createCircuitChange({ watch, onChange }) {
  const of = el("span", { class: "gscope-circuit-changed" });
  const way = el("select", { "aria-label": "How it is changed" }, el("option", { value: "ablate" }, "ablate"), el("option", { value: "scale" }, "scale"), el("option", { value: "clamp" }, "clamp"), el("option", { value: "swap" }, "swap"));
  const note = createNote("");
  let factor = 2;
  /** @type {number | null} */
  let level = null;
  /** @type {number | null} */
  let other = null;
  const times = createNumberField({
    label: "times", read: () => String(factor), refuse: (value, typed) => refuseOutside("The factor", [-100, 100], value, typed),
    onNumber: (value) => { factor = value ?? 0; }, say: note.say, watch,
  });
  const hold = createNumberField({
    label: "hold at", read: () => (level === null ? "" : String(level)), mayBeEmpty: true,
    refuse: (value, typed) => refuseOutside("The activation", [0, limits.max_clamp], value, typed), onNumber: (value) => { level = value; }, say: note.say, watch,
  });
  const swap = createNumberField({
    label: "for feature", read: () => (other === null ? "" : String(other)), mayBeEmpty: true, mode: "numeric",
    refuse: (value, typed) => refuseWhole("The feature", [0, 2 ** 31 - 1], value, typed), onNumber: (value) => { other = value; }, say: note.say, watch,
  });
  const run = createButton({ class: "gscope-button gscope-primary" }, "Change");
  const words = el("p", { class: "gscope-label" });
  const body = el("tbody");
  const table = el("table", { class: "gscope-table" }, el("thead", {}, el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, name)))), body);
  const result = el("div", { class: "gscope-circuit-effect", role: "group", "aria-label": "What the change did", hidden: true }, words, createTableHolder("What the change did", table),
    el("p", { class: "gscope-hint" }, "Level: the target\u2019s value as it was. A change is added to that. Predicted: along the graph\u2019s edges. Attention frozen: the transcoders run again, all else as it was. In the model: all of it. Random: features of the same layers, changed by as much."));
  const box = el("section", { class: "gscope-circuit-change", "aria-label": "Change" },
    el("div", { class: "gscope-actions" }, el("span", { class: "gscope-label" }, "Change"), of, way, times.el, hold.el, swap.el, run), note.el, result);
  /** @type {string[]} */
  let nodes = [];

  function drawWay() {
    times.el.hidden = way.value !== "scale";
    hold.el.hidden = way.value !== "clamp";
    swap.el.hidden = way.value !== "swap";
    for (const field of [times, hold, swap]) field.pull();
    note.say("");
  }
  /** What is to be done; null, and a sentence, where a number or a node is lacking. */
  function readAsked() {
    const plain = { nodes, factor: 0, activation: null, instead: [] };
    if (way.value === "scale") return times.commit() ? { ...plain, factor } : null;
    if (way.value === "clamp") {
      if (!hold.commit()) return null;
      if (level === null) note.say("Write the activation that it is held at.");
      return level === null ? null : { ...plain, factor: null, activation: level };
    }
    if (way.value !== "swap") return plain;
    if (nodes.length > 1) {
      note.say(`Here one feature gives place to one other; choose one node. Several, in Python: widget.change(["${nodes[0]}", "${nodes[1]}"], instead={"${nodes[0]}": 12, "${nodes[1]}": 34}), where 12 and 34 stand for features of their layers.`);
      return null;
    }
    if (!swap.commit()) return null;
    if (other === null) note.say("Write the number of the feature that takes its place.");
    return other === null ? null : { ...plain, instead: [{ node: nodes[0], feature: other }] };
  }
  watch.dom(way, "change", drawWay);
  watch.dom(run, "click", () => {
    if (run.getAttribute("aria-disabled") === "true") return;
    const asked = readAsked();
    if (!asked) return;
    note.say("");
    onChange(asked);
  });
  watch.dom(box, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && /** @type {HTMLElement} */ (event.target).matches("input")) run.click();
  });
  drawWay();

  return {
    el: box,
    /**
     * What would be changed: the features among these nodes.
     * @param {Circuit} circuit
     * @param {string[]} ids
     * @param {string} name
     * @param {{ is_busy: boolean, has_boxes: boolean }} now whether boxes of features stand below
     */
    offer(circuit, ids, name, { is_busy, has_boxes }) {
      nodes = ids.filter((id) => {
        const node = circuit.placeOf(id);
        return node !== null && circuit.kinds[node] === feature_kind;
      });
      const can = circuit.head.can_change && nodes.length > 0;
      setText(of, !circuit.head.can_change ? "nothing: that takes a model, and a graph of its next tokens"
        : nodes.length === 0 ? `a feature: press one in the graph${has_boxes ? ", or mark boxes below" : ""}`
          : nodes.length === 1 && ids.length === 1 ? name : `${name}: ${nodes.length} feature${nodes.length === 1 ? "" : "s"}`);
      assign(of, { title: of.textContent });
      run.disabled = !can;
      assign(run, { "aria-disabled": is_busy ? "true" : null }); // disabled, it would lose the focus to its own press
      way.disabled = !can;
    },
    /** @param {EffectResult} effect */
    draw(effect) {
      result.hidden = effect.rows.length === 0;
      setText(words, `Result of the last change: ${visibleText(effect.words)}`);
      body.replaceChildren(...effect.rows.map((row) => el("tr", {}, el("th", { scope: "row" }, ...drawText(row.target)), el("td", {}, formatNumber(row.baseline)),
        ...[row.predicted, row.frozen, row.free, row.random].map((value) => el("td", {}, signed(value))),
        el("td", {}, `${signed(row.random_low)} to ${signed(row.random_high)}`))));
    },
  };
}
