"""Runs that were: found again in ML Metadata, described, compared, traced back."""
