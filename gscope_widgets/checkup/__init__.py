"""`gs.doctor()`: what this machine, its packages and the way to the Hub can do. Imports nothing heavy by itself."""
