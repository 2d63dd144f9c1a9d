"""Piecewise-linear functions as sums of maxima of few affine functions, and as networks."""
