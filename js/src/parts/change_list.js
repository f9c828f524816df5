import { createCaution } from "../shared/caution.js";
import { limits } from "../shared/contract.js";
import { assign, el, setText } from "../shared/dom.js";
import { createKeyed } from "../shared/keyed.js";
import { createNote } from "../shared/note.js";
import { createNumberField } from "../shared/number_field.js";
import { createChangeRow } from "./change_row.js";
import { infoOf, keysOf, nameDirection } from "./changes.js";
import { createPresetBar } from "./preset_bar.js";
import { createTokenPainter } from "./token_painter.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { ChangeRange, ChangeState, FeatureSlidersTraits, OwnDirection, SteeringPanelTraits } from "../traits.js" */
/** @import { createSettings } from "../shared/settings.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { Kind, Row } from "./change_row.js" */

/** @typedef {ReturnType<typeof createSettings<any, "changes">>} Edits */
/** @typedef {Record<string, ChangeRange>} Ranges */

/** @type {ChangeRange} */
const plain_range = { min: -1, max: 1, step: 0.01, rest: 0, unit: "", least: -100, most: 100 };

/**
 * A direction can be nothing but added.
 * @param {{ kind: Kind, amount: number, on: boolean }} fresh
 */
function asAdded({ kind, amount, on }) {
  return { kind: /** @type {Kind} */ ("add"), amount: kind === "add" ? amount : 0, on };
}

/** @param {KeyboardEvent} event */
function isUndo(event) {
  const typing = event.target instanceof HTMLElement && event.target.matches("textarea, input[type=text]");
  return !typing && event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
}

/**
 * A feature by its number, or a direction of one's own by its name, to be changed too.
 * @param {{ watch: Watch, onAdd: (ref: number | string) => string }} options `onAdd` gives a sentence where it refuses
 */
function createAdding({ watch, onAdd }) {
  const note = createNote();
  const field = createNumberField({ label: "Feature number", inside: true, mode: "numeric", read: () => "", refuse: () => "", onNumber: () => {}, say: () => {}, watch });
  field.input.placeholder = "feature number";
  const add = el("button", { type: "button", class: "gscope-button" }, "Add a change");
  function take() {
    const typed = field.input.value.trim();
    if (!/^\d+$/.test(typed)) {
      note.say(`A feature is a whole number, got ${typed || "nothing"}.`);
      return;
    }
    const sentence = onAdd(Number(typed));
    note.say(sentence);
    if (!sentence) field.input.value = "";
  }
  watch.dom(add, "click", take);
  watch.dom(field.input, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") take();
  });
  const choice = el("select", { "aria-label": "Direction of your own" });
  const add_own = el("button", { type: "button", class: "gscope-button" }, "Add a direction");
  const own = el("span", { class: "gscope-actions", hidden: true }, choice, add_own);
  watch.dom(add_own, "click", () => note.say(onAdd(choice.value)));
  /** @type {OwnDirection[] | null} */
  let drawn = null;
  return {
    els: [field.el, add, own],
    note: note.el,
    /** @param {OwnDirection[]} directions that Python has handed in */
    draw(directions) {
      if (directions === drawn) return;
      drawn = directions;
      const before = choice.value;
      choice.replaceChildren(...directions.map((one) => el("option", { value: one.id }, nameDirection(one))));
      if (directions.some(({ id }) => id === before)) choice.value = before;
      own.hidden = directions.length === 0;
    },
  };
}

/**
 * All changes of a widget, each with its switch, kind, value and positions; ranges are painted on the text's tokens.
 * @param {{
 *   model: AnyModel<FeatureSlidersTraits> | AnyModel<SteeringPanelTraits>, frame: Frame, edits: Edits, generates: boolean,
 *   fresh: () => { kind: Kind, amount: number, on: boolean }, natural?: () => ({ last: number, peak: number } | null)[],
 *   buttons?: Node[],
 * }} options `generates` says whether tokens are made, that can be changed too; `fresh` how a new change begins
 */
