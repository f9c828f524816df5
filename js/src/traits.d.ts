/** Written by `python -m gscope_widgets.widgets.contract`, not by hand. Writers of traits: [P] Python, [B,P] page and Python. */

export type State = "idle" | "busy" | "cancelled" | "error";

export type Text = string | Message[];

export type CheckState = "not answered" | "unusable" | "wrong" | "right" | "not checked";

export type FieldKind = "choice" | "choices" | "number" | "positions" | "word" | "rule" | "marks" | "changes";

export type Kept = "nothing" | "kept" | "written" | "not kept" | "not marked";

export type Answer = boolean | number | string | null | (boolean | number | string | null)[] | (boolean | number | string | null | (boolean | number | string | null)[])[];

export type ColorBy = "features" | "l0" | "fvu" | "error_norm" | "lens" | "own";

export type ColorRange = "feature" | "text" | number[];

export type RowName = "baseline" | "changed" | "random 0" | "random 1" | "random 2";

export type Ended = "" | "whole" | "cancelled" | "error";

export type Change = "above" | "below";

export type DoseMeasure = string[] | Ref | number;

export type Kind = "baseline" | "changed" | "random";

export type LensColor = "likeliest" | "pinned";

export type AttentionShown = "pattern" | "contribution" | "effect";

export type HeadScore = "previous" | "induction" | "first" | "distance" | "beyond";

export type ContextSize = "short" | "medium" | "long";

export type NeighbourMeasure = "decoder cosine" | "co-activation";

export type BandChoice = "mixed" | "top" | "all";

export type Ranking = "activation" | "share" | "rarity";

export type Way = "here" | "label" | "texts";

export type MatchKind = "one to one" | "split" | "merged" | "several to several" | "only first" | "only second";

export type MatchMeasure = "decoder cosine" | "activation correlation";

export type Order = "difference" | "first" | "second" | "measure";

export type Shown = "all" | "one to one" | "split" | "merged" | "several to several" | "only first" | "only second";

export type Part = "steering" | "finder" | "card" | "sliders" | "lens";

export type FindingState = "fine" | "attention" | "broken" | "not asked";

export type PageHost = "JupyterLab or Notebook" | "Colab" | "VS Code" | "another page";

export type PageTheme = "light" | "dark";

/** What a widget does now. */
export interface Status {
  state: State;
  /** one sentence for the reader; empty when there is nothing to say */
  message: string;
  /** share done; null where it is not known */
  progress: number | null;
  /** place in the queue, bytes or time left, in words; empty where none is known */
  detail: string;
  /** the newest number; it never goes back */
  request: number;
}

/** A turn of a chat. */
export interface Message {
  role: string;
  content: string;
}

/** A feature with its dictionary. */
export interface Ref {
  dictionary_id: string;
  feature: number;
}

/** Words for a feature: where they come from, and how well they held on text not used to choose them. */
export interface Label {
  text: string;
  source: string;
  auc: number | null;
}

/** A feature as the reader meets it. */
export interface FeatureInfo {
  dictionary_id: string;
  feature: number;
  /** "feature 21", or "feature 21 of resid_post layer 4" beside features of other dictionaries */
  name: string;
  label: Label | null;
  /** the largest seen when it was measured */
  max_activation: number | null;
}

/** Tokens of the text that a change is made at, painted by hand. */
export interface PaintedRange {
  start: number;
  /** the first token after it */
  stop: number;
  /** of these tokens, by which they are known again; empty where it was not looked up yet */
  text: string;
}

/** A direction of one's own, which changes name by its id. */
export interface OwnDirection {
  id: string;
  name: string;
  site: string;
  layer: number;
  /** float32 */
  vector: number[];
}

/** A change with its switch. */
export interface ChangeState {
  ref: Ref | string | number;
  kind: "add" | "clamp" | "scale" | "ablate";
  /** strength, activation or factor; 0 of "ablate" */
  amount: number;
  /** of "add": mean norms, or multiples of the unit direction */
  unit: "fraction" | "raw";
  positions: "all" | "prompt" | "generated" | PaintedRange;
  /** whether it takes part */
  on: boolean;
}

/** Changes under a name. */
export interface PresetState {
  name: string;
  changes: ChangeState[];
}

/** How the slider of a change runs, for one kind. */
export interface ChangeRange {
  min: number;
  max: number;
  step: number;
  /** where nothing is changed */
  rest: number;
  unit: string;
  /** that may be typed */
  least: number;
  most: number;
}

/** The tokens of the text, on which ranges are painted. */
export interface PromptTokens {
  tokens: string[];
  /** positions that are never changed, such as BOS */
  ignored: number[];
  /** of the whole text, of which no more than these can be painted by hand */
  count: number;
}

/** A run of tokens, by position, that are one character only together. */
export interface Glyph {
  first: number;
  last: number;
  character: string;
}

/** One of a message's arrays, whose bytes are the buffer at the same place. */
export interface ArrayHead {
  name: string;
  dtype: "float32" | "int32";
  shape: number[];
}

/** A part of the arrays of the result that follows, where they are too long for one message: the next bytes. */
export interface Piece {
  type: "piece";
  /** 0 begins anew */
  index: number;
}

/** From a view that can draw: it is answered with everything. */
export interface Ready {
  type: "ready";
}

/** From the page: stop the work under way. */
export interface Cancel {
  type: "cancel";
}

/** From the page: state that it sent before, to be answered or refused once more; a patch carries changes alone. */
export interface Again {
  type: "again";
  /** empty: what was asked for last */
  state: Record<string, unknown>;
}

/** What helps with an error that a widget shows. */
export interface Trouble {
  /** to pass on: the sentence, the widget, where its numbers come from; no path and no token */
  details: string;
  /** a line that says what this machine lacks; empty where the machine is not at fault */
  code: string;
  /** whether the same may be answered when it is asked for once more */
  again: boolean;
}

/** What the page is told of a lesson. */
export interface LessonView {
  /** above the view: the instructor's note, what the lists leave out, how many stages are open */
  lines: string[];
  /** prompts of the course, where there are several, and the next stage */
  choices: string[];
  /** settings that the page may not change, each with the reason */
  fixed: Record<string, string>;
}

/** From the page: one of the choices that the lesson gives. */
export interface Step {
  type: "step";
  choice: number;
}

/** From the page: end the run that its start began. */
export interface Stop {
  type: "stop";
  id: string;
}

/** From the page: keep what is shown as a finding. */
export interface Pin {
  type: "pin";
  note: string;
}

/** From the page: what is shown as a picture. */
export interface AskPicture {
  type: "picture";
  format: "png" | "svg";
}

