"""Boxes, polytopes and linear programs: geometry that knows no network."""
