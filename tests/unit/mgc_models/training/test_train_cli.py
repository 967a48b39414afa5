import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from mgc_models import train as cli
from mgc_models.artifacts.weights import read_weights
from mgc_models.config.run import parse_run
from mgc_models.data.shape import DataShape
from mgc_models.evaluation.metrics import score
from mgc_models.models import build_model
from tests.unit.mgc_models.tiny_job import (
    ALNET,
    FBANK,
    GENRES,
    INCEPTION,
    REPOSITORY,
    make_run,
    make_store,
    run_artifacts,
    write_job,
)
from tests.unit.mgc_models.tiny_models import model_settings
from warehouse.shards.writer import write_shard


def run_here(job):
    return cli.main([str(job)])


@pytest.fixture(autouse=True)
def keep_signal_handlers(monkeypatch):
    monkeypatch.setattr(cli, "watch_for_stop", lambda: lambda: None)


def test_a_job_trains_every_model_and_leaves_consistent_results(tmp_path, capfd):
    store = make_store(tmp_path)
    runs = [make_run("b"), make_run("a", ALNET, fold=1), make_run("i", INCEPTION, epochs=1)]
    runs[1]["settings"]["evaluate"]["crops"] = "all"
    assert run_here(write_job(store, runs)) == 0
    log = capfd.readouterr().err
    assert "run a: epoch 3/3: loss" in log
    assert "contrastive_accuracy" in log
    for run in runs:
        _check_results(store, run)


def _check_results(store, run):
    folder = store.run(run["run_id"])
    result = json.loads((folder / "result.json").read_text())
    predictions = pq.read_table(folder / "predictions.parquet").to_pydict()
    ids = [f"t{number:02d}" for number in range(26) if number % 3 == run["data"]["fold"]]
    assert predictions["track_id"] == ids
    assert (result["tracks_train"], result["tracks_test"]) == (26 - len(ids), len(ids))
    labels = np.array([[genre in row for genre in range(4)] for row in predictions["labels"]])
    assert result["tracks_unlabelled"] == (~labels.any(axis=1)).sum() > 0
    again = score(labels, np.array(predictions["scores"], np.float32), -1.5)
    assert result["scores"] == again.values
    assert result["classes_scored"] == dict.fromkeys(("map", "f1_macro"), again.classes_scored)
    assert again.classes_scored < 4
    assert [entry["genre"] for entry in result["genre_ap"]] == GENRES
    assert result["genre_ap"][3] == {"genre": "polka", "average_precision": None, "positives": 0}
    epochs = run["settings"]["train"]["epochs"]
    assert {entry["epoch"] for entry in result["epochs"]} == set(range(1, epochs + 1))
    weights, preprocessing = read_weights(folder / "model.safetensors")
    model = build_model(
        model_settings(preprocessing["model"]), DataShape(len(preprocessing["genres"]), n_bands=128, vocab_size=40)
    )
    model.load_state_dict(weights)
    assert sum(parameter.numel() for parameter in model.parameters()) == result["parameters"]
    assert ("audio" in preprocessing, "text" in preprocessing) == (
        run["settings"]["model"]["name"] != "bert",
        run["settings"]["model"]["name"] != "inception_v4",
    )
    assert parse_run(json.loads((folder / "spec.json").read_text())) == parse_run(run)
    assert json.loads((folder / "timing.json").read_text())["sessions"] == 1
    assert not (folder / "resume.pt").exists()
    assert not list(folder.glob(".*.tmp"))


def test_a_result_depends_neither_on_the_runs_before_it_nor_on_where_features_lie(tmp_path, monkeypatch):
    one, other = make_store(tmp_path / "one"), make_store(tmp_path / "other")
    run = make_run("run0", ALNET)
    assert run_here(write_job(one, [make_run("first", fold=2), make_run("second", INCEPTION, epochs=1), run])) == 0
    monkeypatch.setattr("mgc_models.data.frames._free_bytes", lambda _device: 0)
    assert run_here(write_job(other, [run])) == 0
    assert run_artifacts(one) == run_artifacts(other)


def test_folds_and_seeds_differ(tmp_path):
    store = make_store(tmp_path)
    runs = [make_run("one"), make_run("two"), make_run("seed"), make_run("fold", fold=1)]
    runs[2]["settings"]["seed"] = 1
    assert run_here(write_job(store, runs)) == 0
    weights = {run["run_id"]: run_artifacts(store, run["run_id"])["model.safetensors"] for run in runs}
    assert weights["one"] == weights["two"]
    assert len({weights["one"], weights["seed"], weights["fold"]}) == 3


