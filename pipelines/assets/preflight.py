"""Group raw, first asset: nothing else starts before the configuration is known to be usable."""

import time

import dagster as dg

from pipelines.assets.history import code_tags
from pipelines.assets.reconcile import reconcile
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import OWNERS
from pipelines.config import DATASET_VARIABLES, Settings
from pipelines.damage import damaged_runs, made_again
from pipelines.weights import missing_weights
from warehouse.locks import local_locks
from warehouse.store import Store, remove_abandoned

CONFIGURATION = dg.AssetKey(["raw", "configuration"])
MOST_NAMED = 5  # files in the warnings of one kind


def describe(settings: Settings) -> dict[str, str]:
    """Say in words what is used for each dataset and each pretrained source."""
    stand_in = "sample corpus" if settings.data_kind == "sample" else "not run: {} is not set"
    datasets = {
        name: "configured" if name in settings.datasets else stand_in.format(variable)
        for name, variable in DATASET_VARIABLES.items()
    }
    return datasets | {f"weights {name}": "configured" for name in settings.weights}


def _tell_damage(context: dg.AssetExecutionContext, store: Store) -> None:
    """Warn of what is not as it was written: of what is made again, and of what the user must mend."""
    again = [f"{path} is damaged; the step that writes it makes it again." for path in made_again(store)]
    for messages in (again, list(damaged_runs(store))):
        for message in messages[:MOST_NAMED]:
            context.log.warning("%s", message)
        if len(messages) > MOST_NAMED:
            context.log.warning("So are %d files more.", len(messages) - MOST_NAMED)


@dg.asset(
    key=CONFIGURATION,
    group_name="raw",
    owners=OWNERS,
    description="The settings, checked before any work: paths exist, the store holds this kind of data and no other. "
    "Also ends earlier Dagster runs whose process is gone, so that they hold no training slot, and tells which files "
    "of the store are damaged.",
)
def configuration(context: dg.AssetExecutionContext, mgc: MgcResource) -> dg.MaterializeResult:
    """Check the settings and the store; tidy up after killed runs."""
    settings = mgc.settings()
    store = mgc.open_store()
    if abandoned := remove_abandoned(store, time.time()):
        context.log.info("Removed %d temporary files that killed processes left", len(abandoned))
    found = reconcile(context.instance, context.run_id)
    for run_id in found.ended:
        context.log.warning("Run %s was killed earlier; its training slot is free again.", run_id)
    for run_id, host in found.elsewhere.items():
        context.log.warning(
            "Run %s of %s is not finished, and only there can be seen whether it goes on. If not, end it in the "
            "web UI (Terminate, force), so that it holds no training slot.",
            run_id,
            host,
        )
    if limits := local_locks(settings.store):
        context.log.warning("%s", limits)
    _tell_damage(context, store)
    if edited := mgc.differences(MgcResource.from_environment()):
        context.log.info("Other than in the environment of the code location: %s", ", ".join(edited))
    if settings.data_kind == "sample":
        context.log.info("No dataset variable is set: everything runs on the planted sample corpus.")
    lacking = missing_weights(settings)
    for sentence in lacking:
        context.log.warning("%s", sentence)
    return dg.MaterializeResult(
        metadata={
            "data_kind": settings.data_kind,
            "profile": settings.profile,
            "store": dg.MetadataValue.path(settings.store),
            **code_tags(),
            **describe(settings),
            "missing weights": lacking,
        }
    )
