"""Weight files: whether they are as they shipped, and tensors and single rows out of them."""
