"""Equal networks of another shape, each with a guarantee and a certificate."""
