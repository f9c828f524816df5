import { agreementOf } from "./contract.js";
import { openFrame } from "./frame.js";

/** @import { AnyModel, RenderProps } from "@anywidget/types" */
/** @import { WidgetName } from "./contract.js" */
/** @import { Frame } from "./frame.js" */

/**
 * What a widget adds to the frame that all share.
 * @typedef {object} View
 * @property {HTMLElement[]} [fields] those that ask the kernel, above what it answers: the status strip stands under them.
 *   A view that may be taller than a page has them; without, the strip stands under the body
 * @property {Node[]} body
 * @property {Record<string, (message: any, buffers: DataView[]) => void>} receive what draws a message, by its type
 * @property {() => void} draw the state; also after the theme changed
 * @property {Record<string, HTMLElement>} [locks] parts of the body that a lesson can lock, by the setting that they change
 */

/**
 * A widget's module: anywidget calls its `render` for every view.
 * @param {{
 *   name: WidgetName, cancellable: boolean, open: (inside: { model: AnyModel<any>, frame: Frame }) => View,
 * }} options
 */
export function defineWidget({ name, cancellable, open }) {
  /** @param {RenderProps<any>} props */
  function render({ model, el: holder }) {
    const frame = openFrame({ model, holder, agreement: agreementOf(name), cancellable });
    if (frame.checkTraits()) {
      const { fields, body, receive, draw, locks } = open({ model, frame });
      frame.body.append(...body);
      if (fields) frame.putFields(fields);
      frame.lock(locks ?? {});
      frame.receive(receive);
      frame.start(draw);
      draw();
      frame.ready();
    }
    return frame.close;
  }
  return { render };
}
