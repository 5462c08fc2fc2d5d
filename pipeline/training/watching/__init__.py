"""What is watched while a network trains, and what follows from it."""
