"""Group features: every audio file decoded once, spectrograms, tokens, word vectors. Only workers load torch."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipelines.assets.passes import Build, clear_failures, run_pass
from pipelines.assets.raw import MUSIC4ALL, raw_key
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import CONTRACT_CHECK, OWNERS, table_assets, table_key, table_result, table_spec
from pipelines.config import Settings
from pipelines.corpora.config import Corpus, load_corpora
from pipelines.datasets import fma, msd, music4all
from pipelines.datasets.common import DatasetError
from pipelines.datasets.unreadable import on_record
from pipelines.features import duplicates, tokens, word_vectors
from pipelines.features.audio import audio_outputs, build_audio, extract_blocks, feature_part, open_blocks
from pipelines.features.audio_blocks import Block, deal_blocks, dealt_blocks, forget_blocks, require_made
from pipelines.features.audio_sources import audio_source
from pipelines.features.config import (
    LyricFeature,
    Vocabulary,
    audio_datasets,
    datasets_of,
    lyric_lines,
    principal_vectors,
    spectrogram_names,
    vocabularies,
)
from pipelines.features.index import feature_totals, shards_are_whole
from pipelines.features.lyric_lines import LINES as MOST_LINES
from pipelines.features.lyric_lines import WORDS_PER_LINE, build_lyric_lines
from pipelines.features.lyric_shards import lyric_outputs
from pipelines.features.principal_vectors import build_principal_vectors
from pipelines.parallel import Log
from pipelines.tables import not_there, write_empty
from warehouse.store import Store

EXTRACTION = dg.AssetKey(["feature", "extraction"])
EXTRACTION_STEPS = 8  # each takes all cores of its machine: as many machines can work on it at once

READ = ("core.tracks", "core.msd_tracks", "core.fma_tracks")
AUDIO_DEPS = [MUSIC4ALL, raw_key(msd.DATASET), raw_key(fma.DATASET), *map(table_key, READ)]
INPUTS = {"_".join(key.path): key for key in AUDIO_DEPS}


@dg.op(ins={name: dg.In(dg.Nothing) for name in INPUTS}, out=dg.Out(dg.Nothing))
def blocks(context: dg.OpExecutionContext, mgc: MgcResource) -> None:
    """Deal the blocks of shards that are still to make, of every dataset that is there, to the steps of this run."""
    settings, store = mgc.settings(), mgc.open_store()
    found = []
    for dataset in audio_datasets():
        if not_there(store, settings, dataset):
            continue
        numbers: list[int] = []
        with clear_failures(), on_record(store, settings, dataset):
            numbers = open_blocks(store, audio_source(store, settings, dataset))
        context.log.info("Audio of %s: %d blocks of shards to make", dataset, len(numbers))
        found += [Block(dataset, number) for number in numbers]
    deal_blocks(store, first_run(context), found)


def extract_step(number: int) -> dg.OpDefinition:
    """The step that makes the blocks dealt to it; a fixed number of steps, which every executor runs."""

    @dg.op(name=f"extract_{number}", ins={"start": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
    def extract(context: dg.OpExecutionContext, mgc: MgcResource) -> None:
        settings, store = mgc.settings(), mgc.open_store()
        with clear_failures():
            own = dealt_blocks(store, first_run(context))[number::EXTRACTION_STEPS]
            for dataset in dict.fromkeys(block.dataset for block in own):
                numbers = [block.number for block in own if block.dataset == dataset]
                with on_record(store, settings, dataset):
                    extract_blocks(store, audio_source(store, settings, dataset), numbers, context.log.info)

    return extract


@dg.op(ins={"start": dg.In(dg.Nothing)})
def extracted(context: dg.OpExecutionContext, mgc: MgcResource) -> None:
    """Wait for all steps, and check that every block that was dealt is there."""
    settings, store = mgc.settings(), mgc.open_store()
    with clear_failures():
        dealt = dealt_blocks(store, first_run(context))
        sources = {dataset: audio_source(store, settings, dataset) for dataset in {block.dataset for block in dealt}}
        still_open = {Block(name, number) for name, source in sources.items() for number in open_blocks(store, source)}
        require_made(dealt, still_open)
    forget_blocks(store, first_run(context))


def first_run(context: dg.OpExecutionContext) -> str:
    """Id of this run, or of the one that it goes on from: some of its steps are not executed again."""
    return context.run.root_run_id or context.run_id


@dg.graph_asset(
    key=EXTRACTION,
    ins={name: dg.AssetIn(key, dagster_type=dg.Nothing) for name, key in INPUTS.items()},
    group_name="features",
    owners=OWNERS,
    kinds={"parquet", "numpy"},
    description="Shards of all spectrograms. Those that are missing are dealt in blocks to "
    f"{EXTRACTION_STEPS} steps, which whatever executor runs the job spreads over its processes or machines.",
)
def extraction(**after: Any) -> Any:
    """Deal the blocks, extract them, check that none is missing."""
    dealt = blocks(**after)
    return extracted(start=[extract_step(number)(start=dealt) for number in range(EXTRACTION_STEPS)])


GROUP = "features"
AFTER_EXTRACTION = [EXTRACTION, *AUDIO_DEPS]
AUDITS = ["core.audio_files", "core.audio_duplicates"]
TOKENS = dg.AssetKey(["feature", tokens.FEATURE])
LYRICS = [table_key("core.lyrics"), raw_key(fma.DATASET), table_key("corpus.m4a"), table_key("corpus.msd_genius")]
LINES, PRINCIPAL = lyric_lines(), principal_vectors()
DESCRIPTIONS = {
    "fbank_16k": "Kaldi log-mel filter banks of whole clips: 128 bands, 100 frames a second, 16 kHz mono, float16.",
    "logmel_22k": "Log-mel spectrograms of whole clips: 128 bands, hop 512, 22,050 Hz mono, float16, not standardised.",
    "spec_500x1500": "Log-mel images of 30 s: 500 bands, 1500 frames, 22,050 Hz mono, float16.",
}
HOW = "In shards, made on all cores; a killed extraction goes on where it stopped."


def feature_key(name: str) -> dg.AssetKey:
    """`fbank_16k` -> AssetKey(["feature", "fbank_16k"])."""
    return dg.AssetKey(["feature", name])


def shards_spec(key: dg.AssetKey, description: str, deps: list[dg.AssetKey]) -> dg.AssetSpec:
    """Specification of the asset that stands for the shards of one feature."""
    return dg.AssetSpec(
        key, deps=deps, description=description, group_name=GROUP, owners=OWNERS, kinds={"parquet", "numpy"}
    )


def shards_result(
    store: Store, name: str, datasets: list[str], metadata: dict[str, str], skipped: bool
) -> dg.MaterializeResult:
    """Materialisation of the shards of one feature: tracks, files and bytes of each dataset."""
    totals = {
        f"{dataset} {what}": value
        for dataset in datasets
        for what, value in feature_totals(store, feature_part(name, dataset)).items()
    }
    return dg.MaterializeResult(asset_key=feature_key(name), metadata={**totals, "unchanged": skipped, **metadata})


# One step for all datasets, which finds the shards made by the blocks of `extraction`, and makes what was lost since.
@dg.multi_asset(
    specs=[
        *(table_spec(name, group="tracks", deps=AFTER_EXTRACTION) for name in AUDITS),
        *(
            shards_spec(feature_key(name), f"{DESCRIPTIONS[name]} {HOW}", AFTER_EXTRACTION)
            for name in spectrogram_names()
        ),
    ],
    check_specs=[dg.AssetCheckSpec(CONTRACT_CHECK, asset=table_key(name), blocking=True) for name in AUDITS],
    name="audio",
)
def audio_shards(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Decode every audio file once: audit it and compute its spectrograms."""
    settings, store = mgc.settings(), mgc.open_store()
    with clear_failures():
        done = {dataset: _decode(context, store, settings, dataset) for dataset in audio_datasets()}
        duplicates.build_duplicates(store)
    status = {dataset: not_there(store, settings, dataset) or "done" for dataset in done}
    unchanged = not any(done.values())
    for name in AUDITS:
        yield table_result(store, name, metadata=status, skipped=unchanged)
    for name in spectrogram_names():
        yield shards_result(store, name, datasets_of(name), status, unchanged)


