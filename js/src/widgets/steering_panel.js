import { createFeatureList, createRunNumbers, createStrength } from "../parts/steering_controls.js";
import { createStreamColumns } from "../parts/stream_columns.js";
import { agreementOf } from "../shared/contract.js";
import { el, setText } from "../shared/dom.js";
import * as glossary from "../shared/glossary.js";
import { createRequests } from "../shared/requests.js";
import { createSettings, isSame } from "../shared/settings.js";
import { createGlossary } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Ack, SteeringPanelTraits, SteeringSettings, SteeringStream } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */

const setting_names = /** @type {(keyof SteeringSettings)[]} */ (agreementOf("SteeringPanel").settings);

/**
 * @param {{ model: AnyModel<SteeringPanelTraits>, frame: Frame }} inside
 */
function openPanel({ model, frame }) {
  const { watch } = frame;
  const requests = createRequests(model, frame);
  /** @type {ReturnType<typeof createSettings<SteeringPanelTraits, keyof SteeringSettings>>} */
  const settings = createSettings({ model, frame, names: setting_names, send: frame.tell, onChange: draw });
  /** @type {SteeringSettings | null} */
  let shown_settings = null;
  /** @type {Partial<SteeringSettings>} */
  let started_with = {}; // what the last start carried, until a run is in view

  const prompt = createTextField({
    label: "Prompt", hint: "Ctrl+Enter starts", read: () => settings.now.prompt, limit: () => model.get("text_limit"),
    onText: (text) => settings.change({ prompt: text }), onSubmit: start, watch,
  });
  const options = { model, watch, settings };
  const parts = [createFeatureList(options), createStrength(options)];
  const numbers = createRunNumbers(options);
  const columns = createStreamColumns(frame.theme);
  const start_button = el("button", { type: "button", class: "gscope-button gscope-primary" }, "Start");
  const stop_button = el("button", { type: "button", class: "gscope-button", title: "Escape" }, "Stop");
  const changed = el("span", { class: "gscope-hint", role: "status" });

  function isRunning() {
    return model.get("status").state === "busy" || requests.isOpen("start");
  }
  function start() {
    if (isRunning() || !prompt.commit() || !numbers.commit()) return;
    settings.flush();
    started_with = settings.takeChanged();
    requests.send("start", { settings: started_with });
    drawActions();
  }
  function stop() {
    if (isRunning() && !requests.isOpen("stop")) requests.send("stop");
    drawActions();
  }
  function drawActions() {
    start_button.disabled = isRunning();
    stop_button.disabled = !isRunning() || requests.isOpen("stop");
    setText(changed, shown_settings && !isSame(shown_settings, settings.now) ? "Settings changed since this run." : "");
  }
  function draw() {
    prompt.pull();
    parts.forEach((part) => part.draw());
    numbers.draw();
    drawActions();
    columns.reserve(model.get("known").length);
    columns.paint();
  }
  /** @param {SteeringStream} message */
  function drawStream(message) {
    if (columns.draw(message)) {
      started_with = {};
      shown_settings = /** @type {any} */ (Object.fromEntries(setting_names.map((name) => [name, message.settings[name]])));
    }
    drawActions();
  }

  watch.dom(start_button, "click", start);
  watch.dom(stop_button, "click", stop);
  watch.dom(frame.root, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !isRunning()) return;
    event.preventDefault();
    event.stopPropagation();
    stop();
  });
  frame.follow(["status"], () => {
    const { state } = model.get("status");
    if (state !== "busy") requests.forget();
    if (state === "error") {
      settings.giveBack(started_with);
      started_with = {};
    }
    drawActions();
  });
  frame.follow(["known", "strength_limit", "caution"], draw);
  return {
    body: [prompt.el, el("div", { class: "gscope-controls" }, ...parts.map((part) => part.el), numbers.el),
      el("div", { class: "gscope-actions" }, start_button, stop_button, changed), columns.el,
      createGlossary(glossary.feature, glossary.activation, glossary.known_maximum, glossary.strength, glossary.probability)],
    receive: {
      ack(/** @type {Ack} */ message) {
        requests.answered(message.id);
        drawActions();
      },
      stream: drawStream,
    },
    draw,
  };
}

export default defineWidget({ name: "SteeringPanel", cancellable: false, open: openPanel });
