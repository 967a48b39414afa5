"""Decodes every audio file of a dataset once, into its spectrogram shards, core.audio_files and the rejects of audio.

Works shard by shard on all cores. Shards that are there and were made from the same files are not made again, so a
killed extraction goes on where it stopped.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import polars as pl

from mgc_models.features.config import MIN_DURATION_S
from pipelines.datasets.common import DatasetError, Reject, rejects_frame
from pipelines.features.audio_sources import AudioSource
from pipelines.features.audio_tasks import AudioFile, AuditRow, ShardOutcome, ShardTask, read_note
from pipelines.features.config import spectrogram_specs
from pipelines.features.index import feature_frames, shards_are_whole
from pipelines.incremental import Outputs, Step, note_inputs, raw_is_current
from pipelines.parallel import Log, map_tasks
from pipelines.tables import write_parts
from warehouse.locks import locked
from warehouse.shards.writer import FeatureSpec
from warehouse.store import Store

VERSION = 4
TRACKS_PER_SHARD = 256  # 30 s clips: 200 MB of fbank_16k, 400 MB of spec_500x1500
SHARDS_PER_BLOCK = 16  # about five minutes' work of two cores
FEWEST_TRACKS_PER_SHARD, SHARDS_OF_A_SMALL_DATASET = 16, 8  # so that a small dataset keeps several cores busy
STEP = Step(
    "spectrograms",
    VERSION,
    settings={"min_duration_s": MIN_DURATION_S},
    libraries=("soundfile", "soxr", "torch", "torchaudio"),  # a newer decoder may read what this one cannot
)
AUDIT_SCHEMA = {
    "track_id": pl.String,
    "audio_path": pl.String,
    "audio_status": pl.String,
    "duration_s": pl.Float64,
    "sample_rate_hz": pl.Int32,
    "channels": pl.Int32,
    "peak": pl.Float64,
    "bytes": pl.Int64,
    "sha256": pl.String,
}


def feature_part(feature: str, dataset: str) -> str:
    """Part of feature.shards and feature.index that holds one feature of one dataset."""
    return f"{feature}-{dataset}"


def audio_outputs(dataset: str) -> list[Outputs]:
    """Table -> part that decoding a dataset writes: audit and rejects, then the shards of each spectrogram."""
    parts = [feature_part(spec.name, dataset) for spec in spectrogram_specs(dataset)]
    shards: list[Outputs] = [{"feature.shards": part, "feature.index": part} for part in parts]
    return [{"core.audio_files": dataset, "core.rejects": f"{dataset}-audio"}, *shards]


def build_audio(store: Store, source: AudioSource, log: Log) -> bool:
    """Extract what is new or changed; returns whether anything was done. Of two at once, the second waits.

    Raises:
        DatasetError: if there is audio and not one file of it decodes, which is the decoder's fault.
    """
    with locked(store.root / "state" / f"{source.dataset}-audio.lock", log):
        return _build(store, source, log)


def _build(store: Store, source: AudioSource, log: Log) -> bool:
    specs, stage, outputs = spectrogram_specs(source.dataset), f"{source.dataset}-audio", audio_outputs(source.dataset)
    tasks = plan_shards(store, source, specs)
    fingerprints = [task.fingerprint for task in tasks]
    seen = STEP.inputs(source.ids, fingerprints, source.unmatched_files, dict(source.known_issues))
    whole = all(shards_are_whole(store, feature_part(spec.name, source.dataset)) for spec in specs)
    if whole and all(raw_is_current(store, stage, seen, part) for part in outputs):
        return False
    outcomes = _extract(store, source, tasks, log)
    _stop_if_nothing_decodes(source, tasks, outcomes)
    _remove_other_files(tasks)
    inputs = _write(store, source, outcomes, specs)
    note_inputs(store, stage, seen, inputs)
    return True


def open_blocks(store: Store, source: AudioSource) -> list[int]:
    """Numbers of the blocks of shards that hold one to make; block n begins at shard n * `SHARDS_PER_BLOCK`."""
    tasks = plan_shards(store, source, spectrogram_specs(source.dataset))
    return sorted({task.number // SHARDS_PER_BLOCK for task in tasks if read_note(store, task) is None})


def extract_blocks(store: Store, source: AudioSource, numbers: Collection[int], log: Log) -> None:
    """Make the shards of some blocks that are not there, beside others; `build_audio` gathers them afterwards."""
    tasks = plan_shards(store, source, spectrogram_specs(source.dataset))
    _extract(store, source, [task for task in tasks if task.number // SHARDS_PER_BLOCK in numbers], log)


def plan_shards(store: Store, source: AudioSource, specs: Sequence[FeatureSpec]) -> list[ShardTask]:
    """Divide the tracks, sorted, into shards of nearly equal size.

    Tracks without a file take their place too: a file that comes or goes changes its own shards only.
    """
    ids, name = source.ids, source.dataset
    small = min(SHARDS_OF_A_SMALL_DATASET, len(ids) // FEWEST_TRACKS_PER_SHARD)
    count = max(1, small, math.ceil(len(ids) / TRACKS_PER_SHARD))
    tasks = []
    for number in range(count):
        chunk = ids[number * len(ids) // count : (number + 1) * len(ids) // count]
        files = tuple(_audio_file(source, track_id) for track_id in chunk if track_id in source.files)
        tasks.append(
            ShardTask(
                number,
                tuple((spec, store.feature(spec.name, name) / f"shard-{number:05}.parquet") for spec in specs),
                store.root / "state" / "audio" / name / f"shard-{number:05}.json",
                source.root,
                MIN_DURATION_S,
                files,
                STEP.inputs([spec.hash for spec in specs], files),
            )
        )
    return tasks


def _audio_file(source: AudioSource, track_id: str) -> AudioFile:
    file = source.files[track_id]
    return AudioFile(track_id, file.name, file.bytes, file.mtime_ns)


def _make_shards(task: ShardTask) -> ShardOutcome:
    """Make the shards of a task in a worker; torch is loaded there and nowhere else."""
    from pipelines.features.audio_worker import make_shards  # noqa: PLC0415

    return make_shards(task)


def _extract(store: Store, source: AudioSource, tasks: Sequence[ShardTask], log: Log) -> list[ShardOutcome]:
    noted = {task.number: outcome for task in tasks if (outcome := read_note(store, task))}
    to_do = [task for task in tasks if task.number not in noted]
    log(f"Spectrograms of {source.dataset}: {len(to_do)} of {len(tasks)} shards to make, {len(noted)} are there.")
    label = f"Decoding {source.dataset}"
    made = map_tasks(_make_shards, to_do, label=label, unit="files", size=lambda task: len(task.files), log=log)
    done = noted | {task.number: outcome for task, outcome in made}
    return [done[task.number] for task in tasks]


def _stop_if_nothing_decodes(source: AudioSource, tasks: Sequence[ShardTask], outcomes: Iterable[ShardOutcome]) -> None:
    audit = [row for outcome in outcomes for row in outcome.audit]
    if not audit or any(row.audio_status != "unreadable" for row in audit):
        return
    for task in tasks:
        task.note.unlink(missing_ok=True)
    raise DatasetError(
        f"None of the {len(audit):,} audio files in {source.root} can be decoded, the first is {audit[0].audio_path}. "
        "Try it in a player; if it plays, the decoder is at fault: `python -c 'import soundfile as s; "
        "print(s.__libsndfile_version__, s.available_formats())'` must list MP3."
    )


def _remove_other_files(tasks: Sequence[ShardTask]) -> None:
    """Remove shards that are no longer planned and what killed workers left half written."""
    wanted: set[Path] = {path for task in tasks for _, path in task.shards}
    for folder in {path.parent for path in wanted}:
        for path in set(folder.iterdir()) - wanted:
            path.unlink(missing_ok=True)


def _write(store: Store, source: AudioSource, outcomes: Sequence[ShardOutcome], specs: Sequence[FeatureSpec]) -> str:
    """Write every output; returns the hash of what they were made from."""
    audit, rejects = _audit(source, outcomes)
    checksums = [info.sha256 for outcome in outcomes for info in outcome.infos]
    hashes = [spec.hash for spec in specs]
    inputs = STEP.inputs(hashes, checksums, sorted(audit), sorted(map(str, rejects)), dict(source.known_issues))
    tables, *shards = audio_outputs(source.dataset)
    frames = {
        "core.audio_files": pl.DataFrame(audit, AUDIT_SCHEMA, orient="row").with_columns(
            pl.lit(source.dataset).alias("dataset"),
            pl.col("track_id").replace_strict(source.known_issues, default=None, return_dtype=pl.String)
            .alias("known_issue"),
        ),
        "core.rejects": rejects_frame(source.dataset, "audio", rejects),
    }  # fmt: skip
    write_parts(store, tables, frames, inputs)
    for place, (spec, parts) in enumerate(zip(specs, shards, strict=True)):
        made = [
            (outcome.number, outcome.infos[place], [(track_id, frames[place]) for track_id, frames in outcome.lengths])
            for outcome in outcomes
        ]
        files, index = feature_frames(store, spec, source.dataset, made)
        write_parts(store, parts, {"feature.shards": files, "feature.index": index}, inputs)
    return inputs


def _audit(source: AudioSource, outcomes: Sequence[ShardOutcome]) -> tuple[list[AuditRow], list[Reject]]:
    """Rows of core.audio_files and rejects of all files, of those that are missing, and of those of no track."""
    missing = [track_id for track_id in source.ids if track_id not in source.files]
    audit = [row for outcome in outcomes for row in outcome.audit]
    audit += [AuditRow(track_id, None, "missing") for track_id in missing]
    rejects = [reject for outcome in outcomes for reject in outcome.rejects] + source.unmatched_files
    rejects += [
        Reject("audio_missing", track_id, source.missing(track_id), None, "no such file") for track_id in missing
    ]
    return audit, rejects
