"""Plans what the Million Song Dataset and Genius hold: songs that both have, and songs that only look so."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np

from pipelines.sample.corruptions import REFERENCE_TRACKS
from pipelines.sample.planting import planted, planted_genres
from pipelines.sample.songs import Song, plan_song, plan_songs

FRESH_SEED = 1 << 32  # apart from every seed that Music4All's songs are likely to have
GENIUS_NUMBERS = 8_000_000
FOREIGN = ("es", "pt", "de", "fr")
NOT_A_SONG, SECOND_TRACK, REPEATED_ROW = "not_a_song", "second_track", "repeated_row"
MISMATCHED = "song_id_mismatch"  # its song_id is listed as that of another song


@dataclass(frozen=True)
class PlantedPair:
    """A song of the Million Song Dataset and one of Genius.

    Attributes:
        case: How the names relate, as in catalogues.toml.
        kind: Expected corpus.matches.kind: the surest that holds; empty: they must not match.
        msd_id: Track id there.
        genius_id: Id there.
    """

    case: str
    kind: str
    msd_id: str
    genius_id: str


@dataclass(frozen=True)
class Catalogues:
    """Both catalogues, each song under its id there, and every pair of them that was planted."""

    msd: tuple[Song, ...]
    genius: tuple[Song, ...]
    pairs: tuple[PlantedPair, ...]


@dataclass
class _Draft:
    """Catalogues before ids are given; links are (case, kind, place in msd, place in genius)."""

    msd: list[Song] = field(default_factory=list)
    genius: list[Song] = field(default_factory=list)
    links: list[tuple[str, str, int, int]] = field(default_factory=list)

    def link(self, case: str, kind: str, msd: Song, genius: Song) -> None:
        self.msd.append(msd)
        self.genius.append(genius)
        self.links.append((case, kind, len(self.msd) - 1, len(self.genius) - 1))


def plan_catalogues(songs: Sequence[Song], seed: int) -> Catalogues:
    """Plan both catalogues.

    Args:
        songs: The songs of Music4All, with their corruptions; clean ones are in these catalogues too.
        seed: Decides everything random.
    """
    rng = np.random.default_rng([seed, 3])
    counts = {name: scaled(count, len(songs)) for name, count in planted("catalogues")["counts"].items()}
    shared, fresh = _pools(songs, seed)
    draft = _Draft()
    both = [next(fresh) for _ in range(counts["fresh"])] + [next(shared) for _ in range(counts["shared"])]
    for msd, genius in _with_corruptions(both, len(songs)):
        draft.link("same_names", "exact", msd, genius)
    clean = [link for link in draft.links if not draft.msd[link[2]].cases]
    _repeat(draft, clean, counts)
    _link_by_hand(draft, rng)
    draft.msd += [replace(next(fresh), cases=(MISMATCHED,))]
    draft.msd += [next(fresh) for _ in range(counts["only_msd"])]
    draft.genius += [next(shared) for _ in range(counts["only_genius"])]
    draft.genius += [_foreign(next(fresh), place) for place in range(counts["foreign_genius"])]
    draft.genius += [_not_a_song(rng, number + 1) for number in range(counts[NOT_A_SONG])]
    return _with_identifiers(draft, rng)


def scaled(at_reference: int, tracks: int) -> int:
    """A count for a corpus of `tracks`: at least 1, at most that of the reference size."""
    return max(1, round(at_reference * min(1.0, tracks / REFERENCE_TRACKS)))


def _pools(songs: Sequence[Song], seed: int) -> tuple[Iterator[Song], Iterator[Song]]:
    """Songs of Music4All (others once they run out), and others; no two so alike that they could be taken for one."""
    clean = [song for song in songs if not song.cases]
    known: set[tuple[str, str]] = set()
    shared = _distinct(clean[:REFERENCE_TRACKS], known)
    fresh = iter(_distinct(plan_songs(FRESH_SEED + seed, REFERENCE_TRACKS), known))
    return chain(shared, fresh), fresh


def _distinct(songs: Iterable[Song], known: set[tuple[str, str]]) -> list[Song]:
    """Songs whose artist and title do not both have the second word of another's: names.toml gives two words each."""
    kept = []
    for song in songs:
        names = (song.artist.split()[1], song.title.split()[1].rstrip(","))
        if names not in known:
            known.add(names)
            kept.append(song)
    return kept