/** What came of a pin or a picture; a picture's bytes are the buffer. */
export interface KeepAnswer {
  type: "kept";
  /** a sentence; empty where a picture comes */
  text: string;
  format: "" | "png" | "svg";
}

/** To the page: a message with this id has come. */
export interface Ack {
  type: "ack";
  id: string;
}

/** What the learner fills in for one question. */
export interface AnswerField {
  kind: FieldKind;
  label: string;
  /** to choose from; the tokens of a text, the snippets to mark, the features to change */
  choices: string[];
  unit: string;
}

/** A part of an answer, and what came of it. */
export interface ExercisePart {
  name: string;
  given: string;
  found: string;
  state: CheckState;
}

/** A word of the field, and what it means. */
export interface Meaning {
  name: string;
  sentence: string;
}

/** What a check of the answer found, and what was opened on request. */
export interface ExerciseResult {
  type: "result";
  request: number;
  /** the settings that this answers; null where none was committed */
  answer: Answer;
  hints_shown: number;
  solution_shown: boolean;
  state: CheckState;
  sentence: string;
  next_step: string;
  /** 0 to 1 */
  score: number;
  /** of the parts' columns */
  heads: string[];
  parts: ExercisePart[];
  /** the answer committed first, where it is another; empty otherwise */
  first: string;
  /** those opened */
  hints: string[];
  /** empty until it is opened */
  solution: string;
  /** words of the field that stand there */
  terms: Meaning[];
  /** none */
  arrays: ArrayHead[];
}

/** What may fill the tokens in place of features. */
export interface QuantityInfo {
  /** as a legend says it */
  name: string;
  /** where its colour is full by itself; null where that is at its maximum in the text */
  full: number | null;
  /** what that is, in words */
  source: string;
}

/** What the reconstruction costs the model on the text; nats a token. */
export interface LossInfo {
  loss: number;
  /** with the reconstruction in place */
  replaced: number;
  /** with the mean over the text in place */
  ablated: number;
  /** the share of the mean's damage that the reconstruction avoids; null where it does none */
  recovered: number | null;
}

/** The features on a text. */
export interface ReadingResult {
  type: "result";
  request: number;
  /** what was read: compare with what the editor holds now */
  text: Text;
  tokens: string[];
  /** position to the reason it is left out: {"0": "the first position ..."} */
  ignored: Record<string, string>;
  glyphs: Glyph[];
  /** one a row of `values` */
  features: FeatureInfo[];
  /** of the features among `top_features` that have one, in a long text of the strongest */
  labels: Record<string, Label>;
  /** by the `color_by` that asks for it */
  quantities: Record<string, QuantityInfo>;
  /** of the whole text, ignored positions left out; null where fewer than two are left */
  fvu: number | null;
  /** null where no position is left */
  mean_l0: number | null;
  /** null where it was not asked for, or fewer than two positions are left */
  delta_loss: LossInfo | null;
  /** what became of the token picked, a sentence; empty where it stands where it stood */
  note: string;
  /**
   * values [features, pos] float32; top_features [pos, k] int32, -1 where fewer fire; top_activations [pos, k]
   * float32; ids and l0 [pos] int32; fvu, error_norm and norm [pos] float32, no finite number where not defined;
   * lens and own [pos] float32, [0] where none was read or given
   */
  arrays: ArrayHead[];
  /** messages that came before with the bytes of these arrays; 0 where they are this one's buffers */
  pieces: number;
}

/** A feature's own activation on the text as it is. */
export interface Natural {
  /** at the last token */
  last: number;
  peak: number;
}

/** A next token, and how likely it is. */
export interface TokenRow {
  id: number;
  token: string;
  baseline: number;
  changed: number;
  /** mean of the random directions; null where none was recorded */
  random: number | null;
}

/** Probability outside the rows. */
export interface Rest {
  baseline: number;
  changed: number;
  random: number | null;
}

/** The next token, changed beside the baseline. */
export interface DistributionResult {
  type: "result";
  request: number;
  /** the settings that this answers: compare with what the view shows now */
  text: Text;
  changes: ChangeState[];
  /** the likeliest of either run, likeliest first */
  rows: TokenRow[];
  rest: Rest;
  /** Kullback-Leibler divergence of the changed from the baseline distribution, in nats */
  kl: number;
  /** the same of each random direction as long as the changes; none where nothing is changed */
  control_kls: number[];
  /** false where changes have no control, which was not recorded */
  is_controlled: boolean;
  /** one a change; null of a direction */
  natural: (Natural | null)[];
  arrays: ArrayHead[];
}

/** A token that could have been drawn. */
export interface Alternative {
  text: string;
  probability: number;
}

/** A token as it is made. */
export interface StreamedToken {
  text: string;
  id: number;
  /** natural logarithm of the probability it was drawn with, under that row's own model */
  logprob: number;
  /** of each of the `known` features, at this token in that row's own run */
  activations: number[];
  /** the likeliest at this step */
  alternatives: Alternative[];
}

/** One continuation that is made. */
export interface RowHead {
  name: RowName;
  seed: number;
  /** what was done: "baseline", "changed: feature 3: add +0.40", "random direction of the same length" */
  words: string;
}

/** What one continuation has gained. */
export interface StreamedRow {
  /** its place among the heads */
  at: number;
  tokens: StreamedToken[];
}

/** Tokens as they are made, at most 30 messages a second. */
export interface SteeringStream {
  type: "stream";
  request: number;
  /** true when these rows replace everything shown: a new run, or a view that came late */
  reset: boolean;
  /** that the run is made with */
  settings: SteeringSettings;
  /** what is known of each feature that is changed, on or off */
  known: FeatureInfo[];
  /** what is changed, in words: "feature 3: add +0.40" */
  changes: string;
  /** of all continuations, sample by sample */
  heads: RowHead[];
  rows: StreamedRow[];
  /** empty while it runs */
  ended: Ended;
  arrays: ArrayHead[];
}

/** What the unchanged model makes of one continuation. */
export interface RowScore {
  ended: "length" | "end of text" | "context full";
  perplexity: number | null;
  /** mean over the tokens, nats */
  kl: number | null;
  /** why there is no number, or that the text breaks up; else empty */
  note: string;
}

/** All samples of one row, in words: means with their intervals. */
export interface RowEstimate {
  name: RowName;
  perplexity: string;
  kl: string;
  /** of samples with one of the words in them; empty where none was asked for */
  share: string;
  breaks_up: boolean;
}

