"""Writes the words: everyday English in which the vocabulary of the telling genres turns up, and other languages."""

import re

import numpy as np

from pipelines.sample.planting import planted
from pipelines.sample.songs import Song

VERSE_LINES = 4
SECTIONS = ("Verse 1", "Chorus", "Verse 2", "Chorus", "Bridge", "Chorus")
SLOT = re.compile(r"\{([nav])\}")


def lyrics_text(song: Song) -> str:
    """Words of a song: verses apart, the chorus three times, one line said twice. Ends in a newline.

    Repetition is on purpose, so that removing duplicate paragraphs and lines has something to remove.
    """
    rng = np.random.default_rng(song.lyrics_seed)
    blocks = [_block(rng, song) for _ in range(4)]
    first, second, bridge, chorus = blocks
    first.insert(1, first[0])
    chorus[-1] = f"{chorus[-1]}, {rng.choice(planted('words')['tails'])}" if song.language == "en" else chorus[-1]
    if song.lyrics_file == "latin-1":
        bridge += planted("words")["accented"]
    return "\n\n".join("\n".join(block) for block in (first, chorus, second, chorus, bridge, chorus)) + "\n"


def sectioned_lyrics(song: Song) -> str:
    """The same words with a header above every part, as Genius writes them."""
    parts = lyrics_text(song).rstrip("\n").split("\n\n")
    return "\n\n".join(f"[{name}]\n{part}" for name, part in zip(SECTIONS, parts, strict=True))


def _block(rng: np.random.Generator, song: Song) -> list[str]:
    lines = planted("words")["lines"] if song.language == "en" else planted("languages")[song.language]
    chosen = [lines[index] for index in rng.choice(len(lines), VERSE_LINES, replace=False)]
    filled = [SLOT.sub(lambda slot: _word(rng, song.word_tells, slot[1]), line) for line in chosen]
    return [line[0].upper() + line[1:] for line in filled]


def _word(rng: np.random.Generator, tells: tuple[str, ...], word_class: str) -> str:
    """A word for one slot: from a telling genre, rarely from any genre, else an everyday one."""
    cues, words = planted("planting")["cues"], planted("words")
    draw = rng.random()
    if tells and draw < cues["word_share"]:
        source = words["genre"][rng.choice(tells)]
    elif draw > 1 - cues["false_word"]:
        source = words["genre"][rng.choice(list(words["genre"]))]
    else:
        source = words["common"]
    return str(rng.choice(source[word_class]))
