import { createDistribution } from "../parts/distribution.js";
import { createHistory, sameSettings, untouched, withEntry } from "../parts/settings.js";
import { createSliderRow } from "../parts/slider_row.js";
import { el } from "../shared/dom.js";
import { openFrame } from "../shared/frame.js";
import { createPerFrame } from "../shared/latest.js";
import { createTextField } from "../shared/text_field.js";
import { plainText } from "../shared/tokens.js";
import { createWatch } from "../shared/watch.js";

/** @import { AnyModel, RenderProps } from "@anywidget/types" */
/** @import { DistributionResult, FeatureSlidersTraits, SliderMode } from "../traits.js" */
/** @import { Settings } from "../parts/settings.js" */

/**
 * The settings the view shows, with undo; the newest go out once a frame.
 * @param {{ model: AnyModel<FeatureSlidersTraits>, send: (settings: Settings) => void, onChange: () => void }} options
 */
function createControl({ model, send, onChange }) {
  const history = createHistory();
  const read = () => ({ values: model.get("values"), modes: model.get("modes"), ablated: model.get("ablated") });
  let settings = read();
  const sending = createPerFrame(() => send(settings));

  /**
   * @param {Settings} next
   * @param {string} gesture
   */
  function change(next, gesture) {
    if (sameSettings(next, settings)) return;
    history.keep(settings, gesture);
    settings = next;
    sending.soon();
    onChange();
  }
  return {
    history, change, sending,
    get settings() {
      return settings;
    },
    undo() {
      const before = history.back();
      if (!before) return;
      settings = before;
      sending.soon();
      onChange();
    },
    /** Takes up settings from Python, unless newer ones of the reader are about to go out. */
    pull() {
      if (sending.isPending() || sameSettings(read(), settings)) return;
      settings = read();
      onChange();
    },
  };
}

/**
 * @param {AnyModel<FeatureSlidersTraits>} model
 * @param {ReturnType<typeof createControl>} control
 */
function createRows(model, control) {
  const list = el("ul", { class: "gscope-rows", "aria-label": "Features" });
  /** @type {ReturnType<typeof createSliderRow>[]} */
  let rows = [];
  let watch = createWatch();
  let stale = true;

  /** Python may set the traits one after the other. */
  function fits() {
    const { values, modes, ablated } = control.settings;
    const count = model.get("known").length;
    return [values, modes, ablated, model.get("ranges")].every((entries) => entries.length === count);
  }
  /** @param {number} row */
  function actionsOf(row) {
    /** @type {Partial<Record<SliderMode, number | null>>} */
    const kept = {};
    /** @param {number | null} value */
    const to = (value) => withEntry(control.settings, "values", row, value);
    return {
      slide: (/** @type {number | null} */ value) => control.change(to(value), `slide ${row}`),
      release: () => control.history.endGesture(),
      enter: (/** @type {number | null} */ value) => control.change(to(value), ""),
      ablate: (/** @type {boolean} */ ablated) => control.change(withEntry(control.settings, "ablated", row, ablated), ""),
      reset: () => control.change(withEntry(to(null), "ablated", row, false), ""),
      mode(/** @type {SliderMode} */ mode) {
        kept[control.settings.modes[row]] = control.settings.values[row];
        control.change(withEntry(to(kept[mode] ?? null), "modes", row, mode), "");
      },
    };
  }
  /** @param {number} row */
  function stateOf(row) {
    const mode = control.settings.modes[row];
    return { value: control.settings.values[row], mode, ablated: control.settings.ablated[row], range: model.get("ranges")[row][mode] };
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
 * @param {AnyModel<FeatureSlidersTraits>} model
 * @param {HTMLElement} holder
 */
function openSliders(model, holder) {
  const frame = openFrame({ model, holder, title: "Feature sliders", cancellable: true });
  const { watch } = frame;
  /** @type {DistributionResult | null} */
  let result = null;
  const control = createControl({ model, send: frame.ask, onChange: draw });
  const rows = createRows(model, control);
  const distribution = createDistribution();
  const text = createTextField({
    label: "Text", hint: "sent after a pause, or at once on Ctrl+Enter", read: () => plainText(model.get("text")),
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
  frame.body.append(text.el, el("div", { class: "gscope-split" }, sliders, distribution.el));

  function drawUpdating() {
    const answered = !result || (plainText(result.text) === plainText(model.get("text")) && sameSettings(result, control.settings));
    distribution.markUpdating(!answered);
  }
  function draw() {
    rows.draw(result);
    undo.disabled = control.history.isEmpty();
    reset.disabled = untouched(control.settings);
    drawUpdating();
  }
  function resetAll() {
    rows.clearNotes();
    const { values, modes, ablated } = control.settings;
    control.change({ values: values.map(() => null), modes, ablated: ablated.map(() => false) }, "");
  }
  function rebuild() {
    rows.markStale();
    draw();
  }

  watch.dom(undo, "click", control.undo);
  watch.dom(reset, "click", resetAll);
  watch.dom(sliders, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (!isUndo(event)) return;
    event.preventDefault();
    event.stopPropagation();
    control.undo();
  });
  frame.receive((message) => {
    if (message.type !== "result") return;
    result = /** @type {DistributionResult} */ (message);
    distribution.draw(message);
    draw();
  });
  watch.model(model, "change:text", () => {
    text.pull();
    drawUpdating();
  });
  for (const name of ["values", "modes", "ablated"]) watch.model(model, `change:${name}`, control.pull);
  watch.model(model, "change:ranges", draw);
  watch.model(model, "change:known", rebuild);
  watch.onStop(control.sending.cancel);
  watch.onStop(rows.stop);
  frame.start(() => {});
  rebuild();
  frame.ready();
  return frame.close;
}

/** @param {RenderProps<any>} props */
function render({ model, el: holder }) {
  return openSliders(model, holder);
}

export default { render };
