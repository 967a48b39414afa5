"""`run.planned`: the planned runs as a table, derived anew only when the experiments or the tables have changed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pyarrow.parquet as pq

from mgc_models.config.run import FinetuneRun, PretrainRun, Run, parse_run
from pipelines.config import DATASET_VARIABLES, Settings
from pipelines.corpora.config import corpus_names, load_corpora
from pipelines.experiments import IMPLEMENTED, Plan, Pretraining, Setting
from pipelines.experiments.runs import TRAINING_VERSION, canonical_json, identities
from pipelines.incremental import Step, content_hash
from pipelines.tables import typed_frame, unreadable
from pipelines.training.derive import derived_runs
from pipelines.training.planned import PlannedRuns, data_columns
from warehouse.checksum import damage
from warehouse.parsing import plain
from warehouse.store import FORMAT_VERSION, Store
from warehouse.tables import read_table, stored_inputs, table_files, table_hash, write_table

NAME = "run.planned"
VERSION = 2
STEP = Step("planned runs", VERSION)
REMEDY = "`dagster job execute -j data` makes them"
READ = (
    *(f"corpus.{name}" for name in corpus_names()),
    *("corpus.folds", "genre.frequency", "genre.correlation", "feature.shards", "core.tracks", "core.lyrics"),
)


class PlannedError(RuntimeError):
    """`run.planned` cannot be used; the message says why and which job makes it anew."""


def write_planned(store: Store, plan: Plan, settings: Settings) -> bool:
    """Write the training inputs and `run.planned`, unless they are current; returns whether anything was done."""
    if not out_of_date(store, plan, settings):
        return False
    rows = typed_frame(NAME, list(_rows(store, plan, derived_runs(store, plan, settings), settings)))
    write_table(store, NAME, rows, inputs=planned_inputs(store, plan, settings))
    return True


def read_planned(store: Store, plan: Plan, settings: Settings) -> PlannedRuns:
    """Read `run.planned`.

    Raises:
        PlannedError: if it is missing, or was not made of this plan, configuration and tables.
    """
    if reason := out_of_date(store, plan, settings):
        raise PlannedError(reason)
    runs: dict[str, list[FinetuneRun]] = {}
    pretrain: dict[str, list[PretrainRun]] = {}
    reasons: dict[str, str] = {}
    for row in read_table(store, NAME).to_pylist():
        if row["reason"]:
            reasons[row["setting_id"]] = row["reason"]
        else:
            run = parse_run(json.loads(row["run_json"]))
            run = replace(run, weights={name: known and settings.weights[name] for name, known in run.weights.items()})
            if isinstance(run, FinetuneRun):
                runs.setdefault(run.setting_id, []).append(run)
            else:
                pretrain.setdefault(run.setting_id, []).append(run)
    trained = [name for name in plan.settings if name not in reasons]
    return PlannedRuns({name: runs.get(name, []) for name in trained}, reasons, pretrain)


def out_of_date(store: Store, plan: Plan, settings: Settings) -> str:
    """Why `run.planned` cannot be used, and what to do; empty if it can."""
    stored, subject = stored_inputs(store, NAME), f"The planned runs of {store.root} ({NAME})"
    if stored is None:
        return f"{subject} are missing; {REMEDY}."
    made_from, wanted = stored.split(), planned_inputs(store, plan, settings).split()
    if made_from[:1] != wanted[:1]:
        return (
            f"{subject} are of another profile than {plan.profile}, and a store holds one profile; "
            f"in a store of its own (MGC_STORE), {REMEDY}."
        )
    if made_from != wanted:
        what = "corpora, genres or features" if made_from[1:2] == wanted[1:2] else "experiments, datasets or weights"
        return f"{subject} were made from other {what} than those of now; {REMEDY} anew."
    files = {place for places in read_table(store, NAME)["inputs"].to_pylist() for place in places}
    for path in sorted(store.root / place for place in files):
        if found := damage(path):
            state = f"is damaged: {found}" if path.is_file() else "is missing"
            return f"{path}, which planned runs ({NAME}) read, {state}; {REMEDY} anew."
    return ""


def planned_inputs(store: Store, plan: Plan, settings: Settings) -> str:
    """What `run.planned` is made from: the profile, a hash of experiments and configuration, and one of the tables."""
    asked: list[Setting | Pretraining] = [*plan.pretrainings.values(), *plan.settings.values()]
    sources = sorted({name for setting in plan.settings.values() for name in IMPLEMENTED[setting.model]})
    experiments = [
        [settings.data_kind, sorted(settings.datasets), TRAINING_VERSION, FORMAT_VERSION],
        identities({name: settings.weights.get(name) for name in sources}),
        [repr(one) for one in asked],
    ]
    tables = [[repr(corpus) for corpus in load_corpora()], [_table_hash(store, name) for name in READ]]
    # Only where there is one, so that the hash of every other store is that of before.
    tables += [left] if (left := [name for name in DATASET_VARIABLES if unreadable(store, name)]) else []
    return f"{plan.profile} {content_hash(experiments)} {STEP.inputs(tables)}"


def _table_hash(store: Store, name: str) -> str:
    stats = [(path.name, path.stat()) for path in table_files(store, name)]
    return _hash_of(store, name, tuple((file, stat.st_size, stat.st_mtime_ns) for file, stat in stats))


@lru_cache(maxsize=256)
def _hash_of(store: Store, name: str, _looks: tuple[tuple[str, int, int], ...]) -> str:
    """Hash of a table; lyrics are large, and every training step of a job asks whether they are those of before."""
    return table_hash(store, name)


def _rows(store: Store, plan: Plan, planned: PlannedRuns, settings: Settings) -> Iterator[dict[str, Any]]:
    """Rows of `run.planned`."""
    groups: list[Sequence[Run]] = [*planned.pretrain.values(), *planned.runs.values()]
    for runs in groups:
        for order, run in enumerate(runs):
            yield _run_row(store, order, run)
    for setting_id, reason in planned.reasons.items():
        setting = plan.settings[setting_id]
        named = {"setting_id": setting_id, "stage": setting.stage, "run_order": 0, "work": setting.work}
        made_for = {"profile": plan.profile, "data_kind": settings.data_kind}
        data = {name: getattr(setting.data, name) for name in ("corpus", "scheme")}
        yield {**named, **made_for, **data, "inputs": [], "reason": reason}


def _run_row(store: Store, order: int, run: Run) -> dict[str, Any]:
    inputs = [part.tracks for part in ((run.data,) if isinstance(run, FinetuneRun) else run.data.sources)]
    columns = data_columns(run)
    return {
        **{key: getattr(run, key) for key in ("setting_id", "stage", "run_id", "work", "profile", "data_kind")},
        **{key: columns[key] for key in ("corpus", "scheme", "fold")},
        "run_order": order,
        "seed": run.settings.seed,
        "inputs": inputs,
        "tracks": sum(pq.read_metadata(store.root / place).num_rows for place in inputs),
        "pretrained": run.pretrained,
        "run_json": canonical_json(plain(replace(run, weights=identities(run.weights)))),
    }
