"""Corpora ru87, fma_medium and msd_genius from their readers on: who stays, why the others go, and under which rule."""

import logging
from dataclasses import replace
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines.assets.genres import genre_tables
from pipelines.assets.resources import MgcResource
from pipelines.config import Settings
from pipelines.corpora.accounting import accounting
from pipelines.corpora.build import accounting_violations, build_corpora, build_corpus, tables
from pipelines.corpora.config import FOLDER, CorpusError, Match, load_corpora, load_corpus
from pipelines.corpora.matches import build_matched_lyrics, build_matches
from pipelines.corpora.select import Sources, select
from pipelines.datasets import ingest
from pipelines.datasets.ingest import build_tracks
from pipelines.genres import build as genres_build
from pipelines.genres.build import TABLES, build_genres
from pipelines.genres.coarse import load_coarse_map
from pipelines.tables import read_frame
from tests.unit.pipelines.tiny_datasets import (
    MSD_IDS,
    MSD_ROWS,
    fma_row,
    genius_row,
    write_fma,
    write_genius,
    write_msd,
)
from warehouse.store import Store
from warehouse.tables import check_table, table_hash, write_table

RU87 = load_corpus("ru87")
DETAILS = {
    "artist": "x",
    "title": "t",
    "album": "x",
    "release_year": 2000,
    "popularity": 1.0,
    "valence": 0.5,
    "energy": 0.5,
}


def ru_sources() -> Sources:
    genre_lists = [["a", "b"], ["a"], ["a", "c"], ["b", "c"], ["c"], ["a", "b"], ["d"], ["a"]]
    rows = [
        {
            "dataset": "music4all",
            "track_id": f"t{number}",
            "artist": "x",
            **DETAILS,
            "genres": own,
            "language_label": "en",
        }
        for number, own in enumerate(genre_lists)
    ]
    rows[7] |= {"album": None}
    rows[6] |= {"artist": ""}
    tracks = pl.DataFrame(rows)
    key = tracks.select("dataset", "track_id")
    return Sources(
        tracks=tracks,
        languages=key.with_columns(pl.lit("en").alias("language_detected")),
        lyrics=key.with_columns(pl.lit("ok").alias("lyrics_status")),
        audio=key.with_columns(pl.lit("ok").alias("audio_status")),
        rejects=pl.DataFrame(schema=dict.fromkeys(("stage", "source_file", "reason"), pl.String)),
        raw_rows=8,
        raw_file="id_information.csv",
    )


def test_ru87_reports_its_size_under_every_rule() -> None:
    selection = select(RU87, ru_sources(), k=2, floor=3)
    sizes = {row["scope_rule"]: row for row in selection.sizes.iter_rows(named=True)}
    # a has 5 tracks, b and c have 3: by text, b is the second of two in scope; with a floor of 3 all three are.
    assert {rule: (row["genres_in_scope"], row["tracks"]) for rule, row in sizes.items()} == {
        "drop_samples": (2, 3), "drop_labels": (2, 5), "several": (2, 2), "floor": (3, 6),
    }  # fmt: skip
    assert [sizes[rule]["difference"] for rule in sizes] == [3 - 43650, 5 - 43650, 2 - 43650, 6 - 43650]
    assert [sizes[rule]["is_used"] for rule in sizes] == [True, False, False, False]
    excluded = selection.exclusions.filter(pl.col("corpus") == "ru87").select("track_id", "reason")
    assert sorted(excluded.rows()) == [
        ("t2", "label_outside_scope"), ("t3", "label_outside_scope"), ("t4", "no_genre_in_scope"),
        ("t6", "missing:artist"), ("t7", "missing:album"),
    ]  # fmt: skip
    alone = selection.exclusions.filter(corpus="ru87_several", reason="one_genre_alone")
    assert alone["track_id"].to_list() == ["t1"]
    assert accounting(RU87, ru_sources(), selection.members, selection.steps, selection.exclusions) == []


@pytest.mark.parametrize(("rule", "tracks"), [("drop_labels", 5), ("several", 2), ("floor", 6)])
def test_another_rule_is_a_setting(rule: str, tracks: int) -> None:
    others = tuple(other for other in RU87.scope.rules if other != rule)
    corpus = replace(RU87, scope=replace(RU87.scope, rule=rule, alternatives=others))
    selection = select(corpus, ru_sources(), k=2, floor=3)
    assert selection.members.height == tracks
    assert len(selection.genres) == (3 if rule == "floor" else 2)
    assert accounting(corpus, ru_sources(), selection.members, selection.steps, selection.exclusions) == []


