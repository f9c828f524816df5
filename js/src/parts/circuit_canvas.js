/** @import { Circuit } from "./circuit_reading.js" */
/** @import { Places } from "./circuit_layout.js" */

/** @typedef {{ left: number, top: number, width: number, height: number }} Region a part of the picture, in pixels of the page */

const most_pixels = 12_000_000; // of a canvas; hosts draw nothing on far larger ones
const print_ratio = 3; // pixels of paper to one of the page
const whole_pixels = 2_000_000; // up to here the whole picture is drawn at once, and scrolling draws nothing
const [shortest, longest, dash_share] = [8, 48, 0.6]; // pixels from a dash to the next; how much of that it takes
const widths = [0.6, 1.2, 2.2, 3.8]; // by how much flows

/**
 * What is drawn of a picture: all of it where it is small, else what is in sight and around it.
 * @param {number} width of the picture
 * @param {number} height
 * @param {Region} sight
 * @param {boolean} is_first only what is in sight, to be drawn soonest
 * @returns {Region}
 */
export function chooseRegion(width, height, sight, is_first) {
  const ratio = globalThis.devicePixelRatio || 1;
  if (sight.width === 0 || (!is_first && width * height * ratio * ratio <= whole_pixels)) return { left: 0, top: 0, width, height };
  const across = is_first ? 0 : sight.width / 2, along = is_first ? 0 : sight.height / 4;
  const left = Math.max(0, sight.left - across), top = Math.max(0, sight.top - along);
  return {
    left, top, width: Math.max(1, Math.min(width, sight.left + sight.width + across) - left),
    height: Math.max(1, Math.min(height, sight.top + sight.height + along) - top),
  };
}

/**
 * Whether a region has all that is in sight of a picture.
 * @param {Region} region
 * @param {Region} sight
 * @param {number} width of the picture
 * @param {number} height
 */
export function covers(region, sight, width, height) {
  return region.left <= Math.max(0, sight.left) && region.top <= Math.max(0, sight.top)
    && region.left + region.width >= Math.min(width, sight.left + sight.width) - 1
    && region.top + region.height >= Math.min(height, sight.top + sight.height) - 1;
}

/**
 * Lays a canvas over a region, empty.
 * @param {HTMLCanvasElement} canvas
 * @param {Region} region
 * @param {boolean} is_printed it is all of the picture, and shrinks with that
 * @returns {CanvasRenderingContext2D | null} that draws in pixels of the whole picture; null where a host draws none
 */
export function fitCanvas(canvas, { left, top, width, height }, is_printed) {
  const context = typeof Path2D === "undefined" ? null : canvas.getContext("2d");
  const ratio = is_printed ? print_ratio : globalThis.devicePixelRatio || 1;
  const scale = Math.min(ratio, Math.sqrt(most_pixels / Math.max(1, width * height)));
  const across = Math.max(1, Math.round(width * scale)), along = Math.max(1, Math.round(height * scale));
  if (canvas.width !== across || canvas.height !== along) {
    canvas.width = across;
    canvas.height = along;
  } else if (context) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, across, along);
  }
  for (const [name, value] of Object.entries({ left, top, width, height })) canvas.style.setProperty(name, is_printed && value ? "100%" : `${value}px`);
  context?.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
  return context;
}

/**
 * Draws edges: what adds is solid, what takes away dashed and of another colour; the more flows, the wider.
 * @param {CanvasRenderingContext2D} context
 * @param {Circuit} circuit
 * @param {Places} places
 * @param {Iterable<number>} edges
 * @param {{ colours: string[], largest: number, strength: number, region: Region }} options
 *   `largest`: the flow that the widest line stands for; `strength`: how opaque the widest are; only what is in the region is
 *   drawn
 */
