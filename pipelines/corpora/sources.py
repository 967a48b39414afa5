"""Reads the tables that a corpus is selected from, as its filters and labels want them."""

from collections.abc import Mapping

import polars as pl

from pipelines.corpora.config import Corpus
from pipelines.corpora.select import Sources
from pipelines.datasets import fma, msd, music4all
from pipelines.datasets.msd_sources import SOURCES as MSD_SOURCES
from pipelines.incremental import part_hash
from pipelines.tables import read_columns, read_frame
from warehouse.store import Store

# Files that name the tracks of a dataset; only one of them is read.
TRACK_FILES: Mapping[str, tuple[str, ...]] = {
    music4all.DATASET: (music4all.TRACKS,),
    msd.DATASET: tuple(MSD_SOURCES),
    fma.DATASET: (fma.TRACKS,),
}
DETAILS = {fma.DATASET: "core.fma_tracks", msd.DATASET: "core.msd_tracks"}
KEY = ["dataset", "track_id"]
# The most certain first.
KIND_ORDER = pl.Enum(["exact", "normalised", "fuzzy"])


def upstream_parts(corpus: Corpus) -> dict[str, str]:
    """Table/part -> part of every table that the corpus rests on."""
    dataset = corpus.dataset
    tables = {"core.raw_files": dataset, "core.tracks": dataset, "core.rejects": f"{dataset}-read"}
    if "lyrics" in _filters(corpus):
        tables["core.lyrics"] = corpus.match.dataset or dataset
    if corpus.language.keep and not corpus.match.dataset:
        tables["core.languages"] = dataset
    if dataset in DETAILS:
        tables[DETAILS[dataset]] = "all"
    if corpus.match.dataset:
        tables["corpus.matches"] = dataset
    return tables


def upstream_hashes(store: Store, corpus: Corpus) -> dict[str, str | None]:
    """Hash of every part that the corpus rests on; None for audio that was not audited."""
    hashes: dict[str, str | None] = {
        table: part_hash(store, table, part) for table, part in upstream_parts(corpus).items()
    }
    if corpus.match.dataset:
        hashes["matched tracks"] = part_hash(store, "core.tracks", corpus.match.dataset)
    hashes["core.audio_files"] = (
        part_hash(store, "core.audio_files", corpus.dataset) if _audited(store, corpus) else None
    )
    return hashes


def corpus_sources(store: Store, corpus: Corpus) -> Sources | None:
    """Tables that a corpus is selected from; None where its dataset has not been read."""
    raw_files = read_frame(store, "core.raw_files", corpus.dataset).select("source_file", "rows").rows()
    files = [(name, rows) for name, rows in raw_files if _is_track_file(corpus.dataset, name)]
    if not files:
        return None
    name, raw_rows = files[0]
    tracks = _tracks(store, corpus)
    return Sources(
        tracks=tracks,
        languages=read_frame(store, "core.languages", corpus.dataset),
        lyrics=_lyrics(store, corpus, tracks),
        audio=read_frame(store, "core.audio_files", corpus.dataset) if _audited(store, corpus) else None,
        rejects=_rejects(store, corpus, name),
        raw_rows=raw_rows,
        raw_file=name,
    )


def best_matches(store: Store, corpus: Corpus) -> pl.DataFrame:
    """The one match of each track that a corpus takes: track_id, matched_dataset, matched_track_id, kind, score.

    Of several, the most certain; then the most similar; then a song rather than another text; then the most viewed;
    then the lowest id.
    """
    matches = read_frame(store, "corpus.matches", corpus.dataset).filter(
        pl.col("matched_dataset") == corpus.match.dataset, pl.col("kind").is_in(corpus.match.kinds)
    )
    songs = _details_of(store, matches["matched_track_id"].unique())
    ranked = matches.join(songs, left_on="matched_track_id", right_on="track_id", how="left").sort(
        "track_id",
        pl.col("kind").cast(KIND_ORDER),
        -pl.col("score"),
        ~pl.col("is_song").fill_null(value=False),
        -pl.col("views").fill_null(0),
        pl.col("matched_track_id").str.len_chars(),
        "matched_track_id",
    )
    first = ranked.unique("track_id", keep="first", maintain_order=True)
    return first.select("track_id", "matched_dataset", "matched_track_id", "kind", "score")


