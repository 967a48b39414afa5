"""Measures how fast the models train, with what a bare accelerator machine has: torch, pyarrow, numpy, transformers."""
