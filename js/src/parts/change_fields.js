import { el } from "../shared/dom.js";
import { parseNumber } from "../shared/format.js";

/** @import { AnswerField } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { AnswerControls } from "./answer_fields.js" */

const kinds = ["add", "clamp", "scale", "ablate"];
const most = 8;
const amounts = /** @type {Record<string, string>} */ ({ add: "strength", clamp: "activation", scale: "factor", ablate: "" });

/**
 * One change: its kind, a feature, and how much.
 * @param {string[]} features to choose from; empty for any
 * @param {Watch} watch
 * @param {() => void} onRemove
 */
function createChange(features, watch, onRemove) {
  const kind = el("select", {}, ...kinds.map((value) => el("option", { value }, value)));
  const feature = features.length
    ? el("select", {}, ...features.map((value) => el("option", { value }, value)))
    : el("input", { type: "text", class: "gscope-number", inputmode: "numeric", autocomplete: "off", placeholder: "number" });
  const amount = el("input", { type: "text", class: "gscope-number", inputmode: "decimal", autocomplete: "off" });
  const unit = el("span", { class: "gscope-hint" });
  const remove = el("button", { type: "button", class: "gscope-button gscope-quiet" }, "\u00d7");
  const row = el("div", { class: "gscope-actions", role: "group" }, kind, "feature", feature, amount, unit, remove);
  function draw() {
    amount.hidden = kind.value === "ablate";
    unit.textContent = amounts[kind.value];
    amount.placeholder = amounts[kind.value];
  }
  watch.dom(kind, "change", draw);
  watch.dom(remove, "click", onRemove);
  draw();
  return {
    el: row,
    /** @param {number} number from 1 on */
    number(number) {
      row.setAttribute("aria-label", `Change ${number}`);
      kind.setAttribute("aria-label", `Kind of change ${number}`);
      feature.setAttribute("aria-label", `Feature of change ${number}`);
      amount.setAttribute("aria-label", `Amount of change ${number}`);
      remove.setAttribute("aria-label", `Remove change ${number}`);
    },
    read() {
      const index = parseNumber(feature.value);
      const size = parseNumber(amount.value);
      if (index === null || !Number.isInteger(index)) return { change: [], fault: `A feature is a whole number, got ${feature.value || "nothing"}.` };
      if (kind.value === "ablate") return { change: [kind.value, index], fault: "" };
      if (size === null) return { change: [], fault: `The ${amounts[kind.value]} is a number, got ${amount.value || "nothing"}.` };
      return { change: [kind.value, index, size], fault: "" };
    },
    /** @param {any[]} change */
    write([name, index, size]) {
      kind.value = String(name);
      feature.value = String(index);
      amount.value = size === undefined ? "" : String(size);
      draw();
    },
  };
}

/**
 * Changes of the model, one a row.
 * @param {AnswerField} field
 * @param {string} _name
 * @param {Watch} watch
 * @returns {AnswerControls}
 */
export function createChangeControls({ label, choices }, _name, watch) {
  /** @type {ReturnType<typeof createChange>[]} */
  let changes = [];
  const list = el("div", { class: "gscope-own-changes" });
  const more = el("button", { type: "button", class: "gscope-button" }, "Add a change");

  function draw() {
    changes.forEach((one, at) => one.number(at + 1));
    list.replaceChildren(...changes.map((one) => one.el));
    more.disabled = changes.length >= most;
  }
  function extend() {
    const made = createChange(choices, watch, () => {
      changes = changes.filter((one) => one !== made);
      draw();
      more.focus();
    });
    changes.push(made);
    draw();
    return made;
  }
  watch.dom(more, "click", () => {
    /** @type {HTMLElement | null} */ (extend().el.querySelector("select"))?.focus();
  });
  extend();
  return {
    el: el("div", { role: "group", "aria-label": label }, list, more),
    read() {
      const read = changes.map((one) => one.read());
      return { value: read.length ? read.map(({ change }) => change) : null, fault: read.find(({ fault }) => fault)?.fault ?? "" };
    },
    write(value) {
      if (!Array.isArray(value)) return;
      changes = [];
      value.filter(Array.isArray).forEach((change) => extend().write(change));
      draw();
    },
  };
}
