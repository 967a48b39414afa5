"""Analyses beside the scores: inpainting, genre embeddings."""
