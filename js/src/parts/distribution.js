import { assign, el, setText } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createKeyed } from "../shared/keyed.js";
import { createTerm } from "../shared/term.js";
import { drawText } from "../shared/tokens.js";

/** @import { DistributionResult } from "../traits.js" */

const runs = /** @type {const} */ (["baseline", "changed", "random"]);
const random_meaning = "the mean of three random directions, as long as the changes at each token";

/** @param {number | null} value */
const formatChance = (value) => (value === null ? "\u2013" : formatPercent(value));

/**
 * @param {(Node | string)[]} name
 * @param {number | null} id of the token
 */
function createRow(name, id) {
  const baseline = el("span", { class: "gscope-bar", "data-run": "baseline" });
  const changed = el("span", { class: "gscope-bar", "data-run": "changed" });
  const random = el("span", { class: "gscope-bar", "data-run": "random" });
  const numbers = runs.map(() => el("td", { class: "gscope-figure" }));
  const mark = el("span", { class: "gscope-visually-hidden" });
  const said = id === null ? null : el("span", { class: "gscope-token-id" }, `id ${id}`);
  const row = el("tr", {}, el("th", { scope: "row" }, el("span", { class: "gscope-plain-token", title: id === null ? null : `token id ${id}` }, ...name), said && " ", said, mark),
    el("td", { class: "gscope-bars", "aria-hidden": "true" }, baseline, changed, random), ...numbers);
  return {
    el: row,
    /**
     * @param {{ baseline: number, changed: number, random: number | null }} entry
     * @param {number} full probability of a full bar
     * @param {boolean} [most] whether none changes more
     */
    draw(entry, full, most = false) {
      baseline.style.setProperty("--share", `${(100 * entry.baseline) / full}%`);
      changed.style.setProperty("--share", `${(100 * entry.changed) / full}%`);
      random.style.setProperty("--share", `${(100 * (entry.random ?? 0)) / full}%`);
      runs.forEach((run, at) => setText(numbers[at], formatChance(entry[run])));
      assign(row, { "data-most": most ? "" : null });
      setText(mark, most ? " (changes most)" : "");
    },
  };
}

const scales = [0.05, 0.1, 0.25, 0.5, 1];

/**
 * Probability of a full bar: a round number, so that bars keep their scale while a slider moves.
 * @param {DistributionResult["rows"]} rows
 */
function fullBar(rows) {
  const largest = Math.max(0, ...rows.flatMap((row) => [row.baseline, row.changed, row.random ?? 0]));
  return scales.find((scale) => scale >= largest) ?? 1;
}

/** @param {number} kl */
const klText = (kl) => formatNumber(Math.abs(kl) < 5e-7 ? 0 : kl);

/**
 * How far the changed distribution is from the baseline, and how far random directions as long are, as the copy says it.
 * @param {DistributionResult} result
 */
function distanceText({ kl, control_kls, is_controlled }) {
  const said = `${klText(kl)} nats from the baseline`;
  if (!is_controlled) return `${said}; no random control was recorded`;
  if (control_kls.length === 0) return said;
  const beside = kl > Math.max(...control_kls) ? "; random directions as long" : ", no more than random directions";
  return `${said}${beside}: ${control_kls.map(klText).join(", ")}`;
}

/**
 * The rows in the order in which they stand; what is new comes where something has gone.
 * @param {DistributionResult["rows"]} rows
 * @param {number[]} order ids as they stand
 */
function holdStill(rows, order) {
  const left = new Map(rows.map((row) => [row.id, row]));
  const kept = order.map((id) => left.get(id));
  order.forEach((id) => left.delete(id));
  const news = [...left.values()];
  return [...kept.map((row) => row ?? news.shift()), ...news].filter((row) => row !== undefined);
}

/**
 * Next-token probabilities of the baseline, the changed model, and random directions; a token keeps its row.
 */
export function createDistribution() {
  const body = el("tbody");
  const rest = createRow(["all other tokens"], null);
  rest.el.classList.add("gscope-rest");
  const kl_term = createTerm(glossary.kl);
  const kl_value = el("span");
  const kl = el("p", { class: "gscope-kl" }, kl_term.el, kl_value);
  const scale = el("span");
  const updating = el("span", { class: "gscope-updating", "data-awaited": "no" }, "updating\u2026");
  const table = el("table", { class: "gscope-distribution" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "next token"),
      el("td", { class: "gscope-hint" }, scale, createTerm(glossary.probability).el), ...runs.map((run) => el("th", { scope: "col", title: run === "random" ? random_meaning : null },
        el("span", { class: "gscope-key-sign", "data-run": run, "aria-hidden": "true" }), run)))),
    body, el("tfoot", {}, rest.el));
  const meaning = el("p", { class: "gscope-hint" }, `random: ${random_meaning}; what they do as well is not the features\u2019 doing.`);
  const empty = el("p", { class: "gscope-empty" }, "No distribution yet.");
  const picture = el("div", { hidden: true }, el("div", { class: "gscope-kl-line" }, kl, updating), table, meaning);
  /** @type {(entry: DistributionResult["rows"][number]) => number} */
  const keyOf = ({ id }) => id;
  let full = 1;
  let most = -1; // the id of the token that changes most
  /** @type {number[]} */
  let order = [];
  const rows = createKeyed(body, {
    keyOf,
    create(entry) {
      const row = createRow(drawText(entry.token), entry.id);
      return { el: row.el, draw: (now) => row.draw(now, full, now.id === most) };
    },
  });

  return {
    el: el("section", { class: "gscope-result", "aria-label": "Next-token probabilities" }, empty, picture),
    /**
     * @param {DistributionResult} result
     * @param {boolean} [still] whether a hand is dragging: then rows keep their places
     */
    draw(result, still = false) {
      empty.hidden = true;
      picture.hidden = false;
      full = fullBar(result.rows);
      setText(scale, `bars to ${100 * full} % `);
      const change = (/** @type {DistributionResult["rows"][number]} */ row) => Math.abs(row.changed - row.baseline);
      const largest = result.rows.reduce((best, row) => (change(row) > change(best) ? row : best), result.rows[0]);
      most = largest && change(largest) > 0 ? largest.id : -1;
      const shown = still ? holdStill(result.rows, order) : result.rows;
      order = shown.map(({ id }) => id);
      rows.draw(shown);
      rest.draw(result.rest, Infinity);
      setText(kl_value, ` ${distanceText(result)}`);
      kl_term.draw(Math.max(0, result.kl));
    },
    /**
     * @param {boolean} awaited whether newer settings are not answered
     * @param {boolean} [refused] whether they will not be
     */
    markUpdating(awaited, refused = false) {
      setText(updating, refused ? "not updated" : "updating\u2026");
      updating.dataset.awaited = awaited ? "yes" : "no";
      picture.toggleAttribute("data-updating", awaited);
    },
  };
}
