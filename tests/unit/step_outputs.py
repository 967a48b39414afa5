"""What every step makes of the small sample corpus, on record beside the version of its code in step_outputs.json.

A step whose code makes something else must have a higher VERSION, or the tables and runs of users' stores stay those of
the old code. After a raised VERSION, changed data files or settings, or other libraries, record anew:

    python -m tests.unit.step_outputs

The command changes nothing and says which VERSION to raise where content changed under the version on record.

Content is hashed, except floats, whose last digits follow the processor: of these a checksum is kept, and compared with
a tolerance. Of vectors only the lengths count, for singular vectors may be turned where singular values are equal.
"""

import hashlib
import importlib
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl

import mgc_models  # noqa: F401 - lets torchaudio be imported beside a CPU build of torch
from pipelines.assets.resources import MgcResource
from pipelines.corpora import build as corpora
from pipelines.corpora import matches
from pipelines.corpora.config import load_corpora
from pipelines.datasets import fma, genius, ingest, msd, music4all
from pipelines.definitions import build_defs
from pipelines.dependencies import PARTS
from pipelines.experiments.runs import TRAINING_VERSION
from pipelines.features import audio, duplicates, tokens, word_vectors
from pipelines.features import config as features
from pipelines.features.lyric_shards import lyric_outputs
from pipelines.genres import build as genres
from pipelines.incremental import Outputs, content_hash
from pipelines.lyrics import fma as fma_lyrics
from pipelines.lyrics import genius as genius_lyrics
from pipelines.lyrics import language
from pipelines.lyrics import music4all as music4all_lyrics
from pipelines.matching import quality
from pipelines.results import bootstrap
from pipelines.sample import generate
from tests.conftest import SAMPLE_TRACKS
from warehouse.shards.reader import open_feature
from warehouse.store import Store, file_sha256

RECORD = Path(__file__).with_name("step_outputs.json")
GOLDEN = Path(__file__).parent / "mgc_models" / "golden"
COMMAND = "python -m tests.unit.step_outputs"
TOLERANCE = 1e-4
FILE_COLUMNS = ("sha256", "bytes")  # of files whose bytes follow the versions of libraries; their content counts
DATASETS = {
    "music4all_dir": "music4all",
    "msd_dir": "msd",
    "genius_csv": "genius/song_lyrics.csv",
    "fma_dir": "fma",
    "fma_lyrics_dir": "fma_lyrics",
}
# The steps that each step reads, directly.
READS: Mapping[str, Sequence[str]] = {
    "reading datasets": ["sample corpus"],
    "reading FMA": ["sample corpus"],
    "lyrics of Music4All": ["reading datasets"],
    "lyrics of FMA": ["reading FMA"],
    "lyrics of Genius": ["matches"],
    "languages": ["lyrics of Music4All"],
    "matches": ["reading datasets"],
    "match quality": [],
    "corpora": ["reading FMA", "lyrics of FMA", "lyrics of Genius", "languages", "spectrograms"],
    "genres": ["corpora"],
    "spectrograms": ["reading datasets", "reading FMA"],
    "duplicates of audio": ["spectrograms"],
    "lyric tokens": ["corpora"],
    "word vectors": ["corpora"],
    "lyric lines": ["word vectors"],
    "vectors of principal words": ["word vectors"],
    "sample corpus": [],
    "bootstrap": [],
}
LEFT_OUT = {
    "planned runs": "names and settings of runs, which the tests of the plan hold",
    "runs of": "each model is on record by itself, with its golden outputs",
    "planted corpora": "equal seeds give equal corpora, which their own tests hold",
    "planted runs": "as the runs",
    "inpainting": "made from trained weights",
    "genre embeddings": "made from trained weights",
    "figures": "pictures, whose bytes follow matplotlib and its fonts",
}
Content = dict[str, Any]


def found_steps(sample: Path) -> dict[str, dict[str, Any]]:
    """Version, settings, libraries and content of every step and model; `sample` holds the sample corpus."""
    with tempfile.TemporaryDirectory() as folder:
        store = data_store(sample, Path(folder))
        contents = {
            "sample corpus": corpus_content(sample),
            "bootstrap": {"intervals": checksum(intervals())},
            **{step: content_of(store, outputs) for step, outputs in step_outputs().items()},
        }
    steps = {step: {**about(step), "content": contents[step]} for step in READS}
    return steps | {f"model {path.stem}": golden(path) for path in sorted(GOLDEN.glob("*.json"))}


