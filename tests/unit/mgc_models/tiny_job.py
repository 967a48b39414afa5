"""A store with a handful of tracks and jobs on it, for the tests of training."""

import hashlib
import json
import multiprocessing
import os
import socket
import sys
import uuid
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mgc_models.features.lyrics.tokens import SPECIAL_TOKENS, save_tokenizer, wordpiece_tokenizer
from mgc_models.features.lyrics.vocabulary import write_vocabulary
from warehouse.shards.writer import FeatureSpec, write_shard
from warehouse.store import Store

REPOSITORY = Path(__file__).parents[3]
GENRES = ["rock", "pop", "jazz", "polka"]
VOCABULARY = [*SPECIAL_TOKENS, *(f"word{number}" for number in range(35))]
FBANK = FeatureSpec("fbank_16k", "float16", 128, {"sample_rate_hz": 16_000})
TRACKS = Path("training_inputs/tiny.parquet")

BERT = {"name": "bert", "layers": 1, "hidden": 16, "heads": 2, "intermediate": 16}
INCEPTION = {"name": "inception_v4", "width": 0.04, "blocks": [1, 1, 1]}
ALNET = {**BERT, **INCEPTION, "name": "alnet", "fusion_width": 16, "fusion_heads": 2, "fusion_intermediate": 16} | {
    "dropout": 0.1
}


def make_store(folder, tracks=26):
    """Tracks t00, t01, ...; every fifth has no genre, and no track is a polka."""
    store, rng = Store(folder), np.random.default_rng(7)
    ids = [f"t{number:02d}" for number in range(tracks)]
    labels = [[] if number % 5 == 4 else sorted({number % 3, number % 2}) for number in range(tracks)]
    frames = [rng.normal(size=(int(rng.integers(40, 200)), 128)).astype(np.float16) for _ in ids]
    words = [rng.integers(5, 40, size=int(rng.integers(0, 20))).astype(np.int32) for _ in ids]
    write_shard(store.feature("fbank_16k", "music4all") / "shard-00000.parquet", FBANK, zip(ids, frames, strict=True))
    write_tokens(store.feature("lyric_tokens", "music4all"), zip(ids, words, strict=True))
    write_tracks(folder / TRACKS, ids, labels)
    return store


def write_tokens(folder, rows, vocabulary=VOCABULARY):
    tokenizer = folder / "tokenizer.json"
    save_tokenizer(wordpiece_tokenizer(vocabulary), tokenizer)
    digest = hashlib.sha256(tokenizer.read_bytes()).hexdigest()
    spec = FeatureSpec("lyric_tokens", "int32", 1, {"tokenizer_sha256": digest})
    write_shard(folder / "shard-00000.parquet", spec, rows)


def write_tracks(path, ids, labels, genres=GENRES):
    table = pa.table(
        {
            "track_id": ids,
            "labels": pa.array(labels, pa.list_(pa.int32())),
            "fold": pa.array([number % 3 for number in range(len(ids))], pa.int32()),
            "kept_by_drop_samples": [number % 4 != 3 for number in range(len(ids))],
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"genres": json.dumps(genres)}), path)


def write_words(store, ids, dataset="music4all", lines=3, words_per_line=4, words=6, width=5):
    """Lines of word numbers for some tracks; gives the stored array of each."""
    rng, folder = np.random.default_rng(3), store.feature("lyric_lines", dataset)
    vectors = rng.normal(size=(words, width)).astype(np.float32)
    digest = write_vocabulary(folder / "vocabulary.parquet", [f"w{n}" for n in range(words)], [1] * words, 9, vectors)
    spec = FeatureSpec("lyric_lines", "int32", words_per_line, {"vocabulary_sha256": digest})
    arrays = {name: rng.integers(1, words + 2, (1 + n % lines, words_per_line)).astype(np.int32) for n, name in ids}
    write_shard(folder / "shard-00000.parquet", spec, arrays.items())
    return arrays


def write_vectors(store, ids, dataset="music4all", layers=2, dimension=3):
    """Vectors of words for some tracks; gives the stored array of each."""
    rng, folder = np.random.default_rng(4), store.feature("word_vectors", dataset)
    spec = FeatureSpec("word_vectors", "float16", layers * dimension, {"layers": layers, "dimension": dimension})
    arrays = {name: rng.normal(size=(1 + n % 5, layers * dimension)).astype(np.float16) for n, name in ids}
    write_shard(folder / "shard-00000.parquet", spec, arrays.items())
    return arrays


