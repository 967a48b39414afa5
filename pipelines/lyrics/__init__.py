"""Lyrics of each dataset, and their language."""
