"""Validation: a curated schema, and how far the data has moved, before anything trains on it."""
