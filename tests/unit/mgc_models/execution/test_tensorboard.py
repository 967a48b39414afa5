"""Scalars go to TensorBoard where it is installed, and nothing happens where it is not."""

import logging
import sys
from types import ModuleType

from mgc_models import train as cli
from mgc_models.execution import run_log
from tests.unit.mgc_models.tiny_job import MAE, make_pretrain_run, make_store, write_job


def test_every_epoch_reaches_the_writer_with_the_numbers_of_the_log(tmp_path, monkeypatch):
    written = []

    class SummaryWriter:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            written.append((self.folder, name, value, step))

        def flush(self):
            pass

    fake = ModuleType("torch.utils.tensorboard")
    fake.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    monkeypatch.setattr(run_log, "_is_installed", lambda: True)
    monkeypatch.setattr(cli, "watch_for_stop", lambda: lambda: None)
    store = make_store(tmp_path)
    assert cli.main([str(write_job(store, [make_pretrain_run(model=MAE)]))]) == 0
    assert {folder for folder, *_ in written} == {str(store.run("pre0"))}
    losses = {step: value for _, name, value, step in written if name == "loss"}
    assert list(losses) == [26, 52]
    assert {"audio_loss", "lyrics_loss", "contrastive_accuracy", "learning_rate"} <= {name for _, name, *_ in written}


def test_without_the_package_one_line_says_how_to_get_it(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(run_log, "_is_installed", lambda: False)
    monkeypatch.setattr(run_log, "_said", [])
    caplog.set_level(logging.INFO)
    for _ in range(2):
        run_log.scalar_writer(tmp_path, logging.getLogger("test"))(1, {"loss": 2.0})
    assert caplog.text.count("pip install -e '.[tensorboard]'") == 1
    assert not list(tmp_path.iterdir())
