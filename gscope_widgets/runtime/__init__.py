"""The shared, cached Gemma 3 and dictionary runtime: everything that touches torch."""
