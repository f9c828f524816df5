import { el } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import { drawTokenAt } from "../shared/tokens.js";
import { formatScore, score_names } from "./attention_heads.js";
import { describeWindow, scores } from "./attention_reading.js";
import { createTwin } from "./twin.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Attention } from "./attention_reading.js" */

/** @param {string[]} names */
function drawHead(names) {
  return el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name))));
}

/**
 * All heads of the model with their scores.
 * @param {{ watch: Watch }} options
 */
export function createScoreTable({ watch }) {
  /** @type {Attention | null} */
  let attention = null;
  /** @param {number} row */
  function drawRow(row) {
    const now = /** @type {Attention} */ (attention);
    const layer = Math.floor(row / now.heads), head = row % now.heads;
    const values = now.scoresOf(layer, head);
    return el("tr", {}, el("th", { scope: "row" }, `${layer}.${head}`), el("td", {}, describeWindow(now, layer)), ...scores.map((score, at) => el("td", {}, formatScore(score, values[at]))));
  }
  const twin = createTwin({ watch, name: "Scores of all heads", drawHead: () => drawHead(["head", "sees", ...scores.map((score) => score_names[score])]), drawRow });
  return {
    el: twin.el,
    /** @param {Attention} next */
    draw(next) {
      attention = next;
      twin.draw(next.heads * next.head.windows.length);
    },
  };
}

/**
 * What each head of the layer takes from each token, at the token shown.
 * @param {{ watch: Watch }} options
 */
export function createRowTable({ watch }) {
  /** @type {Attention | null} */
  let attention = null;
  let query = 0;
  const range = (/** @type {Attention} */ { heads }) => Array.from({ length: heads }, (_, one) => one);
  /** @param {number} key */
  function drawRow(key) {
    const now = /** @type {Attention} */ (attention);
    return el("tr", {}, el("td", {}, String(key)), el("th", { scope: "row" }, ...drawTokenAt(now.head, key)), ...range(now).flatMap((one) => [
      el("td", {}, formatPercent(now.values.pattern(one, query, key))), el("td", {}, formatNumber(now.values.contribution(one, query, key), 2)), el("td", {}, formatNumber(now.values.effect(one, query, key), 2))]));
  }
  function drawNames() {
    const now = /** @type {Attention} */ (attention);
    return drawHead(["position", "token", ...range(now).flatMap((one) => [`${now.head.layer}.${one} share`, "length", "logit"])]);
  }
  const twin = createTwin({ watch, name: "What the token shown takes from each", drawHead: drawNames, drawRow });
  return {
    el: twin.el,
    /**
     * @param {Attention} next
     * @param {number} pos
     */
    draw(next, pos) {
      attention = next;
      query = pos;
      twin.draw(pos + 1);
    },
  };
}
