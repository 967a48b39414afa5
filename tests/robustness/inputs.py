"""A round of the sweep: a copy of the sample corpus, many mutations in it, and what each of them declares."""

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from pipelines.datasets import fma, genius, music4all
from pipelines.datasets.common import as_text
from tests.robustness import files, rows
from tests.robustness.mutators import KEPT, Mutator, drawn
from tests.robustness.wholes import WHOLES, Whole

DATASETS = ("music4all", "msd", "genius", "fma", "fma_lyrics")
LEAST_MUTATIONS_OF_A_ROUND = 75
PRISTINE = 4  # of each so many tracks one is left alone
MOST_DAMAGED_SONGS = 14  # of Genius, above which the file is refused as a whole
LARGE_MUTATORS = {"long row", "long lyrics", "too long", "an hour"}
MOST_LARGE = 3
NOTHING = b"\0removed"


@dataclass(frozen=True)
class Mutation:
    """One mutation, and what is declared of it.

    Attributes:
        dataset: That it is part of.
        file: Below the folder of the dataset.
        mutator: Its name.
        keys: Track ids, of which one names it in core.rejects.
        lines: Lines of the file, of which one names it where the id does not.
        reasons: As of the mutator.
        track: As of the mutator.
    """

    dataset: str
    file: str
    mutator: str
    keys: tuple[str, ...]
    reasons: tuple[str, ...]
    track: str
    lines: range = range(0)

    def __str__(self) -> str:
        return f"{self.dataset}/{self.file}: {self.mutator} of {', '.join(self.keys)} (lines {self.lines})"


@dataclass
class Round:
    """What one run is given.

    Attributes:
        root: Folder of the mutated sample corpus.
        mutations: In it.
        whole: Dataset that cannot be read, and how; None where all can.
        by_text: Whether the Million Song Dataset is read from unique_tracks.txt.
    """

    root: Path
    random: Random
    mutations: list[Mutation] = field(default_factory=list)
    whole: tuple[str, Whole] | None = None
    by_text: bool = False
    large: int = 0

    def draw(self, mutators: Sequence[Mutator[Any]]) -> Mutator[Any]:
        """One of some mutators, few of which are large ones."""
        while (found := drawn(mutators, self.random)).name in LARGE_MUTATORS and self.large >= MOST_LARGE:
            pass
        self.large += found.name in LARGE_MUTATORS
        return found


def make_round(sample: Path, root: Path, seed: str) -> Round:
    """Copy the sample corpus and mutate it, and in most rounds make a dataset of it unreadable.

    Args:
        sample: The sample corpus.
        root: Folder for the copy.
        seed: Decides everything.
    """
    for dataset in DATASETS:
        shutil.copytree(sample / dataset, root / dataset)
    one = Round(root, Random(seed))
    one.by_text = one.random.random() < 1 / 3
    unreadable = one.random.choice([*DATASETS, "none"])
    if one.by_text:
        (root / "msd" / "track_metadata.db").unlink()
    parts = [part for dataset, part in _parts(one) if dataset != unreadable]
    one.random.shuffle(parts)
    for part in parts:
        part()
    if unreadable != "none" and not (unreadable == "msd" and one.by_text):
        one.whole = unreadable, one.random.choice(WHOLES[unreadable])
        one.whole[1].change(root)
    return one


def _parts(one: Round) -> list[tuple[str, Callable[[], None]]]:
    return [
        ("music4all", lambda: _music4all(one)),
        ("msd", lambda: _msd(one)),
        ("genius", lambda: _genius(one)),
        ("fma", lambda: _fma(one)),
    ]


