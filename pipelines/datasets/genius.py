"""Genius' song_lyrics.csv, 9 GB, streamed by DuckDB: songs first, then the lyrics of those that are wanted.

DuckDB in strict mode stops at the first fault. What it would make of the rows behind one depends on its version and its
threads, so it is never asked to go on: the file is then read row by row (`mend`), what is no row is put on record, and
DuckDB reads the copy without them.
"""

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl

from mgc_models.regular_files import open_regular
from pipelines.datasets.cards import load_card
from pipelines.datasets.common import DatasetError, Reject, Tables, as_tracks, rejects_frame, stop_if_too_many
from pipelines.datasets.csv_rows import MOST_BYTES_OF_A_ROW, Damage, RowShape, fields_of, read_rows
from pipelines.datasets.genius_rows import row_bytes, row_offsets
from pipelines.datasets.tsv import check_header, first_line
from warehouse.sql_text import literal
from warehouse.store import replacing

DATASET = "genius"
NAME = load_card(DATASET).name
FILE = "song_lyrics.csv"
COLUMNS = (
    "title", "tag", "artist", "year", "views", "features", "lyrics", "id", "language_cld3", "language_ft", "language",
)  # fmt: skip
NO_SONG = "misc"
TAGS = ("rap", "pop", "rock", "country", "rb", "misc")
ROW_END = rb",\d+,[A-Za-z-]{0,8},[A-Za-z-]{0,8},[A-Za-z-]{0,8}\r?\n"
ID = re.compile(r"[0-9]{1,18}")
SHAPE = RowShape(len(COLUMNS), re.compile(ROW_END))
MOST_DAMAGE = 0.01  # of the bytes; above, the file is another one than its header says
MEMORY_LIMIT = "2GB"
FEW_DAMAGES = 20  # never too much, however small the file
TAIL_BYTES = 1 << 20
READ_AS_LATIN_1 = "decoded_as_latin_1"
# What no row of an undamaged file holds. A lyric with a row end in it has swallowed the rows around it. No IN and no
# list_contains: DuckDB 2.0 makes a join of them, and behind a join the rows are no longer in the order of the file.
SUSPECT = rf"""
    NOT regexp_full_match(coalesce(tag, ''), '{"|".join(TAGS)}')
    OR contains(concat(title, artist, features), '""') OR contains(concat(title, artist, features, lyrics), chr(0))
    OR regexp_matches(lyrics, '{ROW_END.decode()}')
"""
# A list such as {Jadakiss,"Styles P"}: quoted names, in which backslashes only escape, and bare ones.
FEATURED = r"""
    list_transform(
        regexp_extract_all(features, '"(?:[^"\\]|\\.)*"|[^{},"]+'),
        lambda name: replace(trim(name, '"'), '\', '')
    )
"""
# strlen counts bytes, length would decode.
SONGS = f"""
    SELECT id, title, artist, tag, year, views, {FEATURED} AS featured_artists, language_cld3, language_ft, language,
        coalesce(strlen(lyrics), 0) AS lyrics_bytes, {row_bytes(COLUMNS)} AS csv_bytes,
        coalesce({SUSPECT}, false) AS suspect
"""


@dataclass(frozen=True)
class Layout:
    """Where the CSV lies, and where its mended copy goes or went."""

    source: Path
    mended: Path

    @property
    def tables(self) -> dict[str, Path]:
        """Files that are read, by name."""
        return {FILE: self.source}


@dataclass(frozen=True)
class Songs:
    """The songs without their lyrics.

    Attributes:
        frame: One row per readable row, in the order of the file, with its place in it where that can be told.
        raw_rows: Rows of the file, damaged ones included (a damage whose rows cannot be told counts as one).
        rejects: The damage, with its lines.
    """

    frame: pl.DataFrame
    raw_rows: int
    rejects: list[Reject]


def locate(path: Path, workspace: Path) -> Layout:
    """Find the CSV at `path`, or in the folder `path`, and check its header.

    Args:
        path: The file or its folder.
        workspace: Folder for the mended copy of a damaged file.

    Raises:
        DatasetError: if it is missing, has another separator, no header, or other columns in another order.
    """
    found = path / FILE if path.is_dir() else path
    if not found.exists():
        raise DatasetError(f"{NAME} is not at {path}: expected {FILE}. Set MGC_GENIUS_CSV to that file.")
    check_header(found, COLUMNS, ",", may_quote=False)
    header = first_line(found).split(",")
    if header != list(COLUMNS):
        raise DatasetError(
            f"{found} has other columns or another order: expected {','.join(COLUMNS)}, found {len(header)} columns. "
            "Use the file as downloaded."
        )
    return Layout(found, workspace / "mended.csv")