def make_run(run_id="run0", model=BERT, fold=0, **train):
    return {
        "run_id": run_id,
        "work": "jiang2024",
        "setting_id": "jiang2024_test",
        "stage": "finetune",
        "profile": "sample",
        "data_kind": "sample",
        "settings": {
            "seed": 0,
            "label_scope_policy": "drop_labels",
            "model": dict(model),
            "audio": {"feature": "fbank_16k", "crop_frames": 96, "mean": -5.081, "std": 4.4849},
            "text": {"feature": "lyric_tokens", "max_tokens": 12},
            "train": {
                "epochs": 3,
                "batch_size": 4,
                "learning_rate": 1e-3,
                "betas": [0.95, 0.999],
                "weight_decay": 5e-7,
                "lr_milestones": [2],
                "lr_gamma": 0.5,
                **train,
            },
            "loss": {"classification": "bce", "contrastive_weight": 0.05, "temperature": 0.05},
            "evaluate": {"threshold_logit": -1.5, "crops": "centre"},
        },
        "data": {
            "corpus": "m4a",
            "dataset": "music4all",
            "scheme": "random5",
            "fold": fold,
            "tracks": str(TRACKS),
            "corpus_hash": "tiny",
        },
        "weights": {"bert": None, "inception_v4": None},
    }


MAE = {"name": "jiang_mae", "modalities": ["audio", "lyrics"], "encoder_layers": 1, "joint_layers": 1} | {
    "decoder_layers": 1, "hidden": 16, "heads": 2, "intermediate": 16, "decoder_hidden": 8, "decoder_heads": 2
}  # fmt: skip


def make_pretrain_run(run_id="pre0", model=MAE, sources=None, exclude_fold=None, **pretrain):
    raw = make_run(run_id, model)
    settings = {name: raw["settings"][name] for name in ("seed", "label_scope_policy", "model", "audio", "text")}
    settings["pretrain"] = {
        "epochs": 2, "batch_size": 4, "learning_rate": 1e-3, "betas": [0.95, 0.999], "weight_decay": 5e-7,
        "lr_milestones": [1], "lr_gamma": 0.5, **pretrain,
    }  # fmt: skip
    sources = sources or [{"corpus": "m4a", "dataset": "music4all", "tracks": str(TRACKS), "corpus_hash": "tiny"}]
    data = {"sources": sources, "exclude_fold": exclude_fold}
    return raw | {"stage": "pretrain", "settings": settings, "data": data}


def write_job(store, runs, name="job.json", **options):
    path = store.root / name
    path.write_text(json.dumps({"store": str(store.root), "device": "cpu", "runs": runs, "threads": 1, **options}))
    return path


# Workers are forked from a process that has torch and transformers loaded: real processes, without 5 s of imports each.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["mgc_models.training.run", "mgc_models.train"])


def start(job, target=None):
    """A process of its own that runs a job as `python -m mgc_models.train` does; its log is the file `process.log`."""
    log = Path(f"{job}.{uuid.uuid4().hex}.log")
    process = _PROCESSES.Process(target=target or run_job, args=(job, log))
    process.log = log
    process.start()
    return process


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_group(job, size=2):
    """The processes that `torchrun` would start for a job."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(size)}
    return [start(job, target=partial(run_in_group, {**place, "RANK": str(rank)})) for rank in range(size)]


def run_in_group(place, job, log):
    os.environ.update(place)
    run_job(job, log)


def run_job(job, log):
    from mgc_models.train import main

    with log.open("w") as file:
        os.dup2(file.fileno(), 2)
    sys.exit(main([str(job)]))


def train(job):
    """Run a job to its end; gives the exit status and the log."""
    process = start(job)
    process.join(300)
    return process.exitcode, process.log.read_text()


def run_artifacts(store, run_id="run0"):
    """Content of everything that must be equal in equal runs."""
    names = ("spec.json", "result.json", "predictions.parquet", "model.safetensors")
    return {name: (store.run(run_id) / name).read_bytes() for name in names}
