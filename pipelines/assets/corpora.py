"""Group corpora: selections of tracks with every step that led to them, and their splits."""

from collections.abc import Iterator

import dagster as dg

from pipelines.assets.common import table_assets, table_key, table_result
from pipelines.assets.stages import run_pass
from pipelines.resources import MgcResource
from pipelines.stages import corpora
from pipelines.stages.common import read_frame
from warehouse.store import Store

DEPS = [
    table_key(name)
    for name in ("core.raw_files", "core.tracks", "core.lyrics", "core.languages", "core.audio_files", "core.rejects")
]


ACCOUNTING = dg.AssetCheckSpec(
    "accounting",
    asset=table_key("corpus.steps"),
    blocking=True,
    description="Every raw row is in the corpus, in corpus.exclusions or in core.rejects, and in one of them only.",
)


@table_assets(
    list(corpora.OUTPUTS), group="corpora", deps=DEPS, kinds={"polars"}, name="corpus_m4a", checks=[ACCOUNTING]
)
def corpus_tables(
    context: dg.AssetExecutionContext, mgc: MgcResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Select corpus m4a under both label policies, account for every track, and split it."""
    store, skipped, metadata = run_pass(
        context, mgc, corpora.OUTPUTS, lambda store, settings: corpora.build_corpora(store, settings.data_kind)
    )
    previews = {"corpus.steps": {"steps": dg.MetadataValue.md(steps_preview(store))}}
    for name in corpora.OUTPUTS:
        yield table_result(store, name, metadata=metadata | previews.get(name, {}), skipped=skipped)
    yield accounting_check(store)


def accounting_check(store: Store) -> dg.AssetCheckResult:
    """Hold the steps against the exclusions and the rejects."""
    violations = corpora.accounting_violations(store)
    return dg.AssetCheckResult(
        check_name=ACCOUNTING.name,
        asset_key=ACCOUNTING.asset_key,
        passed=not violations,
        metadata={"violations": dg.MetadataValue.json(violations)},
    )


def steps_preview(store: Store) -> str:
    """Give corpus.steps as a Markdown table."""
    steps = read_frame(store, "corpus.steps").sort("corpus", "step_order")
    lines = [
        f"| {row['corpus']} | {row['step']} | {row['rows_in']:,} | {row['rows_out']:,} |"
        for row in steps.iter_rows(named=True)
    ]
    return "\n".join(["| corpus | step | in | out |", "|---|---|---:|---:|", *lines])
