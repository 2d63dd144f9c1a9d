"""The parts of a counterfactual: what may change, how far that is, and the nearest change."""
