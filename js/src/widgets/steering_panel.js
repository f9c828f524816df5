import { createFeatureList, createRunNumbers, createStrength } from "../parts/steering_controls.js";
import { createStreamColumns } from "../parts/stream_columns.js";
import { el, setText } from "../shared/dom.js";
import { openFrame } from "../shared/frame.js";
import { createPerFrame } from "../shared/latest.js";
import { createTextField } from "../shared/text_field.js";
import { plainText } from "../shared/tokens.js";

/** @import { AnyModel, RenderProps } from "@anywidget/types" */
/** @import { SteeringPanelTraits, SteeringSettings, SteeringStream } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */

/** @type {(keyof SteeringSettings)[]} */
const setting_names = ["prompt", "features", "active", "strength", "max_new_tokens", "temperature", "seed"];

/**
 * @param {AnyModel<SteeringPanelTraits>} model
 * @returns {SteeringSettings}
 */
function readSettings(model) {
  return /** @type {any} */ (Object.fromEntries(setting_names.map((name) => [name, model.get(name)])));
}

/**
 * Whether any setting that is known of a run differs from the settings now.
 * @param {Partial<SteeringSettings> | null} run
 * @param {SteeringSettings} now
 */
export function settingsChanged(run, now) {
  if (!run) return false;
  return setting_names.some((name) => run[name] !== undefined && JSON.stringify(run[name]) !== JSON.stringify(now[name]));
}

/**
 * Start and stop as messages with an id, each awaited.
 * @param {AnyModel<any>} model
 * @param {Frame} frame
 */
function createRequests(model, frame) {
  const view = Math.random().toString(36).slice(2, 10);
  let count = 0;
  /** @type {Set<string>} */
  const open = new Set();
  return {
    /**
     * @param {"start" | "stop"} type
     * @param {Record<string, unknown>} [content]
     */
    send(type, content = {}) {
      count += 1;
      const id = `${type}-${count}-${view}`;
      open.add(id);
      frame.status.asked();
      model.send({ type, id, ...content });
    },
    /** @param {string} id */
    answered: (id) => open.delete(id),
    /** @param {string} type */
    isOpen: (type) => [...open].some((id) => id.startsWith(type)),
    forget: () => open.clear(),
  };
}

/**
 * @param {AnyModel<SteeringPanelTraits>} model
 * @param {HTMLElement} holder
 */
function openPanel(model, holder) {
  const frame = openFrame({ model, holder, title: "Steering panel", cancellable: false });
  const { watch } = frame;
  const requests = createRequests(model, frame);
  const saving = createPerFrame(() => model.save_changes());
  /** @type {Partial<SteeringSettings> | null} */
  let shown_settings = null;

  const prompt = createTextField({
    label: "Prompt", hint: "Ctrl+Enter starts", read: () => plainText(model.get("prompt")), limit: () => model.get("text_limit"),
    onText: (text) => change({ prompt: text }), onSubmit: start, watch,
  });
  const options = { model, watch, change };
  const parts = [createFeatureList(options), createStrength(options)];
  const numbers = createRunNumbers(options);
  const columns = createStreamColumns();
  const start_button = el("button", { type: "button", class: "gscope-button gscope-primary" }, "Start");
  const stop_button = el("button", { type: "button", class: "gscope-button", title: "Escape" }, "Stop");
  const changed = el("span", { class: "gscope-hint", role: "status" });
  frame.body.append(prompt.el,
    el("div", { class: "gscope-controls" }, ...parts.map((part) => part.el), numbers.el),
    el("div", { class: "gscope-actions" }, start_button, stop_button, changed), columns.el);

  /** @param {Partial<SteeringSettings>} settings */
  function change(settings) {
    for (const name of setting_names) if (settings[name] !== undefined) model.set(name, /** @type {any} */ (settings[name]));
    saving.soon();
    draw();
  }
  function isRunning() {
    return model.get("status").state === "busy" || requests.isOpen("start");
  }
  function start() {
    if (isRunning() || !prompt.commit() || !numbers.commit()) return;
    saving.flush();
    requests.send("start", { settings: readSettings(model) });
    drawActions();
  }
  function stop() {
    if (isRunning() && !requests.isOpen("stop")) requests.send("stop");
    drawActions();
  }
  function drawActions() {
    start_button.disabled = isRunning();
    stop_button.disabled = !isRunning() || requests.isOpen("stop");
    setText(changed, settingsChanged(shown_settings, readSettings(model)) ? "Settings changed since this run." : "");
  }
  function draw() {
    parts.forEach((part) => part.draw());
    numbers.draw();
    drawActions();
  }
  /** @param {SteeringStream} message */
  function drawStream(message) {
    if (columns.draw(message)) shown_settings = message.settings;
  }

  frame.receive((message) => {
    if (message.type === "ack") requests.answered(message.id);
    else if (message.type === "stream") drawStream(message);
    drawActions();
  });
  watch.dom(start_button, "click", start);
  watch.dom(stop_button, "click", stop);
  watch.dom(frame.root, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !isRunning()) return;
    event.preventDefault();
    event.stopPropagation();
    stop();
  });
  watch.model(model, "change:prompt", prompt.pull);
  watch.model(model, "change:status", () => {
    if (model.get("status").state !== "busy") requests.forget();
    drawActions();
  });
  for (const name of [...setting_names, "known", "strength_limit"]) watch.model(model, `change:${name}`, draw);
  watch.onStop(saving.cancel);
  frame.start(() => {});
  draw();
  frame.ready();
  return frame.close;
}

/** @param {RenderProps<any>} props */
function render({ model, el: holder }) {
  return openPanel(model, holder);
}

export default { render };
