import { createButton, el, setText } from "../shared/dom.js";
import { defineWidget } from "../shared/widget.js";
import card from "./feature_card.js";
import finder from "./feature_finder.js";
import sliders from "./feature_sliders.js";
import lens from "./logit_lens.js";
import steering from "./steering_panel.js";
import { openHeatmap } from "./token_heatmap.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { SteeringStream, WorkbenchTraits } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */

/** @typedef {"steering" | "finder" | "card" | "sliders" | "lens"} PartName */

/** What a part is called where it is folded. */
const folded = /** @type {const} */ ({
  card: "The feature picked, on a card", sliders: "Next token, with features changed", lens: "Next token, layer by layer",
});
const modules = { steering, finder, card, sliders, lens };

/**
 * A place for a part: a widget of its own, whose view is mounted here once Python has made it.
 * @param {{ model: AnyModel<WorkbenchTraits>, name: PartName, frame: Frame }} options
 */
function createSlot({ model, name, frame }) {
  const opening = el("p", { class: "gscope-empty" }, "Opening\u2026");
  const again = createButton({}, "Open it again");
  const closed = el("p", { class: "gscope-empty" }, "This part was closed. ", again);
  const holder = el("div", { class: "gscope-slot", "data-part": name }, opening);
  let mounted = "";
  let leave = () => {};

  async function mount() {
    const id = model.get("parts")[name] ?? "";
    if (id === mounted) return;
    mounted = id;
    leave();
    leave = () => {};
    holder.replaceChildren(id ? opening : closed);
    if (!id) return;
    const part = /** @type {AnyModel<any>} */ (await model.widget_manager.get_model(id));
    if (mounted !== id) return;
    holder.replaceChildren();
    leave = /** @type {() => void} */ (modules[name].render(/** @type {any} */ ({ model: part, el: holder })));
    onModel(part);
  }
  function open() {
    holder.replaceChildren(opening);
    frame.send({ type: "open", part: name });
  }
  frame.watch.dom(again, "click", open);
  frame.watch.onStop(() => leave());
  /** @type {(part: AnyModel<any>) => void} */
  let onModel = () => {};
  return {
    el: holder,
    mount,
    open,
    /** @param {(part: AnyModel<any>) => void} handler */
    whenMounted(handler) {
      onModel = handler;
    },
  };
}

/**
 * @param {{ model: AnyModel<WorkbenchTraits>, frame: Frame }} inside
 */
function openWorkbench({ model, frame }) {
  const { watch } = frame;
  const heatmap = openHeatmap({ model, frame });
  const slots = {
    steering: createSlot({ model, name: "steering", frame }),
    card: createSlot({ model, name: "card", frame }),
    finder: createSlot({ model, name: "finder", frame }),
    sliders: createSlot({ model, name: "sliders", frame }),
    lens: createSlot({ model, name: "lens", frame }),
  };

  const read = createButton({ disabled: true }, "Read the changed text above");
  const back = createButton({ disabled: true }, "Back to the earlier text");
  const note = el("span", { class: "gscope-summary", role: "status" });
  watch.dom(read, "click", () => {
    frame.send({ type: "read_run", row: "changed" });
    setText(note, "The text above is the prompt with its changed continuation.");
  });
  watch.dom(back, "click", () => {
    frame.send({ type: "back" });
    setText(note, "");
  });
  slots.steering.whenMounted((part) => {
    watch.model(part, "msg:custom", (/** @type {SteeringStream} */ message) => {
      if (message?.type === "stream") read.disabled = message.ended === "";
    });
  });

  function foldedSlots() {
    return /** @type {(keyof typeof folded)[]} */ (Object.keys(folded)).map((name) => {
      const details = el("details", { class: "gscope-fold" }, el("summary", {}, folded[name]), slots[name].el);
      watch.dom(details, "toggle", () => {
        if (details.open && !model.get("parts")[name]) slots[name].open();
      });
      return details;
    });
  }

  function drawParts() {
    for (const slot of Object.values(slots)) {
      slot.mount().catch((error) => frame.status.fail(`A part of the workbench could not be shown: ${error?.message ?? error}`));
    }
    back.disabled = model.get("earlier") === 0;
  }
  frame.follow(["parts", "earlier"], drawParts);

  const reading = el("section", { class: "gscope-bench-reading", "aria-label": "Text and features" }, ...heatmap.body);
  const change = el("section", { class: "gscope-bench-change", "aria-label": "Change" },
    slots.steering.el, el("div", { class: "gscope-bench-turns" }, read, back, note));
  return {
    body: [el("div", { class: "gscope-bench" }, reading, slots.finder.el), change, ...foldedSlots()],
    receive: heatmap.receive, locks: heatmap.locks,
    draw() {
      heatmap.draw();
      drawParts();
    },
  };
}

export default defineWidget({ name: "Workbench", cancellable: true, open: openWorkbench });
