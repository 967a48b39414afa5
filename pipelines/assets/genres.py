"""Group genres: how often the genres of every corpus occur, how often together, how they are related; figures."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from pipelines.assets.passes import clear_failures
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import CONTRACT_CHECK, figure_spec, picture, table_key, table_result, table_spec
from pipelines.corpora.config import Corpus, load_corpus
from pipelines.genres import build as genres_build
from pipelines.genres.coarse import FILE as COARSE_FILE
from pipelines.incremental import make_file
from pipelines.report.figures.files import STEP as DRAWN
from pipelines.report.figures.genres import frequency_chart, genre_map
from pipelines.report.figures.lyrics import lyrics_lengths
from pipelines.tables import read_columns, read_frame
from pipelines.training.inputs import scope_genres
from warehouse.render import as_markdown
from warehouse.store import Store

GROUP = "genres"
TOP = 15
THESIS = "m4a"
FIGURES = {
    "jiang2024_figure_5_1": "Tracks per genre, the 120 most frequent of all tracks, those in scope marked (Jiang 2024, "
    "Figure 5.1).",
    "jiang2024_figure_5_2": "Words of the lyrics before and after repetitions were removed, all usable lyrics of the "
    "dataset (Jiang 2024, Figure 5.2).",
}
FIGURE_DEPS = [table_key("core.lyrics"), table_key(f"corpus.{THESIS}")]
MAPS = {"genre.cooccurrence": "conditional_probability", "genre.correlation": "correlation"}
TITLES = {"conditional_probability": "P(column | row)", "correlation": "correlation of row with column"}


@dg.multi_asset(
    specs=[
        *(
            table_spec(
                name,
                group=GROUP,
                deps=[table_key("corpus.steps"), table_key("corpus.folds"), table_key("core.tracks")],
                kinds={"duckdb"},
            )
            for name in genres_build.TABLES
        ),
        *(
            figure_spec(dg.AssetKey(["figures", name]), description, group=GROUP, deps=FIGURE_DEPS)
            for name, description in FIGURES.items()
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(CONTRACT_CHECK, asset=table_key(name), blocking=True) for name in genres_build.TABLES
    ],
    name="genres",
)
def genre_tables(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Count the genres of every corpus, in every scope, and their pairs; draw them, and the thesis' figures."""
    settings, store = mgc.settings(), mgc.open_store()
    with clear_failures():
        statuses, changed = genres_build.build_genres(store, settings)
    for name, status in statuses.items():
        context.log.info("Genres of corpus %s: %s", name, status)
    unmapped = genres_build.unmapped_genres(store)
    for corpus, names in unmapped.items():
        context.log.warning(
            "Corpus %s: no coarse genre for %s. Importances by coarse genre (Figure 6.1) leave them out; to put them "
            "in, add them to the `labels` of one in %s.",
            corpus,
            ", ".join(names),
            COARSE_FILE,
        )
    filled = [load_corpus(name) for name in statuses if statuses[name] == "done"]
    for name in genres_build.TABLES:
        more: dict[str, Any] = {"status": statuses} | ({"unmapped": unmapped} if name == "genre.coarse" else {})
        yield table_result(store, name, metadata=more | _pictures(store, name, filled), skipped=not changed)
    for name in FIGURES:
        done = statuses[THESIS] == "done"
        shown = {"picture": _figure(store, name)} if done else {"status": statuses[THESIS]}
        yield dg.MaterializeResult(dg.AssetKey(["figures", name]), metadata={**shown, "unchanged": not changed})


def _pictures(store: Store, table: str, corpora: list[Corpus]) -> dict[str, Any]:
    """Metadata of a table: a picture per corpus and, for the frequencies, the most frequent genres."""
    shown: dict[str, Any] = {}
    for corpus in corpora:
        frequency = _frequency(store, corpus.name, corpus.scope.counted_on)
        if frequency.is_empty():
            continue
        if table == "genre.frequency":
            title = f"{corpus.name}: tracks per genre, counted on scope '{corpus.scope.counted_on}'"
            shown[f"picture {corpus.name}"] = _bars(store, f"genre_frequency_{corpus.name}", frequency, title)
            shown[f"most frequent {corpus.name}"] = dg.MetadataValue.md(_top(frequency))
        elif table in MAPS:
            shown[f"picture {corpus.name}"] = _heat_map(store, table, corpus)
    return shown


def _bars(store: Store, name: str, frequency: pl.DataFrame, title: str) -> dg.MetadataValue:
    return _picture(store, name, [frequency, title], partial(frequency_chart, frequency, title=title))


def _heat_map(store: Store, table: str, corpus: Corpus) -> dg.MetadataValue:
    pairs = read_frame(store, table).filter(pl.col("corpus") == corpus.name)
    if table == "genre.correlation":
        pairs = pairs.filter(pl.col("scheme") == "")
    value, genres_shown = MAPS[table], scope_genres(store, corpus)
    title = f"{corpus.name}: {TITLES[value]}"
    draw = partial(genre_map, pairs, genres_shown, title=title, value=value)
    return _picture(store, f"{table.replace('.', '_')}_{corpus.name}", [pairs, genres_shown, title], draw)


def _figure(store: Store, name: str) -> dg.MetadataValue:
    """Draw a figure of the thesis from the tables."""
    if name == "jiang2024_figure_5_1":
        return _bars(store, name, _frequency(store, THESIS, "all"), "The most frequent genres of all tracks")
    columns = ("lyrics_status", "words_before", "words_after")
    read = read_columns(store, "core.lyrics", load_corpus(THESIS).dataset, columns)
    lyrics = read.filter(pl.col("lyrics_status") == "ok")
    title = "Words of the lyrics before and after repetitions were removed"
    return _picture(store, name, [lyrics], partial(lyrics_lengths, lyrics, title=title))


def _picture(store: Store, name: str, shown: list[Any], draw: Callable[..., None]) -> dg.MetadataValue:
    """The picture of some frames and words, drawn unless it shows these already."""
    path = store.figures / f"{name}.png"
    inputs = DRAWN.inputs(*(part.write_csv() if isinstance(part, pl.DataFrame) else part for part in shown))
    make_file(store, path, inputs, partial(draw, path=path))
    return picture(path)


def _frequency(store: Store, corpus: str, scope: str) -> pl.DataFrame:
    return read_frame(store, "genre.frequency").filter(pl.col("corpus") == corpus, pl.col("scope") == scope)


def _top(frequency: pl.DataFrame) -> str:
    shown = frequency.sort("rank").head(TOP).select("rank", "genre", "tracks")
    return as_markdown(shown.columns, shown.rows())
