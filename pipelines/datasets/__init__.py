"""Readers of the datasets as researchers have them on disk, and the sample corpus that stands in for them."""
