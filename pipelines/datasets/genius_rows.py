"""Where each row of Genius' CSV lies, so that the lyrics of some songs are read without parsing 9 GB once more.

DuckDB does not say where a row begins, but what it read of a row says how long the row is, if fields are quoted where
they must be and nowhere else, as every common writer does. That the lengths add up to the size of the file, and that
the row read at its place has its id, is checked; where it is not so, the file is parsed instead.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from mgc_models.regular_files import open_regular
from pipelines.datasets.csv_rows import fields_of

# The others are numbers and codes, which nobody quotes.
TEXT_COLUMNS = ("title", "artist", "features", "lyrics")


class Place(NamedTuple):
    """Where the row of a song lies in the CSV: its first byte, and its bytes without the line end."""

    song: int
    offset: int
    bytes: int


def row_bytes(columns: Sequence[str]) -> str:
    """SQL expression for the length of a row in the file, in bytes, without its line end."""
    texts = [_text_bytes(name) for name in columns if name in TEXT_COLUMNS]
    others = [f"coalesce(strlen(CAST({name} AS VARCHAR)), 0)" for name in columns if name not in TEXT_COLUMNS]
    return " + ".join([*texts, *others, str(len(columns) - 1)])


def row_offsets(source: Path, sizes: pl.Series) -> pl.Series:
    """First byte of each row, from the bytes of all rows in their order; null if they do not add up to the file."""
    with open_regular(source) as file:
        header = file.readline()
    line_end = len(b"\r\n" if header.endswith(b"\r\n") else b"\n")
    ends = len(header) + (sizes + line_end).cum_sum()
    last = ends[-1] if ends.len() else len(header)
    if source.stat().st_size not in (last, last - line_end):  # the last row may have no line end
        return pl.repeat(None, sizes.len(), dtype=pl.Int64, eager=True)
    return ends - sizes - line_end


def lyrics_at(source: Path, places: Sequence[Place], columns: Sequence[str]) -> list[tuple[str, str]] | None:
    """Read (track_id, lyrics) of some rows; None if one of them is not the row it should be."""
    at = {name: columns.index(name) for name in ("id", "lyrics")}
    found = []
    with open_regular(source) as file:
        for place in places:
            file.seek(place.offset)
            try:
                fields = fields_of(file.read(place.bytes))
            except (ValueError, csv.Error, StopIteration):
                return None
            if len(fields) != len(columns) or fields[at["id"]] != str(place.song):
                return None
            found.append((fields[at["id"]], fields[at["lyrics"]]))
    return found


def _text_bytes(column: str) -> str:
    needs_quotes = " OR ".join(f"contains({column}, chr({ord(character)}))" for character in '",\n\r')
    quoted = f"2 + strlen({column}) - strlen(replace({column}, '\"', ''))"  # quotes within are doubled
    return f"coalesce(strlen({column}) + CASE WHEN {needs_quotes} THEN {quoted} ELSE 0 END, 0)"
