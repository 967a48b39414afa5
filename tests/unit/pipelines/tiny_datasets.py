"""A few rows of the Million Song Dataset, Genius and FMA in their real formats, written by hand."""

import csv
import io
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

MSD_COLUMNS = (
    "track_id text PRIMARY KEY, title text, song_id text, release text, artist_id text, artist_mbid text, "
    "artist_name text, duration real, artist_familiarity real, artist_hotttnesss real, year int, "
    "track_7digitalid int, shs_perf int, shs_work int"
)
MSD_IDS = [f"TRAAAA{number:012X}" for number in range(1, 4)]
MSD_ROWS = [
    (MSD_IDS[0], 'Say "Hi"', "SOA", "Album", "AR1", "mb1", "Motörhead", 200.5, 0.5, 0.4, 1999, 8947470, -1, 0),
    (MSD_IDS[1], "Two\tTabs", "SOB", "", "AR1", "", "The Band", 100.0, 0.5, float("nan"), 0, -1, 17, 18),
    (MSD_IDS[2], "Tres", "SOC", "Album", "AR2", "mb2", "Él", 100.0, 0.5, 0.4, 2001, 8947471, -1, -1),
]
GENIUS_HEADER = "title,tag,artist,year,views,features,lyrics,id,language_cld3,language_ft,language"
GENRES = (
    "genre_id,#tracks,parent,title,top_level\n"
    "2,1,0,International,2\n21,1,0,Hip-Hop,21\n100,1,21,Alternative Hip-Hop,21\n"
)
FMA_GROUPS = [
    ("album", "comments"), ("album", "date_created"), ("album", "date_released"), ("album", "information"),
    ("album", "title"), ("artist", "id"), ("artist", "name"), ("set", "split"), ("set", "subset"),
    ("track", "duration"), ("track", "genre_top"), ("track", "genres"), ("track", "genres_all"),
    ("track", "language_code"), ("track", "tags"), ("track", "title"),
]  # fmt: skip


def write_msd(root: Path, rows: Iterable[tuple[object, ...]] = MSD_ROWS, columns: str = MSD_COLUMNS) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(root / "track_metadata.db")
    connection.execute(f"CREATE TABLE songs ({columns})")
    connection.executemany(f"INSERT INTO songs VALUES ({', '.join('?' * len(columns.split(',')))})", rows)
    connection.commit()
    connection.close()
    return root


def genius_row(number: int, lyrics: str | None = None, **values: str) -> str:
    row: Mapping[str, str] = {
        "title": f"Title {number}", "tag": "rap", "artist": "Cam'ron", "year": "2004", "views": "17",
        "features": '{"Cam\\\\\'ron","Styles P",Nas}', "id": str(number), "language_cld3": "en",
        "lyrics": f'[Verse 1]\nline one, of {number}\n\nshe said "yes"' if lyrics is None else lyrics,
        "language_ft": "en", "language": "en",
    } | values  # fmt: skip
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([row[name] for name in GENIUS_HEADER.split(",")])
    return text.getvalue()


def write_genius(path: Path, rows: Iterable[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(GENIUS_HEADER + "\n" + "".join(rows))
    return path


def fma_row(number: int, **values: str) -> str:
    row = {
        "comments": "0", "date_created": "2008-11-26 01:44:45", "date_released": "2009-01-01 00:00:00",
        "information": '<p>Two\nlines, "quoted"</p>', "album": "Album", "artist_id": "7", "artist": "AWOL",
        "split": "training", "subset": "small", "duration": "168", "genre_top": "Hip-Hop", "genres": "[21, 100]",
        "genres_all": "[21, 100]", "language_code": "en", "tags": "['a', \"b's\"]", "title": f"Food {number}",
    } | values  # fmt: skip
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([number, *row.values()])
    return text.getvalue()


def write_fma(root: Path, rows: Iterable[str]) -> Path:
    (root / "fma_metadata").mkdir(parents=True)
    header = [",".join(["", *cells]) for cells in zip(*FMA_GROUPS, strict=True)]
    lines = [*header, "track_id" + "," * len(FMA_GROUPS)]
    (root / "fma_metadata" / "tracks.csv").write_text("\n".join(lines) + "\n" + "".join(rows), encoding="utf-8")
    (root / "fma_metadata" / "genres.csv").write_text(GENRES)
    (root / "fma_medium").mkdir()
    return root


def touch(root: Path, *names: str, content: bytes = b"ID3") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
