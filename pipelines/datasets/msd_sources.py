"""The three files that name the tracks of the Million Song Dataset, each read into the same columns.

They are read a batch at a time. What a file does not hold is null.
"""

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from mgc_models.regular_files import bounded_lines, open_regular
from pipelines.datasets.common import MAX_ID_LENGTH, NOT_A_TRACK, DatasetError, Reject, stop_if_too_many
from pipelines.datasets.tsv import too_long

TEXTS = ("track_id", "song_id", "artist", "title", "album", "artist_id", "artist_mbid")
SCHEMA: Mapping[str, type[pl.DataType]] = {
    **dict.fromkeys(TEXTS, pl.String),
    "catalogue_duration_s": pl.Float64,
    "artist_familiarity": pl.Float64,
    "artist_hotttnesss": pl.Float64,
    "release_year": pl.Int64,
    "track_7digitalid": pl.Int64,
    "shs_perf": pl.Int64,
    "shs_work": pl.Int64,
}
# Our column -> that of table songs. The two shs columns came with a later edition of the file.
SQLITE_COLUMNS = {
    "track_id": "track_id",
    "song_id": "song_id",
    "artist": "artist_name",
    "title": "title",
    "album": "release",
    "artist_id": "artist_id",
    "artist_mbid": "artist_mbid",
    "catalogue_duration_s": "duration",
    "artist_familiarity": "artist_familiarity",
    "artist_hotttnesss": "artist_hotttnesss",
    "release_year": "year",
}
SQLITE_OPTIONAL = {"track_7digitalid": "track_7digitalid", "shs_perf": "shs_perf", "shs_work": "shs_work"}
SQLITE_MAGIC, SQLITE_HEADER_BYTES = b"SQLite format 3\0", 100
LOCK_WAIT_S = 2.0
# Our column -> (table of the summary file, its column).
HDF5_COLUMNS = {
    "track_id": ("analysis/songs", "track_id"),
    "song_id": ("metadata/songs", "song_id"),
    "artist": ("metadata/songs", "artist_name"),
    "title": ("metadata/songs", "title"),
    "album": ("metadata/songs", "release"),
    "artist_id": ("metadata/songs", "artist_id"),
    "artist_mbid": ("metadata/songs", "artist_mbid"),
    "catalogue_duration_s": ("analysis/songs", "duration"),
    "artist_familiarity": ("metadata/songs", "artist_familiarity"),
    "artist_hotttnesss": ("metadata/songs", "artist_hotttnesss"),
    "release_year": ("musicbrainz/songs", "year"),
    "track_7digitalid": ("metadata/songs", "track_7digitalid"),
}
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
SEPARATOR, TEXT_COLUMNS = "<SEP>", ("track_id", "song_id", "artist", "title")
LINES_LOOKED_AT = 100
ROWS_PER_BATCH = 50_000
MOST_READ = 100_000  # characters of a text
MOST_WHOLE = 2**31 - 1  # of years, 7digital ids and works

Source = tuple[pl.DataFrame, list[Reject], int]


def read_sqlite(path: Path) -> Source:
    """Read table `songs` of track_metadata.db, which stays untouched; call `check_sqlite` first.

    Raises:
        DatasetError: if it is damaged or locked.
    """
    with closing(_open(path)) as connection:
        columns = SQLITE_COLUMNS | {ours: name for ours, name in SQLITE_OPTIONAL.items() if name in _songs(connection)}
        try:
            rows = connection.execute(f"SELECT {', '.join(map(_within_bound, columns.values()))} FROM songs")
            return _collect(path, list(columns), _batches(rows))
        except sqlite3.Error as error:
            raise _unreadable(path, error) from error


def check_sqlite(path: Path) -> None:
    """Stop unless the file is whole and has the table and the columns.

    Raises:
        DatasetError: if it is no SQLite file, cut off, damaged or locked, or has no such table or column.
    """
    with open_regular(path) as file:
        header = file.read(SQLITE_HEADER_BYTES)
    if not header.startswith(SQLITE_MAGIC) or len(header) < SQLITE_HEADER_BYTES:
        raise DatasetError(
            f"{path} is no SQLite database: expected it to start with 'SQLite format 3', found {header[:16]!r}. Copy "
            "it from the download again."
        )
    page = int.from_bytes(header[16:18], "big")
    expected = (1 << 16 if page == 1 else page) * int.from_bytes(header[28:32], "big")
    if path.stat().st_size < expected:
        raise DatasetError(
            f"{path} is cut off: its header says {expected:,} bytes, it has {path.stat().st_size:,}. Copy it from the "
            "download again."
        )
    with closing(_open(path)) as connection:
        try:
            found = _songs(connection)
        except sqlite3.Error as error:
            raise _unreadable(path, error) from error
    missing = [name for name in SQLITE_COLUMNS.values() if name not in found]
    if missing:
        what = f"its table songs has no column {', '.join(missing)}" if found else "it has no table songs"
        raise DatasetError(
            f"{path} is not as distributed: {what}; expected table songs with {', '.join(SQLITE_COLUMNS.values())}, "
            f"found {', '.join(found) or 'no such table'}. Use the file as downloaded."
        )


