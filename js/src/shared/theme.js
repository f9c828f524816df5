import { followPrint } from "./print.js";

/** @import { Watch } from "./watch.js" */

/** @typedef {"light" | "dark"} Theme */

/** @param {Element} el */
function jupyterTheme(el) {
  const holder = el.closest("[data-jp-theme-light]") ?? document.querySelector("body[data-jp-theme-light]");
  if (!holder) return null;
  return holder.getAttribute("data-jp-theme-light") === "false" ? "dark" : "light";
}

function colabTheme() {
  const theme = document.documentElement.getAttribute("theme");
  return theme === "dark" || theme === "light" ? theme : null;
}

function codeTheme() {
  const kind = `${document.body.className} ${document.body.dataset.vscodeThemeKind ?? ""}`;
  if (/vscode-(light|high-contrast-light)/.test(kind)) return "light";
  return /vscode-(dark|high-contrast)/.test(kind) ? "dark" : null;
}

/**
 * The first painted ground at or above the element: dark or light.
 * @param {Element} el
 * @returns {Theme}
 */
function groundTheme(el) {
  for (let node = /** @type {Element | null} */ (el); node; node = node.parentElement) {
    const [r, g, b, alpha = 1] = (getComputedStyle(node).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
    if (b !== undefined && alpha > 0.5) return 0.2126 * r + 0.7152 * g + 0.0722 * b < 128 ? "dark" : "light";
  }
  return "light";
}

/**
 * The host's theme, not the system's.
 * @param {Element} el where the view hangs
 * @returns {Theme}
 */
export function detectTheme(el) {
  return jupyterTheme(el) ?? colabTheme() ?? codeTheme() ?? groundTheme(el);
}

/**
 * Which host the view hangs in, as far as its theme tells.
 * @param {Element} el where the view hangs
 */
export function detectHost(el) {
  if (jupyterTheme(el)) return "JupyterLab or Notebook";
  if (colabTheme()) return "Colab";
  return codeTheme() ? "VS Code" : "another page";
}

/**
 * Keeps `data-theme` on the root equal to the host's theme, and light on paper.
 * @param {HTMLElement} root
 * @param {Element} holder
 * @param {Watch} watch
 * @param {() => void} onChange
 */
export function followTheme(root, holder, watch, onChange) {
  let is_printed = false;
  const apply = () => {
    const theme = is_printed ? "light" : detectTheme(holder);
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    onChange();
  };
  const observer = new MutationObserver(apply);
  const filter = { attributes: true, attributeFilter: ["class", "theme", "data-jp-theme-light", "data-vscode-theme-kind"] };
  observer.observe(document.body, filter);
  observer.observe(document.documentElement, filter);
  watch.onStop(() => observer.disconnect());
  /** @param {boolean} printed */
  const setPrinted = (printed) => {
    is_printed = printed;
    apply();
  };
  followPrint(watch, { before: () => setPrinted(true), after: () => setPrinted(false) });
  root.dataset.theme = detectTheme(holder);
  // A host may hang the view in the page only after render returns; the ground is known then.
  const frame = requestAnimationFrame(apply);
  watch.onStop(() => cancelAnimationFrame(frame));
}
