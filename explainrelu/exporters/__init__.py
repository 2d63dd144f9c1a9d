"""Networks and rewrites as ordinary modules that other tools run."""
