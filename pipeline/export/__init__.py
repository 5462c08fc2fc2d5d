"""In which form a trained network is served: with variables or frozen, in which precision."""
