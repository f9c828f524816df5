"""Files of what a widget shows: written, read, and opened again."""
