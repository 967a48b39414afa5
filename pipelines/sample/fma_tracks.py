"""Plans the tracks of the Free Music Archive: one top genre each, artists kept to one side of the shipped split."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from pipelines.sample.catalogues import scaled
from pipelines.sample.planting import planted, planted_genres
from pipelines.sample.songs import Song, plan_song

FIRST_FREE_ID, HIGHEST_ID = 3, 155_000
CHILD_SHARE = 0.5  # tracks that carry a genre below their top genre
LABEL_SHARE = 0.3  # tracks with words whose artist said in which language
TRAINING, VALIDATION, TEST = "training", "validation", "test"


@dataclass(frozen=True)
class FmaTrack:
    """One planned track.

    Attributes:
        song: The song under its FMA id; `genres` are the titles in column (track, genres).
        genre_top: Its top genre; empty where its genres have several roots.
        split: Shipped split.
        subset: `small`, `medium` or `large`; only the first two are in fma_medium.
        known_issue: Why the real clip of this id is known to be broken, as in core.fma_tracks; empty: it is not.
    """

    song: Song
    genre_top: str
    split: str
    subset: str
    known_issue: str = ""


def plan_fma(songs: Sequence[Song], seed: int) -> list[FmaTrack]:
    """Plan the tracks, in order of their ids.

    Args:
        songs: The songs of Music4All; artists of the planted genres have tracks here too.
        seed: Decides everything random.
    """
    rng = np.random.default_rng([seed, 4])
    settings = planted("fma")
    per_genre = max(settings["fewest_per_genre"], scaled(settings["tracks_per_genre"], len(songs)))
    artists = _artists(rng, songs)
    medium = [track for top in settings["top"] for track in _of_genre(rng, top, per_genre, artists)]
    large = [_large(rng, artists) for _ in range(scaled(settings["large_only"], len(songs)))]
    tracks = _with_corruptions(rng, _with_identifiers(rng, [*medium, *large]))
    return sorted(tracks, key=lambda track: int(track.song.track_id))


def _artists(rng: np.random.Generator, songs: Sequence[Song]) -> dict[str, Iterator[str]]:
    """Artists of each planted genre, each once: Music4All's first, then new ones without end."""
    numbers, words = count(501), planted("names")
    known = {song.artist: song.genres[0] for song in songs if song.genres and not song.cases}

    def of(genre: str) -> Iterator[str]:
        yield from (artist for artist, first in known.items() if first == genre)
        for number in numbers:
            yield f"{rng.choice(words['artist_first'])} {rng.choice(words['artist_second'])} {number}"

    return {genre: of(genre) for genre in planted_genres()}


def _of_genre(rng: np.random.Generator, top: str, tracks: int, artists: dict[str, Iterator[str]]) -> Iterator[FmaTrack]:
    settings = planted("fma")
    held_out = max(1, round(tracks * settings["held_out"]))
    artist = ""
    for split, size in ((TRAINING, tracks - 2 * held_out), (VALIDATION, held_out), (TEST, held_out)):
        for place in range(size):
            if place % settings["tracks_per_artist"] == 0:
                artist = next(artists[settings["top"][top]["planted"]])
            yield FmaTrack(_song(rng, top, artist), top, split, "small" if rng.random() < 1 / 3 else "medium")


def _song(rng: np.random.Generator, top: str, artist: str) -> Song:
    settings, words = planted("fma"), planted("names")
    entry = settings["top"][top]
    title = f"{rng.choice(words['title_first'])} {rng.choice(words['title_second'])}"
    # Companions are of Music4All: here a track has one top genre, so it is told by that alone.
    song = plan_song(rng, "", entry["planted"], (artist, title, f"{artist} Live"), companions=False)
    children = [name for name, genre in settings["genres"].items() if genre.get("parent") == top]
    genres = (str(rng.choice(children)),) if children and rng.random() < CHILD_SHARE else (top,)
    sung, labelled = rng.random() < entry["lyrics"], rng.random() < LABEL_SHARE
    return replace(
        song,
        genres=genres,
        word_tells=song.word_tells if sung else (),
        language="en" if sung else "",
        language_label="en" if sung and labelled else "",
        lyrics_file="utf-8" if sung else "missing",
    )


def _large(rng: np.random.Generator, artists: dict[str, Iterator[str]]) -> FmaTrack:
    """A track of two roots without a clip, as many of those outside fma_medium are."""
    song = replace(_song(rng, "Rock", next(artists["rock"])), genres=("Rock", "Folk"))
    return FmaTrack(replace(song, audio_file="missing", cases=("large_only",)), "", TRAINING, "large")


def _with_identifiers(rng: np.random.Generator, tracks: Sequence[FmaTrack]) -> list[FmaTrack]:
    taken = planted("fma")["known_broken"]
    free = np.setdiff1d(np.arange(FIRST_FREE_ID, HIGHEST_ID), taken)
    numbers = rng.choice(free, len(tracks), replace=False).tolist()
    return [
        replace(track, song=replace(track.song, track_id=str(number)))
        for track, number in zip(tracks, numbers, strict=True)
    ]


def _with_corruptions(rng: np.random.Generator, tracks: Sequence[FmaTrack]) -> list[FmaTrack]:
    """Give every case of fma.toml a clip of its own in training, so that validation and test stay as planned."""
    dirty = list(tracks)
    places = [place for place, track in enumerate(tracks) if track.split == TRAINING and track.genre_top]
    order = rng.permutation(places).tolist()
    for name, case in planted("fma")["cases"].items():
        place = next(place for place in order if not case.get("needs_words") or tracks[place].song.language)
        order.remove(place)
        track = tracks[place]
        source = track
        if case.get("copy"):
            other = next(other for other in order if tracks[other].genre_top == track.genre_top)
            order.remove(other)
            source = tracks[other]
        dirty[place] = replace(
            track, song=_dirty(track.song, source.song, name, case), known_issue=case.get("known_issue", "")
        )
    return dirty


def _dirty(song: Song, source: Song, name: str, case: dict[str, Any]) -> Song:
    copied = {field: getattr(source, field) for field in case.get("copy", ())}
    identifier = str(case.get("known_id", song.track_id))
    copy_of = source.track_id if copied else ""
    return replace(song, **copied, **case.get("set", {}), track_id=identifier, cases=(name,), copy_of=copy_of)
