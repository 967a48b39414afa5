"""Rows of a CSV file with quoted fields over several lines, found again behind every damage.

One quote too few, and a CSV parser reads on through the next rows until the next quote, wherever that is. So rows are
not found by counting quotes, but by what the end of a row looks like in that dataset (`RowShape.end`), which no lyrics
and no biography look like; then each row must be one whole CSV row by itself. What is damaged stays within its row.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipelines.datasets.common import DatasetError

CHUNK_BYTES = 1 << 24
MOST_BYTES_OF_A_ROW = 1 << 26
QUOTE, NUL = b'"', b"\0"
LINE = re.compile(rb"[^\n]*\n|[^\n]+")
FIELD = rb'(?:"(?:[^"\0]++|"")*+"|[^",\r\n\0]*+)'
csv.field_size_limit(MOST_BYTES_OF_A_ROW)  # Python stops at 128 KiB, and there are longer lyrics


@dataclass(frozen=True)
class RowShape:
    """What the rows of a dataset's CSV look like.

    Attributes:
        columns: Columns of a row.
        end: Matches what ends a row, up to and with its line end, and nothing inside a row.
    """

    columns: int
    end: re.Pattern[bytes]

    @property
    def whole(self) -> re.Pattern[bytes]:
        """One whole row with its line end."""
        return re.compile(FIELD + rb"(?:," + FIELD + rb"){%d}\r?\n" % (self.columns - 1))


class Row(NamedTuple):
    """A row as it stands in the file: its first line, from 1, and its bytes with the line end."""

    line: int
    content: bytes


class Damage(NamedTuple):
    """Bytes that are no row.

    Attributes:
        line: First line, from 1.
        lines: Number of lines.
        bytes: Number of bytes.
        reason: Short code, as in core.rejects.
        detail: What was found.
        fields: Fields of a row of another length; none where no row can be told.
    """

    line: int
    lines: int
    bytes: int
    reason: str
    detail: str
    fields: tuple[str, ...] = ()


def read_rows(path: Path, shape: RowShape, *, header_lines: int) -> Iterator[Row | Damage]:
    """Give every row and every damage of a file in their order, a chunk at a time.

    Raises:
        DatasetError: if the file ends in the middle of a row, or no row ends for `MOST_BYTES_OF_A_ROW`.
    """
    whole, line = shape.whole, header_lines + 1
    for segment, at_end in _segments(path, shape.end, whole, header_lines):
        if at_end and _is_cut_off(segment):
            raise DatasetError(
                f"{path} ends in the middle of a row: line {line:,}, {_shown(segment)}. The copy is cut off and rows "
                "are missing; copy the file from the download again."
            )
        if len(segment) > MOST_BYTES_OF_A_ROW:
            raise DatasetError(
                f"{path}, line {line:,}: no row of {shape.columns} columns ends within "
                f"{MOST_BYTES_OF_A_ROW >> 20} MiB. The file is not as downloaded; copy it again."
            )
        yield from _rows_of(segment, line, whole, shape.columns)
        line += segment.count(b"\n")


def fields_of(row: bytes) -> list[str]:
    """Split one whole row of UTF-8 text into its fields."""
    return next(csv.reader([row.decode()], strict=True))


def _segments(
    path: Path, end: re.Pattern[bytes], whole: re.Pattern[bytes], header_lines: int
) -> Iterator[tuple[bytes, bool]]:
    """Cut the file behind every row end; gives (bytes, whether they are what is left at the end of the file)."""
    with path.open("rb") as file:
        for _ in range(header_lines):
            file.readline()
        rest = b""
        while chunk := file.read(CHUNK_BYTES):
            buffer, start = rest + chunk, 0
            for match in end.finditer(buffer):
                yield buffer[start : match.end()], False
                start = match.end()
            rest = buffer[start:]
            if len(rest) > MOST_BYTES_OF_A_ROW:
                yield rest, False
        if rest.strip():
            yield (rest + b"\n", False) if whole.fullmatch(rest + b"\n") else (rest, True)


def _is_cut_off(rest: bytes) -> bool:
    return not rest.endswith(b"\n") or rest.count(QUOTE) % 2 == 1


def _rows_of(segment: bytes, line: int, whole: re.Pattern[bytes], columns: int) -> Iterator[Row | Damage]:
    """The rows of a segment, mostly one; a row starts where a line does, and what lies between rows is damage."""
    at, damaged_from = 0, 0
    while at < len(segment):
        row = whole.match(segment, at)
        if row is None:
            at = segment.find(b"\n", at) + 1 or len(segment)
            continue
        yield from _damages(segment[damaged_from:at], line + segment.count(b"\n", 0, damaged_from), columns)
        yield Row(line + segment.count(b"\n", 0, at), row[0])
        at = damaged_from = row.end()
    yield from _damages(segment[damaged_from:], line + segment.count(b"\n", 0, damaged_from), columns)


def _damages(damaged: bytes, line: int, columns: int) -> Iterator[Damage]:
    if not damaged:
        return
    lines = max(1, damaged.count(b"\n"))
    size, shown = len(damaged), _shown(damaged)
    if NUL in damaged:
        yield Damage(line, lines, size, "nul_byte", f"{damaged.count(NUL):,} NUL bytes in {size:,}: {shown}")
    elif damaged.count(QUOTE) % 2:
        yield Damage(line, lines, size, "unclosed_quote", f"{lines:,} lines, {size:,} bytes: {shown}")
    else:
        yield from _other_lengths(damaged, line, columns)


def _other_lengths(damaged: bytes, line: int, columns: int) -> Iterator[Damage]:
    """Rows that are CSV but have another number of columns, each by itself."""
    lines = LINE.findall(damaged)
    reader, first = csv.reader((text.decode("utf-8", errors="replace") for text in lines), strict=True), 0
    try:
        for fields in reader:
            count, content = reader.line_num - first, b"".join(lines[first : reader.line_num])
            yield Damage(line + first, count, len(content), *_length_problem(fields, columns, content))
            first = reader.line_num
    except csv.Error as error:
        content = b"".join(lines[first:])
        detail = f"{error}: {_shown(content)}"
        yield Damage(line + first, len(lines) - first, len(content), "malformed_row", detail)


def _length_problem(fields: list[str], columns: int, content: bytes) -> tuple[str, str, tuple[str, ...]]:
    reason = "too_few_columns" if len(fields) < columns else "too_many_columns"
    if len(fields) == columns:
        reason = "malformed_row"
    return reason, f"{len(fields)} columns, expected {columns}: {_shown(content)}", tuple(fields)


def _shown(content: bytes) -> str:
    return repr(content[:120].decode("utf-8", errors="replace"))
