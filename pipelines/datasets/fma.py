"""The Free Music Archive as downloaded: tracks.csv with its three header rows, genres.csv, clips."""

import ast
import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import polars as pl

from mgc_models.regular_files import bounded_lines, open_regular
from pipelines.datasets.cards import FOLDER, load_card
from pipelines.datasets.common import (
    MAX_ID_LENGTH,
    TRACK_SCHEMA,
    DatasetError,
    Reject,
    Tables,
    as_text,
    as_tracks,
    rejects_frame,
    stop_if_too_many,
)
from pipelines.datasets.csv_rows import Damage, RowShape, fields_of, read_rows
from pipelines.datasets.files import Entry, files_below, listing
from pipelines.datasets.tsv import BYTE_ORDER_MARK, check_header, decoded, first_line

DATASET = "fma"
NAME = load_card(DATASET).name
METADATA, TRACKS, GENRES = "fma_metadata", "fma_metadata/tracks.csv", "fma_metadata/genres.csv"
KNOWN_ISSUES_FILE = FOLDER / "fma_known_issues.toml"
AUDIO_FOLDERS = ("fma_medium", "fma_large", "fma_full", "fma_small")
AUDIO_SUFFIXES = (".mp3", ".wav", ".flac")
HEADER_ROWS = 3
ID_CELL = "track_id"
# Our name -> the pair of header cells.
WANTED = {
    "artist": ("artist", "name"),
    "artist_id": ("artist", "id"),
    "title": ("track", "title"),
    "album": ("album", "title"),
    "duration": ("track", "duration"),
    "released": ("album", "date_released"),
    "language": ("track", "language_code"),
    "genre_top": ("track", "genre_top"),
    "genres": ("track", "genres"),
    "genres_all": ("track", "genres_all"),
    "tags": ("track", "tags"),
    "split": ("set", "split"),
    "subset": ("set", "subset"),
}
# A row starts with its id, the album's number of comments and the day the album was made; nothing inside one does.
ROW_START = rb"\n(?=\d+,(?:-?\d+(?:\.0)?)?,(?:\d{4}-\d\d-\d\d[^,\n]*)?,)"
DETAILS_SCHEMA: Mapping[str, pl.DataType] = {
    "split": pl.String(),
    "subset": pl.String(),
    "genre_top": pl.String(),
    "genres_all": pl.List(pl.String),
    "artist_id": pl.String(),
    "known_issue": pl.String(),
}
SPLITS, SUBSETS = ("training", "validation", "test"), ("small", "medium", "large")
MAX_LIST_CHARACTERS = 100_000
MOST_GENRE = 10**9
NUMBER = re.compile(r"[0-9]{1,18}")
DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")


@dataclass(frozen=True)
class Layout:
    """Where a copy lies: its root, and the folders of clips that are there, the preferred one first."""

    root: Path
    audio: tuple[str, ...]

    @property
    def tables(self) -> dict[str, Path]:
        """Files that are read, by their path below the root."""
        return {name: self.root / name for name in (TRACKS, GENRES)}


def locate(root: Path) -> Layout:
    """Find the metadata in `root/fma_metadata` and the clips beside it.

    Raises:
        DatasetError: if a file is missing or its header is another one.
    """
    for name in (TRACKS, GENRES):
        if not (root / name).exists():
            raise DatasetError(
                f"{root / name} is missing: {NAME} has its tables in {METADATA}, found {listing(root)}. Set "
                "MGC_FMA_DIR to the folder that holds fma_metadata and fma_medium, and unpack both archives there."
            )
    _header(root / TRACKS)
    check_header(root / GENRES, ("genre_id", "parent", "title", "top_level"), ",")
    return Layout(root, tuple(name for name in AUDIO_FOLDERS if (root / name).is_dir()))


