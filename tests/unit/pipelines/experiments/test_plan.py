"""The plan: which settings and runs stand behind the printed rows, and what names a run."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mgc_models.config.run import FinetuneRun, Settings, parse_run
from mgc_models.predict.preference import works
from pipelines.config import PROFILES
from pipelines.config import Settings as Configured
from pipelines.experiments import Plan, Source, TrainingData, blocked, load_plan, pretrain_runs, row_status, runs_for
from pipelines.experiments.runs import run_id_of
from pipelines.plan import main
from warehouse.parsing import SpecError, parse, plain

DATA = TrainingData(
    "m4a", "music4all", "random5", "c0ffee", "training_inputs/c0ffee.parquet", dict.fromkeys(range(5), 20)
)
BASELINES = ["jiang2024_inception_v4", "jiang2024_bert", "jiang2024_alnet"]


def runs(**changes: Any) -> list[FinetuneRun]:
    values = {"profile": "sample", "setting_id": "jiang2024_alnet", "data": DATA, "weights": {}, "data_kind": "sample"}
    values |= changes
    plan = load_plan(values.pop("profile"))
    return runs_for(plan, **values)


def ids(**changes: Any) -> list[str]:
    return [run.run_id for run in runs(**changes)]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("setting_id", BASELINES)
def test_training_accepts_every_run_of_the_baselines(setting_id: str, profile: str) -> None:
    found = runs(profile=profile, setting_id=setting_id)
    assert [run.data.fold for run in found] == [0, 1, 2, 3, 4]
    for run in found:
        assert parse_run(json.loads(json.dumps(plain(run)))) == run


def test_rows_with_equal_settings_share_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MGC_STORE", str(tmp_path))
    assert main(["--work", "jiang2024"]) == 0
    listed = capsys.readouterr().out
    assert "Printed rows: 22 settings, 18 pretrainings, 110 fine-tunings" in listed
    (only_pretrained,) = (line.split() for line in listed.splitlines() if " masked_0_85 " in line)
    assert only_pretrained[3] == "0/1"
    plan = load_plan("paper")
    default = [row for row, setting_id in plan.setting_of.items() if setting_id == "jiang2024_mae"]
    found = [table for work, table, _ in default if work == "jiang2024"]
    assert found == [*(f"table_6_{number}" for number in range(1, 10)), "extra"]


def test_a_setting_names_its_base_once_and_what_differs() -> None:
    plan = load_plan("sample")
    for setting in plan.settings.values():
        base = setting.base.partition("_")[2]
        assert setting.setting_id.count(base) == 1, setting.setting_id
    assert plan.setting_of["jiang2024", "extra", "alnet_artist_disjoint"] == "jiang2024_alnet_artist_disjoint"


def test_only_what_can_change_a_result_changes_the_run_id(tmp_path: Path) -> None:
    before = ids()
    assert len(set(before)) == 5
    assert all(len(run_id) == 16 for run_id in before)
    moved = TrainingData(**{**vars(DATA), "tracks": "elsewhere/c0ffee.parquet"})
    assert ids(data=moved) == before
    assert ids(data_kind="real") == before
    assert ids(weights={"cavmae": "not/used/by/this/model"}) == before
    assert not set(ids(data=TrainingData(**{**vars(DATA), "corpus_hash": "decade"}))) & set(before)
    assert not set(ids(profile="paper")) & set(before)


def test_weights_count_by_content_wherever_they_lie(tmp_path: Path) -> None:
    for name, content in {"one": b"w", "two": b"w", "three": b"v"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(content)
    one, two, three = (ids(weights={"bert": str(tmp_path / name)}) for name in ("one", "two", "three"))
    assert one == two
    assert not set(one) & set(three)
    assert not set(one) & set(ids())
    assert ids(weights={"bert": "bert-base-uncased"}) not in (ids(), one)


# Of every kind one, so that each setting has another value that training accepts.
OTHERS = (
    True,
    False,
    7,
    0.25,
    [0.25, 0.25],
    [7],
    None,
    "another",
    "drop_samples",
    "map",
    "drop_labels",
    "bands",
    "fixed",
    "all",
)
OTHERS += (
    "centre",
    "cross_entropy",
    "both",
    "audio",
    "best",
    "sgd",
    "adamw",
    "mean",
    "joint",
    [7, 7, 7],
    [7, 7, 7, 7],
    ["audio"],
)


def test_every_single_setting_counts() -> None:
    settings = plain(load_plan("sample").settings["jiang2024_alnet"].settings)
    data = plain(runs()[0].data)
    seen = {run_id_of(parse(Settings, settings), data, {})}
    for section, values in settings.items():
        for key in values if isinstance(values, dict) else [None]:
            found = next(filter(None, (changed_id(settings, section, key, other, data) for other in OTHERS)), None)
            assert found not in seen, (section, key)
            assert found or (section, key) == ("model", "name")  # which tells one model from another
            seen |= {found} if found else set()


def changed_id(settings: dict[str, Any], section: str, key: str | None, value: Any, data: Any) -> str | None:
    """The run id with another value of one setting; None if it is the same value, or none that training accepts."""
    changed = copy.deepcopy(settings)
    place, name = (changed, section) if key is None else (changed[section], key)
    if place[name] == value:
        return None
    place[name] = value
    try:
        return run_id_of(parse(Settings, changed), data, {})
    except SpecError:
        return None


def test_the_status_of_a_row_names_the_first_thing_that_is_missing() -> None:
    plan = load_plan("sample")
    rows = {(table.table_id, row.row_id): (table, row) for table in plan.tables for row in table.rows}
    real = Configured(datasets={"music4all": Path("m4a")})

    def status(table: str, row: str, settings: Configured, finished: int = 0, reason: str = "") -> str:
        setting = plan.setting(*rows[table, row])
        name = setting.setting_id if setting else ""
        return row_status(plan, *rows[table, row], settings, {name: finished}, {name: reason})

    assert status("table_6_5", "m4a_msd", real) == "not run: MGC_MSD_DIR and MGC_GENIUS_CSV are not set"
    trains = "(`dagster job execute -j jiang2024{}`)"
    assert status("table_6_5", "m4a", real) == f"not run: 0 of 5 runs are finished {trains.format('')}"
    extra = f"not run: 0 of 5 runs are finished {trains.format('_extra')}"
    assert status("extra", "artist_disjoint", real) == extra
    assert status("extra", "ours", real) == status("table_6_5", "m4a", real)
    assert status("table_6_10", "masked_0_5", real) == f"not run: 0 of 1 runs are finished {trains.format('')}"
    assert status("table_1", "kim", Configured()).startswith("not run: the source quotes Kim et al.")
    assert (
        status("table_1", "proposed", Configured(datasets={"fma": Path("f")}))
        == "not run: MGC_FMA_LYRICS_DIR is not set"
    )
    assert (
        status("table_6_9", "bert", Configured(datasets={"fma": Path("f")})) == "not run: MGC_MUSIC4ALL_DIR is not set"
    )
    assert status("table_6_9", "bert", real, reason="corpus m4a is small") == "not run: corpus m4a is small"
    assert status("table_6_9", "bert", real, finished=4).startswith("not run: 4 of 5 runs are finished")
    assert status("table_6_9", "bert", real, finished=5) == "done"


def test_a_corpus_that_leaves_a_fold_empty_is_not_trained_on() -> None:
    setting = load_plan("sample").settings["jiang2024_bert"]
    assert blocked(setting, DATA) == ""
    assert "leave 4 of 5 folds empty" in blocked(setting, TrainingData(**{**vars(DATA), "fold_tracks": {0: 3}}))


def test_the_command_answers_mistakes_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MGC_STORE", str(tmp_path))
    assert main(["--work", "jiang2042"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setenv("MGC_MUSIC4ALL_DIR", str(tmp_path / "nowhere"))
    assert main([]) == 2
    assert "MGC_MUSIC4ALL_DIR" in capsys.readouterr().err


def test_json_lists_every_row_with_its_settings(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MGC_STORE", str(tmp_path))
    assert main(["--json", "--profile", "paper"]) == 0
    listed = json.loads(capsys.readouterr().out)
    plan = load_plan("paper")
    assert [row["row_id"] for row in listed["rows"]] == [row.row_id for table in plan.tables for row in table.rows]
    assert listed["settings"]["jiang2024_bert"]["settings"]["model"]["layers"] == 12


def pretrain_ids(plan: Plan, name: str, **changes: str) -> list[str]:
    source = {"corpus": "m4a", "dataset": "music4all", "tracks": "t.parquet", "corpus_hash": "c0ffee"} | changes
    return [run.run_id for run in pretrain_runs(plan, plan.pretrainings[name], [Source(**source)], {}, "sample")]


def test_a_fine_tuning_is_named_by_the_pretraining_that_it_starts_from() -> None:
    plan = load_plan("sample")
    assert plan.pretraining_of["jiang2024_mae_artist_disjoint"] == "jiang2024_mae"
    assert "jiang2024_mae_no_ssl" not in plan.pretraining_of
    (before,) = pretrain_ids(plan, "jiang2024_mae")
    assert pretrain_ids(plan, "jiang2024_mae", tracks="elsewhere.parquet") == [before]
    assert pretrain_ids(plan, "jiang2024_mae", corpus_hash="decade") != [before]
    tuned = runs(setting_id="jiang2024_mae", pretrained=[before])
    assert {run.pretrained for run in tuned} == {before}
    assert not {run.run_id for run in tuned} & set(ids(setting_id="jiang2024_mae", pretrained=["other"]))
    by_fold = pretrain_ids(plan, "jiang2024_mae_unseen_folds")
    assert len(set(by_fold)) == 5
    found = runs(setting_id="jiang2024_mae_unseen_folds", pretrained=by_fold)
    assert [(run.data.fold, run.pretrained) for run in found] == list(enumerate(by_fold))


@pytest.mark.parametrize("profile", PROFILES)
def test_training_accepts_every_pretraining(profile: str) -> None:
    plan = load_plan(profile)
    for pretraining in plan.pretrainings.values():
        sources = [Source(name, "d", "t.parquet", "c") for name in pretraining.corpora]
        for run in pretrain_runs(plan, pretraining, sources, {}, "sample"):
            assert parse_run(json.loads(json.dumps(plain(run)))) == run


def test_seeds_are_runs_on_one_split() -> None:
    found = runs(setting_id="ru2023_proposed")
    assert [run.settings.seed for run in found] == [0, 1, 2]
    assert {(run.data.fold, run.data.split) for run in found} == {(0, "train_validation_test")}
    assert len({run.run_id for run in found}) == 3


def test_rows_that_ask_for_random_weights_get_none() -> None:
    weights = {"weights": {"bert": "bert-base-uncased", "cavmae": "cav.pth"}}
    plain_rows, random = (runs(setting_id=f"jiang2024_mae_{name}", **weights) for name in ("no_ssl", "no_ssl_random"))
    assert plain_rows[0].weights == {"cavmae": "cav.pth", "cavmae_nonorm": None, "bert": "bert-base-uncased"}
    assert set(random[0].weights.values()) == {None}
    assert plain_rows[0].settings == random[0].settings
    assert plain_rows[0].run_id != random[0].run_id


def test_the_runs_that_predict_prefers_are_settings_of_the_plan() -> None:
    plan = load_plan("paper")
    assert {work.name for work in works()} == {table.work for table in plan.tables}
    for work in works():
        proposed = plan.settings[work.proposed]
        assert set(work.one_modality) == {
            name for name in (f"{work.proposed}_audio", f"{work.proposed}_lyrics") if name in plan.settings
        }
        for name in (work.proposed, *work.one_modality):
            assert (plan.settings[name].work, plan.settings[name].model) == (work.name, proposed.model)