def _some(ids: Sequence[str], random: Random) -> list[str]:
    """Most of some ids, in random order."""
    ids = sorted(set(ids))
    return random.sample(ids, len(ids) - max(1, len(ids) // PRISTINE))


def _note(
    one: Round, dataset: str, file: str, mutator: Mutator[Any], keys: Sequence[str], lines: range = range(0)
) -> None:
    one.mutations.append(Mutation(dataset, file, mutator.name, tuple(keys), mutator.reasons, mutator.track, lines))


def _mutate_lines(
    one: Round, dataset: str, file: str, chosen: dict[str, Mutator[bytes]], *, header: int, end: bytes, separator: bytes
) -> None:
    """Mutate rows of a table by the id that they begin with; rows end where `end` matches."""
    path = one.root / dataset / file
    head, rows_of_file = _rows(path.read_bytes(), header, end)
    line, written = header + 1, []
    for row in rows_of_file:
        key = _key(row, separator)
        mutator = chosen.pop(key, None) if key is not None else None
        changed = row if mutator is None else mutator.change(row, one.random)
        if changed == NOTHING:
            changed, count = b"", 0
        else:
            changed, count = changed + b"\n", changed.count(b"\n") + 1
        if mutator is not None:
            keys = {key or "", *_key_of(changed, separator)}
            _note(one, dataset, file, mutator, sorted(keys), range(line, line + max(1, count)))
        written.append(changed)
        line += count
    path.write_bytes(head + b"".join(written))


def _rows(content: bytes, header: int, end: bytes) -> tuple[bytes, list[bytes]]:
    """The header of a table, and its rows without the line feed behind each."""
    at = 0
    for _ in range(header):
        at = content.index(b"\n", at) + 1
    body = content[at:]
    return content[:at], re.split(end, body.removesuffix(b"\n"))


def _key(row: bytes, separator: bytes) -> str | None:
    try:
        return row.partition(separator)[0].decode()
    except UnicodeDecodeError:
        return None


def _key_of(row: bytes, separator: bytes) -> Iterator[str]:
    """The id that a mutated row has now, as it is told in a reject."""
    yield row.rstrip(b"\n").partition(separator)[0].decode("utf-8", errors="replace")
    yield row.rstrip(b"\n").partition(separator)[0].decode("latin-1")


def _ids(path: Path, separator: bytes, header: int = 1) -> list[str]:
    _, found = _rows(path.read_bytes(), header, rb"\n")
    keys = [key for row in found if (key := _key(row, separator))]
    return [key for key in keys if keys.count(key) == 1 and re.fullmatch(r"\w{4,}", key)]


def _music4all(one: Round) -> None:
    root, random = one.root / "music4all", one.random
    tables = {
        music4all.TRACKS: rows.id_information(),
        music4all.GENRES: rows.labels(),
        "id_tags.csv": rows.labels(),
        "id_lang.csv": rows.id_lang(),
        "id_metadata.csv": rows.id_metadata(),
    }
    there = {name: set(_ids(root / name, b"\t")) for name in tables}
    ids = _some(sorted(set.intersection(*there.values())), random)
    chosen: dict[str, dict[str, Mutator[bytes]]] = {name: {} for name in tables}
    for track_id in ids:
        what = random.choice([*tables, music4all.TRACKS, "audio", "audio", "lyrics", "lyrics"])
        if what in tables:
            chosen[what][track_id] = one.draw(tables[what])
        else:
            _music4all_file(one, what, track_id)
    for name, mutators in chosen.items():
        _mutate_lines(one, "music4all", name, mutators, header=1, end=rb"\n", separator=b"\t")
    for folder, suffix in (("audios", ".mp3"), ("lyrics", ".txt"), ("audios", ".MP3")):
        _odd_file(one, "music4all", root / folder, suffix, ("unexpected_file", "not_in_id_information"))


def _music4all_file(one: Round, what: str, track_id: str) -> None:
    folder, suffix = ("audios", ".mp3") if what == "audio" else ("lyrics", ".txt")
    path = one.root / "music4all" / folder / f"{track_id}{suffix}"
    if path.is_file():
        mutators = files.audio(("audio_missing",)) if what == "audio" else files.lyrics(("lyrics_missing",))
        _mutate_file(one, "music4all", path, one.draw(mutators), track_id)


def _mutate_file(one: Round, dataset: str, path: Path, mutator: Mutator[Path], track_id: str) -> None:
    mutator.change(path, one.random)
    _note(one, dataset, path.relative_to(one.root / dataset).as_posix(), mutator, [track_id])


def _odd_file(one: Round, dataset: str, folder: Path, suffix: str, reasons: tuple[str, ...]) -> None:
    name = files.add_odd_file(folder, suffix, one.random)
    path = (folder / name).relative_to(one.root / dataset).as_posix()
    _note(one, dataset, as_text(path), Mutator("odd name", lambda path, _: path, reasons), [])


def _msd(one: Round) -> None:
    root, random = one.root / "msd", one.random
    ids = _some(_ids(root / "unique_tracks.txt", b"<SEP>", 0), random)
    audio = {path.stem: path for path in (root / "audio").rglob("*.mp3")}
    in_table = [track_id for track_id in ids if track_id not in audio or random.random() < 1 / 2]
    for track_id in ids:
        if track_id not in in_table:
            _mutate_file(one, "msd", audio[track_id], one.draw(files.audio(())), track_id)
    if one.by_text:
        chosen = {track_id: one.draw(rows.unique_tracks()) for track_id in in_table}
        _mutate_lines(one, "msd", "unique_tracks.txt", chosen, header=0, end=rb"\n", separator=b"<SEP>")
    else:
        _mutate_sqlite(one, root / "track_metadata.db", in_table)
    _odd_file(one, "msd", root / "audio", ".mp3", ("unexpected_file",))


def _mutate_sqlite(one: Round, path: Path, ids: Sequence[str]) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE loose AS SELECT * FROM songs")  # without its key, which refuses no id
    connection.execute("DROP TABLE songs")
    connection.execute("ALTER TABLE loose RENAME TO songs")
    for track_id in ids:
        cursor = connection.execute("SELECT rowid, * FROM songs WHERE track_id = ?", (track_id,))
        names = [column[0] for column in cursor.description]
        found = cursor.fetchone()
        if found is None:
            continue
        before = dict(zip(names, found, strict=True))
        mutator = one.draw(rows.sqlite())
        after = mutator.change(before, one.random)
        for name in (name for name in names[1:] if after[name] is not before[name]):
            connection.execute(f"UPDATE songs SET {name} = ? WHERE rowid = ?", (after[name], found[0]))
        told = after["track_id"]
        _note(one, "msd", path.name, mutator, [track_id, str(told or "")[:1000]])
    connection.commit()
    connection.close()


def _genius(one: Round) -> None:
    path, at = one.root / "genius" / genius.FILE, genius.COLUMNS.index("id")
    content = path.read_bytes()
    head, body = content[: content.index(b"\n") + 1], content[content.index(b"\n") + 1 :]
    start, segments = 0, []
    for match in genius.SHAPE.end.finditer(body):
        segments.append(body[start : match.end() - 1])
        start = match.end()
    whole = genius.SHAPE.whole
    ids = [_genius_id(row, at) for row in segments if whole.fullmatch(row + b"\n")]
    wanted = set(_some(ids, one.random)[: len(ids) // 2])
    written, line, damaged = [head], 2, 0
    wanted.discard(_genius_id(segments[-1], at))  # which tells whether the file is whole
    for row in segments:
        key = _genius_id(row, at) if whole.fullmatch(row + b"\n") else ""
        changed = row
        if key in wanted:
            mutator = one.draw(
                [found for found in rows.genius() if damaged < MOST_DAMAGED_SONGS or found.track == KEPT]
            )
            damaged += mutator.track != KEPT
            changed = mutator.change(row, one.random)
            count = changed.count(b"\n") + 1
            _note(one, "genius", genius.FILE, mutator, [key], range(line, line + count))
        written.append(changed + b"\n")
        line += changed.count(b"\n") + 1
    path.write_bytes(b"".join(written) + body[start:])


def _genius_id(row: bytes, at: int) -> str:
    return row.decode().rsplit(",", len(genius.COLUMNS) - at)[1]


FMA_ROW_END = rb"\n(?=\d+,(?:-?\d+(?:\.0)?)?,(?:\d{4}-\d\d-\d\d[^,\n]*)?,)"


def _fma(one: Round) -> None:
    root, random = one.root / "fma", one.random
    header = fma._header(root / fma.TRACKS)
    places = {name: header.index(pair) for name, pair in fma.WANTED.items()}
    _, found = _rows((root / fma.TRACKS).read_bytes(), fma.HEADER_ROWS, FMA_ROW_END)
    ids = _some([row.partition(b",")[0].decode() for row in found[:-1]], random)  # the last tells whether it is whole
    clips = {fma.as_track_id(path.stem): path for path in root.rglob("*.mp3")}
    texts = {path.stem: path for path in (one.root / "fma_lyrics").glob("*.txt") if path.stem.isdecimal()}
    chosen: dict[str, Mutator[bytes]] = {}
    for track_id in ids:
        what = random.choice(["row", "row", "clip", "text"])
        if what == "clip" and track_id in clips:
            _mutate_file(one, "fma", clips[track_id], one.draw(files.audio(("audio_missing",))), track_id)
        elif what == "text" and track_id in texts:
            _mutate_file(one, "fma_lyrics", texts[track_id], one.draw(files.lyrics(())), track_id)
        else:
            chosen[track_id] = one.draw(rows.fma_tracks(places))
    _mutate_lines(one, "fma", fma.TRACKS, chosen, header=fma.HEADER_ROWS, end=FMA_ROW_END, separator=b",")
    _add_genres(one, root / fma.GENRES)
    folder = next(path for path in sorted((root / "fma_medium").iterdir()) if path.is_dir())
    _odd_file(one, "fma", folder, ".mp3", ("unexpected_file", "not_in_tracks_csv"))
    _odd_file(one, "fma_lyrics", one.root / "fma_lyrics", ".txt", ("unexpected_file", "not_in_tracks_csv"))


def _add_genres(one: Round, path: Path) -> None:
    for mutator in one.random.sample(rows.GENRE_ROWS, 2):
        content = path.read_bytes()
        line = content.count(b"\n") + 1
        path.write_bytes(content + mutator.change(b"", one.random) + b"\n")
        _note(one, "fma", fma.GENRES, mutator, [], range(line, line + 1))