/** What a whole run comes to. */
export interface SteeringScores {
  type: "scores";
  request: number;
  /** one a head */
  rows: RowScore[];
  estimates: RowEstimate[];
  /** that the changed text breaks up, a sentence; else empty */
  warning: string;
  rules: Record<string, string>;
  /** kl and logprobs [tokens] float32, nats: of all rows, one after the other */
  arrays: ArrayHead[];
}

/** What a run is made with. */
export interface SteeringSettings {
  prompt: Text;
  directions: OwnDirection[];
  changes: ChangeState[];
  max_new_tokens: number;
  temperature: number;
  seed: number;
  samples: number;
  words: string[];
}

/** What this page's reader changed since its last start, and no more: another page may have changed the rest. */
export interface ChangedSettings {
  prompt?: Text;
  directions?: OwnDirection[];
  changes?: ChangeState[];
  max_new_tokens?: number;
  temperature?: number;
  seed?: number;
  samples?: number;
  words?: string[];
}

/** Begin a run. It carries settings because patches of state may reach Python after it. */
export interface Start {
  type: "start";
  id: string;
  settings: ChangedSettings;
}

/** What a sweep is made with. */
export interface DoseSettings {
  prompt: Text;
  feature: Ref;
  measure: DoseMeasure;
  strengths: number[];
  samples: number;
  max_new_tokens: number;
  temperature: number;
  seed: number;
}

/** What this page's reader changed since its last start, and no more: another page may have changed the rest. */
export interface ChangedDose {
  prompt?: Text;
  feature?: number | Ref;
  measure?: DoseMeasure;
  strengths?: number[];
  samples?: number;
  max_new_tokens?: number;
  temperature?: number;
  seed?: number;
}

/** Begin a sweep. It carries settings because patches of state may reach Python after it. */
export interface StartDose {
  type: "start";
  id: string;
  settings: ChangedDose;
}

/** The smallest strength on one side of 0 at which the effect stands out. */
export interface DoseFlip {
  strength: number;
  change: Change;
}

/** The curve, or as much of it as is made. */
export interface DoseResult {
  type: "result";
  request: number;
  /** that this is made with */
  settings: DoseSettings;
  /** in words */
  measure: string;
  /** those made, rising, 0 among them: one a row of each array */
  strengths: number[];
  /** empty while more is to come */
  ended: "" | "whole" | "stopped";
  flips: DoseFlip[];
  breaks_up: number[];
  /** of each strength, what may be said: "above baseline and control", "not told from the baseline" */
  said: string[];
  /** of each strength, whether its texts break up */
  broken: boolean[];
  /** what the whole curve says, a sentence each */
  findings: string[];
  /** how intervals and control are made, and when a text flips and breaks up */
  rules: Record<string, string>;
  /**
   * effect, control_effect, perplexity and control_perplexity [strengths, 3] float32: mean, and the ends of the
   * interval; variety [strengths] float32: different tokens over tokens
   */
  arrays: ArrayHead[];
}

/** A text that was made. */
export interface DoseText {
  kind: Kind;
  seed: number;
  text: string;
}

/** All texts of the strength that is read, those of strength 0 first. */
export interface DoseTexts {
  type: "texts";
  request: number;
  strength: number;
  prompt: Text;
  rows: DoseText[];
  /** numbers [rows, 3] float32: effect, perplexity, variety */
  arrays: ArrayHead[];
}

/** The likeliest next tokens by layer and position. */
export interface LensResult {
  type: "result";
  request: number;
  /** the settings that this answers: compare with what the view shows now */
  text: Text;
  stride: number;
  pinned: number[];
  tokens: string[];
  glyphs: Glyph[];
  /** ascending, zero-based; the model's last one is always among them */
  layers: number[];
  /** the text of every token id in `ids` and `pinned` */
  names: Record<string, string>;
  /** what became of the position picked, a sentence; empty where it stands where it stood */
  note: string;
  /**
   * ids [layers, pos, k] int32, likeliest first; probabilities and logits [layers, pos, k] float32;
   * path_probabilities [pinned, layers, pos] float32; path_ranks [pinned, layers, pos] int32, 0 for the likeliest
   */
  arrays: ArrayHead[];
  /** messages that came before with the bytes of these arrays; 0 where they are this one's buffers */
  pieces: number;
}

/** The heads of one layer on a text, and the scores of all heads. */
export interface AttentionResult {
  type: "result";
  request: number;
  /** the settings that this answers: compare with what the view shows now */
  text: Text;
  layer: number;
  tokens: string[];
  glyphs: Glyph[];
  /** by layer: how many tokens it sees, its own among them; 0 for all */
  windows: number[];
  /** by position: the token whose logit `effects` are on */
  names: string[];
  /** the logit that one step of `effects` is */
  effect_step: number;
  /** what became of the position picked, a sentence; empty where it stands where it stood */
  note: string;
  /**
   * scores [layers, heads, score] float32, NaN where a head has none; sizes [heads, pos], scales [pos] float32.
   * patterns and effects [heads, rows of keys 0 to query], two 16-bit numbers in each int32, the first in its low
   * half: patterns in steps of 1/65535, effects signed in steps of `effect_step`.
   */
  arrays: ArrayHead[];
  /** messages that came before with the bytes of these arrays; 0 where they are this one's buffers */
  pieces: number;
}

/** Words for a feature, with all that is known of where they come from. */
export interface CardLabel {
  text: string;
  source: string;
  /** the model that wrote it; empty where none did */
  author: string;
  /** empty where the source is silent */
  date: string;
  /** the source's own */
  score: number | null;
  /** whether nothing was measured for it */
  is_machine_guess: boolean;
}

/** What detects the same concept without the dictionary. */
export interface CardRival {
  name: string;
  auc: number;
}

/** How well the feature detects a concept of known text. */
export interface CardTruth {
  concept: string;
  auc: number;
  precision: number;
  recall: number;
  /** tokens that carry the concept */
  positives: number;
  on: string;
  rivals: CardRival[];
}

/** What the arrays `edges` and `counts` are of. */
export interface CardHistogram {
  /** looked at */
  tokens: number;
  on: string;
}

/** A stretch of text around a token; the activations of all examples follow each other in one array. */
export interface CardExample {
  tokens: string[];
  /** index in `tokens` */
  peak: number;
  activation: number;
}

/** A fifth of the feature's range, and which of `examples` are of it. */
export interface CardBand {
  low: number;
  high: number;
  count: number;
  first: number;
  stop: number;
}

/** What is added to a token's logit for each unit of activation. */
export interface CardEffect {
  id: number;
  token: string;
  effect: number;
}

