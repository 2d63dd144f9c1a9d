"""What a model file holds, and what of it can be read."""
