"""Corpus m4a: each track kept or excluded with its first reason, both label policies, accounting that sees losses."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from pipelines.corpora.accounting import accounting
from pipelines.corpora.build import accounting_violations, build_corpus
from pipelines.corpora.config import FOLDER, CorpusError, Language, load_corpora, load_corpus
from pipelines.corpora.select import Sources, select
from pipelines.datasets import music4all
from pipelines.datasets.ingest import build_tracks
from pipelines.genres.build import build_corpus_genres
from pipelines.lyrics.language import build_languages
from pipelines.lyrics.music4all import build_lyrics
from pipelines.tables import read_frame
from pipelines.training.inputs import NotTrainableError, write_training_inputs
from tests.unit.pipelines.tiny_music4all import ENGLISH, TRACKS, write_music4all
from warehouse.store import Store
from warehouse.tables import write_table

M4A = load_corpus("m4a")


def silent(_: str) -> None:
    return


def sources(audio: dict[str, str] | None = None, lyrics: dict[str, str] | None = None) -> Sources:
    """The tracks of tiny_music4all as tables; `audio` and `lyrics` give statuses other than ok."""
    ids = sorted(TRACKS)
    key = {"dataset": ["music4all"] * len(ids), "track_id": ids}
    labels = [TRACKS[track_id][1] for track_id in ids]
    return Sources(
        tracks=pl.DataFrame(
            {
                **key,
                "genres": [[g for g in TRACKS[track_id][0].split(",") if g] for track_id in ids],
                "language_label": labels,
            }
        ),
        languages=pl.DataFrame(
            {**key, "language_label": labels, "language_detected": [None, *["en"] * (len(ids) - 1)]}
        ),
        lyrics=pl.DataFrame({**key, "lyrics_status": [(lyrics or {}).get(track_id, "ok") for track_id in ids]}),
        audio=pl.DataFrame({**key, "audio_status": [(audio or {}).get(track_id, "ok") for track_id in ids]}),
        rejects=pl.DataFrame({"stage": ["read"], "source_file": ["id_information.csv"], "reason": ["duplicate_id"]}),
        raw_rows=len(ids) + 1,
        raw_file="id_information.csv",
    )


def reasons(exclusions: pl.DataFrame, corpus: str) -> dict[str, str]:
    return dict(exclusions.filter(pl.col("corpus") == corpus).select("track_id", "reason").rows())


def test_each_track_goes_with_its_first_reason() -> None:
    tables = sources(audio={"aaa2": "short", "bbb2": "missing"}, lyrics={"aaa3": "empty", "bbb3": "missing"})
    selection = select(M4A, tables, k=2)
    expected = {"bbb2": "language:es", "bbb3": "instrumental", "aaa3": "lyrics_empty", "aaa2": "audio_short"}
    assert reasons(selection.exclusions, "m4a") == expected
    assert sorted(selection.members["track_id"]) == ["aaa1", "bbb1", "ccc1", "ccc2"]
    steps = selection.steps.filter(pl.col("corpus") == "m4a")
    assert steps.select("rows_in", "rows_out").rows() == [(9, 9), (9, 8), (8, 6), (6, 5), (5, 4), (4, 4)]
    assert accounting(M4A, tables, selection.members, selection.steps, selection.exclusions) == []


def test_both_label_policies_and_ties_in_the_scope() -> None:
    selection = select(M4A, sources(), k=2)
    assert selection.genres == ["rock", "pop"]
    rows = {row["track_id"]: row for row in selection.members.iter_rows(named=True)}
    assert (rows["aaa3"]["genres"], rows["aaa3"]["genres_outside"]) == (["rock"], ["jazz"])
    assert {track_id for track_id, row in rows.items() if row["kept_by_drop_samples"]} == {"aaa1", "aaa2", "bbb1"}
    dropped = reasons(selection.exclusions, "m4a_drop_samples")
    assert dropped["aaa3"] == "label_outside_scope"
    assert dropped["ccc1"] == dropped["ccc2"] == "no_genre_in_scope"
    one_left_out = select(M4A, sources(), k=3).genres
    assert one_left_out == ["rock", "pop", "'; DROP TABLE"]


def test_the_scope_can_be_counted_on_all_tracks() -> None:
    on_all = replace(M4A, scope=replace(M4A.scope, counted_on="all"))
    assert select(on_all, sources(), k=3).genres == ["pop", "rock", "jazz"]
    frequency = select(M4A, sources(), k=2).frequency
    counted = {(scope, genre): tracks for scope, genre, tracks in frequency.select("scope", "genre", "tracks").rows()}
    assert (counted["all", "pop"], counted["english", "pop"], counted["m4a", "pop"]) == (3, 2, 2)


def test_another_deciding_rule_changes_who_stays() -> None:
    rules = {rule: replace(M4A, language=Language("en", rule)) for rule in ("dataset", "langdetect")}
    kept = {rule: select(corpus, sources(), 2).members.height for rule, corpus in rules.items()}
    assert kept == {"dataset": 6, "langdetect": 6}
    langdetect = select(rules["langdetect"], sources(), 2)
    assert reasons(langdetect.exclusions, "m4a") == {"aaa1": "language:unknown", "bbb3": "instrumental"}


@pytest.mark.parametrize("table", ["members", "steps", "exclusions", "raw rows"])
def test_accounting_notices_what_is_lost(table: str) -> None:
    tables = sources(audio={"aaa2": "short"})
    selection = select(M4A, tables, k=2)
    parts = {"members": selection.members, "steps": selection.steps, "exclusions": selection.exclusions}
    if table == "raw rows":
        tables = replace(tables, raw_rows=tables.raw_rows + 1)
    elif table == "steps":
        parts["steps"] = selection.steps.with_columns(pl.col("rows_out") - 1)
    else:
        parts[table] = parts[table].slice(1)
    assert accounting(M4A, tables, **parts)


def test_no_tracks_at_all_are_no_error() -> None:
    tables = sources()
    empty = {name: getattr(tables, name).clear() for name in ("tracks", "languages", "lyrics", "audio", "rejects")}
    nothing = Sources(**empty, raw_rows=0, raw_file="id_information.csv")
    selection = select(M4A, nothing, k=2)
    assert selection.members.is_empty()
    assert accounting(M4A, nothing, selection.members, selection.steps, selection.exclusions) == []


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The data part without audio extraction: every file counts as usable."""
    layout = music4all.locate(write_music4all(tmp_path / "m4a"))
    store = Store(tmp_path / "store")
    build_tracks(store, layout)
    build_lyrics(store, layout, silent)
    build_languages(store, silent)
    ids = sorted(TRACKS)
    audio = pl.DataFrame({"dataset": ["music4all"] * len(ids), "track_id": ids, "audio_status": ["ok"] * len(ids)})
    blank = ("audio_path", "duration_s", "sample_rate_hz", "channels", "peak", "bytes", "sha256", "known_issue")
    write_table(
        store, "core.audio_files", audio.with_columns(pl.lit(None).alias(name) for name in blank), part="music4all"
    )
    return store


