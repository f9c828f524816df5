"""Gemma Scope 2's artefacts: what exists, their files, and their arithmetic."""
