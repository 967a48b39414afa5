"""Whole runs of the other kinds: one genre per track, a validation part, emotions, tracks without lyrics."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_fused_models import HAN_CNN, WONG
from test_ru_baselines import PANDEYA
from tiny_job import INCEPTION, TRACKS, make_run, make_store, write_job, write_vectors, write_words

from mgc_models import train as cli
from mgc_models.checkpoints import read_weights
from mgc_models.metrics import best_threshold, example_based
from mgc_models.single_label import single_label_scores

WORDS = {"feature": "lyric_lines", "lines": 3, "words_per_line": 4}
VECTORS = {"feature": "word_vectors", "max_words": 5}


@pytest.fixture(autouse=True)
def keep_signal_handlers(monkeypatch):
    monkeypatch.setattr(cli, "watch_for_stop", lambda: lambda: None)


@pytest.fixture
def store(tmp_path):
    made = make_store(tmp_path)
    names = [(number, f"t{number:02d}") for number in range(26) if number % 4]
    write_words(made, names)
    write_vectors(made, names)
    path = tmp_path / TRACKS
    emotion = [None if number % 5 == 0 else [number / 26, 0.5] for number in range(26)]
    table = pq.read_table(path)
    pq.write_table(table.append_column("emotion", pa.array(emotion, pa.list_(pa.float32()))), path)
    return made


def run_of(model, classification="bce", split="folds", evaluate=None, loss=None, **train):
    run = make_run("run0", model, **train)
    run["settings"]["loss"] = {"classification": classification, **(loss or {})}
    run["settings"]["evaluate"] |= evaluate or {}
    run["settings"]["words"], run["settings"]["vectors"] = WORDS, VECTORS
    run["data"]["split"] = split
    return run


def executed(store, run):
    assert cli.main([str(write_job(store, [run]))]) == 0
    folder = store.run("run0")
    return json.loads((folder / "result.json").read_text()), pq.read_table(folder / "predictions.parquet").to_pydict()


def test_of_tracks_with_one_genre_each_the_first_counts(store):
    run = run_of(HAN_CNN, "cross_entropy", epochs=1, optimiser="sgd")
    result, predictions = executed(store, run)
    rows = [number for number in range(0, 26, 3) if number % 5 != 4]
    assert predictions["track_id"] == [f"t{number:02d}" for number in rows]
    classes = np.array([labels[0] for labels in predictions["labels"]])
    assert all(len(labels) == 1 for labels in predictions["labels"])
    logits = np.array(predictions["scores"], np.float32)
    genres = ["rock", "pop", "jazz", "polka"]
    whole = single_label_scores(classes, logits, genres)
    covered = np.array([number % 4 > 0 for number in rows])
    part = single_label_scores(classes[covered], logits[covered], genres)
    assert result["scores"] == whole | {f"covered/{name}": value for name, value in part.items()}
    assert result["tracks_unlabelled"] == 0


def test_the_threshold_is_tuned_on_the_validation_part_and_reported_beside_the_fixed_one(store, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "mgc_models.results.best_threshold",
        lambda labels, logits: seen.append(len(labels)) or best_threshold(labels, logits),
    )
    run = run_of(
        INCEPTION, split="train_validation_test", evaluate={"tune_threshold": True}, epochs=2, keep="best", stop_after=5
    )
    result, predictions = executed(store, run)
    assert seen == [9]
    assert predictions["track_id"] == [f"t{number:02d}" for number in range(2, 26, 3)]
    scores = result["scores"]
    labels = np.array([[genre in row for genre in range(4)] for row in predictions["labels"]])
    labelled = labels.any(axis=1)
    logits = np.array(predictions["scores"], np.float32)
    for suffix, threshold in (("", -1.5), ("_tuned", scores["threshold_tuned"])):
        expected = example_based(labels[labelled], logits[labelled] > threshold)
        assert {name: scores[f"{name}{suffix}"] for name in expected} == expected
    assert [entry["metric"] for entry in result["epochs"]].count("validation_f1") == 2


@pytest.mark.parametrize(
    "model", [WONG, PANDEYA, HAN_CNN | {"modalities": ["lyrics"]}], ids=lambda model: model["name"]
)
def test_every_kind_of_lyrics_reaches_its_model(store, model):
    result, _ = executed(store, run_of(model, epochs=1))
    assert 0 <= result["scores"]["covered/f1"] <= 1
    metadata = read_weights(store.run("run0") / "model.safetensors")[1]
    assert ("words" in metadata, "vectors" in metadata) == (
        model["name"] != "wong_chemelli",
        model["name"] == "wong_chemelli",
    )


def test_emotions_are_learnt_beside_genres_or_their_absence_told(store, capfd):
    run = run_of(PANDEYA, loss={"emotion_weight": 1.0}, epochs=1)
    result, _ = executed(store, run)
    assert {"loss", "classification_loss", "emotion_loss"} <= {entry["metric"] for entry in result["epochs"]}
    (store.run("run0") / "result.json").unlink()
    path = store.root / TRACKS
    pq.write_table(pq.read_table(path).drop_columns(["emotion"]), path)
    assert cli.main([str(write_job(store, [run]))]) == 1
    assert "expected a column emotion" in capfd.readouterr().err


def test_bands_of_the_training_part_are_stored_with_the_weights(store):
    run = run_of(INCEPTION, epochs=1)
    run["settings"]["audio"] = {"feature": "fbank_16k", "crop_frames": 96, "standardise": "bands"}
    executed(store, run)
    audio = read_weights(store.run("run0") / "model.safetensors")[1]["audio"]
    assert len(audio["band_mean"]) == len(audio["band_std"]) == 128
    assert audio["mean"] is None


def test_a_learnable_temperature_is_learnt_and_not_stored(store):
    run = run_of(PANDEYA, loss={"contrastive_weight": 1.0, "learnable_temperature": True}, epochs=1)
    result, _ = executed(store, run)
    weights = read_weights(store.run("run0") / "model.safetensors")[0]
    assert "log_temperature" not in weights
    buffers = sum(weights[name].numel() for name in weights if "running" in name or "num_batches" in name)
    assert result["parameters"] == sum(tensor.numel() for tensor in weights.values()) - buffers
