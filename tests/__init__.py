"""The tests; ``tests.oracles`` and ``tests.strategies`` are imported by name."""
