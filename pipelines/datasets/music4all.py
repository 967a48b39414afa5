"""Music4All as downloaded: where it lies, what it must hold, and its tables in one shape.

All tables are tab-separated with a header, without quoting, one row per track (`LAYOUT`). Audio is `audios/<id>.mp3`,
30 s each; lyrics are `lyrics/<id>.txt`. `INTRUMENTAL` (sic) in id_lang.csv marks a track without vocals.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from pipelines.datasets.cards import load_card
from pipelines.datasets.common import DatasetError, Reject, Tables, is_safe_id, rejects_frame
from pipelines.datasets.files import listing
from pipelines.datasets.tsv import Rows, check_header, read_tsv

DATASET = "music4all"
NAME = load_card(DATASET).name
TRACKS, GENRES = "id_information.csv", "id_genres.csv"
LAYOUT: Mapping[str, tuple[str, ...]] = {
    TRACKS: ("id", "artist", "song", "album_name"),
    GENRES: ("id", "genres"),
    "id_tags.csv": ("id", "tags"),
    "id_lang.csv": ("id", "lang"),
    "id_metadata.csv": (
        "id", "popularity", "release", "danceability", "energy", "valence", "tempo", "duration_ms",
    ),
}  # fmt: skip
REQUIRED_FILES = (TRACKS, GENRES)
AUDIO_FOLDER, LYRICS_FOLDER = "audios", "lyrics"
# Column of id_metadata.csv -> column of core.tracks and the factor between them.
NUMBERS = {
    "popularity": ("popularity", 1.0),
    "danceability": ("danceability", 1.0),
    "energy": ("energy", 1.0),
    "valence": ("valence", 1.0),
    "tempo": ("tempo_bpm", 1.0),
    "duration_ms": ("catalogue_duration_s", 1e-3),
}


@dataclass(frozen=True)
class Layout:
    """Where a copy of Music4All lies.

    Attributes:
        root: The folder that holds id_information.csv.
        tables: Path of each table that is there.
        absent: Names of the optional tables that are not.
    """

    root: Path
    tables: Mapping[str, Path]
    absent: tuple[str, ...]

    @property
    def audio(self) -> Path:
        """Folder of the audio files."""
        return self.root / AUDIO_FOLDER

    @property
    def lyrics(self) -> Path:
        """Folder of the lyrics files."""
        return self.root / LYRICS_FOLDER


def locate(root: Path) -> Layout:
    """Find the dataset in `root`, or one or two folders `music4all` below it (archives nest), and check its headers.

    Raises:
        DatasetError: if a folder, a required file or a column is missing, or a table has another separator.
    """
    candidates = [root, root / "music4all", root / "music4all" / "music4all"]
    found = next((folder for folder in candidates if (folder / TRACKS).exists()), None)
    if found is None:
        raise DatasetError(
            f"{NAME} is not at {root}: expected {TRACKS} there or in {root.name}/music4all, found {listing(root)}. "
            f"Set MGC_MUSIC4ALL_DIR to the folder that holds {TRACKS}."
        )
    for name in REQUIRED_FILES:
        if not (found / name).exists():
            raise DatasetError(f"{found / name} is missing. Copy it from the download; found {listing(found)}.")
    for name in (AUDIO_FOLDER, LYRICS_FOLDER):
        if not (found / name).is_dir():
            raise DatasetError(
                f"Folder {found / name} is missing. Unpack it from the download; found {listing(found)}."
            )
    tables = {name: found / name for name in LAYOUT if (found / name).exists()}
    for name, path in tables.items():
        check_header(path, LAYOUT[name])
    return Layout(found, tables, tuple(name for name in LAYOUT if name not in tables))


def read(layout: Layout) -> Tables:
    """Read all tables. Every row that cannot be used, in whole or in part, is in `rejects`."""
    files = {name: read_tsv(path, LAYOUT[name]) for name, path in layout.tables.items()}
    rejects = [reject for rows in files.values() for reject in rows.rejects]
    information = _by_id(files[TRACKS], rejects)
    others = {name: _by_id(rows, rejects) for name, rows in files.items() if name != TRACKS}
    for name, rows in others.items():
        rejects += _not_aligned(name, rows, information)
    ids = sorted(information)
    genres = _labels(others[GENRES], ids, GENRES, rejects)
    tags = _labels(others.get("id_tags.csv", {}), ids, "id_tags.csv", rejects)
    languages = others.get("id_lang.csv", {})
    tracks = pl.DataFrame(
        {
            "dataset": [DATASET] * len(ids),
            "track_id": ids,
            "artist": [information[track_id]["artist"] for track_id in ids],
            "title": [information[track_id]["song"] for track_id in ids],
            "album": [information[track_id]["album_name"] or None for track_id in ids],
            **_numbers(others.get("id_metadata.csv", {}), ids, rejects),
            "genres": genres,
            "tags": tags,
            "language_label": [(languages.get(track_id) or {}).get("lang") or None for track_id in ids],
        },
        schema_overrides=dict.fromkeys(
            ("dataset", "track_id", "artist", "title", "album", "language_label"), pl.String
        ),
    )
    return Tables(
        tracks,
        rejects_frame(DATASET, "read", rejects),
        {name: rows.lines for name, rows in files.items()},
    )


def _by_id(rows: Rows, rejects: list[Reject]) -> dict[str, dict[str, str]]:
    """Give the rows by track id (with their line under `#`); refused and repeated ids go to `rejects`."""
    kept: dict[str, dict[str, str]] = {}
    names = list(rows.columns)
    for number, *values in zip(rows.numbers, *rows.columns.values(), strict=True):
        row = dict(zip(names, values, strict=True))
        track_id = row["id"]
        if not is_safe_id(track_id):
            detail = f"id {track_id!r}; expected letters, digits, '_', '-' and '.', so that it stays in its folder"
            rejects.append(Reject("refused_id", track_id, rows.source_file, number, detail))
        elif track_id in kept:
            detail = f"first on line {kept[track_id]['#']}, which is kept"
            rejects.append(Reject("duplicate_id", track_id, rows.source_file, number, detail))
        else:
            kept[track_id] = row | {"#": str(number)}
    return kept


def _not_aligned(name: str, rows: Mapping[str, Mapping[str, str]], information: Iterable[str]) -> list[Reject]:
    """Record tracks that `name` has and id_information.csv has not, and the other way round."""
    known = set(information)
    unmatched_files = [
        Reject("not_in_id_information", track_id, name, int(row["#"]), f"{TRACKS} has no such id")
        for track_id, row in rows.items()
        if track_id not in known
    ]
    absent = [
        Reject("no_row", track_id, name, None, f"{TRACKS} has the id, {name} has not")
        for track_id in known - rows.keys()
    ]
    return unmatched_files + absent


def _labels(rows: Mapping[str, Mapping[str, str]], ids: Iterable[str], name: str, rejects: list[Reject]) -> pl.Series:
    """Split the second column at its commas; a label that comes twice counts once and is recorded."""
    column = LAYOUT[name][1]
    result: list[list[str]] = []
    for track_id in ids:
        row = rows.get(track_id)
        labels = [label for part in (row[column].split(",") if row else []) if (label := part.strip())]
        distinct = list(dict.fromkeys(labels))
        if row and len(distinct) < len(labels):
            rejects.append(Reject("repeated_label", track_id, name, int(row["#"]), row[column][:200]))
        result.append(distinct)
    # Arrow builds nested lists ten times as fast as polars does.
    return pl.Series(column, pa.array(result, pa.large_list(pa.large_string())))


def _numbers(
    rows: Mapping[str, Mapping[str, str]], ids: list[str], rejects: list[Reject]
) -> dict[str, list[float | None] | pl.Series]:
    """Columns of id_metadata.csv; what is no number becomes null and is recorded."""

    def column(name: str, convert: Callable[[str], float]) -> list[float | None]:
        return [_number(rows.get(track_id), name, convert, rejects) for track_id in ids]

    floats: dict[str, list[float | None] | pl.Series] = {
        target: pl.Series(target, column(name, float), dtype=pl.Float64) * factor
        for name, (target, factor) in NUMBERS.items()
    }
    return floats | {"release_year": pl.Series("release_year", column("release", _year), dtype=pl.Int32)}


def _year(text: str) -> int:
    year = float(text)
    if not (year.is_integer() and 0 < year < 10_000):
        raise ValueError(text)
    return int(year)


def _number(
    row: Mapping[str, str] | None, name: str, convert: Callable[[str], float], rejects: list[Reject]
) -> float | None:
    text = row[name].strip() if row else ""
    if not row or not text:
        return None
    try:
        value = convert(text)
        if abs(value) < float("inf"):
            return value
    except (ValueError, OverflowError):
        pass
    rejects.append(
        Reject("unparsable_number", row["id"], "id_metadata.csv", int(row["#"]), f"{name} = {text!r}, read as unknown")
    )
    return None
