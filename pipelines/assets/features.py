"""Group features: every audio file decoded once, spectrogram and token shards. Torch is loaded in workers only."""

from collections.abc import Iterator

import dagster as dg

from pipelines.assets.common import CONTRACT_CHECK, OWNERS, table_assets, table_key, table_result, table_spec
from pipelines.assets.raw import MUSIC4ALL
from pipelines.assets.stages import clear_failures, music4all_layout, run_pass
from pipelines.datasets import music4all
from pipelines.datasets.errors import DatasetError
from pipelines.features import fbank, tokens
from pipelines.features.tables import feature_totals, shards_are_whole
from pipelines.resources import MgcResource
from pipelines.stages.common import not_run
from warehouse.store import Store

GROUP = "features"
FBANK, TOKENS = dg.AssetKey(["feature", fbank.FEATURE]), dg.AssetKey(["feature", tokens.FEATURE])
PARTS = (fbank.PART, tokens.PART)


def shards_spec(key: dg.AssetKey, description: str, deps: list[dg.AssetKey]) -> dg.AssetSpec:
    """Specification of the asset that stands for the shards of one feature."""
    return dg.AssetSpec(
        key, deps=deps, description=description, group_name=GROUP, owners=OWNERS, kinds={"parquet", "numpy"}
    )


def shards_result(
    store: Store, key: dg.AssetKey, part: str, metadata: dict[str, str], skipped: bool
) -> dg.MaterializeResult:
    """Materialisation of the shards of one feature: tracks, files, bytes."""
    return dg.MaterializeResult(
        asset_key=key, metadata={**feature_totals(store, part), "unchanged": skipped, **metadata}
    )


@dg.multi_asset(
    specs=[
        table_spec("core.audio_files", group="tracks", deps=[MUSIC4ALL, table_key("core.tracks")]),
        shards_spec(
            FBANK,
            "Log-mel filter banks of whole clips (128 bands, 100 frames a second, 16 kHz mono, float16), in shards. "
            "Made on all cores; a killed extraction goes on where it stopped.",
            [MUSIC4ALL, table_key("core.tracks")],
        ),
    ],
    check_specs=[dg.AssetCheckSpec(CONTRACT_CHECK, asset=table_key("core.audio_files"), blocking=True)],
    name=fbank.FEATURE,
)
def fbank_shards(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Decode every audio file once: audit it and compute its spectrogram."""
    store, skipped, metadata = run_pass(
        context,
        mgc,
        fbank.OUTPUTS,
        lambda store, settings: fbank.build_fbank(store, music4all_layout(store, settings), context.log.info),
    )
    yield table_result(store, "core.audio_files", metadata=metadata, skipped=skipped)
    yield shards_result(store, FBANK, fbank.PART, metadata, skipped)


@dg.multi_asset(
    specs=[
        shards_spec(
            TOKENS,
            "WordPiece ids of the de-duplicated lyrics (at most 512, without [CLS] and [SEP]), in shards, with their "
            "tokenizer.json: that of MGC_BERT, else a vocabulary counted from the lyrics of corpus.m4a.",
            [table_key("core.lyrics"), table_key("corpus.m4a")],
        )
    ],
    name=tokens.FEATURE,
)
def token_shards(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Tokenise the lyrics."""
    store, skipped, metadata = run_pass(
        context,
        mgc,
        tokens.OUTPUTS,
        lambda store, settings: tokens.build_tokens(store, settings.weights.get("bert"), context.log.info),
    )
    yield shards_result(store, TOKENS, tokens.PART, metadata, skipped)


@table_assets(["feature.shards", "feature.index"], group=GROUP, deps=[FBANK, TOKENS], name="feature_tables")
def feature_tables(mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Check that every shard on record is there, in its size, and sum up what extraction put on record."""
    settings, store = mgc.settings(), mgc.open_store()
    reason = not_run(settings, music4all.DATASET)
    with clear_failures():
        broken = [] if reason else [part for part in PARTS if not shards_are_whole(store, part)]
        if broken:
            raise DatasetError(
                f"Shards of {', '.join(broken)} in {store.root / 'features'} are not those of feature.shards. "
                "Run `dagster job execute -j data` again; only what is missing is made."
            )
    for name in ("feature.shards", "feature.index"):
        yield table_result(store, name, metadata={"status": reason or "done"})
