"""What was planted, as data: for tests and for whoever wants to know how far a result is from the right answer.

It lies beside the dataset folders, never inside, so that no reader sees it.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.datasets.sample.dirt import PlantedRow
from pipelines.datasets.sample.planting import planted
from pipelines.datasets.sample.songs import Song

FOLDER = "truth"
LYRICS_STATUS = {"empty": "empty", "whitespace": "empty", "missing": "missing"}
AUDIO_STATUS = {
    "missing": "missing",
    "random-bytes": "unreadable",
    "zero-bytes": "unreadable",
    "short": "short",
    "silent": "silent",
}
NO_VOCALS = "INTRUMENTAL"  # Music4All's spelling


@dataclass(frozen=True)
class PlantedTrack:
    """What is true of one track, and what a pipeline should find.

    Attributes:
        track_id: Its id in the dataset.
        artist: Artist name as written.
        title: Title as written.
        genres: Labels with a planted cue, first genre first.
        genres_outside: Further labels, rarer than any of those.
        sound_tells: Genres that the audio sounds like.
        word_tells: Genres whose words the lyrics use.
        language: Language of the lyrics; empty: there are none.
        language_label: The dataset's own label; empty: no row.
        valence: Spotify valence as written, None where missing.
        energy: Spotify energy as written, None where missing.
        cases: Dirt planted on it (names in dirt.toml).
        copy_of: Track that it repeats, empty for all but planted duplicates.
        excluded_by_label: Expected corpus.exclusions.reason (m4a, drop_labels) where the dataset's label decides on
            the language; empty: kept.
        excluded_by_langdetect: The same where langdetect decides.
        lyrics_status: Expected core.lyrics.lyrics_status.
        audio_status: Expected core.audio_files.audio_status.
    """

    track_id: str
    artist: str
    title: str
    genres: tuple[str, ...]
    genres_outside: tuple[str, ...]
    sound_tells: tuple[str, ...]
    word_tells: tuple[str, ...]
    language: str
    language_label: str
    valence: float | None
    energy: float | None
    cases: tuple[str, ...]
    copy_of: str
    excluded_by_label: str
    excluded_by_langdetect: str
    lyrics_status: str
    audio_status: str


@dataclass(frozen=True)
class Truth:
    """Everything planted in one sample corpus.

    Attributes:
        tracks: Every song, by id.
        rows: Every row that a reader must refuse.
    """

    tracks: tuple[PlantedTrack, ...]
    rows: tuple[PlantedRow, ...]

    def with_case(self, case: str) -> tuple[PlantedTrack, ...]:
        """Tracks on which this dirt was planted.

        Raises:
            KeyError: for a case that dirt.toml does not name.
        """
        if case not in planted("dirt")["cases"]:
            raise KeyError(f"{case!r} is not a case of dirt.toml; known: {', '.join(planted('dirt')['cases'])}")
        return tuple(track for track in self.tracks if case in track.cases)


COPIED = [field.name for field in fields(PlantedTrack) if field.name in {known.name for known in fields(Song)}]
TRACK_SCHEMA = pa.schema(
    [
        (
            field.name,
            {"tuple[str, ...]": pa.list_(pa.string()), "float | None": pa.float64()}.get(str(field.type), pa.string()),
        )
        for field in fields(PlantedTrack)
    ]
)
ROW_SCHEMA = pa.schema([(field.name, pa.string()) for field in fields(PlantedRow)])


def truth_of(songs: list[Song], rows: list[PlantedRow]) -> Truth:
    """What is true of planned songs."""
    tracks = sorted((_planted_track(song) for song in songs), key=lambda track: track.track_id)
    return Truth(tuple(tracks), tuple(rows))


def write_truth(folder: Path, truth: Truth) -> None:
    """Write `tracks.parquet` and `rows.parquet`."""
    folder.mkdir(parents=True)
    pq.write_table(
        pa.Table.from_pylist([asdict(track) for track in truth.tracks], TRACK_SCHEMA), folder / "tracks.parquet"
    )
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in truth.rows], ROW_SCHEMA), folder / "rows.parquet")


def read_truth(root: Path) -> Truth:
    """Read back what `generate` planted below `root`."""
    tracks = pq.read_table(root / FOLDER / "tracks.parquet").to_pylist()
    rows = pq.read_table(root / FOLDER / "rows.parquet").to_pylist()
    return Truth(
        tuple(PlantedTrack(**{name: _frozen(value) for name, value in track.items()}) for track in tracks),
        tuple(PlantedRow(**row) for row in rows),
    )


def _planted_track(song: Song) -> PlantedTrack:
    features = dict(song.features)
    return PlantedTrack(
        **{name: getattr(song, name) for name in COPIED},
        valence=features.get("valence"),
        energy=features.get("energy"),
        excluded_by_label=_exclusion(song, song.language_label or song.language),
        excluded_by_langdetect=_exclusion(song, NO_VOCALS if song.language_label == NO_VOCALS else song.language),
        lyrics_status=LYRICS_STATUS.get(song.lyrics_file, "ok"),
        audio_status=AUDIO_STATUS.get(song.audio_file, "ok"),
    )


def _exclusion(song: Song, language: str) -> str:
    """Reason of the first filter that takes the song, in the order language, lyrics, audio."""
    if language == NO_VOCALS:
        return "instrumental"
    if language != "en":
        return f"language:{language or 'unknown'}"
    if song.lyrics_file in LYRICS_STATUS:
        return f"lyrics_{LYRICS_STATUS[song.lyrics_file]}"
    return f"audio_{AUDIO_STATUS[song.audio_file]}" if song.audio_file in AUDIO_STATUS else ""


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
