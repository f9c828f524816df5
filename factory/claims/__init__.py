"""Measurements of what mini shows, one file a family of claims."""