def read_text(path: Path) -> Source:
    """Read unique_tracks.txt: `track_id<SEP>song_id<SEP>artist<SEP>title`, no header; call `check_text` first."""
    rejects: list[Reject] = []
    return _collect(path, TEXT_COLUMNS, _text_batches(path, rejects), rejects)


def check_text(path: Path) -> None:
    """Stop unless one of the first lines has four fields.

    Raises:
        DatasetError: naming what was found.
    """
    with open_regular(path) as file:
        first = [line.content for line in islice(bounded_lines(file), LINES_LOOKED_AT)]
    if max((line.count(SEPARATOR.encode()) for line in first), default=0) < len(TEXT_COLUMNS) - 1:
        found = first[0][:120].decode("utf-8", errors="replace") if first else ""
        raise DatasetError(
            f"{path} has another form: expected lines track_id<SEP>song_id<SEP>artist<SEP>title, found "
            f"{found!r}. Use the file as downloaded."
        )


def check_hdf5(path: Path) -> None:
    """Stop unless the file starts as HDF5 does.

    Raises:
        DatasetError: naming what was found.
    """
    with open_regular(path) as file:
        head = file.read(len(HDF5_MAGIC))
    if head != HDF5_MAGIC:
        raise DatasetError(
            f"{path} cannot be read as HDF5: expected it to start with {HDF5_MAGIC!r}, found {head!r}. Copy it "
            "from the download again."
        )


def read_hdf5(path: Path) -> Source:
    """Read the summary file through h5py.

    Raises:
        DatasetError: if h5py is not installed, or the file is no HDF5, damaged, or without a table or column.
    """
    try:
        import h5py  # noqa: PLC0415 - an extra that few need
    except ImportError as error:
        raise DatasetError(
            f"{path} needs h5py, which is not installed. Run `pip install 'mgc-repro[msd]'` (or `pip install h5py`), "
            "or put track_metadata.db or unique_tracks.txt beside it."
        ) from error
    try:
        with h5py.File(path, "r") as file:
            return _collect(path, list(HDF5_COLUMNS), _hdf5_batches(path, file))
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{path} cannot be read as HDF5: {error}. Copy it from the download again.") from error


# File name -> (quick check, reader), the best first.
SOURCES: Mapping[str, tuple[Callable[[Path], None], Callable[[Path], Source]]] = {
    "track_metadata.db": (check_sqlite, read_sqlite),
    "unique_tracks.txt": (check_text, read_text),
    "msd_summary_file.h5": (check_hdf5, read_hdf5),
}


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_WAIT_S)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error
    connection.text_factory = bytes  # decoded a column at a time, with a way out for what is not UTF-8
    return connection


def _within_bound(column: str) -> str:
    """SQL of a column, of whose longest texts only the beginning is read: SQLite holds up to a gigabyte in one."""
    is_long = f"typeof({column}) IN ('text', 'blob') AND length(CAST({column} AS BLOB)) > {MOST_READ}"
    return f"CASE WHEN {is_long} THEN substr({column}, 1, {MOST_READ}) ELSE {column} END"


def _songs(connection: sqlite3.Connection) -> list[str]:
    return [row[1].decode() for row in connection.execute("PRAGMA table_info(songs)")]


def _unreadable(path: Path, error: sqlite3.Error) -> DatasetError:
    if "locked" in str(error) or "busy" in str(error):
        mend = "Another program is writing to it; close that program, or copy the file."
    else:
        mend = "Copy it from the download again."
    return DatasetError(f"{path} cannot be read: {error}. {mend}")


def _batches(rows: sqlite3.Cursor) -> Iterator[Sequence[Sequence[Any]]]:
    while batch := rows.fetchmany(ROWS_PER_BATCH):
        yield list(zip(*batch, strict=True))


def _text_batches(path: Path, rejects: list[Reject]) -> Iterator[Sequence[Sequence[Any]]]:
    """Columns of a batch of lines; a line with fewer fields is on record."""
    rows: list[list[bytes]] = []
    with open_regular(path) as file:
        for number, content, length in bounded_lines(file):
            stop_if_too_many(rejects, path)  # a file without any row fills no batch
            line = content.rstrip(b"\r")
            fields = line.split(SEPARATOR.encode(), len(TEXT_COLUMNS) - 1)
            if length > len(content):
                rejects.append(too_long(fields[0].decode("utf-8", errors="replace"), path.name, number, length))
                continue
            if len(fields) < len(TEXT_COLUMNS):
                detail = f"{len(fields)} fields, expected {len(TEXT_COLUMNS)}: {line[:120]!r}"
                track_id = fields[0].decode("utf-8", errors="replace")
                rejects.append(Reject("too_few_columns", track_id, path.name, number, detail))
                continue
            rows.append(fields)
            if len(rows) == ROWS_PER_BATCH:
                yield list(zip(*rows, strict=True))
                rows = []
    if rows:
        yield list(zip(*rows, strict=True))