FMA_ROWS = [
    fma_row(2),
    fma_row(3, subset="medium", genre_top="International", split="validation", artist_id="8"),
    fma_row(4, subset="large"),
    fma_row(5, genre_top=""),
    fma_row(98565, split="test"),
    fma_row(7, split="test", artist_id="9"),
    "broken\n",
]
SONGS = [
    genius_row(1, artist="MOTÖRHEAD", title='say "hi"', lyrics="[Intro]\nhello\nhello\n", views="3"),
    genius_row(2, artist="Motörhead", title='Say "Hi"', lyrics="seen more often", views="9"),
    genius_row(3, artist="Band", title="Two\tTabs", lyrics="normalised only"),
    genius_row(4, artist="Él", title="Tres", lyrics="hola", language="es"),
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        {
            "fma": write_fma(tmp_path / "fma", FMA_ROWS),
            "msd": write_msd(tmp_path / "msd", [*MSD_ROWS, (f"TRAAAA{9:012X}", "None", *MSD_ROWS[0][2:])]),
            "genius": write_genius(tmp_path / "song_lyrics.csv", SONGS),
        },
        store=tmp_path / "store",
    )


@pytest.fixture
def store(settings: Settings) -> Store:
    """Tracks, matches and lyrics of the three; no audio has been audited."""
    store = Store(settings.store)
    for dataset in ("fma", "msd", "genius"):
        build_tracks(store, ingest.locate(store, settings, dataset), dataset)
    assert build_matches(store, print)
    assert not build_matches(store, print)
    build_matched_lyrics(store, ingest.genius_layout(store, settings), print)
    return store


def excluded(store: Store, corpus: str) -> dict[str, str]:
    rows = read_frame(store, "corpus.exclusions").filter(pl.col("corpus") == corpus)
    return dict(rows.select("track_id", "reason").rows())


def test_all_corpora_in_one_pass_those_without_data_empty(store: Store, settings: Settings) -> None:
    statuses, changed = build_corpora(store, settings)
    unset = "not run: MGC_MUSIC4ALL_DIR is not set"
    assert statuses == {"fma_medium": "done", "m4a": unset, "m4a_all": unset, "msd_genius": "done", "ru87": unset}
    assert changed
    assert build_genres(store, settings) == (
        {"fma_medium": "done", "m4a": unset, "m4a_all": unset, "ru87": unset},
        True,
    )
    assert not build_corpora(store, settings)[1]
    assert not build_genres(store, settings)[1]
    assert accounting_violations(store) == []
    assert [check_table(store, name) for name in (*tables(), *TABLES)] == [[]] * len((*tables(), *TABLES))
    assert read_frame(store, "corpus.m4a").is_empty()
    assert "No audio of the dataset has been audited" in "".join(read_frame(store, "corpus.steps")["reason"])


def test_fma_medium_has_one_top_genre_each_and_names_what_it_leaves_out(store: Store, settings: Settings) -> None:
    build_corpora(store, settings)
    assert excluded(store, "fma_medium") == {
        "4": "subset:large", "5": "no_genre_in_scope", "98565": "known_issue:short",
    }  # fmt: skip
    members = read_frame(store, "corpus.fma_medium").select("track_id", "genres")
    assert members.rows() == [("2", ["Hip-Hop"]), ("3", ["International"]), ("7", ["Hip-Hop"])]
    steps = read_frame(store, "corpus.steps").filter(pl.col("corpus") == "fma_medium").sort("step_order")
    assert steps.select("rows_in", "rows_out").rows() == [(7, 7), (7, 6), (6, 5), (5, 4), (4, 4), (4, 3)]
    folds = read_frame(store, "corpus.folds").filter(pl.col("scheme") == "fma_shipped")
    assert folds.sort("track_id").select("track_id", "fold").rows() == [("2", 0), ("3", 1), ("7", 2)]


def test_msd_genius_takes_exact_matches_in_english_and_the_most_viewed(store: Store, settings: Settings) -> None:
    build_corpora(store, settings)
    rows = read_frame(store, "corpus.msd_genius").select("track_id", "matched_track_id", "kind", "genres").rows()
    assert rows == [(MSD_IDS[0], "2", "exact", ["rap"])]
    assert excluded(store, "msd_genius") == {
        MSD_IDS[1]: "no_match", MSD_IDS[2]: "language:es", f"TRAAAA{9:012X}": "no_match",
    }  # fmt: skip
    assert read_frame(store, "core.lyrics", "genius").filter(pl.col("track_id") == "2")["lyrics"].to_list() == [
        "seen more often"
    ]


def test_other_kinds_of_match_are_a_setting(store: Store) -> None:
    wider = replace(load_corpus("msd_genius"), match=Match("genius", ("exact", "normalised")))
    build_corpus(store, wider, "real")
    reasons = excluded(store, "msd_genius")
    assert reasons[MSD_IDS[1]] == "lyrics_missing", (
        "its lyrics were not asked for: build_matched_lyrics reads the files"
    )
    kinds = read_frame(store, "corpus.matches").select("track_id", "kind").rows()
    assert (MSD_IDS[1], "normalised") in kinds


