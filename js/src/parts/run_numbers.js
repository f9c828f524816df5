import { limits } from "../shared/contract.js";
import { el } from "../shared/dom.js";
import { createNote } from "../shared/note.js";
import { createNumberField, createTypedField, refuseOutside, refuseWhole } from "../shared/number_field.js";

/** @import { SteeringPanelTraits } from "../traits.js" */
/** @import { createSettings } from "../shared/settings.js" */
/** @import { Watch } from "../shared/watch.js" */

/** @typedef {"prompt" | "max_new_tokens" | "temperature" | "seed" | "samples" | "words"} RunSetting */
/** @typedef {ReturnType<typeof createSettings<SteeringPanelTraits, RunSetting>>} Settings */

/**
 * Length, temperature, seed and number of samples of a run, and the words that are counted in them.
 * @param {{ watch: Watch, settings: Settings }} options
 */
export function createRunNumbers({ watch, settings }) {
  const note = createNote("Temperature 0 takes the likeliest token each time.");
  /**
   * @param {"max_new_tokens" | "temperature" | "seed" | "samples"} trait
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
    field("samples", "Samples", (value, typed) => refuseWhole("Samples", [1, limits.compared_samples], value, typed)),
  ];
  const words = createTypedField({
    label: "Words to count", named: true, wide: true, watch, say: note.say, read: () => settings.now.words.join(", "),
    take(typed) {
      settings.change({ words: typed.split(",").map((one) => one.trim()).filter(Boolean) });
      return "";
    },
  });
  words.input.placeholder = "tea, cup";
  fields[1].input.title = "0 takes the likeliest token each time";
  return {
    el: el("div", { class: "gscope-numbers" }, ...fields.map((entry) => entry.el),
      el("div", { class: "gscope-field" }, el("span", { class: "gscope-label", "aria-hidden": "true" }, "Words to count"), words.input), note.el),
    draw: () => [...fields, words].forEach((entry) => entry.pull()),
    /** @returns {boolean} whether every number may stand */
    commit: () => [...fields, words].every((entry) => entry.commit()),
  };
}
