"""The parts of region diagnostics: groups of rows, their target, their figures and tables."""
