import { limits } from "../shared/contract.js";
import { el } from "../shared/dom.js";
import { formatStrength, parseNumber } from "../shared/format.js";
import { createNote } from "../shared/note.js";
import { createNumberField, createTypedField, refuseOutside, refuseWhole } from "../shared/number_field.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { DoseMeasure, DoseSettings, DoseSweepTraits } from "../traits.js" */
/** @import { createSettings } from "../shared/settings.js" */
/** @import { Watch } from "../shared/watch.js" */

/** @typedef {ReturnType<typeof createSettings<DoseSweepTraits, keyof DoseSettings>>} Settings */
/** @typedef {{ model: AnyModel<DoseSweepTraits>, watch: Watch, settings: Settings }} Options */
/** @typedef {"words" | "feature" | "token"} MeasureKind */

const kinds = /** @type {[MeasureKind, string][]} */ ([
  ["words", "share of words that are"], ["feature", "mean activation of feature"], ["token", "share of tokens with id"],
]);

const hints = { words: "Whole words, upper and lower case alike.", feature: "Read in the unchanged model.", token: "" };

/**
 * What of a list of strengths is no strength, as a sentence; the kernel says what is wrong with the whole list.
 * @param {string[]} typed
 */
export function refuseStrengths(typed) {
  const range = /** @type {[number, number]} */ ([-limits.max_strength, limits.max_strength]);
  return typed.map((one) => refuseOutside("A strength", range, parseNumber(one), one)).find(Boolean) ?? "";
}

/**
 * The strengths one by one, for those who want others than the handles give.
 * @param {Options} options
 */
export function createStrengthList({ watch, settings }) {
  const note = createNote("7 to 41 numbers, 0 among them.");
  const read = () => settings.now.strengths.map(formatStrength).join("  ");
  const line = createTypedField({
    label: "Strengths", wide: true, watch, say: note.say, read,
    take(typed) {
      if (typed === read()) return "";
      const parts = typed.split(/[\s,;]+/).filter(Boolean);
      const sentence = refuseStrengths(parts);
      if (!sentence) settings.change({ strengths: parts.map((part) => parseNumber(part) ?? 0).sort((one, other) => one - other) });
      return sentence;
    },
  });
  return {
    el: el("div", { class: "gscope-field" }, el("span", { class: "gscope-label" }, "Strengths"), line.input, note.el),
    draw: line.pull,
    commit: line.commit,
  };
}

/** @param {DoseMeasure} measure @returns {MeasureKind} */
function kindOf(measure) {
  if (Array.isArray(measure)) return "words";
  return typeof measure === "number" ? "token" : "feature";
}

/** @param {DoseMeasure} measure */
function writeMeasure(measure) {
  if (Array.isArray(measure)) return measure.join(", ");
  return String(typeof measure === "number" ? measure : measure.feature);
}

/**
 * What is counted in a text: words, a feature or a token.
 * @param {Options} options
 */
export function createMeasure({ model, watch, settings }) {
  const note = createNote(hints[kindOf(settings.now.measure)]);
  const select = el("select", { "aria-label": "Kind of measure" }, ...kinds.map(([value, words]) => el("option", { value }, words)));
  const chosen = () => /** @type {MeasureKind} */ (select.value);
  const read = () => (kindOf(settings.now.measure) === chosen() ? writeMeasure(settings.now.measure) : "");
  const line = createTypedField({ label: "What is counted", wide: true, watch, say: note.say, read, take });
  /** @param {string} typed */
  function take(typed) {
    if (typed && typed === read()) return "";
    if (chosen() === "words") {
      const words = typed.split(/[\s,;]+/).filter(Boolean);
      if (words.length === 0) return "The measure is empty; name a word or several.";
      settings.change({ measure: words });
      return "";
    }
    const value = parseNumber(typed);
    const is_feature = chosen() === "feature";
    const most = is_feature ? model.get("d_dict") - 1 : limits.max_seed;
    const sentence = refuseWhole(is_feature ? "A feature" : "A token id", [0, most], value, typed);
    if (sentence || value === null) return sentence;
    settings.change({ measure: is_feature ? { dictionary_id: settings.now.feature.dictionary_id, feature: value } : value });
    return "";
  }
  watch.dom(select, "change", () => {
    line.pull();
    note.hint(hints[chosen()]);
    if (line.input.value === "") line.input.focus();
  });
  const field = el("div", { class: "gscope-field", role: "group", "aria-label": "Measure" }, el("span", { class: "gscope-label" }, "Measure"),
    el("div", { class: "gscope-measure" }, select, line.input), note.el);
  return {
    el: field,
    draw() {
      if (!field.contains(field.ownerDocument.activeElement)) select.value = kindOf(settings.now.measure);
      line.pull();
    },
    commit: line.commit,
  };
}

/**
 * Feature, number of samples, length, temperature and seed.
 * @param {Options} options
 */
export function createDoseNumbers({ model, watch, settings }) {
  const note = createNote("Each sample has its own seed, from this one on.");
  /**
   * @param {"samples" | "max_new_tokens" | "temperature" | "seed"} trait
   * @param {string} label
   * @param {number[]} range
   */
  const field = (trait, label, [low, high]) => createNumberField({
    label, watch, say: note.say, read: () => String(settings.now[trait]), mode: trait === "temperature" ? "decimal" : "numeric",
    refuse: (value, typed) => (trait === "temperature" ? refuseOutside : refuseWhole)(label, [low, high], value, typed),
    onNumber: (value) => settings.change({ [trait]: value }),
  });
  const fields = [
    createNumberField({
      label: "Feature to add", watch, say: note.say, read: () => String(settings.now.feature.feature), mode: "numeric",
      refuse: (value, typed) => refuseWhole("A feature", [0, model.get("d_dict") - 1], value, typed),
      onNumber: (value) => settings.change({ feature: { ...settings.now.feature, feature: value ?? 0 } }),
    }),
    field("samples", "Samples", limits.dose_samples),
    field("max_new_tokens", "New tokens", [1, limits.max_new_tokens]),
    field("temperature", "Temperature", [limits.min_temperature, limits.max_temperature]),
    field("seed", "Seed", [0, limits.max_seed]),
  ];
  return {
    el: el("div", {}, el("div", { class: "gscope-dose-numbers" }, ...fields.map((entry) => entry.el)), note.el),
    draw: () => fields.forEach((entry) => entry.pull()),
    /** @returns {boolean} whether every number may stand */
    commit: () => fields.every((entry) => entry.commit()),
  };
}
