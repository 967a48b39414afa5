"""Execution of a run: device, processes, logging."""