def read(layout: Layout) -> Tables:
    """Read everything but the lyrics. Every row that cannot be used is in `rejects`.

    Raises:
        DatasetError: if the file is cut off, or too much of it is damaged.
    """
    songs = read_songs(layout.source, layout.mended)
    frame = songs.frame.with_row_index("place", offset=1)
    first = frame["id"].is_first_distinct()
    repeated = [
        Reject("duplicate_id", str(song), FILE, None, f"readable row {place}; the first row with this id is kept")
        for place, song in frame.filter(~first).select("place", "id").iter_rows()
    ]
    # In the order of the tables, so that they are not sorted one by one.
    frame = frame.filter(first).with_columns(pl.col("id").cast(pl.String).alias("track_id")).sort("track_id")
    rejects = [*songs.rejects, *repeated, *_unread_values(frame)]
    return Tables(_tracks(frame), rejects_frame(DATASET, "read", rejects), {FILE: songs.raw_rows}, _details(frame))


def read_songs(source: Path, mended: Path) -> Songs:
    """Read the songs as they stand in the file.

    Args:
        source: The file as downloaded.
        mended: Where a copy without the damaged rows goes, if there are any; `lyrics_of` reads it again.

    Raises:
        DatasetError: if the file is cut off, or more than `MOST_DAMAGE` of it is damaged.
    """
    frame = None
    with contextlib.suppress(duckdb.Error):
        frame = _songs(source)
    if frame is None or frame["suspect"].any() or not _is_last(source, frame):
        return _read_mended(source, mended)
    mended.unlink(missing_ok=True)
    return Songs(_placed(frame.drop("suspect"), source), frame.height, [])


def _placed(frame: pl.DataFrame, source: Path) -> pl.DataFrame:
    offsets = row_offsets(source, frame["csv_bytes"]).alias("csv_offset")
    return frame.with_columns(offsets, pl.when(offsets.is_not_null()).then("csv_bytes").alias("csv_bytes"))


def lyrics_of(layout: Layout, ids: pl.Series) -> pl.DataFrame:
    """Read the lyrics of some songs in one pass over the file; call `read` first.

    Returns:
        Columns id and lyrics (as in the file; null where there are none), one row per id that the file has, sorted.
    """
    with contextlib.suppress(duckdb.Error):  # damaged, and the mended copy was deleted
        return _lyrics_of(layout.mended if layout.mended.is_file() else layout.source, ids)
    _read_mended(layout.source, layout.mended)
    with _without_lyrics(layout.source):
        return _lyrics_of(layout.mended, ids)


def _lyrics_of(csv: Path, ids: pl.Series) -> pl.DataFrame:
    wanted = ids.cast(pl.Int64).to_frame("id").to_arrow()
    with _connect() as connection:
        connection.register("wanted", wanted)
        frame = connection.sql(f"SELECT id, lyrics FROM {_csv(csv)} SEMI JOIN wanted USING (id)").pl()
    return frame.unique("id", keep="first", maintain_order=True).sort("id")


def mend(source: Path, target: Path) -> Iterator[Damage]:
    """Copy every row that is one, with a plain line end and in UTF-8; gives the damage, row after row.

    Raises:
        DatasetError: if the file is cut off.
    """
    with target.open("wb") as file:
        file.write(",".join(COLUMNS).encode() + b"\n")
        for row in read_rows(source, SHAPE, header_lines=1):
            if isinstance(row, Damage):
                yield row
                continue
            content = row.content.removesuffix(b"\n").removesuffix(b"\r") + b"\n"
            try:
                content.decode()
            except UnicodeDecodeError:
                content = content.decode("latin-1").encode()
                detail = "the row is not UTF-8 and was read as Latin-1"
                yield Damage(row.line, 1, 0, READ_AS_LATIN_1, detail, tuple(fields_of(content)))
            song = _id_field(content)
            if _as_id(song) is None:
                detail = f"an id of {len(song):,} characters; expected a number of at most 18 digits"
                yield Damage(row.line, content.count(b"\n"), len(content), "refused_id", detail)
                continue
            file.write(content)


def _id_field(row: bytes) -> str:
    """The id of a whole row; the fields behind it are codes, which nobody quotes."""
    song = row.rsplit(b",", len(COLUMNS) - COLUMNS.index("id"))[1].decode()
    return song if ID.fullmatch(song) else fields_of(row)[COLUMNS.index("id")]


def _tracks(frame: pl.DataFrame) -> pl.DataFrame:
    year = pl.col("year").cast(pl.Int32, strict=False)
    known = frame.select(
        "track_id",
        pl.col("artist", "title").fill_null(""),
        pl.when((year > 0) & (year < 10_000)).then(year).alias("release_year"),
        pl.when(pl.col("tag").is_in(TAGS)).then(pl.concat_list("tag")).otherwise([]).alias("genres"),
        pl.when(pl.col("language") != "").then("language").alias("language_label"),
    )
    return as_tracks(known, DATASET)


def _details(frame: pl.DataFrame) -> pl.DataFrame:
    same = [pl.col(name).fill_null("").str.to_lowercase().str.strip_chars() for name in ("artist", "title")]
    return frame.select(
        "track_id",
        pl.when(pl.col("tag").is_in(TAGS)).then("tag").alias("tag"),
        (pl.col("tag").fill_null("") != NO_SONG).alias("is_song"),
        pl.col("views").cast(pl.Int64, strict=False),
        pl.col("featured_artists").fill_null([]),
        *(pl.when(pl.col(name) != "").then(name).alias(name) for name in ("language_cld3", "language_ft")),
        "lyrics_bytes",
        "csv_offset",
        "csv_bytes",
        pl.len().over(same).cast(pl.Int32).alias("same_song_rows"),
    )


