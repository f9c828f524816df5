import { limits } from "../shared/contract.js";
import { closest, el, setText } from "../shared/dom.js";
import { createFeatureName } from "../shared/feature_name.js";
import { createKeyed } from "../shared/keyed.js";
import * as glossary from "../shared/glossary.js";
import { createCaution } from "../shared/caution.js";
import { createNote } from "../shared/note.js";
import { createNumberField, refuseOutside, refuseWhole } from "../shared/number_field.js";
import { createTerm } from "../shared/term.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { FeatureInfo, SteeringPanelTraits, SteeringSettings } from "../traits.js" */
/** @import { createSettings } from "../shared/settings.js" */
/** @import { Watch } from "../shared/watch.js" */

/** @typedef {ReturnType<typeof createSettings<SteeringPanelTraits, keyof SteeringSettings>>} Settings */
/** @typedef {{ model: AnyModel<SteeringPanelTraits>, watch: Watch, settings: Settings }} Options */

const strength_step = 0.05;

/** @returns {import("../shared/keyed.js").Entry<{ info: FeatureInfo, active: boolean }>} */
function createSwitch() {
  const box = el("input", { type: "checkbox" });
  const name = createFeatureName();
  return {
    el: el("li", {}, el("label", {}, box, name.el)),
    draw({ info, active }, row) {
      box.dataset.row = String(row);
      box.checked = active;
      name.draw(info);
    },
  };
}

/**
 * Which features are added, each with its own switch.
 * @param {Options} options
 */
export function createFeatureList({ model, watch, settings }) {
  const list = el("ul", { class: "gscope-checks" });
  const switches = createKeyed(list, {
    keyOf: (/** @type {{ info: FeatureInfo, active: boolean }} */ { info }) => `${info.dictionary_id}#${info.feature}`, create: createSwitch,
  });
  watch.dom(list, "change", (event) => {
    const row = closest(event, "row")?.dataset.row;
    const target = event.target;
    if (row === undefined || !(target instanceof HTMLInputElement)) return;
    settings.change({ active: settings.now.active.map((old, index) => (index === Number(row) ? target.checked : old)) });
  });
  function draw() {
    const { active } = settings.now;
    switches.draw(model.get("known").map((info, row) => ({ info, active: active[row] ?? false })));
  }
  return {
    el: el("fieldset", { class: "gscope-set" }, el("legend", { class: "gscope-label" }, "Features to add"), list),
    draw,
  };
}

/** @param {number} strength */
function strengthText(strength) {
  return `${strength.toFixed(2).replace("-", "\u2212")} \u00d7 mean residual norm`;
}

/**
 * How much of each active feature's direction is added; 0 in the middle.
 * @param {Options} options
 */
export function createStrength({ model, watch, settings }) {
  const word = createTerm(glossary.strength, "Strength");
  const slider = el("input", { type: "range", class: "gscope-slider", step: strength_step, "aria-label": "Strength" });
  const output = el("output", { class: "gscope-strength" });
  const reset = el("button", { type: "button", class: "gscope-button gscope-quiet" }, "Set to 0");
  const caution = createCaution(model);
  const ends = ["", ""].map(() => el("span", { class: "gscope-hint" }));
  const zero = () => settings.change({ strength: 0 });
  watch.dom(slider, "input", () => settings.change({ strength: Number(slider.value) }, "strength"));
  watch.dom(slider, "dblclick", zero);
  watch.dom(reset, "click", zero);
  return {
    el: el("div", { class: "gscope-field" },
      el("div", { class: "gscope-label" }, word.el, " ", output), el("span", { class: "gscope-centred" }, slider),
      el("div", { class: "gscope-strength-ends" }, ends[0], reset, ends[1]), caution.el),
    draw() {
      const limit = model.get("strength_limit");
      const { strength } = settings.now;
      Object.assign(slider, { min: String(-limit), max: String(limit) });
      if (Number(slider.value) !== strength) slider.value = String(strength);
      slider.setAttribute("aria-valuetext", strengthText(strength));
      setText(output, strengthText(strength));
      word.draw(strength);
      reset.disabled = strength === 0;
      setText(ends[0], `\u2212${limit}`);
      setText(ends[1], `+${limit}`);
      caution.draw(limit > limits.coherent_strength);
    },
  };
}

/**
 * Length, temperature and seed of a run.
 * @param {Options} options
 */
export function createRunNumbers({ watch, settings }) {
  const note = createNote("Temperature 0 takes the likeliest token each time.");
  /**
   * @param {"max_new_tokens" | "temperature" | "seed"} trait
   * @param {string} label
   * @param {(value: number | null, typed: string) => string} refuse
   */
  const field = (trait, label, refuse) => createNumberField({
    label, refuse, watch, say: note.say, read: () => String(settings.now[trait]),
    mode: trait === "temperature" ? "decimal" : "numeric",
    onNumber: (value) => settings.change({ [trait]: value }),
  });
  const fields = [
    field("max_new_tokens", "New tokens", (value, typed) =>
      refuseWhole("New tokens", [1, limits.max_new_tokens], value, typed)),
    field("temperature", "Temperature", (value, typed) => refuseOutside("Temperature", [0, limits.max_temperature], value, typed)),
    field("seed", "Seed", (value, typed) => refuseWhole("Seed", [0, limits.max_seed], value, typed)),
  ];
  fields[1].input.title = "0 takes the likeliest token each time";
  return {
    el: el("div", { class: "gscope-numbers" }, ...fields.map((entry) => entry.el), note.el),
    draw: () => fields.forEach((entry) => entry.pull()),
    /** @returns {boolean} whether every number may stand */
    commit: () => fields.every((entry) => entry.commit()),
  };
}
