"""Training: examples and preprocessing in, a SavedModel that takes encoded images out."""