export function createChangeList({ model, frame, edits, generates, fresh, natural = () => [], buttons = [] }) {
  const { watch } = frame;
  const any = /** @type {AnyModel<any>} */ (model);
  const list = el("ul", { class: "gscope-rows", "aria-label": "Changes" });
  const caution = createCaution(any);
  const notice = el("p", { class: "gscope-caution", role: "status", hidden: true });
  const undo = el("button", { type: "button", class: "gscope-button", title: "Ctrl+Z" }, "Undo");
  /** @type {string | null} */
  let painted = null; // the key of the change whose tokens are being painted
  /** @type {Map<string, ReturnType<typeof createChangeRow>>} */
  const drawn = new Map();
  /** @type {Map<string, Ranges>} */
  let ranges = new Map();

  /** @returns {ChangeState[]} */
  const now = () => edits.now.changes;
  /** @param {string} key */
  const placeOf = (key) => keysOf(now()).indexOf(key);
  /**
   * @param {string} key
   * @param {Partial<ChangeState>} news
   * @param {string} [gesture]
   */
  function set(key, news, gesture) {
    const at = placeOf(key);
    if (at >= 0) edits.change({ changes: now().map((old, index) => (index === at ? { ...old, ...news } : old)) }, gesture);
  }
  /**
   * @param {string} key
   * @param {Kind} kind
   */
  function rangeOf(key, kind) {
    return ranges.get(key)?.[kind] ?? plain_range;
  }
  /** @param {string} key */
  function actionsOf(key) {
    /** @type {Partial<Record<Kind, number>>} */
    const kept = {};
    const change = () => now()[placeOf(key)];
    return {
      slide: (/** @type {number} */ amount) => set(key, { amount, on: true }, `slide ${key}`),
      release: edits.endGesture,
      enter: (/** @type {number | null} */ amount) => set(key, amount === null ? { on: false } : { amount, on: true }),
      turn: (/** @type {boolean} */ on) => set(key, { on }),
      kind(/** @type {Kind} */ kind) {
        const { kind: before, amount } = change();
        kept[before] = amount;
        set(key, { kind, amount: kept[kind] ?? rangeOf(key, kind).rest, unit: "fraction" });
      },
      positions(/** @type {any} */ positions) {
        if (positions === "painted") paint(key);
        else set(key, { positions });
      },
      paint: () => paint(painted === key ? null : key),
      remove: () => edits.change({ changes: now().filter((_, index) => index !== placeOf(key)) }),
    };
  }
  /** @param {string | null} key */
  function paint(key) {
    const left = painted;
    painted = key;
    draw();
    if (key !== null) painter.focus();
    else if (left !== null) drawn.get(left)?.paint.focus();
  }
  const painter = createTokenPainter({
    watch, read: () => any.get("prompt_tokens"), onEnd: edits.endGesture, onClose: () => paint(null),
    onSpan(start, stop) {
      const text = any.get("prompt_tokens").tokens.slice(start, stop).join("");
      if (painted !== null) set(painted, { positions: { start, stop, text } }, `paint ${painted}`);
    },
  });
  const adding = createAdding({
    watch,
    onAdd(ref) {
      if (now().length >= limits.changes) return `At most ${limits.changes} changes are made at once; remove one first.`;
      const { kind, amount, on } = typeof ref === "string" ? asAdded(fresh()) : fresh();
      edits.change({ changes: [...now(), { ref, kind, amount, unit: "fraction", positions: "all", on }] });
      return "";
    },
  });
  const presets = createPresetBar({ model, frame, read: now, apply: (changes) => edits.change({ changes }) });
  const rows = createKeyed(list, {
    keyOf: (/** @type {Row} */ { item }) => item.key,
    create({ item }) {
      const is_direction = typeof item.change.ref === "string";
      const row = createChangeRow({ info: item.info, actions: actionsOf(item.key), generates, startedAs: (kind) => kind === "add" || !is_direction });
      drawn.set(item.key, row);
      return {
        el: row.el, draw: row.draw,
        end() {
          row.end();
          drawn.delete(item.key);
        },
      };
    },
  });

  function draw() {
    const keys = keysOf(now());
    const told = keysOf(any.get("changes"));
    ranges = new Map(any.get("ranges").map((/** @type {Ranges} */ entry, /** @type {number} */ at) => [told[at], entry]));
    if (painted !== null && !keys.includes(painted)) painted = null;
    const own = natural();
    const items = now().map((change, at) => ({ change, key: keys[at], info: infoOf(change.ref, any.get("known"), any.get("directions")) }));
    rows.draw(items.map((item, at) => ({ item, range: rangeOf(item.key, item.change.kind), natural: own[at] ?? null, paints: item.key === painted })));
    const marks = items.flatMap(({ change: { positions } }, at) => (typeof positions === "string" ? [] : [{ number: at + 1, span: positions }]));
    const at = painted === null ? -1 : keys.indexOf(painted);
    painter.draw(marks, at < 0 ? null : { name: items[at].info.name, number: at + 1 });
    assign(list, { "data-single": items.length === 1 ? "" : null });
    caution.draw(items.some(({ change, key }) => change.kind === "add" && rangeOf(key, "add").max > limits.coherent_strength));
    notice.hidden = any.get("notice") === "";
    setText(notice, any.get("notice"));
    adding.draw(any.get("directions"));
    undo.disabled = !edits.canUndo();
  }
  const box = el("section", { class: "gscope-changes", "aria-label": "Changes to the model" },
    list, painter.el, notice, caution.el, el("div", { class: "gscope-actions" }, ...adding.els, undo, ...buttons), adding.note, presets.el);
  watch.dom(undo, "click", edits.undo);
  watch.dom(box, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (!isUndo(event)) return;
    event.preventDefault();
    event.stopPropagation();
    edits.undo();
  });
  watch.onStop(() => rows.draw([]));
  return {
    el: box,
    draw,
    clearNotes: () => drawn.forEach((row) => row.clearNote()),
  };
}
