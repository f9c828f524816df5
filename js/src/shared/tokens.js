import { el } from "./dom.js";

/** @typedef {{ text: string, mark: boolean }} Piece a run of text, or a sign that stands for something unseen */

const length_cap = 200;
/** @type {Record<number, string>} */
const names = {
  0x09: "\u21e5", 0x0a: "\u23ce", 0x0d: "\u240d", 0x7f: "\u2421", 0x85: "NEL", 0xa0: "\u237d", 0xad: "SHY",
  0x61c: "ALM", 0x200b: "ZWSP", 0x200c: "ZWNJ", 0x200d: "ZWJ", 0x200e: "LRM", 0x200f: "RLM",
  0x202a: "LRE", 0x202b: "RLE", 0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO",
  0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0xfeff: "BOM",
};
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const odd_space = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/;
const special = /^(<(bos|eos|pad|unk|mask|unused\d+|(start|end)_of_(turn|image|audio)|image_soft_token|0x[0-9a-f]{2})>|<\|[^|<>\s]{1,40}\|>|\[(@?BOS@?|CLS|SEP|PAD|MASK|UNK)\])$/i;

/** @param {string} text */
export function isSpecial(text) {
  return special.test(text);
}

/** @param {string} text */
export function breaksLine(text) {
  return text.endsWith("\n");
}

/** @param {string} char */
function codeName(char) {
  const code = /** @type {number} */ (char.codePointAt(0));
  if (names[code]) return names[code];
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/**
 * Joiners inside a run shape the letters around them; at an edge they are unseen.
 * @param {string[]} chars
 * @param {number} index
 */
function shapes(chars, index) {
  const inside = index > 0 && index < chars.length - 1;
  if (/[\u200c\u200d]/.test(chars[index])) return inside && /[^\0-\x7f]/.test(chars[index - 1]) && /[^\0-\x7f]/.test(chars[index + 1]);
  return /[\ufe0e\ufe0f]/.test(chars[index]) && index > 0;
}

/**
 * @param {string[]} chars
 * @param {number} index
 * @param {[number, number]} body first and last character that is not a space
 * @returns {Piece}
 */
function pieceOf(chars, index, [first, last]) {
  const char = chars[index];
  if (char === " ") return index < first || index > last ? { text: "\u2423", mark: true } : { text: char, mark: false };
  if (shapes(chars, index)) return { text: char, mark: false };
  if (unseen.test(char) || odd_space.test(char)) return { text: codeName(char), mark: true };
  const floats = index === 0 && /\p{M}/u.test(char);
  return { text: floats ? `\u25cc${char}` : char, mark: false };
}

/**
 * A token with a sign for everything that would be unseen or would turn the text around it.
 * @param {string} text
 * @returns {Piece[]}
 */
export function visiblePieces(text) {
  if (text === "") return [{ text: "empty", mark: true }];
  const all = Array.from(text);
  const chars = all.slice(0, length_cap);
  /** @type {[number, number]} */
  const body = [chars.findIndex((char) => char !== " "), chars.findLastIndex((char) => char !== " ")];
  if (body[0] < 0) body[0] = chars.length;
  /** @type {Piece[]} */
  const pieces = [];
  chars.forEach((_, index) => {
    const piece = pieceOf(chars, index, body);
    const before = pieces.at(-1);
    if (before && !before.mark && !piece.mark) before.text += piece.text;
    else pieces.push(piece);
  });
  if (all.length > length_cap) pieces.push({ text: `\u2026 ${all.length - length_cap} more`, mark: true });
  return pieces;
}

/**
 * The same as one string, for names and titles.
 * @param {string} text
 */
export function visibleText(text) {
  return visiblePieces(text).map((piece) => piece.text).join("");
}

/**
 * The visible form as nodes: plain runs as text, signs as marked spans.
 * @param {string} text
 * @param {boolean} [areSpacesMarked] else a text with no other sign than of spaces is one node
 * @returns {(Text | HTMLElement)[]}
 */
export function drawText(text, areSpacesMarked = true) {
  if (isSpecial(text)) return [el("span", { class: "gscope-special" }, text)];
  const pieces = visiblePieces(text);
  const plain = !areSpacesMarked && pieces.every((piece) => !piece.mark || piece.text === "\u2423");
  return (plain ? [{ text: pieces.map((piece) => piece.text).join(""), mark: false }] : pieces).map((piece) =>
    piece.mark ? el("span", { class: "gscope-mark" }, piece.text) : document.createTextNode(piece.text),
  );
}

/** @import { Glyph } from "../traits.js" */
/** @typedef {{ tokens: string[], glyphs: Glyph[] }} Tokenized */

/**
 * The character that a token makes together with others, with their positions.
 * @param {Tokenized} text
 * @param {number} pos
 */
export function findGlyph({ glyphs }, pos) {
  return glyphs.find(({ first, last }) => pos >= first && pos <= last);
}

/**
 * Which way tokens run: as the first letter among them.
 * @param {Tokenized} text
 */
export function directionOf({ tokens, glyphs }) {
  for (let pos = 0; pos < tokens.length; pos += 1) {
    const shown = findGlyph({ tokens, glyphs }, pos)?.character ?? tokens[pos];
    const letter = isSpecial(shown) ? null : shown.match(/\p{L}/u);
    if (letter) return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(letter[0]) ? "rtl" : "ltr";
  }
  return "ltr";
}

/**
 * A token of a text; a character that several make stands at the first of them, and "\u2025" at the others.
 * @param {Tokenized} text
 * @param {number} pos
 * @param {boolean} [areSpacesMarked]
 * @returns {(Text | HTMLElement)[]}
 */
export function drawTokenAt({ tokens, glyphs }, pos, areSpacesMarked) {
  const group = findGlyph({ tokens, glyphs }, pos);
  if (group && pos !== group.first) return [document.createTextNode("\u2025")];
  return drawText(group ? group.character : tokens[pos], areSpacesMarked);
}

/**
 * Generated text to be read on: spaces and line ends as themselves, the rest as signs.
 * @param {string} text
 * @returns {(Text | HTMLElement)[]}
 */
export function drawProse(text) {
  if (isSpecial(text)) return [el("span", { class: "gscope-special" }, text)];
  return text.split(/(\n| +)/).filter(Boolean).flatMap((run) => {
    if (run === "\n") return [el("span", { class: "gscope-mark" }, "\u23ce"), el("br")];
    return run.startsWith(" ") ? [document.createTextNode(run)] : drawText(run);
  });
}

/**
 * A prompt to be read on: a text, or the turns of a chat, each on its line after its role. What the model writes
 * goes on in the line of an answer that is begun, and on a new line after the other side's turn.
 * @param {import("../traits.js").Text} prompt
 * @returns {(Text | HTMLElement)[]}
 */
export function drawPrompt(prompt) {
  if (typeof prompt === "string") return drawProse(prompt);
  return prompt.flatMap(({ role, content }, at) => {
    const goes_on = at === prompt.length - 1 && role !== "user" && role !== "system";
    return [el("span", { class: "gscope-role" }, `${visibleText(role)}: `), ...drawProse(content), ...(goes_on ? [] : [el("br")])];
  });
}

/**
 * Text that survives JSON and UTF-8: lone surrogates become the replacement character.
 * @param {string} text
 */
export function wellFormed(text) {
  return text.replace(/\p{Cs}/gu, "\ufffd");
}
