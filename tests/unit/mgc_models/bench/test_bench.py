import json

import numpy as np
import pytest
import torch

from mgc_models.bench import __main__ as cli
from mgc_models.bench.cases import DEFAULT_READING, readings
from mgc_models.bench.measure import StepClock
from mgc_models.bench.planted import plant, sounds, words

TINY = ["--device", "cpu", "--preset", "sample", "--tracks", "40", "--steps", "2", "--warmup", "1"]


def test_the_benchmark_times_both_stages_of_the_real_loop(capsys):
    assert cli.main([*TINY, "--batch-size", "4", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert set(record["stages"]) == {"pretrain", "finetune"}
    for found in record["stages"].values():
        assert found["samples_per_s"] == pytest.approx(4 / (found["step_ms"] / 1e3))
        assert 0 <= found["data_share"] < 1
        assert (found["utilisation"], found["peak_gib"]) == (None, None)
        assert found["tflop_per_step"] > 0


def test_sinusoids_to_the_letter_leave_nothing_of_the_words(capsys):
    assert cli.main(["--device", "cpu", "--preset", "sample", "--word-share", "--json"]) == 0
    shares = json.loads(capsys.readouterr().out)["word_shares"]
    assert shares["none"]["first_layer"] < 0.01
    for way in ("words", "positions", "bert_learned"):
        assert shares[way]["first_layer"] > 0.15, way


def test_the_balance_of_every_reading_is_told_and_the_letter_drowns_the_contrast(capsys):
    assert cli.main([*TINY, "--loss-balance", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["balance"]
    assert set(found) == set(readings())
    share = {name: one["norms"]["contrastive_loss"] / sum(one["norms"].values()) for name, one in found.items()}
    assert share["literal"] < 1e-3 < share[DEFAULT_READING] < share["mean"]


def test_a_rehearsal_shows_each_loss_over_time_on_tracks_that_tell_the_same_in_both(capsys):
    small = ["--device", "cpu", "--preset", "narrow", "--tracks", "16", "--rehearse", "2", "--reading", "cavmae"]
    changes = ["--set", "model.encoder_layers=1", "--set", "model.decoder_layers=1", "--set", "text.max_tokens=32"]
    assert cli.main([*small, *changes]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1] == "cavmae (chance 0.062)"
    assert shown[2].split() == ["steps", "contrastive_accuracy", "contrastive_loss", "audio_loss", "lyrics_loss"]
    assert [line.split()[0] for line in shown[3:]] == ["1", "2"]


@pytest.mark.parametrize("change", ["model.no_such=1", "model.hidden=wide"])
def test_a_setting_that_is_none_is_one_line(capsys, change):
    assert cli.main([*TINY, "--word-share", "--set", change]) == 1
    assert change.partition("=")[0] in capsys.readouterr().err


def test_planted_words_and_sounds_tell_the_poles_of_their_track():
    random = np.random.default_rng(0)
    planted = plant(random, 30, 3, 16, range(5, 100))
    tokens = list(words(random, planted, np.full(30, 200)))
    for poles, found in zip(planted.poles, tokens, strict=True):
        telling = (found[found >= planted.first_word] - planted.first_word) // 3
        assert {(pole // 2, pole % 2) for pole in telling.tolist()} == set(enumerate(poles.tolist()))
    heard = np.stack([sound.astype(float).mean(0) for sound in sounds(random, planted, 960)])
    expected = planted.shapes[np.arange(3), planted.poles].mean(1)
    assert np.corrcoef(heard.ravel(), expected.ravel())[0, 1] > 0.9


def test_the_clock_times_exactly_the_steps_asked_for():
    clock = StepClock(device=torch.device("cpu"), warmup=2, steps=3)
    assert [clock() is None for _ in range(5)] == [True, True, True, True, False]
    assert len(clock.times) == 2


def test_equal_precisions_give_equal_losses(capsys):
    assert cli.main([*TINY, "--stage", "finetune", "--compare-precisions", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["stages"]["finetune"]
    assert found["gradient_difference"] == 0
    assert all(exact == own for epoch in found["losses"] for exact, own in epoch.values())


def test_a_device_that_is_not_there_is_one_line(capsys):
    assert cli.main(["--device", "cuda:7"]) == 1
    assert "cuda:7" in capsys.readouterr().err
