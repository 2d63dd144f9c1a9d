"""The one normal form every model becomes: a chain with rectified and carried units."""
