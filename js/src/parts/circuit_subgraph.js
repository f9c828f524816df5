import { assign, claim, closest, createButton, el, setText } from "../shared/dom.js";
import { formatCount, formatNumber, formatPercent } from "../shared/format.js";
import { createKeyed } from "../shared/keyed.js";
import { svg } from "../shared/svg.js";
import { drawText, visibleText } from "../shared/tokens.js";
import { anywhere, box_height, box_width, layOutBoxes } from "./circuit_boxes.js";
import { signedPercent } from "./circuit_table.js";
import { createTableHolder } from "./twin.js";

/** @import { BoxInfo, SubgraphResult } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { Circuit } from "./circuit_reading.js" */

const listed_members = 8;

/** @typedef {{ box: BoxInfo, circuit: Circuit, x: number, y: number, is_marked: boolean }} Placed */

/**
 * A box's name, as it is read.
 * @param {Pick<BoxInfo, "label" | "nodes">} box
 * @param {Circuit} circuit
 */
function nameOf({ label, nodes }, circuit) {
  if (label) return visibleText(label);
  const node = circuit.placeOf(nodes[0]);
  return node === null ? nodes[0] : circuit.titleOf(node);
}

/**
 * The nodes of a group, as they are read.
 * @param {BoxInfo} box
 * @param {Circuit} circuit
 */
function listMembers({ nodes }, circuit) {
  const names = nodes.slice(0, listed_members).map((id) => nameOf({ label: "", nodes: [id] }, circuit));
  return `${names.join("; ")}${nodes.length > listed_members ? `; ${nodes.length - listed_members} more` : ""}`;
}

/**
 * @param {(key: string) => void} onBox
 * @param {Watch} watch
 */
const createBox = (onBox, watch) => (/** @type {Placed} */ { box: { key } }) => {
  const title = el("span", { class: "gscope-box-name" }), facts = el("span", { class: "gscope-hint gscope-box-place" }), part = el("span", { class: "gscope-hint" });
  const button = el("button", { type: "button", class: "gscope-box", "data-box": key }, title, facts, part);
  watch.dom(button, "click", () => onBox(key));
  return {
    el: button,
    /** @param {Placed} placed */
    draw({ box, circuit, x, y, is_marked }) {
      button.style.setProperty("left", `${x}px`);
      button.style.setProperty("top", `${y}px`);
      const node = box.label ? null : circuit.placeOf(box.nodes[0]);
      const said = node === null ? null : circuit.labelOf(node);
      title.replaceChildren(...(box.label ? drawText(box.label) : node === null ? [box.nodes[0]] : [circuit.nameOf(node), ...(said ? [" ", ...drawText(said.text)] : [])]));
      const where = box.label ? `group of ${formatCount(box.nodes.length, "node")}` : node === null ? "not shown above" : [circuit.layerText(node), circuit.tokenAt(node)].filter(Boolean).join(", ");
      const shown = box.shown === null ? "" : `input: ${formatPercent(box.shown)} from boxes`;
      setText(facts, where);
      setText(part, shown);
      assign(button, {
        "aria-pressed": String(is_marked), "data-group": box.label ? "yes" : null, "data-kind": node === null ? null : circuit.kinds[node],
        title: `${nameOf(box, circuit)}${box.label ? ` (${listMembers(box, circuit)})` : ""}${box.shown === null ? "" : `: of what comes into it ${formatPercent(box.shown)} comes from the boxes here, ${formatPercent(box.errors ?? 0)} from errors`}`,
      });
    },
  };
};

/**
 * What is pinned as a graph of its own, and the controls that group it.
 * @param {{
 *   watch: Watch, onGroup: (label: string, nodes: string[]) => string, onRename: (from: string, to: string) => string,
 *   onUngroup: (label: string) => void, onUnpin: (nodes: string[]) => void, onUndo: () => void, canUndo: () => boolean,
 *   onChoose: (id: string) => void, onMarks: (nodes: string[], name: string) => void,
 * }} options `onGroup` and `onRename` give a sentence where they refuse; `onMarks` hears what is marked
 */
