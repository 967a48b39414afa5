"""Group corpora: selections of tracks with every step that led to them, their splits, and what these leak."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from pipelines.assets.passes import clear_failures
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import table_assets, table_key, table_result
from pipelines.corpora import build as corpora_build
from pipelines.tables import read_frame
from warehouse.render import as_markdown
from warehouse.store import Store

DEPS = [
    table_key(name)
    for name in (
        "core.raw_files",
        "core.tracks",
        "core.lyrics",
        "core.languages",
        "core.audio_files",
        "core.rejects",
        "core.fma_tracks",
        "core.msd_tracks",
        "core.genius_songs",
        "corpus.matches",
    )
]
PREVIEWS = {
    "corpus.steps": (["corpus", "step_order"], ["corpus", "step", "rows_in", "rows_out"]),
    "corpus.sizes": (
        ["corpus", "scope_rule"],
        ["corpus", "scope_rule", "genres_in_scope", "tracks", "tracks_printed", "difference"],
    ),
    "corpus.leakage": (
        ["corpus", "scheme", "split_fold", "side_a", "side_b"],
        [
            "corpus",
            "scheme",
            "split_fold",
            "side_a",
            "side_b",
            "artists_shared",
            "songs_shared",
            "audio_shared",
            "share_affected",
        ],
    ),
}

ACCOUNTING = dg.AssetCheckSpec(
    "accounting",
    asset=table_key("corpus.steps"),
    blocking=True,
    description="Every raw row is in the corpus, in corpus.exclusions or in core.rejects, and in one of them only.",
)


@table_assets(corpora_build.tables(), group="corpora", deps=DEPS, kinds={"polars"}, name="corpora", checks=[ACCOUNTING])
def corpus_tables(
    context: dg.AssetExecutionContext, mgc: MgcResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Select every corpus under each of its scope rules, account for every track, split it, compare the sides."""
    store = mgc.open_store()
    with clear_failures():
        statuses, changed = corpora_build.build_corpora(store, mgc.settings())
    for name, status in statuses.items():
        context.log.info("Corpus %s: %s", name, status)
    for table in corpora_build.tables():
        name = table.partition(".")[2]
        metadata: dict[str, Any] = {"status": statuses.get(name, statuses)}
        if table in PREVIEWS:
            metadata["preview"] = dg.MetadataValue.md(preview(store, table))
        yield table_result(store, table, metadata=metadata, skipped=not changed)
    yield accounting_check(store)


def accounting_check(store: Store) -> dg.AssetCheckResult:
    """Hold the steps against the exclusions and the rejects."""
    violations = corpora_build.accounting_violations(store)
    return dg.AssetCheckResult(
        check_name=ACCOUNTING.name,
        asset_key=ACCOUNTING.asset_key,
        passed=not violations,
        metadata={"violations": dg.MetadataValue.json(violations)},
    )


def preview(store: Store, table: str) -> str:
    """Give the columns of a table that tell most as a Markdown table."""
    order, columns = PREVIEWS[table]
    rows = read_frame(store, table).sort(order).select(columns)
    return as_markdown(columns, rows.select(pl.all().cast(pl.String).fill_null("")).rows())
