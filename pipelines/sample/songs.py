"""Plans songs: artists, genres, and which of the genres show in the audio and which in the lyrics.

A plan is free of any dataset's layout, so that several layouts can hold the same songs.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.sample.planting import planted, planted_genres

IDENTIFIER_ALPHABET = tuple(string.ascii_letters + string.digits)
IDENTIFIER_LENGTH = 16
SONGS_PER_ARTIST = 3


@dataclass(frozen=True)
class Song:
    """One planned song.

    Attributes:
        track_id: 16 letters and digits, as in Music4All, or an id of the dataset that holds it.
        artist: Artist name.
        title: Song title.
        album: Album name.
        genres: Labels with a planted cue, the song's first genre first; in FMA, its own names of those.
        sound_tells: Genres that the audio is made to sound like; mostly, not always, those of `genres`.
        word_tells: Genres whose vocabulary the lyrics use.
        audio_seed: Decides everything random in the audio.
        lyrics_seed: Decides everything random in the lyrics.
        rate_hz: Sampling rate of the file.
        channels: Channels of the file.
        release_year: Year of release.
        features: Spotify's features by column name, or none where the catalogue has no entry.
        genres_outside: Further labels, too rare for any scope.
        tags: Tags besides the genres.
        language: Language of the words, empty where there are none.
        language_label: Language label in the dataset; empty: it has no label row.
        lyrics_file: `utf-8`, `latin-1`, `bom-crlf`, `empty`, `whitespace` or `missing`.
        audio_file: `ok`, `truncated`, `short`, `silent`, `random-bytes`, `zero-bytes` or `missing`.
        cases: Names of the corruptions of it.
        copy_of: Track that a planted duplicate repeats.
    """

    track_id: str
    artist: str
    title: str
    album: str
    genres: tuple[str, ...]
    sound_tells: tuple[str, ...]
    word_tells: tuple[str, ...]
    audio_seed: int
    lyrics_seed: int
    rate_hz: int
    channels: int
    release_year: int
    features: tuple[tuple[str, float], ...]
    genres_outside: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    language: str = "en"
    language_label: str = "en"
    lyrics_file: str = "utf-8"
    audio_file: str = "ok"
    cases: tuple[str, ...] = ()
    copy_of: str = ""


def plan_songs(seed: int, tracks: int) -> list[Song]:
    """Plan `tracks` clean songs; equal arguments give equal plans."""
    rng = np.random.default_rng([seed, tracks])
    identifiers = fresh_identifiers(rng, tracks)
    first_genres = rng.permutation(np.repeat(planted_genres(), _quotas(tracks))).tolist()
    names = _names(rng, first_genres)
    return [plan_song(rng, *row) for row in zip(identifiers, first_genres, names, strict=True)]


def plan_song(
    rng: np.random.Generator, track_id: str, first_genre: str, names: tuple[str, str, str], *, companions: bool = True
) -> Song:
    """Plan one clean song with these artist, title and album names; without companions it has one genre."""
    genres = _with_companions(rng, first_genre) if companions else (first_genre,)
    rate_hz, channels = _file_format(rng)
    return Song(
        track_id,
        *names,
        genres=genres,
        sound_tells=_tells(rng, genres, "sound"),
        word_tells=_tells(rng, genres, "words"),
        audio_seed=int(rng.integers(2**62)),
        lyrics_seed=int(rng.integers(2**62)),
        rate_hz=rate_hz,
        channels=channels,
        release_year=int(rng.integers(1965, 2021)),
        features=_features(rng, genres),
    )


def fresh_identifiers(rng: np.random.Generator, count: int) -> list[str]:
    """Draw `count` distinct track ids."""
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        drawn["".join(rng.choice(IDENTIFIER_ALPHABET, IDENTIFIER_LENGTH))] = None
    return list(drawn)


def _quotas(tracks: int) -> list[int]:
    """Songs per first genre: exact shares, what rounding leaves over going to the largest remainders."""
    weights = np.array([entry["weight"] for entry in planted("genres").values()])
    exact = tracks * weights / weights.sum()
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: tracks - counts.sum()]] += 1
    return counts.tolist()


def _names(rng: np.random.Generator, first_genres: Sequence[str]) -> list[tuple[str, str, str]]:
    """Artist, title, album per song; artists keep to one genre, and no artist has a title twice."""
    words = planted("names")
    artist_of: dict[str, str] = {}
    songs_of: dict[str, int] = {}
    names: list[tuple[str, str, str]] = []
    known: set[tuple[str, str]] = set()
    for genre in first_genres:
        if genre not in artist_of or rng.random() < 1 / SONGS_PER_ARTIST:
            number = len(songs_of) + 1
            name = f"{rng.choice(words['artist_first'])} {rng.choice(words['artist_second'])}"
            artist_of[genre] = name if name not in songs_of else f"{name} {number}"
        artist = artist_of[genre]
        songs_of[artist] = songs_of.get(artist, 0) + 1
        title = f"{rng.choice(words['title_first'])} {rng.choice(words['title_second'])}"
        if (artist, title) in known:
            title = f"{title}, Part {songs_of[artist]}"
        known.add((artist, title))
        names.append((artist, title, f"{artist} {1 + songs_of[artist] // 4}"))
    return names


def _with_companions(rng: np.random.Generator, first_genre: str) -> tuple[str, ...]:
    companions = planted("genres")[first_genre]["companions"]
    return (first_genre, *(genre for genre, chance in companions.items() if rng.random() < chance))


def _tells(rng: np.random.Generator, genres: tuple[str, ...], modality: str) -> tuple[str, ...]:
    """Genres that this modality gives away: most of the song's own, seldom another."""
    cues = planted("planting")["cues"]
    chosen = []
    for genre, entry in planted("genres").items():
        if entry["told_by"] not in (modality, "both"):
            continue
        own = cues["tell_both"][modality] if entry["told_by"] == "both" else cues["tell_single"]
        other = cues["false_sound"] if modality == "sound" else 0.0
        if rng.random() < (own if genre in genres else other):
            chosen.append(genre)
    return tuple(chosen)


def _file_format(rng: np.random.Generator) -> tuple[int, int]:
    formats = planted("planting")["audio"]["formats"]
    chosen = formats[rng.choice(len(formats), p=[entry["share"] for entry in formats])]
    return chosen["rate_hz"], chosen["channels"]


def _features(rng: np.random.Generator, genres: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """Spotify's audio features; `valence` and `energy` follow the genres, the rest says nothing."""
    settings = planted("planting")["metadata"]
    entries = [planted("genres")[genre] for genre in genres]
    means = [np.mean([entry[name] for entry in entries]) for name in ("valence", "energy")]
    valence, energy = np.clip(rng.normal(means, settings["spread"]), 0, 1).round(3).tolist()
    if rng.random() < settings["missing_share"]:
        return ()
    return (
        ("popularity", float(rng.integers(0, 100))),
        ("danceability", round(rng.random(), 3)),
        ("energy", energy),
        ("key", float(rng.integers(0, 12))),
        ("mode", float(rng.integers(0, 2))),
        ("valence", valence),
        ("tempo", round(60 + 120 * rng.random(), 3)),
    )
