import { createDistribution } from "../parts/distribution.js";
import { createSliderRow } from "../parts/slider_row.js";
import { createCaution } from "../shared/caution.js";
import { el } from "../shared/dom.js";
import * as glossary from "../shared/glossary.js";
import { createKeyed } from "../shared/keyed.js";
import { createSettings, isSame } from "../shared/settings.js";
import { createGlossary, createTerm } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { createWatch } from "../shared/watch.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { DistributionResult, FeatureInfo, FeatureSlidersTraits, SliderMode } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */

/** @typedef {"values" | "modes" | "ablated"} Setting */
/** @typedef {ReturnType<typeof createSettings<FeatureSlidersTraits, Setting>>} SettingsNow */

/** @type {Setting[]} */
const setting_names = ["values", "modes", "ablated"];

/**
 * @template T
 * @param {T[]} list
 * @param {number} row
 * @param {T} value
 */
function withEntry(list, row, value) {
  return list.map((old, index) => (index === row ? value : old));
}

/**
 * @param {AnyModel<FeatureSlidersTraits>} model
 * @param {SettingsNow} settings
 */
function createRows(model, settings) {
  const list = el("ul", { class: "gscope-rows", "aria-label": "Features" });
  /** @type {DistributionResult | null} */
  let shown = null;
  /** @type {Set<ReturnType<typeof createSliderRow>>} */
  const drawn = new Set();
  const rows = createKeyed(list, { keyOf: (/** @type {FeatureInfo} */ info) => `${info.dictionary_id} ${info.name}`, create: createRow });

  /** Python may set the traits one after the other. */
  function fits() {
    const { values, modes, ablated } = settings.now;
    const count = model.get("known").length;
    return [values, modes, ablated, model.get("ranges")].every((entries) => entries.length === count);
  }
  /** @param {() => number} at its row now */
  function actionsOf(at) {
    /** @type {Partial<Record<SliderMode, number | null>>} */
    const kept = {};
    /**
     * @param {number | null} value
     * @param {string} [gesture]
     */
    const set = (value, gesture) => settings.change({ values: withEntry(settings.now.values, at(), value) }, gesture);
    return {
      slide: (/** @type {number | null} */ value) => set(value, `slide ${at()}`),
      release: settings.endGesture,
      enter: (/** @type {number | null} */ value) => set(value),
      ablate: (/** @type {boolean} */ ablated) => settings.change({ ablated: withEntry(settings.now.ablated, at(), ablated) }),
      reset: () => settings.change({ values: withEntry(settings.now.values, at(), null), ablated: withEntry(settings.now.ablated, at(), false) }),
      mode(/** @type {SliderMode} */ mode) {
        const { values, modes } = settings.now;
        kept[modes[at()]] = values[at()];
        settings.change({ values: withEntry(values, at(), kept[mode] ?? null), modes: withEntry(modes, at(), mode) });
      },
    };
  }
  /** @param {number} row */
  function stateOf(row) {
    const mode = settings.now.modes[row];
    return { value: settings.now.values[row], mode, ablated: settings.now.ablated[row], range: model.get("ranges")[row][mode] };
  }
  /**
   * @param {FeatureInfo} info
   * @returns {import("../shared/keyed.js").Entry<FeatureInfo>}
   */
  function createRow(info) {
    let at = model.get("known").indexOf(info);
    const watch = createWatch();
    const row = createSliderRow({ info, actions: actionsOf(() => at), watch, read: () => stateOf(at) });
    drawn.add(row);
    return {
      el: row.el,
      draw(_info, place) {
        at = place;
        row.draw();
        row.drawNatural(shown?.natural[place]);
      },
      end() {
        watch.stop();
        drawn.delete(row);
      },
    };
  }
  return {
    el: list,
    /** @param {DistributionResult | null} result */
    draw(result) {
      if (!fits()) return;
      shown = result;
      rows.draw(model.get("known"));
    },
    clearNotes: () => drawn.forEach((row) => row.clearNote()),
    stop: () => rows.draw([]),
  };
}

