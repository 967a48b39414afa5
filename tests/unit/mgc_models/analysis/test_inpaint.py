"""Hidden parts of spectrograms, filled in by a pretrained model."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from mgc_models.analysis import inpaint
from mgc_models.artifacts.weights import save_weights
from mgc_models.data.shape import DataShape
from mgc_models.models import build_model
from tests.unit.mgc_models.tiny_job import TRACKS, make_store
from tests.unit.mgc_models.tiny_models import model_settings
from warehouse.shards.reader import open_feature

MODEL = {
    "name": "jiang_mae",
    "modalities": ["audio", "lyrics"],
    "encoder_layers": 1,
    "joint_layers": 1,
    "decoder_layers": 1,
    "hidden": 16,
    "heads": 2,
    "intermediate": 16,
    "decoder_hidden": 16,
    "decoder_heads": 2,
}
PRETRAIN = {"epochs": 1, "batch_size": 4, "learning_rate": 1e-3, "betas": [0.9, 0.99], "weight_decay": 0.0}


def job(tmp_path: Path, *, norm_pixels: bool = False, **changes: object) -> Path:
    store = make_store(tmp_path)
    run = {
        "run_id": "pre",
        "work": "jiang2024",
        "setting_id": "s",
        "stage": "pretrain",
        "profile": "sample",
        "data_kind": "sample",
        "settings": {
            "seed": 0,
            "label_scope_policy": "drop_labels",
            "model": MODEL,
            "audio": {"feature": "fbank_16k", "crop_frames": 32, "mean": -5.081, "std": 4.4849},
            "text": {"feature": "lyric_tokens", "max_tokens": 12},
            "pretrain": {**PRETRAIN, "norm_pixels": norm_pixels},
        },
        "data": {"sources": [{"corpus": "m4a", "dataset": "music4all", "tracks": str(TRACKS), "corpus_hash": "tiny"}]},
        "weights": {},
    }
    folder = store.run("pre")
    folder.mkdir(parents=True)
    save_weights(
        folder / "model.safetensors", build_model(model_settings(MODEL), DataShape(0, n_bands=128, vocab_size=40)), {}
    )
    content = {"store": str(tmp_path), "device": "cpu", "run": run, "ratios": [0.5, 0.75], "tracks": 5, "pictures": 1}
    path = tmp_path / "job.json"
    path.write_text(json.dumps(content | {"threads": 1} | changes))
    return path


def test_the_error_is_that_of_the_hidden_cells_and_a_higher_ratio_hides_more_of_the_same(tmp_path: Path) -> None:
    assert inpaint.main([str(job(tmp_path))]) == 0
    rows = pl.read_parquet(tmp_path / "runs" / "pre" / inpaint.OUTPUT)
    assert rows.select("track_id", "mask_ratio").rows() == [
        (f"t{t:02}", ratio) for ratio in (0.5, 0.75) for t in range(5)
    ]
    few, many = rows.drop_nulls("original").sort("mask_ratio").iter_rows(named=True)
    original, hidden, filled = (np.array(few[name]).reshape(32, 128) for name in ("original", "hidden", "filled"))
    assert hidden.mean() == 0.5
    assert (np.array(many["hidden"]) >= hidden.ravel()).all()
    assert (filled[hidden == 0] == original[hidden == 0]).all()
    assert few["mse"] == pytest.approx(((filled - original)[hidden == 1] ** 2).mean(), rel=1e-4)
    stored = open_feature(tmp_path / "features" / "fbank_16k" / "music4all").read("t00")
    start = (len(stored) - 32) // 2
    crop = (stored[start : start + 32].astype(np.float32) + 5.081) / 4.4849
    assert original == pytest.approx(crop, abs=1e-3)


def test_hidden_words_are_counted_at_each_ratio_and_stop_words_among_those_guessed(tmp_path: Path) -> None:
    path = job(tmp_path, ratios=[0.25, 0.75], tracks=26)
    weights = tmp_path / "runs" / "pre" / "model.safetensors"
    model = build_model(model_settings(MODEL), DataShape(0, n_bands=128, vocab_size=40))
    with torch.no_grad():  # a model that always says word 3, of id 8
        model.decoder.heads["lyrics"].weight.zero_()
        model.decoder.heads["lyrics"].bias.copy_(torch.nn.functional.one_hot(torch.tensor(8), 40).float())
    save_weights(weights, model, {})
    assert inpaint.main([str(path)]) == 0
    rows = pl.read_parquet(weights.with_name(inpaint.OUTPUT))
    few, many = (rows.filter(mask_ratio=ratio) for ratio in (0.25, 0.75))
    assert 0 < few["words_hidden"].sum() < many["words_hidden"].sum()
    assert 0 < many["words_right"].sum() < many["words_hidden"].sum() / 4
    assert rows["stop_words_right"].sum() == 0, "word3 is no stop word"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"norm_pixels": True}, 1, "pretrain.norm_pixels = false"),
        ({"ratios": [1.5]}, 2, "ratios: expected a number below 1"),
        ({"ratios": "half"}, 2, "ratios"),
        ({"run": {}}, 2, "run_id"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], changes: dict, code: int, words: str
) -> None:
    assert inpaint.main([str(job(tmp_path, **changes))]) == code
    told = capfd.readouterr().err
    assert words in told
    assert "Traceback" not in told
