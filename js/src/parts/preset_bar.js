import { limits } from "../shared/contract.js";
import { el } from "../shared/dom.js";
import { createNote } from "../shared/note.js";
import { createSettings } from "../shared/settings.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { ChangeState, FeatureSlidersTraits, SteeringPanelTraits } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */

/**
 * Changes under a name: what stands there is saved, and made again.
 * @param {{
 *   model: AnyModel<FeatureSlidersTraits> | AnyModel<SteeringPanelTraits>, frame: Frame,
 *   read: () => ChangeState[], apply: (changes: ChangeState[]) => void,
 * }} options
 */
export function createPresetBar({ model, frame, read, apply }) {
  const { watch } = frame;
  const button = { type: "button", class: "gscope-button" };
  const choice = el("select", { "aria-label": "Preset" });
  const use = el("button", button, "Apply");
  const remove = el("button", { ...button, class: "gscope-button gscope-quiet", "aria-label": "Remove this preset", title: "Remove" }, "\u00d7");
  const name = el("input", { type: "text", class: "gscope-line", "aria-label": "Name of a new preset", placeholder: "name", maxlength: limits.preset_name, autocomplete: "off" });
  const save = el("button", button, "Save as preset");
  const note = createNote();
  note.el.setAttribute("aria-live", "polite"); // it says what was done, too
  /** @type {ReturnType<typeof createSettings<any, "presets">>} */
  const kept = createSettings({ model: /** @type {any} */ (model), frame, names: ["presets"], send: frame.tell, onChange: draw });

  const chosen = () => kept.now.presets.find((/** @type {any} */ one) => one.name === choice.value);
  function draw() {
    const names = kept.now.presets.map((/** @type {any} */ one) => one.name);
    const before = choice.value;
    choice.replaceChildren(...(names.length ? names : ["none yet"]).map((/** @type {string} */ one) => el("option", { value: one }, one)));
    if (names.includes(before)) choice.value = before;
    for (const part of [choice, use, remove]) part.disabled = names.length === 0;
  }
  /** @param {string} sentence what was done */
  function tell(sentence) {
    note.say("");
    note.hint(sentence);
  }
  function keep() {
    const typed = name.value.trim();
    const others = kept.now.presets.filter((/** @type {any} */ one) => one.name !== typed);
    if (!typed) note.say("A preset needs a name.");
    else if (others.length >= limits.presets) note.say(`At most ${limits.presets} presets are kept; remove one first.`);
    else {
      kept.change({ presets: [...others, { name: typed, changes: read() }] });
      choice.value = typed;
      name.value = "";
      tell(`Saved: ${typed}.`);
    }
  }
  watch.dom(use, "click", () => {
    const preset = chosen();
    if (!preset) return;
    apply(preset.changes);
    tell(`Applied: ${preset.name}. Undo takes it back.`);
  });
  watch.dom(remove, "click", () => {
    const { value } = choice;
    kept.change({ presets: kept.now.presets.filter((/** @type {any} */ one) => one.name !== value) });
    tell(`Removed: ${value}.`);
    (use.disabled ? name : choice).focus();
  });
  watch.dom(save, "click", keep);
  watch.dom(name, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") keep();
  });
  draw();
  return {
    el: el("div", { class: "gscope-presets", role: "group", "aria-label": "Presets" },
      el("div", { class: "gscope-actions" }, el("span", { class: "gscope-label", "aria-hidden": "true" }, "Preset"), choice, use, remove,
        el("span", { class: "gscope-actions" }, name, save)), note.el),
  };
}
