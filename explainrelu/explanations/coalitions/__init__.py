"""Values of coalitions: the scores of a row with some of its columns from another row."""