export function drawEdges(context, { sources, sinks, weights, flows }, { x, y }, edges, { colours, largest, strength, region }) {
  const left = region.left - 8, top = region.top - 8, right = region.left + region.width + 8, bottom = region.top + region.height + 8;
  /** @type {Path2D[][]} */
  const paths = [0, 1].map(() => widths.map(() => new Path2D()));
  for (const edge of edges) {
    const from = sources[edge], to = sinks[edge];
    const x0 = x[from], y0 = y[from], across = x[to] - x0, along = y[to] - y0;
    // Where the line comes into the region and leaves it, as parts of its length.
    let begin = 0, end = 1;
    if (across === 0) {
      if (x0 < left || x0 > right) continue;
    } else {
      const one = (left - x0) / across, other = (right - x0) / across;
      begin = Math.max(begin, Math.min(one, other));
      end = Math.min(end, Math.max(one, other));
    }
    if (along === 0) {
      if (y0 < top || y0 > bottom) continue;
    } else {
      const one = (top - y0) / along, other = (bottom - y0) / along;
      begin = Math.max(begin, Math.min(one, other));
      end = Math.min(end, Math.max(one, other));
    }
    if (begin >= end) continue;
    const takes = weights[edge] < 0, path = paths[takes ? 1 : 0][Math.min(widths.length - 1, Math.floor(Math.sqrt(flows[edge] / largest) * widths.length))];
    // Dashes of our own: a canvas’ take by far the most time. Of a long line they are long, and they stay when it is cut anew.
    const length = Math.hypot(across, along), dashes = takes ? Math.max(2, Math.round(length / Math.min(longest, Math.max(shortest, length / 24)))) : 1;
    const period = 1 / (dashes - 1 + dash_share), dash = takes ? period * dash_share : 1;
    for (let from_part = takes ? Math.floor(begin / period) * period : 0; from_part < end; from_part += period) {
      const one = Math.max(begin, from_part), other = Math.min(end, from_part + dash);
      if (one >= other) continue;
      path.moveTo(x0 + one * across, y0 + one * along);
      path.lineTo(x0 + other * across, y0 + other * along);
    }
  }
  widths.forEach((width, at) => {
    for (const sign of [0, 1]) {
      context.globalAlpha = strength * (0.25 + (0.75 * at) / (widths.length - 1));
      context.strokeStyle = colours[sign];
      context.lineWidth = width;
      context.stroke(paths[sign][at]);
    }
  });
}

/**
 * Nodes as shapes, each shape of each size made once.
 */
export function createDots() {
  /** @type {Map<string, HTMLCanvasElement>} */
  let made = new Map();
  let colours = { ink: "", fill: "", track: "", ground: "" };

  /**
   * @param {number} kind
   * @param {number} size in pixels of the page
   * @param {number} ratio
   */
  function shapeOf(kind, size, ratio) {
    const key = `${kind} ${size} ${ratio}`;
    const held = made.get(key);
    if (held) return held;
    const sprite = document.createElement("canvas");
    sprite.width = Math.ceil((size + 2) * ratio);
    sprite.height = sprite.width;
    const context = sprite.getContext("2d"), half = size / 2 - 0.75;
    if (context) {
      context.scale(ratio, ratio);
      context.translate(size / 2 + 1, size / 2 + 1);
      context.lineWidth = Math.min(1.5, Math.max(0.75, size / 6));
      context.strokeStyle = colours.ink;
      context.fillStyle = [colours.track, colours.ground, colours.fill, colours.ink][kind];
      context.beginPath();
      if (kind === 1) {
        context.rotate(Math.PI / 4);
        context.scale(0.82, 0.82);
      }
      if (kind === 2) context.arc(0, 0, half, 0, 2 * Math.PI);
      else if (kind === 3) {
        context.moveTo(0, -size / 2);
        context.lineTo(size / 2, size / 2);
        context.lineTo(-size / 2, size / 2);
        context.closePath();
      } else context.rect(-half, -half, 2 * half, 2 * half);
      context.fill();
      if (kind !== 3) context.stroke();
      if (kind === 1) {
        context.fillStyle = colours.ink;
        for (let at = -half; at < half; at += 3) context.fillRect(at, -half, 1, 2 * half);
      }
    }
    made.set(key, sprite);
    return sprite;
  }
  return {
    /** @param {HTMLElement} holder has the colours */
    paint(holder) {
      const style = getComputedStyle(holder);
      const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim() || "#888888";
      colours = { ink: read("--ink"), fill: read("--fill-swatch"), track: read("--track"), ground: read("--ground") };
      made = new Map();
    },
    /**
     * @param {CanvasRenderingContext2D} context
     * @param {Circuit} circuit
     * @param {Places} places
     * @param {Iterable<number>} nodes
     * @param {{ sizes: Float32Array, times: number, region: Region }} options `sizes`: of each node in
     *   pixels; `times`: by what they are multiplied
     */
    draw(context, { kinds }, { x, y }, nodes, { sizes, times, region }) {
      const ratio = globalThis.devicePixelRatio || 1;
      const left = region.left - 16, top = region.top - 16, right = left + region.width + 32, bottom = top + region.height + 32;
      context.globalAlpha = 1;
      for (const node of nodes) {
        const across = x[node], along = y[node];
        if (across < left || across > right || along < top || along > bottom) continue;
        const size = Math.max(2, Math.round(2 * sizes[node] * times) / 2), sprite = shapeOf(kinds[node], size, ratio);
        context.drawImage(sprite, across - size / 2 - 1, along - size / 2 - 1, sprite.width / ratio, sprite.height / ratio);
      }
    },
  };
}
