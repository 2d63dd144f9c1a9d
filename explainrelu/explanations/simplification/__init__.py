"""From many linear regions to few rules: splits, formulas, and the proof of how far they are off."""
