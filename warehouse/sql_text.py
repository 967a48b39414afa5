"""Quoting for SQL text that is built here; names from data go through these and nothing else."""


def identifier(name: str) -> str:
    """Quote a name of a table, view or column."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a string value."""
    return "'" + text.replace("'", "''") + "'"
