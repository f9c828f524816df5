import { el } from "../shared/dom.js";
import * as glossary from "../shared/glossary.js";
import { place } from "../shared/keyed.js";
import { createTerm } from "../shared/term.js";
import { createMadeDetails } from "./made_details.js";
import { createMadeTable } from "./made_table.js";
import { drawScale, fullAt } from "./made_tokens.js";
import { createRunScores } from "./run_scores.js";
import { createColumn } from "./stream_column.js";

/** @import { SteeringScores, SteeringStream, StreamedToken } from "../traits.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { TokenScore } from "./made_details.js" */

const shown_at_once = 3; // the first random direction; the others are folded
const names = ["baseline", "changed", "random 0", "random 1", "random 2"];

/**
 * The continuations of one seed side by side. A new run replaces the old one with its first tokens.
 * @param {{ theme: () => Theme, watch: Watch }} options
 */
export function createStreamColumns({ theme: readTheme, watch }) {
  const details = createMadeDetails();
  const columns = names.map(() => createColumn({ watch, say: details.say }));
  const empty = el("p", { class: "gscope-empty" }, "Nothing generated yet: press Start.");
  const activation = createTerm(glossary.activation);
  const scale_name = el("span", {}, "Fill and thickness: ", activation.el, " of");
  const scale = el("p", { class: "gscope-fill-scale gscope-hint" });
  const seed = el("select", { "aria-label": "Sample" });
  const sample = el("label", { class: "gscope-actions", hidden: true }, "Sample", seed);
  const scored = createRunScores();
  const table = createMadeTable({ watch });
  const more = el("details", { class: "gscope-fold" }, el("summary", {}, `${names.length - shown_at_once} more random directions`),
    el("div", { class: "gscope-columns" }, ...columns.slice(shown_at_once).map((column) => column.el)));
  const picture = el("div", { class: "gscope-runs", "data-empty": "" }, scale, sample,
    el("div", { class: "gscope-columns" }, ...columns.slice(0, shown_at_once).map((column) => column.el)), details.el, more, table.el, ...scored.els);
  let drawn = -1;
  let full = 0;
  let first = 0; // the place of the shown sample's baseline among the heads
  /** @type {StreamedToken[][]} */
  let made = [];
  /** @type {SteeringStream | null} */
  let run = null;
  /** @type {SteeringStream["ended"]} */
  let ended = "";
  /** @type {SteeringScores | null} */
  let scores = null;
  /** @type {TokenScore[][]} */
  let each = [];
  /** @type {SteeringStream | null} */
  let announced = null;

  /** @param {SteeringStream} head */
  function clear(head) {
    run = head;
    made = head.heads.map(() => []);
    scores = null;
    each = [];
    first = 0;
    drawn = head.request;
    announced = null;
    empty.hidden = true;
    picture.removeAttribute("data-empty");
    picture.style.setProperty("--features", String(head.known.length));
    const count = head.heads.length / names.length;
    sample.hidden = count < 2;
    seed.replaceChildren(...(count < 2 ? [] : head.heads.flatMap((one, at) => (at % names.length ? []
      : [el("option", { value: String(at) }, `seed ${one.seed}, ${at / names.length + 1} of ${count}`)]))));
    scored.clear();
    details.say("");
    show();
  }
  /** Draws the sample that is chosen, from its beginning. */
  function show() {
    const now = run;
    if (!now) return;
    full = 0;
    columns.forEach((column, at) => {
      column.clear(now.heads[first + at]?.words ?? names[at], now.settings.prompt, now.known);
      column.append(made[first + at] ?? []);
    });
    finish();
  }
  function finish() {
    fill(false);
    const [baseline, ...others] = columns;
    others.forEach((column) => column.compare(baseline.tokens(), ended !== ""));
    columns.forEach((column, at) => column.drawState(scores?.rows[first + at]?.ended ?? ended));
    if (scores) drawScores(scores);
    if (ended !== "") drawTable();
  }
  function drawTable() {
    table.draw(columns.flatMap((column, row) => column.tokens().map((token, at) => (
      { name: names[row], at, token, score: each[first + row]?.[at] ?? null, differs: column.differsAt() === at }))));
  }
  /** @param {SteeringScores} now */
  function drawScores({ rows }) {
    const here = each.slice(first, first + names.length);
    const top = Math.max(1e-9, ...here.flat().map(({ kl }) => kl));
    columns.forEach((column, at) => column.drawScore(rows[first + at], here[at], top));
  }
  /** @param {boolean} anew */
  function fill(anew) {
    if (!run?.known.length) {
      place(scale, []);
      return;
    }
    const { known } = run;
    const rows = columns.map((column) => column.tokens());
    const now = fullAt(known[0], rows);
    const all = anew || now !== full;
    full = now;
    if (all) place(scale, [scale_name, ...drawScale(known[0], full, readTheme())]);
    activation.draw(Math.max(0, ...rows.flat().map((token) => token.activations[0])), known[0].max_activation ?? NaN);
    columns.forEach((column) => column.fill(full, readTheme(), all));
  }
  /** @param {SteeringStream} message */
  function append(message) {
    ended = message.ended;
    for (const { at, tokens } of message.rows) {
      made[at].push(...tokens);
      if (at >= first && at < first + names.length) columns[at - first].append(tokens);
    }
    finish();
  }
  watch.dom(seed, "change", () => {
    first = Number(seed.value);
    show();
  });

  return {
    el: el("div", { class: "gscope-result" }, empty, picture),
    /** In the colours of the theme. */
    paint: () => fill(true),
    /** @param {number} count features that a run will tell of: their room is kept before there is one */
    reserve(count) {
      if (drawn < 0) picture.style.setProperty("--features", String(count));
    },
    /**
     * @param {SteeringStream} message
     * @returns {boolean} whether a new run is in view from this message on
     */
    draw(message) {
      if (message.reset) announced = message;
      const due = announced !== null && (message.ended !== "" || message.rows.some((row) => row.tokens.length > 0));
      const fresh = due && announced !== null && message.request === announced.request;
      if (fresh && announced) clear(announced);
      if (message.request === drawn && !announced) append(message);
      return fresh;
    },
    /**
     * @param {SteeringScores} message
     * @param {Record<string, Float32Array>} arrays
     */
    drawScores(message, arrays) {
      if (message.request !== drawn || !run) return;
      scores = message;
      let from = 0;
      each = made.map((tokens) => {
        const start = from;
        from += tokens.length;
        return tokens.map((_, at) => ({ kl: arrays.kl[start + at], logprob: arrays.logprobs[start + at] }));
      });
      scored.draw(message, run);
      finish();
    },
  };
}
