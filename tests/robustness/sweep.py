"""Runs job `data` on a round of mutated inputs, and holds what it leaves against what was declared."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import dagster as dg
import polars as pl

from pipelines.assets.resources import MgcResource
from pipelines.corpora import build as corpora
from pipelines.datasets.common import MOST_CHARACTERS_OF_A_REJECT, NOT_A_TRACK
from pipelines.definitions import build_defs
from tests.robustness.inputs import Mutation, Round
from tests.robustness.mutators import ANYTHING, GONE, KEPT
from warehouse.store import Store

PLACES = {
    "music4all_dir": "music4all",
    "msd_dir": "msd",
    "genius_csv": "genius/song_lyrics.csv",
    "fma_dir": "fma",
    "fma_lyrics_dir": "fma_lyrics",
}
GATE = "core__rejects_readable"
# What is read of the dataset itself, by its part; equal for every track that nobody touched.
READ = {"music4all": ("core.tracks", "core.lyrics", "core.audio_files"), "msd": ("core.tracks", "core.audio_files"),
        "genius": ("core.tracks",), "fma": ("core.tracks", "core.lyrics", "core.audio_files")}  # fmt: skip
TABLES_OF_TRACKS = {"music4all": "id_information.csv", "genius": "song_lyrics.csv", "fma": "fma_metadata/tracks.csv"}
LEAST_CHARACTERS_OF_LYRICS = 24  # of a line that cannot stand anywhere by chance


@dataclass(frozen=True)
class Outcome:
    """What a run left.

    Attributes:
        store: Its tables.
        failures: Description of the failure of each failed step.
        said: Everything that it logged.
    """

    store: Store
    failures: dict[str, str]
    said: str


class _Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage() + str(record.exc_info or ""))


def run_data(root: Path, folder: Path) -> Outcome:
    """Run what of job `data` reads and selects, in this process."""
    settings = {name: str(root / path) for name, path in PLACES.items()}
    defs = build_defs(MgcResource(**settings, profile="smoke", store=str(folder)))
    wanted = dg.AssetSelection.groups("raw", "tracks", "corpora").required_multi_asset_neighbors()
    wanted |= dg.AssetSelection.assets(["feature", "extraction"])
    keys = list(wanted.resolve(list(defs.assets or [])))
    job, heard = defs.resolve_job_def("data"), _Heard()
    logging.getLogger().addHandler(heard)
    try:
        with mock.patch("pipelines.parallel.available_cores", return_value=1):
            done = job.execute_in_process(asset_selection=keys, raise_on_error=False)
    finally:
        logging.getLogger().removeHandler(heard)
    said = [*heard.lines, *(f"{event.message} {event.event_specific_data}" for event in done.all_events)]
    failures = {event.step_key or "": _description(event) for event in done.all_events if event.is_step_failure}
    assert done.success == (not failures)
    return Outcome(Store(folder), failures, "\n".join(said))


def _description(event: dg.DagsterEvent) -> str:
    about = event.step_failure_data
    told = about.user_failure_data.description if about.user_failure_data else None
    return told or about.error_display_string


def problems(one: Round, outcome: Outcome, base: Store) -> list[str]:
    """What is not as declared; none where nothing was lost, and nothing said that should not be.

    Args:
        one: The round.
        outcome: What the run on it left.
        base: The store of a run on the sample corpus as it is.
    """
    unreadable = one.whole[0] if one.whole else ""
    datasets = [name for name in READ if name != unreadable]
    return [
        *_status(one, outcome),
        *corpora.accounting_violations(outcome.store),
        *(found for dataset in datasets for found in _books(outcome.store, dataset)),
        *(found for dataset in datasets for found in _untouched(one, outcome.store, base, dataset)),
        *(found for mutation in one.mutations for found in _declared(one, mutation, outcome.store)),
        *_bounded(outcome.store),
        *_lyrics(outcome, base),
    ]


def _status(one: Round, outcome: Outcome) -> Iterator[str]:
    """The job fails where a dataset cannot be read, at its end and with one message; else not."""
    if one.whole is None:
        yield from (f"step {step} failed: {told}" for step, told in outcome.failures.items())
        return
    dataset, whole = one.whole
    if list(outcome.failures) != [GATE]:
        yield f"{dataset}, {whole.name}: failed steps are {outcome.failures}, expected {GATE} alone"
    elif whole.told not in (told := outcome.failures[GATE]) or "Traceback" in told:
        yield f"{dataset}, {whole.name}: expected {whole.told!r} in the message, found {told!r}"


def _books(store: Store, dataset: str) -> Iterator[str]:
    """Every row of the file of tracks is a track or a row of core.rejects."""
    name = TABLES_OF_TRACKS.get(dataset)
    raw, rejects = _part(store, "core.raw_files", dataset), _part(store, "core.rejects", f"{dataset}-read")
    files = raw if dataset == "msd" else raw.filter(pl.col("source_file") == name)
    files = files.filter(pl.col("source_file") != "sid_mismatches.txt")
    lost = rejects.filter(
        pl.col("reason").is_in(NOT_A_TRACK), pl.col("source_file").is_in(files["source_file"].to_list())
    )
    tracks = _part(store, "core.tracks", dataset).height
    if files["rows"].sum() != tracks + lost.height:
        yield f"{dataset}: {files['rows'].sum()} rows, {tracks} tracks and {lost.height} rejects"


def _untouched(one: Round, store: Store, base: Store, dataset: str) -> Iterator[str]:
    """What is read of every track that no mutation names is what is read of the sample corpus as it is."""
    mutations = [mutation for mutation in one.mutations if mutation.dataset.startswith(dataset)]
    touched = {key for mutation in mutations for key in mutation.keys}
    tables = READ[dataset]
    if one.whole and one.whole[0] == "fma_lyrics":
        tables = tuple(table for table in tables if table != "core.lyrics" or dataset != "fma")
    columns = ("track_id", "artist", "title") if dataset == "msd" and one.by_text else None
    for table in tables:
        was, now = (
            _part(place, table, dataset, columns if table == "core.tracks" else None)
            .filter(~pl.col("track_id").is_in(sorted(touched)))
            .sort("track_id")
            for place in (base, store)
        )
        kept = now.filter(pl.col("track_id").is_in(was["track_id"].to_list()))
        if not kept.equals(was):
            other = sorted(set(was["track_id"]) - set(now["track_id"])) or "other values"
            yield f"{dataset}: {table} of tracks that no mutation names has changed: {other}"


def _declared(one: Round, mutation: Mutation, store: Store) -> Iterator[str]:
    """The reject that a mutation declares, and whether the track is kept."""
    if one.whole and mutation.dataset.startswith(one.whole[0]):
        return
    dataset = "fma" if mutation.dataset == "fma_lyrics" else mutation.dataset
    rejects = pl.concat([pl.read_parquet(path) for path in store.table("core.rejects").glob(f"{dataset}-*.parquet")])
    is_file = pl.col("source_file").str.ends_with(mutation.file.rpartition("/")[2])
    named = pl.col("track_id").is_in(list(mutation.keys)) | (is_file & pl.col("source_row").is_in(list(mutation.lines)))
    named |= is_file & pl.col("track_id").is_null() & pl.lit("" in mutation.keys)
    if not mutation.keys and not mutation.lines:
        named = is_file
    found = set(rejects.filter(named)["reason"])
    if mutation.reasons and mutation.reasons != ANYTHING and not found & set(mutation.reasons):
        yield f"{mutation}: expected one of {mutation.reasons} on record, found {sorted(found) or 'nothing'}"
    if not mutation.lines and "/" in mutation.file:
        return
    tracks = set(_part(store, "core.tracks", dataset)["track_id"])
    if mutation.track == GONE and mutation.keys and tracks >= set(mutation.keys):
        yield f"{mutation}: its track is still there"
    if mutation.track == KEPT and mutation.keys and not tracks & set(mutation.keys):
        yield f"{mutation}: its track is gone"


def _bounded(store: Store) -> Iterator[str]:
    rejects = pl.concat([pl.read_parquet(path) for path in store.table("core.rejects").glob("*.parquet")])
    for name in ("track_id", "source_file", "detail"):
        longest = rejects[name].str.len_chars().max()
        if isinstance(longest, int) and longest > MOST_CHARACTERS_OF_A_REJECT + 1:
            yield f"core.rejects.{name} holds a text of {longest} characters"


def _lyrics(outcome: Outcome, base: Store) -> Iterator[str]:
    """No line of lyrics stands in core.rejects or in what was logged."""
    texts = [
        text
        for dataset in ("music4all", "fma", "genius")
        for text in _part(base, "core.lyrics", dataset)["lyrics"]
        if text
    ]
    lines = {line for text in texts for line in text.split("\n") if len(line) >= LEAST_CHARACTERS_OF_LYRICS}
    rejects = pl.concat([pl.read_parquet(path) for path in outcome.store.table("core.rejects").glob("*.parquet")])
    told = "\n".join([*rejects["detail"].drop_nulls(), *rejects["track_id"].drop_nulls()])
    if found := [line for line in lines if line in told]:
        yield f"core.rejects quotes lyrics: {found[:3]}"
    if found := [line for line in lines if line in outcome.said]:
        yield f"the log quotes lyrics: {found[:3]}"


def _part(store: Store, table: str, part: str, columns: tuple[str, ...] | None = None) -> pl.DataFrame:
    return pl.read_parquet(store.table(table) / f"{part}.parquet", columns=list(columns) if columns else None)
