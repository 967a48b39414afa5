"""`run.planned`: what it holds, when it is made anew, and what its readers say where it cannot be used."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from mgc_models.data.tracks import read_tracks
from mgc_models.errors import DataError
from pipelines.assets import training
from pipelines.assets.resources import MgcResource
from pipelines.config import Settings
from pipelines.experiments import Plan, load_plan
from pipelines.plan import main
from pipelines.training.derive import derived_runs
from pipelines.training.planned_table import NAME, PlannedError, read_planned, write_planned
from warehouse.store import Store
from warehouse.tables import check_table, read_table, write_table

FEATURES = ("fbank_16k", "logmel_22k", "lyric_tokens")
IDS = [f"t{number:02d}" for number in range(20)]
BERT, MAE = "jiang2024_bert", "jiang2024_mae"
EMPTY_FOLD = "which leave 1 of 5 folds empty"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan("sample")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "music4all").mkdir()
    return Settings({"music4all": tmp_path / "music4all"}, store=tmp_path / "store")


@pytest.fixture
def store(settings: Settings) -> Store:
    """A store with a corpus of 20 tracks, its folds and its features."""
    store = Store(settings.store)
    write_corpus(store, ["rock"])
    write_folds(store, artist_folds=5)
    genre = {"corpus": "m4a", "scope": "english", "genre": "rock", "rank": 1, "tracks": 20, "in_scope": True}
    write_table(store, "genre.frequency", frame(genre, "rank"), part="m4a")
    for feature in FEATURES:
        names = {"feature": feature, "dataset": "music4all", "shard": 0, "path": f"features/{feature}"}
        sizes = {"rows": 20, "bytes": 1, "sha256": "5ad", "spec_hash": "5bec"}
        write_table(store, "feature.shards", frame(names | sizes, "shard"), part=feature)
    return store


def frame(row: dict[str, Any], *small: str) -> pl.DataFrame:
    return pl.DataFrame([row]).with_columns(pl.col(name).cast(pl.Int32) for name in small)


def write_corpus(store: Store, genres: list[str]) -> None:
    rows = {"dataset": "music4all", "track_id": IDS, "genres": [genres] * 20, "genres_outside": [["odd"]] * 20}
    write_table(store, "corpus.m4a", pl.DataFrame(rows | {"kept_by_drop_samples": [True] * 20}))


def write_folds(store: Store, artist_folds: int) -> None:
    parts = {"random5": 5, "split_70_10_20": 3, "artist_disjoint5": artist_folds}
    rows = [("m4a", scheme, name, at % n) for scheme, n in parts.items() for at, name in enumerate(IDS)]
    schema = {"corpus": pl.String, "scheme": pl.String, "track_id": pl.String, "fold": pl.Int32}
    write_table(store, "corpus.folds", pl.DataFrame(rows, schema=schema, orient="row"), part="m4a")


def files_of(store: Store) -> dict[str, str]:
    paths = [path for path in sorted(store.root.rglob("*")) if path.is_file()]
    return {f"{path} {path.stat().st_mtime_ns}": hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_readers_get_the_runs_that_the_tables_come_to(store: Store, plan: Plan, settings: Settings) -> None:
    write_folds(store, artist_folds=4)
    assert write_planned(store, plan, settings)
    assert check_table(store, NAME) == []
    planned = read_planned(store, plan, settings)
    assert planned == derived_runs(store, plan, settings)
    assert len(planned.runs[BERT]) == 5
    shown_by_pretraining = [name for name, setting in plan.settings.items() if not setting.repetitions]
    assert shown_by_pretraining
    assert all(planned.runs[name] == [] and planned.behind(plan)[name] for name in shown_by_pretraining)
    assert planned.reasons["nandy2021_han_cnn"] == "MGC_FMA_DIR and MGC_FMA_LYRICS_DIR are not set"
    assert planned.reasons["jiang2024_mae_artist_disjoint"].endswith(EMPTY_FOLD)
    rows = pl.DataFrame(read_table(store, NAME))
    first = planned.runs[MAE][0]
    row = rows.row(
        by_predicate=(pl.col("setting_id") == MAE) & (pl.col("stage") == "finetune") & (pl.col("fold") == 0), named=True
    )
    assert (row["run_id"], row["pretrained"], row["tracks"]) == (first.run_id, first.pretrained, 20)
    assert row["pretrained"] in rows.filter(stage="pretrain")["run_id"].to_list()
    assert row["inputs"] == [first.data.tracks]
    assert all((store.root / place).is_file() for places in rows["inputs"] for place in places)


def flip(path: Path, place: float = 0.1, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)


@pytest.mark.parametrize("place", [0.0, 0.02, 0.2, 0.5, 0.9, 0.999])
def test_flipped_inputs_are_read_by_no_run_and_made_again(
    place: float, store: Store, plan: Plan, settings: Settings
) -> None:
    write_planned(store, plan, settings)
    path = min((store.root / "training_inputs").iterdir())
    sound = path.read_bytes()
    flip(path, place, bit=3)
    with pytest.raises(DataError, match=f"{path} is damaged.*dagster job execute -j data"):
        read_tracks(path)
    assert write_planned(store, plan, settings)
    assert path.read_bytes() == sound


def test_nothing_is_done_a_second_time(store: Store, plan: Plan, settings: Settings) -> None:
    write_planned(store, plan, settings)
    before = files_of(store)
    assert not write_planned(store, plan, settings)
    assert files_of(store) == before


def test_weights_count_by_content_and_are_read_where_they_lie(
    store: Store, plan: Plan, settings: Settings, tmp_path: Path
) -> None:
    def configured(name: str, content: bytes) -> Settings:
        (tmp_path / name).write_bytes(content)
        return replace(settings, weights={"inception_v4": str(tmp_path / name)})

    write_planned(store, plan, configured("here", b"weights"))
    elsewhere = configured("elsewhere", b"weights")
    assert not write_planned(store, plan, elsewhere)
    run = read_planned(store, plan, elsewhere).runs["jiang2024_inception_v4"][0]
    assert run.weights == {"inception_v4": str(tmp_path / "elsewhere")}
    with pytest.raises(PlannedError, match="other experiments, datasets or weights"):
        read_planned(store, plan, configured("elsewhere", b"other weights"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda store: write_corpus(store, ["rock", "rock"]), "from other corpora, genres or features"),
        (lambda store: next((store.root / "training_inputs").iterdir()).unlink(), "training_inputs/.* is missing"),
        (lambda store: flip(next((store.root / "training_inputs").iterdir())), "training_inputs/.* is damaged"),
        (lambda store: (store.table(NAME) / "all.parquet").unlink(), "run.planned. are missing"),
    ],
    ids=["another corpus", "a lost file", "a flipped byte", "no table"],
)
def test_what_is_out_of_date_is_refused_with_the_job_that_makes_it_anew(
    change: Any, says: str, store: Store, plan: Plan, settings: Settings
) -> None:
    write_planned(store, plan, settings)
    change(store)
    with pytest.raises(PlannedError, match=f"{says}.*`dagster job execute -j data` makes them"):
        read_planned(store, plan, settings)
    assert write_planned(store, plan, settings)
    assert read_planned(store, plan, settings) == derived_runs(store, plan, settings)


def test_other_experiments_are_planned_anew(store: Store, plan: Plan, settings: Settings) -> None:
    write_planned(store, plan, settings)
    setting = replace(plan.settings[BERT], settings=replace(plan.settings[BERT].settings, seed=7))
    changed = replace(plan, settings={**plan.settings, BERT: setting})
    with pytest.raises(PlannedError, match="other experiments"):
        read_planned(store, changed, settings)
    assert write_planned(store, changed, settings)
    assert {run.settings.seed for run in read_planned(store, changed, settings).runs[BERT]} == {7}
    with pytest.raises(PlannedError, match="another profile than smoke"):
        read_planned(store, load_plan("smoke"), settings)


def test_the_listing_of_the_plan_reads_and_writes_nothing(
    store: Store,
    plan: Plan,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MGC_STORE", str(store.root))
    monkeypatch.setenv("MGC_MUSIC4ALL_DIR", str(settings.datasets["music4all"]))

    def listed(*arguments: str) -> tuple[str, str]:
        before = files_of(store)
        assert main(["--work", "jiang2024", *arguments]) == 0
        assert files_of(store) == before
        shown = capsys.readouterr()
        return next(line for line in shown.out.splitlines() if f"{BERT} " in line).split()[3], shown.err

    count, note = listed()
    assert count == "0/5"
    assert "`dagster job execute -j data` makes them" in note
    write_planned(store, plan, settings)
    for run in read_planned(store, plan, settings).runs[BERT][:2]:
        store.run(run.run_id).mkdir(parents=True)
        (store.run(run.run_id) / "result.json").write_text("{}")
    assert listed() == ("2/5", "")
    count, note = listed("--profile", "paper")
    assert count == "0/5"
    assert "another profile than paper" in note


def test_a_training_asset_alone_trains_what_is_planned_or_says_which_job_plans_it(
    store: Store, plan: Plan, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[str] = []
    monkeypatch.setattr(training, "launch", lambda *given: launched.extend(run.run_id for run in given[4]) or 0)
    monkeypatch.setattr(training, "scores_table", lambda *_: "")
    asset = training.finetune_asset(plan, plan.settings[MAE])
    resource = MgcResource(store=str(store.root), music4all_dir=str(settings.datasets["music4all"]))
    resources = {"mgc": resource, "pipes": dg.PipesSubprocessClient()}

    refused = dg.materialize([asset], resources=resources, raise_on_error=False)
    assert not refused.success
    (failed,) = [event for event in refused.all_events if event.is_step_failure]
    assert "run.planned) are missing; `dagster job execute -j data`" in str(failed.step_failure_data.user_failure_data)
    assert launched == []

    assert dg.materialize([training.inputs_asset()], resources=resources).success
    assert dg.materialize([asset], resources=resources).success
    planned = derived_runs(store, plan, settings)
    name = plan.pretraining_of[MAE]
    assert launched == [run.run_id for run in [*planned.pretrain[name], *planned.runs[MAE]]]
