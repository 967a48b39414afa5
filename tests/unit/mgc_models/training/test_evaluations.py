"""Whole runs of the other kinds: one genre per track, a validation part, emotions, tracks without lyrics."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mgc_models import train as cli
from mgc_models.artifacts.weights import read_weights
from mgc_models.evaluation.metrics import best_threshold, example_based, single_label_scores
from tests.unit.mgc_models.models.test_fused_models import HAN_CNN, WONG
from tests.unit.mgc_models.models.test_ru_baselines import PANDEYA
from tests.unit.mgc_models.tiny_job import (
    INCEPTION,
    TRACKS,
    make_run,
    make_store,
    write_job,
    write_vectors,
    write_words,
)

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
    run["data"]["fold"] = 1
    result, predictions = executed(store, run)
    rows = [number for number in range(1, 26, 3) if number % 5 != 4]
    assert predictions["track_id"] == [f"t{number:02d}" for number in rows]
    classes = np.array([labels[0] for labels in predictions["labels"]])
    assert all(len(labels) == 1 for labels in predictions["labels"])
    logits = np.array(predictions["scores"], np.float32)
    genres = ["rock", "pop", "jazz", "polka"]
    whole = single_label_scores(classes, logits, genres)
    covered = np.array([number % 4 > 0 for number in rows])
    part = single_label_scores(classes[covered], logits[covered], genres)
    assert result["scores"] == whole | {f"covered/{name}": value for name, value in part.items()}
    occurring = {"f1": len(set(classes)), "covered/f1": len(set(classes[covered]))}
    assert result["classes_scored"] == occurring
    assert occurring["f1"] > 1


def test_tracks_without_a_genre_are_counted_where_each_has_one(store, capfd):
    """Every fifth has none: of 9 tracks to test on 2, of 17 to train on 3."""
    result, predictions = executed(store, run_of(HAN_CNN, "cross_entropy", epochs=1, optimiser="sgd"))
    assert (result["tracks_train"], result["tracks_train_unlabelled"]) == (14, 3)
    assert (result["tracks_test"], result["tracks_unlabelled"]) == (9, 2)
    assert len(predictions["track_id"]) == 7
    assert "14 tracks to train on, 7 to test on (3 and 2 more have no genre in scope" in capfd.readouterr().err


def lyrics_column(store, found):
    """Say in the tracks file which tracks have lyrics."""
    path = store.root / TRACKS
    table = pq.read_table(path)
    pq.write_table(table.append_column("has_lyrics", pa.array([found(number) for number in range(26)])), path)


@pytest.mark.parametrize("modalities", [["audio"], ["audio", "lyrics"]], ids=" ".join)
def test_scores_of_tracks_with_lyrics_are_on_the_same_tracks_in_every_fold_and_for_every_model(store, modalities):
    """A fold whose test tracks all have lyrics has these scores too; the tracks file says which have some."""
    lyrics_column(store, lambda number: number not in (1, 2))
    result, _ = executed(store, run_of(HAN_CNN | {"modalities": modalities}, "cross_entropy", epochs=1))
    scores = result["scores"]
    whole = {name: value for name, value in scores.items() if not name.startswith("covered/")}
    assert {f"covered/{name}": value for name, value in whole.items()} == {
        name: value for name, value in scores.items() if name.startswith("covered/")
    }


def test_without_a_track_that_lacks_lyrics_there_are_no_scores_apart(store):
    lyrics_column(store, lambda number: number >= 0)
    result, _ = executed(store, run_of(HAN_CNN, "cross_entropy", epochs=1))
    assert not [name for name in result["scores"] if name.startswith("covered/")]


def test_the_threshold_is_tuned_on_the_validation_part_and_reported_beside_the_fixed_one(store, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "mgc_models.training.results.best_threshold",
        lambda labels, logits: seen.append(len(labels)) or best_threshold(labels, logits),
    )
    run = run_of(
        INCEPTION,
        split="train_validation_test",
        evaluate={"tune_threshold": True},
        epochs=2,
        checkpoint="best",
        early_stopping_patience=5,
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
