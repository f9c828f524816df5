/** @import { Theme } from "./theme.js" */

/** @typedef {[number, number, number]} Rgb */

/**
 * One hue, luminance in one direction: light runs to dark blue, dark runs to bright cyan.
 * @type {Record<Theme, Rgb[]>}
 */
const stops = {
  light: [[255, 255, 255], [214, 230, 244], [158, 202, 225], [90, 160, 208], [38, 116, 184], [8, 69, 148]],
  dark: [[27, 30, 36], [17, 58, 77], [14, 92, 118], [22, 140, 170], [72, 193, 219], [176, 242, 248]],
};
/**
 * The same below 0, in orange, which no kind of colour blindness takes for blue.
 * @type {Record<Theme, Rgb[]>}
 */
const negative_stops = {
  light: [[255, 255, 255], [254, 230, 206], [253, 196, 140], [241, 130, 49], [204, 85, 8], [127, 45, 4]],
  dark: [[27, 30, 36], [70, 42, 18], [113, 64, 20], [176, 104, 32], [232, 155, 78], [255, 218, 176]],
};

/** Black and white: one of the two has contrast 4.58 or more against any colour. */
const inks = /** @type {const} */ ({ black: [0, 0, 0], white: [255, 255, 255] });

/**
 * @param {number} share 0 to 1; below 0, to -1, in the other colour
 * @param {Theme} theme
 * @returns {Rgb}
 */
export function ramp(share, theme) {
  const list = (share < 0 ? negative_stops : stops)[theme];
  const place = Math.min(1, Math.abs(share)) * (list.length - 1);
  const low = Math.min(Math.floor(place), list.length - 2);
  const part = place - low;
  const mix = (/** @type {number} */ channel) =>
    Math.round(list[low][channel] * (1 - part) + list[low + 1][channel] * part);
  return [mix(0), mix(1), mix(2)];
}

/** @param {readonly number[]} colour */
function luminance(colour) {
  const [r, g, b] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/**
 * Contrast ratio by WCAG 2, 1 to 21.
 * @param {readonly number[]} one
 * @param {readonly number[]} other
 */
export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/**
 * The ink that reads best on a fill.
 * @param {Rgb} fill
 */
export function inkOn(fill) {
  return contrast(inks.black, fill) >= contrast(inks.white, fill) ? inks.black : inks.white;
}

/** @param {readonly number[]} colour */
export function css(colour) {
  return `rgb(${colour.join(" ")})`;
}

/**
 * The whole ramp as a CSS picture, for a legend.
 * @param {Theme} theme
 * @param {boolean} [signed] whether it begins at -1
 */
export function rampPicture(theme, signed = false) {
  const steps = Array.from({ length: 11 }, (_, step) => css(ramp(signed ? step / 5 - 1 : step / 10, theme)));
  return `linear-gradient(to right, ${steps.join(", ")})`;
}
