"""Group raw, first asset: nothing else starts before the configuration is known to be usable."""

import dagster as dg

from pipelines.assets.history import code_tags
from pipelines.assets.reconcile import reconcile
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import OWNERS
from pipelines.config import DATASET_VARIABLES, Settings
from warehouse.mounts import local_locks

CONFIGURATION = dg.AssetKey(["raw", "configuration"])


def describe(settings: Settings) -> dict[str, str]:
    """What is used for each dataset and each pretrained source, in words."""
    stand_in = "sample corpus" if settings.data_kind == "sample" else "not run: {} is not set"
    datasets = {
        name: "configured" if name in settings.datasets else stand_in.format(variable)
        for name, variable in DATASET_VARIABLES.items()
    }
    return datasets | {f"weights {name}": "configured" for name in settings.weights}


@dg.asset(
    key=CONFIGURATION,
    group_name="raw",
    owners=OWNERS,
    description="The settings, checked before any work: paths exist, the store holds this kind of data and no other. "
    "Also ends earlier Dagster runs whose process is gone, so that they hold no training slot.",
)
def configuration(context: dg.AssetExecutionContext, mgc: MgcResource) -> dg.MaterializeResult:
    """Check the settings and the store; tidy up after killed runs."""
    settings = mgc.settings()
    mgc.open_store()
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
    if edited := mgc.differences(MgcResource.from_environment()):
        context.log.info("Other than in the environment of the code location: %s", ", ".join(edited))
    if settings.data_kind == "sample":
        context.log.info("No dataset variable is set: everything runs on the planted sample corpus.")
    return dg.MaterializeResult(
        metadata={
            "data_kind": settings.data_kind,
            "profile": settings.profile,
            "store": dg.MetadataValue.path(settings.store),
            **code_tags(),
            **describe(settings),
        }
    )
