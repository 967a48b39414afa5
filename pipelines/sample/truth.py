"""The ground truth as data: for tests and for whoever wants to know how far a result is from the right answer.

It lies beside the dataset folders, never inside, so that no reader sees it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.sample.catalogues import Catalogues, PlantedPair
from pipelines.sample.corruptions import PlantedRow
from pipelines.sample.fma_tracks import FmaTrack
from pipelines.sample.planting import planted
from pipelines.sample.songs import Song

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
    """The ground truth of one track, and what a pipeline should find.

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
        cases: What was planted on it (names in corruptions.toml, catalogues.toml, fma.toml).
        copy_of: Track that it repeats, empty for all but planted duplicates.
        excluded_by_label: Expected corpus.exclusions.reason (m4a, drop_labels; `Truth` for the other corpora) where the
            dataset's label decides on the language; empty: kept.
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
class PlantedClip:
    """Facts that FMA alone states of one track.

    Attributes:
        track_id: Its id.
        genre_top: Top genre; empty where its genres have several roots.
        split: Shipped split; no artist is on two sides.
        subset: `small`, `medium` or `large`.
        known_issue: Why the clip of this id is known to be broken; empty: it is not.
    """

    track_id: str
    genre_top: str
    split: str
    subset: str
    known_issue: str


@dataclass(frozen=True)
class Truth:
    """Everything planted in one sample corpus.

    Attributes:
        tracks: Every song of Music4All, by id.
        rows: Every row of its id_information.csv that a reader must refuse.
        msd: Every track of the Million Song Dataset, with the language and the lyrics of the Genius song it matches.
            Excluded from msd_genius where its names match none in any kind (`unmatched`; `pairs` has the kinds).
        genius: Every song of Genius. It has no audio, and no corpus is of it alone.
        pairs: Every pair of the two that matches, and the near-misses. No other pair matches.
        damage: Every row of song_lyrics.csv that a reader must refuse; no id where a reader cannot tell it.
        fma: Every track of FMA; excluded from fma_medium as its subset (`subset`) or its clip requires.
        clips: What FMA alone knows of each of them, in the same order.
    """

    tracks: tuple[PlantedTrack, ...]
    rows: tuple[PlantedRow, ...]
    msd: tuple[PlantedTrack, ...]
    genius: tuple[PlantedTrack, ...]
    pairs: tuple[PlantedPair, ...]
    damage: tuple[PlantedRow, ...]
    fma: tuple[PlantedTrack, ...]
    clips: tuple[PlantedClip, ...]

    def with_case(self, case: str) -> tuple[PlantedTrack, ...]:
        """Tracks with this corruption.

        Raises:
            KeyError: for a case that corruptions.toml does not name.
        """
        if case not in planted("corruptions")["cases"]:
            raise KeyError(
                f"{case!r} is not a case of corruptions.toml; known: {', '.join(planted('corruptions')['cases'])}"
            )
        return tuple(track for track in self.tracks if case in track.cases)


COPIED = [field.name for field in fields(PlantedTrack) if field.name in {known.name for known in fields(Song)}]
RECORDS: dict[str, type] = {
    "tracks": PlantedTrack,
    "rows": PlantedRow,
    "msd": PlantedTrack,
    "genius": PlantedTrack,
    "pairs": PlantedPair,
    "damage": PlantedRow,
    "fma": PlantedTrack,
    "clips": PlantedClip,
}


def truth_of(
    songs: Sequence[Song],
    rows: Sequence[PlantedRow],
    catalogues: Catalogues,
    damage: Sequence[PlantedRow],
    fma: Sequence[FmaTrack],
) -> Truth:
    """Give the ground truth of planned songs."""
    matched = {pair.msd_id for pair in catalogues.pairs if pair.kind}
    return Truth(
        tracks=tuple(sorted((_planted_track(song) for song in songs), key=lambda track: track.track_id)),
        rows=tuple(rows),
        msd=tuple(
            _planted_track(song) if song.track_id in matched else _excluded(song, "unmatched")
            for song in catalogues.msd
        ),
        genius=tuple(_excluded(song, "") for song in catalogues.genius),
        pairs=catalogues.pairs,
        damage=tuple(damage),
        fma=tuple(_excluded(track.song, _clip_exclusion(track)) for track in fma),
        clips=tuple(_planted_clip(track) for track in fma),
    )


def write_truth(folder: Path, truth: Truth) -> None:
    """Write one Parquet file per field of the truth."""
    folder.mkdir(parents=True)
    for name, record in RECORDS.items():
        planted_here = [asdict(entry) for entry in getattr(truth, name)]
        pq.write_table(pa.Table.from_pylist(planted_here, _schema(record)), folder / f"{name}.parquet")


def read_truth(root: Path) -> Truth:
    """Read back what `generate` planted below `root`."""
    return Truth(**{name: _read(root / FOLDER / f"{name}.parquet", record) for name, record in RECORDS.items()})


def _read(path: Path, record: type) -> tuple[Any, ...]:
    rows = pq.read_table(path).to_pylist()
    return tuple(record(**{name: _frozen(value) for name, value in row.items()}) for row in rows)


def _schema(record: type) -> pa.Schema:
    types = {"tuple[str, ...]": pa.list_(pa.string()), "float | None": pa.float64()}
    return pa.schema([(field.name, types.get(str(field.type), pa.string())) for field in fields(record)])


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


def _excluded(song: Song, reason: str) -> PlantedTrack:
    return replace(_planted_track(song), excluded_by_label=reason, excluded_by_langdetect=reason)


def _clip_exclusion(track: FmaTrack) -> str:
    if track.subset == "large":
        return "subset"
    return f"audio_{AUDIO_STATUS[track.song.audio_file]}" if track.song.audio_file in AUDIO_STATUS else ""


def _planted_clip(track: FmaTrack) -> PlantedClip:
    return PlantedClip(track.song.track_id, track.genre_top, track.split, track.subset, track.known_issue)


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
