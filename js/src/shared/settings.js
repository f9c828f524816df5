import { limits } from "./contract.js";
import { createPace } from "./latest.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Frame } from "./frame.js" */

const history_length = 100;

/**
 * @param {unknown} one
 * @param {unknown} other
 */
export function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * Earlier settings, newest last; all the steps of one gesture make one entry.
 * @template S
 * @param {() => unknown} about what the settings are of by now: those of something else are not had back
 */
function createHistory(about) {
  /** @type {{ before: S, of: unknown }[]} */
  const entries = [];
  let gesture = "";
  const findLast = () => entries.findLastIndex(({ of }) => isSame(of, about()));
  return {
    /**
     * @param {S} before
     * @param {string} name of the gesture; the same name continues it
     */
    keep(before, name) {
      if (name !== "" && name === gesture) return;
      gesture = name;
      entries.push({ before, of: about() });
      if (entries.length > history_length) entries.shift();
    },
    endGesture() {
      gesture = "";
    },
    back() {
      gesture = "";
      const at = findLast();
      return at < 0 ? undefined : entries.splice(at, 1)[0].before;
    },
    isEmpty: () => findLast() < 0,
  };
}

/**
 * Traits that the reader sets, as the view shows them: what changed goes out in the next frame and then a
 * few times a second (`limits.moves_a_second`), what Python or another view sets comes in, and earlier settings can be had back.
 * @template {Record<string, any>} T all traits
 * @template {keyof T & string} K the names of these
 * @param {{
 *   model: AnyModel<T>, frame: Pick<Frame, "watch" | "follow">, names: K[],
 *   send: (changed: Partial<Pick<T, K>>) => void, onChange: () => void, about?: () => unknown,
 * }} options
 */
export function createSettings({ model, frame, names, send, onChange, about = () => null }) {
  /** @type {ReturnType<typeof createHistory<Pick<T, K>>>} */
  const history = createHistory(about);
  const read = () => /** @type {Pick<T, K>} */ (Object.fromEntries(names.map((name) => [name, model.get(name)])));
  let now = read();
  /** @type {Set<K>} */
  let unsent = new Set();
  /** @type {Set<K>} */
  let touched = new Set();
  /** @param {Iterable<K>} some */
  const pick = (some) => /** @type {Partial<Pick<T, K>>} */ (Object.fromEntries([...some].map((name) => [name, now[name]])));
  const sending = createPace(() => {
    const changed = pick([...unsent].filter((name) => !isSame(now[name], model.get(name))));
    unsent = new Set();
    if (Object.keys(changed).length) send(changed);
  }, 1000 / limits.moves_a_second);

  /** @param {Pick<T, K>} next */
  function become(next) {
    for (const name of names) {
      if (isSame(next[name], now[name])) continue;
      unsent.add(name);
      touched.add(name);
    }
    now = next;
    sending.soon();
    onChange();
  }
  /** Takes up what others set, but for what the reader set in the same frame. */
  function pull() {
    const next = { ...read(), ...pick(unsent) };
    if (isSame(next, now)) return;
    now = next;
    onChange();
  }
  frame.follow(names, pull);
  frame.watch.onStop(sending.cancel);

  return {
    get now() {
      return now;
    },
    /**
     * @param {Partial<Pick<T, K>>} changes
     * @param {string} [gesture] of which this is a step
     */
    change(changes, gesture = "") {
      const next = { ...now, ...changes };
      if (isSame(next, now)) return;
      history.keep(now, gesture);
      become(next);
    },
    undo() {
      const before = history.back();
      if (before) become(before);
    },
    endGesture: history.endGesture,
    canUndo: () => !history.isEmpty(),
    flush: sending.flush,
    /** What the reader of this view changed since this was last asked. */
    takeChanged() {
      const changed = pick(touched);
      touched = new Set();
      return changed;
    },
    /**
     * Takes back what was asked for, where it was refused.
     * @param {Partial<Pick<T, K>>} changed
     */
    giveBack(changed) {
      touched = new Set([...touched, .../** @type {K[]} */ (Object.keys(changed))]);
    },
  };
}
