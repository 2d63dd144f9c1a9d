"""From many linear regions to few rules: splits, formulas, proof of how far they are off."""
