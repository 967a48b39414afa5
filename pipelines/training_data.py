"""From corpus and folds to what the plan's runs train on."""

from collections import Counter

import pyarrow.parquet as pq

from pipelines.corpora import load_corpus
from pipelines.plan import Setting, TrainingData, blocked
from pipelines.plan.status import missing_datasets
from pipelines.settings import Settings
from pipelines.transforms.training_inputs import write_training_inputs
from warehouse.store import Store


def training_data(store: Store, setting: Setting) -> TrainingData | None:
    """Write the training inputs of a setting's corpus and split if they are not there, and say where they are.

    Returns:
        None where the corpus has too few tracks to be split.
    """
    corpus = load_corpus(setting.data["corpus"])
    scheme = setting.data["scheme"]
    inputs = write_training_inputs(store, corpus, scheme)
    if inputs.path is None:
        return None
    rows = pq.read_table(store.root / inputs.path, columns=["fold", "labels"]).to_pylist()
    labelled = Counter(row["fold"] for row in rows if row["labels"])
    return TrainingData(corpus.name, corpus.dataset, scheme, inputs.corpus_hash, inputs.path.as_posix(), dict(labelled))


def reason_not_to_train(settings: Settings, setting: Setting, data: TrainingData | None) -> str:
    """Why a setting cannot be trained with this configuration; empty when it can."""
    return missing_datasets(setting.datasets, settings) or blocked(setting, data)
