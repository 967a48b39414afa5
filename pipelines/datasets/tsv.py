"""Tab-separated files with a header, read as they are: no quoting, no missing-value words, one line one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mgc_models.regular_files import MOST_BYTES_OF_A_LINE, bounded_lines, open_regular
from pipelines.datasets.common import MAX_ID_LENGTH, DatasetError, Reject, stop_if_too_many

SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "vertical bars", " ": "spaces"}
SEPARATED = {"\t": "tab-separated", ",": "comma-separated"}
BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Rows:
    """The readable rows of one file.

    Attributes:
        source_file: Path below the dataset's folder.
        numbers: Line of each row, from 1, header included.
        columns: Values of each column asked for, aligned with `numbers`.
        rejects: Rows with another number of columns than the header, and rows that are not UTF-8.
        lines: Lines below the header, readable or not.
    """

    source_file: str
    numbers: list[int]
    columns: dict[str, list[str]]
    rejects: list[Reject]
    lines: int


def check_header(path: Path, expected: Sequence[str], separator: str = "\t", *, may_quote: bool = True) -> None:
    """Stop unless the first line names the expected columns. Other columns may stand between them.

    Args:
        path: The file.
        expected: The columns.
        separator: What parts them.
        may_quote: Whether a message may show the line, which may be a row: not of a file that holds lyrics.

    Raises:
        DatasetError: for an empty file, a wrong separator, an absent header or a renamed column.
    """
    line = first_line(path)
    found = line.split(separator)
    shown = repr(line[:120]) if may_quote else f"a line of {len(line):,} characters"
    missing = [name for name in expected if name not in found]
    if not missing:
        return
    wanted = f"expected a first line with the {SEPARATED[separator]} columns {', '.join(expected)}"
    if not line:
        raise DatasetError(f"{path} is empty: {wanted}. Copy the file from the download again.")
    for other, words in SEPARATORS.items():
        if len(found) == 1 and other != separator and expected[0] in line.split(other):
            raise DatasetError(f"{path} is separated by {words}: {wanted}, found {shown}. Use the file as downloaded.")
    if not set(expected) & set(found):
        raise DatasetError(
            f"{path} has no header line: {wanted}, found {shown}. Use the file as downloaded, or put the header back."
        )
    columns = ", ".join(found)[:400] if may_quote else f"{len(found):,} others"
    raise DatasetError(
        f"{path} has no column {', '.join(missing)}: {wanted}, found {columns}. Use the file as downloaded, "
        "or rename the columns back."
    )


def first_line(path: Path) -> str:
    """The first line of a file, or what of it is read at most; empty where there is none."""
    with open_regular(path) as file:
        line = next(bounded_lines(file), None)
    content = line.content.decode("utf-8", errors="replace") if line else ""
    return content.strip("\r\n").removeprefix(BYTE_ORDER_MARK)


def read_tsv(path: Path, wanted: Sequence[str]) -> Rows:
    """Read the columns `wanted`; call `check_header` first.

    A row that is not UTF-8 is read as Latin-1 and recorded; a row that is too long, or has another number of columns,
    is recorded and left out.
    """
    numbers: list[int] = []
    rows: list[list[str]] = []
    rejects: list[Reject] = []
    header: list[str] = []
    number = 0
    with open_regular(path) as file:
        # Only line feeds end a line: titles hold all other characters.
        for number, content, length in bounded_lines(file):
            line, encoding = decoded(content.removesuffix(b"\r"))
            fields = line.split("\t")
            stop_if_too_many(rejects, path)
            if number == 1:
                header = line.removeprefix(BYTE_ORDER_MARK).split("\t")
                continue
            if length > len(content):
                rejects.append(too_long(fields[0], path.name, number, length))
                continue
            if encoding != "utf-8":
                detail = "the row is not UTF-8 and was read as Latin-1"
                rejects.append(Reject("decoded_as_latin_1", fields[0], path.name, number, detail))
            if len(fields) != len(header):
                reason = "too_few_columns" if len(fields) < len(header) else "too_many_columns"
                detail = f"{len(fields)} columns, expected {len(header)}: {line[:120]!r}"
                rejects.append(Reject(reason, fields[0], path.name, number, detail))
                continue
            numbers.append(number)
            rows.append(fields)
    places = [header.index(name) for name in wanted]
    columns = {name: [fields[place] for fields in rows] for name, place in zip(wanted, places, strict=True)}
    return Rows(path.name, numbers, columns, rejects, max(0, number - 1))


def too_long(track_id: str, source_file: str, number: int, length: int) -> Reject:
    """The reject of a line that is longer than any real one."""
    detail = f"a line of {length:,} bytes; at most {MOST_BYTES_OF_A_LINE:,} are read"
    return Reject("line_too_long", track_id[:MAX_ID_LENGTH], source_file, number, detail)


def decoded(line: bytes) -> tuple[str, str]:
    """A line as text, and the encoding that it was read in."""
    try:
        return line.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return line.decode("latin-1"), "latin-1"
