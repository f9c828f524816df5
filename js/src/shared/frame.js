import { createCopyCover } from "./copy.js";
import { el, setText } from "./dom.js";
import { createNewest } from "./latest.js";
import { createStatus } from "./status.js";
import { followTheme } from "./theme.js";
import { createWatch } from "./watch.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { BaseTraits } from "../traits.js" */
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
 * What all views share: root, header, status strip, footer, theme, and the message loop.
 * @param {{ model: AnyModel<any>, holder: HTMLElement, title: string, cancellable: boolean }} options
 */
export function openFrame({ model, holder, title, cancellable }) {
  /** @type {AnyModel<BaseTraits>} */
  const base = model;
  const watch = createWatch();
  const newest = createNewest();
  const badge = el("span", { class: "gscope-badge" });
  const footer = el("footer", { class: "gscope-footer" });
  const body = el("div", { class: "gscope-body" });
  const status = createStatus({
    readStatus: () => base.get("status"),
    onCancel: cancellable ? () => model.send({ type: "cancel" }) : null,
    onLink: showLink,
    watch,
  });
  const root = el(
    "div",
    { class: "gscope gscope-live", role: "group", "aria-label": title, "data-version": base.get("version"), "data-link": "unheard" },
    el("header", { class: "gscope-header" }, el("h3", { class: "gscope-title" }, title), badge),
    body, status.el, footer,
  );
  const copies = createCopyCover(root, base.get("copy_id"));

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
  drawNames();
  watch.model(model, "change:badge", drawNames);
  watch.model(model, "change:footer", drawNames);
  watch.model(model, "change:status", status.answered);
  watch.model(model, "comm_live_update", (live) => (live === true ? status.answered() : status.gone()));
  watch.dom(root, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (isOwnKey(event)) event.stopPropagation();
  });
  holder.append(root);

  return {
    root, body, status, watch,
    theme: () => /** @type {Theme} */ (root.dataset.theme),
    /** @param {() => void} onTheme */
    start(onTheme) {
      followTheme(root, holder, watch, onTheme);
    },
    /**
     * Draws what the kernel sends; a message that cannot be drawn becomes a sentence.
     * @param {(message: any, buffers: DataView[]) => void} draw
     */
    receive(draw) {
      watch.model(model, "msg:custom", (message, buffers) => {
        status.answered();
        if (message.request !== undefined && !newest.accept(message.request)) return;
        try {
          draw(message, buffers ?? []);
          status.fail("");
        } catch (error) {
          status.fail(`The answer could not be drawn: ${error instanceof Error ? error.message : error}`);
        }
      });
    },
    /**
     * Sends settings that the kernel will work on.
     * @param {Record<string, unknown>} settings
     */
    ask(settings) {
      const news = Object.entries(settings).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(model.get(name)));
      if (news.length === 0) return;
      for (const [name, value] of news) model.set(name, value);
      status.asked();
      model.save_changes();
    },
    /**
     * Sends settings that ask for no work.
     * @param {Record<string, unknown>} settings
     */
    tell(settings) {
      for (const [name, value] of Object.entries(settings)) model.set(name, value);
      model.save_changes();
    },
    /** Asks for the last result; Python answers every view, one without a result too. */
    ready() {
      status.asked();
      model.send({ type: "ready" });
    },
    close() {
      watch.stop();
      root.remove();
    },
  };
}
