"""The search for every linear region of a box: a compiled kernel, its arrays, and one run of it."""
