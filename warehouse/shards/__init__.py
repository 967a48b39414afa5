"""Parquet shards of features."""
