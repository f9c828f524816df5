import { assign, el, setText } from "../shared/dom.js";
import { createKeyed } from "../shared/keyed.js";

/** @import { FindingInfo, FindingState } from "../traits.js" */

const signs = /** @type {Record<FindingState, string>} */ ({ fine: "\u2713", attention: "!", broken: "\u2717", "not asked": "\u2013" });
const words = /** @type {Record<FindingState, string>} */ ({ fine: "fine", attention: "to look at", broken: "broken", "not asked": "not asked" });

function createRow() {
  const sign = el("span", { class: "gscope-finding-sign", "aria-hidden": "true" });
  const word = el("span", { class: "gscope-finding-word" });
  const name = el("span", { class: "gscope-finding-name" });
  const seen = el("p", { class: "gscope-finding-seen" });
  const advice = el("p", { class: "gscope-finding-advice" });
  const row = el("li", { class: "gscope-finding" },
    el("span", { class: "gscope-finding-state" }, sign, word), name, el("div", {}, seen, advice));
  return {
    el: row,
    /** @param {FindingInfo} finding */
    draw(finding) {
      assign(row, { "data-state": finding.state });
      setText(sign, signs[finding.state]);
      setText(word, words[finding.state]);
      setText(name, finding.name);
      setText(seen, finding.seen);
      setText(advice, finding.advice);
      advice.hidden = finding.advice === "";
    },
  };
}

/** The findings, a line each: a sign, a word, what was seen, and what to do. */
export function createFindingList() {
  const list = el("ul", { class: "gscope-findings", "aria-label": "Findings" });
  const rows = createKeyed(list, { keyOf: (/** @type {FindingInfo} */ { name }) => name, create: createRow });
  return { el: list, draw: rows.draw };
}

/**
 * The findings as plain text, to paste.
 * @param {FindingInfo[]} findings
 */
export function writeReport(findings) {
  return findings.flatMap(({ name, state, seen, advice }) =>
    [`${signs[state]} ${name}: ${seen}`, ...(advice ? [`    -> ${advice}`] : [])]).join("\n");
}