def _hdf5_batches(path: Path, file: Any) -> Iterator[Sequence[Any]]:
    tables = {name: file.get(name) for name, _ in HDF5_COLUMNS.values()}
    missing = [
        f"/{table}.{column}"
        for table, column in HDF5_COLUMNS.values()
        if tables[table] is None or column not in (tables[table].dtype.names or ())
    ]
    if missing:
        raise DatasetError(f"{path} is no summary file of the dataset: it has no {', '.join(missing)}.")
    sizes = {len(table) for table in tables.values()}
    if len(sizes) > 1:
        raise DatasetError(f"{path} is damaged: its tables have {sorted(sizes)} rows and must have as many each.")
    for start in range(0, sizes.pop(), ROWS_PER_BATCH):
        part = {name: table[start : start + ROWS_PER_BATCH] for name, table in tables.items()}
        yield [part[table][column].tolist() for table, column in HDF5_COLUMNS.values()]


def _collect(
    path: Path, columns: Sequence[str], batches: Iterator[Sequence[Sequence[Any]]], rejects: list[Reject] | None = None
) -> Source:
    """The batches as one frame with all columns of `SCHEMA`, rejects, and the rows read."""
    rejects = [] if rejects is None else rejects
    frames = []
    for batch in batches:
        frames.append(_frame(path.name, dict(zip(columns, batch, strict=True)), rejects))
        stop_if_too_many(rejects, path)
    frame = pl.concat(frames) if frames else pl.DataFrame(schema=SCHEMA)
    unparted = sum(reject.reason in NOT_A_TRACK for reject in rejects)
    return frame, rejects, frame.height + unparted


def _frame(name: str, columns: Mapping[str, Sequence[Any]], rejects: list[Reject]) -> pl.DataFrame:
    height = len(next(iter(columns.values())))
    return pl.DataFrame(
        [
            _column(name, key, kind, columns[key], columns["track_id"], rejects)
            if key in columns
            else pl.Series(key, [None] * height, dtype=kind)
            for key, kind in SCHEMA.items()
        ]
    )


def _column(
    name: str, key: str, kind: type[pl.DataType], values: Sequence[Any], ids: Sequence[Any], rejects: list[Reject]
) -> pl.Series:
    if kind is not pl.String:
        numbers, unread = _numbers(kind, values)
        rejects += [
            Reject("unparsable_number", _id_of(ids[row]), name, None, _as_unknown(key, values[row])) for row in unread
        ]
        return pl.Series(key, numbers, dtype=kind)
    texts: list[str | None] = []
    for row, content in enumerate(map(_as_bytes, values)):
        try:
            texts.append(None if content is None else content.decode())
        except UnicodeDecodeError:
            texts.append(content.decode("latin-1") if content else None)
            detail = f"{key} is not UTF-8, was read as Latin-1"
            rejects.append(Reject("decoded_as_latin_1", _id_of(ids[row]), name, None, detail))
    return pl.Series(key, texts, pl.String)


def _id_of(value: Any) -> str:
    return (_as_bytes(value) or b"")[:MAX_ID_LENGTH].decode("latin-1")


def _as_unknown(key: str, value: Any) -> str:
    return f"{key} = {value[:40] if isinstance(value, bytes) else value!r}, read as unknown"


def _is_plain(kind: type[pl.DataType], values: Sequence[Any]) -> bool:
    """Whether all values are what the column should hold, as in every undamaged file."""
    numbers = [value for value in values if value is not None]
    if kind != pl.Int64:
        return set(map(type, numbers)) <= {float} and math.inf not in values and -math.inf not in values
    whole = set(map(type, numbers)) <= {int}
    return whole and max(numbers, default=0) <= MOST_WHOLE and min(numbers, default=0) >= -MOST_WHOLE


def _numbers(kind: type[pl.DataType], values: Sequence[Any]) -> tuple[list[float | None], list[int]]:
    """The values that are numbers of a kind, null for others, and the places of those that are there and are none.

    Whole numbers may be stored as `1999.0`; not a number is what the dataset stores for an unknown one.
    """
    if _is_plain(kind, values):
        return list(values), []
    whole = kind == pl.Int64
    numbers: list[float | None] = []
    unread = []
    for place, value in enumerate(values):
        number = value if isinstance(value, int | float) else None
        if number is not None and whole:
            is_whole = math.isfinite(number) and number == int(number) and abs(number) <= MOST_WHOLE
            number = int(number) if is_whole else None
        elif number is not None:
            number = float(number) if not math.isinf(number) else None
        is_unknown = value is None or (isinstance(value, float) and math.isnan(value))
        unread += [place] if number is None and not is_unknown else []
        numbers.append(number)
    return numbers, unread


def _as_bytes(value: Any) -> bytes | None:
    """SQLite keeps whatever was put in, whatever the column's type; a title that is a number is text all the same."""
    return value if value is None or isinstance(value, bytes) else str(value).encode()
