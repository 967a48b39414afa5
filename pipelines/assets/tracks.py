"""Group tracks: one shape for every dataset. The audit of the audio is made in `features`: decoding fills both."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from pipelines.assets.passes import Build, music4all_layout, pass_results, run_pass
from pipelines.assets.preflight import CONFIGURATION
from pipelines.assets.raw import MUSIC4ALL, RAW_OTHERS
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import table_assets, table_key, table_result
from pipelines.corpora import matches
from pipelines.datasets import genius, ingest, music4all
from pipelines.datasets.unreadable import messages
from pipelines.incremental import Outputs
from pipelines.lyrics import genius as genius_lyrics
from pipelines.lyrics import language
from pipelines.lyrics import music4all as music4all_lyrics
from pipelines.matching import quality
from pipelines.tables import not_there, read_frame
from warehouse.render import as_markdown

GROUP = "tracks"
TRACKS = ["core.raw_files", "core.tracks", "core.track_genres"]
LANGUAGES = ["core.languages", "corpus.language_agreement"]


@table_assets(TRACKS, group=GROUP, deps=[MUSIC4ALL, *RAW_OTHERS], kinds={"polars"}, name="tracks")
def tracks_tables(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Read the tables of Music4All; the other datasets have put their parts of these tables beside."""
    yield from pass_results(
        context,
        mgc,
        ingest.tracks_outputs(music4all.DATASET),
        TRACKS,
        lambda store, settings: ingest.build_tracks(store, music4all_layout(store, settings)),
        reads=True,
    )


@table_assets(
    ["core.lyrics", "corpus.matches"],
    group=GROUP,
    deps=[table_key(name) for name in ("core.tracks", "core.genius_songs")],
    kinds={"polars", "duckdb"},
    name="lyrics",
)
def lyrics_tables(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Read the lyrics without their repetitions, on all cores; match MSD with Genius, and read those lyrics too."""
    log, settings = context.log.info, mgc.settings()
    store, skipped, metadata = run_pass(
        context,
        mgc,
        music4all_lyrics.OUTPUTS,
        lambda store, settings: music4all_lyrics.build_lyrics(store, music4all_layout(store, settings), log),
        reads=True,
    )
    # Without one of the two there are no matches; its name gives the reason.
    catalogue = next((name for name in matches.DATASETS if not_there(store, settings, name)), genius.DATASET)
    passes: tuple[tuple[Outputs, Build], ...] = (
        (matches.OUTPUTS, lambda store, _: matches.build_matches(store, log)),
        (
            genius_lyrics.OUTPUTS,
            lambda store, settings: matches.build_matched_lyrics(store, ingest.genius_layout(store, settings), log),
        ),
    )
    done = [run_pass(context, mgc, outputs, build, catalogue, reads=True) for outputs, build in passes]
    status = done[0][2]["status"]
    unchanged = skipped and done[1][1]
    yield table_result(store, "core.lyrics", metadata={**metadata, "genius": status}, skipped=unchanged)
    yield table_result(store, "corpus.matches", metadata={"status": status}, skipped=done[0][1])


@table_assets(
    LANGUAGES,
    group=GROUP,
    deps=[table_key("core.tracks"), table_key("core.lyrics")],
    kinds={"polars"},
    name="languages",
)
def languages_tables(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Detect the language of the lyrics, on all cores."""
    yield from pass_results(
        context, mgc, language.OUTPUTS, LANGUAGES, lambda store, _: language.build_languages(store, context.log.info)
    )


@table_assets(
    ["core.rejects"],
    group=GROUP,
    deps=[table_key(name) for name in ("core.tracks", "core.lyrics", "core.audio_files")],
    name="rejects",
)
def rejects_table(mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Sum up what reading, lyrics and audio put on record, each in its own part of the table."""
    store = mgc.open_store()
    reasons = read_frame(store, "core.rejects").group_by("stage", "reason").agg(pl.len().alias("rows"))
    counts = as_markdown(reasons.columns, reasons.sort("stage", "reason").rows())
    yield table_result(store, "core.rejects", metadata={"reasons": dg.MetadataValue.md(counts)}, skipped=True)


@dg.asset_check(
    asset=table_key("core.rejects"),
    name="readable",
    description="Every configured dataset could be read. What does not depend on one that could not was made.",
)
def readable(mgc: MgcResource) -> dg.AssetCheckResult:
    """End the job with why a dataset could not be read, once everything else had its turn."""
    if found := messages(mgc.open_store()):
        raise dg.Failure(description=" ".join(found), allow_retries=False)
    return dg.AssetCheckResult(passed=True)


@table_assets([quality.TABLE], group=GROUP, deps=[CONFIGURATION], kinds={"duckdb"}, name="match_quality")
def match_quality_table(mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Score the matcher on the shipped gold pairs and on the pairs planted in the sample corpus."""
    store = mgc.open_store()
    done = quality.build_match_quality(store)
    yield table_result(store, quality.TABLE, skipped=not done)
