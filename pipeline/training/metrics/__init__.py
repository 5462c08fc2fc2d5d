"""How good predictions are, measured while a network trains and is evaluated."""
