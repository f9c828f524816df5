"""Where in a corpus features fire most, and what they promote: collected, written and read again."""
