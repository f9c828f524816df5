/** @import { Frame } from "./frame.js" */

/**
 * Start and stop as messages with an id, each awaited.
 * @param {Pick<Frame, "status" | "send">} frame
 */
export function createRequests(frame) {
  const view = Math.random().toString(36).slice(2, 10);
  let count = 0;
  /** @type {Set<string>} */
  const open = new Set();
  return {
    /**
     * @param {"start" | "stop"} type
     * @param {Record<string, unknown>} [content]
     */
    send(type, content = {}) {
      count += 1;
      const id = `${type}-${count}-${view}`;
      open.add(id);
      frame.status.asked();
      frame.send({ type, id, ...content });
    },
    /** @param {string} id */
    answered: (id) => open.delete(id),
    /** @param {string} type */
    isOpen: (type) => [...open].some((id) => id.startsWith(type)),
    forget: () => open.clear(),
  };
}
