import pytest

from pipelines.experiments import TrainingData, load_plan, runs_for
from pipelines.experiments.plan import IMPLEMENTED

DATA = TrainingData("m4a", "music4all", "random5", "hash", "training_inputs/hash.parquet", {})


@pytest.mark.parametrize("profile", ["sample", "paper"])
def test_the_plan_has_runs_of_every_model(profile):
    plan = load_plan(profile)
    runs = [run for setting_id in plan.settings for run in runs_for(plan, setting_id, DATA, {}, "sample")]
    assert {run.settings.model.name for run in runs} == set(IMPLEMENTED)
    assert {run.profile for run in runs} == {profile}
