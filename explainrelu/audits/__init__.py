"""What a model does everywhere in a domain: proven, or shown by a row that can be replayed."""
