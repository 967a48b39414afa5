"""Stored features to batches."""
