"""Readers of the datasets as downloaded. Know polars and files; neither dagster nor torch."""
