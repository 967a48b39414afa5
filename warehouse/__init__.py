"""Tables as contracts: columns, keys and meaning declared once; Parquet is the truth, DuckDB a window on it."""
