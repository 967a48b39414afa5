"""What can happen to a file of a finished store, and what a job must then leave: the sound file, or a word about it."""

import os
import random
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tests.pipeline.harness import Checkout
from warehouse import checksum
from warehouse.store import Store

# What a job makes again, and says so.
DERIVED = {
    "table part": "tables/*/*/*.parquet",
    "shard": "features/*/*/shard-*.parquet",
    "tokenizer": "features/*/*/tokenizer.json",
    "vocabulary": "features/*/*/vocabulary.parquet",
    "training inputs": "training_inputs/*.parquet",
    "figure": "figures/*.png",
    "report": "report.html",
    "catalogue": "mgc.duckdb",
    "inpainting": "runs/*/inpainting.parquet",
}
CHECKSUMMED = {"table part", "training inputs"}  # made again without a word where the name of the checksum is flipped
# What only saves work: it is written anew or passed over, without a word.
NOTES = {
    "note": "state/**/*.json",
    "verified": "state/verified/**/*.*",
    "job": "jobs/*.json",
    "log": "runs/*/events.jsonl",
}
# What a training leaves and no step reads: a warning, and the results stay.
OF_RUNS = {
    "weights": "runs/*/model.safetensors",
    "predictions": "runs/*/predictions.parquet",
    "spec": "runs/*/spec.json",
    "tokenizer of a run": "runs/*/tokenizer.json",
    "vocabulary of a run": "runs/*/vocabulary.parquet",
}
# What a job stops over, with one message.
STOPPING = {
    "result": "runs/*/result.json",
    "timing": "runs/*/timing.json",
    "sums": "runs/*/SHA256SUMS",
    "marker": "store.json",
}
NOT_COMPARED = re.compile(
    r"(.*/)?\.[^/]*\.tmp[^/]*$|dagster/|state/|jobs/|mgc\.duckdb|.*/(lock|events\.jsonl)$|.*\.lock$"
)
SPOKEN_OF = 5  # files that a job names of one kind of damage


def flipped(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << chance.randrange(8))]) + content[place + 1 :]


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def emptied(content: bytes, chance: random.Random) -> bytes:
    return b""


MUTATIONS: Sequence[Callable[[bytes, random.Random], bytes]] = (flipped, cut, emptied)


@dataclass(frozen=True)
class Damaged:
    """One file of a store, its kind, and what was done to it."""

    kind: str
    path: Path
    how: str


def copy_of(finished: Checkout, folder: Path) -> Checkout:
    """The finished store once more, with the same times of change, for jobs of its own."""
    shutil.copytree(finished.store.root, folder / "store", copy_function=_copy)
    environment = {**finished.environment, "MGC_STORE": str(folder / "store")}
    return Checkout(Store(folder / "store"), environment)


def _copy(source: str, target: str) -> None:
    """Copy a file; what is hard-linked in one store must not be damaged in the other."""
    shutil.copyfile(source, target)
    status = Path(source).stat()
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def damage(store: Store, kinds: Mapping[str, str], chance: random.Random, most: int) -> list[Damaged]:
    """Damage one file of each of at most `most` kinds, chosen at random."""
    done = []
    for kind in chance.sample(sorted(kinds), len(kinds)):
        files = [path for path in sorted(store.root.glob(kinds[kind])) if path.stat().st_size and path.name[0] != "."]
        if files and len(done) < most:
            path, mutate = chance.choice(files), chance.choice(MUTATIONS)
            content = mutate(path.read_bytes(), chance)
            path.unlink()  # a file of its own, where several names lead to one
            path.write_bytes(content)
            done.append(Damaged(kind, path, mutate.__name__))
    return done


def left(store: Store) -> dict[str, bytes]:
    """Every file of a store by name that a job answers for; of the catalogue its content, which its bytes only hold."""
    files = {
        path.relative_to(store.root).as_posix(): path.read_bytes()
        for path in sorted(store.root.rglob("*"))
        if path.is_file() and not NOT_COMPARED.match(path.relative_to(store.root).as_posix())
    }
    return files | {"mgc.duckdb": catalogue_rows(store)}


def catalogue_rows(store: Store) -> bytes:
    """All rows of the small tables and report views of the catalogue file, as text."""
    with duckdb.connect(str(store.catalogue), read_only=True) as connection:
        names = connection.execute(
            "SELECT schema_name || '.\"' || table_name || '\"' FROM duckdb_tables() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        return repr([connection.execute(f"FROM {name} ORDER BY ALL").fetchall() for (name,) in names]).encode()


def unlike_after_rerun(place: Checkout, sound: Mapping[str, bytes], chance: random.Random) -> list[str]:
    """Damage files of many kinds and run the job; what it then lacks, in words.

    What is derived must be there again as it was, what a training left be named, and nothing else have changed.
    """
    derived = damage(place.store, DERIVED, chance, SPOKEN_OF)
    of_runs = damage(place.store, OF_RUNS, chance, SPOKEN_OF)
    notes = {one.path for one in damage(place.store, NOTES, chance, len(NOTES))}
    unseen = {one.path for one in derived if one.kind in CHECKSUMMED and not checksum.damage(one.path)}
    unseen |= {one.path for one in derived if note_of(place.store, one.path) in notes}  # made again without a word
    # What lies beside a damaged shard cannot be held against what that was made with; the shard is named.
    shards = {one.path.parent for one in derived if one.kind == "shard"}
    unseen |= {one.path for one in derived if one.kind in ("tokenizer", "vocabulary") and one.path.parent in shards}
    done = place.job()
    if done.returncode:
        return [f"{derived}, {of_runs}: the job ended with {done.returncode}: {done.stderr[-4000:]}"]
    again = [
        f"warning: {one.path} is damaged; the step that writes it makes it again."
        for one in derived
        if one.path not in unseen
    ]
    lacking = [f"not said: {words}" for words in again if words not in done.stderr]
    warned = "warning: {} is damaged: .* delete the folder "
    lacking += [
        f"not said: {one}" for one in of_runs if not re.search(warned.format(re.escape(str(one.path))), done.stderr)
    ]
    kept = {one.path.relative_to(place.store.root).as_posix() for one in of_runs}
    found = left(place.store)
    changed = [name for name in sorted({*sound, *found} - kept) if found.get(name) != sound.get(name)]
    return lacking + [f"{name} is another after {derived}, {of_runs}" for name in changed]


def note_of(store: Store, path: Path) -> Path:
    """The note of what a file was made from, by which its damage is found."""
    return store.root / "state" / "files" / f"{path.relative_to(store.root)}.json"


def unlike_after_stop(place: Checkout, sound: Mapping[str, bytes], kind: str, chance: random.Random) -> list[str]:
    """Damage a file that no job can do without and run the job; what then is not as it should be, in words.

    One message must name the file, or its run, and the remedy; nothing may be replaced.
    """
    (one,) = damage(place.store, {kind: STOPPING[kind]}, chance, 1)
    done = place.job()
    said = [line for line in done.stderr.splitlines() if line.startswith(("failed: ", "error: ", "warning: "))]
    name = one.path.relative_to(place.store.root).as_posix()
    found = left(place.store)
    problems = [f"{other} is another" for other in sound if other != name and found.get(other) != sound[other]]
    named = any(str(one.path.parent) in line and re.search("[Dd]elete", line) for line in said)
    if found[name] != sound[name] and not named:
        problems.append(f"not named: {one}")
    if "Traceback" in done.stderr:
        problems.append("a traceback")
    return [f"{problem}: {done.stderr[-2000:]}" for problem in problems]
