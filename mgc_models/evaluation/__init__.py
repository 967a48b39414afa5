"""Predictions and metrics."""
