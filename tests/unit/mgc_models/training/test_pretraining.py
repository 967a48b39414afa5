"""Pretraining on all tracks of one or more corpora, and fine-tuning from it."""

import json

import numpy as np
import pytest

from mgc_models import train as cli
from mgc_models.artifacts.weights import read_weights
from mgc_models.config.run import parse_run
from tests.unit.mgc_models.tiny_job import (
    FBANK,
    MAE,
    TRACKS,
    make_pretrain_run,
    make_run,
    make_store,
    run_artifacts,
    write_job,
    write_tokens,
    write_tracks,
)
from warehouse.parsing import SpecError
from warehouse.shards.writer import write_shard

SECOND = {"corpus": "msd_genius", "dataset": "msd", "tracks": "training_inputs/second.parquet", "corpus_hash": "x"}
FIRST = {"corpus": "m4a", "dataset": "music4all", "tracks": str(TRACKS), "corpus_hash": "tiny"}


@pytest.fixture(autouse=True)
def keep_signal_handlers(monkeypatch):
    monkeypatch.setattr(cli, "watch_for_stop", lambda: lambda: None)


def run_here(store, runs, **options):
    return cli.main([str(write_job(store, runs, **options))])


def result_of(store, run_id):
    return json.loads((store.run(run_id) / "result.json").read_text())


def add_second_corpus(store, tracks=7):
    """Other tracks with other genres; t00 is a track of both datasets."""
    rng = np.random.default_rng(1)
    ids = [f"t{number:02d}" if not number else f"s{number}" for number in range(tracks)]
    frames = [(name, rng.normal(size=(120, 128)).astype(np.float16)) for name in ids]
    write_shard(store.feature("fbank_16k", "msd") / "shard-00000.parquet", FBANK, frames)
    words = [(name, rng.integers(5, 40, size=6).astype(np.int32)) for name in ids]
    write_tokens(store.feature("lyric_tokens", "msd"), words)
    write_tracks(store.root / SECOND["tracks"], ids, [[0]] * tracks, genres=["anything"])


def fine_run(run_id="fine", **train):
    run = make_run(run_id, MAE, **{"epochs": 1, **train})
    run["settings"]["loss"]["contrastive_weight"] = 0.0
    return run | {"pretrained": "pre0"}


def test_a_pretraining_leaves_weights_that_a_fine_tuning_starts_from(tmp_path, capfd):
    store = make_store(tmp_path)
    naive = fine_run("naive") | {"pretrained": None}
    assert run_here(store, [make_pretrain_run(), fine_run(), naive]) == 0
    result = result_of(store, "pre0")
    assert result["tracks_train"] == 26
    assert "scores" not in result
    assert {entry["metric"] for entry in result["epochs"]} == {
        "loss", "audio_loss", "lyrics_loss", "contrastive_loss", "contrastive_accuracy", "contrastive_chance",
        "learning_rate",
    }  # fmt: skip
    assert result_of(store, "fine")["init"] == "pretrained=pre0(random)"
    assert run_artifacts(store, "fine")["model.safetensors"] != run_artifacts(store, "naive")["model.safetensors"]
    log = capfd.readouterr().err
    assert "run pre0: epoch 2/2: loss" in log
    assert "samples/s" in log
    assert not (store.run("pre0") / "predictions.parquet").exists()
    weights, metadata = read_weights(store.run("pre0") / "model.safetensors")
    assert metadata["genres"] == []
    assert not [name for name in weights if name.startswith("classifier.")]


def test_fine_tuning_starts_from_the_pretrained_weights_themselves(tmp_path):
    """With a rate that moves nothing, the encoder is still the pretrained one."""
    store = make_store(tmp_path)
    assert run_here(store, [make_pretrain_run(), fine_run(learning_rate=1e-30)]) == 0
    before, after = (read_weights(store.run(name) / "model.safetensors")[0] for name in ("pre0", "fine"))
    shared = before.keys() & after.keys()
    assert {name for name in before if not name.startswith("decoder.")} == shared
    assert all((before[name] == after[name]).all() for name in shared)


def test_tracks_of_several_corpora_are_pretrained_on_together(tmp_path):
    store = make_store(tmp_path)
    add_second_corpus(store)
    both, less = [FIRST, SECOND], make_pretrain_run("less", sources=[FIRST, SECOND], exclude_fold=1)
    assert run_here(store, [make_pretrain_run("both", sources=both), less]) == 0
    assert result_of(store, "both")["tracks_train"] == 33
    # Folds go 0, 1, 2, 0, ...: 9 of the 26 and 2 of the 7 are left out.
    assert result_of(store, "less")["tracks_train"] == 22


def test_a_missing_or_unfitting_pretraining_is_told(tmp_path, capfd):
    store = make_store(tmp_path)
    fine = fine_run()
    assert run_here(store, [fine]) == 1
    assert "pretrained = pre0: the run is not finished" in capfd.readouterr().err.splitlines()[-1]
    assert run_here(store, [make_pretrain_run(model=MAE | {"hidden": 8}), fine]) == 1
    assert "pretrained = pre0 does not fit the model" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"reconstruction_weight": 0.0}, {"contrastive_loss", "contrastive_accuracy", "contrastive_chance"}),
        ({"contrastive_weight": 0.0}, {"audio_loss", "lyrics_loss"}),
        ({"contrastive_weight": 0.0, "lyrics_weight": 0.0}, {"audio_loss"}),
    ],
)
def test_what_has_no_weight_is_left_out(tmp_path, changes, names):
    store = make_store(tmp_path)
    assert run_here(store, [make_pretrain_run(epochs=1, **changes)]) == 0
    found = {entry["metric"] for entry in result_of(store, "pre0")["epochs"]}
    assert found == names | {"loss", "learning_rate"}
    decoder = [name for name in read_weights(store.run("pre0") / "model.safetensors")[0] if name.startswith("decoder.")]
    assert bool(decoder) == ("audio_loss" in names)


@pytest.mark.parametrize("modality", ["audio", "lyrics"])
def test_one_modality_alone_reconstructs_itself(tmp_path, modality):
    store = make_store(tmp_path)
    assert run_here(store, [make_pretrain_run(epochs=1, model=MAE | {"modalities": [modality]})]) == 0
    found = {entry["metric"] for entry in result_of(store, "pre0")["epochs"]}
    assert found == {"loss", f"{modality}_loss", "learning_rate"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run["settings"].pop("pretrain"), "settings.pretrain"),
        (lambda run: run["settings"]["pretrain"].update(mask_audio=1.0), "mask_audio: expected a number below 1"),
        (lambda run: run["data"].update(sources=[]), "data.sources"),
        (lambda run: run.update(pretrained="pre1"), "pretrained: expected nothing in a pretraining"),
        (lambda run: run["data"]["sources"][0].update(tracks="../x"), r"data.sources\[0\].tracks"),
        (lambda run: run["settings"].pop("text"), "settings.text"),
    ],
)
def test_a_wrong_pretraining_is_refused(change, message):
    run = json.loads(json.dumps(make_pretrain_run()))
    assert parse_run(run | {"pretrained": None}).pretrained is None
    change(run)
    with pytest.raises(SpecError, match=message):
        parse_run(run)