def data_store(sample: Path, folder: Path) -> Store:
    """The store that job `data` fills from all datasets of the sample corpus, in this process."""
    settings = {name: str(sample / path) for name, path in DATASETS.items()}
    job = build_defs(MgcResource(**settings, profile="smoke", store=str(folder))).resolve_job_def("data")
    with mock.patch("pipelines.parallel.available_cores", return_value=1):
        job.execute_in_process()
    return Store(folder)


def step_outputs() -> dict[str, list[Outputs]]:
    """Table -> part that each step of the data part writes."""
    read = (music4all.DATASET, msd.DATASET, genius.DATASET)
    token_datasets = [music4all.DATASET, *(corpus.dataset for corpus in load_corpora() if corpus.match.dataset)]
    return {
        "reading datasets": [ingest.tracks_outputs(dataset) for dataset in read],
        "reading FMA": [ingest.tracks_outputs(fma.DATASET)],
        "lyrics of Music4All": [music4all_lyrics.OUTPUTS],
        "lyrics of FMA": [fma_lyrics.OUTPUTS],
        "lyrics of Genius": [genius_lyrics.OUTPUTS],
        "languages": [language.OUTPUTS],
        "matches": [matches.OUTPUTS],
        "match quality": [quality.OUTPUTS],
        "corpora": [corpora.outputs_of(corpus) for corpus in load_corpora()],
        "genres": [genres.outputs_of(corpus) for corpus in genres.corpora_with_genres()],
        "spectrograms": [outputs for name in features.audio_datasets() for outputs in audio.audio_outputs(name)],
        "duplicates of audio": [duplicates.OUTPUTS],
        "lyric tokens": [tokens.outputs_of(dataset) for dataset in token_datasets],
        "word vectors": [word_vectors.outputs(vocabulary) for vocabulary in features.vocabularies()],
        "lyric lines": [lyric_outputs(feature) for feature in features.lyric_lines()],
        "vectors of principal words": [lyric_outputs(features.principal_vectors())],
    }


def content_of(store: Store, outputs: Sequence[Outputs]) -> Content:
    """Checksums of parts of tables, and of the arrays that feature.index names."""
    content: Content = {}
    for table, part in [pair for one in outputs for pair in one.items()]:
        frame = pl.read_parquet(store.table(table) / f"{part}.parquet")
        content |= {f"{table}/{part}{column}": value for column, value in frame_content(frame).items()}
        if table == "feature.index":
            reader = open_feature(store.feature(*part.split("-")))
            arrays = [reader.read(track_id) for track_id in reader.track_ids]
            content[f"features/{part}"] = checksum(np.concatenate(arrays))
    return content


def frame_content(frame: pl.DataFrame) -> Content:
    """One hash of the columns that have one text, and a checksum of each column of floats."""
    floats = [name for name, kind in frame.schema.items() if (kind.inner if kind == pl.List else kind).is_float()]
    exact = frame.select(pl.exclude(*floats, *FILE_COLUMNS), pl.col(floats).is_null().name.suffix(" is null"))
    content: Content = {"": sha256(exact.write_ndjson())}
    for name in floats:
        values = frame[name].drop_nulls().to_list()
        content[f" {name}"] = checksum(np.array(values, dtype=np.float64))
    return content


def checksum(values: np.ndarray) -> list[float] | str:
    """Of floats their norm and the product of the lengths of their rows with a pattern; of others a hash."""
    if not np.issubdtype(values.dtype, np.floating):
        return sha256(repr(values.tolist()))
    rows = values.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1) if rows.ndim > 1 else rows
    sums = np.linalg.norm(lengths), lengths @ np.cos(np.arange(len(lengths)))
    return [float(f"{value:.9g}") for value in sums]


def corpus_content(sample: Path) -> Content:
    """Names of all files of the sample corpus, and the content of those that are text."""
    files = sorted(path for path in sample.rglob("*") if path.is_file())
    texts = {path.relative_to(sample).as_posix(): path for path in files if path.suffix in (".csv", ".txt")}
    hashes = {name: file_sha256(path) for name, path in texts.items()}
    return {
        "files": content_hash([path.relative_to(sample).as_posix() for path in files]),
        "text": content_hash(hashes),
    }


