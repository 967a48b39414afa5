"""Turns what a part of the benchmark measured into plain values and a table."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

GB = 1e9


def as_record(measured: Any) -> Any:
    """Fields and properties of a dataclass, and of those within it, by name; sequences as lists."""
    if isinstance(measured, list | tuple):
        return [as_record(item) for item in measured]
    if not is_dataclass(measured):
        return str(measured) if isinstance(measured, Path) else measured
    properties = [name for name, value in vars(type(measured)).items() if isinstance(value, property)]
    names = [field.name for field in fields(measured)] + properties
    return {name: as_record(getattr(measured, name)) for name in names}


def as_text(results: dict[str, dict[str, Any]]) -> str:
    """One table a part: name and value, values within values behind a dot, items by number."""
    blocks = []
    for part, record in results.items():
        rows = list(_rows(record))
        width = max(len(name) for name, _ in rows)
        blocks.append("\n".join([part, *(f"  {name:{width}}  {_readable(name, value)}" for name, value in rows)]))
    return "\n\n".join(blocks)


def _rows(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, list):
            yield from _rows({str(number): item for number, item in enumerate(value)}, f"{prefix}{name}.")
        elif isinstance(value, dict):
            yield from _rows(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _readable(name: str, value: object) -> str:
    if name.endswith("_bytes") and isinstance(value, int | float):
        return f"{value / GB:,.3f} GB"
    return f"{value:,.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
