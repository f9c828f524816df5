/**
 * The Python/JS contract on one screen. Every trait has one writer, named in brackets:
 * [P] Python, [B] the browser on the reader's behalf, [B,P] the reader's own state, which
 * the browser and the reader's Python may both set (the last one wins).
 *
 * Results are custom messages: a JSON head, and the arrays it names as binary buffers in the
 * same order. A view sends `ready` when it can draw, and Python answers with everything.
 */

export type State = "idle" | "busy" | "cancelled" | "error";

export interface Status {
  state: State;
  /** One sentence for the reader; empty when there is nothing to say. */
  message: string;
  /** Fraction done, 0 to 1, or null where it is not known. */
  progress: number | null;
  /** The newest request Python has taken up; rises by one with each. */
  request: number;
}

export interface BaseTraits {
  status: Status; // [P]
  badge: string; // [P] which model answers, e.g. "gscope-mini (embedded)"
  footer: string; // [P] model, dictionary, device and dtype, in one line
  version: string; // [P] of the Python package
  copy_id: string; // [P] the class that this widget's static copies carry
}

/** Where the words about a feature come from, and how well they held on text not used to choose them. */
export interface Label {
  text: string;
  source: string;
  auc: number | null;
}

export interface FeatureInfo {
  feature: number;
  label: Label | null;
  /** Largest activation known for this feature anywhere, or null. */
  max_activation: number | null;
}

export interface ArrayHead {
  name: string;
  dtype: "float32" | "int32";
  shape: number[];
}

/* ---------------------------------------------------------------- TokenHeatmap */

export interface TokenHeatmapTraits extends BaseTraits {
  text: string; // [B,P] sent after a pause in typing, or at once on Ctrl+Enter
  text_limit: number; // [P] characters; the view refuses longer text before sending it
  features: number[]; // [B,P] the first fills the token, the next three draw bars under it
  d_dict: number; // [P] features are 0 to d_dict - 1
  color_range: "feature" | "text"; // [B,P] full colour at the feature's known maximum, or at its maximum in this text
  selected_pos: number | null; // [B,P]
  selected_feature: number | null; // [B,P]
}

export interface ReadingResult {
  type: "result";
  request: number;
  /** The text that was read: compare with what the editor holds now. */
  text: string;
  tokens: string[];
  ids: number[];
  /** Position to the reason it is left out, e.g. {"0": "BOS: ..."}. */
  ignored: Record<string, string>;
  /** Runs of tokens that are one glyph only together: [first, last, glyph]. */
  glyphs: [number, number, string][];
  features: FeatureInfo[];
  /** For every feature number among the arrays' top features that has one. */
  labels: Record<string, Label>;
  /** Of the whole text, ignored positions left out; null when no position is left. */
  fvu: number | null;
  mean_l0: number | null;
  /**
   * values [features, pos] float32; top_features [pos, k] int32, -1 where fewer fire;
   * top_activations [pos, k] float32; l0 [pos] int32; error [pos] float32 (error norm over
   * residual norm).
   */
  arrays: ArrayHead[];
}

/* --------------------------------------------------------------- FeatureSliders */

export type SliderMode = "clamp" | "scale" | "add";

export interface SliderRange {
  min: number;
  max: number;
  step: number;
  /** Where the thumb rests while the feature is left alone. */
  rest: number;
  unit: string;
}

export interface FeatureSlidersTraits extends BaseTraits {
  text: string; // [B,P]
  text_limit: number; // [P]
  features: FeatureInfo[]; // [P]
  values: (number | null)[]; // [B,P] one a feature; null leaves the feature as it is
  modes: SliderMode[]; // [B,P] one a feature
  ablated: boolean[]; // [B,P] one a feature; true sets its activation to 0, whatever the slider says
  ranges: Record<SliderMode, SliderRange>[]; // [P] one a feature
}

export interface DistributionResult {
  type: "result";
  request: number;
  /** The settings this answers: compare with what the view shows now. */
  text: string;
  values: (number | null)[];
  modes: SliderMode[];
  ablated: boolean[];
  /** The likeliest next tokens under either run, likeliest first. */
  rows: { id: number; token: string; baseline: number; changed: number }[];
  /** Probability outside the rows. */
  rest: { baseline: number; changed: number };
  /** Kullback-Leibler divergence of the changed from the baseline distribution, in nats. */
  kl: number;
  /** Each feature's own activation: at the last token, and its peak in the text. */
  natural: { last: number; peak: number }[];
  arrays: ArrayHead[];
}

/* ---------------------------------------------------------------- SteeringPanel */

export interface SteeringPanelTraits extends BaseTraits {
  prompt: string; // [B,P]
  text_limit: number; // [P]
  features: FeatureInfo[]; // [P]
  active: boolean[]; // [B,P] one a feature
  strength: number; // [B,P] fraction of the mean residual norm, for each active feature
  strength_limit: number; // [P] the slider runs from -limit to +limit
  max_new_tokens: number; // [B,P] 1 to max_new_tokens_limit
  max_new_tokens_limit: number; // [P]
  temperature: number; // [B,P] 0 is greedy; up to 2
  seed: number; // [B,P]
}

/**
 * What a run is made with. Start carries it because trait patches may still be merging in the
 * page when the message leaves, and would reach Python after it.
 */
export type SteeringSettings = Pick<
  SteeringPanelTraits,
  "prompt" | "active" | "strength" | "max_new_tokens" | "temperature" | "seed"
>;

/** Browser to Python. Each is answered by `{type: "ack", id}` at once. */
export type SteeringRequest =
  | { type: "start"; id: string; settings: SteeringSettings }
  | { type: "stop"; id: string };

export type RowName = "baseline" | "changed" | "random";

export interface StreamedToken {
  text: string;
  id: number;
  /** Natural logarithm of the probability it was drawn with, under that row's own (changed) model. */
  logprob: number;
}

/** Tokens as they are made, at most 30 messages a second. */
export interface SteeringStream {
  type: "stream";
  request: number;
  /** True when these rows replace everything shown (a new run, or a view that came late). */
  reset: boolean;
  prompt: string;
  strength: number;
  /** What the third row is, in words: "random direction of the same norm, seed 0". */
  control: string;
  rows: { name: RowName; tokens: StreamedToken[] }[];
  /** Empty while running, else why it ended: "length", "end of text", "cancelled". */
  ended: string;
  arrays: ArrayHead[];
}

export type ToPython = { type: "ready" } | { type: "cancel" } | SteeringRequest;
export type FromPython = ReadingResult | DistributionResult | SteeringStream | { type: "ack"; id: string };
