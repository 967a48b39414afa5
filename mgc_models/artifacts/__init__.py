"""Reads and writes what the folder of a run holds."""
