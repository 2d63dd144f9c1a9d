"""How far attributions agree, why they differ, and how faithful and stable they are."""
