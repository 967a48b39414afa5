"""Pictures: each function takes a table and writes one PNG, equal bytes for equal rows."""
