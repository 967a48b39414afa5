"""Settings come from MGC_* values; what cannot be used stops with one message that says how to mend it."""

import dataclasses
import os
from pathlib import Path

import polars as pl
import pytest

from pipelines.config import Settings, SettingsError, from_values
from pipelines.tables import open_store, write_empty
from warehouse.claim import claim
from warehouse.store import Store, StoreError
from warehouse.tables import write_table


def test_without_a_dataset_the_sample_corpus_stands_in_for_all_of_them() -> None:
    settings = from_values({})
    assert settings.data_kind == "sample"
    assert settings.profile == "sample"
    assert settings.is_configured("fma")


def test_with_a_dataset_only_what_is_set_is_used(tmp_path: Path) -> None:
    settings = from_values({"MGC_MUSIC4ALL_DIR": str(tmp_path), "MGC_MSD_DIR": ""})
    assert settings.data_kind == "real"
    assert settings.is_configured("music4all")
    assert not settings.is_configured("msd")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"MGC_MUSIC4ALL_DIR": "/nowhere/music4all"}, ["MGC_MUSIC4ALL_DIR", "/nowhere/music4all", "does not exist"]),
        ({"MGC_PROFILE": "papper"}, ["MGC_PROFILE", "papper", "sample, paper"]),
        ({"MGC_CAVMAE": "cav-mae-scale++"}, ["MGC_CAVMAE", "local path", "random weights"]),
        ({"MGC_BERT": "./bert folder"}, ["MGC_BERT", "hub name"]),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_mend(values: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        from_values(values)
    assert all(word in str(error.value) for word in words)


def test_bert_may_be_a_hub_name() -> None:
    assert from_values({"MGC_BERT": "google-bert/bert-base-uncased"}).weights["bert"] == "google-bert/bert-base-uncased"


@pytest.mark.parametrize(("data_kind", "profile"), [("real", "sample"), ("sample", "paper"), ("real", "paper")])
def test_a_store_belongs_to_one_kind_of_data_and_one_profile(tmp_path: Path, data_kind: str, profile: str) -> None:
    store = Store(tmp_path / "store")
    claim(store, "sample", "sample")
    claim(store, "sample", "sample")
    with pytest.raises(StoreError) as error:
        claim(store, data_kind, profile)
    assert f"MGC_PROFILE={profile} dagster job execute -j full_repro" in str(error.value)
    assert f"MGC_STORE={store.root}-{'real' if data_kind == 'real' else 'paper'} " in str(error.value)


@pytest.mark.parametrize("profiles", [["smoke", "smoke"], []])
def test_a_store_of_an_earlier_version_has_the_profile_of_its_runs(tmp_path: Path, profiles: list[str]) -> None:
    store = Store(tmp_path)
    (tmp_path / "store.json").write_text('{"data_kind": "sample", "format_version": 1}')
    if profiles:
        # Of an earlier contract: the other columns are none of this one's.
        path = store.table("run.runs") / "all.parquet"
        path.parent.mkdir(parents=True)
        pl.DataFrame({"profile": profiles}).write_parquet(path)
        with pytest.raises(StoreError, match="profile smoke"):
            claim(store, "sample", "paper")
    claim(store, "sample", "smoke")
    with pytest.raises(StoreError, match="profile smoke"):
        claim(store, "sample", "sample")


def test_weights_that_are_no_file_are_refused_before_anything_opens_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    for name in ("fifo", "link"):
        with pytest.raises(SettingsError, match=r"MGC_WORD2VEC is .* neither a file nor a folder"):
            from_values({"MGC_WORD2VEC": str(tmp_path / name)})


def test_a_dataset_that_was_read_is_not_emptied_when_its_variable_is_gone(tmp_path: Path) -> None:
    both = Settings({"music4all": tmp_path, "fma": tmp_path}, store=tmp_path / "store")
    store = open_store(both)
    row = {"dataset": "fma", "source_file": "tracks.csv", "rows": 1, "bytes": 1, "sha256": "0"}
    write_table(store, "core.raw_files", pl.DataFrame([row]), part="fma")
    write_empty(store, {"core.raw_files": "msd"})
    open_store(both)
    with pytest.raises(StoreError, match=r"MGC_FMA_DIR is not set.*Set MGC_FMA_DIR again.*MGC_STORE="):
        open_store(dataclasses.replace(both, datasets={"music4all": tmp_path}))
