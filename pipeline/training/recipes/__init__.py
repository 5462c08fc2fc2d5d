"""Recipes: in which phases a network is trained, and which of its layers learn in each."""
