"""What a configuration without published weights is told, before anything runs and in the report."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mgc_models.config.run import Source
from pipelines.assets.preflight import configuration
from pipelines.assets.resources import MgcResource
from pipelines.config import WEIGHT_VARIABLES, Settings
from pipelines.experiments import load_plan, pretrain_runs
from pipelines.report.build import READ, page
from pipelines.weights import missing_weights


def told(store: Path, **values: str) -> tuple[list[str], Any]:
    """Warnings of the first asset of a job, and its record."""
    with dg.DagsterInstance.ephemeral() as instance:
        resource = MgcResource(store=str(store), **values)
        result = dg.materialize([configuration], resources={"mgc": resource}, instance=instance)
        logged = [record.user_message for record in instance.all_logs(result.run_id) if record.level == 30]
    (event,) = result.asset_materializations_for_node("raw__configuration")
    return [message for message in logged if "is not set" in message], event.metadata["missing weights"].value


def test_the_paper_profile_tells_every_missing_weight_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "cav-mae.pth").touch()
    lines, recorded = told(tmp_path / "store", profile="paper", cavmae=str(tmp_path / "cav-mae.pth"))
    assert [line.split()[0] for line in lines] == [name for name in WEIGHT_VARIABLES.values() if name != "MGC_CAVMAE"]
    assert recorded == lines
    for line in lines:
        assert ": " in line
        assert "Expected: " in line
        assert ", from " in line


def test_tiny_models_lack_no_published_weights(tmp_path: Path) -> None:
    assert told(tmp_path / "store", profile="sample") == ([], [])


def test_the_report_says_it_again() -> None:
    lacking = missing_weights(Settings(profile="paper", weights={"bert": "google-bert/bert-base-uncased"}))
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in READ}
    notice = page(load_plan("paper"), "real", tables, [], lacking)
    assert "MGC_CAVMAE is not set" in notice
    assert "MGC_BERT is not set" not in notice
    assert "Without published weights" not in page(load_plan("paper"), "real", tables, [])


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"cavmae": "a.pth", "cavmae_nonorm": "b.pth"}, (("a.pth", None), (None, "b.pth"))),
        ({"cavmae": "a.pth"}, (("a.pth", None), ("a.pth", None))),
        ({"cavmae_nonorm": "b.pth"}, ((None, None), (None, "b.pth"))),
    ],
    ids=["both", "standardised", "plain"],
)
def test_inpainting_starts_from_the_checkpoint_without_standardised_patches(
    weights: dict[str, str], expected: tuple[tuple[str | None, str | None], ...]
) -> None:
    plan = load_plan("paper")
    (inpainting,) = {plan.setting_of["jiang2024", "table_6_10", row] for row in ("masked_0_5", "masked_0_85")}
    sources = [Source("m4a", "music4all", "inputs.parquet", "c0ffee")]
    for name, (plain, nonorm) in zip(("jiang2024_mae", str(inpainting)), expected, strict=True):
        pretraining = plan.pretraining(plan.settings[name])
        assert pretraining is not None
        (run,) = pretrain_runs(plan, pretraining, sources, weights, "real")
        assert (run.weights["cavmae"], run.weights["cavmae_nonorm"]) == (plain, nonorm)
