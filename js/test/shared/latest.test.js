import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createNewest, createPace, createPatience, createPause, createPerFrame } from "../../src/shared/latest.js";
import { openPage } from "../support.js";

test("a pause runs once, after the last of fifty calls", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const act = mock.fn();
  const pause = createPause(act, 350);
  for (let call = 0; call < 50; call += 1) {
    pause.later();
    mock.timers.tick(100);
  }
  assert.equal(act.mock.callCount(), 0);
  mock.timers.tick(350);
  assert.equal(act.mock.callCount(), 1);
  pause.flush();
  assert.equal(act.mock.callCount(), 1, "nothing is left to flush");
  mock.timers.reset();
});

test("fifty patches with one held make at most two sends, and the last value is sent", async () => {
  const page = openPage();
  /** @type {number[]} */
  const sent = [];
  let value = -1;
  const frame = createPerFrame(() => sent.push(value));
  for (let patch = 0; patch < 50; patch += 1) {
    value = patch;
    frame.soon();
    if (patch === 24) await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  await new Promise((resolve) => requestAnimationFrame(resolve));
  assert.ok(sent.length <= 2);
  assert.equal(sent.at(-1), 49);
  page.close();
});

test("of a drag of two seconds few values go out, the first in the next frame and the last at the end", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const page = openPage();
  /** @type {(() => void)[]} */
  let frames = [];
  const { requestAnimationFrame: request, cancelAnimationFrame: cancel } = globalThis;
  globalThis.requestAnimationFrame = (/** @type {any} */ act) => frames.push(act);
  globalThis.cancelAnimationFrame = () => { frames = []; };
  /** @type {number[]} */
  const sent = [];
  let now = 0;
  const pace = createPace(() => sent.push(now), 200);
  for (; now < 1900; now += 4) {
    pace.soon();
    if (now % 16 === 0) frames.splice(0).forEach((act) => act());
    mock.timers.tick(4);
  }
  const times = [...sent];
  assert.equal(times[0], 0);
  assert.ok(times.length >= 9 && times.length <= 11, `${times}`);
  assert.ok(times.slice(1).every((time, at) => time - times[at] >= 196), `${times}`);
  mock.timers.tick(200);
  assert.equal(sent.length, times.length + 1, "the last value");
  mock.timers.tick(2000);
  assert.equal(sent.length, times.length + 1, "nothing waits any more");
  pace.soon();
  pace.flush();
  pace.soon();
  pace.flush();
  assert.equal(sent.length, times.length + 3, "what must not wait does not");
  pace.soon();
  pace.cancel();
  mock.timers.tick(2000);
  frames.splice(0).forEach((act) => act());
  assert.equal(sent.length, times.length + 3);
  Object.assign(globalThis, { requestAnimationFrame: request, cancelAnimationFrame: cancel });
  page.close();
  mock.timers.reset();
});

test("answers in random order never go back", () => {
  const newest = createNewest();
  const order = [3, 1, 4, 1, 5, 9, 2, 6, 9, 8];
  const drawn = order.filter((request) => newest.accept(request));
  assert.deepEqual(drawn, [3, 4, 5, 9, 9]);
});

test("silence is told after one second and after eight, and asking again does not delay it", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const onLate = mock.fn();
  const onSilent = mock.fn();
  const patience = createPatience({ late_ms: 1000, silent_ms: 8000, onLate, onSilent });
  patience.start();
  for (let second = 0; second < 8; second += 1) {
    mock.timers.tick(999);
    patience.start();
  }
  mock.timers.tick(10);
  assert.equal(onLate.mock.callCount(), 1);
  assert.equal(onSilent.mock.callCount(), 1);
  patience.stop();
  patience.start();
  patience.stop();
  mock.timers.tick(9000);
  assert.equal(onLate.mock.callCount(), 1);
  mock.timers.reset();
});
