import { createDoseCards } from "../parts/dose_cards.js";
import { createDoseChart } from "../parts/dose_chart.js";
import { createDoseNumbers, createMeasure, createStrengthList } from "../parts/dose_controls.js";
import { toSweep, toTexts } from "../parts/dose_reading.js";
import { createDoseTable } from "../parts/dose_table.js";
import { createDoseTexts } from "../parts/dose_texts.js";
import { createStrengthRange } from "../parts/strength_range.js";
import { createCaution } from "../shared/caution.js";
import { agreementOf, limits } from "../shared/contract.js";
import { el, setText } from "../shared/dom.js";
import { formatCount } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createRequests } from "../shared/requests.js";
import { createSettings, isSame } from "../shared/settings.js";
import { createGlossary } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Ack, DoseResult, DoseSettings, DoseSweepTraits, DoseTexts } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Sweep } from "../parts/dose_reading.js" */

const setting_names = /** @type {(keyof DoseSettings)[]} */ (agreementOf("DoseSweep").settings);

/**
 * @param {{ model: AnyModel<DoseSweepTraits>, frame: Frame }} inside
 */
function openSweep({ model, frame }) {
  const { watch } = frame;
  const requests = createRequests(frame);
  /** @type {ReturnType<typeof createSettings<DoseSweepTraits, keyof DoseSettings>>} */
  const settings = createSettings({ model, frame, names: setting_names, send: frame.tell, onChange: drawSettings });
  /** @type {Sweep | null} */
  let sweep = null;

  const prompt = createTextField({
    label: "Prompt", hint: "Ctrl+Enter starts", read: () => settings.now.prompt, limit: () => model.get("text_limit"),
    onText: (text) => settings.change({ prompt: text }), onSubmit: start, watch,
  });
  frame.sayRefused("prompt", prompt.refuse);
  const options = { model, watch, settings };
  const range = createStrengthRange({
    watch, limit: () => model.get("strength_limit"), strengths: () => settings.now.strengths,
    onRange: (strengths) => settings.change({ strengths }, "range"), onDone: start, onEnd: settings.endGesture,
  });
  const list = createStrengthList(options);
  const measure = createMeasure(options);
  const numbers = createDoseNumbers(options);
  const name = el("p", { class: "gscope-dose-feature gscope-hint" });
  const caution = createCaution(model);
  const start_button = el("button", { type: "button", class: "gscope-button gscope-primary" }, "Start");
  const stop_button = el("button", { type: "button", class: "gscope-button", title: "Escape" }, "Stop");
  const cost = el("span", { class: "gscope-hint" });
  const changed = el("span", { class: "gscope-hint", role: "status" });
  const empty = el("p", { class: "gscope-empty" }, "Nothing made yet: drag over the strengths from the lowest to the highest, or press Start.");
  const findings = el("ul", { class: "gscope-dose-findings", role: "status", "aria-label": "What the sweep shows" });
  const chart = createDoseChart({ watch, onPick: toggle });
  const cards = createDoseCards({ watch, onEnter: toggle });
  const cards_hint = el("p", { class: "gscope-hint" }, "Press a strength, here or in the picture, to read all its texts. Bars: effect with its interval, the feature above and the random direction below.");
  const texts = createDoseTexts({ watch, onClose: () => choose(null) });
  const rules = el("dl");
  const table = createDoseTable({ watch });
  const result = el("div", { class: "gscope-dose-result", hidden: true }, findings, chart.el, cards_hint, cards.el, texts.el,
    el("details", { class: "gscope-fold gscope-rules", open: true }, el("summary", {}, "The rules"), rules), table.el);

  function isRunning() {
    return model.get("status").state === "busy" || requests.isOpen("start");
  }
  function start() {
    if (!prompt.commit() || ![measure, list, numbers].every((part) => part.commit())) return;
    settings.flush();
    requests.send("start", { settings: settings.takeChanged() });
    drawActions();
  }
  function stop() {
    if (isRunning() && !requests.isOpen("stop")) requests.send("stop");
    drawActions();
  }
  /** @param {number | null} strength */
  function choose(strength) {
    const before = model.get("selected_strength");
    frame.ask({ selected_strength: strength });
    drawChoice();
    if (strength === null) focusCard(before);
  }
  /** @param {number} strength */
  function toggle(strength) {
    choose(shownStrength() === strength ? null : strength);
  }
  /** The strength made that is nearest to the selected one. */
  function shownStrength() {
    const selected = model.get("selected_strength");
    if (!sweep || selected === null) return null;
    const made = sweep.head.strengths;
    return made.reduce((one, other) => (Math.abs(other - selected) < Math.abs(one - selected) ? other : one));
  }
  /** @param {number | null} strength */
  function focusCard(strength) {
    if (strength === null || !texts.el.contains(texts.el.ownerDocument.activeElement)) return;
    /** @type {HTMLElement | null} */ (cards.el.querySelector("[tabindex='0']"))?.focus();
  }
  function drawChoice() {
    const strength = shownStrength();
    cards.mark(strength);
    if (sweep) chart.draw(sweep, strength);
    if (strength === null) texts.hide();
  }
  function drawActions() {
    start_button.disabled = isRunning();
    stop_button.disabled = !isRunning() || requests.isOpen("stop");
    setText(cost, `${formatCount(settings.now.samples * (2 * settings.now.strengths.length - 1), "text")} of up to ${formatCount(settings.now.max_new_tokens, "token")}`);
    const is_other = sweep !== null && !isSame(Object.fromEntries(setting_names.map((one) => [one, sweep?.head.settings[one]])), settings.now);
    setText(changed, is_other ? "Settings changed since this sweep." : "");
  }
  function drawSettings() {
    prompt.pull();
    for (const part of [range, list, measure, numbers]) part.draw();
    setText(name, `Adds ${model.get("feature_name")}.`);
    caution.draw(model.get("strength_limit") > limits.coherent_strength);
    drawActions();
  }
  function draw() {
    drawSettings();
    drawChoice();
  }
  /**
   * @param {DoseResult} message
   * @param {DataView[]} buffers
   */
  function drawResult(message, buffers) {
    sweep = toSweep(message, buffers);
    empty.hidden = true;
    result.hidden = false;
    const sentences = sweep.head.findings;
    if (!isSame([...findings.children].map((node) => node.textContent), sentences)) findings.replaceChildren(...sentences.map((sentence) => el("li", {}, sentence)));
    const named = Object.entries(message.rules);
    rules.replaceChildren(...named.map(([rule, words]) => el("div", {}, el("dt", {}, rule), el("dd", {}, words))));
    cards.draw(sweep);
    table.draw(sweep);
    drawChoice();
    drawActions();
  }
  /**
   * @param {DoseTexts} message
   * @param {DataView[]} buffers
   */
  function drawTexts(message, buffers) {
    if (sweep && message.strength !== shownStrength()) return;
    const counted = sweep?.head.settings.measure ?? [];
    texts.draw({ strength: message.strength, prompt: message.prompt, texts: toTexts(message, buffers), measure: counted });
  }

  watch.dom(start_button, "click", start);
  watch.dom(stop_button, "click", stop);
  watch.dom(cards.el, "click", (event) => {
    const strength = cards.strengthOf(event);
    if (strength !== null) toggle(strength);
  });
  watch.dom(frame.root, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    if (isRunning()) stop();
    else if (model.get("selected_strength") !== null) choose(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  frame.follow(["status"], () => {
    if (model.get("status").state !== "busy") requests.forget();
    drawActions();
  });
  frame.follow(["selected_strength"], drawChoice);
  frame.follow(["feature_name", "d_dict", "strength_limit", "caution"], drawSettings);
  const controls = el("div", { class: "gscope-dose-controls" }, el("div", {}, measure.el, list.el), el("div", {}, numbers.el, name));
  return {
    body: [prompt.el, controls, range.el, caution.el, el("div", { class: "gscope-actions" }, start_button, stop_button, cost, changed),
      empty, result, createGlossary(glossary.feature, glossary.activation, glossary.strength, glossary.perplexity)],
    locks: { prompt: prompt.el, measure: measure.el },
    receive: {
      ack(/** @type {Ack} */ message) {
        requests.answered(message.id);
        drawActions();
      },
      result: drawResult,
      texts: drawTexts,
    },
    draw,
  };
}

export default defineWidget({ name: "DoseSweep", cancellable: false, open: openSweep });
