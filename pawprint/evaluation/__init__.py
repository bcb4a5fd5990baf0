"""How good a model is: metrics with intervals, and the pictures of them."""
