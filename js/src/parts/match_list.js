import { limits } from "../shared/contract.js";
import { assign, closest, createButton, el, setText } from "../shared/dom.js";
import { drawFeature } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import { createKeyed } from "../shared/keyed.js";
import { isSame } from "../shared/settings.js";
import { visibleText } from "../shared/tokens.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { MatchKind, Order } from "../traits.js" */
/** @import { Comparison, Match, Member } from "./match_reading.js" */

/** @typedef {{ match: Match, is_selected: boolean }} Listed */

const heads = /** @type {[Order, string, string][]} */ ([
  ["measure", "match", "the best matched first"], ["first", "first", "the strongest in the first dictionary first"],
  ["second", "second", "the strongest in the second dictionary first"], ["difference", "difference", "the largest difference first"],
]);

/** @param {number} difference */
function differenceText(difference) {
  return difference > 0 ? `+${formatNumber(difference, 4)}` : formatNumber(difference, 4);
}

/** @param {Match} match */
function kindText({ kind, first, second }) {
  const is_many = first.length > 1 || second.length > 1;
  return is_many ? `${kind}, ${first.length} to ${second.length}` : kind;
}

/** @param {Match} match */
function valueText({ value, nearest }) {
  if (value !== null) return formatNumber(value);
  return nearest === null ? "no nearest" : `nearest ${formatNumber(nearest)}`;
}

/** A side's features, drawn again only where they are others. */
function createMembers() {
  const holder = el("span", { class: "gscope-members" });
  /** @type {Member[] | null} */
  let shown = null;
  return {
    el: holder,
    /** @param {Member[]} members */
    draw(members) {
      if (isSame(members, shown)) return;
      shown = members;
      const named = members.slice(0, limits.members_listed), more = members.length - named.length;
      const rest = more ? `and ${more} more` : members.length ? null : "no partner";
      holder.replaceChildren(...named.map(drawFeature), ...(rest ? [el("span", { class: "gscope-hint" }, rest)] : []));
    },
  };
}

/** @returns {import("../shared/keyed.js").Entry<Listed>} */
function createMatch() {
  const sides = [createMembers(), createMembers()];
  const kind = el("span", { class: "gscope-match-kind" }), value = el("span", { class: "gscope-match-value" });
  const numbers = Array.from({ length: 3 }, () => el("output"));
  const button = el("button", { type: "button", class: "gscope-match" }, sides[0].el, sides[1].el, el("span", { class: "gscope-match-how" }, kind, value), ...numbers);
  return {
    el: el("li", {}, button),
    draw({ match, is_selected }) {
      const [first, second] = match.activations;
      assign(button, { "data-match": match.at, "aria-pressed": is_selected, title: is_selected ? "Its bars stand under the text: press to let go" : "Show under the text where this fires" });
      sides[0].draw(match.first);
      sides[1].draw(match.second);
      assign(kind, { "data-kind": match.kind });
      setText(kind, kindText(match));
      setText(value, valueText(match));
      [formatNumber(first, 4), formatNumber(second, 4), differenceText(second - first)].forEach((text, at) => setText(numbers[at], text));
    },
  };
}

/**
 * The kinds of matches with how many there are, of which one or all are listed.
 * @param {{ watch: Watch, onKind: (kind: MatchKind | "all") => void }} options
 */
export function createMatchKinds({ watch, onKind }) {
  const buttons = el("div", { class: "gscope-kinds" }), scope = el("span", { class: "gscope-label" });
  const box = el("div", { class: "gscope-kinds", role: "group", "aria-label": "Which matches are listed" }, scope, buttons);
  const list = createKeyed(buttons, {
    keyOf: (/** @type {{ kind: MatchKind | "all", count: number, is_on: boolean }} */ { kind }) => kind,
    create: () => {
      const count = el("span"), name = el("span");
      const button = createButton({}, name, count);
      return {
        el: button,
        draw({ kind, count: many, is_on }) {
          assign(button, { "data-kind": kind, "aria-pressed": is_on, disabled: many === 0 && !is_on });
          setText(name, kind);
          setText(count, ` ${many}`);
        },
      };
    },
  });
  watch.dom(box, "click", (event) => {
    const kind = closest(event, "kind")?.dataset.kind;
    if (kind !== undefined) onKind(/** @type {MatchKind} */ (kind));
  });
  return {
    el: box,
    /**
     * @param {Comparison} comparison
     * @param {MatchKind | "all"} chosen
     * @param {number | null} pos the token picked, whose matches are counted; null for the whole text
     */
    draw(comparison, chosen, pos) {
      const { head, total } = comparison;
      const here = pos === null ? null : comparison.list(pos, "all", "difference");
      const all = { kind: /** @type {const} */ ("all"), count: total };
      setText(scope, pos === null ? "Whole text" : `At ${visibleText(head.tokens[pos])}`);
      list.draw([all, ...head.counts].map(({ kind, count }) => ({
        kind, is_on: kind === chosen, count: here ? here.filter((match) => kind === "all" || match.kind === kind).length : count,
      })));
    },
  };
}