def _unread_values(frame: pl.DataFrame) -> list[Reject]:
    """Record tags that are none and numbers that are none; the song stays."""
    tag, views, year = pl.col("tag"), pl.col("views"), pl.col("year")
    no_year = year.cast(pl.Int32, strict=False).is_null() & (year != "")
    wrong = (
        ("unknown_tag", "tag", ~tag.fill_null("").is_in(TAGS), f"expected one of {', '.join(TAGS)}"),
        ("unparsable_number", "views", views.cast(pl.Int64, strict=False).is_null(), "expected a number"),
        ("unparsable_number", "year", no_year, "expected a number"),
    )
    return [
        Reject(reason, track_id, FILE, None, f"row {place}: {column} of {len(value or ''):,} characters; {expected}")
        for reason, column, is_wrong, expected in wrong
        for place, track_id, value in frame.filter(is_wrong).select("place", "track_id", column).iter_rows()
    ]


def _songs(csv: Path) -> pl.DataFrame:
    """Read the songs by way of a Parquet file, as a result handed over by DuckDB is in memory twice."""
    with TemporaryDirectory(prefix="mgc-genius-") as folder, _connect() as connection:
        path = Path(folder) / "songs.parquet"
        connection.execute(f"COPY ({SONGS} FROM {_csv(csv)}) TO {literal(str(path))} (FORMAT parquet)").fetchall()
        return pl.read_parquet(path)


@contextmanager
def _connect() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as connection:
        connection.execute("SET enable_progress_bar = false").fetchall()
        yield connection


def _csv(source: Path) -> str:
    # No new_line: with '\\r\\n' and strict mode DuckDB (1.4 to 2.0) reads such a file as one without rows.
    types = ", ".join(f"'{name}': '{'BIGINT' if name == 'id' else 'VARCHAR'}'" for name in COLUMNS)
    return (
        f"read_csv({literal(str(source))}, auto_detect = false, strict_mode = true, header = true, delim = ',', "
        f"quote = '\"', escape = '\"', columns = {{{types}}}, "
        f"max_line_size = {MOST_BYTES_OF_A_ROW}, buffer_size = {MOST_BYTES_OF_A_ROW})"
    )


def _read_mended(source: Path, mended: Path) -> Songs:
    with replacing(mended) as temporary:
        damage = []
        for one in mend(source, temporary):
            damage.append(one)
            stop_if_too_many(damage, source)
        _stop_if_too_much(source, damage)
    with _without_lyrics(source):
        frame = _songs(mended)
    lost = sum(one.reason != READ_AS_LATIN_1 for one in damage)
    frame = frame.drop("suspect").with_columns(
        pl.lit(None, pl.Int64).alias(name) for name in ("csv_offset", "csv_bytes")
    )
    return Songs(frame, frame.height + lost, [_reject(one) for one in damage])


@contextmanager
def _without_lyrics(source: Path) -> Iterator[None]:
    """Replace an error of DuckDB, which quotes the row that it stopped at, by one that holds no lyrics."""
    try:
        yield
    except duckdb.Error as error:
        what = f"{type(error).__name__} of DuckDB"
        raise DatasetError(f"{source} cannot be read ({what}). Copy the file from the download again.") from None


def _is_last(source: Path, frame: pl.DataFrame) -> bool:
    """Whether the last song read is the last of the file, so that nothing behind it was left out without a word."""
    with open_regular(source) as file:
        file.seek(max(0, source.stat().st_size - TAIL_BYTES))
        ends = SHAPE.end.findall(file.read() + b"\n")
    if not ends or not frame.height:
        return not ends and not frame.height
    return _as_id(ends[-1].split(b",")[1].decode()) == frame["id"][-1]


def _as_id(text: str) -> int | None:
    """The id of a song; None for one of more digits than a file of songs can need."""
    return int(text) if ID.fullmatch(text) else None


def _stop_if_too_much(source: Path, damage: list[Damage]) -> None:
    lost = sum(one.bytes for one in damage)
    if lost > MOST_DAMAGE * source.stat().st_size and len(damage) > FEW_DAMAGES:
        first = damage[0]
        raise DatasetError(
            f"{source} is damaged in {len(damage):,} places, {lost:,} bytes in all; the first is line {first.line:,}, "
            f"{first.reason}: {first.detail}. That is too much to go on; copy the file from the download again."
        )


def _reject(damage: Damage) -> Reject:
    at = COLUMNS.index("id")
    # In a row of another length this field may be any other, and lyrics are not put on record.
    track_id = damage.fields[at] if len(damage.fields) > at and ID.fullmatch(damage.fields[at]) else None
    return Reject(damage.reason, track_id, FILE, damage.line, damage.detail)
