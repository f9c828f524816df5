import { assign, closest, el, setText } from "../shared/dom.js";
import { createFeatureName } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createKeyed } from "../shared/keyed.js";
import { createNote } from "../shared/note.js";
import { createTerm } from "../shared/term.js";
import { drawText, findGlyph, visibleText } from "../shared/tokens.js";
import { textMaximum, topAt, topOf, valueAt } from "./reading.js";

/** @import { Term } from "../shared/term.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { Paint, Reading, Shade, Strong } from "./reading.js" */

/** @typedef {{ name: string, value: (Node | string)[], term?: Term, size?: number, total?: number }} Fact `size`: the number, of a term */

const hints = {
  none: "Point at a token, or move to it by the arrow keys; press it to keep it here.",
  pointed: "Press the token to keep it here.",
  picked: "Kept here: press the token again, or Escape, to let go.",
};

/**
 * @param {Fact} fact
 * @returns {import("../shared/keyed.js").Entry<Fact>}
 */
function createFact({ name, term }) {
  const word = term ? createTerm(term) : null;
  const value = el("dd");
  return {
    el: el("div", {}, el("dt", {}, word?.el ?? name), value),
    draw(fact) {
      word?.draw(fact.size ?? null, fact.total);
      value.replaceChildren(...fact.value);
    },
  };
}

/** @returns {import("../shared/keyed.js").Entry<{ paint: Paint, value: string }>} */
function createValue() {
  const swatch = el("span", { class: "gscope-swatch", "aria-hidden": "true" });
  const name = createFeatureName();
  const output = el("output");
  return {
    el: el("li", {}, swatch, name.el, output),
    draw({ paint, value }, place) {
      assign(swatch, { "data-place": place });
      setText(swatch, place ? String(place) : "");
      name.draw(paint.info);
      setText(output, value);
    },
  };
}

/** @returns {import("../shared/keyed.js").Entry<Strong & { share: number }>} */
function createStrong() {
  const bar = el("span", { class: "gscope-top-bar", "aria-hidden": "true" });
  const name = createFeatureName();
  const output = el("output");
  const button = el("button", { type: "button" }, bar, name.el, output);
  return {
    el: el("li", {}, button),
    draw({ feature, activation, label, share }) {
      assign(button, { "data-feature": feature });
      bar.style.setProperty("--share", `${100 * share}%`);
      name.draw({ feature, label });
      setText(output, formatNumber(activation, 4));
    },
  };
}

/** @param {number} fvu of one token */
function fvuText(fvu) {
  return Number.isFinite(fvu) ? formatNumber(fvu) : "not defined: nothing varies in this text";
}

/** @param {number} share */
const partText = (share) => `${formatNumber(100 * share, 2)} %`;

/**
 * The length of what is left out, and of what it is left out.
 * @param {Reading} reading
 * @param {number} pos
 */
function errorText({ error_norm, norm }, pos) {
  const size = error_norm.data[pos], whole = norm.data[pos];
  return whole > 0 ? `${formatNumber(size)}, ${partText(size / whole)} of the vector` : formatNumber(size);
}

/**
 * An activation, and its share of the largest that is known.
 * @param {number} activation
 * @param {Paint} paint
 */
function activationText(activation, { info: { max_activation } }) {
  const number = formatNumber(activation, 4);
  return activation > 0 && max_activation ? `${number}, ${partText(activation / max_activation)} of its maximum` : number;
}

/**
 * @param {Reading} reading
 * @param {number} pos
 * @param {number} d_dict
 * @param {Shade | null} shade
 * @returns {Fact[]}
 */
function factsOf(reading, pos, d_dict, shade) {
  const { tokens, ignored } = reading.head;
  const group = findGlyph(reading.head, pos);
  /** @type {Fact[]} */
  const facts = [{ name: "position", value: [String(pos)] }, { name: "token id", value: [String(reading.ids.data[pos])] }];
  if (group) {
    facts.push({ name: "part of", value: [`${visibleText(group.character)} (tokens ${group.first} to ${group.last})`] });
    facts.push({ name: "bytes", value: /** @type {any[]} */ (drawText(tokens[pos])) });
  }
  if (shade && !Number.isNaN(shade.data[pos])) facts.push({ name: shade.name, value: [formatNumber(shade.data[pos], 4)] });
  if (pos in ignored) return facts;
  return [...facts, { name: "L0", term: glossary.l0, value: [String(reading.l0.data[pos])], size: reading.l0.data[pos], total: d_dict },
    { name: "FVU", term: glossary.fvu, value: [fvuText(reading.fvu.data[pos])], size: reading.fvu.data[pos] },
    { name: "error norm", term: glossary.error_norm, value: [errorText(reading, pos)], size: reading.error_norm.data[pos], total: reading.norm.data[pos] }];
}