def test_tables_hold_the_same_bytes_in_another_store(store: Store, settings: Settings, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    for dataset in ("fma", "msd", "genius"):
        build_tracks(other, ingest.locate(other, settings, dataset), dataset)
    build_matches(other, print)
    build_matched_lyrics(other, ingest.genius_layout(other, settings), print)
    for each in (store, other):
        build_corpora(each, settings)
        build_genres(each, settings)
    names = (*tables(), *TABLES)
    assert [table_hash(store, name) for name in names] == [table_hash(other, name) for name in names]


def test_audio_that_was_audited_decides(store: Store, settings: Settings) -> None:
    ids = read_frame(store, "core.tracks", "fma")["track_id"].to_list()
    status = ["missing" if track_id == "7" else "ok" for track_id in ids]
    blank = ("audio_path", "duration_s", "sample_rate_hz", "channels", "peak", "bytes", "sha256", "known_issue")
    audio = pl.DataFrame({"dataset": "fma", "track_id": ids, "audio_status": status})
    write_table(store, "core.audio_files", audio.with_columns(pl.lit(None).alias(name) for name in blank), part="fma")
    build_corpora(store, settings)
    assert excluded(store, "fma_medium")["7"] == "audio_missing"


def test_genres_without_a_coarse_genre_are_named_and_stop_nothing_at_full_size_either(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = replace(load_coarse_map(), datasets=("fma",))
    printed = [replace(corpus, printed_tracks=3) for corpus in load_corpora()]
    monkeypatch.setattr(genres_build, "load_corpora", lambda: printed)
    monkeypatch.setattr(genres_build, "load_coarse_map", lambda: mapping)
    build_corpora(store, settings)
    values = {f"{name}_dir": str(settings.datasets[name]) for name in ("fma", "msd")}
    mgc = MgcResource(store=str(settings.store), genius_csv=str(settings.datasets["genius"]), **values)
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([genre_tables], resources={"mgc": mgc}, instance=instance)
        warnings = [entry.user_message for entry in instance.all_logs(done.run_id) if entry.level == logging.WARNING]
    assert done.success
    assert [words.partition(". ")[0] for words in warnings] == [
        "Corpus fma_medium: no coarse genre for Hip-Hop, International"
    ]
    assert "coarse_genres.toml" in warnings[0]
    (coarse,) = done.asset_materializations_for_node("genres")[3:4]
    assert coarse.metadata["unmapped"].value == {"fma_medium": ["Hip-Hop", "International"]}
    assert set(read_frame(store, "genre.coarse")["status"]) == {"unmapped"}


def test_correlation_is_on_the_whole_corpus_and_on_each_training_part(store: Store, settings: Settings) -> None:
    build_corpora(store, settings)
    build_genres(store, settings)
    rows = read_frame(store, "genre.correlation").filter(pl.col("corpus") == "fma_medium")
    sets = rows.select("scheme", "split_fold").unique().sort("scheme", "split_fold").rows()
    assert sets[:2] == [("", -1), ("fma_shipped", 0)]
    own = {(r["scheme"], r["genre_a"], r["genre_b"]): r["tracks"] for r in rows.iter_rows(named=True)}
    assert own["", "Hip-Hop", "Hip-Hop"] == 2
    assert own["fma_shipped", "Hip-Hop", "Hip-Hop"] == 1
    assert own["fma_shipped", "International", "International"] == 0
    assert set(rows["name_vectors"]) == {"character_ngrams"}


@pytest.mark.parametrize(
    ("corpus", "old", "new", "words"),
    [
        (
            "ru87",
            'alternatives = ["drop_labels", "several", "floor"]',
            'alternatives = ["all"]',
            ("genre_scope.alternatives", "'all'"),
        ),
        ("ru87", "floor = 370", "floor = 0", ("genre_scope.floor", "at least 1")),
        (
            "ru87",
            "shares = [0.7, 0.1, 0.2]",
            "shares = [0.7, 0.2, 0.2]",
            ("folds.split_70_10_20.shares", "add up to 1"),
        ),
        ("ru87", 'reweight = "paper"', 'reweight = "some"', ("correlation.reweight", "paper")),
        ("msd_genius", 'kinds = ["exact"]', 'kinds = ["same"]', ("match.kinds", "fuzzy")),
        ("fma_medium", 'kind = "shipped"', 'kind = "given"', ("folds.fma_shipped.kind", "stratified")),
        ("fma_medium", "n = 5", "", ("folds.random5", "either n")),
    ],
)
def test_a_faulty_file_names_file_and_key(
    tmp_path: Path, corpus: str, old: str, new: str, words: tuple[str, ...]
) -> None:
    content = (FOLDER / f"{corpus}.toml").read_text()
    assert old in content
    (tmp_path / f"{corpus}.toml").write_text(content.replace(old, new, 1))
    with pytest.raises(CorpusError) as refused:
        load_corpora(tmp_path)
    assert all(word in str(refused.value) for word in (f"{corpus}.toml", *words))
