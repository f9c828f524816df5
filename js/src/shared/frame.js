import { faultText, findFault } from "./contract.js";
import { createCopyCover } from "./copy.js";
import { el, setText } from "./dom.js";
import { followKernel } from "./kernel.js";
import { createNewest } from "./latest.js";
import { createKeep } from "./keep.js";
import { createLesson } from "./lesson.js";
import { isSame } from "./settings.js";
import { createStatus } from "./status.js";
import { followTerms } from "./term.js";
import { followTheme } from "./theme.js";
import { createTrouble } from "./trouble.js";
import { createWatch } from "./watch.js";
import { joinPieces } from "./wire.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { BaseTraits } from "../traits.js" */
/** @import { Agreement } from "./contract.js" */
/** @import { Theme } from "./theme.js" */

/** @typedef {ReturnType<typeof openFrame>} Frame */

/**
 * Keys that JupyterLab must not see: its command mode takes single ones (x cuts the cell), and from
 * the Ctrl key on it takes a text field's undo for the notebook's. Ctrl+S and its like stay its own.
 * @param {KeyboardEvent} event
 */
function isOwnKey({ ctrlKey, metaKey, altKey, key }) {
  return !(ctrlKey || metaKey || altKey) || /^([acvxyzZ]|Control|Meta|Shift|Alt)$/.test(key);
}

/**
 * What is wrong with a message, as a sentence; empty where it is as agreed.
 * @param {Agreement} agreement
 * @param {any} message
 */
function refuseMessage({ to_page }, message) {
  const kind = message?.type;
  if (typeof kind !== "string" || !Object.hasOwn(to_page, kind)) {
    return faultText("A message from the kernel", { path: "type", wanted: `one of ${Object.keys(to_page).join(", ")}`, found: kind ?? null });
  }
  return faultText(`The kernel's ${kind} message`, findFault(to_page[kind].schema, message));
}

/**
 * What all views share: root, header, status strip, footer, theme, and the check of what comes in.
 * @param {{ model: AnyModel<any>, holder: HTMLElement, agreement: Agreement, cancellable: boolean }} options
 */
