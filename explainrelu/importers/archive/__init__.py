"""The `.xrelu` file: a network, and its regions or those of a rewrite, without pickle."""
