"""Whether two networks are one function: the question, the ways to answer it, the answer."""