/** A feature that is like this one, by one measure. */
export interface CardNeighbour {
  feature: Ref;
  label: Label | null;
  measure: NeighbourMeasure;
  value: number;
  on: string;
}

/** All that is known of a feature, and its activations on the reader's text. */
export interface CardResult {
  type: "result";
  request: number;
  /** what was read: compare with what the editor holds now */
  text: Text;
  feature: Ref;
  /** site, layer and size of its dictionary */
  place: string;
  labels: CardLabel[];
  density: number | null;
  /** of what text; empty where nobody says */
  density_on: string;
  max_activation: number | null;
  truth: CardTruth | null;
  histogram: CardHistogram | null;
  /** so many of `examples`, the first, are the strongest; those of bands follow */
  top: number;
  examples: CardExample[];
  examples_on: string;
  /** strongest first */
  bands: CardBand[];
  bands_on: string;
  promoted: CardEffect[];
  suppressed: CardEffect[];
  neighbours: CardNeighbour[];
  /** a sentence for each part that is missing */
  notes: string[];
  /** of the reader's text, as all below */
  tokens: string[];
  ids: number[];
  ignored: Record<string, string>;
  glyphs: Glyph[];
  /**
   * values [pos] float32; edges [bins + 1] float32 and counts [bins] int32, empty without a histogram; activations
   * [tokens of all examples] float32, no finite number where it was not read
   */
  arrays: ArrayHead[];
}

/** What a score comes to when the texts' marks are dealt out anew; see `ShuffledNull`. */
export interface Chance {
  mean: number;
  p95: number;
  reached: number;
  reached_by_any: number;
}

/** A feature of the list. */
export interface Found {
  feature: number;
  label: Label | null;
  /** its largest here; null where it does not fire here */
  activation: number | null;
  /** where that is */
  pos: number | null;
  /** of its known maximum; null where that is not known */
  share: number | null;
  max_activation: number | null;
  /** null where it is not known */
  density: number | null;
  /** whether it fires at more than one token in ten */
  dense: boolean;
  /** of a search */
  score: number | null;
  /** mean over the (positive) texts of its largest activation in each; null by label */
  positive: number | null;
  negative: number | null;
  /** of a contrast */
  chance: Chance | null;
}

/** The list, and the text that it is about. */
export interface FinderResult {
  type: "result";
  request: number;
  /** the settings that this answers: compare with what the view shows now */
  text: Text;
  way: Way;
  query: string;
  positive: string[];
  negative: string[];
  /** what the list is of, and in which order */
  heading: string;
  /** what there is to say besides: nothing was found and what comes nearest, a pick that moved */
  note: string;
  /** labels most like a query that none holds */
  nearest: string[];
  /** what text densities and known maxima are of; empty where nobody says */
  densities_on: string;
  /** what `score` is, in words; empty where there is none */
  measure: string;
  /** features that there are; the list is the first of them */
  count: number;
  found: Found[];
  tokens: string[];
  glyphs: Glyph[];
  /** position to the reason it is left out */
  ignored: Record<string, string>;
  /** none */
  arrays: ArrayHead[];
}

/** One of the two texts. */
export interface ContrastedText {
  tokens: string[];
  /** position to the reason it is left out */
  ignored: Record<string, string>;
  glyphs: Glyph[];
}

/** A feature in both texts: its largest activation in each, 0 where it is silent. */
export interface ContrastedActivation {
  feature: number;
  first: number;
  second: number;
}

/** Two texts aligned, and the features on both. */
export interface ContrastResult {
  type: "result";
  request: number;
  /** the settings that this answers: compare with what the editors hold now */
  first: Text;
  second: Text;
  /** the first and the second */
  texts: ContrastedText[];
  /** those kept in sight, one a row of `first_values` and `second_values` */
  features: FeatureInfo[];
  /** the feature that `first_painted` and `second_painted` are of */
  selected: FeatureInfo | null;
  /** in the whole texts, the largest difference first */
  differing: ContrastedActivation[];
  /** that fire in both, by the smaller of the two */
  shared: ContrastedActivation[];
  /** of every feature listed that has one */
  labels: Record<string, Label>;
  /** what became of the column picked, a sentence; empty where it stands where it stood */
  note: string;
  /**
   * pairs [columns, 2] int32, positions in both texts, -1 where a text has no such token; differences [columns]
   * float32; differing_features and shared_features [columns, k] int32, -1 where fewer are; differing_activations
   * and shared_activations [columns, k, 2] float32; first_values [features, pos] and second_values float32;
   * first_painted [pos] and second_painted float32
   */
  arrays: ArrayHead[];
  /** messages that came before with the bytes of these arrays; 0 where they are this one's buffers */
  pieces: number;
}

/** A dictionary that may stand on either side. */
export interface Choice {
  dictionary_id: string;
  /** where it sits: "resid_post layer 4", with its size where two sit there, with its model where two read */
  name: string;
}

/** What one of the two dictionaries makes of the text. */
export interface ComparedSide {
  dictionary_id: string;
  /** as in `choices` */
  name: string;
  d_dict: number;
  /** null where no token is left */
  mean_l0: number | null;
  /** null where it is not defined */
  fvu: number | null;
  /** features that fire on the text */
  firing: number;
  /** of them, those without a partner */
  alone: number;
  /** of every feature listed that has one */
  labels: Record<string, Label>;
}

/** How many matches of the whole text are of a kind. */
export interface KindCount {
  kind: MatchKind;
  count: number;
}

/** The match whose activations `painted` holds. */
export interface SelectedMatch {
  first: FeatureInfo[];
  second: FeatureInfo[];
  /** null for a feature that is silent here, and answers none that fires */
  kind: MatchKind | null;
  value: number | null;
}

/** One text as two dictionaries read it. */
export interface CompareResult {
  type: "result";
  request: number;
  /** the settings that this answers: compare with what the view shows now */
  text: Text;
  compared: string[];
  tokens: string[];
  glyphs: Glyph[];
  /** position to the reason it is left out */
  ignored: Record<string, string>;
  /** the first and the second */
  sides: ComparedSide[];
  measure: MatchMeasure;
  /** of what the measure is, in words */
  on: string;
  /** from which value on features count as matched */
  threshold: number;
  /** in the order that `kinds` numbers them */
  counts: KindCount[];
  selected: SelectedMatch | null;
  /** whether activations of either may be set against the other's: both read the same vectors */
  one_scale: boolean;
  /** what to keep in mind, a sentence each */
  notes: string[];
  /** what became of the token picked, a sentence; empty where it stands where it stood */
  note: string;
  /**
   * l0 [2, pos] int32; fvu [2, pos] float32, NaN where it is not defined; painted [2, pos] float32, the largest
   * activation of either side of `selected`; matches by the largest difference: kinds [m] int32, values and nearest
   * [m] float32, NaN where there is none, activations [m, 2] float32; members [q, 3] int32: match, side, feature;
   * token_matches [pos, k] int32, -1 where fewer fire; token_activations [pos, k, 2] float32; token_counts [pos]
   * int32
   */
  arrays: ArrayHead[];
  /** messages that came before with the bytes of these arrays; 0 where they are this one's buffers */
  pieces: number;
}

