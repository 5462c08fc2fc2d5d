"""Networks: which there are, how they are built, and which weights they start from."""
