"""What `CircuitGraph` is made of."""
