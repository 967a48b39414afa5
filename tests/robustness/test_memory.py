"""The memory that one hostile input takes: each is read by a process of its own, whose largest size is asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.datasets import genius

pytestmark = pytest.mark.robustness
HOSTILE_BYTES, MOST_KIB = 300_000_000, 2 * 1024 * 1024
SONG = b"Title %d,rap,Artist,2004,1,{},text,%d,en,en,en\n"
GENIUS = ",".join(genius.COLUMNS).encode() + b"\n" + SONG % (1, 1)
# File -> what stands before and behind 300 MB without a line end, how it is read, and what is told of it.
CASES = {
    "lyrics.txt": (
        b"la", b"",
        ("from pipelines.datasets.lyrics_files import LyricsTask, read_lyrics as read\n"
        "print(read(LyricsTask(root, 'lyrics', [('a', 'lyrics.txt')])))"),
        "lyrics_undecodable",
    ),
    "song.txt": (
        b"la", b"",
        ("from mgc_models.predict.songs import read_lyrics\n"
        "try: read_lyrics(root / 'song.txt')\n"
        "except ValueError as error: print(error)"),
        "at most 1,048,576 are read",
    ),
    "unique_tracks.txt": (
        b"TRA<SEP>SO<SEP>A<SEP>T\n", b"\nTRB<SEP>SO<SEP>A<SEP>T\n",
        ("from pipelines.datasets import msd\ntables = msd.read(msd.locate(root))\n"
        "print(tables.raw_rows, tables.tracks['track_id'].to_list(), tables.rejects['reason'].to_list())"),
        "{'unique_tracks.txt': 3} ['TRA', 'TRB'] ['line_too_long']",
    ),
    "id_genres.csv": (
        b"id\tgenres\n", b"\na\trock\n",
        ("from pipelines.datasets.tsv import read_tsv\nrows = read_tsv(root / 'id_genres.csv', ('id', 'genres'))\n"
        "print(rows.lines, rows.columns, [reject.reason for reject in rows.rejects])"),
        "2 {'id': ['a'], 'genres': ['rock']} ['line_too_long']",
    ),
    genius.FILE: (
        GENIUS + b'Title 7,rap,Artist,2004,1,{},"', b"\n" + SONG % (2, 2) + SONG % (3, 3),
        ("from pipelines.datasets import genius\ntables = genius.read(genius.locate(root, root / 'mended'))\n"
        "print(tables.raw_rows, tables.tracks['track_id'].to_list(), tables.rejects['reason'].to_list())"),
        "{'song_lyrics.csv': 4} ['1', '2', '3'] ['row_too_long']",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_one_hostile_input_takes_less_than_two_gigabytes(tmp_path: Path, name: str) -> None:
    before, behind, read, told = CASES[name]
    with (tmp_path / name).open("wb") as file:
        file.write(before)
        file.seek(HOSTILE_BYTES)
        file.write(behind or b"x")
    code = (
        f"import resource\nfrom pathlib import Path\nroot = Path({str(tmp_path)!r})\n{read}\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *said, kib = done.stdout.splitlines()
    assert told in "\n".join(said)
    assert int(kib) // (1024 if sys.platform == "darwin" else 1) < MOST_KIB
