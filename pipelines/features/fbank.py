"""Every audio file of Music4All decoded once: spectrogram shards, core.audio_files, and the rejects of audio.

Works shard by shard on all cores. A shard that is there and was made from the same files is not made again, so a killed
extraction goes on where it stopped.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import polars as pl

from mgc_models.features.settings import FBANK_16K
from pipelines.currency import content_hash, note_inputs, part_hash, raw_is_current
from pipelines.datasets import music4all
from pipelines.datasets.errors import DatasetError
from pipelines.datasets.folder import Entry, files_by_track
from pipelines.datasets.rejects import Reject, rejects_frame
from pipelines.features.tables import feature_frames, shards_are_whole
from pipelines.features.tasks import AudioFile, AuditRow, ShardOutcome, ShardTask, read_note, shard_fingerprint
from pipelines.parallel import Log, map_tasks, one_at_a_time
from pipelines.stages.common import read_frame, write_parts
from pipelines.stages.lyrics import strangers
from warehouse.shards import FeatureSpec
from warehouse.store import Store

VERSION = 1
FEATURE = "fbank_16k"
STAGE = f"{music4all.DATASET}-{FEATURE}"
PART = f"{FEATURE}-{music4all.DATASET}"
OUTPUTS = {
    "core.audio_files": music4all.DATASET,
    "core.rejects": "music4all-audio",
    "feature.shards": PART,
    "feature.index": PART,
}
SPEC = FeatureSpec(FEATURE, "float16", int(str(FBANK_16K["bands"])), dict(FBANK_16K))
SUFFIXES = (".mp3", ".wav", ".flac", ".ogg")
MIN_DURATION_S = 1.0
TRACKS_PER_SHARD = 256  # 30 s clips: 200 MB
FEWEST_TRACKS_PER_SHARD, SHARDS_OF_A_SMALL_DATASET = 16, 8  # so that a small dataset keeps several cores busy
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


def build_fbank(store: Store, layout: music4all.Layout, log: Log) -> bool:
    """Extract what is new or changed; returns whether anything was done. Of two at once, the second waits.

    Raises:
        DatasetError: if there is audio and not one file of it decodes, which is the decoder's fault.
    """
    with one_at_a_time(store.root / "state" / f"{STAGE}.lock", log):
        return _build(store, layout, log)


def _build(store: Store, layout: music4all.Layout, log: Log) -> bool:
    files, others = files_by_track(layout.audio, SUFFIXES)
    ids = read_frame(store, "core.tracks", music4all.DATASET)["track_id"].to_list()
    tasks = plan_shards(store, layout, ids, files)
    tracks = part_hash(store, "core.tracks", music4all.DATASET)
    unknown = strangers(music4all.AUDIO_FOLDER, files, others, ids)
    seen = content_hash(VERSION, tracks, [task.fingerprint for task in tasks], unknown)
    if raw_is_current(store, STAGE, seen, OUTPUTS) and shards_are_whole(store, PART):
        return False
    outcomes = _extract(tasks, log)
    _stop_if_nothing_decodes(layout, tasks, outcomes)
    _remove_other_files(store, tasks)
    frames, inputs = _frames(store, ids, files, outcomes, unknown)
    write_parts(store, OUTPUTS, frames, inputs)
    note_inputs(store, STAGE, seen, inputs)
    return True


def plan_shards(
    store: Store, layout: music4all.Layout, ids: Sequence[str], files: Mapping[str, Entry]
) -> list[ShardTask]:
    """Divide the tracks, sorted, into shards of nearly equal size.

    Tracks without a file take their place too: a file that comes or goes changes its own shard only.
    """
    small = min(SHARDS_OF_A_SMALL_DATASET, len(ids) // FEWEST_TRACKS_PER_SHARD)
    count = max(1, small, math.ceil(len(ids) / TRACKS_PER_SHARD))
    code = f"{VERSION} soundfile {version('soundfile')}"  # a newer decoder may read what this one cannot
    ordered, tasks = sorted(ids), []
    for number in range(count):
        chunk = ordered[number * len(ids) // count : (number + 1) * len(ids) // count]
        chosen = tuple(_audio_file(track_id, files[track_id]) for track_id in chunk if track_id in files)
        tasks.append(
            ShardTask(
                number,
                store.feature(FEATURE, music4all.DATASET) / f"shard-{number:05}.parquet",
                store.root / "state" / FEATURE / music4all.DATASET / f"shard-{number:05}.json",
                SPEC,
                layout.audio,
                music4all.AUDIO_FOLDER,
                MIN_DURATION_S,
                chosen,
                shard_fingerprint(code, SPEC, MIN_DURATION_S, chosen),
            )
        )
    return tasks


def _audio_file(track_id: str, entry: Entry) -> AudioFile:
    return AudioFile(track_id, entry.name, entry.bytes, entry.mtime_ns)


def _make_shard(task: ShardTask) -> ShardOutcome:
    """Runs in a worker; torch is loaded there and nowhere else."""
    from pipelines.features.audio_worker import make_shard  # noqa: PLC0415

    return make_shard(task)


def _extract(tasks: Sequence[ShardTask], log: Log) -> list[ShardOutcome]:
    noted = {task.number: outcome for task in tasks if (outcome := read_note(task))}
    to_do = [task for task in tasks if task.number not in noted]
    log(f"Spectrograms: {len(to_do)} of {len(tasks)} shards to make, {len(noted)} are there.")
    made = map_tasks(
        _make_shard, to_do, label="Decoding audio", unit="files", size=lambda task: len(task.files), log=log
    )
    done = noted | {task.number: outcome for task, outcome in made}
    return [done[task.number] for task in tasks]


def _stop_if_nothing_decodes(
    layout: music4all.Layout, tasks: Sequence[ShardTask], outcomes: Iterable[ShardOutcome]
) -> None:
    audit = [row for outcome in outcomes for row in outcome.audit]
    if not audit or any(row.audio_status != "unreadable" for row in audit):
        return
    for task in tasks:
        task.note.unlink(missing_ok=True)
    raise DatasetError(
        f"None of the {len(audit):,} audio files in {layout.audio} can be decoded, the first is {audit[0].audio_path}. "
        "Try it in a player; if it plays, the decoder is at fault: `python -c 'import soundfile as s; "
        "print(s.__libsndfile_version__, s.available_formats())'` must list MP3."
    )


def _remove_other_files(store: Store, tasks: Sequence[ShardTask]) -> None:
    """Remove shards that are no longer planned and what killed workers left half written."""
    wanted: set[Path] = {task.shard for task in tasks}
    for path in store.feature(FEATURE, music4all.DATASET).iterdir():
        if path not in wanted:
            path.unlink(missing_ok=True)


def _frames(
    store: Store, ids: Sequence[str], files: Mapping[str, Entry], outcomes: Sequence[ShardOutcome], others: list[Reject]
) -> tuple[dict[str, pl.DataFrame], str]:
    """Give the rows of every output, and the hash of what they were made from."""
    missing = [track_id for track_id in ids if track_id not in files]
    audit = [row for outcome in outcomes for row in outcome.audit]
    audit += [AuditRow(track_id, None, "missing") for track_id in missing]
    rejects = [reject for outcome in outcomes for reject in outcome.rejects] + others
    rejects += [
        Reject("audio_missing", track_id, f"{music4all.AUDIO_FOLDER}/{track_id}.mp3", None, "no such file")
        for track_id in missing
    ]
    shards, index = feature_frames(store, SPEC, music4all.DATASET, [(o.number, o.info, o.lengths) for o in outcomes])
    frames = {
        "core.audio_files": pl.DataFrame(audit, AUDIT_SCHEMA, orient="row").with_columns(
            pl.lit(music4all.DATASET).alias("dataset")
        ),
        "core.rejects": rejects_frame(music4all.DATASET, "audio", rejects),
        "feature.shards": shards,
        "feature.index": index,
    }
    checksums = [outcome.info.sha256 for outcome in outcomes]
    return frames, content_hash(VERSION, SPEC.hash, checksums, sorted(audit), sorted(map(str, rejects)))