export function createCircuitSubgraph({ watch, onGroup, onRename, onUngroup, onUnpin, onUndo, canUndo, onChoose, onMarks }) {
  const lines = /** @type {SVGElement} */ (svg("svg", { class: "gscope-box-lines", "aria-hidden": "true" }));
  const boxes_el = el("div", { class: "gscope-boxes", role: "group", "aria-label": "Pinned nodes and groups" });
  const stage = el("div", { class: "gscope-box-stage" }, lines, boxes_el);
  const scroller = el("div", { class: "gscope-box-scroll", role: "region", tabindex: 0, "aria-label": "Subgraph of what is pinned" }, stage);
  const label = el("input", { type: "text", class: "gscope-line gscope-circuit-label", "aria-label": "Name of the group", placeholder: "name of the group", autocomplete: "off" });
  const group = createButton({}, "Group"), rename = createButton({}, "Rename"), ungroup = createButton({}, "Ungroup");
  const unpin = createButton({}, "Unpin"), clear = createButton({}, "Unpin all"), undo = createButton({ title: "Ctrl+Z" }, "Undo");
  const note = el("p", { class: "gscope-hint gscope-box-note", role: "status" });
  const bar = el("div", { class: "gscope-actions gscope-box-bar" }, label, group, rename, ungroup, unpin, clear, undo);
  const body = el("tbody");
  const table = el("table", { class: "gscope-table" }, el("thead", {}, el("tr", {}, ...["from", "to", "weight", "share of the input of where it goes"].map((name) => el("th", { scope: "col" }, name)))), body);
  const fold = el("details", { class: "gscope-fold" }, el("summary", {}, "Edges between them"), createTableHolder("Edges between what is pinned", table));
  const box = el("section", { class: "gscope-circuit-sub", "aria-label": "Subgraph", hidden: true },
    el("p", { class: "gscope-label" }, "Pinned, and what each adds to the others directly"), bar, note, scroller, fold);
  const keyed = createKeyed(boxes_el, { keyOf: (/** @type {Placed} */ { box: { key } }) => key, create: createBox(press, watch) });
  /** @type {SubgraphResult | null} */
  let sub = null;
  /** @type {Circuit | null} */
  let circuit = null;
  /** @type {Set<string>} */
  let marked = new Set();
  let room = 0; // pixels that a row has
  let made = ""; // the group that was made last, until something else is done
  let awaited = ""; // the group that was named last, and is marked when it comes

  const marks = () => (sub?.boxes ?? []).filter(({ key }) => marked.has(key));
  /** @param {string} key */
  function press(key) {
    made = "";
    awaited = "";
    if (marked.has(key)) marked.delete(key);
    else marked.add(key);
    const one = sub?.boxes.find((each) => each.key === key);
    if (one && !one.label && marked.has(key)) onChoose(one.nodes[0]);
    tellMarks();
    say("");
    redraw();
  }
  function tellMarks() {
    const chosen = marks();
    const name = chosen.length === 1 && circuit ? nameOf(chosen[0], circuit) : `${chosen.length} boxes`;
    onMarks(chosen.flatMap(({ nodes }) => nodes), chosen.length ? name : "");
  }
  /** @param {string} sentence */
  function say(sentence) {
    const group_made = made && sub?.boxes.find((one) => one.label === made);
    const news = group_made ? `The group ${visibleText(made)} is one box now, in place of ${group_made.nodes.length === 1 ? "that of its node" : `those of its ${group_made.nodes.length} nodes`}. It is marked: Ungroup takes it apart. ` : "";
    setText(note, sentence || (sub && sub.boxes.length ? `${news}Press boxes to mark them; then group, change or unpin what is marked.` : ""));
  }
  /**
   * @param {string} sentence empty where it was done
   * @param {{ label: string, nodes: string[] } | null} [named] the group that was made or renamed, which stays marked
   */
  function done(sentence, named = null) {
    made = "";
    if (!sentence) {
      marked = new Set();
      label.value = "";
      awaited = named?.label ?? "";
      if (named) onMarks(named.nodes, named.label);
      else tellMarks();
    }
    say(sentence);
    redraw();
  }
  watch.dom(group, "click", () => {
    const chosen = marks(), named = { label: label.value.trim(), nodes: chosen.flatMap(({ nodes }) => nodes) };
    const sentence = chosen.length ? onGroup(named.label, named.nodes) : "Mark boxes first: press them.";
    done(sentence, named);
    if (!sentence) made = named.label;
  });
  watch.dom(rename, "click", () => {
    const [one] = marks(), named = label.value.trim();
    done(one?.label ? onRename(one.label, named) : "Mark one group first.", one && { label: named, nodes: one.nodes });
  });
  watch.dom(ungroup, "click", () => {
    const chosen = marks().filter((one) => one.label);
    for (const one of chosen) onUngroup(one.label);
    done(chosen.length ? "" : "Mark a group first.");
  });
  watch.dom(unpin, "click", () => {
    const chosen = marks();
    if (chosen.length) onUnpin(chosen.flatMap(({ nodes }) => nodes));
    done(chosen.length ? "" : "Mark boxes first: press them.");
  });
  watch.dom(clear, "click", () => {
    onUnpin((sub?.boxes ?? []).flatMap(({ nodes }) => nodes));
    done("");
  });
  watch.dom(undo, "click", onUndo);
  watch.dom(label, "keydown", (/** @type {KeyboardEvent} */ { key }) => {
    if (key === "Enter") (marks().length === 1 && marks()[0].label ? rename : group).click();
  });
  watch.dom(boxes_el, "keydown", (/** @type {KeyboardEvent} */ event) => {
    const way = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] })[event.key];
    const from = closest(event, "box");
    if (!way || !from || event.ctrlKey || event.metaKey || event.altKey) return;
    claim(event);
    const all = /** @type {HTMLElement[]} */ ([...boxes_el.querySelectorAll("[data-box]")]);
    const at = (/** @type {HTMLElement} */ one) => [parseFloat(one.style.left), parseFloat(one.style.top)];
    const [x, y] = at(from);
    /** @type {HTMLElement | null} */
    let best = null;
    let least = Infinity;
    for (const one of all) {
      const [across, down] = [at(one)[0] - x, at(one)[1] - y];
      const ahead = across * way[0] + down * way[1], aside = Math.abs(across * way[1]) + Math.abs(down * way[0]);
      if (one === from || ahead <= 1 || (way[0] && aside > 1)) continue;
      if (ahead * 10 + aside < least) [best, least] = [one, ahead * 10 + aside];
    }
    best?.focus();
  });

  const findRoom = () => {
    const style = getComputedStyle(scroller);
    return scroller.clientWidth ? scroller.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) : anywhere;
  };
  if (globalThis.ResizeObserver) {
    const observer = new ResizeObserver(() => {
      if (findRoom() !== room) redraw();
    });
    observer.observe(scroller);
    watch.onStop(() => observer.disconnect());
  }

  function redraw() {
    if (!sub || !circuit) return;
    const now = sub, read = circuit;
    const pins = now.boxes.length > 1 || now.boxes.some((one) => one.label);
    box.hidden = !pins && !canUndo();
    undo.disabled = !canUndo();
    room = findRoom();
    const { places, ways, width, height } = layOutBoxes(now, room);
    for (const part of [stage, lines]) {
      part.style.setProperty("width", `${width}px`);
      part.style.setProperty("height", `${height}px`);
    }
    const largest = Math.max(1e-9, ...now.edges.map(({ share }) => Math.abs(share)));
    lines.replaceChildren(...now.edges.flatMap(({ share }, at) => {
      const line_width = `${(0.75 + 5.25 * Math.abs(share) / largest).toFixed(2)}px`;
      const ends = ways[at].map((one) => places[one]), is_level = ends[0].y === ends[ends.length - 1].y;
      const points = is_level ? ends : ends.flatMap(({ x, y }, step) => [
        ...(step > 0 ? [{ x, y: y + box_height / 2 }] : []), ...(step < ends.length - 1 ? [{ x, y: y - box_height / 2 }] : []),
      ]);
      return points.slice(1).map((b, step) => {
        const a = points[step];
        const line = svg("line", { class: `gscope-box-line gscope-${share < 0 ? "takes" : "adds"}`, x1: a.x, y1: a.y, x2: b.x, y2: b.y });
        line.style.setProperty("stroke-width", line_width);
        return line;
      });
    }).reverse());
    keyed.draw(now.boxes.map((one, at) => ({ box: one, circuit: read, x: places[at].x - box_width / 2, y: places[at].y - box_height / 2, is_marked: marked.has(one.key) })));
    body.replaceChildren(...now.edges.map(({ source, sink, weight, share }) => el("tr", {}, el("td", {}, nameOf(now.boxes[source], read)),
      el("td", {}, nameOf(now.boxes[sink], read)), el("td", {}, formatNumber(weight)), el("td", {}, signedPercent(share)))));
  }

  return {
    el: box,
    /**
     * @param {SubgraphResult} next
     * @param {Circuit | null} read
     */
    draw(next, read) {
      sub = next;
      circuit = read;
      const keys = new Set(next.boxes.map(({ key }) => key)), before = marked.size;
      const named = next.boxes.find((one) => awaited && one.label === awaited);
      marked = new Set([...marked, ...(named ? [named.key] : [])].filter((key) => keys.has(key)));
      if (named) awaited = "";
      if (named || marked.size !== before) tellMarks();
      say("");
      redraw();
    },
    redraw,
  };
}
