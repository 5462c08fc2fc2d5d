"""The gate: what TFMA measures, and what a model must reach."""
