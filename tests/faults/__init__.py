"""Seeded faults: what the test suite has to notice."""
