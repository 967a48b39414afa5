"""A planted experiment as data (TOML): its corpora, one per repetition, and the runs of its rows."""

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

import numpy as np

from mgc_models.config.run import Settings
from pipelines.corpora.config import Correlation
from pipelines.experiments.runs import TRAINING_VERSION, sha256_of
from pipelines.genres.correlation import genre_graph, name_cosine, ngram_vectors
from pipelines.planted.corpus import TRAIN, PlantedCorpus, write_corpus
from pipelines.planted.worlds import cue_world, factor_world
from warehouse.parsing import parse
from warehouse.store import FORMAT_VERSION, Store

WORKS = ("jiang2024", "ru2023")
WORLDS = {"factors": factor_world, "cues": cue_world}
PRETRAINING_SECTIONS = ("seed", "label_scope_policy", "model", "audio", "text", "pretrain")


@dataclass(frozen=True)
class Question:
    """Whether rows `with` do better than rows `without`, pair by pair."""

    text: str
    better: tuple[str, ...]
    worse: tuple[str, ...]


@dataclass(frozen=True)
class Experiment:
    """What one TOML file says.

    Attributes:
        work: Whose model.
        repetitions: Corpora, each with its own seed for data and training.
        metrics: Scores that are shown and tested; the first decides.
        corpus: What is planted.
        correlation: Rule of the genre graph, for a model that takes one.
        rows: Label and settings of each row, by id.
        questions: What is tested.
    """

    work: str
    repetitions: int
    metrics: tuple[str, ...]
    corpus: Mapping[str, Any]
    correlation: Correlation | None
    rows: Mapping[str, tuple[str, dict[str, Any]]]
    questions: tuple[Question, ...]


def read_experiment(work: str) -> Experiment:
    """Read `<work>.toml` of this package."""
    raw = tomllib.loads(resources.files(__package__).joinpath(f"{work}.toml").read_text(encoding="utf-8"))
    return Experiment(
        work=raw["work"],
        repetitions=raw["repetitions"],
        metrics=tuple(raw["metrics"]),
        corpus=raw["corpus"],
        correlation=Correlation(**raw["correlation"]) if "correlation" in raw else None,
        rows={row["id"]: (row["label"], _changed(raw["settings"], row.get("set", {}))) for row in raw["row"]},
        questions=tuple(Question(q["text"], tuple(q["with"]), tuple(q["without"])) for q in raw["question"]),
    )


def planted_corpus(experiment: Experiment, repetition: int) -> PlantedCorpus:
    """The corpus of one repetition."""
    return WORLDS[experiment.corpus["world"]](experiment.corpus, repetition)


def runs_of(experiment: Experiment, repetition: int, store: Store) -> dict[str, list[dict[str, Any]]]:
    """Write the corpus of a repetition, and give the runs of every row: its pretraining if there is one, then the test.

    Rows whose pretraining is the same share it.
    """
    corpus = planted_corpus(experiment, repetition)
    name = f"planted_{experiment.work}_{repetition:02d}"
    data = write_corpus(store, name, corpus, _correlation(experiment, corpus))
    return {
        row: _row_runs(experiment.work, row, settings, repetition, data)
        for row, (_, settings) in experiment.rows.items()
    }


def _row_runs(
    work: str, row: str, settings: Mapping[str, Any], repetition: int, data: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    settings = {**settings, "seed": repetition}
    pretraining = settings.pop("pretrain", None)
    tested = {**data["labelled"], "scheme": "planted", "fold": 0, "split": "train_validation_test"}
    if pretraining is None or not pretraining["enabled"]:
        return [_run(work, row, "finetune", settings, tested, None)]
    sections = {name: value for name, value in settings.items() if name in PRETRAINING_SECTIONS}
    first = _run(work, row, "pretrain", {**sections, "pretrain": pretraining}, {"sources": [data["all"]]}, None)
    return [first, _run(work, row, "finetune", settings, tested, first["run_id"])]


def _run(
    work: str, row: str, stage: str, settings: Mapping[str, Any], data: Mapping[str, Any], pretrained: str | None
) -> dict[str, Any]:
    versions = {"store": FORMAT_VERSION, "training": TRAINING_VERSION}
    content = {
        "stage": stage,
        "settings": asdict(parse(Settings, settings)),
        "data": data,
        "pretrained": pretrained,
        "versions": versions,
    }
    run = {
        "run_id": f"planted-{sha256_of(content)[:16]}",
        "work": work,
        "setting_id": f"planted_{work}_{row}",
        "stage": stage,
        "profile": "sample",
        "data_kind": "sample",
        "settings": dict(settings),
        "data": dict(data),
        "weights": {},
    }
    return run if pretrained is None else {**run, "pretrained": pretrained}


def _correlation(experiment: Experiment, corpus: PlantedCorpus) -> list[list[float]] | None:
    """The genre graph of the training part, by the project's own rule."""
    if experiment.correlation is None:
        return None
    own = corpus.labels[corpus.parts == TRAIN]
    members = [[corpus.genres[place] for place in np.flatnonzero(row)] for row in own]
    cosine = name_cosine(ngram_vectors(corpus.genres))
    return genre_graph(members, corpus.genres, cosine, experiment.correlation).weight.tolist()


def _changed(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with dotted keys replaced."""
    changed = copy.deepcopy(dict(settings))
    for key, value in changes.items():
        *sections, name = key.split(".")
        place = changed
        for section in sections:
            place = place[section]
        if name not in place:
            raise KeyError(f"{key}: no such setting in the base; known: {', '.join(place)}")
        place[name] = value
    return changed
