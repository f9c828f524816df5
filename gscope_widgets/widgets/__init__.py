"""Jupyter widgets: traits in, traits out. They take a scope by argument and import no torch."""
