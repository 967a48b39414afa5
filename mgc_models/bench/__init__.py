"""How fast the models train, measured with what a bare accelerator machine has: torch, pyarrow, numpy, transformers."""