/** A feature at a position, whose activation a graph explains. */
export interface PlacedRef {
  dictionary_id: string;
  feature: number;
  pos: number;
}

/** Nodes under one name. */
export interface GroupState {
  label: string;
  /** their ids */
  nodes: string[];
}

/** What the graph explains. */
export interface TargetInfo {
  name: string;
  /** of the token; null for a difference and a feature */
  id: number | null;
  /** of the token as the next one */
  probability: number | null;
  value: number;
  /** of the targets' weights, which add up to 1 */
  weight: number;
}

/** How large a graph, or a part of one, is, and how far it explains its targets. */
export interface PartNumbers {
  features: number;
  errors: number;
  edges: number;
  replacement: number;
  completeness: number;
  /** of what paths begin with, errors: 1 less replacement */
  error_share: number;
}

/** A graph, pruned, as it is drawn. */
export interface GraphResult {
  type: "result";
  request: number;
  /** the settings that this answers: compare with what the view shows now */
  prompt: Text;
  target: string | number | (string | number)[] | PlacedRef | null;
  node_share: number;
  edge_share: number;
  tokens: string[];
  glyphs: Glyph[];
  /** position to the reason that no feature is read there */
  ignored: Record<string, string>;
  layers: number;
  targets: TargetInfo[];
  /** of all nodes and edges */
  whole: PartNumbers;
  /** of those that are drawn */
  shown: PartNumbers;
  /** of nodes, in their order: tokens, errors, features, targets */
  ids: string[];
  /** ids of dictionaries, of which `dictionaries` has the place */
  refs: string[];
  /** of features, by their place in `ids`; cut short, of huge graphs the strongest's */
  labels: Record<string, Label>;
  /** whether nodes of this graph can be changed in the model */
  can_change: boolean;
  /** whether its edges can be taken apart by attention heads */
  has_heads: boolean;
  /** what to keep in mind, a sentence each */
  notes: string[];
  /** what became of the picks, a sentence; empty where they stand where they stood */
  note: string;
  /**
   * of nodes [n]: kinds int32 (0 token, 1 error, 2 feature, 3 target), node_layers int32, positions int32, numbers
   * int32 (of features in their dictionary, of tokens their ids), features int32 (the same, -1 for others),
   * dictionaries int32, activations float32 (NaN for others), influence float32 (share of all there is), inputs
   * float32 (sum of the sizes of all that comes in, of the whole graph), values float32, rest float32 (what comes
   * in from no node of the whole graph; NaN for tokens and errors); of edges [e]: sources int32, sinks int32,
   * weights float32, flows float32 (share of what flows to the targets), heaviest last
   */
  arrays: ArrayHead[];
  /** messages that came before with the bytes of these arrays; 0 where they are this one's buffers */
  pieces: number;
}

/** A node, or a group, of the subgraph. */
export interface BoxInfo {
  /** the node's id, or the group's label behind "group " */
  key: string;
  /** of a group; empty for a node */
  label: string;
  nodes: string[];
  /** mean of its nodes' */
  layer: number;
  /** likewise */
  pos: number;
  /** share of what comes in that comes from boxes */
  shown: number | null;
  /** share of what comes in that comes from errors */
  errors: number | null;
}

/** What one box adds to another directly. */
export interface BoxEdge {
  source: number;
  sink: number;
  weight: number;
  /** of the sizes of all that comes into the box; negative where it takes away */
  share: number;
}

/** What is pinned, and a target, with what each adds to the others directly, on the whole graph. */
export interface SubgraphResult {
  type: "subgraph";
  boxes: BoxInfo[];
  /** largest share first */
  edges: BoxEdge[];
}

/** What a change does to one target. */
export interface EffectRow {
  target: string;
  baseline: number;
  /** null where features give place to others */
  predicted: number | null;
  frozen: number;
  free: number;
  random: number;
  random_low: number;
  random_high: number;
}

/** What changing nodes did; no rows where the graph that it was of is no longer shown. */
export interface EffectResult {
  type: "effect";
  /** what was changed, and how */
  words: string;
  nodes: string[];
  /** draws of random features */
  controls: number;
  rows: EffectRow[];
}

/** What went through one attention head. */
export interface HeadRow {
  layer: number;
  head: number;
  /** what the edge loses where this head alone is cut out */
  weight: number;
  /** of the edge */
  share: number;
}

/** Which attention heads carried an edge; no node where the graph that it was of is no longer shown. */
export interface HeadsResult {
  type: "heads";
  node: string;
  source: string;
  /** of the edge */
  weight: number;
  /** through no head */
  direct: number;
  /** that carried any of it */
  heads: number;
  /** the strongest */
  rows: HeadRow[];
}

/** From the page: which attention heads carried an edge. */
export interface AskHeads {
  type: "heads";
  node: string;
  source: string;
}

/** A feature that comes in a node's place. */
export interface SwapIn {
  node: string;
  /** its number in the dictionary */
  feature: number;
}

/** From the page: change nodes of the graph in the model. */
export interface ChangeNodes {
  type: "change";
  nodes: string[];
  /** that activations are multiplied by */
  factor: number | null;
  /** or that they are held at */
  activation: number | null;
  instead: SwapIn[];
}

/** Make a part that was folded until now. */
export interface OpenPart {
  type: "open";
  part: Part;
}

/** Read the prompt and one continuation of the last run, in place of the text. */
export interface ReadRun {
  type: "read_run";
  row: RowName;
}

/** Bring back the text that was read before. */
export interface Back {
  type: "back";
}

/** One check, as `gs.doctor()` has it. */
export interface FindingInfo {
  name: string;
  state: FindingState;
  seen: string;
  /** what to do; empty where nothing is to be done */
  advice: string;
}

/** The findings so far, one for each check. */
export interface CheckupResult {
  type: "result";
  request: number;
  /** the settings that this answers */
  model: string;
  ask_hub: boolean;
  findings: FindingInfo[];
  /** how many there are of each kind; empty until every check is done */
  summary: string;
  /** none */
  arrays: ArrayHead[];
}