/** In what the sliders are measured. */
function createUnits() {
  const activation = createTerm(glossary.activation), strength = createTerm(glossary.strength);
  return {
    el: el("p", { class: "gscope-hint" }, "Clamp sets an ", activation.el, ", add a ", strength.el, "; scale multiplies."),
    /**
     * @param {SettingsNow["now"]} settings
     * @param {FeatureInfo[]} known
     */
    draw({ values, modes }, known) {
      /** @param {SliderMode} mode the only row that it is set in, or none */
      const only = (mode) => {
        const rows = values.flatMap((value, row) => (value !== null && modes[row] === mode ? [row] : []));
        return rows.length === 1 ? rows[0] : -1;
      };
      const clamped = only("clamp");
      activation.draw(values[clamped] ?? null, known[clamped]?.max_activation ?? NaN);
      strength.draw(values[only("add")] ?? null);
    },
  };
}

/** @param {KeyboardEvent} event */
function isUndo(event) {
  const typing = event.target instanceof HTMLElement && event.target.matches("textarea, input[type=text]");
  return !typing && event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
}

/**
 * @param {{ model: AnyModel<FeatureSlidersTraits>, frame: Frame }} inside
 */
function openSliders({ model, frame }) {
  const { watch } = frame;
  /** @type {DistributionResult | null} */
  let result = null;
  /** @type {SettingsNow} */
  const settings = createSettings({ model, frame, names: setting_names, send: frame.ask, onChange: draw });
  const rows = createRows(model, settings);
  const distribution = createDistribution();
  const text = createTextField({
    label: "Text", hint: "sent after a pause, or at once on Ctrl+Enter", read: () => model.get("text"),
    limit: () => model.get("text_limit"), watch,
    onText(value) {
      frame.ask({ text: value });
      drawUpdating();
    },
  });
  const undo = el("button", { type: "button", class: "gscope-button", title: "Ctrl+Z" }, "Undo");
  const reset = el("button", { type: "button", class: "gscope-button" }, "Reset all");
  const caution = createCaution(model);
  const units = createUnits();
  const sliders = el("section", { class: "gscope-sliders", "aria-label": "Feature sliders" },
    rows.el, units.el, caution.el, el("div", { class: "gscope-actions" }, undo, reset));

  function drawUpdating() {
    const { values, modes, ablated } = result ?? settings.now;
    const answered = !result || (isSame(result.text, model.get("text")) && isSame({ values, modes, ablated }, settings.now));
    distribution.markUpdating(!answered, model.get("status").state === "error");
  }
  function draw() {
    rows.draw(result);
    units.draw(settings.now, model.get("known"));
    caution.draw();
    undo.disabled = !settings.canUndo();
    reset.disabled = settings.now.values.every((value) => value === null) && !settings.now.ablated.includes(true);
    drawUpdating();
  }
  function resetAll() {
    rows.clearNotes();
    const { values, ablated } = settings.now;
    settings.change({ values: values.map(() => null), ablated: ablated.map(() => false) });
  }
  /** @param {DistributionResult} message */
  function drawResult(message) {
    result = message;
    distribution.draw(message);
    draw();
  }

  watch.dom(undo, "click", settings.undo);
  watch.dom(reset, "click", resetAll);
  watch.dom(sliders, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (!isUndo(event)) return;
    event.preventDefault();
    event.stopPropagation();
    settings.undo();
  });
  frame.follow(["text"], () => {
    text.pull();
    drawUpdating();
  });
  frame.follow(["known", "ranges", "caution"], draw);
  frame.follow(["status"], drawUpdating);
  watch.onStop(rows.stop);
  const words = createGlossary(glossary.feature, glossary.activation, glossary.strength, glossary.probability, glossary.kl);
  return { body: [text.el, el("div", { class: "gscope-split" }, sliders, distribution.el), words], receive: { result: drawResult }, draw };
}

export default defineWidget({ name: "FeatureSliders", cancellable: true, open: openSliders });
