"""Corpus to dashboards: what each feature fires on most, and what it promotes."""