def _decode(context: dg.AssetExecutionContext, store: Store, settings: Settings, dataset: str) -> bool:
    """Decode the audio of one dataset, or leave its parts empty; returns whether anything was done."""
    done = False
    if not not_there(store, settings, dataset):
        with on_record(store, settings, dataset):
            done = build_audio(store, audio_source(store, settings, dataset), context.log.info)
    if reason := not_there(store, settings, dataset):
        written = [write_empty(store, outputs) for outputs in audio_outputs(dataset)]
        done = any(written)
    context.log.info("Audio of %s: %s", dataset, (reason or "done") if done else "nothing changed")
    return done


@dg.multi_asset(
    specs=[
        shards_spec(
            TOKENS,
            "WordPiece ids of the de-duplicated lyrics (at most 512, without [CLS] and [SEP]), in shards, with their "
            "tokenizer.json: that of MGC_BERT, else a vocabulary counted from the lyrics of corpus.m4a. Music4All's "
            "lyrics, and those that corpus.msd_genius takes from Genius.",
            LYRICS,
        ),
        table_spec(word_vectors.TABLE, group=GROUP, deps=LYRICS, kinds={"numpy"}),
    ],
    check_specs=[dg.AssetCheckSpec(CONTRACT_CHECK, asset=table_key(word_vectors.TABLE), blocking=True)],
    name="lyric_features",
)
def lyric_features(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Tokenise the lyrics, and give the words of every vocabulary their vectors."""
    store, skipped, metadata = run_pass(
        context,
        mgc,
        tokens.outputs_of(music4all.DATASET),
        lambda store, settings: tokens.build_tokens(store, settings.weights.get("bert"), context.log.info),
    )
    matched, status = _matched_tokens(context, store, mgc.settings())
    yield shards_result(store, tokens.FEATURE, token_datasets(), metadata | status, skipped and matched)
    passes = [_word_vectors(context, mgc, vocabulary) for vocabulary in vocabularies()]
    status = {key: value for _, found in passes for key, value in found.items()}
    yield table_result(store, word_vectors.TABLE, metadata=status, skipped=all(skipped for skipped, _ in passes))


def token_datasets() -> list[str]:
    """Datasets whose tracks get tokens."""
    return [music4all.DATASET, *(corpus.dataset for corpus in matched_corpora())]


def matched_corpora() -> list[Corpus]:
    """Corpora that take their lyrics from another dataset."""
    return [corpus for corpus in load_corpora() if corpus.match.dataset]


def _matched_tokens(context: dg.AssetExecutionContext, store: Store, settings: Settings) -> tuple[bool, dict[str, str]]:
    """Tokenise the lyrics of matched corpora; returns whether nothing was to do, and the status of each."""
    skipped, status = True, {}
    for corpus in matched_corpora():
        missing = (not_there(store, settings, name) for name in (music4all.DATASET, *corpus.datasets))
        reason = next(filter(None, missing), "")
        with clear_failures():
            if reason:
                done = write_empty(store, tokens.outputs_of(corpus.dataset))
            else:
                done = tokens.build_matched_tokens(store, corpus, context.log.info)
        skipped, status[corpus.dataset] = skipped and not done, reason or "done"
    return skipped, status


def _word_vectors(
    context: dg.AssetExecutionContext, mgc: MgcResource, vocabulary: Vocabulary
) -> tuple[bool, dict[str, Any]]:
    """Fill one vocabulary; returns whether nothing was to do, and its status with the sources of its vectors."""

    def build(store: Store, settings: Settings) -> bool:
        word2vec = settings.weights.get("word2vec")
        return word_vectors.build_word_vectors(store, vocabulary, word2vec, context.log.info)

    store, skipped, metadata = run_pass(context, mgc, word_vectors.outputs(vocabulary), build, vocabulary.lyrics)
    return skipped, {vocabulary.name: metadata["status"], **word_vectors.summary(store, vocabulary)}


@dg.multi_asset(
    specs=[
        *(
            shards_spec(
                feature_key(feature.name),
                f"Lyrics of {feature.lyrics} as lines of word numbers (at most {MOST_LINES} lines of "
                f"{WORDS_PER_LINE} words), in shards, with their vocabulary and its vectors.",
                [table_key(word_vectors.TABLE)],
            )
            for feature in LINES
        ),
        shards_spec(
            feature_key(PRINCIPAL.name),
            "Vectors of the principal words of lyrics, float16, in shards, with the vocabulary that chose them: from "
            "MGC_ELMO_DIR, else MGC_BERT, else those of feature.word_vectors.",
            [table_key(word_vectors.TABLE)],
        ),
    ],
    name="word_features",
)
def word_features(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Number the words of lyrics line by line, and give principal words their vectors."""
    for feature in (*LINES, PRINCIPAL):
        build = _word_feature(feature, context.log.info)
        store, skipped, metadata = run_pass(context, mgc, lyric_outputs(feature), build, feature.lyrics)
        yield shards_result(store, feature.name, [feature.lyrics], metadata, skipped)


def _word_feature(feature: LyricFeature, log: Log) -> Build:
    """Give the pass that fills one feature of lyrics."""
    if feature == PRINCIPAL:
        return lambda store, settings: build_principal_vectors(store, feature, settings.weights, log)
    return lambda store, _: build_lyric_lines(store, feature, log)


@table_assets(
    ["feature.shards", "feature.index"],
    group=GROUP,
    deps=[TOKENS, *map(feature_key, [*spectrogram_names(), *(feature.name for feature in (*LINES, PRINCIPAL))])],
    name="feature_tables",
)
def feature_tables(mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
    """Check that every shard on record is there, in its size, and sum up what extraction put on record."""
    settings, store = mgc.settings(), mgc.open_store()
    status = {dataset: not_there(store, settings, dataset) or "done" for dataset in audio_datasets()}
    parts = [(dataset, feature_part(name, dataset)) for name in spectrogram_names() for dataset in datasets_of(name)]
    parts += [(dataset, tokens.part_of(dataset)) for dataset in token_datasets()]
    parts += [(feature.lyrics, f"{feature.name}-{feature.lyrics}") for feature in (*LINES, PRINCIPAL)]
    with clear_failures():
        broken = [part for dataset, part in parts if status[dataset] == "done" and not shards_are_whole(store, part)]
        if broken:
            raise DatasetError(
                f"Shards of {', '.join(broken)} in {store.root / 'features'} are not those of feature.shards. "
                "Run `dagster job execute -j data` again; only what is missing is made."
            )
    for name in ("feature.shards", "feature.index"):
        yield table_result(store, name, metadata=status, skipped=True)
