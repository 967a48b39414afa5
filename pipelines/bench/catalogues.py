"""Two catalogues of the size of the real ones, with matches planted between them, generated from a seed."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

MSD_SONGS, GENIUS_ROWS = 784_203, 5_283_576  # jiang2024 section 5.1
# Pairs planted at scale 1, by kind; `cover` is the same title by another performer and must not match.
PLANTED = {"exact": 200_000, "normalised": 60_000, "fuzzy": 30_000, "cover": 200_000}
GENIUS_COLUMNS = ("title", "tag", "artist", "year", "views", "features", "lyrics", "id", "language_cld3", "language_ft",
                  "language")  # fmt: skip
STANZAS, STANZAS_PER_SONG = 1024, 7  # about 1.7 kB of lyrics a song
WORDS, ARTISTS = 4000, 44_000
CONSONANTS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "ch", "sh")
VOWELS = ("a", "e", "i", "o", "u", "ai", "or", "en")
SYLLABLES = tuple(consonant + vowel for consonant in CONSONANTS for vowel in VOWELS)


@dataclass(frozen=True)
class Catalogues:
    """Paths of both, and how many pairs of each kind join them. MSD track k and Genius id k are a planted pair."""

    msd: Path
    genius: Path
    planted: dict[str, int]


def generate(folder: Path, scale: float, seed: int) -> Catalogues:
    """Write `unique_tracks.txt`, as the MSD has it, and `song_lyrics.csv`, as Kaggle has it, into `folder`."""
    songs, rows = max(1, round(MSD_SONGS * scale)), max(1, round(GENIUS_ROWS * scale))
    planted = {kind: round(count * scale) for kind, count in PLANTED.items()}
    made = Catalogues(folder / "unique_tracks.txt", folder / "song_lyrics.csv", planted)
    with duckdb.connect() as con:
        con.execute("SET preserve_insertion_order = false; SET enable_progress_bar = false").fetchall()
        _load_words(con, seed)
        names = _names("k", "artists", scale, common_from=sum(planted.values()))
        con.execute(f"CREATE TABLE msd AS SELECT k, {names} FROM range({songs}) t(k)").fetchall()
        plain = "FORMAT csv, HEADER false, DELIMITER '\t', QUOTE ''"
        con.execute(f"COPY ({_msd(planted)}) TO '{made.msd}' ({plain})").fetchall()
        con.execute(f"COPY ({_genius(planted, rows, songs, scale)}) TO '{made.genius}' (FORMAT csv, HEADER)").fetchall()
    return made


def _load_words(con: duckdb.DuckDBPyConnection, seed: int) -> None:
    """Set the variables that names and lyrics are drawn from: words, artists, performers, stanzas."""
    rng = np.random.default_rng(seed)
    made = ["".join(rng.choice(SYLLABLES, rng.integers(2, 5))) for _ in range(3 * WORDS)]
    words, artists, performers = made[:WORDS], made[WORDS : 2 * WORDS], made[2 * WORDS :]
    stanzas = [_stanza(rng, words) for _ in range(STANZAS)]
    lists = {"words": words, "artists": artists, "performers": performers, "stanzas": stanzas}
    for name, values in lists.items():
        con.register("drawn", pl.DataFrame({"value": values}))
        con.execute(f"SET VARIABLE {name} = (SELECT list(value) FROM drawn)").fetchall()


def _stanza(rng: np.random.Generator, words: list[str]) -> str:
    lines = [" ".join(rng.choice(words, 5)) for _ in range(5)]
    return '[Verse]\n"' + '"\n'.join(lines) + "\n"


def _names(key: str, artists: str, scale: float, common_from: int) -> str:
    """SQL of artist and title of song `key`; from `common_from` on one in fifty titles is one of twenty ("Intro")."""
    artist = f"(hash({key}, 1) % {max(1, round(ARTISTS * scale))})"
    title = " || ' ' || ".join(_word("words", f"hash({key}, {salt})") for salt in (2, 3, 4))
    common = _word("words", f"(hash({key}, 5) % 20)")
    return (
        f"{_word(artists, f'hash({artist}, 6)')} || ' ' || {_word(artists, f'hash({artist}, 7)')} AS artist, "
        f"CASE WHEN {key} >= {common_from} AND hash({key}, 8) % 50 = 0 THEN {common} ELSE {title} END AS title"
    )


def _word(list_name: str, number: str) -> str:
    return f"getvariable('{list_name}')[1 + CAST({number} % {WORDS} AS INTEGER)]"


def _msd(planted: dict[str, int]) -> str:
    """MSD's way of writing: version in brackets on the normalised pairs."""
    first, last = planted["exact"], planted["exact"] + planted["normalised"]
    title = f"CASE WHEN k >= {first} AND k < {last} THEN title || ' (LP Version)' ELSE title END"
    return f"SELECT concat_ws('<SEP>', 'TR' || k, 'SO' || k, artist, {title}) FROM msd ORDER BY k"


def _genius(planted: dict[str, int], rows: int, songs: int, scale: float) -> str:
    """Genius' way of writing the planted songs, among others of the same artists and of others, in its own order."""
    exact, normalised = planted["exact"], planted["exact"] + planted["normalised"]
    fuzzy, cover = normalised + planted["fuzzy"], normalised + planted["fuzzy"] + planted["cover"]
    others = _names("(1000000000 + j)", "performers", scale, common_from=0)
    stanza = f"getvariable('stanzas')[1 + CAST(hash(j, i) % {STANZAS} AS INTEGER)]"
    typo = "m.title[:3] || m.title[5:]"  # the fourth letter is gone
    return f"""
        SELECT CASE WHEN j < {normalised} THEN m.title WHEN j < {fuzzy} THEN {typo} WHEN j < {cover} THEN m.title
                    ELSE o.title END AS title,
            'pop' AS tag,
            CASE WHEN j < {exact} THEN upper(m.artist)
                 WHEN j < {normalised} THEN 'The ' || m.artist || ' feat. Guest, Jr.'
                 WHEN j < {fuzzy} OR (j >= {cover} AND j % 2 = 0) THEN m.artist ELSE o.artist END AS artist,
            2000 AS year, 1 AS views, '{{}}' AS features,
            array_to_string([{stanza} for i in range({STANZAS_PER_SONG})], '') AS lyrics,
            j AS id, 'en' AS language_cld3, 'en' AS language_ft, 'en' AS language
        FROM (SELECT j, {others} FROM (SELECT (i * 7919) % {rows} AS j FROM range({rows}) t(i))) o
        JOIN msd m ON m.k = o.j % {songs}"""
