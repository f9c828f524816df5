import { el, setText } from "../shared/dom.js";
import { createNote } from "../shared/note.js";
import { isSame } from "../shared/settings.js";
import { visibleText } from "../shared/tokens.js";
import { createAnswerControls } from "./answer_fields.js";
import { createAnswerLine } from "./answer_line.js";
import { createTableHolder } from "./twin.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { AnswerField, ExerciseResult, PredictTraits } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { AnswerControls } from "./answer_fields.js" */

const signs = /** @type {Record<string, string>} */ ({ right: "\u2713", wrong: "\u2717", "not answered": "\u2013", unusable: "!", "not checked": "!" });

/** @param {string} state */
const signOf = (state) => el("span", { class: "gscope-verdict-sign", "data-state": state, "aria-hidden": "true" }, signs[state] ?? "!");

/**
 * @param {ExerciseResult} message
 */
function drawParts({ heads, parts }) {
  const head = el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, name)));
  const rows = parts.map(({ name, given, found, state }) => el("tr", { "data-state": state },
    el("td", { class: "gscope-prose" }, signOf(state), " ", visibleText(name || state)),
    el("td", { class: "gscope-prose" }, given && visibleText(given)), el("td", { class: "gscope-prose" }, found && visibleText(found))));
  return el("table", { class: "gscope-table" }, el("thead", {}, head), el("tbody", {}, ...rows));
}

/** What a check found. */
function createVerdict() {
  const sentence = el("p", { class: "gscope-verdict", role: "status" });
  const next = el("p", { class: "gscope-next-step" });
  const first = el("p", { class: "gscope-hint" });
  const holder = createTableHolder("What was found");
  return {
    el: el("div", { class: "gscope-outcome" }, sentence, next, first, holder),
    /** @param {ExerciseResult} message */
    draw(message) {
      const { state, parts } = message;
      sentence.dataset.state = state;
      if (sentence.dataset.said !== `${state} ${message.sentence}`) {
        sentence.dataset.said = `${state} ${message.sentence}`;
        sentence.replaceChildren(signOf(state), " ", message.sentence);
      }
      setText(next, message.next_step);
      next.hidden = message.next_step === "";
      setText(first, message.first && `First answer: ${visibleText(message.first)}`);
      holder.hidden = parts.length < 2;
      holder.replaceChildren(...(parts.length < 2 ? [] : [drawParts(message)]));
    },
  };
}

/**
 * Hints one by one, and the solution last.
 * @param {Watch} watch
 * @param {{ onHint: () => void, onSolution: () => void }} actions
 */
function createHelp(watch, { onHint, onSolution }) {
  const more = el("button", { type: "button", class: "gscope-button" });
  const solve = el("button", { type: "button", class: "gscope-button" }, "Show the solution");
  const list = el("ol", { class: "gscope-hints", "aria-label": "Hints" });
  const solution = el("p", { class: "gscope-solution", role: "status" });
  watch.dom(more, "click", onHint);
  watch.dom(solve, "click", onSolution);
  return {
    buttons: [more, solve],
    el: el("div", {}, list, solution),
    /**
     * @param {{ count: number, shown: number, has_solution: boolean, is_solved: boolean, is_answered: boolean }} state
     */
    drawButtons({ count, shown, has_solution, is_solved, is_answered }) {
      more.hidden = shown >= count;
      setText(more, `Hint ${shown + 1} of ${count}`);
      solve.hidden = !has_solution || is_solved || !(is_answered || shown >= count);
    },
    /** @param {ExerciseResult} message */
    draw(message) {
      message.hints.slice(list.children.length).forEach((hint) => list.append(el("li", {}, hint)));
      while (list.children.length > message.hints.length) list.lastChild?.remove();
      list.hidden = message.hints.length === 0;
      setText(solution, message.solution && `Solution: ${message.solution}`);
      solution.hidden = message.solution === "";
    },
  };
}

/** What the words mean that stand in an exercise: its author's too. */
function createMeanings() {
  const list = el("dl");
  const fold = el("details", { class: "gscope-fold gscope-glossary", hidden: true }, el("summary", {}, "What the words mean"), list);
  return {
    el: fold,
    /** @param {ExerciseResult} message */
    draw({ terms }) {
      fold.hidden = terms.length === 0;
      list.replaceChildren(...terms.map(({ name, sentence }) => el("div", {}, el("dt", {}, name), el("dd", {}, sentence))));
    },
  };
}

