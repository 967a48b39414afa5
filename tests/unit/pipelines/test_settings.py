"""Settings come from MGC_* values; what cannot be used stops with one message that says how to mend it."""

from pathlib import Path

import pytest

from pipelines.settings import SettingsError, from_values
from warehouse.store import Store, StoreError


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


def test_sample_and_real_data_never_share_a_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.claim("sample")
    store.claim("sample")
    with pytest.raises(StoreError, match="MGC_STORE"):
        store.claim("real")
