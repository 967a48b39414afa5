"""Transforms of tables: polars and DuckDB, no files, neither dagster nor torch."""