export function openFrame({ model, holder, agreement, cancellable }) {
  /** @type {AnyModel<BaseTraits>} */
  const base = model;
  const { title, traits } = agreement;
  const watch = createWatch();
  const newest = createNewest();
  const badge = el("span", { class: "gscope-badge" });
  const footer = el("footer", { class: "gscope-footer" });
  const body = el("div", { class: "gscope-body" });
  /** @type {Map<string, (sentence: string) => void>} fields that say themselves what is refused, by the setting's name */
  const fields = new Map();
  const trouble = createTrouble({ ask: askAgain, watch });
  const status = createStatus({
    readStatus,
    aid: trouble.el,
    onFault: showTrouble,
    kernel: followKernel(model, watch, () => status.judge()),
    onCancel: cancellable ? () => send({ type: "cancel" }) : null,
    onLink: showLink,
    watch,
  });
  const keep = createKeep({ title, send, watch });
  const lesson = createLesson({ read: () => base.get("lesson_view"), choose: (choice) => send({ type: "step", choice }), watch });
  const root = el(
    "div",
    { class: "gscope gscope-live", role: "group", "aria-label": title, "data-version": base.get("version"), "data-link": "unheard" },
    el("header", { class: "gscope-header" }, el("h3", { class: "gscope-title" }, title), badge),
    lesson.el, body, status.el, keep.el, footer,
  );
  followTerms(root, watch);
  const copies = createCopyCover(root, base.get("copy_id"));

  /** What a field says, the strip leaves out. */
  function readStatus() {
    const now = base.get("status");
    if (!fields.has(base.get("refused"))) return now;
    return now.state === "error" ? { ...now, state: /** @type {const} */ ("idle"), message: "Not taken; what is shown is as before." } : { ...now, message: "" };
  }
  /** @param {string | null} fault of the page, which needs no kernel to be passed on; null: the kernel knows */
  function showTrouble(fault) {
    const details = `${fault}\n${title}, gscope-widgets ${base.get("version")}\n${base.get("footer")}`;
    const told = base.get("status").state === "error" ? base.get("trouble") : null;
    trouble.draw(fault === null ? told : fault ? { details, code: "", again: false } : null);
  }
  function askAgain() {
    status.asked();
    send({ type: "again", state: {} });
  }
  /**
   * @param {(sentence: string) => void} say
   * @param {string} name
   */
  function tellField(say, name) {
    say(name === base.get("refused") ? base.get("status").message : "");
  }
  /** @param {import("./status.js").Link} link */
  function showLink(link) {
    root.dataset.link = link;
    if (link === "live") copies.cover();
    else copies.uncover();
  }
  function drawNames() {
    setText(badge, base.get("badge"));
    setText(footer, base.get("footer"));
  }
  /**
   * @param {string} name
   * @returns {string} what is wrong with a trait; empty where it is as agreed
   */
  function refuseTrait(name) {
    return faultText(name, findFault(traits[name].schema, model.get(name)));
  }
  /**
   * Calls a handler when one of some traits changed to a value as agreed; another becomes a sentence.
   * @param {string[]} names
   * @param {() => void} handler
   */
  function follow(names, handler) {
    for (const name of names) {
      watch.model(model, `change:${name}`, () => {
        const sentence = refuseTrait(name);
        status.fail(sentence);
        if (!sentence) handler();
      });
    }
  }
  /**
   * Sends what can arrive: of a kernel that ended, the hosts' own lines raise errors.
   * @param {() => void} act
   */
  function attempt(act) {
    if (status.isGone()) return;
    try {
      act();
    } catch {
      status.gone();
    }
  }
  /** @param {object} message */
  function send(message) {
    attempt(() => base.send(message));
  }
  /** Asks for the last result; Python answers every view, one without a result too. */
  function ready() {
    status.asked();
    send({ type: "ready" });
  }
  /** @param {Record<string, unknown>} settings that ask for no work */
  function tell(settings) {
    for (const [name, value] of Object.entries(settings)) model.set(name, value);
    attempt(() => base.save_changes());
  }
  drawNames();
  follow(["badge", "footer"], drawNames);
  follow(["status", "refused", "trouble"], () => {
    fields.forEach(tellField);
    status.answered();
  });
  watch.model(model, "comm_live_update", (live) => (live === true ? status.answered() : status.gone()));
  watch.dom(root, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (isOwnKey(event)) event.stopPropagation();
  });
  holder.append(root);

  return {
    root, body, status, watch, follow, ready, send, tell,
    /** @param {HTMLElement[]} parts stand above the strip, which stands above the body */
    putFields(parts) {
      body.before(el("div", { class: "gscope-fields" }, ...parts), status.el);
    },
    /**
     * Lets a field say beside itself why its setting is not taken.
     * @param {string} name the setting
     * @param {(sentence: string) => void} say called with an empty sentence where it is
     */
    sayRefused(name, say) {
      fields.set(name, say);
      tellField(say, name);
      status.update();
    },
    /**
     * Parts of the view that a lesson can lock, each by the setting whose controls it holds.
     * @param {Record<string, HTMLElement>} parts
     */
    lock(parts) {
      lesson.lock(parts);
      follow(["lesson_view"], lesson.draw);
    },
    theme: () => /** @type {Theme} */ (root.dataset.theme),
    /** @returns {boolean} whether all traits are as agreed; if not, the view says which is not */
    checkTraits() {
      const sentence = Object.keys(traits).map(refuseTrait).find(Boolean) ?? "";
      status.fail(sentence);
      return sentence === "";
    },
    /** @param {() => void} onTheme */
    start(onTheme) {
      followTheme(root, holder, watch, onTheme);
    },
    /**
     * Draws what the kernel sends; a message that is not as agreed, or cannot be drawn, becomes a sentence.
     * @param {Record<string, (message: any, buffers: DataView[]) => void>} kinds what draws a message, by its type
     */
    receive(kinds) {
      /** @type {typeof kinds} */
      const draws = { ...kinds, kept: keep.draw };
      /** @type {DataView[]} */
      let pieces = [];
      watch.model(model, "msg:custom", (message, buffers) => {
        status.answered();
        const sentence = refuseMessage(agreement, message);
        if (sentence) {
          status.fail(sentence);
          return;
        }
        if (message.type === "piece") {
          pieces = [...(message.index ? pieces : []), ...buffers];
          status.fail("");
          return;
        }
        if (message.request !== undefined && !newest.accept(message.request)) return;
        try {
          const packed = message.pieces ? joinPieces(message.arrays, pieces.splice(0)) : buffers ?? [];
          draws[message.type]?.(message, packed);
          status.fail("");
        } catch (error) {
          status.fail(`The answer could not be drawn: ${error instanceof Error ? error.message : error}`);
        }
      });
    },
    /**
     * Sends settings that the kernel will work on. Those that it was sent before go out once more, to be tried again
     * where they failed: a patch of state would carry changes alone.
     * @param {Record<string, unknown>} settings
     */
    ask(settings) {
      const news = Object.entries(settings).filter(([name, value]) => !isSame(value, model.get(name)));
      status.asked();
      if (news.length === 0) send({ type: "again", state: settings });
      else tell(Object.fromEntries(news));
    },
    close() {
      watch.stop();
      root.remove();
    },
  };
}
