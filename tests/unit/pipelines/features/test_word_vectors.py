"""Vocabularies and the vectors of their words, counted from lyrics or taken from a word2vec file."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mgc_models.features.lyrics.text import words
from mgc_models.features.lyrics.word_vectors import WordVectors, random_vector, with_head
from pipelines.datasets import music4all
from pipelines.datasets.common import DatasetError
from pipelines.datasets.ingest import build_tracks
from pipelines.features.config import Vocabulary
from pipelines.features.ppmi import cooccurrences, ppmi
from pipelines.features.word_vectors import build_word_vectors, corpus_vectors
from pipelines.lyrics.music4all import build_lyrics
from pipelines.tables import read_frame
from tests.unit.pipelines.tiny_music4all import write_music4all
from warehouse.store import Store
from warehouse.tables import check_table, table_hash

VOCABULARY = Vocabulary("all", "music4all")


def silent(_: str) -> None:
    return


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    layout = music4all.locate(write_music4all(tmp_path / "m4a"))
    build_tracks(made, layout)
    build_lyrics(made, layout, silent)
    return made


def path(store: Store) -> Path:
    return store.table("feature.word_vectors") / "all.parquet"


def test_words_are_lower_case_with_their_apostrophes() -> None:
    assert words("Don’t STOP 24/7, “señor” café — o'clock's 'quoted'") == [
        "don't", "stop", "24", "7", "señor", "café", "o'clock's", "quoted",
    ]  # fmt: skip


def test_neighbours_are_counted_within_lines_and_a_window() -> None:
    places = {"a": 0, "b": 1, "c": 2}
    counts = cooccurrences(["a x b\nc a", "a b"], places, window_words=2).toarray()
    assert counts.tolist() == [[0, 2, 1], [2, 0, 0], [1, 0, 0]]
    information = ppmi(cooccurrences(["a b\nc c"], places, 1), context_power=1.0).toarray()
    # P(a, b) = 1/4, P(a) = P(b) = 1/4: log 4; P(c, c) = 2/4, P(c) = 2/4: log 2
    np.testing.assert_allclose(information, [[0, np.log(4), 0], [np.log(4), 0, 0], [0, 0, np.log(2)]])


def test_words_of_like_use_get_like_vectors() -> None:
    rng = np.random.default_rng(0)
    night, day = ["moon", "stars", "dark", "sleep", "dream"], ["sun", "noon", "bright", "work", "wake"]
    lines = [" ".join(rng.choice(day if line % 2 else night, 4)) for line in range(2000)]
    names = [*night, *day, "alone"]
    vectors, sources = corpus_vectors(["\n".join(lines), "alone"], names)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    assert cosine[:5, :5].min() > cosine[:5, 5:10].max() + 0.5
    assert sources == ["corpus"] * 10 + ["random"]
    np.testing.assert_array_equal(vectors[10], random_vector("alone", vectors.shape[1]))


def test_the_table_keeps_its_contract_and_a_model_finds_its_rows(store: Store) -> None:
    assert build_word_vectors(store, VOCABULARY, None, silent)
    assert not build_word_vectors(store, VOCABULARY, None, silent)
    assert check_table(store, "feature.word_vectors") == []
    table = read_frame(store, "feature.word_vectors")
    assert table["occurrences"].is_sorted(descending=True)
    vectors = WordVectors(tuple(table["word"]), with_head(np.stack(table["vector"].to_numpy())))
    assert vectors.matrix.shape == (table.height + 2, 300)
    assert not vectors.matrix[0].any()
    assert vectors.matrix[1:].any(axis=1).all()
    river = table.filter(pl.col("word") == "river")
    row = vectors.rows(["river", "hippopotamus"])
    assert row.tolist() == [river["word_index"].item() + 2, 1]
    np.testing.assert_array_equal(vectors.matrix[row[0]], river["vector"].item().to_numpy())


def test_equal_lyrics_give_equal_bytes_and_members_decide(store: Store) -> None:
    build_word_vectors(store, VOCABULARY, None, silent)
    before = table_hash(store, "feature.word_vectors")
    path(store).unlink()
    assert build_word_vectors(store, VOCABULARY, None, silent)
    assert table_hash(store, "feature.word_vectors") == before
    assert build_word_vectors(store, Vocabulary("all", "music4all", "corpus.m4a"), None, silent)
    assert read_frame(store, "feature.word_vectors").is_empty()


def test_word2vec_words_are_found_as_spelt_in_another_case_or_as_digits(store: Store, tmp_path: Path) -> None:
    known = {"river": 1.0, "Bridge": 2.0, "I": 3.0, "unwanted": 4.0}
    file = tmp_path / "v.bin"
    entries = [word.encode() + b" " + np.full(4, value, "<f4").tobytes() for word, value in known.items()]
    file.write_bytes(b"4 4\n" + b"\n".join(entries) + b"\n")
    assert build_word_vectors(store, VOCABULARY, str(file), silent)
    assert not build_word_vectors(store, VOCABULARY, str(file), silent)
    rows = {row["word"]: row for row in read_frame(store, "feature.word_vectors").iter_rows(named=True)}
    assert (rows["river"]["vector_source"], rows["river"]["vector"]) == ("word2vec", [1.0] * 4)
    assert (rows["bridge"]["vector_source"], rows["bridge"]["vector"]) == ("word2vec_other_case", [2.0] * 4)
    assert rows["i"]["vector"] == [3.0] * 4
    assert rows["waiting"]["vector_source"] == "random"
    assert rows["waiting"]["vector"] == random_vector("waiting", 4).tolist()
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(DatasetError, match="MGC_WORD2VEC"):
        build_word_vectors(store, VOCABULARY, str(file), silent)
