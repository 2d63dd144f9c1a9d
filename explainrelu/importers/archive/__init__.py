"""The `.xrelu` file: a network, and the regions of a rewrite, without pickle."""
