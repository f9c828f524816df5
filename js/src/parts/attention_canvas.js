import { css, ramp } from "../shared/colour.js";

/** @import { Theme } from "../shared/theme.js" */
/** @import { Attention, Shown } from "./attention_reading.js" */

/** @typedef {{ show: Shown, first: number, theme: Theme, most: number }} Look `first` is the first key that is drawn */

const shades = 255;

/** @param {HTMLCanvasElement} canvas */
function contextOf(canvas) {
  return canvas.getContext?.("2d") ?? null; // null where nothing can be drawn, as on a page without a screen
}

/**
 * Colours by the root of the share, so that small ones are seen: for -1 to 1.
 * @param {Theme} theme
 */
function listShades(theme) {
  return Array.from({ length: 2 * shades + 1 }, (_, at) => {
    const [r, g, b] = ramp((at - shades) / shades, theme);
    return r | (g << 8) | (b << 16) | (255 << 24);
  });
}

/**
 * The colours as a CSS picture, for a legend that is even in what they stand for.
 * @param {Theme} theme
 * @param {boolean} is_signed whether it begins at -1
 */
export function scalePicture(theme, is_signed) {
  const colours = Array.from({ length: 33 }, (_, step) => {
    const share = is_signed ? step / 16 - 1 : step / 32;
    return css(ramp(Math.sign(share) * Math.sqrt(Math.abs(share)), theme));
  });
  return `linear-gradient(to right, ${colours.join(", ")})`;
}

/**
 * One pixel a cell: a head's picture, from which all sizes are drawn.
 * @param {HTMLCanvasElement} canvas
 * @param {Attention} attention
 * @param {number} one
 * @param {Look} look
 */
export function paintCells(canvas, { length, values }, one, { show, first, theme, most }) {
  const context = contextOf(canvas);
  canvas.width = length;
  canvas.height = length;
  if (!context) return;
  const picture = context.createImageData(length, length);
  const pixels = new Int32Array(picture.data.buffer);
  const colours = listShades(theme), value = values[show];
  for (let query = 0; query < length; query += 1) {
    for (let key = first; key <= query; key += 1) {
      const share = value(one, query, key) / most;
      pixels[query * length + key] = colours[shades + Math.sign(share) * Math.round(shades * Math.sqrt(Math.min(1, Math.abs(share))))];
    }
  }
  context.putImageData(picture, 0, 0);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLCanvasElement} cells
 * @param {number} size pixels
 */
export function scaleCells(canvas, cells, size) {
  canvas.width = size;
  canvas.height = size;
  const context = contextOf(canvas);
  if (!context) return;
  context.imageSmoothingEnabled = cells.width > size;
  context.drawImage(cells, 0, 0, size, size);
}
