"""A network with some layers frozen at a pattern, paid for by penalties: the terms of a maximum."""
