"""Tab-separated files with a header, read as they are: no quoting, no missing-value words, one line one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.datasets.common import DatasetError, Reject

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


def check_header(path: Path, expected: Sequence[str], separator: str = "\t") -> None:
    """Stop unless the first line names the expected columns. Other columns may stand between them.

    Raises:
        DatasetError: for an empty file, a wrong separator, an absent header or a renamed column.
    """
    with path.open("rb") as file:
        line = file.readline().decode("utf-8", errors="replace").strip("\r\n").removeprefix(BYTE_ORDER_MARK)
    found = line.split(separator)
    missing = [name for name in expected if name not in found]
    if not missing:
        return
    wanted = f"expected a first line with the {SEPARATED[separator]} columns {', '.join(expected)}"
    if not line:
        raise DatasetError(f"{path} is empty: {wanted}. Copy the file from the download again.")
    for other, words in SEPARATORS.items():
        if len(found) == 1 and other != separator and expected[0] in line.split(other):
            raise DatasetError(
                f"{path} is separated by {words}: {wanted}, found {line[:120]!r}. Use the file as downloaded."
            )
    if not set(expected) & set(found):
        raise DatasetError(
            f"{path} has no header line: {wanted}, found {line[:120]!r}. Use the file as downloaded, or put the header "
            "back."
        )
    raise DatasetError(
        f"{path} has no column {', '.join(missing)}: {wanted}, found {', '.join(found)}. Use the file as downloaded, "
        "or rename the columns back."
    )


def read_tsv(path: Path, wanted: Sequence[str]) -> Rows:
    """Read the columns `wanted`; call `check_header` first.

    A row that is not UTF-8 is read as Latin-1 and recorded; a row with another number of columns is recorded and left
    out.
    """
    lines = _decoded_lines(path.read_bytes())
    header = lines[0][0].removeprefix(BYTE_ORDER_MARK).split("\t")
    places = [header.index(name) for name in wanted]
    numbers, rows, rejects = [], [], []
    for number, (line, encoding) in enumerate(lines[1:], start=2):
        fields = line.split("\t")
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
    columns = {name: [fields[place] for fields in rows] for name, place in zip(wanted, places, strict=True)}
    return Rows(path.name, numbers, columns, rejects, len(lines) - 1)


def _decoded_lines(content: bytes) -> list[tuple[str, str]]:
    """Give each line with the encoding it was read in. Only line feeds end a line: titles hold all other characters."""
    lines = content.removesuffix(b"\n").split(b"\n")
    return [_decoded(line.removesuffix(b"\r")) for line in lines]


def _decoded(line: bytes) -> tuple[str, str]:
    try:
        return line.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return line.decode("latin-1"), "latin-1"