def read(layout: Layout) -> Tables:
    """Read tracks and genres. Every row that cannot be used, in whole or in part, is in `rejects`."""
    rejects: list[Reject] = []
    titles, genre_rows = _genre_titles(layout.root / GENRES, rejects)
    header = _header(layout.root / TRACKS)
    places = {name: header.index(pair) for name, pair in WANTED.items()}
    rows: list[dict[str, object]] = []
    raw_rows, seen = 0, dict[str, int]()
    for line, fields in _track_rows(layout.root / TRACKS, len(header), rejects):
        raw_rows += 1
        track_id = fields[0] if fields else ""
        if track_id in seen:
            detail = f"first on line {seen[track_id]}, which is kept"
            rejects.append(Reject("duplicate_id", track_id, TRACKS, line, detail))
        elif fields:
            seen[track_id] = line
            values = {name: fields[place].strip() for name, place in places.items()}
            rows.append(_track(track_id, line, values, titles, rejects))
    frame = pl.DataFrame(rows, schema={**TRACK_SCHEMA, **DETAILS_SCHEMA})
    return Tables(
        as_tracks(frame, DATASET),
        rejects_frame(DATASET, "read", rejects),
        {TRACKS: raw_rows, GENRES: genre_rows},
        frame.select("track_id", *DETAILS_SCHEMA),
    )


def audio_files(layout: Layout) -> tuple[dict[str, Entry], list[str]]:
    """Find the clips: the file of each track id (by its path below the root), and the files that no track id names."""
    found: dict[str, Entry] = {}
    others = []
    for folder in layout.audio:
        for stem, file in files_below(layout.root / folder, AUDIO_SUFFIXES):
            entry = Entry(f"{folder}/{file.name}", file.bytes, file.mtime_ns)
            if NUMBER.fullmatch(stem):
                found.setdefault(as_track_id(stem), entry)
            else:
                others.append(entry.name)
    return found, others


def promised_tracks(layout: Layout, details: pl.DataFrame) -> set[str]:
    """Tracks that the folders of clips promise: those of subset medium, unless a larger one is there."""
    promised = SUBSETS if {"fma_large", "fma_full"} & set(layout.audio) else ("small", "medium")
    return set(details.filter(pl.col("subset").is_in(promised))["track_id"])


def as_track_id(stem: str) -> str:
    """The track id that a file is named after, with or without leading zeros; other names as they are."""
    return str(int(stem)) if NUMBER.fullmatch(stem) else stem


@cache
def known_issues() -> dict[str, str]:
    """Clips that users of the dataset found broken, track id -> reason (fma_known_issues.toml)."""
    issues = tomllib.loads(KNOWN_ISSUES_FILE.read_text(encoding="utf-8"))
    return {str(track): reason for reason, issue in reversed(issues.items()) for track in issue["tracks"]}


def _header(path: Path) -> list[tuple[str, str]]:
    """The pair of cells above each column.

    Raises:
        DatasetError: if there are not three header rows, or a column is missing.
    """
    with open_regular(path) as file:
        lines = [decoded(line.content)[0] for line in islice(bounded_lines(file), HEADER_ROWS)]
    rows = [_cells(line.rstrip("\r")) for line in lines]
    wanted = "expected three header rows: groups (album, artist, set, track), columns, and one with only track_id"
    first = [cell.removeprefix(BYTE_ORDER_MARK) for cell in rows[0]] if rows else []
    if not first:
        raise DatasetError(f"{path} is empty: {wanted}. Copy it from the download again.")
    if len(rows) < HEADER_ROWS or "set" not in first or len(rows[1]) != len(first) or rows[2][:1] != [ID_CELL]:
        raise DatasetError(
            f"{path} does not have the header of the download: {wanted}; found {', '.join(first)[:120]!r} in the first "
            "row. It was flattened or saved again by another program; use the file as downloaded."
        )
    header = list(zip(first, rows[1], strict=True))
    missing = [f"({group}, {name})" for group, name in WANTED.values() if (group, name) not in header]
    if missing:
        raise DatasetError(f"{path} has no column {', '.join(missing)}. Use the file as downloaded.")
    return header


def _track_rows(path: Path, columns: int, rejects: list[Reject]) -> Iterator[tuple[int, list[str]]]:
    """Line and fields of each row; no fields where the row is damaged and recorded in `rejects`."""
    for row in read_rows(path, RowShape(columns, re.compile(ROW_START)), header_lines=HEADER_ROWS):
        stop_if_too_many(rejects, path)
        if isinstance(row, Damage):
            track_id = row.fields[0] if row.fields else None
            rejects.append(Reject(row.reason, track_id, TRACKS, row.line, row.detail))
            yield row.line, []
            continue
        try:
            fields = fields_of(row.content)
        except UnicodeDecodeError:
            fields = fields_of(row.content.decode("latin-1").encode())
            detail = "the row is not UTF-8 and was read as Latin-1"
            rejects.append(Reject("decoded_as_latin_1", fields[0], TRACKS, row.line, detail))
        if NUMBER.fullmatch(fields[0]):
            yield row.line, [str(int(fields[0])), *fields[1:]]
        else:
            detail = f"id {fields[0][:MAX_ID_LENGTH]!r}; expected a number of at most 18 digits"
            rejects.append(Reject("refused_id", fields[0], TRACKS, row.line, detail))
            yield row.line, []


