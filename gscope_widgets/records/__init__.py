"""Plain frozen data that the runtime makes and the widgets show; NumPy at most."""
