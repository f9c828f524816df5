"""A corpus through a model and one of its dictionaries: the examples and histograms of every feature, in one pass."""