def _track(
    track_id: str, line: int, values: Mapping[str, str], titles: Mapping[int, str], rejects: list[Reject]
) -> dict[str, object]:
    def record(reason: str, detail: str) -> None:
        rejects.append(Reject(reason, track_id, TRACKS, line, detail))

    def genres(name: str) -> list[str]:
        listed = _list(values[name])
        numbers = [number for number in listed or [] if isinstance(number, int) and abs(number) <= MOST_GENRE]
        if listed is None or len(numbers) < len(listed):
            record("unparsable_list", f"{name} = {values[name][:120]!r}; expected a list of genre ids such as [21, 5]")
            return []
        unknown = [number for number in numbers if number not in titles]
        if unknown:
            record("unknown_genre", f"{name}: {GENRES} has no {', '.join(map(str, unknown))}")
        return list(dict.fromkeys(titles[number] for number in numbers if number in titles))

    listed_tags = _list(values["tags"])
    tags = [tag for tag in listed_tags or [] if isinstance(tag, str) and as_text(tag) == tag]
    if listed_tags is None or len(tags) < len(listed_tags):
        record("unparsable_list", f"tags = {values['tags'][:120]!r}; expected a list of texts")
    is_number = DECIMAL.fullmatch(values["duration"])
    if values["duration"] and not is_number:
        record("unparsable_number", f"duration = {values['duration'][:40]!r}, read as unknown")
    for name, known in (("split", SPLITS), ("subset", SUBSETS)):
        if values[name] not in known:
            record(f"unknown_{name}", f"{values[name]!r}; expected one of {', '.join(known)}")
    year = values["released"][:4]
    return {
        "track_id": track_id,
        "artist": values["artist"],
        "title": values["title"],
        "album": values["album"] or None,
        "release_year": int(year) if NUMBER.fullmatch(year) and int(year) else None,
        "catalogue_duration_s": float(values["duration"]) if is_number else None,
        "genres": genres("genres"),
        "tags": tags,
        "language_label": values["language"] or None,
        "split": values["split"] if values["split"] in SPLITS else None,
        "subset": values["subset"] if values["subset"] in SUBSETS else None,
        "genre_top": values["genre_top"] or None,
        "genres_all": genres("genres_all"),
        "artist_id": values["artist_id"] or None,
        "known_issue": known_issues().get(track_id),
    }


def _list(text: str) -> list[object] | None:
    """A list written as Python writes it; None for anything else."""
    if len(text) > MAX_LIST_CHARACTERS:
        return None
    try:
        value = ast.literal_eval(text or "[]")
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    return value if isinstance(value, list) else None


def _genre_titles(path: Path, rejects: list[Reject]) -> tuple[dict[int, str], int]:
    """Title of each genre of genres.csv, where a row is a line, and the number of its rows."""
    titles: dict[int, str] = {}
    header = first_line(path).split(",")
    places = header.index("genre_id"), header.index("title")
    number = 1
    with open_regular(path) as file:
        for number, content, length in islice(bounded_lines(file), 1, None):
            stop_if_too_many(rejects, path)
            line, encoding = decoded(content.removesuffix(b"\r"))
            fields = _cells(line)
            genre, title = (fields[place] if place < len(fields) else "" for place in places)
            if length == len(content) and NUMBER.fullmatch(genre) and title:
                titles[int(genre)] = title
            else:
                detail = f"genre_id {genre[:40]!r}, title {title[:120]!r}; expected a number and a name: {line[:120]!r}"
                rejects.append(Reject("unparsable_row", None, GENRES, number, detail))
            if encoding != "utf-8":
                detail = "the row is not UTF-8 and was read as Latin-1"
                rejects.append(Reject("decoded_as_latin_1", genre[:MAX_ID_LENGTH], GENRES, number, detail))
    return titles, number - 1


def _cells(line: str) -> list[str]:
    """Cells of a row that is one line; none where it is no CSV."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return []