/**
 * The matches of a token, or of the whole text, in the reader's order. It keeps its size.
 * @param {{
 *   watch: Watch, describe: (pos: number) => string, onMatch: (match: Match) => void, onOrder: (order: Order) => void,
 *   onWhole: () => void,
 * }} options
 */
export function createMatchList({ watch, describe, onMatch, onOrder, onWhole }) {
  const title = el("p", { class: "gscope-match-place" });
  const whole = createButton({}, "Show the whole text");
  const moved = el("p", { class: "gscope-hint", role: "status" });
  const sorts = heads.map(([order, name, words]) => el("button", { type: "button", class: "gscope-match-sort", "data-order": order, title: words, "aria-label": `Sort by ${name}: ${words}` }, name));
  const head = el("div", { class: "gscope-match-head", role: "group", "aria-label": "Order of the matches" },
    el("span", { "aria-hidden": "true" }, "in the first"), el("span", { "aria-hidden": "true" }, "in the second"), ...sorts);
  const none = el("p", { class: "gscope-hint" });
  const list = el("ul", { class: "gscope-matches", "aria-label": "Matches" });
  const more = createButton({});
  const box = el("section", { class: "gscope-match-list", "aria-label": "Matched features" },
    el("div", { class: "gscope-match-top" }, title, whole), moved, head, none, list, more);
  const keyed = createKeyed(list, { keyOf: (/** @type {Listed} */ { match }) => match.at, create: createMatch });
  let most = limits.matches_listed;
  /** @type {Match[]} */
  let found = [];
  /** @type {() => void} */
  let redraw = () => {};
  watch.dom(whole, "click", onWhole);
  watch.dom(more, "click", () => {
    most += limits.matches_listed;
    redraw();
  });
  watch.dom(box, "click", (event) => {
    const order = closest(event, "order")?.dataset.order, at = closest(event, "match")?.dataset.match;
    const match = found.find((one) => one.at === Number(at));
    if (order !== undefined) onOrder(/** @type {Order} */ (order));
    else if (at !== undefined && match) onMatch(match);
  });

  /**
   * @param {Comparison} comparison
   * @param {number | null} at
   * @param {{ selected: number | null, picked: number | null, kind: MatchKind | "all", order: Order }} state
   */
  function draw(comparison, at, { selected, picked, kind, order }) {
    redraw = () => draw(comparison, at, { selected, picked, kind, order });
    const pos = at !== null && at < comparison.length ? at : null;
    found = comparison.list(pos, kind, order);
    const shown = found.slice(0, most);
    setText(title, pos === null ? "Whole text: the largest activation on either side. Press a token for what fires there." : describe(pos));
    whole.style.setProperty("--seen", picked === null ? "hidden" : "visible");
    setText(moved, comparison.head.note);
    for (const sort of sorts) assign(sort, { "aria-pressed": String(sort.dataset.order === order) });
    setText(none, found.length ? "" : kind === "all" ? "No feature fires in either." : `No match is ${kind}${pos === null ? "" : " here"}.`);
    keyed.draw(shown.map((match) => ({ match, is_selected: match.at === selected })));
    more.hidden = shown.length === found.length;
    setText(more, `Show more (${found.length - shown.length} left)`);
  }
  return {
    el: box,
    draw,
    /** Back to as many rows as there are at first. */
    forget() {
      most = limits.matches_listed;
    },
  };
}