def test_tables_are_written_once_and_again_only_after_a_change(store: Store, tmp_path: Path) -> None:
    layout = music4all.locate(tmp_path / "m4a")
    assert build_corpus(store, M4A, "real")
    assert build_corpus_genres(store, M4A, "real")
    assert accounting_violations(store) == []
    assert not any(
        [
            build_tracks(store, layout),
            build_lyrics(store, layout, silent),
            build_languages(store, silent),
            build_corpus(store, M4A, "real"),
            build_corpus_genres(store, M4A, "real"),
        ]
    )
    (layout.lyrics / "aaa1.txt").write_text(ENGLISH + "One more line that was not there\n")
    assert not build_tracks(store, layout)
    assert build_lyrics(store, layout, silent)
    assert build_languages(store, silent)
    (layout.root / "id_lang.csv").write_text((layout.root / "id_lang.csv").read_text().replace("aaa1\ten", "aaa1\tpt"))
    assert build_tracks(store, layout)
    build_lyrics(store, layout, silent)
    build_languages(store, silent)
    assert build_corpus(store, M4A, "real")
    assert "aaa1" not in read_frame(store, "corpus.m4a")["track_id"].to_list()
    assert accounting_violations(store) == []


def test_touching_a_file_changes_no_table(store: Store, tmp_path: Path) -> None:
    layout = music4all.locate(tmp_path / "m4a")
    before = {path: path.read_bytes() for path in (store.root / "tables").rglob("*.parquet")}
    for path in (layout.lyrics / "aaa1.txt", layout.root / "id_tags.csv"):
        path.touch()
    assert build_tracks(store, layout)
    assert build_lyrics(store, layout, silent)
    assert {path: path.read_bytes() for path in (store.root / "tables").rglob("*.parquet")} == before
    assert not build_languages(store, silent)


