/**
 * Runs `act` once after `ms` without a further call; only the last call counts.
 * @param {() => void} act
 * @param {number} ms
 */
export function createPause(act, ms) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const cancel = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  const flush = () => {
    if (timer === undefined) return;
    cancel();
    act();
  };
  const later = () => {
    cancel();
    timer = setTimeout(flush, ms);
  };
  return { later, flush, cancel, isPending: () => timer !== undefined };
}

/**
 * Runs `act` at most once a frame, with whatever is newest by then.
 * @param {() => void} act
 */
export function createPerFrame(act) {
  let frame = 0;
  const run = () => {
    frame = 0;
    act();
  };
  return {
    soon() {
      if (!frame) frame = requestAnimationFrame(run);
    },
    flush() {
      if (!frame) return;
      cancelAnimationFrame(frame);
      run();
    },
    cancel() {
      cancelAnimationFrame(frame);
      frame = 0;
    },
    isPending: () => frame !== 0,
  };
}

/**
 * Runs `act` with whatever is newest by then: in the next frame, and then at most once in `ms`.
 * @param {() => void} act
 * @param {number} ms
 */
export function createPace(act, ms) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let rest;
  let is_due = false;
  const frame = createPerFrame(run);
  function run() {
    is_due = false;
    clearTimeout(rest);
    rest = setTimeout(awake, ms);
    act();
  }
  function awake() {
    rest = undefined;
    if (is_due) run();
  }
  return {
    soon() {
      if (rest === undefined) frame.soon();
      else is_due = true;
    },
    /** At once, if anything waits. */
    flush() {
      frame.flush();
      if (is_due) run();
    },
    cancel() {
      frame.cancel();
      clearTimeout(rest);
      rest = undefined;
      is_due = false;
    },
  };
}

/** Says which answers may be drawn: none older than the newest drawn. */
export function createNewest() {
  let newest = -Infinity;
  return {
    /** @param {number} request */
    accept(request) {
      if (request < newest) return false;
      newest = request;
      return true;
    },
  };
}

/**
 * Follows one unanswered request: `onLate` after `late_ms`, `onSilent` after `silent_ms`.
 * Asking again while unanswered does not start the clock again.
 * @param {{ late_ms: number, silent_ms: number, onLate: () => void, onSilent: () => void }} options
 */
export function createPatience({ late_ms, silent_ms, onLate, onSilent }) {
  /** @type {ReturnType<typeof setTimeout>[]} */
  let timers = [];
  const stop = () => {
    timers.forEach(clearTimeout);
    timers = [];
  };
  return {
    start() {
      if (timers.length === 0) timers = [setTimeout(onLate, late_ms), setTimeout(onSilent, silent_ms)];
    },
    stop,
  };
}
