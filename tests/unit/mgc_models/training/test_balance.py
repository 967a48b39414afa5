"""How much each term of a loss moves the weights, and who is told."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mgc_models import train as cli
from mgc_models.bench.cases import DEFAULT_READING, readings
from mgc_models.training.balance import DROWNED, first_batch, loss_balance
from tests.unit.mgc_models.tiny_job import make_pretrain_run, make_store, write_job
from tests.unit.mgc_models.tiny_models import CASES, TRACKS, built
from tests.unit.mgc_models.tiny_runtime import runtime_in


@pytest.fixture(autouse=True)
def keep_signal_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "watch_for_stop", lambda: lambda: None)


def test_norms_are_those_of_each_weighted_term_and_double_with_its_weight(tmp_path: Path) -> None:
    found = {}
    for weight in (1.0, 2.0):
        case = replace(CASES["jiang_mae-pretraining"], pretrain={"contrastive_weight": weight})
        model, task, _ = built(case)
        state = torch.get_rng_state()
        found[weight] = loss_balance(
            model, task, first_batch(task, TRACKS, 5, torch.device("cpu")), runtime_in(tmp_path)
        )
        assert torch.equal(torch.get_rng_state(), state)
        assert all(parameter.grad is None for parameter in model.parameters())
    one, two = found[1.0], found[2.0]
    assert set(one.norms) == {"audio_loss", "lyrics_loss", "contrastive_loss"}
    assert two.norms["contrastive_loss"] == pytest.approx(2 * one.norms["contrastive_loss"])
    assert two.norms["audio_loss"] == pytest.approx(one.norms["audio_loss"])
    assert two.cosines == pytest.approx(one.cosines)
    assert sum(one.shares.values()) == pytest.approx(1)


def events(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_a_pretraining_tells_the_balance_of_its_losses_once_and_warns_of_a_drowned_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = make_store(tmp_path)
    default = readings()[DEFAULT_READING]
    runs = [
        make_pretrain_run("drowned", **{**default, "contrastive_weight": 1e-7}),
        make_pretrain_run("plain", **default),
    ]
    runs.append(make_pretrain_run("one_term", reconstruction_weight=0.0))
    with caplog.at_level(logging.WARNING):
        assert cli.main([str(write_job(store, runs))]) == 0
    shares = {}
    for run in runs:
        told = [event for event in events(store.run(run["run_id"])) if event["event"] == "loss_balance"]
        assert len(told) == (run["run_id"] != "one_term")
        shares[run["run_id"]] = told and told[0]["share of contrastive_loss"]
    assert shares["drowned"] < DROWNED < shares["plain"]
    warned = [record.getMessage() for record in caplog.records if "hardly be learnt" in record.getMessage()]
    assert [message.split()[1].rstrip(":") for message in warned] == ["drowned"]
