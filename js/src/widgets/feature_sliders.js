import { createChangeList } from "../parts/change_list.js";
import { infoOf } from "../parts/changes.js";
import { createDistribution } from "../parts/distribution.js";
import { el } from "../shared/dom.js";
import * as glossary from "../shared/glossary.js";
import { createSettings, isSame } from "../shared/settings.js";
import { createGlossary, createTerm } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { ChangeState, DistributionResult, FeatureInfo, FeatureSlidersTraits } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */

/** In what the sliders are measured. */
function createUnits() {
  const activation = createTerm(glossary.activation), strength = createTerm(glossary.strength);
  return {
    el: el("p", { class: "gscope-hint" }, "Clamp sets an ", activation.el, ", add a ", strength.el, "; scale multiplies."),
    /**
     * @param {ChangeState[]} changes
     * @param {FeatureInfo[]} known
     */
    draw(changes, known) {
      /** @param {ChangeState["kind"]} kind the only change that is on of this kind, or none */
      const only = (kind) => {
        const found = changes.filter((change) => change.on && change.kind === kind);
        return found.length === 1 ? found[0] : null;
      };
      const clamped = only("clamp");
      activation.draw(clamped?.amount ?? null, clamped ? infoOf(clamped.ref, known, []).max_activation ?? NaN : NaN);
      strength.draw(only("add")?.amount ?? null);
    },
  };
}

/**
 * @param {{ model: AnyModel<FeatureSlidersTraits>, frame: Frame }} inside
 */
function openSliders({ model, frame }) {
  const { watch } = frame;
  /** @type {DistributionResult | null} */
  let result = null;
  let is_dragging = false;
  /** @type {ReturnType<typeof createSettings<FeatureSlidersTraits, "changes">>} */
  const edits = createSettings({ model, frame, names: ["changes"], send: frame.ask, onChange: draw });
  const distribution = createDistribution();
  const text = createTextField({
    label: "Text", hint: "sent after a pause, or at once on Ctrl+Enter", read: () => model.get("text"),
    limit: () => model.get("text_limit"), watch,
    onText(value) {
      frame.ask({ text: value });
      drawUpdating();
    },
  });
  frame.sayRefused("text", text.refuse);
  const reset = el("button", { type: "button", class: "gscope-button" }, "Reset all");
  const changes = createChangeList({
    model, frame, edits, generates: false, natural: () => result?.natural ?? [], buttons: [reset],
    fresh: () => ({ kind: "clamp", amount: 0, on: false }),
  });
  const units = createUnits();
  const sliders = el("div", { class: "gscope-sliders" }, changes.el, units.el);

  function drawUpdating() {
    const answered = !result || (isSame(result.text, model.get("text")) && isSame(result.changes, edits.now.changes));
    distribution.markUpdating(!answered, model.get("status").state === "error");
  }
  function draw() {
    changes.draw();
    units.draw(edits.now.changes, model.get("known"));
    reset.disabled = edits.now.changes.every(({ on }) => !on);
    drawUpdating();
  }
  function resetAll() {
    changes.clearNotes();
    edits.change({ changes: edits.now.changes.map((change) => ({ ...change, on: false })) });
  }
  /** @param {DistributionResult} message */
  function drawResult(message) {
    result = message;
    distribution.draw(message, is_dragging);
    draw();
  }
  /** @param {boolean} dragging while it is, rows keep their places; then the likeliest come first again */
  function drag(dragging) {
    is_dragging = dragging;
    if (!dragging && result) distribution.draw(result);
  }

  watch.dom(reset, "click", resetAll);
  watch.dom(sliders, "input", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type === "range") is_dragging = true;
  });
  watch.dom(sliders, "change", () => drag(false));
  frame.follow(["text"], () => {
    text.pull();
    drawUpdating();
  });
  frame.follow(["known", "ranges", "caution", "notice", "directions", "prompt_tokens"], draw);
  frame.follow(["status"], drawUpdating);
  const words = createGlossary(glossary.feature, glossary.activation, glossary.strength, glossary.probability, glossary.kl);
  return { body: [text.el, el("div", { class: "gscope-split" }, sliders, distribution.el), words], receive: { result: drawResult }, draw, locks: { text: text.el, changes: changes.el } };
}

export default defineWidget({ name: "FeatureSliders", cancellable: true, open: openSliders });