def _details_of(store: Store, ids: pl.Series) -> pl.DataFrame:
    songs = _scan(store, "core.genius_songs", "all").select("track_id", "is_song", "views")
    return songs.filter(pl.col("track_id").is_in(ids.implode())).collect()


def _scan(store: Store, table: str, part: str) -> pl.LazyFrame:
    """One part of a large table, of which only what is asked for is read."""
    return pl.scan_parquet(store.table(table) / f"{part}.parquet")


def _filters(corpus: Corpus) -> set[str]:
    return {step.filter for step in corpus.steps}


def _audited(store: Store, corpus: Corpus) -> bool:
    return (store.table("core.audio_files") / f"{corpus.dataset}.parquet").is_file()


def _is_track_file(dataset: str, name: str) -> bool:
    files = TRACK_FILES[dataset]
    return name in files or name.rpartition("/")[2] in files


def _rejects(store: Store, corpus: Corpus, raw_file: str) -> pl.DataFrame:
    """Rejects of the dataset, those of the file of tracks under the name it has in core.raw_files."""
    rejects = read_frame(store, "core.rejects", corpus.dataset)
    same = pl.col("source_file").map_elements(
        lambda name: _is_track_file(corpus.dataset, name), return_dtype=pl.Boolean
    )
    return rejects.with_columns(pl.when(same).then(pl.lit(raw_file)).otherwise("source_file").alias("source_file"))


def _tracks(store: Store, corpus: Corpus) -> pl.DataFrame:
    tracks = read_frame(store, "core.tracks", corpus.dataset)
    if corpus.dataset in DETAILS:
        details = read_frame(store, DETAILS[corpus.dataset])
        tracks = tracks.join(details, on="track_id", how="left", maintain_order="left")
    if corpus.scope.labels == "genre_top":
        top = pl.col("genre_top")
        tracks = tracks.with_columns(pl.when(top.is_null()).then([]).otherwise(pl.concat_list(top)).alias("genres"))
    return _with_matches(store, corpus, tracks) if corpus.match.dataset else tracks


def _with_matches(store: Store, corpus: Corpus, tracks: pl.DataFrame) -> pl.DataFrame:
    """Tracks with their match, and the match's language and genres in place of their own."""
    matches = best_matches(store, corpus)
    there = (
        _scan(store, "core.tracks", corpus.match.dataset)
        .select(pl.col("track_id").alias("matched_track_id"), "language_label", "genres")
        .filter(pl.col("matched_track_id").is_in(matches["matched_track_id"].unique().implode()))
        .collect()
    )
    matched = matches.join(there, on="matched_track_id", how="left")
    tracks = tracks.drop("language_label", "genres").join(matched, on="track_id", how="left", maintain_order="left")
    return tracks.with_columns(pl.col("genres").fill_null([]))


def _lyrics(store: Store, corpus: Corpus, tracks: pl.DataFrame) -> pl.DataFrame:
    """Status of the lyrics of each track: its own, or those of its match. None where no filter asks for it."""
    columns = [*KEY, "lyrics_status"]
    if "lyrics" not in _filters(corpus):
        return tracks.select(*KEY, pl.lit(None, pl.String).alias("lyrics_status"))
    lyrics = read_columns(store, "core.lyrics", corpus.match.dataset or corpus.dataset, columns)
    if not corpus.match.dataset:
        return lyrics
    matched = tracks.select(*KEY, "matched_track_id").drop_nulls()
    return matched.join(lyrics.drop("dataset"), left_on="matched_track_id", right_on="track_id").select(columns)
