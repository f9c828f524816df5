"""What all widgets share: traits and display, requests, checked state, static copies, numbers and code in words."""
