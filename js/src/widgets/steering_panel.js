import { createChangeList } from "../parts/change_list.js";
import { createRunNumbers } from "../parts/run_numbers.js";
import { createStreamColumns } from "../parts/stream_columns.js";
import { agreementOf } from "../shared/contract.js";
import { el, setText } from "../shared/dom.js";
import * as glossary from "../shared/glossary.js";
import { createRequests } from "../shared/requests.js";
import { createSettings, isSame } from "../shared/settings.js";
import { createGlossary } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { defineWidget } from "../shared/widget.js";
import { unpack } from "../shared/wire.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Ack, SteeringPanelTraits, SteeringScores, SteeringSettings, SteeringStream } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { RunSetting } from "../parts/run_numbers.js" */

// What the page's reader sets; directions come from Python alone.
const run_names = /** @type {(RunSetting | "changes")[]} */ (agreementOf("SteeringPanel").settings.filter((name) => name !== "directions"));
const setting_names = /** @type {RunSetting[]} */ (run_names.filter((name) => name !== "changes"));

/**
 * @param {{ model: AnyModel<SteeringPanelTraits>, frame: Frame }} inside
 */
function openPanel({ model, frame }) {
  const { watch } = frame;
  const requests = createRequests(frame);
  /** @type {ReturnType<typeof createSettings<SteeringPanelTraits, RunSetting>>} */
  const settings = createSettings({ model, frame, names: setting_names, send: frame.tell, onChange: draw });
  /** @type {ReturnType<typeof createSettings<SteeringPanelTraits, "changes">>} */
  const edits = createSettings({ model, frame, names: ["changes"], send: frame.tell, onChange: draw });
  /** @type {SteeringSettings | null} */
  let shown_settings = null;
  /** @type {Partial<SteeringSettings>} */
  let started_with = {}; // what the last start carried, until a run is in view

  const prompt = createTextField({
    label: "Prompt", hint: "Ctrl+Enter starts", read: () => settings.now.prompt, limit: () => model.get("text_limit"),
    onText: (text) => settings.change({ prompt: text }), onSubmit: start, watch,
  });
  frame.sayRefused("prompt", prompt.refuse);
  const changes = createChangeList({
    model, frame, edits, generates: true, fresh: () => ({ kind: "add", amount: 0.3, on: true }),
  });
  const numbers = createRunNumbers({ watch, settings });
  const columns = createStreamColumns({ theme: frame.theme, watch });
  const start_button = el("button", { type: "button", class: "gscope-button gscope-primary" }, "Start");
  const stop_button = el("button", { type: "button", class: "gscope-button", title: "Escape" }, "Stop");
  const changed = el("span", { class: "gscope-hint", role: "status" });

  function isRunning() {
    return model.get("status").state === "busy" || requests.isOpen("start");
  }
  function start() {
    if (isRunning() || !prompt.commit() || !numbers.commit()) return;
    settings.flush();
    edits.flush();
    started_with = { ...settings.takeChanged(), ...edits.takeChanged() };
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
    const now = { ...settings.now, changes: edits.now.changes };
    const is_same = !shown_settings || run_names.every((name) => isSame(shown_settings?.[name], now[name]));
    setText(changed, is_same ? "" : "Settings changed since this run.");
  }
  function draw() {
    prompt.pull();
    changes.draw();
    numbers.draw();
    drawActions();
    columns.reserve(model.get("known").length);
    columns.paint();
  }
  /** @param {SteeringStream} message */
  function drawStream(message) {
    if (columns.draw(message)) {
      started_with = {};
      shown_settings = message.settings;
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
      const { changes: edited, ...rest } = started_with;
      settings.giveBack(rest);
      if (edited) edits.giveBack({ changes: edited });
      started_with = {};
    }
    drawActions();
  });
  frame.follow(["known", "ranges", "caution", "notice", "directions", "prompt_tokens"], draw);
  return {
    body: [prompt.el, el("div", { class: "gscope-controls" }, changes.el, numbers.el),
      el("div", { class: "gscope-actions" }, start_button, stop_button, changed), columns.el,
      createGlossary(glossary.feature, glossary.activation, glossary.known_maximum, glossary.strength, glossary.probability, glossary.perplexity, glossary.kl)],
    receive: {
      ack(/** @type {Ack} */ message) {
        requests.answered(message.id);
        drawActions();
      },
      stream: drawStream,
      scores: (/** @type {SteeringScores} */ message, /** @type {DataView[]} */ buffers) => {
        const { kl, logprobs } = unpack(message.arrays, buffers);
        columns.drawScores(message, { kl: /** @type {Float32Array} */ (kl.data), logprobs: /** @type {Float32Array} */ (logprobs.data) });
      },
    },
    draw, locks: { prompt: prompt.el, changes: changes.el },
  };
}

export default defineWidget({ name: "SteeringPanel", cancellable: false, open: openPanel });
