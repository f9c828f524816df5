"""What is done with features: reading them on a text, and changing them."""
