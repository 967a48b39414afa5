"""Rows of a CSV file with quoted fields over several lines, found again behind every damage.

One quote too few, and a CSV parser reads on through the next rows until the next quote, wherever that is. So rows are
not found by counting quotes, but by what the end of a row looks like in that dataset (`RowShape.end`), which no lyrics
and no biography look like; then each row must be one whole CSV row by itself. What is damaged stays within its row.
What a row holds is never part of a message: it may be lyrics.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from mgc_models.regular_files import open_regular
from pipelines.datasets.common import DatasetError

MOST_ROWS_OF_A_DAMAGE = 1000  # that are told one by one
CHUNK_BYTES = 1 << 24
TAIL_BYTES = 1 << 20  # kept of a row that is too long: holds its end, and mostly the next row
MOST_BYTES_OF_A_ROW = 1 << 25  # what DuckDB is told too
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

    A row that has not ended after `MOST_BYTES_OF_A_ROW` is damage up to where the next row ends; no more of it is held.

    Raises:
        DatasetError: if the file ends in the middle of a row.
    """
    whole, line = shape.whole, header_lines + 1
    for segment in _segments(path, shape, header_lines):
        if isinstance(segment, _TooLong):
            detail = f"no row of {shape.columns} columns ends within {MOST_BYTES_OF_A_ROW:,} bytes"
            yield Damage(line, max(1, segment.lines), segment.size, "row_too_long", detail)
            line += segment.lines
            continue
        content, at_end = segment
        if at_end and whole.fullmatch(content + b"\n"):
            content += b"\n"
        elif at_end and _is_cut_off(content):
            raise DatasetError(
                f"{path} ends in the middle of a row: line {line:,}, {len(content):,} bytes. The copy is cut off and "
                "rows are missing; copy the file from the download again."
            )
        yield from _rows_of(content, line, whole, shape.columns)
        line += content.count(b"\n")


def fields_of(row: bytes) -> list[str]:
    """Split one whole row of UTF-8 text into its fields."""
    return next(csv.reader([row.decode()], strict=True))


class _TooLong(NamedTuple):
    """Bytes and line ends in which no row has ended; none of the bytes are kept."""

    size: int = 0
    lines: int = 0

    def and_then(self, more: bytes) -> "_TooLong":
        """With what follows."""
        return _TooLong(self.size + len(more), self.lines + more.count(b"\n"))


def _segments(path: Path, shape: RowShape, header_lines: int) -> Iterator[tuple[bytes, bool] | _TooLong]:
    """Cut the file behind every row end; gives (bytes, whether they are what is left at the end of the file)."""
    rest, passed = b"", _TooLong()
    with open_regular(path) as file:
        for _ in range(header_lines):
            _skip_line(file)
        while chunk := file.read(CHUNK_BYTES):
            buffer, start = rest + chunk, 0
            for match in shape.end.finditer(buffer):
                yield from _segment(buffer[start : match.end()], passed, shape)
                start, passed = match.end(), _TooLong()
            rest = buffer[start:]
            if len(rest) > MOST_BYTES_OF_A_ROW or passed.size:
                passed, rest = passed.and_then(rest[:-TAIL_BYTES]), rest[-TAIL_BYTES:]
    if passed.size:
        yield from _segment(rest, passed, shape)
    elif rest.strip():
        yield rest, True


def _segment(segment: bytes, passed: _TooLong, shape: RowShape) -> Iterator[tuple[bytes, bool] | _TooLong]:
    """One segment; of one that is too long its size, and its last row if that is one by itself."""
    if not passed.size and len(segment) <= MOST_BYTES_OF_A_ROW:
        yield segment, False
        return
    at = segment.find(b"\n", max(0, len(segment) - TAIL_BYTES)) + 1
    while at and not shape.whole.fullmatch(segment, at):
        at = segment.find(b"\n", at) + 1
    yield passed.and_then(segment[:at] if at else segment)
    if at:
        yield segment[at:], False


def _skip_line(file: BufferedReader) -> None:
    while (part := file.readline(CHUNK_BYTES)) and not part.endswith(b"\n"):
        pass


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
    size = len(damaged)
    if NUL in damaged:
        yield Damage(line, lines, size, "nul_byte", f"{damaged.count(NUL):,} NUL bytes in {size:,}")
    elif damaged.count(QUOTE) % 2:
        yield Damage(line, lines, size, "unclosed_quote", f"{lines:,} lines, {size:,} bytes")
    else:
        yield from _other_lengths(damaged, line, columns)


def _other_lengths(damaged: bytes, line: int, columns: int) -> Iterator[Damage]:
    """Rows that are CSV but have another number of columns, each by itself."""
    if damaged.count(b"\n") > MOST_ROWS_OF_A_DAMAGE:
        count = damaged.count(b"\n")
        yield Damage(line, count, len(damaged), "malformed_row", f"{count:,} lines, {len(damaged):,} bytes")
        return
    lines = LINE.findall(damaged)
    reader, first = csv.reader((text.decode("utf-8", errors="replace") for text in lines), strict=True), 0
    try:
        for fields in reader:
            count, content = reader.line_num - first, b"".join(lines[first : reader.line_num])
            yield Damage(line + first, count, len(content), *_length_problem(fields, columns, content))
            first = reader.line_num
    except csv.Error as error:
        content = b"".join(lines[first:])
        detail = f"{error}; {len(content):,} bytes"
        yield Damage(line + first, len(lines) - first, len(content), "malformed_row", detail)


def _length_problem(fields: list[str], columns: int, content: bytes) -> tuple[str, str, tuple[str, ...]]:
    reason = "too_few_columns" if len(fields) < columns else "too_many_columns"
    if len(fields) == columns:
        reason = "malformed_row"
    return reason, f"{len(fields)} columns, expected {columns}; {len(content):,} bytes", tuple(fields)
