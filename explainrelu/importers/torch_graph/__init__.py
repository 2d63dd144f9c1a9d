"""Graphs of ATen calls, as PyTorch traces a module or saves it, read into the operator graph."""