def test_a_finished_run_is_left_alone(tmp_path, capfd):
    store = make_store(tmp_path)
    job = write_job(store, [make_run()])
    assert run_here(job) == 0
    result = store.run("run0") / "result.json"
    before = result.stat().st_mtime_ns
    (store.root / "training_inputs/tiny.parquet").unlink()
    assert run_here(job) == 0
    assert result.stat().st_mtime_ns == before
    assert "runs in this job: 1; finished before: 1" in capfd.readouterr().err


def test_drop_samples_uses_only_the_tracks_it_keeps(tmp_path):
    store = make_store(tmp_path)
    run = make_run()
    run["settings"]["label_scope_policy"] = "drop_samples"
    assert run_here(write_job(store, [run])) == 0
    result = json.loads((store.run("run0") / "result.json").read_text())
    assert result["tracks_train"] + result["tracks_test"] == 20


def _bad_jobs(store):
    unknown = make_run()
    unknown["settings"]["train"]["warmup"] = 3
    return {
        "unknown key": (write_job(store, [unknown], "a.json"), "runs[0].settings.train.warmup"),
        "no store": (_without_store(store), "store: expected an existing folder"),
        "not JSON": (_text(store, "{"), "c.json: is not JSON"),
        "no file": (store.root / "absent.json", "absent.json: cannot be read: No such file"),
        "device": (write_job(store, [make_run()], "d.json", device="tpu"), "device: expected auto, cpu"),
    }


def _without_store(store):
    path = write_job(store, [make_run()], "b.json")
    path.write_text(path.read_text().replace(str(store.root), "/nowhere"))
    return path


def _text(store, text):
    path = store.root / "c.json"
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", ["unknown key", "no store", "not JSON", "no file", "device"])
def test_a_bad_job_ends_with_2_and_one_line_before_anything_is_done(tmp_path, capfd, case):
    store = make_store(tmp_path)
    job, message = _bad_jobs(store)[case]
    assert run_here(job) == 2
    log = capfd.readouterr().err
    assert message in log
    assert len(log.splitlines()) == 1
    assert not (store.root / "runs").exists()


def _extreme_features(store):
    rng = np.random.default_rng(0)
    loud = [(f"t{number:02d}", rng.uniform(-6e4, 6e4, (120, 128)).astype(np.float16)) for number in range(26)]
    write_shard(store.feature("fbank_16k", "music4all") / "shard-00000.parquet", FBANK, loud)


def _remove_features(store):
    (store.feature("fbank_16k", "music4all") / "shard-00000.parquet").unlink()


def _small_crops(run):
    run["settings"]["audio"]["crop_frames"] = 20


def _huge_rate(run):
    run["settings"]["train"]["learning_rate"] = 1e30


FAILURES = {
    "diverges": (_extreme_features, _huge_rate, "not a finite number"),
    "no features": (_remove_features, lambda _: None, "No shards in"),
    "crop too short": (lambda _: None, _small_crops, "T and bands at least 75"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failed_run_ends_with_1_and_a_message_that_names_it(tmp_path, capfd, case):
    change_store, change_run, message = FAILURES[case]
    store, run = make_store(tmp_path), make_run("run9", INCEPTION)
    change_store(store)
    change_run(run)
    assert run_here(write_job(store, [run])) == 1
    log = capfd.readouterr().err
    assert message in log.splitlines()[-1]
    assert "run run9: " in log.splitlines()[-1]
    assert "Traceback" not in log
    events = [json.loads(line) for line in (store.run("run9") / "events.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "failed"
    assert message in events[-1]["message"]
    assert not (store.run("run9") / "result.json").exists()


def test_help_tells_what_it_writes_and_its_exit_status(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("JOB.json", "result.json", "resume.pt", "exit status"))


def test_the_real_command_reports_through_its_log_and_status(tmp_path):
    store = make_store(tmp_path)
    job = write_job(store, [make_run()])
    command = [sys.executable, "-m", "mgc_models.train", str(job)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    log = done.stderr
    assert done.returncode == 0, log
    assert "run run0: done in" in log
