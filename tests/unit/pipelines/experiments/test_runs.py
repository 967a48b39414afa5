import pytest

from mgc_models.config.run import parse_run
from pipelines.experiments import TrainingData, load_plan, runs_for
from pipelines.experiments.schema import IMPLEMENTED

DATA = TrainingData("m4a", "music4all", "random5", "hash", "training_inputs/hash.parquet", {})


@pytest.mark.parametrize("profile", ["sample", "paper"])
def test_training_accepts_every_run_that_the_plan_makes(profile):
    plan = load_plan(profile)
    runs = [
        parse_run(run)
        for setting_id, setting in plan.settings.items()
        if setting.model in IMPLEMENTED
        for run in runs_for(plan, setting_id, DATA, {}, "sample")
    ]
    assert {run.settings.model.name for run in runs} == set(IMPLEMENTED)
    assert {run.profile for run in runs} == {profile}