/** To every view: say what came of this, and what the page is like. */
export interface Ping {
  type: "ping";
  id: number;
  /** characters to send back */
  asked: number;
  /** numbers of no meaning, as large as a message gets */
  arrays: ArrayHead[];
}

/** From a view: its answer to a ping. */
export interface Pong {
  type: "pong";
  id: number;
  /** bytes of the ping's numbers */
  received: number;
  /** as many characters as were asked for */
  padding: string;
  /** that the view was built with */
  version: string;
  host: PageHost;
  theme: PageTheme;
  browser: string;
  width_px: number;
  /** whether the style sheet is in force */
  is_styled: boolean;
  /** whether there is a widget manager */
  has_manager: boolean;
}

/** Begin another check-up. */
export interface CheckAgain {
  type: "check";
}

export interface BaseTraits {
  /** [P] Who answers, such as a model, and how: live or replayed. */
  badge: string;
  /** [P] The class of this widget's static copies, which its live view hides. */
  copy_id: string;
  /** [P] What answers in one line: model, dictionary, device and dtype, or versions. */
  footer: string;
  /** [P] Of the lesson that the widget is locked to, or null. */
  lesson_view: LessonView | null;
  /** [P] The setting that `status` refuses, which a field of the view says; empty where there is none. */
  refused: string;
  /** [P] What the widget does now: state, a sentence, how far that is, the newest request's number. */
  status: Status;
  /** [P] What helps with the error that `status` says, or null. */
  trouble: Trouble | null;
  /** [P] Of this package. */
  version: string;
}

export interface TokenHeatmapTraits extends BaseTraits {
  /**
   * [B,P] What fills the tokens: the first of `features`; the number of features that fire (l0); what they leave
   * out (fvu, error_norm); how likely the likeliest next token is, read off the dictionary's layer (lens); or
   * numbers of one's own (own), set in Python as a list of one a token.
   */
  color_by: ColorBy;
  /**
   * [B,P] Full colour at the feature's largest known activation (feature), at the largest value in this text
   * (text), or a range of two numbers, such as (0, 5). Another `color_by` begins with (feature) again.
   */
  color_range: ColorRange;
  /** [P] Features are 0 to d_dict - 1. */
  d_dict: number;
  /** [P] The dictionary whose features are shown. */
  dictionary_id: string;
  /**
   * [B,P] The features shown. Set as `dictionary.feature(number)` or as numbers, which are the widget's own
   * dictionary's; read back as a tuple of FeatureRef.
   */
  features: Ref[];
  /** [P] What is known of each of `features`, in their order. */
  known: FeatureInfo[];
  /** [B,P] The feature picked, as a FeatureRef, or None. */
  selected_feature: Ref | null;
  /** [B,P] Position of the token picked, or None. */
  selected_pos: number | null;
  /** [B,P] What is read: a string, or chat messages for a chat model. */
  text: Text;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
  /**
   * [B,P] Whether the model is run with the dictionary's reconstruction in place too, and its loss then is said
   * with every reading.
   */
  with_loss: boolean;
}

export interface FeatureSlidersTraits extends BaseTraits {
  /** [P] What is known to go wrong with these settings, a sentence; empty where nothing is. */
  caution: string;
  /** [B,P] All changes with their switches. Set as interventions, or as read: a tuple of Change. */
  changes: ChangeState[];
  /** [B,P] Directions of one's own that changes may add, from scope.direction or gs.Direction. */
  directions: OwnDirection[];
  /**
   * [B,P] The features shown. Set as `dictionary.feature(number)` or as numbers, which are the widget's own
   * dictionary's; read back as a tuple of FeatureRef.
   */
  features: Ref[];
  /** [P] What is known of each of `features`, in their order. */
  known: FeatureInfo[];
  /** [P] What was done to changes because the text changed, a sentence; else empty. */
  notice: string;
  /**
   * [B,P] Changes by name, to be made again: widget.changes = widget.presets["more"]. Set as a whole:
   * widget.presets = widget.presets | {"more": widget.changes}.
   */
  presets: PresetState[];
  /** [P] Tokens of the text, for ranges to be painted on. */
  prompt_tokens: PromptTokens;
  /** [P] How the slider of each change runs, by kind. */
  ranges: Record<string, ChangeRange>[];
  /** [B,P] Whose next token is predicted: a string, or chat messages. */
  text: Text;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
}

export interface SteeringPanelTraits extends BaseTraits {
  /** [P] What is known to go wrong with these settings, a sentence; empty where nothing is. */
  caution: string;
  /** [B,P] All changes with their switches. Set as interventions, or as read: a tuple of Change. */
  changes: ChangeState[];
  /** [B,P] Directions of one's own that changes may add, from scope.direction or gs.Direction. */
  directions: OwnDirection[];
  /**
   * [B,P] The features shown. Set as `dictionary.feature(number)` or as numbers, which are the widget's own
   * dictionary's; read back as a tuple of FeatureRef.
   */
  features: Ref[];
  /** [P] What is known of each of `features`, in their order. */
  known: FeatureInfo[];
  /** [B,P] Tokens of each continuation, at most. */
  max_new_tokens: number;
  /** [P] What was done to changes because the text changed, a sentence; else empty. */
  notice: string;
  /**
   * [B,P] Changes by name, to be made again: widget.changes = widget.presets["more"]. Set as a whole:
   * widget.presets = widget.presets | {"more": widget.changes}.
   */
  presets: PresetState[];
  /** [B,P] What is continued: a string, or chat messages for a chat model. */
  prompt: Text;
  /** [P] Tokens of the text, for ranges to be painted on. */
  prompt_tokens: PromptTokens;
  /** [P] How the slider of each change runs, by kind. */
  ranges: Record<string, ChangeRange>[];
  /** [B,P] Texts of each kind; several need a temperature above 0. */
  samples: number;
  /** [B,P] Of the sampling; further samples take the seeds after it. */
  seed: number;
  /** [B,P] 0 takes the likeliest token each time. */
  temperature: number;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
  /** [B,P] Counted in the texts: in what share of samples one occurs. */
  words: string[];
}

