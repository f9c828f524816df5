import { assign, createButton, el, setText } from "./dom.js";
import { createPatience } from "./latest.js";

/** @import { Status } from "../traits.js" */
/** @import { Kernel } from "./kernel.js" */
/** @import { Watch } from "./watch.js" */

const late_ms = 1000;
const silent_ms = 8000;
const elapsed_from_s = 2;
const cure = "Run this notebook from the top.";
const words = {
  waiting: "Waiting for the kernel",
  busy: "Waiting: the kernel runs a cell",
  silent: `No kernel answers. ${cure}`,
  away: "The kernel is out of reach",
  ended: `The kernel ended. ${cure}`,
  gone: `The kernel was restarted. ${cure}`,
};
const passing = /wait|busy|away/; // while these are said, nothing is lost yet

/** @typedef {keyof typeof words | ""} Silence */
/** @typedef {{ tone: "quiet" | "busy" | "error", text: string, progress: number | null, detail?: string }} Strip */

/**
 * What the strip says: the kernel's silence first, then what went wrong here, then its status.
 * @param {Status} status
 * @param {Silence} silence
 * @param {string} fault
 * @param {string} [first] what to do before the notebook is run again
 * @returns {Strip}
 */
export function describe(status, silence, fault, first = "") {
  if (silence) {
    const is_passing = passing.test(silence);
    const text = is_passing || !first ? words[silence] : words[silence].replace(cure, `${first} ${cure}`);
    return { tone: is_passing ? "busy" : "error", text, progress: null };
  }
  if (fault) return { tone: "error", text: fault, progress: null };
  if (status.state === "busy") {
    return { tone: "busy", text: status.message, progress: status.progress, detail: status.detail };
  }
  return { tone: status.state === "error" ? "error" : "quiet", text: status.message, progress: null };
}

/**
 * @param {{ onCancel: (() => void) | null, watch: Watch }} options
 */
function buildStrip({ onCancel, watch }) {
  const polite = el("span", { role: "status" });
  const urgent = el("span", { role: "alert" });
  // Not in the live region: it changes too often to be read out.
  const detail = el("span", { class: "gscope-hint gscope-status-detail" });
  const progress = el("progress", { "aria-label": "Progress", max: 1, hidden: true });
  const cancel = createButton({ hidden: true }, "Cancel");
  if (onCancel) watch.dom(cancel, "click", onCancel);
  const strip = el("div", { class: "gscope-status", "data-tone": "quiet" }, polite, urgent, progress, detail, cancel);

  /**
   * @param {Strip} shown
   * @param {number} seconds since the work began
   */
  function draw({ tone, text, progress: part, detail: course }, seconds) {
    strip.dataset.tone = tone;
    setText(polite, tone === "error" ? "" : text);
    setText(urgent, tone === "error" ? text : "");
    const elapsed = tone === "busy" && seconds >= elapsed_from_s ? `${seconds} s so far` : "";
    setText(detail, course || elapsed);
    progress.hidden = tone !== "busy";
    if (part === null) progress.removeAttribute("value");
    else progress.value = part;
  }

  /** @param {boolean} possible */
  function allowCancel(possible) {
    assign(cancel, { hidden: !possible || !onCancel });
  }
  return { strip, draw, allowCancel };
}

/**
 * Whether the kernel answers: it has not been heard yet; it does; it did and fell silent; it never did.
 * @typedef {"unheard" | "live" | "silent" | "absent"} Link
 */

/**
 * The line that says what the kernel does, and that notices when it says nothing.
 * @param {{
 *   readStatus: () => Status, kernel: Kernel, onCancel: (() => void) | null, onLink: (link: Link) => void, watch: Watch,
 *   aid: HTMLElement, onFault: (sentence: string | null) => void,
 * }} options `aid` stands beside the sentence; `onFault` gets what went wrong on this side, null where the kernel's status holds
 */
export function createStatus({ readStatus, kernel, onCancel, onLink, watch, aid, onFault }) {
  const { strip, draw, allowCancel } = buildStrip({ onCancel, watch });
  strip.append(aid);
  let silence = /** @type {Silence} */ ("");
  let link = /** @type {Link} */ ("unheard");
  let awaited = /** @type {"" | "late" | "silent"} how long an answer has not come */ ("");
  let is_lost = false; // what the kernel held of this view
  let fault = "";
  let readFirst = () => "";
  let followed = -1; // the request that is under way
  let began = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let ticks;

  /** @param {Status} status */
  function keepTime({ state, request }) {
    const next = state === "busy" && link === "live" ? request : -1;
    if (next >= 0 && next === followed) return;
    clearInterval(ticks);
    ticks = undefined;
    followed = next;
    began = Date.now();
    if (next >= 0) ticks = setInterval(update, 1000);
  }
  function update() {
    const status = readStatus();
    keepTime(status);
    const shown = describe(status, silence, fault, readFirst());
    draw(shown, Math.floor((Date.now() - began) / 1000));
    onFault(silence || fault ? (shown.tone === "error" ? shown.text : "") : null);
    allowCancel(status.state === "busy" && link === "live");
  }
  /**
   * @param {Silence} next
   * @param {Link} next_link
   */
  function become(next, next_link) {
    silence = next;
    if (next_link !== link) onLink(next_link);
    link = next_link;
    update();
  }
  function judge() {
    const state = kernel.read();
    const was_heard = link === "live" || link === "silent";
    const is_down = state === "starting" || state === "ended";
    if (is_down && was_heard) is_lost = true;
    if (silence === "busy" && state !== "busy") {
      awaited = "";
      patience.stop();
      patience.start();
    }
    if (!was_heard) {
      if (is_lost || awaited === "silent" || (awaited && is_down)) become("silent", "absent");
      else if (awaited) become("waiting", link);
    } else if (is_lost) become(state === "ended" ? "ended" : "gone", "silent");
    else if (state === "away") become("away", link);
    else if (!awaited) become("", "live");
    else if (state === "busy") become("busy", link);
    else if (awaited === "late") become("waiting", link);
    else become("silent", "silent");
  }
  /** @param {"late" | "silent"} how_long */
  function miss(how_long) {
    awaited = how_long;
    judge();
  }
  const patience = createPatience({ late_ms, silent_ms, onLate: () => miss("late"), onSilent: () => miss("silent") });
  watch.onStop(patience.stop);
  watch.onStop(() => clearInterval(ticks));
  update();

  return {
    el: strip,
    update,
    /** The host has said something of the kernel. */
    judge,
    /** Whether it is known that no message would arrive. */
    isGone: () => is_lost,
    /** A request went out and is not yet answered. */
    asked() {
      if (!is_lost) patience.start();
    },
    /** The kernel showed that it lives. */
    answered() {
      patience.stop();
      awaited = "";
      is_lost = false;
      become("", "live");
    },
    /** The widget's line to the kernel is closed. */
    gone() {
      patience.stop();
      is_lost = true;
      judge();
    },
    /** @param {() => string} read what to do first where all is to be run again, a sentence; empty for nothing */
    urge(read) {
      readFirst = read;
    },
    /** @param {string} sentence what went wrong in the view itself; empty once it is mended */
    fail(sentence) {
      fault = sentence;
      update();
    },
  };
}
