import { scaleActivation, scaleL0, scaleFVU, scaleErrorNorm, scaleStrength, scaleKL, scalePerplexity, scaleAUC, scaleDensity, scaleDecoderCosine, scaleProbability } from "./scales.js";

/** Written by `python -m gscope_widgets.widgets.contract`, not by hand. */

export const feature = {
  name: "feature",
  meaning: "one direction of a dictionary, with a rule for how strongly a token shows it",
};

export const dictionary = {
  name: "dictionary",
  meaning: "a list of features learned for one place in the model, so that a few of them add up to its vector",
};

export const layer = {
  name: "layer",
  meaning: "one of the model's blocks, counted from 0; each reads the stream and adds to it",
};

export const site = {
  name: "site",
  meaning: "which of a layer's vectors a dictionary reads: the stream after it, or what its parts put out",
};

export const bos = {
  name: "BOS",
  meaning: "the token set before every text; dictionaries were not trained on it, so no feature is read there",
};

export const activation = {
  name: "activation",
  meaning: "how strongly a feature fires at a token: 0 where it is silent, with no upper limit",
  scale: scaleActivation,
};

export const known_maximum = {
  name: "known maximum",
  meaning: "the largest activation that was met when the feature was measured",
};

export const l0 = {
  name: "L0",
  meaning: "the number of features that fire at a token",
  scale: scaleL0,
};

export const fvu = {
  name: "FVU",
  meaning: "fraction of variance unexplained, the part that the features leave out: 0 is a perfect copy, 1 is no better than the mean of the text",
  scale: scaleFVU,
};

export const error_term = {
  name: "error term",
  meaning: "what the features leave out of a token's vector: that vector less what they add up to",
};

export const error_norm = {
  name: "error norm",
  meaning: "the length of what the features leave out of a token's vector",
  scale: scaleErrorNorm,
};

export const strength = {
  name: "strength",
  meaning: "length of what is added, in mean lengths of the residual stream at that layer; text is known to break up beyond 2",
  scale: scaleStrength,
};

export const kl = {
  name: "KL",
  meaning: "Kullback-Leibler divergence, in nats: 0 where two distributions are the same, larger the more they differ",
  scale: scaleKL,
};

export const perplexity = {
  name: "perplexity",
  meaning: "how unsure the unchanged model is of a text: the number of equally likely tokens that would leave it as unsure",
  scale: scalePerplexity,
};

export const auc = {
  name: "AUC",
  meaning: "of one token with the concept and one without it, how often the feature fires more strongly at the first: 0.5 is chance, 1 always",
  scale: scaleAUC,
};

export const density = {
  name: "density",
  meaning: "the share of tokens at which a feature fires",
  scale: scaleDensity,
};

export const decoder_cosine = {
  name: "decoder cosine",
  meaning: "how alike two features' directions are: 1 is the same direction, 0 is none of it, \u22121 the opposite",
  scale: scaleDecoderCosine,
};

export const co_activation = {
  name: "co-activation",
  meaning: "correlation of two features' activations over tokens: 1 is always in step, 0 is no relation",
};

export const probability = {
  name: "probability",
  meaning: "the share of 100 % that the model gives to a token as the next one",
  scale: scaleProbability,
};

export const logit = {
  name: "logit",
  meaning: "the model's score of a token before scores are made into probabilities: 1 more makes its odds 2.72 times as high",
};

export const influence = {
  name: "influence",
  meaning: "how much a node of a graph matters to what is explained, over all paths that lead there; each edge counts by its share of all that comes into its node",
};

export const replacement = {
  name: "replacement",
  meaning: "of all that paths to the answer begin with, the share that tokens begin, and not errors: 1 where features account for everything",
};

export const completeness = {
  name: "completeness",
  meaning: "of all that comes into nodes directly, the share that comes from no error; nodes count by their influence, tokens and errors as explained: nothing comes into them",
};

export const error_node = {
  name: "error node",
  meaning: "what a layer's MLP wrote at a token and no feature stands for, as a node of a graph",
};

export const group = {
  name: "group",
  meaning: "nodes of a graph that a reader put under one name; other tools call it a supernode",
};

export const rank = {
  name: "rank",
  meaning: "place among all tokens, the likeliest first",
};

export const head = {
  name: "head",
  meaning: "one of the parts of a layer that move what stands at earlier tokens to later ones, named by layer and number: 5.0 is the first of layer 5",
};

export const attention_pattern = {
  name: "attention pattern",
  meaning: "for each token the shares, adding up to 100 %, in which a head takes from it and the tokens before it",
};

export const induction_head = {
  name: "induction head",
  meaning: "a head that attends to what came after an earlier occurrence of the same token, and so copies what followed then",
};
