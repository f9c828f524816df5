import { el } from "../shared/dom.js";
import { visibleText } from "../shared/tokens.js";

/** @import { AnswerField } from "../traits.js" */
/** @import { AnswerControls } from "./answer_fields.js" */

/**
 * A rule, its words with commas between them; or snippets to be marked.
 * @param {AnswerField} field
 * @returns {AnswerControls}
 */
export function createRuleControls(field) {
  return field.kind === "marks" ? createMarks(field) : createRule(field);
}

/**
 * @param {AnswerField} field
 * @returns {AnswerControls}
 */
function createRule({ label }) {
  const input = el("input", { type: "text", class: "gscope-line gscope-rule", "aria-label": label, autocomplete: "off", spellcheck: "false", placeholder: "fish*, boat" });
  const words = () => input.value.split(",").map((word) => word.trim()).filter(Boolean);
  return {
    el: el("label", { class: "gscope-field" }, el("span", { class: "gscope-label" }, label,
      el("span", { class: "gscope-hint" }, "commas between them; * stands for any letters")), input),
    read: () => ({ value: words().length ? words() : null, fault: "" }),
    write(value) {
      input.value = Array.isArray(value) ? value.join(", ") : "";
    },
  };
}

/**
 * @param {AnswerField} field
 * @returns {AnswerControls}
 */
function createMarks({ label, choices }) {
  const inputs = choices.map(() => el("input", { type: "checkbox" }));
  const rows = choices.map((snippet, at) => el("li", {}, el("label", { class: "gscope-choice" }, inputs[at], el("span", {}, visibleText(snippet)))));
  return {
    el: el("div", { role: "group", "aria-label": label }, el("span", { class: "gscope-label" }, label), el("ul", {}, ...rows)),
    read() {
      const marked = inputs.flatMap((input, at) => (input.checked ? [at] : []));
      return { value: marked.length ? marked : null, fault: "" };
    },
    write(value) {
      inputs.forEach((input, at) => {
        input.checked = Array.isArray(value) && value.includes(at);
      });
    },
  };
}
