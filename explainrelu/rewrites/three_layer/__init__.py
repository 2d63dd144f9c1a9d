"""The transparent three-layer network: forms, weights, evaluation, words, certificate."""