def test_training_inputs_hold_labels_folds_and_names(store: Store) -> None:
    build_corpus(store, M4A, "real")
    build_corpus_genres(store, M4A, "real")
    inputs = write_training_inputs(store, M4A, "random5", features=())
    table = pq.read_table(store.root / inputs.tracks)
    assert (table.num_rows, sum(inputs.fold_tracks.values())) == (6, 5)
    assert table.schema.metadata[b"genres"] == b'["rock", "pop", "\'; DROP TABLE", "jazz"]'
    rows = {row["track_id"]: row for row in table.to_pylist()}
    assert rows["aaa1"]["labels"] == [0, 1]
    assert rows["aaa3"]["labels"] == [3, 0]  # jazz is the rarest genre, and the track's first
    assert rows["ccc2"]["labels"] == []
    assert not rows["ccc2"]["kept_by_drop_samples"]
    assert sorted({row["fold"] for row in rows.values()}) == [0, 1, 2, 3, 4]
    before = (store.root / inputs.tracks).read_bytes()
    assert write_training_inputs(store, M4A, "random5", features=()) == inputs
    assert (store.root / inputs.tracks).read_bytes() == before


def test_a_corpus_with_too_few_tracks_says_so(store: Store) -> None:
    write_table(store, "corpus.m4a", read_frame(store, "corpus.m4a"))
    with pytest.raises(NotTrainableError, match="corpus m4a holds 0 labelled tracks, 5 folds need at least 5"):
        write_training_inputs(store, M4A, "random5", features=())


def test_every_real_song_is_accounted_for(shared_real: Path, tmp_path: Path) -> None:
    layout = music4all.locate(shared_real / "music4all_jamendo")
    store = Store(tmp_path)
    build_tracks(store, layout)
    build_lyrics(store, layout, silent)
    build_languages(store, silent)
    ids = read_frame(store, "core.tracks")["track_id"].to_list()
    there = {path.stem for path in layout.audio.iterdir()}
    status = ["ok" if track_id in there else "missing" for track_id in ids]
    audio = pl.DataFrame({"dataset": ["music4all"] * len(ids), "track_id": ids, "audio_status": status})
    blank = ("audio_path", "duration_s", "sample_rate_hz", "channels", "peak", "bytes", "sha256", "known_issue")
    write_table(
        store, "core.audio_files", audio.with_columns(pl.lit(None).alias(name) for name in blank), part="music4all"
    )
    build_corpus(store, M4A, "real")
    excluded = read_frame(store, "corpus.exclusions").filter(pl.col("corpus") == "m4a")
    counts = dict(excluded.group_by("reason").len().rows())
    assert counts == {"language:es": 11, "language:fr": 9, "language:de": 11, "audio_missing": 21}
    assert read_frame(store, "corpus.m4a").height == 8
    assert accounting_violations(store) == []
    assert read_frame(store, "core.rejects")["reason"].to_list() == ["no_row"] * 5


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('decides = "dataset"', 'decides = "nobody"', ("language.decides", "'nobody'", "langdetect")),
        ("k = 50", "k = 0", ("genre_scope.k", "at least 1")),
        ("k = 50", 'k = "50"', ("genre_scope.k", "a whole number", "'50'")),
        ("k = 50", "size = 50", ("genre_scope.size", "an unknown key")),
        ('filter = "audio"', 'filter = "sound"', ("steps[4].filter", "'sound'")),
        ('dataset = "music4all"', "", ("dataset", "the key is missing")),
        ("n = 5", "n = 1", ("folds.random5.n", "at least 2")),
        ("[language]", "[language", ("is not TOML",)),
    ],
)
def test_a_faulty_corpus_file_names_file_and_key(tmp_path: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    content = (FOLDER / "m4a.toml").read_text()
    assert old in content
    (tmp_path / "m4a.toml").write_text(content.replace(old, new, 1))
    with pytest.raises(CorpusError) as refused:
        load_corpora(tmp_path)
    assert all(word in str(refused.value) for word in ("m4a.toml", *words))


def test_an_unknown_corpus_names_the_known_ones() -> None:
    with pytest.raises(CorpusError, match="There are: fma_medium, m4a, m4a_all, msd_genius, ru87"):
        load_corpus("m4b")
