"""How far the decision boundary lies: cheap bounds on both sides, and the search between them."""
