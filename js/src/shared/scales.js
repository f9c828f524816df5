/** What a number of a kind comes to: the same words as gscope_widgets/records/glossary.py, tested on its examples. */

/** @typedef {(value: number, total: number) => string} Scale a number and its total in words; empty where nothing can be said */

/**
 * To three digits at most, whole from 100 on.
 * @param {number} value
 */
function write(value) {
  return String(value >= 100 ? Math.floor(value + 0.5) : Math.floor(value * 10 + 0.5) / 10);
}

/** @param {number} share */
function oneIn(share) {
  return `about 1 in ${write(1 / share)}`;
}

/** @param {number} kl in nats */
function largestMove(kl) {
  return Math.min(Math.sqrt(kl / 2), Math.sqrt(1 - Math.exp(-kl)));
}

/** @type {Scale} */
export function scaleL0(value, total) {
  return value > 0 && value <= total ? `Here ${write(value)} of ${Math.floor(total)} features: ${oneIn(value / total)}` : "";
}

/** @type {Scale} */
export function scaleFVU(value) {
  if (value > 1) return `Here ${write(value)}: the copy is further off than the mean would be. Where the tokens of a text are nearly alike, little varies, and a copy that is close still has a large FVU`;
  return `Here the features account for ${write(100 * (1 - value))} % of the variance`;
}

/** @type {Scale} */
export function scaleErrorNorm(value, total) {
  return total > 0 ? `Here ${write((100 * value) / total)} % of that vector's length` : "";
}

/** @type {Scale} */
export function scaleKL(value) {
  if (value < 0) return "";
  return `Here no token's probability can have moved by more than ${Math.ceil(1000 * largestMove(value)) / 10} percentage points`;
}

/** @type {Scale} */
export function scaleProbability(value) {
  return value > 0 && value <= 1 ? `Here ${oneIn(value)}` : "";
}

/** @type {Scale} */
export function scaleAUC(value) {
  return value >= 0 && value <= 1 ? `Here in ${write(100 * value)} of 100 pairs` : "";
}

/** @type {Scale} */
export function scalePerplexity(value) {
  return value >= 1 ? `Here as unsure as among ${write(value)} equally likely tokens` : "";
}

/** @type {Scale} */
export function scaleDensity(value) {
  return value > 0 && value <= 1 ? `Here at ${oneIn(value)} tokens` : "";
}

/** @type {Scale} */
export function scaleActivation(value, total) {
  return total > 0 ? `Here ${write((100 * value) / total)} % of the largest that was measured` : "";
}

/** @type {Scale} */
export function scaleStrength(value) {
  return `Here ${write(100 * Math.abs(value))} % of that length${value < 0 ? ", taken away" : ""}`;
}

/** @type {Scale} */
export function scaleDecoderCosine(value) {
  return value >= -1 && value <= 1 ? `Here an angle of ${write((180 * Math.acos(value)) / Math.PI)}\u00b0` : "";
}