export interface DoseSweepTraits extends BaseTraits {
  /** [P] What is known to go wrong with these settings, a sentence; empty where nothing is. */
  caution: string;
  /** [P] Features are 0 to d_dict - 1. */
  d_dict: number;
  /**
   * [B,P] Whose direction is added. Set as `dictionary.feature(number)`, or as a number of the same dictionary;
   * read back as a FeatureRef.
   */
  feature: Ref;
  /** [P] What `feature` is called: its number and its label. */
  feature_name: string;
  /** [B,P] Tokens of each text, at most. */
  max_new_tokens: number;
  /** [B,P] What is counted in a text: a word or several, a feature, or a token's id; see `scope.dose`. */
  measure: DoseMeasure;
  /** [B,P] What is continued: a string, or chat messages for a chat model. */
  prompt: Text;
  /** [B,P] Texts at each strength, and as many along random directions. */
  samples: number;
  /** [B,P] Of the first sample; the others follow. */
  seed: number;
  /** [B,P] The strength whose texts are read, or None; the nearest one made. */
  selected_strength: number | null;
  /** [P] The handles of the sweep run from -limit to +limit. */
  strength_limit: number;
  /** [B,P] 7 to 41 fractions of the mean residual norm, 0, negative and positive ones among them. */
  strengths: number[];
  /** [B,P] Above 0: at 0 all samples would be one text. */
  temperature: number;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
}

export interface LogitLensTraits extends BaseTraits {
  /** [B,P] A cell's colour: the probability of its own token, or of the first pin. */
  color_by: LensColor;
  /** [P] Layers of the model: `stride` goes from 1 to this. */
  layer_count: number;
  /** [B,P] Ids of the tokens whose paths are drawn. */
  pinned: number[];
  /** [B,P] The row selected, or None. */
  selected_layer: number | null;
  /** [B,P] Position of the token picked, or None. */
  selected_pos: number | null;
  /** [B,P] Every n-th layer is shown, the last always. */
  stride: number;
  /** [B,P] What is read: a string, or chat messages for a chat model. */
  text: Text;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
}

export interface AttentionViewTraits extends BaseTraits {
  /** [B,P] The head that is enlarged. */
  head: number;
  /** [B,P] The layer whose heads are shown. */
  layer: number;
  /** [P] Layers of the model: `layer` goes from 0 to one less. */
  layer_count: number;
  /** [B,P] Whether pictures leave out the first token as a key, where heads rest. */
  leaves_first_out: boolean;
  /** [B,P] What colours the heads of the model: see `AttentionReading`. */
  score: HeadScore;
  /** [B,P] Position of the token picked, or None. */
  selected_pos: number | null;
  /** [B,P] What pictures show: shares of attention, lengths of what is moved, or its effect on the next logit. */
  show: AttentionShown;
  /** [B,P] What is read: a string, or chat messages for a chat model. */
  text: Text;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
}

export interface FeatureCardTraits extends BaseTraits {
  /** [B,P] Which examples: one or two of each fifth of the range (mixed), the strongest (top), or all. */
  bands: BandChoice;
  /** [B,P] How much text around an example's token. */
  context: ContextSize;
  /** [P] Features are 0 to d_dict - 1. */
  d_dict: number;
  /**
   * [B,P] The feature shown. Set as `dictionary.feature(number)`, or as a number of the same dictionary; read back
   * as a FeatureRef.
   */
  feature: Ref;
  /** [B,P] One's own text on the feature: a string, or a chat for a chat model. */
  text: Text;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
}

export interface FeatureFinderTraits extends BaseTraits {
  /** [P] The dictionary whose features are listed. */
  dictionary_id: string;
  /** [B,P] Texts on which they should fire less. */
  negative: string[];
  /** [B,P] Of what fires here: by activation, share of own maximum, or rarity. */
  order: Ranking;
  /** [B,P] Texts that the features should fire on. */
  positive: string[];
  /** [B,P] A part of a label. */
  query: string;
  /** [B,P] The feature picked, as a FeatureRef, or None. */
  selected_feature: Ref | null;
  /** [B,P] Position of the token picked, or None. */
  selected_pos: number | null;
  /** [B,P] What is read: a string, or chat messages for a chat model. */
  text: Text;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
  /** [B,P] How the list is filled: here, label or texts; see the class. */
  way: Way;
}

export interface PromptContrastTraits extends BaseTraits {
  /** [P] The dictionary whose features are shown. */
  dictionary_id: string;
  /**
   * [B,P] The features shown. Set as `dictionary.feature(number)` or as numbers, which are the widget's own
   * dictionary's; read back as a tuple of FeatureRef.
   */
  features: Ref[];
  /** [B,P] The upper text: a string, or chat messages for a chat model. */
  first: Text;
  /** [P] What is known of each of `features`, in their order. */
  known: FeatureInfo[];
  /** [B,P] The lower text: a string, or chat messages for a chat model. */
  second: Text;
  /** [B,P] The column of the alignment picked, or None for the whole texts. */
  selected_column: number | null;
  /** [B,P] The feature that colours both texts, as a FeatureRef; None colours by how much the columns differ. */
  selected_feature: Ref | null;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
}

export interface DictionaryCompareTraits extends BaseTraits {
  /** [P] The dictionaries given, two of which are compared. */
  choices: Choice[];
  /** [B,P] Ids of the first and the second dictionary. Set as two of those given, by id or as dictionaries. */
  compared: string[];
  /** [B,P] Which matches are listed: all, or those of one kind. */
  kind: Shown;
  /** [B,P] Of the matches: by difference, by the first, the second, or measure. */
  order: Order;
  /**
   * [B,P] A feature of either dictionary, as a FeatureRef; the text shows where its match fires, on both sides.
   * None shows what each dictionary leaves unexplained. Numbers are the first dictionary's.
   */
  selected_feature: Ref | null;
  /** [B,P] Position of the token picked, or None. */
  selected_pos: number | null;
  /** [B,P] What is read: a string, or chat messages for a chat model. */
  text: Text;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
  /** [B,P] From which value on features count as matched, 0 to 1; None for 0.5 (cosine), 0.7 (correlation). */
  threshold: number | null;
}

export interface CircuitGraphTraits extends BaseTraits {
  /** [B,P] Of the edges between them, those up to this share of what flows. */
  edge_share: number;
  /** [B,P] Nodes under a name each: set as {"town": [ids or numbers]}; read back as dicts with label and nodes. */
  groups: GroupState[];
  /** [B,P] Nodes are drawn, most influential first, up to this share of all influence. */
  node_share: number;
  /**
   * [B,P] Ids of the nodes pinned, as circuit-tracer writes them; numbers of `graph`'s nodes are taken too, as
   * `to_frame` has them. With another prompt a pin goes with its token; where that has changed, a feature stays
   * wherever the graph has it. What the graph has not comes back with one that has, unless all is unpinned.
   */
  pinned: string[];
  /** [B,P] What is traced: a string, or chat messages for a chat model. */
  prompt: Text;
  /** [B,P] The feature of the node selected, which `gs.link` shares; one that the graph has is selected. */
  selected_feature: Ref | null;
  /** [B,P] The node whose inputs and outputs are listed, or None. */
  selected_node: string | null;
  /** [B,P] Position of the token picked, or None. */
  selected_pos: number | null;
  /**
   * [B,P] What is explained: None for the likeliest next tokens; a token, as its text or its id, which is kept as
   * its text; two, for the difference of their logits; or a feature at a position, set as `(ref, pos)`.
   */
  target: string | number | (string | number)[] | PlacedRef | null;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
}

