"""From corpus and folds to what the plan's runs train on."""

from collections import Counter
from dataclasses import dataclass

import pyarrow.parquet as pq

from pipelines.corpora import load_corpus
from pipelines.plan import Setting, TrainingData, blocked
from pipelines.plan.status import missing_datasets
from pipelines.settings import Settings
from pipelines.transforms.training_inputs import write_training_inputs
from warehouse.store import Store
from warehouse.tables import table_files


@dataclass(frozen=True)
class NotTrainable:
    """Why a setting cannot be trained with this configuration and these data."""

    reason: str


def training_data(store: Store, settings: Settings, setting: Setting) -> TrainingData | NotTrainable:
    """Write the training inputs of a setting's corpus and split if they are not there, and say where they are."""
    if missing := missing_datasets(setting.datasets, settings):
        return NotTrainable(missing)
    corpus, scheme = load_corpus(setting.data["corpus"]), setting.data["scheme"]
    if not table_files(store, "corpus.folds"):
        return NotTrainable(f"corpus {corpus.name} has not been built yet (`dagster job execute -j data`)")
    inputs = write_training_inputs(store, corpus, scheme)
    if inputs.path is None:
        return NotTrainable(inputs.status)
    rows = pq.read_table(store.root / inputs.path, columns=["fold", "labels"]).to_pylist()
    labelled = Counter(row["fold"] for row in rows if row["labels"])
    data = TrainingData(corpus.name, corpus.dataset, scheme, inputs.corpus_hash, inputs.path.as_posix(), dict(labelled))
    reason = blocked(setting, data)
    return NotTrainable(reason) if reason else data
