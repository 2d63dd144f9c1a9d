"""Mixed-integer programs of a network: its encoding, extremes, differences and stable units."""
