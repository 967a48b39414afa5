"""Mutators of whole datasets: what makes one that cannot be read, which must be told and stop no other."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Whole:
    """One way to make a dataset unreadable.

    Attributes:
        name: Of the mutator.
        change: Works on the folder of the sample corpus.
        told: What the message of the job must hold.
    """

    name: str
    change: Callable[[Path], object]
    told: str


def _replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(root: Path) -> object:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        return make(path)

    return change


def _written(name: str, make: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda root: (root / name).write_bytes(make((root / name).read_bytes()))


def _other_kinds(name: str, told: str) -> list[Whole]:
    path = name.rpartition("/")[2]
    return [
        Whole(f"{path} is a FIFO", _replaced(name, os.mkfifo), told),
        Whole(f"{path} is a device", _replaced(name, lambda path: path.symlink_to("/dev/zero")), told),
        Whole(f"{path} is a folder", _replaced(name, Path.mkdir), told),
    ]


def _without_header(content: bytes) -> bytes:
    return content.partition(b"\n")[2]


def _without_pages(content: bytes) -> bytes:
    return content[:100] + b"\xff" * (len(content) - 100)


def _with_open_quotes(content: bytes) -> bytes:
    head, _, rows = content.partition(b"\n")
    return head + b"\n" + rows.replace(b",pop,", b',"pop,').replace(b",rock,", b',"rock,').replace(b",rap,", b',"rap,')


M4A, GENRES = "music4all/id_information.csv", "music4all/id_genres.csv"
MSD, GENIUS, FMA = "msd/track_metadata.db", "genius/song_lyrics.csv", "fma/fma_metadata/tracks.csv"
WHOLES: Mapping[str, list[Whole]] = {
    "music4all": [
        *_other_kinds(M4A, "id_information.csv"),
        Whole("empty", _written(M4A, lambda _: b""), "is empty"),
        Whole("no header", _written(M4A, _without_header), "has no header line"),
        Whole("commas", _written(M4A, lambda content: content.replace(b"\t", b",")), "separated by commas"),
        Whole("long header", _written(M4A, lambda content: b"x" * (3 << 20) + content), "id_information.csv"),
        Whole("no genres", _replaced(GENRES, lambda _: None), "id_genres.csv is missing"),
        Whole("no lyrics", _replaced("music4all/lyrics", lambda _: None), "lyrics is missing"),
        Whole("audios is a file", _replaced("music4all/audios", Path.touch), "audios is missing"),
    ],
    "msd": [
        *_other_kinds(MSD, "track_metadata.db"),
        Whole("empty", _written(MSD, lambda _: b""), "is no SQLite database"),
        Whole("random", _written(MSD, lambda content: os.urandom(len(content))), "is no SQLite database"),
        Whole("cut off", _written(MSD, lambda content: content[: len(content) // 2]), "is cut off"),
        Whole("damaged", _written(MSD, _without_pages), "track_metadata.db"),
    ],
    "genius": [
        Whole("empty", _written(GENIUS, lambda _: b""), "is empty"),
        Whole("no header", _written(GENIUS, _without_header), "has no header line"),
        Whole("a FIFO", _replaced(GENIUS, os.mkfifo), "song_lyrics.csv"),
        Whole("a folder", _replaced(GENIUS, Path.mkdir), "song_lyrics.csv"),
        Whole("cut off", _written(GENIUS, lambda content: content.rstrip()[:-30]), "ends in the middle of a row"),
        Whole("other columns", _written(GENIUS, lambda content: b"tag,title" + content[9:]), "other columns"),
        Whole("all rows damaged", _written(GENIUS, lambda content: content.replace(b",rap,", b',"rap,')
              .replace(b",pop,", b',"pop,').replace(b",rock,", b',"rock,')), "That is too much to go on"),
    ],
    "fma": [
        *_other_kinds(FMA, "tracks.csv"),
        Whole("empty", _written(FMA, lambda _: b""), "is empty"),
        Whole("flat header", _written(FMA, lambda content: content.partition(b"\n")[2]), "does not have the header"),
        Whole("no genres", _replaced("fma/fma_metadata/genres.csv", lambda _: None), "genres.csv is missing"),
        Whole("cut off", _written(FMA, lambda content: content.rstrip() + b'"'), "ends in the middle of a row"),
        Whole("genres without a header", _written("fma/fma_metadata/genres.csv", _without_header), "genres.csv"),
    ],
    "fma_lyrics": [Whole("a file", _replaced("fma_lyrics", Path.touch), "which is no folder")],
}  # fmt: skip
