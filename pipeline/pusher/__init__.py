"""Pushing: a blessed model becomes a version of the model repository, complete or not at all."""
