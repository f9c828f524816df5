/**
 * A number to so many significant digits, without an exponent where that is readable.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
export function formatNumber(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "none";
  if (!Number.isFinite(value)) return value > 0 ? "infinite" : "minus infinite";
  const rounded = Number(value.toPrecision(digits));
  return (Math.abs(rounded) >= 1e6 ? rounded.toExponential() : String(rounded)).replace("-", "\u2212");
}

/**
 * @param {number} probability 0 to 1
 */
export function formatPercent(probability) {
  if (probability > 0 && probability < 0.0001) return "<0.01 %";
  const percent = probability * 100;
  const decimals = percent >= 10 ? 1 : 2;
  return `${percent.toFixed(decimals)} %`;
}

/** @param {number} value */
export function formatSigned(value) {
  const size = Math.abs(value).toFixed(2);
  return Number(size) === 0 ? "0.00" : `${value < 0 ? "\u2212" : "+"}${size}`;
}

/**
 * A strength with its sign, as many places as it has up to four digits: "+0.3", "\u22121", "0".
 * @param {number} value
 */
export function formatStrength(value) {
  return `${value > 0 ? "+" : ""}${formatNumber(value, 4)}`;
}

/**
 * What the reader typed, as a number; null when it is none.
 * @param {string} text
 */
export function parseNumber(text) {
  const plain = text.trim().replace("\u2212", "-");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : null;
}

/**
 * @param {number} count
 * @param {string} word in the singular: "token"
 */
export function formatCount(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
