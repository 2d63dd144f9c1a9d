"""The whole audit: what is expected, what is looked at, and the verdicts."""
