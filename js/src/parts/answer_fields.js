import { el } from "../shared/dom.js";
import { parseNumber } from "../shared/format.js";
import { drawText, visibleText } from "../shared/tokens.js";

/** @import { AnswerField } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */

/**
 * A question's controls.
 * @typedef {object} AnswerControls
 * @property {HTMLElement} el
 * @property {() => { value: unknown, fault: string }} read what was filled in, null where nothing was; or what is wrong with it
 * @property {(value: any) => void} write
 */

/**
 * @param {AnswerField} field
 * @param {string} name unique in the page: radio buttons of one name are one choice
 * @param {Watch} watch
 * @returns {AnswerControls}
 */
export function createAnswerControls(field, name, watch) {
  if (field.kind === "choice" || field.kind === "choices") return createChoices(field, name);
  if (field.kind === "positions") return createPositions(field, watch);
  return createEntry(field);
}

/**
 * @param {string} label
 * @param {...Node} controls
 */
function group(label, ...controls) {
  return el("div", { class: "gscope-question", role: "group", "aria-label": label }, ...controls);
}

/**
 * @param {AnswerField} field
 * @param {string} name
 * @returns {AnswerControls}
 */
function createChoices({ kind, label, choices }, name) {
  const is_one = kind === "choice";
  const inputs = choices.map(() => el("input", { type: is_one ? "radio" : "checkbox", name }));
  const labels = choices.map((choice, at) => el("label", { class: "gscope-choice" }, inputs[at], el("span", {}, visibleText(choice))));
  const chosen = () => choices.filter((_, at) => inputs[at].checked);
  return {
    el: group(label, ...labels),
    read: () => ({ value: (is_one ? chosen()[0] : chosen().length ? chosen() : null) ?? null, fault: "" }),
    write(value) {
      inputs.forEach((input, at) => {
        input.checked = is_one ? value === choices[at] : Array.isArray(value) && value.includes(choices[at]);
      });
    },
  };
}

/**
 * Tokens of a text, each a button that stays pressed.
 * @param {AnswerField} field
 * @param {Watch} watch
 * @returns {AnswerControls}
 */
function createPositions({ label, choices }, watch) {
  const buttons = choices.map((token, pos) => el("button", {
    type: "button", class: "gscope-pick", "aria-pressed": "false", "aria-label": `token ${pos}: ${visibleText(token)}`,
  }, ...drawText(token)));
  const strip = el("div", { class: "gscope-picks" }, ...buttons);
  const isPressed = (/** @type {HTMLElement} */ one) => one.getAttribute("aria-pressed") === "true";
  watch.dom(strip, "click", ({ target }) => {
    const pressed = target instanceof Element ? target.closest("button") : null;
    if (pressed) pressed.setAttribute("aria-pressed", String(!isPressed(pressed)));
  });
  return {
    el: group(label, strip),
    read() {
      const picked = buttons.flatMap((one, pos) => (isPressed(one) ? [pos] : []));
      return { value: picked.length ? picked : null, fault: "" };
    },
    write(value) {
      buttons.forEach((one, pos) => one.setAttribute("aria-pressed", String(Array.isArray(value) && value.includes(pos))));
    },
  };
}

/**
 * A number as people write it: 0.4, 0,4, 40 % or 2/5. Null for anything else, and for 1,000, which is one or a thousand.
 * @param {string} typed
 * @param {string} unit of the answer: where it is %, 40 % is 40
 */
export function readAmount(typed, unit) {
  const is_percent = typed.endsWith("%");
  const parts = (is_percent ? typed.slice(0, -1) : typed).split("/")
    .map((part) => parseNumber(/[1-9].*,\d{3}\s*$/.test(part) ? part : part.replace(",", ".")));
  const [top, bottom = 1] = parts;
  if (parts.length > 2 || top === null || !bottom) return null;
  return top / bottom / (is_percent && unit !== "%" ? 100 : 1);
}

/**
 * A number or a word.
 * @param {AnswerField} field
 * @returns {AnswerControls}
 */
function createEntry({ kind, label, unit }) {
  const is_number = kind === "number";
  const input = el("input", {
    type: "text", class: is_number ? "gscope-number" : "gscope-word", "aria-label": label, autocomplete: "off", spellcheck: "false",
    inputmode: is_number ? "decimal" : null, maxlength: 200,
  });
  return {
    el: group(label, input, el("span", { class: "gscope-hint" }, unit)),
    read() {
      const typed = input.value.trim();
      const value = is_number ? readAmount(typed, unit) : typed;
      const fault = is_number && typed !== "" && value === null ? `A number is needed, got ${typed}; write it as 0.5, 50 % or 1/2.` : "";
      return { value: typed === "" ? null : value, fault };
    },
    write(value) {
      input.value = value === null || value === undefined ? "" : String(value);
    },
  };
}