def intervals() -> np.ndarray:
    """The intervals of invented predictions."""
    random = np.random.default_rng(0)
    labels, logits = random.random((24, 5)) < 0.5, random.normal(size=(24, 5)).round(2)
    labels[:, 0] = True
    scores = bootstrap.resampled(labels, logits, 0.0, 1, bootstrap.RESAMPLES)
    return np.array([list(bootstrap.interval(column).values()) for column in scores.T])


def about(step: str) -> dict[str, Any]:
    """Version of a step's code, hash of its data files and settings, and versions of its libraries."""
    part = PARTS[step]
    module, _, name = part.constant.rpartition(".")
    files = [file_sha256(path) for path in part.step.files] if part.step else []
    settings = content_hash(files, dict(part.step.settings) if part.step else {}, repr(part.also()))
    libraries = part.step.libraries if part.step else ()
    return {
        "constant": part.constant,
        "version": getattr(importlib.import_module(module), name),
        "settings": settings,
        "libraries": {name: release(name) for name in libraries},
    }


def golden(path: Path) -> dict[str, Any]:
    """A model, by the golden outputs that its own test holds it to."""
    return {
        "constant": "pipelines.experiments.runs.TRAINING_VERSION",
        "version": TRAINING_VERSION,
        "settings": "",
        "libraries": {"torch": release("torch")},
        "content": {path.name: file_sha256(path)},
    }


def release(distribution: str) -> str:
    """Its version; `+cpu` and its like do not count."""
    return version(distribution).partition("+")[0]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def changes(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Names of what one side lacks or has with other content."""
    return sorted(name for name in {*recorded, *found} if not is_close(recorded.get(name, ""), found.get(name, "")))


def is_close(one: Any, other: Any) -> bool:
    """Whether hashes are equal, and checksums nearly so."""
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    slack = TOLERANCE * max(one[0], other[0])
    return all(math.isclose(*pair, rel_tol=0, abs_tol=slack) for pair in zip(one, other, strict=True))


def unversioned(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Which VERSION to raise: content changed, and nothing on record explains it, also in no step that is read."""
    changed = {step for step in recorded.keys() & found if changes(recorded[step]["content"], found[step]["content"])}
    messages = []
    for step in sorted(changed):
        old, new = recorded[step], found[step]
        same = all(old[key] == new[key] for key in ("version", "settings", "libraries"))
        if same and changed.isdisjoint(upstream(step)):
            names = ", ".join(changes(old["content"], new["content"]))
            messages.append(
                f"{step}: {names} changed under version {new['version']}, so stores would keep what the old code made. "
                f"Raise {new['constant']}, then run `{COMMAND}`."
            )
    return messages


def upstream(step: str) -> Iterator[str]:
    """Every step that a step rests on."""
    for one in READS.get(step, ()):
        yield one
        yield from upstream(one)


def outdated(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Steps whose entry must be recorded anew; other libraries that make the same content need not."""
    keys = ("constant", "version", "settings")
    return sorted(
        step
        for step in {*recorded, *found}
        if step not in recorded
        or step not in found
        or [recorded[step][key] for key in keys] != [found[step][key] for key in keys]
        or changes(recorded[step]["content"], found[step]["content"])
    )


def main() -> str | None:
    """Record what the steps make, unless a VERSION must be raised first; returns what to do then."""
    recorded = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), tracks=SAMPLE_TRACKS)
        found = found_steps(Path(folder))
    if messages := unversioned(recorded, found):
        return "\n".join(messages)
    kept = {step: recorded[step] if step not in outdated(recorded, found) else found[step] for step in found}
    RECORD.write_text(as_lines(kept), encoding="utf-8")
    return None


def as_lines(steps: Mapping[str, Mapping[str, Any]]) -> str:
    """JSON with one line for each value."""
    entries = []
    for step, entry in steps.items():
        about = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in entry.items() if key != "content"]
        content = [f"   {json.dumps(name)}: {json.dumps(value)}" for name, value in entry["content"].items()]
        about.append('  "content": {\n' + ",\n".join(content) + "\n  }")
        entries.append(f" {json.dumps(step)}: {{\n" + ",\n".join(about) + "\n }")
    return "{\n" + ",\n".join(entries) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main())
