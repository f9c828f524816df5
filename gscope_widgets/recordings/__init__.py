"""What a scope answered, in a file, and a scope that answers it again without a model; imports records alone."""
