"""Group tracks: one shape for every dataset. The audit of the audio is made in `features`: decoding fills both."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from pipelines.assets.common import table_assets, table_key, table_result
from pipelines.assets.datasets import RAW_OTHERS
from pipelines.assets.raw import MUSIC4ALL
from pipelines.assets.stages import music4all_layout, pass_results
from pipelines.datasets import music4all
from pipelines.resources import MgcResource
from pipelines.stages import languages, lyrics, tracks
from pipelines.stages.common import read_frame

GROUP = "tracks"
TRACKS = ["core.raw_files", "core.tracks", "core.track_genres"]
LANGUAGES = ["core.languages", "corpus.language_agreement"]


@table_assets(TRACKS, group=GROUP, deps=[MUSIC4ALL, *RAW_OTHERS], kinds={"polars"}, name="tracks")
def tracks_tables(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Read the tables of Music4All; the other datasets have put their parts of these tables beside."""
    yield from pass_results(
        context,
        mgc,
        tracks.tracks_outputs(music4all.DATASET),
        TRACKS,
        lambda store, settings: tracks.build_tracks(store, music4all_layout(store, settings)),
    )


@table_assets(["core.lyrics"], group=GROUP, deps=[table_key("core.tracks")], kinds={"polars"}, name="lyrics")
def lyrics_table(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Read the lyrics files and remove their repetitions, on all cores."""
    yield from pass_results(
        context,
        mgc,
        lyrics.OUTPUTS,
        ["core.lyrics"],
        lambda store, settings: lyrics.build_lyrics(store, music4all_layout(store, settings), context.log.info),
    )


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
        context, mgc, languages.OUTPUTS, LANGUAGES, lambda store, _: languages.build_languages(store, context.log.info)
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
    lines = [f"| {stage} | {reason} | {rows:,} |" for stage, reason, rows in reasons.sort("stage", "reason").rows()]
    counts = "\n".join(["| stage | reason | rows |", "|---|---|---|", *lines])
    yield table_result(store, "core.rejects", metadata={"reasons": dg.MetadataValue.md(counts)})
