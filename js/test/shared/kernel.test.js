import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import widget from "../../src/widgets/logit_lens.js";
import { FakeModel, enter, find, openPage, render, stateOf } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;
/** @type {ReturnType<typeof createHost>} */
let host;

/** A host's kernel and what it signals, as JupyterLab's manager of widgets has them. */
function createHost() {
  /** @type {Set<() => void>} */
  const followers = new Set();
  const signal = { connect: (/** @type {() => void} */ act) => followers.add(act), disconnect: (/** @type {() => void} */ act) => followers.delete(act) };
  const kernel = { status: "idle", connectionStatus: "connected" };
  /** @type {{ kernel: typeof kernel | null, context: any }} */
  const manager = { kernel, context: { sessionContext: { statusChanged: signal } } };
  return {
    manager, followers,
    /** @param {Partial<typeof kernel> | null} change */
    become(change) {
      manager.kernel = change === null ? null : { ...kernel, ...change };
      for (const act of [...followers]) act();
    },
  };
}

/** @param {object} [manager] of widgets; the host's by default */
function open(manager = host.manager) {
  model = Object.assign(new FakeModel(stateOf("LogitLens")), { widget_manager: manager });
  close = render(widget, model, page.holder);
}
const answer = () => model.emit("msg:custom", { type: "ack", id: "ready" }, []);
const said = () => [".gscope-status [role=status]", ".gscope-status [role=alert]"].map((part) => find(page.holder, part).textContent).join("");
const link = () => find(page.holder, ".gscope").dataset.link;
function ask() {
  enter(find(page.holder, "textarea"), `${Math.random()}`, "input");
  mock.timers.tick(350);
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  page = openPage();
  host = createHost();
});
afterEach(() => {
  close();
  page.close();
  mock.timers.reset();
});

test("a kernel that runs a cell, one that is free, and one of which nothing is known are told apart", () => {
  for (const [status, words] of [["busy", /the kernel runs a cell/], ["idle", /Waiting for the kernel$/]]) {
    open();
    answer();
    host.become({ status: /** @type {string} */ (status) });
    assert.equal(said(), "", "nobody waits");
    ask();
    mock.timers.tick(1000);
    assert.match(said(), /** @type {RegExp} */ (words));
    close();
  }
  open({});
  answer();
  ask();
  mock.timers.tick(1000);
  assert.match(said(), /Waiting for the kernel/);
  mock.timers.tick(7000);
  assert.match(said(), /No kernel answers.*from the top/);
  assert.equal(link(), "silent");
});

test("a kernel that runs a cell for long is waited for, and the copy stays away", () => {
  open();
  answer();
  host.become({ status: "busy" });
  ask();
  mock.timers.tick(60_000);
  assert.match(said(), /runs a cell/);
  assert.equal(link(), "live");
  answer();
  assert.equal(said(), "");
});

test("after a cell, a kernel has its time to answer anew; one that does not has forgotten the view", () => {
  open();
  answer();
  host.become({ status: "busy" });
  ask();
  mock.timers.tick(20_000);
  host.become({ status: "idle" });
  mock.timers.tick(7900);
  assert.match(said(), /Waiting for the kernel$/);
  assert.equal(link(), "live");
  mock.timers.tick(200);
  assert.match(said(), /No kernel answers. Run this notebook from the top/);
  assert.equal(link(), "silent");
  answer();
  assert.equal(said(), "");
  assert.equal(link(), "live");
});

test("a cell that runs is seen where the kernel says that it is idle", () => {
  host.manager.context.model = { cells: new Set([{ executionState: "idle" }, { executionState: "running" }]) };
  open();
  answer();
  ask();
  mock.timers.tick(1000);
  assert.match(said(), /the kernel runs a cell/);
});

test("a kernel that begins anew, that ended, and that came back are told apart at once", () => {
  open();
  answer();
  host.become({ status: "restarting" });
  assert.match(said(), /was restarted/);
  host.become({ status: "idle" });
  assert.match(said(), /was restarted.*Run this notebook from the top/);
  host.become({ status: "dead" });
  assert.match(said(), /kernel ended/);
  host.become(null);
  assert.match(said(), /kernel ended/);
  host.become({});
  assert.match(said(), /was restarted/);
  assert.equal(link(), "silent");
});

test("a connection that is lost is told, and that it is back", () => {
  open();
  answer();
  host.become({ status: "unknown", connectionStatus: "connecting" });
  assert.match(said(), /is out of reach/);
  assert.equal(link(), "live");
  host.become({});
  assert.equal(said(), "");
});

test("nothing is sent to a kernel that ended, and an error of the host's line is told instead of raised", () => {
  open();
  answer();
  host.become(null);
  const { length } = model.sent;
  ask();
  assert.equal(model.sent.length, length);
  assert.deepEqual(model.saved, []);
  close();

  host = createHost();
  open();
  answer();
  model.save_changes = () => { throw new Error("Cannot send"); };
  ask();
  assert.match(said(), /was restarted/);
});

test("a view that was never answered says after a second that there is no kernel", () => {
  host.manager.kernel = null;
  open();
  assert.equal(said(), "");
  mock.timers.tick(1000);
  assert.match(said(), /No kernel answers. Run this notebook from the top/);
  assert.equal(link(), "absent");
});

test("a host whose kernel was never seen at work is not believed", () => {
  host.manager.kernel = { status: "unknown", connectionStatus: "disconnected" };
  open();
  answer();
  assert.equal(said(), "");
  assert.equal(link(), "live");
});

test("nothing is followed any more once a view is closed", () => {
  open();
  assert.ok(host.followers.size > 0);
  close();
  assert.equal(host.followers.size, 0);
});
