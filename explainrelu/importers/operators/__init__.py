"""The operator graph every framework is read into, and its lowering to a chain of layers."""
