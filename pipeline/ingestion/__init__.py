"""Ingestion: labelled images to validated, split examples."""
