/** @import { Watch } from "./watch.js" */

/**
 * What the host says of the kernel: nothing; it is free; it runs something; the page cannot reach it; it begins anew;
 * it ended, by a command or by itself.
 * @typedef {"unknown" | "idle" | "busy" | "away" | "starting" | "ended"} KernelState
 */
/** @typedef {ReturnType<typeof followKernel>} Kernel */

/** @param {any} manager of widgets */
function readState({ kernel, context }) {
  if (kernel === null) return "ended";
  if (/connecting|disconnected/.test(kernel?.connectionStatus)) return "away";
  const status = `${kernel?.status}`;
  if (status.endsWith("starting")) return "starting"; // and restarting, autorestarting
  if (/dead|terminating/.test(status)) return "ended";
  // A kernel with subshells says that it is idle when one of them is.
  if (Array.from(context?.model?.cells ?? []).some((cell) => cell?.executionState === "running")) return "busy";
  return status === "idle" || status === "busy" ? status : "unknown";
}

/**
 * The kernel behind a widget, as the widgets' manager has it in JupyterLab, Notebook 7 and VS Code. It is no part of
 * what anywidget promises: where it is missing (Colab), nothing is known.
 * @param {any} model
 * @param {Watch} watch
 * @param {() => void} onChange called when the host may have something new to say
 */
export function followKernel({ widget_manager: manager = {} }, watch, onChange) {
  // Told of the connection too: the status is unknown without one.
  const signal = (manager.context?.sessionContext ?? manager.kernel)?.statusChanged;
  let is_believed = false; // a host that never had a kernel at work has none to speak of
  /** @returns {KernelState} */
  function read() {
    const state = readState(manager);
    is_believed ||= state === "idle" || state === "busy";
    return is_believed || manager.kernel === null ? state : "unknown";
  }
  read();
  signal?.connect(onChange);
  watch.onStop(() => signal?.disconnect(onChange));
  return { read };
}