export interface WorkbenchTraits extends BaseTraits {
  /**
   * [B,P] What fills the tokens: the first of `features`; the number of features that fire (l0); what they leave
   * out (fvu, error_norm); how likely the likeliest next token is, read off the dictionary's layer (lens); or
   * numbers of one's own (own), set in Python as a list of one a token.
   */
  color_by: ColorBy;
  /**
   * [B,P] Full colour at the feature's largest known activation (feature), at the largest value in this text
   * (text), or a range of two numbers, such as (0, 5). Another `color_by` begins with (feature) again.
   */
  color_range: ColorRange;
  /** [P] Features are 0 to d_dict - 1. */
  d_dict: number;
  /** [P] The dictionary whose features are shown. */
  dictionary_id: string;
  /** [P] How many texts `back` can bring back. */
  earlier: number;
  /**
   * [B,P] The features shown. Set as `dictionary.feature(number)` or as numbers, which are the widget's own
   * dictionary's; read back as a tuple of FeatureRef.
   */
  features: Ref[];
  /** [P] What is known of each of `features`, in their order. */
  known: FeatureInfo[];
  /** [P] Ids of the models of the parts that are open, by name. */
  parts: Record<string, string>;
  /** [B,P] The feature picked, as a FeatureRef, or None. */
  selected_feature: Ref | null;
  /** [B,P] Position of the token picked, or None. */
  selected_pos: number | null;
  /** [B,P] What is read: a string, or chat messages for a chat model. */
  text: Text;
  /** [P] Characters; the view refuses longer text before sending it. */
  text_limit: number;
  /**
   * [B,P] Whether the model is run with the dictionary's reconstruction in place too, and its loss then is said
   * with every reading.
   */
  with_loss: boolean;
}

export interface PredictTraits extends BaseTraits {
  /** [B,P] What the learner committed to; None before. */
  answer: Answer;
  /** [P] What the learner fills in; the answer is a list where there are several. */
  fields: AnswerField[];
  /** [P] Whether a solution can be asked for. */
  has_solution: boolean;
  /** [P] How many hints there are. */
  hint_count: number;
  /** [B,P] Hints that were opened. */
  hints_shown: number;
  /** [P] Whether the cell has the answer: not yet, written there just now, or a cell without its marker has it. */
  kept: Kept;
  /** [P] The line of code that keeps the answer. */
  line: string;
  /** [P] Of the exercise, as the answer's marker has it. */
  name: string;
  /** [P] What the learner is asked. */
  prompt: string;
  /** [B,P] Whether the solution was opened. */
  solution_shown: boolean;
}

export interface NameFeatureTraits extends BaseTraits {
  /** [B,P] What the learner committed to; None before. */
  answer: Answer;
  /** [P] What the learner fills in; the answer is a list where there are several. */
  fields: AnswerField[];
  /** [P] Whether a solution can be asked for. */
  has_solution: boolean;
  /** [P] How many hints there are. */
  hint_count: number;
  /** [B,P] Hints that were opened. */
  hints_shown: number;
  /** [P] Whether the cell has the answer: not yet, written there just now, or a cell without its marker has it. */
  kept: Kept;
  /** [P] The line of code that keeps the answer. */
  line: string;
  /** [P] Of the exercise, as the answer's marker has it. */
  name: string;
  /** [P] What the learner is asked. */
  prompt: string;
  /** [B,P] Whether the solution was opened. */
  solution_shown: boolean;
}

export interface ReachGoalTraits extends BaseTraits {
  /** [B,P] What the learner committed to; None before. */
  answer: Answer;
  /** [P] What the learner fills in; the answer is a list where there are several. */
  fields: AnswerField[];
  /** [P] Whether a solution can be asked for. */
  has_solution: boolean;
  /** [P] How many hints there are. */
  hint_count: number;
  /** [B,P] Hints that were opened. */
  hints_shown: number;
  /** [P] Whether the cell has the answer: not yet, written there just now, or a cell without its marker has it. */
  kept: Kept;
  /** [P] The line of code that keeps the answer. */
  line: string;
  /** [P] Of the exercise, as the answer's marker has it. */
  name: string;
  /** [P] What the learner is asked. */
  prompt: string;
  /** [B,P] Whether the solution was opened. */
  solution_shown: boolean;
}

export interface QuizTraits extends BaseTraits {
  /** [B,P] What the learner committed to; None before. */
  answer: Answer;
  /** [P] What the learner fills in; the answer is a list where there are several. */
  fields: AnswerField[];
  /** [P] Whether a solution can be asked for. */
  has_solution: boolean;
  /** [P] How many hints there are. */
  hint_count: number;
  /** [B,P] Hints that were opened. */
  hints_shown: number;
  /** [P] Whether the cell has the answer: not yet, written there just now, or a cell without its marker has it. */
  kept: Kept;
  /** [P] The line of code that keeps the answer. */
  line: string;
  /** [P] Of the exercise, as the answer's marker has it. */
  name: string;
  /** [P] What the learner is asked. */
  prompt: string;
  /** [B,P] Whether the solution was opened. */
  solution_shown: boolean;
}

export interface DoctorTraits extends BaseTraits {
  /** [B,P] Whether the Hub is asked, once for each check-up. */
  ask_hub: boolean;
  /** [B,P] Whose needs are looked at. */
  model: string;
  /** [P] Models to choose from; `model` takes their -it and -pt forms too. */
  models: string[];
}

export type ToPython = Ready | Cancel | Again | Step | Pin | AskPicture | Start | Stop | StartDose | ChangeNodes | AskHeads | OpenPart | ReadRun | Back | CheckAgain | Pong;

export type FromPython = Ack | KeepAnswer | Piece | ReadingResult | DistributionResult | SteeringStream | SteeringScores | DoseResult | DoseTexts | LensResult | AttentionResult | CardResult | FinderResult | ContrastResult | CompareResult | GraphResult | SubgraphResult | EffectResult | HeadsResult | ExerciseResult | CheckupResult | Ping;