def _with_corruptions(songs: Sequence[Song], tracks: int) -> Iterator[tuple[Song, Song]]:
    """Each song as both sides have it; the first ones are corrupted, one case each."""
    cases = [
        (name, case)
        for name, case in planted("catalogues")["cases"].items()
        for _ in range(scaled(case["count"], tracks))
    ]
    for place, song in enumerate(songs):
        if place >= len(cases):
            yield song, song
            continue
        name, case = cases[place]
        dirty = replace(song, **case["set"], cases=(name,))
        yield (dirty, song) if case["of"] == "msd" else (replace(song, cases=(name,)), dirty)


def _repeat(draft: _Draft, clean: Sequence[tuple[str, str, int, int]], counts: dict[str, int]) -> None:
    """Give songs a second track id, and others a second row of lyrics."""
    second = clean[: counts[SECOND_TRACK]]
    repeated = clean[counts[SECOND_TRACK] : counts[SECOND_TRACK] + counts[REPEATED_ROW]]
    for _, kind, msd, genius in second:
        song = draft.msd[msd]
        draft.msd.append(replace(song, audio_seed=song.audio_seed + 1, cases=(SECOND_TRACK,)))
        draft.links.append((SECOND_TRACK, kind, len(draft.msd) - 1, genius))
    for _, kind, msd, genius in repeated:
        draft.genius.append(replace(draft.genius[genius], cases=(REPEATED_ROW,)))
        draft.links.append((REPEATED_ROW, kind, msd, len(draft.genius) - 1))


def _link_by_hand(draft: _Draft, rng: np.random.Generator) -> None:
    """Add the pairs of catalogues.toml; the two sides of a match are one song, those of a near-miss two."""
    sides: tuple[tuple[list[Song], dict[tuple[str, ...], int]], ...] = ((draft.msd, {}), (draft.genius, {}))
    for pair in planted("catalogues")["pairs"]:
        song = _invented(rng, pair["case"])
        places = []
        for (rows, known), names in zip(sides, (pair["msd"], pair["genius"]), strict=True):
            if tuple(names) not in known:
                known[tuple(names)] = len(rows)
                rows.append(replace(song, artist=names[0], title=names[1], album=f"{names[0]} 1"))
                song = song if pair["kind"] else _invented(rng, pair["case"])
            places.append(known[tuple(names)])
        draft.links.append((pair["case"], pair["kind"], places[0], places[1]))


def _invented(rng: np.random.Generator, case: str) -> Song:
    """A song without names of its own."""
    return replace(plan_song(rng, "", str(rng.choice(planted_genres())), ("", "", "")), cases=(case,))


def _foreign(song: Song, place: int) -> Song:
    language = FOREIGN[place % len(FOREIGN)]
    return replace(song, language=language, language_label=language, cases=("other_language",))


def _not_a_song(rng: np.random.Generator, number: int) -> Song:
    names = planted("catalogues")["prose"]
    return replace(_invented(rng, NOT_A_SONG), artist=names["artist"], title=f"{names['title']} {number}", genres=())


def _with_identifiers(draft: _Draft, rng: np.random.Generator) -> Catalogues:
    numbers = rng.choice(GENIUS_NUMBERS, len(draft.genius), replace=False) + 1
    # Genius has no sound.
    genius = [
        replace(song, track_id=str(number), audio_file="missing")
        for song, number in zip(draft.genius, numbers, strict=True)
    ]
    words_of = {msd: genius[row] for _, kind, msd, row in reversed(draft.links) if kind}
    msd = [
        replace(_as_sung(song, words_of.get(place)), track_id=_msd_identifier(rng))
        for place, song in enumerate(draft.msd)
    ]
    pairs = [
        PlantedPair(case, kind, msd[left].track_id, genius[right].track_id) for case, kind, left, right in draft.links
    ]
    return Catalogues(
        tuple(sorted(msd, key=lambda song: song.track_id)),
        tuple(sorted(genius, key=lambda song: int(song.track_id))),
        tuple(sorted(pairs, key=lambda pair: (pair.msd_id, pair.genius_id))),
    )


def _as_sung(song: Song, words: Song | None) -> Song:
    """The song with the words that Genius has for it; without words it needs no audio either."""
    if words is None:
        return replace(song, word_tells=(), language="", language_label="", lyrics_file="missing", audio_file="missing")
    given: dict[str, Any] = {name: getattr(words, name) for name in ("language", "language_label", "lyrics_file")}
    usable = "en" in (words.language, words.language_label) and words.lyrics_file == "utf-8"
    return replace(song, **given, audio_file=song.audio_file if usable else "missing")


def _msd_identifier(rng: np.random.Generator) -> str:
    return f"TR{''.join(rng.choice(list('ABCDEFGHIJKLMNOPQRSTUVWXYZ'), 5))}128F{rng.integers(16**7):07X}"
