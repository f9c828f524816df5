import { assign, closest, el } from "./dom.js";

/** @import { BaseTraits } from "../traits.js" */
/** @import { Watch } from "./watch.js" */

/**
 * The lesson that a widget is locked to: lines above the view, what may be chosen, and parts whose controls are disabled,
 * with the reason behind them. All that comes into a `fieldset` later is disabled too.
 * @param {{ read: () => BaseTraits["lesson_view"], choose: (choice: number) => void, watch: Watch }} options
 */
export function createLesson({ read, choose, watch }) {
  const box = el("section", { class: "gscope-lesson", "aria-label": "Your course", tabindex: -1 });
  /** @type {[string, HTMLFieldSetElement][]} */
  let groups = [];
  watch.dom(box, "click", (event) => {
    const button = closest(event, "choice");
    if (!button) return;
    box.focus(); // the button may go
    choose(Number(button.dataset.choice));
  });

  function draw() {
    /** @type {Partial<import("../traits.js").LessonView>} */
    const { lines = [], choices = [], fixed = {} } = read() ?? {};
    box.hidden = lines.length + choices.length === 0;
    box.replaceChildren(...lines.map((words) => el("p", {}, words)),
      ...choices.map((words, at) => el("button", { type: "button", class: "gscope-button", "data-choice": at }, words)));
    for (const [name, group] of groups) {
      group.disabled = name in fixed;
      assign(group, { "aria-description": fixed[name] });
    }
  }
  return {
    el: box,
    draw,
    /** @param {Record<string, HTMLElement>} parts of the view, by the setting whose controls they hold */
    lock(parts) {
      groups = Object.entries(parts).map(([name, part]) => {
        const group = el("fieldset", { class: "gscope-lock" });
        part.replaceWith(group);
        group.append(part);
        return [name, group];
      });
      draw();
    },
  };
}
