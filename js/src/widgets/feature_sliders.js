import { createDistribution } from "../parts/distribution.js";
import { createSliderRow } from "../parts/slider_row.js";
import { el } from "../shared/dom.js";
import { createSettings, isSame } from "../shared/settings.js";
import { createTextField } from "../shared/text_field.js";
import { createWatch } from "../shared/watch.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { DistributionResult, FeatureSlidersTraits, SliderMode } from "../traits.js" */
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
  /** @type {ReturnType<typeof createSliderRow>[]} */
  let rows = [];
  let watch = createWatch();
  let stale = true;

  /** Python may set the traits one after the other. */
  function fits() {
    const { values, modes, ablated } = settings.now;
    const count = model.get("known").length;
    return [values, modes, ablated, model.get("ranges")].every((entries) => entries.length === count);
  }
  /** @param {number} row */
  function actionsOf(row) {
    /** @type {Partial<Record<SliderMode, number | null>>} */
    const kept = {};
    /**
     * @param {number | null} value
     * @param {string} [gesture]
     */
    const set = (value, gesture) => settings.change({ values: withEntry(settings.now.values, row, value) }, gesture);
    return {
      slide: (/** @type {number | null} */ value) => set(value, `slide ${row}`),
      release: settings.endGesture,
      enter: (/** @type {number | null} */ value) => set(value),
      ablate: (/** @type {boolean} */ ablated) => settings.change({ ablated: withEntry(settings.now.ablated, row, ablated) }),
      reset: () => settings.change({ values: withEntry(settings.now.values, row, null), ablated: withEntry(settings.now.ablated, row, false) }),
      mode(/** @type {SliderMode} */ mode) {
        const { values, modes } = settings.now;
        kept[modes[row]] = values[row];
        settings.change({ values: withEntry(values, row, kept[mode] ?? null), modes: withEntry(modes, row, mode) });
      },
    };
  }
  /** @param {number} row */
  function stateOf(row) {
    const mode = settings.now.modes[row];
    return { value: settings.now.values[row], mode, ablated: settings.now.ablated[row], range: model.get("ranges")[row][mode] };
  }
  function build() {
    stale = false;
    watch.stop();
    watch = createWatch();
    rows = model.get("known").map((info, row) =>
      createSliderRow({ info, actions: actionsOf(row), watch, read: () => stateOf(row) }));
    list.replaceChildren(...rows.map((row) => row.el));
  }
  return {
    el: list,
    /** @param {DistributionResult | null} result */
    draw(result) {
      if (!fits()) return;
      if (stale) build();
      rows.forEach((row, index) => {
        row.draw();
        row.drawNatural(result?.natural[index]);
      });
    },
    markStale() {
      stale = true;
    },
    clearNotes: () => rows.forEach((row) => row.clearNote()),
    stop: () => watch.stop(),
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
  const sliders = el("section", { class: "gscope-sliders", "aria-label": "Feature sliders" },
    rows.el, el("div", { class: "gscope-actions" }, undo, reset));

  function drawUpdating() {
    const { values, modes, ablated } = result ?? settings.now;
    const answered = !result || (isSame(result.text, model.get("text")) && isSame({ values, modes, ablated }, settings.now));
    distribution.markUpdating(!answered);
  }
  function draw() {
    rows.draw(result);
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
  frame.follow(["ranges"], draw);
  frame.follow(["known"], () => {
    rows.markStale();
    draw();
  });
  watch.onStop(rows.stop);
  return { body: [text.el, el("div", { class: "gscope-split" }, sliders, distribution.el)], receive: { result: drawResult }, draw };
}

export default defineWidget({ name: "FeatureSliders", cancellable: true, open: openSliders });
