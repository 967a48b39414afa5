"""Languages of the lyrics into core.languages and corpus.language_agreement, on all cores."""

import polars as pl

from pipelines.currency import Step, is_current, part_hash
from pipelines.datasets import music4all
from pipelines.parallel import Log, map_tasks
from pipelines.stages.common import read_frame, write_parts
from pipelines.transforms.language import SEED, Detected, agreement, detect_languages
from warehouse.store import Store

VERSION = 1
STEP = Step("languages", VERSION, settings={"seed": SEED}, libraries=("langdetect",))
OUTPUTS = {"core.languages": music4all.DATASET, "corpus.language_agreement": music4all.DATASET}
TEXTS_PER_TASK = 250
SCHEMA = {"track_id": pl.String, "language_detected": pl.String, "language_probability": pl.Float64}


def build_languages(store: Store, log: Log) -> bool:
    """Detect the languages if tracks or lyrics changed; returns whether anything was done."""
    upstream = [part_hash(store, table, music4all.DATASET) for table in ("core.tracks", "core.lyrics")]
    inputs = STEP.inputs(upstream)
    if is_current(store, OUTPUTS, inputs):
        return False
    lyrics = read_frame(store, "core.lyrics", music4all.DATASET).filter(pl.col("lyrics_status") == "ok")
    found = pl.DataFrame(_detect(list(lyrics.select("track_id", "lyrics").iter_rows()), log), SCHEMA, orient="row")
    tracks = read_frame(store, "core.tracks", music4all.DATASET).select("dataset", "track_id", "language_label")
    languages = tracks.join(found, on="track_id", how="left")
    frames = {"core.languages": languages, "corpus.language_agreement": agreement(languages)}
    return write_parts(store, OUTPUTS, frames, inputs)


def _detect(texts: list[tuple[str, str]], log: Log) -> list[Detected]:
    tasks = [texts[start : start + TEXTS_PER_TASK] for start in range(0, len(texts), TEXTS_PER_TASK)]
    results = map_tasks(detect_languages, tasks, label="Detecting languages", size=len, log=log)
    return [row for _, rows in results for row in rows]
