import { limits } from "../shared/contract.js";
import { el } from "../shared/dom.js";
import { createNote } from "../shared/note.js";
import { createNumberField, refuseOutside, refuseWhole } from "../shared/number_field.js";

/** @import { SteeringPanelTraits } from "../traits.js" */
/** @import { createSettings } from "../shared/settings.js" */
/** @import { Watch } from "../shared/watch.js" */

/** @typedef {"prompt" | "max_new_tokens" | "temperature" | "seed"} RunSetting */
/** @typedef {ReturnType<typeof createSettings<SteeringPanelTraits, RunSetting>>} Settings */

/**
 * Length, temperature and seed of a run.
 * @param {{ watch: Watch, settings: Settings }} options
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
