"""Audio of MSD and FMA: each decoded into its own spectrograms, byte-duplicates found, known faults marked."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.config import Settings
from pipelines.datasets import ingest
from pipelines.datasets.ingest import build_tracks
from pipelines.features.audio import audio_outputs, build_audio
from pipelines.features.audio_sources import audio_source
from pipelines.features.config import audio_datasets, spectrogram_specs
from pipelines.features.duplicates import build_duplicates
from pipelines.tables import read_frame
from tests.unit.pipelines.tiny_datasets import MSD_IDS, fma_row, write_fma, write_msd
from tests.unit.pipelines.tiny_music4all import write_audio
from warehouse.shards.reader import open_feature
from warehouse.store import Store
from warehouse.tables import check_table

KNOWN_SHORT = 98565


def silent(_: str) -> None:
    return


def audio_at(root: Path, name: str, duration_s: float = 1.5, **noise: float) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    write_audio(root / name, duration_s, **noise)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    msd = write_msd(tmp_path / "msd")
    audio_at(msd, "audio/8/9/8947470.clip.wav", seed=1)
    audio_at(msd, f"audio/{MSD_IDS[1]}.wav", seed=2)
    audio_at(msd, "audio/nobody.wav", seed=3)
    rows = [fma_row(number) for number in (2, 3, 4, 5, KNOWN_SHORT)]
    fma = write_fma(tmp_path / "fma", [*rows, fma_row(6, subset="large"), fma_row(7, subset="large")])
    for number in (2, 3, 6):
        audio_at(fma, f"fma_medium/000/{number:06}.wav", 2.0, seed=number % 2)
    audio_at(fma, f"fma_medium/098/{KNOWN_SHORT:06}.wav", 0.5)
    audio_at(fma, "fma_medium/000/000099.wav")
    (fma / "fma_medium" / "000" / "000005.mp3").write_bytes(b"")
    return Settings({"msd": msd, "fma": fma}, store=tmp_path / "store")


@pytest.fixture
def store(settings: Settings) -> Store:
    made = Store(settings.store)
    for dataset in ("msd", "fma"):
        build_tracks(made, ingest.locate(made, settings, dataset), dataset)
        assert build_audio(made, audio_source(made, settings, dataset), silent)
    build_duplicates(made)
    return made


def test_every_dataset_gets_the_spectrograms_that_the_file_names(store: Store, settings: Settings) -> None:
    assert audio_datasets() == ["music4all", "msd", "fma"]
    assert [spec.name for spec in spectrogram_specs("music4all")] == ["fbank_16k", "logmel_22k"]
    fbank = open_feature(store.feature("fbank_16k", "msd"))
    assert {track_id: fbank.read(track_id).shape for track_id in fbank.track_ids} == dict.fromkeys(
        MSD_IDS[:2], (148, 128)
    )
    images = open_feature(store.feature("spec_500x1500", "fma"))
    assert {track_id: images.read(track_id).shape for track_id in images.track_ids} == dict.fromkeys(
        ("2", "3", "6"), (1500, 500)
    )
    assert np.std(images.read("2")[:200].astype(np.float32)) > 0.1
    parts = read_frame(store, "feature.shards").select("feature", "dataset").unique().sort("dataset")
    assert parts.rows() == [("spec_500x1500", "fma"), ("fbank_16k", "msd")]
    assert not any(build_audio(store, audio_source(store, settings, name), silent) for name in ("msd", "fma"))
    written = {table for dataset in ("msd", "fma") for outputs in audio_outputs(dataset) for table in outputs}
    assert [check_table(store, table) for table in (*written, "core.audio_duplicates")] == [[]] * (len(written) + 1)


def test_the_audit_holds_what_is_there_or_promised_and_marks_known_faults(store: Store) -> None:
    audit = read_frame(store, "core.audio_files", "fma").sort("track_id")
    assert audit.select("track_id", "audio_status", "known_issue").rows() == [
        ("2", "ok", None), ("3", "ok", None), ("4", "missing", None), ("5", "unreadable", None), ("6", "ok", None),
        (str(KNOWN_SHORT), "short", "short"),
    ]  # fmt: skip
    assert read_frame(store, "core.audio_files", "msd")["track_id"].sort().to_list() == MSD_IDS[:2]
    rejects = read_frame(store, "core.rejects").filter(pl.col("stage") == "audio")
    assert sorted(rejects.select("dataset", "source_file", "reason").rows()) == [
        ("fma", "fma_medium/000/000004.mp3", "audio_missing"),
        ("fma", "fma_medium/000/000005.mp3", "audio_unreadable"),
        ("fma", "fma_medium/000/000099.wav", "not_in_tracks_csv"),
        ("fma", f"fma_medium/098/{KNOWN_SHORT:06}.wav", "audio_short"),
        ("msd", "audio/nobody.wav", "unexpected_file"),
    ]


def test_files_with_equal_bytes_are_listed_and_empty_ones_are_not(store: Store, settings: Settings) -> None:
    listed = read_frame(store, "core.audio_duplicates").select("dataset", "track_id", "copies").rows()
    assert sorted(listed) == [("fma", "2", 2), ("fma", "6", 2)]
    assert not build_duplicates(store)
    clips = settings.datasets["fma"] / "fma_medium" / "000"
    write_audio(clips / "000006.wav", 2.0, seed=9)
    build_audio(store, audio_source(store, settings, "fma"), silent)
    assert build_duplicates(store)
    assert read_frame(store, "core.audio_duplicates").is_empty()
