"""The Million Song Dataset as downloaded: its tracks, from the best file that is there, and audio in three layouts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mgc_models.regular_files import bounded_lines, open_regular
from pipelines.datasets.cards import load_card
from pipelines.datasets.common import (
    MAX_ID_LENGTH,
    SAFE_ID,
    DatasetError,
    Reject,
    Tables,
    as_tracks,
    rejects_frame,
    stop_if_too_many,
)
from pipelines.datasets.files import Entry, files_below, listing
from pipelines.datasets.msd_sources import SOURCES

DATASET = "msd"
NAME = load_card(DATASET).name
FOLDERS = ("", "AdditionalFiles")  # as the archives have it
MISMATCHES = "sid_mismatches.txt"
MISMATCH_LINE = re.compile(r"<(SO\w{1,32}) (TR\w{1,32})>")
AUDIO_SUFFIXES = (".mp3", ".wav", ".flac")
SEVENDIGITAL_ENDING = ".clip"  # <7digital id>.clip.mp3
UNKNOWN = -1  # what the dataset stores for a number it does not know


@dataclass(frozen=True)
class Layout:
    """Where a copy lies.

    Attributes:
        root: The folder, below which the audio lies too.
        source: The file that names the tracks.
        mismatches: The list of wrong song ids, if it is there.
    """

    root: Path
    source: Path
    mismatches: Path | None

    @property
    def tables(self) -> dict[str, Path]:
        """Files that are read, by their path below the root."""
        paths = [self.source, *([self.mismatches] if self.mismatches else [])]
        return {path.relative_to(self.root).as_posix(): path for path in paths}


def locate(root: Path) -> Layout:
    """Find the files in `root` or its AdditionalFiles: track_metadata.db, else unique_tracks.txt, else the HDF5.

    Raises:
        DatasetError: if none of them is there, or the one to read is not what its name says.
    """
    sources = [root / folder / name for name in SOURCES for folder in FOLDERS]
    source = next((path for path in sources if path.exists() or path.is_symlink()), None)
    if source is None:
        raise DatasetError(
            f"{NAME} is not at {root}: expected {', '.join(SOURCES)} there or in AdditionalFiles, found "
            f"{listing(root)}. Set MGC_MSD_DIR to the folder that holds one of them."
        )
    check, _ = SOURCES[source.name]
    check(source)
    mismatches = [root / folder / MISMATCHES for folder in FOLDERS]
    return Layout(root, source, next((path for path in mismatches if path.exists()), None))


def read(layout: Layout) -> Tables:
    """Read the tracks. Every row that cannot be used is in `rejects`.

    Raises:
        DatasetError: if the source cannot be read; a better file that is broken is never replaced by a worse one.
    """
    _, read_source = SOURCES[layout.source.name]
    frame, rejects, rows = read_source(layout.source)
    frame, refused = _tracks_of(frame, layout.source.name)
    mismatched, unread, lines = _mismatches(layout.mismatches)
    raw_rows = dict(zip(layout.tables, (rows, lines), strict=False))
    details = frame.select(
        "track_id", "song_id", "artist_id", "artist_mbid",
        _known("track_7digitalid"), _known("artist_familiarity"), _known("artist_hotttnesss"),
        _known("shs_perf").cast(pl.Int32), _known("shs_work").cast(pl.Int32),
        pl.col("track_id").is_in(sorted(mismatched)).alias("is_mismatched"),
    )  # fmt: skip
    rejected = rejects_frame(DATASET, "read", [*rejects, *refused, *unread])
    return Tables(_canonical(frame), rejected, raw_rows, details)


def audio_files(layout: Layout, details: pl.DataFrame) -> tuple[dict[str, Entry], list[str]]:
    """Find the audio of the tracks below the root, in one walk.

    Args:
        layout: Where the dataset lies.
        details: `track_id` and `track_7digitalid` of the tracks.

    Returns:
        The file of each track that has one (named by its path below the root), and the files that belong to none.
    """
    known = set(details["track_id"])
    by_number: dict[str, list[str]] = {}
    for track_id, number in details.drop_nulls("track_7digitalid").select("track_id", "track_7digitalid").iter_rows():
        by_number.setdefault(str(number), []).append(track_id)
    found: dict[str, Entry] = {}
    others = []
    for stem, file in files_below(layout.root, AUDIO_SUFFIXES):
        named = [stem] if stem in known else by_number.get(stem.removesuffix(SEVENDIGITAL_ENDING), [])
        new = [track_id for track_id in named if track_id not in found]
        found |= dict.fromkeys(new, file)
        others += [] if new else [file.name]
    return found, others


def _known(column: str) -> pl.Expr:
    # 7digital ids start at 1, as the two of SecondHandSongs.
    least = 1 if column in ("track_7digitalid", "shs_perf", "shs_work") else UNKNOWN + 1
    return pl.when((pl.col(column) >= least) & ~pl.col(column).cast(pl.Float64).is_nan()).then(column)


def _tracks_of(frame: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[Reject]]:
    """Leave out rows whose id is refused, or was there before."""
    track_id = pl.col("track_id").fill_null("")
    is_safe = track_id.str.contains(f"^(?:{SAFE_ID.pattern})$") & (track_id.str.len_bytes() <= MAX_ID_LENGTH)
    frame = frame.with_row_index("place", offset=1).with_columns(
        pl.col("artist", "title").fill_null(""),
        is_safe.alias("safe"),
    )
    unsafe, safe = frame.filter(~pl.col("safe")), frame.filter("safe")
    first = safe["track_id"].is_first_distinct()
    return safe.filter(first).drop("place", "safe"), [
        *_listed("refused_id", unsafe, name, "cannot be a file name, so it could leave its folder"),
        *_listed("duplicate_id", safe.filter(~first), name, "the first row with this id is kept"),
    ]


def _listed(reason: str, rows: pl.DataFrame, name: str, why: str) -> Iterable[Reject]:
    for place, track_id in rows.select("place", "track_id").iter_rows():
        shown = (track_id or "")[:MAX_ID_LENGTH]
        yield Reject(reason, track_id, name, None, f"readable row {place}, id {shown!r}: {why}")


def _mismatches(path: Path | None) -> tuple[set[str], list[Reject], int]:
    """Track ids of sid_mismatches.txt, its lines that name none, and the number of its lines."""
    found: set[str] = set()
    rejects: list[Reject] = []
    if path is None:
        return found, rejects, 0
    number = 0
    with open_regular(path) as file:
        for number, content, length in bounded_lines(file):
            stop_if_too_many(rejects, path)
            line = content.decode("utf-8", errors="replace")
            match = MISMATCH_LINE.search(line) if length == len(content) else None
            if match:
                found.add(match[2])
            else:
                detail = f"expected <song_id track_id>, found {line[:120]!r}"
                rejects.append(Reject("unparsable_row", None, MISMATCHES, number, detail))
    return found, rejects, number


def _canonical(frame: pl.DataFrame) -> pl.DataFrame:
    year = pl.col("release_year")
    known = frame.select(
        "track_id",
        "artist",
        "title",
        pl.when(pl.col("album") != "").then("album").alias("album"),
        pl.when((year > 0) & (year < 10_000)).then(year).alias("release_year"),
        _known("catalogue_duration_s"),
    )
    return as_tracks(known, DATASET)
