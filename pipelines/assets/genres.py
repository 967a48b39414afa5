"""Group genres: how often the genres of a corpus occur, and how often together."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from pipelines.assets.common import picture, table_assets, table_key, table_result
from pipelines.assets.stages import keep_picture, run_pass
from pipelines.corpora import load_corpus
from pipelines.resources import MgcResource
from pipelines.stages import corpora
from pipelines.stages.common import read_frame
from pipelines.transforms.training_inputs import scope_genres
from warehouse.store import Store

TOP = 15


@table_assets(
    list(corpora.GENRE_OUTPUTS),
    group="genres",
    deps=[table_key("corpus.m4a"), table_key("core.tracks")],
    kinds={"duckdb"},
    name="genres_m4a",
)
def genre_tables(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Count the genres of corpus m4a, in every scope, and their pairs; draw both."""
    store, skipped, metadata = run_pass(
        context, mgc, corpora.GENRE_OUTPUTS, lambda store, settings: corpora.build_genres(store, settings.data_kind)
    )
    pictures = _pictures(store, skipped)
    for name in corpora.GENRE_OUTPUTS:
        yield table_result(store, name, metadata=metadata | pictures[name], skipped=skipped)


def _pictures(store: Store, skipped: bool) -> dict[str, dict[str, Any]]:
    """Metadata of each table: its picture and, for the frequencies, the most frequent genres."""
    corpus = load_corpus(corpora.CORPUS)
    frequency = read_frame(store, "genre.frequency").filter(
        pl.col("corpus") == corpus.name, pl.col("scope") == corpus.scope_from
    )

    def bars(path: Path) -> None:
        from pipelines.figures.genres import frequency_chart  # noqa: PLC0415

        frequency_chart(frequency, path, f"{corpus.name}: tracks per genre, counted on scope '{corpus.scope_from}'")

    def heat_map(path: Path) -> None:
        from pipelines.figures.genres import cooccurrence_map  # noqa: PLC0415

        pairs = read_frame(store, "genre.cooccurrence").filter(pl.col("corpus") == corpus.name)
        cooccurrence_map(pairs, scope_genres(store, corpus), path, f"{corpus.name}: P(column | row)")

    if frequency.is_empty():
        return {name: {} for name in corpora.GENRE_OUTPUTS}
    return {
        "genre.frequency": {
            "picture": picture(keep_picture(store, f"genre_frequency_{corpus.name}", skipped, bars)),
            "most frequent": dg.MetadataValue.md(_top(frequency)),
        },
        "genre.cooccurrence": {
            "picture": picture(keep_picture(store, f"genre_cooccurrence_{corpus.name}", skipped, heat_map))
        },
    }


def _top(frequency: pl.DataFrame) -> str:
    rows = frequency.sort("rank").head(TOP).select("rank", "genre", "tracks").rows()
    lines = [f"| {rank} | {genre.replace('|', '/')} | {tracks:,} |" for rank, genre, tracks in rows]
    return "\n".join(["| rank | genre | tracks |", "|---:|---|---:|", *lines])
