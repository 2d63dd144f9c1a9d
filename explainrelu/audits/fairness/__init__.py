"""Whom a model treats differently: by group, by person, by region, and through which columns."""
