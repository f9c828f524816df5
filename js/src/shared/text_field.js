import { assign, el, hasFocus, setText } from "./dom.js";
import { createPause } from "./latest.js";
import { createNote } from "./note.js";
import { isSame } from "./settings.js";
import { createTextArea } from "./text_area.js";
import { createWatch } from "./watch.js";

/** @import { Message, Text } from "../traits.js" */
/** @import { Watch } from "./watch.js" */

/** @typedef {ReturnType<typeof createTextArea>} Area */

const pause_ms = 350;
const button = { type: "button", class: "gscope-button gscope-quiet" };

/** @param {Text} text */
function rolesOf(text) {
  return typeof text === "string" ? null : text.map(({ role }) => role);
}

/** @param {Message[]} turns */
function nextRole(turns) {
  const answering = turns.findLast(({ role }) => role !== "user" && role !== "system")?.role ?? "assistant";
  return turns.at(-1)?.role === "user" ? answering : "user";
}

/** @param {Text} text */
function lengthOf(text) {
  return (typeof text === "string" ? [text] : text.map(({ content }) => content)).reduce((sum, part) => sum + Array.from(part).length, 0);
}

/**
 * Says that another view or Python changed the text while it was being typed here, and lets the reader choose.
 * @param {Watch} watch
 * @param {{ take: () => void, keep: () => void }} choices
 */
function createClash(watch, { take, keep }) {
  const take_button = el("button", button, "Show the other text");
  const keep_button = el("button", button, "Keep this one");
  const words = el("span", { role: "status" });
  const box = el("span", { class: "gscope-clash", hidden: true }, words, take_button, keep_button);
  watch.dom(take_button, "click", take);
  watch.dom(keep_button, "click", keep);
  return {
    el: box,
    /** @param {boolean} clashes */
    show(clashes) {
      box.hidden = !clashes;
      setText(words, clashes ? "Changed elsewhere meanwhile." : "");
    },
  };
}

/**
 * A text, or the turns of a chat, sent after a pause in typing; Python and other views may set it while nobody
 * types here.
 * @param {{
 *   label: string, hint?: string, read: () => Text, limit: () => number,
 *   onText: (text: Text) => void, onSubmit?: () => void, watch: Watch,
 * }} options `onSubmit` is called on Ctrl+Enter, after the text is sent; without it, that sends the same text again
 */
export function createTextField({ label, hint, read, limit, onText, onSubmit, watch }) {
  const note = createNote(hint);
  const editor = el("div", { class: "gscope-editor" });
  const clash = createClash(watch, { take: () => take(read()), keep: () => sendNow() });
  let sent = read();
  let is_typed = false;
  let too_long = "", refused = "";
  /** @type {(string | null)[]} */
  let roles = [];
  /** @type {Area[]} */
  let areas = [];
  let inner = createWatch();
  const pause = createPause(() => commit(), pause_ms);

  /** @returns {Text} a turn that was added counts from its first character on */
  function value() {
    if (roles[0] === null) return areas[0].read();
    const turns = areas.map((area, at) => ({ role: roles[at] ?? "", content: area.read() }));
    const known = typeof sent === "string" ? 0 : sent.length;
    return turns.filter(({ content }, at) => content !== "" || at < known);
  }
  /**
   * @param {boolean} [again] whether a text that was sent before goes out once more
   * @returns {boolean} whether the text in the field could be sent
   */
  function commit(again = false) {
    pause.cancel();
    const text = value();
    const length = lengthOf(text);
    too_long = length > limit() ? `The text may have ${limit()} characters, got ${length}; the last shorter text is still shown.` : "";
    say();
    if (too_long) return false;
    if (again || !isSame(text, sent)) send(text);
    return true;
  }
  function say() {
    const sentence = too_long || refused;
    note.say(sentence);
    for (const { area } of areas) assign(area, { "aria-invalid": sentence ? "true" : null, "aria-description": sentence || null });
  }
  /** @param {Text} text */
  function send(text) {
    sent = text;
    clash.show(false);
    onText(text);
  }
  function sendNow() {
    pause.cancel();
    send(value());
  }
  /** @param {Text} text */
  function take(text) {
    pause.cancel();
    sent = text;
    is_typed = false;
    clash.show(false);
    too_long = "";
    draw(text);
    say();
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  const createArea = (name, text) => createTextArea({
    label: name, text, watch: inner,
    onInput(isComposing) {
      is_typed = true;
      if (isComposing) pause.cancel();
      else pause.later();
    },
    onLeave() {
      pause.flush();
      is_typed = false;
    },
    onEnter: () => commit(!onSubmit) && onSubmit?.(),
  });
  /**
   * @param {Message[]} turns
   * @param {number} at
   */
  function removeTurn(turns, at) {
    rebuild(turns.filter((_, other) => other !== at));
    sendNow();
    areas[Math.min(at, areas.length - 1)].area.focus();
  }
  /** @param {Message[]} turns */
  function addTurn(turns) {
    rebuild([...turns, { role: nextRole(turns), content: "" }]);
    areas.at(-1)?.area.focus();
  }
  const turnsNow = () => areas.map((area, at) => ({ role: roles[at] ?? "", content: area.read() }));

  /**
   * @param {string} role
   * @param {number} at
   * @param {boolean} is_only
   */
  function drawTurn(role, at, is_only) {
    const name = `turn ${at + 1}, ${role}`;
    const remove = el("button", { ...button, "aria-label": `Remove ${name}`, title: "Remove this turn", disabled: is_only }, "\u00d7");
    inner.dom(remove, "click", () => removeTurn(turnsNow(), at));
    return el("div", { class: "gscope-turn", role: "group", "aria-label": name },
      el("div", { class: "gscope-turn-head" }, el("span", { class: "gscope-role" }, role), remove), areas[at].area);
  }
  /** @param {Text} text */
  function rebuild(text) {
    inner.stop();
    inner = createWatch();
    if (typeof text === "string") {
      roles = [null];
      areas = [createArea(label, text)];
      editor.replaceChildren(areas[0].area);
      return;
    }
    roles = text.map(({ role }) => role);
    areas = text.map(({ role, content }, at) => createArea(`${label}, turn ${at + 1}, ${role}`, content));
    const add = el("button", button, `Add ${nextRole(text)} turn`);
    inner.dom(add, "click", () => addTurn(turnsNow()));
    editor.replaceChildren(...text.map(({ role }, at) => drawTurn(role, at, text.length === 1)), add);
  }
  /** @param {Text} text */
  function draw(text) {
    const same = isSame(rolesOf(text) ?? [null], roles);
    if (!same) rebuild(text);
    const contents = typeof text === "string" ? [text] : text.map(({ content }) => content);
    areas.forEach((area, at) => area.write(contents[at]));
  }
  rebuild(sent);
  watch.onStop(pause.cancel);
  watch.onStop(() => inner.stop());

  return {
    el: el("div", { class: "gscope-field" },
      el("span", { class: "gscope-label" }, label), editor, el("div", { class: "gscope-field-line" }, note.el, clash.el)),
    commit,
    /** @param {string} sentence why the kernel does not take the text; empty where it does */
    refuse(sentence) {
      refused = sentence;
      say();
    },
    /** Takes up a text set elsewhere; one that is being typed here stays, and the field says so. */
    pull() {
      const text = read();
      if (isSame(text, sent)) {
        clash.show(false);
        return;
      }
      const typing = is_typed && hasFocus(editor);
      if ((typing || pause.isPending()) && !isSame(text, value())) clash.show(true);
      else take(text);
    },
  };
}
