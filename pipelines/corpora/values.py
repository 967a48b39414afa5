"""Checks of single values of a corpus file; every error names file and key."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.corpora.schema import CorpusError


def checked(
    path: Path, prefix: str, entry: Any, needed: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """Give a table's values if it has every needed key, no unknown one, and each of its type."""
    kinds = {**needed, **(optional or {})}
    if not isinstance(entry, dict):
        raise CorpusError(f"{path}: {prefix.rstrip('.')}: expected keys {', '.join(kinds)}, found {entry!r}.")
    for key in entry.keys() - kinds.keys():
        raise CorpusError(f"{path}: unknown key {prefix}{key}; expected {', '.join(kinds)}.")
    for key in (*needed, *(key for key in kinds if key not in needed and key in entry)):
        value, kind = entry.get(key), kinds[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise CorpusError(f"{path}: {prefix}{key}: expected a value of type {kind.__name__}, found {value!r}.")
    return entry


def choice(path: Path, key: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a value that is not one of `allowed`."""
    if value not in allowed:
        raise CorpusError(f"{path}: {key} is {value!r}; expected one of {', '.join(allowed)}.")


def choices(path: Path, key: str, values: Sequence[Any], allowed: Sequence[str] | None) -> tuple[str, ...]:
    """Give a list of texts as a tuple; refuse values that are not of `allowed`, where it is given."""
    for value in values:
        if not isinstance(value, str):
            raise CorpusError(f"{path}: {key}: expected texts, found {value!r}.")
        if allowed is not None:
            choice(path, key, value, allowed)
    return tuple(values)


def at_least(path: Path, key: str, value: int, least: int) -> int:
    """Refuse a number below `least`."""
    if value < least:
        raise CorpusError(f"{path}: {key} is {value}; expected at least {least}.")
    return value


def share(path: Path, key: str, value: Any) -> None:
    """Refuse what is no number from 0 to 1."""
    if not isinstance(value, float) or not 0 <= value <= 1:
        raise CorpusError(f"{path}: {key} is {value!r}; expected a number with a decimal point from 0.0 to 1.0.")
