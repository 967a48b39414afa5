"""Corpora: what is kept of a dataset, why, and how it is split."""
