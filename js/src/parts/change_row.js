import { assign, el, setText } from "../shared/dom.js";
import { createFeatureName } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import { createNote } from "../shared/note.js";
import { createNumberField, refuseOutside } from "../shared/number_field.js";
import { createWatch } from "../shared/watch.js";
import { describePositions } from "./changes.js";

/** @import { ChangeRange, ChangeState, FeatureInfo } from "../traits.js" */
/** @import { Item, Positions } from "./changes.js" */

/** @typedef {ChangeState["kind"]} Kind */
/** @typedef {{ item: Item, range: ChangeRange, natural: { last: number, peak: number } | null, paints: boolean }} Row */
/**
 * @typedef {object} RowActions
 * @property {(amount: number) => void} slide while dragging
 * @property {() => void} release at the end of a drag
 * @property {(amount: number | null) => void} enter a typed number, or none: switch it off
 * @property {(kind: Kind) => void} kind
 * @property {(on: boolean) => void} turn
 * @property {(positions: Positions | "painted") => void} positions
 * @property {() => void} paint
 * @property {() => void} remove
 */

/** @type {[Kind, string][]} */
const kinds = [["add", "add"], ["clamp", "clamp to"], ["scale", "scale by"], ["ablate", "ablate"]];
/** @type {[string, string][]} */
const places = [["all", "all tokens"], ["prompt", "the prompt"], ["generated", "generated tokens"], ["painted", "painted tokens"]];

/** @param {Row} row */
function valueText({ item: { change }, range }) {
  if (!change.on) return "as it is";
  if (change.kind === "ablate") return "ablated: its activation is set to 0";
  return `${formatNumber(change.amount, 4)}${range.unit ? ` ${range.unit}` : ""}`;
}

/** @param {number} value */
function typedForm(value) {
  return String(Number(value.toPrecision(6)));
}

/**
 * One change with everything that can be done to it.
 * @param {{ info: FeatureInfo, actions: RowActions, generates: boolean, startedAs: (kind: Kind) => boolean }} options
 *   `startedAs` says which kinds this can be
 */
export function createChangeRow({ info, actions, generates, startedAs }) {
  const { name } = info;
  const watch = createWatch();
  const note = createNote();
  /** @type {Row} */
  let row;
  const turn = el("input", { type: "checkbox", role: "switch", "aria-label": `Change ${name}` });
  const title = createFeatureName();
  const number_sign = el("span", { class: "gscope-change-number", "aria-hidden": "true" });
  const remove = el("button", { type: "button", class: "gscope-button gscope-quiet", "aria-label": `Remove the change of ${name}`, title: "Remove" }, "\u00d7");
  const kind = el("select", { "aria-label": `What is done to ${name}` },
    ...kinds.filter(([value]) => startedAs(value)).map(([value, words]) => el("option", { value }, words)));
  const slider = el("input", { type: "range", class: "gscope-slider", "aria-label": `Value of ${name}` });
  const number = createNumberField({
    label: `Value of ${name} as a number`, inside: true, mayBeEmpty: true, watch, say: note.say,
    read: () => (row?.item.change.on ? typedForm(row.item.change.amount) : ""),
    refuse: (value, typed) => refuseOutside(`${name[0].toUpperCase()}${name.slice(1)}, ${row.item.change.kind}: the value`, [row.range.least, row.range.most], value, typed),
    onNumber: actions.enter,
  });
  number.input.placeholder = "as it is";
  const ends = [el("span", { class: "gscope-hint" }), el("span", { class: "gscope-hint" })];
  const state = el("span", { class: "gscope-row-state" });
  const track = el("span", { class: "gscope-track" }, ends[0], slider, ends[1]);
  const where = el("select", { "aria-label": `Where ${name} is changed` },
    ...places.map(([value, words]) => el("option", { value }, words)));
  const said = el("span", { class: "gscope-hint" });
  const paint = el("button", { type: "button", class: "gscope-button", "aria-label": `Paint the tokens at which ${name} is changed` }, "Paint");
  const line = el("li", { class: "gscope-row" },
    el("div", { class: "gscope-row-head" }, number_sign, el("label", { class: "gscope-switch" }, turn, title.el), remove),
    el("div", { class: "gscope-row-controls" }, kind, track, number.el, state),
    el("div", { class: "gscope-row-controls" }, where, paint, said), note.el);

  watch.dom(turn, "change", () => actions.turn(turn.checked));
  watch.dom(remove, "click", actions.remove);
  watch.dom(kind, "change", () => actions.kind(/** @type {Kind} */ (kind.value)));
  watch.dom(slider, "input", () => actions.slide(Number(slider.value)));
  watch.dom(slider, "change", actions.release);
  watch.dom(slider, "dblclick", () => actions.enter(row.range.rest));
  watch.dom(where, "change", () => actions.positions(/** @type {Positions} */ (where.value)));
  watch.dom(paint, "click", actions.paint);

  return {
    el: line,
    paint,
    /**
     * @param {Row} next
     * @param {number} at
     */
    draw(next, at) {
      row = next;
      const { item: { change, info: now }, range, natural, paints } = row;
      title.draw(now);
      setText(number_sign, String(at + 1));
      turn.checked = change.on;
      kind.value = change.kind;
      Object.assign(slider, { min: String(range.min), max: String(range.max), step: String(range.step) });
      if (Number(slider.value) !== change.amount) slider.value = String(change.amount);
      slider.setAttribute("aria-valuetext", valueText(row));
      const has_value = change.kind !== "ablate";
      for (const part of [track, number.el]) part.hidden = !has_value;
      number.pull();
      line.dataset.state = !change.on ? "rest" : has_value ? "set" : "ablated";
      setText(state, !change.on ? "as it is" : has_value ? range.unit : "set to 0");
      setText(ends[0], formatNumber(range.min));
      setText(ends[1], formatNumber(range.max));
      for (const option of where.options) option.hidden = !generates && option.value !== change.positions && /^(prompt|generated)$/.test(option.value);
      where.value = typeof change.positions === "string" ? change.positions : "painted";
      setText(said, typeof change.positions === "string" ? "" : describePositions(change.positions));
      assign(paint, { "aria-pressed": String(paints) });
      note.hint(natural ? `by itself: ${formatNumber(natural.last)} at the last token, ${formatNumber(natural.peak)} at its peak` : "");
    },
    clearNote: () => note.say(""),
    end: () => watch.stop(),
  };
}
