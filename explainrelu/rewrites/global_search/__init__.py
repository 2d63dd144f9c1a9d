"""The best network of one hidden layer for few rows: dichotomies, their cones, convex programs."""