/**
 * The view of an exercise: what is asked, what is filled in, what the check found.
 * @param {{ model: AnyModel<PredictTraits>, frame: Frame }} inside
 * @param {{ commit: string, createControls?: (field: AnswerField, name: string, watch: Watch) => AnswerControls }} options
 *   `commit` is the word on the button
 */
export function openExercise({ model, frame }, { commit, createControls = createAnswerControls }) {
  const { watch } = frame;
  const group_name = `gscope-${Math.random().toString(36).slice(2)}`;
  const prompt = el("p", { class: "gscope-asked" });
  const controls = model.get("fields").map((field, at) => createControls(field, `${group_name}-${at}`, watch));
  const is_one = controls.length === 1;
  const questions = is_one ? controls[0].el : el("ol", { class: "gscope-questions" },
    ...controls.map(({ el: own }, at) => el("li", {}, el("p", {}, model.get("fields")[at].label), own)));
  const note = createNote();
  const go = el("button", { type: "button", class: "gscope-button gscope-primary" }, commit);
  const verdict = createVerdict();
  const help = createHelp(watch, {
    onHint: () => frame.ask({ hints_shown: model.get("hints_shown") + 1 }),
    onSolution: () => frame.ask({ solution_shown: true }),
  });
  const line = createAnswerLine(watch);
  const words = createMeanings();
  /** @type {unknown} */
  let written;
  let is_sent = false; // whether what is filled in was, as far as it can be
  /** @type {unknown} */
  let judged; // the answer that the verdict is of
  frame.status.urge(() => (/^not /.test(model.get("kept")) ? "First copy the line below into the answer's cell, for it is not there yet." : ""));

  function send() {
    const read = controls.map((one) => one.read());
    const given = read.map(({ value, fault }) => (fault ? null : value));
    const faults = read.flatMap(({ fault }, at) => (fault ? [is_one ? fault : `Question ${at + 1}: ${fault}`] : []));
    const is_empty = given.every((value) => value === null);
    note.say(faults.join(" ") || (is_empty ? "Answer first." : ""));
    is_sent = !is_empty;
    if (is_empty) {
      cover();
      return;
    }
    written = is_one ? given[0] : given; // so that what is typed stays, with what is wrong in it
    frame.ask({ answer: written });
    cover();
  }
  /** A verdict of an answer before stands neither over what cannot be one, nor over one that is being checked: its place is kept. */
  function cover() {
    verdict.el.hidden = !is_sent && controls.some((one) => one.read().fault);
    verdict.el.toggleAttribute("data-outdated", judged !== undefined && !isSame(judged, model.get("answer")));
  }
  watch.dom(frame.root, "input", () => {
    is_sent = false;
    cover();
  });
  watch.dom(go, "click", send);
  watch.dom(frame.root, "keydown", (/** @type {KeyboardEvent} */ { key, target }) => {
    if (key === "Enter" && target instanceof HTMLInputElement && !target.readOnly) send();
  });

  function fill() {
    const answer = model.get("answer");
    if (isSame(answer, written)) {
      cover();
      return;
    }
    written = answer;
    note.say("");
    controls.forEach((one, at) => one.write(is_one ? answer : Array.isArray(answer) ? answer[at] : null));
    cover();
  }
  function draw() {
    setText(prompt, model.get("prompt"));
    const is_answered = model.get("answer") !== null;
    help.drawButtons({
      count: model.get("hint_count"), shown: model.get("hints_shown"), has_solution: model.get("has_solution"),
      is_solved: model.get("solution_shown"), is_answered,
    });
    line.el.hidden = !is_answered;
    line.draw(model.get("line"), model.get("kept"));
  }
  frame.follow(["answer"], fill);
  frame.follow(["answer", "prompt", "hint_count", "hints_shown", "has_solution", "solution_shown", "line", "kept"], draw);
  fill();
  return {
    body: [prompt, questions, note.el, el("div", { class: "gscope-actions" }, go, ...help.buttons), verdict.el, line.el, help.el, words.el],
    receive: {
      /** @param {ExerciseResult} message */
      result(message) {
        verdict.draw(message);
        judged = message.answer;
        cover();
        help.draw(message);
        words.draw(message);
      },
    },
    draw,
  };
}
