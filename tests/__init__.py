"""A package, so that IPython 7, which puts one of the same name on the path, does not stand before it."""
