"""Gemma 3 itself: loading, tokens, sites, hooks, generation."""
