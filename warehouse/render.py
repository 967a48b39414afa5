"""Rows as lines of text for people, of CSV, JSON and Markdown; only text needs all rows before its first line.

Text rounds numbers, each column to one number of decimals; CSV and JSON keep every digit.
"""

import csv
import io
import json
import math
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

DIGITS = 4  # of the largest number of a column; the others get as many decimals
MOST_DECIMALS = 10
GAP = "  "
NARROWEST = 24  # A column is cut to no less than this; when that is not enough, the table is split into blocks.
NARROWEST_FOLD = 16


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Give CSV lines with a header; NULL is an empty field, a list is JSON."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")  # makes it quote values that hold either character
    for row in chain([columns], rows):
        writer.writerow([_csv_value(value) for value in row])
        yield buffer.getvalue().removesuffix("\r\n")
        buffer.seek(0)
        buffer.truncate()


def as_json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Give the lines of a JSON array with one object per row; NaN and infinities become null, bytes hexadecimal."""
    names = _distinct(columns)
    held = "["
    for row in rows:
        values = {name: _json_value(value) for name, value in zip(names, row, strict=True)}
        yield held if held == "[" else f"{held},"
        held = json.dumps(values, ensure_ascii=False, default=str)
    yield "[]" if held == "[" else held
    yield from [] if held == "[" else ["]"]


def as_markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Give a table in Markdown; whole numbers get their thousands parted."""
    shown = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in chain([columns], rows)]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in shown]
    return "\n".join(f"| {' | '.join(row)} |" for row in [cells[0], ["---"] * len(columns), *cells[1:]])


def as_text(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    width: int | None = None,
    *,
    fold_last: bool = False,
    ruled: bool = True,
) -> Iterator[str]:
    """Give aligned lines.

    Args:
        columns: Headers.
        rows: Values; NULL is shown as such.
        width: Columns of the terminal; long text is cut and wide tables come in blocks, to fit. None: as wide as it is.
        fold_last: Wrap the text of the last column instead of cutting it.
        ruled: Draw a line below the headers.
    """
    table = [list(row) for row in rows]
    numeric = [_is_numeric([row[i] for row in table]) for i in range(len(columns))]
    decimals = [_decimals([row[i] for row in table]) for i in range(len(columns))]
    cells = [[_one_line(name) for name in columns], *(list(map(_cell, row, decimals)) for row in table)]
    widths = [max(display_width(line[i]) for line in cells) for i in range(len(columns))]
    blocks = [list(range(len(columns)))]
    if width is not None:
        left = width - sum(widths[:-1]) - len(GAP) * (len(widths) - 1)
        if fold_last and left >= NARROWEST_FOLD:
            cells = _folded(cells, left)
            widths[-1] = min(widths[-1], left)
        widths = _shrunk(widths, width)
        blocks = list(_blocks(widths, width))
    for number, block in enumerate(blocks):
        yield from [""] if number else []
        yield from _block(cells, block, widths, numeric, ruled=ruled)


def display_width(text: str) -> int:
    """Give the terminal columns that a text takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def _csv_value(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return json.dumps(_json_value(value), ensure_ascii=False, default=str)
    if isinstance(value, bool):
        return "true" if value else "false"
    return bytes(value).hex() if isinstance(value, (bytes, bytearray)) else value


def _distinct(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in names:
            number += 1
            name = f"{column}_{number}"
        names.append(name)
    return names


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    return value


def _is_numeric(values: Sequence[Any]) -> bool:
    given = [value for value in values if value is not None]
    return bool(given) and all(
        isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) for value in given
    )


def _decimals(values: Sequence[Any]) -> int:
    """Decimals that leave the largest number of a column `DIGITS` digits, and no zeros at the end of all."""
    numbers = [value for value in values if isinstance(value, float) and math.isfinite(value)]
    largest = max(map(abs, numbers), default=0.0)
    before_point = math.floor(math.log10(largest)) + 1 if largest else 1
    decimals = min(max(DIGITS - before_point, 0), MOST_DECIMALS)
    while decimals and all(f"{value:.{decimals}f}".endswith("0") for value in numbers):
        decimals -= 1
    return decimals


def _number(value: float, decimals: int) -> str:
    rounded = f"{value:.{decimals}f}"
    is_lost = math.isfinite(value) and value != 0 and float(rounded) == 0
    return f"{value:.1e}" if is_lost or abs(value) >= 10**MOST_DECIMALS else rounded


def _cell(value: Any, decimals: int = DIGITS) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value, decimals)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, list):
        inside = _decimals(value)
        return "[" + ", ".join(_cell(item, inside) for item in value) + "]"
    return _one_line(str(value))


def _one_line(text: str) -> str:
    """Escape line breaks, tabs and anything that could steer the terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _shrunk(widths: list[int], width: int) -> list[int]:
    """Narrow the widest columns, none below `NARROWEST`, until the table fits or no more can be taken."""
    shrunk = list(widths)
    while sum(shrunk) + len(GAP) * (len(shrunk) - 1) > width and max(shrunk) > NARROWEST:
        shrunk[shrunk.index(max(shrunk))] -= 1
    return shrunk


def _blocks(widths: list[int], width: int) -> Iterator[list[int]]:
    """Split the columns into blocks that fit; every block starts with the first column, which names the row."""
    block = [0]
    for column in range(1, len(widths)):
        taken = sum(widths[i] + len(GAP) for i in block)
        if len(block) > 1 and taken + widths[column] > width:
            yield block
            block = [0]
        block.append(column)
    yield block


def _block(
    cells: list[list[str]], block: list[int], widths: list[int], numeric: list[bool], *, ruled: bool
) -> Iterator[str]:
    for number, line in enumerate(cells):
        yield GAP.join(_padded(line[i], widths[i], right=numeric[i]) for i in block).rstrip()
        if ruled and number == 0:
            yield GAP.join("-" * widths[i] for i in block)


def _padded(text: str, width: int, *, right: bool) -> str:
    if display_width(text) > width:
        while display_width(text) > width - 1:
            text = text[:-1]
        text += "…"
    space = " " * (width - display_width(text))
    return space + text if right else text + space


def _folded(cells: list[list[str]], width: int) -> list[list[str]]:
    lines = []
    for row in cells:
        first, *others = textwrap.wrap(row[-1], width) or [""]
        lines.append([*row[:-1], first])
        lines += [[*[""] * (len(row) - 1), other] for other in others]
    return lines
