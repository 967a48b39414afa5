"""Lyrics as lines of word numbers, and the vectors of principal words: stored once, with their vocabulary."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from mgc_models.errors import DataError
from mgc_models.features.lyrics.vocabulary import FILE, read_vocabulary
from pipelines.datasets import music4all
from pipelines.datasets.common import DatasetError
from pipelines.datasets.ingest import build_tracks
from pipelines.features import config as features_config
from pipelines.features import principal_vectors
from pipelines.features.config import LyricFeature, Vocabulary
from pipelines.features.lyric_lines import build_lyric_lines
from pipelines.features.principal_vectors import build_principal_vectors
from pipelines.features.word_vectors import build_word_vectors
from pipelines.lyrics.music4all import build_lyrics
from pipelines.tables import read_frame
from tests.unit.pipelines.tiny_music4all import TRACKS, write_music4all
from warehouse.shards.reader import open_feature
from warehouse.store import Store
from warehouse.tables import check_table

VOCABULARY = Vocabulary("all", "music4all")
LINES = LyricFeature("lyric_lines_all", "music4all", VOCABULARY)
PRINCIPAL = LyricFeature("principal_vectors", "music4all", VOCABULARY)
LONG = " ".join(["river", "unheard-of", *["bridge"] * 30]) + "\n\n ♪ ♪ \n" + "night\n" * 3
SONGS = TRACKS | {
    "ddd1": ("rock", "en", LONG, 1.0),
    "ddd2": ("rock", "en", "\n".join(f"w{n} river" for n in range(60)), 1.0),
}


def silent(_: str) -> None:
    return


def make_store(root: Path) -> Store:
    made = Store(root / "store")
    layout = music4all.locate(write_music4all(root / "m4a", SONGS))
    build_tracks(made, layout)
    build_lyrics(made, layout, silent)
    build_word_vectors(made, VOCABULARY, None, silent)
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = make_store(tmp_path_factory.mktemp("lyric_features"))
    assert build_lyric_lines(store, LINES, silent)
    assert build_principal_vectors(store, PRINCIPAL, {}, silent)
    return store


def contents(store: Store) -> dict[str, str]:
    return {
        path.relative_to(store.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("tables/feature", "features")
        for path in sorted((store.root / folder).rglob("*.parquet"))
    }


def test_lines_hold_the_rows_of_the_words_in_the_vocabulary_beside_them(made: Store) -> None:
    folder = made.feature(LINES.name, "music4all")
    reader = open_feature(folder)
    assert (reader.spec.dtype, reader.spec.width, reader.spec.settings["vector_source"]) == ("int32", 20, "corpus")
    assert sorted(reader.track_ids) == sorted(set(SONGS) - {"bbb3"})
    vocabulary = read_vocabulary(folder, reader.spec).word_vectors
    names = ["", "?", *vocabulary.words]
    line = [names[row] for row in reader.read("aaa1")[0]]
    assert line[:6] == ["the", "river", "keeps", "running", "under", "the"]
    assert line[15:] == [""] * 5
    vectors = read_frame(made, "feature.word_vectors").filter(word="river")["vector"].item().to_numpy()
    np.testing.assert_array_equal(vocabulary.matrix[reader.read("aaa1")[0, 1]], vectors)
    assert not vocabulary.matrix[0].any()


def test_lines_are_cut_to_their_caps_and_lines_without_words_do_not_count(made: Store) -> None:
    folder = made.feature(LINES.name, "music4all")
    reader = open_feature(folder)
    names = ["", "?", *read_vocabulary(folder, reader.spec).words]
    found = [[names[row] for row in line if row] for line in reader.read("ddd1")]
    assert found[0] == ["river", "?", "?", *["bridge"] * 17]
    assert found[1:] == [["night"]]  # core.lyrics holds a repeated line once
    assert len(reader.read("ddd2")) == 50


def test_the_vectors_are_those_of_the_principal_words_in_order(made: Store) -> None:
    folder = made.feature(PRINCIPAL.name, "music4all")
    reader = open_feature(folder)
    settings = reader.spec.settings
    assert (settings["backend"], settings["layers"], settings["dimension"]) == ("static", 1, 300)
    vectors = read_vocabulary(folder, reader.spec).word_vectors
    words = ["river", "keeps", "running", "bridge", "keep", "waiting", "night"]
    expected = vectors.matrix[vectors.rows(words)].astype(np.float16)
    np.testing.assert_array_equal(reader.read("aaa1"), expected)


@pytest.mark.parametrize("name", ["feature.shards", "feature.index"])
def test_the_tables_keep_their_contract(made: Store, name: str) -> None:
    assert check_table(made, name) == []


def test_nothing_is_done_twice_and_two_stores_get_the_same_bytes(made: Store, tmp_path: Path) -> None:
    before = contents(made)
    assert not build_lyric_lines(made, LINES, silent)
    assert not build_principal_vectors(made, PRINCIPAL, {}, silent)
    for feature in (LINES, PRINCIPAL):
        (made.feature(feature.name, "music4all") / FILE).unlink()
    assert build_lyric_lines(made, LINES, silent)
    assert build_principal_vectors(made, PRINCIPAL, {}, silent)
    assert contents(made) == before
    other = make_store(tmp_path)
    build_lyric_lines(other, LINES, silent)
    build_principal_vectors(other, PRINCIPAL, {}, silent)
    assert contents(other) == before


def test_a_killed_extraction_keeps_its_finished_shards(made: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(made)
    folder = made.feature(PRINCIPAL.name, "music4all")
    monkeypatch.setattr(principal_vectors, "TRACKS_PER_SHARD", 5)
    monkeypatch.setattr("pipelines.parallel.available_cores", lambda: 1)
    (folder / FILE).unlink()
    assert build_principal_vectors(made, PRINCIPAL, {}, silent)
    shards = sorted(folder.glob("shard-*.parquet"))
    times = [shard.stat().st_mtime_ns for shard in shards]
    (folder / FILE).unlink()
    shards[0].unlink()
    assert build_principal_vectors(made, PRINCIPAL, {}, silent)
    again = [shard.stat().st_mtime_ns for shard in shards]
    assert (again[0] != times[0], again[1:]) == (True, times[1:])
    monkeypatch.undo()
    (folder / FILE).unlink()
    build_principal_vectors(made, PRINCIPAL, {}, silent)
    assert contents(made) == before


def test_another_vocabulary_than_that_of_the_shards_is_refused(made: Store) -> None:
    folder = made.feature(LINES.name, "music4all")
    spec = open_feature(folder).spec
    file = folder / FILE
    whole = file.read_bytes()
    file.write_bytes((made.feature(PRINCIPAL.name, "music4all") / FILE).read_bytes()[:-1])
    with pytest.raises(DataError, match="was made with another vocabulary"):
        read_vocabulary(folder, spec)
    file.unlink()
    with pytest.raises(DataError, match="no vocabulary that can be read"):
        read_vocabulary(folder, spec)
    file.write_bytes(whole)


def test_the_configured_network_gives_the_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert principal_vectors.choose_backend({}).name == "static"
    with pytest.raises(DatasetError, match=r"MGC_ELMO_DIR = .*expected one options.json, found none"):
        principal_vectors.choose_backend({"elmo": str(tmp_path), "bert": "any"})
    monkeypatch.setattr(principal_vectors, "SETTINGS", {**principal_vectors.SETTINGS, "backend": "bert"})
    with pytest.raises(DatasetError, match="expected MGC_BERT to be set"):
        principal_vectors.choose_backend({})


def test_what_is_made_names_known_vocabularies() -> None:
    assert [(feature.name, feature.lyrics) for feature in features_config.lyric_lines()] == [
        ("lyric_lines_m4a", "music4all"),
        ("lyric_lines_fma", "fma"),
    ]
    assert features_config.principal_vectors().members == "corpus.m4a"