/**
 * Everything about one token, in numbers; about the whole text while none is pointed at. It keeps its size.
 * @param {{ watch: Watch, dictSize: () => number, onFeature: (feature: number) => string }} options `onFeature` gives a sentence where it refuses
 */
export function createTokenDetails({ watch, dictSize, onFeature }) {
  const token = el("span", { class: "gscope-plain-token" });
  const hint = el("span", { class: "gscope-hint" }, hints.none);
  const moved = el("p", { class: "gscope-hint", role: "status" });
  const facts = el("dl", { class: "gscope-facts" });
  const values = el("ul", { class: "gscope-values" });
  const reason = el("p", { class: "gscope-reason" });
  const title = el("span", { class: "gscope-label" });
  const note = createNote("press one to paint it");
  const top = el("ul", { class: "gscope-top" });
  const box = el("section", { class: "gscope-details", "aria-label": "Token details" },
    el("div", {}, el("p", { class: "gscope-details-token" }, token, hint), moved, facts, values),
    el("div", {}, el("div", { class: "gscope-top-head" }, title, note.el), reason, top));
  const fact_list = createKeyed(facts, { keyOf: (/** @type {Fact} */ fact) => fact.name, create: createFact });
  const value_list = createKeyed(values, { keyOf: (/** @type {{ paint: Paint, value: string }} */ { paint }) => paint.info.feature, create: createValue });
  const top_list = createKeyed(top, { keyOf: (/** @type {Strong & { share: number }} */ { feature }) => feature, create: createStrong });
  watch.dom(box, "click", (event) => {
    const feature = closest(event, "feature")?.dataset.feature;
    if (feature !== undefined) note.say(onFeature(Number(feature)));
  });
  watch.dom(box, "focusout", () => note.say(""));

  /** @param {Strong[]} strongest */
  function drawTop(strongest) {
    const largest = Math.max(0, ...strongest.map(({ activation }) => activation));
    top_list.draw(strongest.map((one) => ({ ...one, share: largest > 0 ? one.activation / largest : 0 })));
  }

  return {
    el: box,
    /**
     * @param {Reading} reading
     * @param {Paint[]} paints
     * @param {number | null} at
     * @param {boolean} is_picked
     * @param {Shade | null} shade
     */
    draw(reading, paints, at, is_picked, shade) {
      const pos = at !== null && at < reading.length ? at : null;
      const { tokens, ignored } = reading.head;
      const left_out = pos !== null && pos in ignored;
      token.hidden = pos === null;
      token.replaceChildren(...(pos === null ? [] : drawText(tokens[pos])));
      setText(hint, pos === null ? hints.none : is_picked ? hints.picked : hints.pointed);
      setText(moved, reading.head.note);
      fact_list.draw(pos !== null ? factsOf(reading, pos, dictSize(), shade) : [{ name: "largest in this text", value: [] }]);
      value_list.draw(left_out ? [] : paints.map((paint) => ({ paint, value: activationText(pos === null ? textMaximum(reading, paint.row) : valueAt(reading, paint.row, pos), paint) })));
      setText(title, left_out ? "Left out" : pos === null ? "Strongest in the text" : "Strongest here");
      note.el.hidden = left_out || reading.head.mean_l0 === null;
      const strongest = pos === null ? topOf(reading) : topAt(reading, pos);
      setText(reason, left_out ? `No feature is read at this token: it is ${ignored[pos]}.` : strongest.length ? "" : reading.head.mean_l0 === null ? "None: no token is left to read features at." : "No feature fires.");
      drawTop(left_out ? [] : strongest);
    },
  };
}
