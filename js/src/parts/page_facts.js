import { detectHost } from "../shared/theme.js";

const browsers = /** @type {[string, RegExp][]} */ ([
  ["Edge", /Edg\/(\d+)/], ["Opera", /OPR\/(\d+)/], ["Firefox", /Firefox\/(\d+)/], ["Chrome", /Chrome\/(\d+)/],
  ["Safari", /Version\/(\d+).*Safari/],
]);

/** @param {string} agent what the browser calls itself */
export function nameBrowser(agent) {
  for (const [name, pattern] of browsers) {
    const found = pattern.exec(agent);
    if (found) return `${name} ${found[1]}`;
  }
  return "";
}

/**
 * What the page is like, as only the view can tell.
 * @param {{ model: any, root: HTMLElement, theme: "light" | "dark" }} options
 */
export function readPage({ model, root, theme }) {
  return {
    host: detectHost(root),
    theme,
    browser: nameBrowser(globalThis.navigator?.userAgent ?? ""),
    width_px: Math.round(root.getBoundingClientRect().width),
    is_styled: getComputedStyle(root).getPropertyValue("--ground").trim() !== "",
    has_manager: typeof model.widget_manager?.get_model === "function",
  };
}
