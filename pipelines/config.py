"""The user's configuration, from `MGC_*` variables or Dagster config: folders, pretrained weights, profile, store."""

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from warehouse.variables import mistyped

DataKind = Literal["sample", "real"]
DATASET_VARIABLES = {
    "music4all": "MGC_MUSIC4ALL_DIR",
    "msd": "MGC_MSD_DIR",
    "genius": "MGC_GENIUS_CSV",
    "fma": "MGC_FMA_DIR",
    "fma_lyrics": "MGC_FMA_LYRICS_DIR",
}
WEIGHT_VARIABLES = {
    "bert": "MGC_BERT",
    "cavmae": "MGC_CAVMAE",
    "cavmae_nonorm": "MGC_CAVMAE_NONORM",
    "inception_v4": "MGC_INCEPTION_V4",
    "word2vec": "MGC_WORD2VEC",
    "elmo": "MGC_ELMO_DIR",
}
HUB_SOURCES = {"bert"}
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
PROFILES = ("sample", "paper", "smoke")
DEFAULT_STORE = "warehouse/store"
# What runs the steps of a job (pipelines/executors), with the package that it needs and the command that installs it.
EXECUTORS = {
    "in_process": None,
    "multiprocess": None,
    "dask": ("distributed", "pip install -e '.[dask]'"),
    "celery": ("dagster_celery", "pip install dagster-celery"),
    "k8s": ("dagster_k8s", "pip install dagster-k8s"),
}


class SettingsError(ValueError):
    """A setting that cannot be used; the message says which, what was found and how to mend it."""


@dataclass(frozen=True)
class Settings:
    """Resolved configuration.

    Attributes:
        datasets: Path per configured dataset (keys of `DATASET_VARIABLES`). Empty: the sample corpus stands in for all.
        weights: Local path or hub name per pretrained source (keys of `WEIGHT_VARIABLES`).
        profile: `sample` (tiny models), `paper` (the works' own settings) or `smoke` (one epoch, to try the machinery).
        store: Folder that everything produced goes to.
        gpus: Accelerators of each host that share a run, through torchrun; tiny profiles always use one.
        nodes: Hosts that share a run; tiny profiles always use one.
    """

    datasets: Mapping[str, Path] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    profile: str = "sample"
    store: Path = Path(DEFAULT_STORE)
    gpus: int = 1
    nodes: int = 1

    @property
    def data_kind(self) -> DataKind:
        """`sample` when no dataset is configured, else `real`; the two never share a store."""
        return "real" if self.datasets else "sample"

    def is_configured(self, dataset: str) -> bool:
        """Whether the tables of `dataset` can be filled."""
        return self.data_kind == "sample" or dataset in self.datasets


def from_values(values: Mapping[str, str]) -> Settings:
    """Read settings from a mapping of `MGC_*` names to values; empty values count as unset.

    Raises:
        SettingsError: for an unknown profile, a path that does not exist, or a number of accelerators that is none.
    """
    datasets = {name: Path(values[var]).expanduser() for name, var in DATASET_VARIABLES.items() if values.get(var)}
    for name, path in datasets.items():
        if not path.exists():
            raise SettingsError(
                f"{DATASET_VARIABLES[name]} points at {path}, which does not exist. "
                f"Set it to the folder (or file) as downloaded, or unset it to leave {name} out."
            )
    profile = values.get("MGC_PROFILE") or "sample"
    if profile not in PROFILES:
        raise SettingsError(f"MGC_PROFILE is {profile!r}; expected one of {', '.join(PROFILES)}.")
    weights = {name: values[var] for name, var in WEIGHT_VARIABLES.items() if values.get(var)}
    for name, value in weights.items():
        if not Path(value).expanduser().exists() and not (name in HUB_SOURCES and HUB_NAME.fullmatch(value)):
            raise SettingsError(
                f"{WEIGHT_VARIABLES[name]} is {value!r}, which does not exist. Set it to a local path"
                f"{' or a hub name' if name in HUB_SOURCES else ''}, or unset it to start from random weights."
            )
        path = Path(value).expanduser()
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise SettingsError(
                f"{WEIGHT_VARIABLES[name]} is {value!r}, which is neither a file nor a folder. Set it to the weights "
                "as downloaded, or unset it to start from random weights."
            )
    gpus = _count(values, "MGC_GPUS", "accelerators of each host")
    nodes = _count(values, "MGC_NODES", "hosts")
    return Settings(datasets, weights, profile, store_folder(values), gpus, nodes)


def _count(values: Mapping[str, str], variable: str, what: str) -> int:
    value = values.get(variable) or "1"
    if not value.isdecimal() or int(value) < 1:
        raise SettingsError(f"{variable} is {value!r}; expected the number of {what} that share a run, 1 or more.")
    return int(value)


def executor_name(values: Mapping[str, str]) -> str:
    """What `MGC_EXECUTOR` names; unset: all steps run in the job's own process.

    Raises:
        SettingsError: for an unknown name, or one whose package is not installed.
    """
    name = values.get("MGC_EXECUTOR") or next(iter(EXECUTORS))
    if name not in EXECUTORS:
        raise SettingsError(f"MGC_EXECUTOR is {name!r}; expected one of {', '.join(EXECUTORS)}.")
    needed = EXECUTORS[name]
    if needed and not importlib.util.find_spec(needed[0]):
        raise SettingsError(f"MGC_EXECUTOR is {name!r}, which needs the package {needed[0]}: {needed[1]}")
    if name == "dask" and not values.get("DASK_SCHEDULER_ADDRESS"):
        raise SettingsError(
            "MGC_EXECUTOR is 'dask', and DASK_SCHEDULER_ADDRESS is not set. Start `dask scheduler` and workers "
            "(docs/clusters.md), and set it to the scheduler's address, such as tcp://127.0.0.1:8786."
        )
    return name


def store_folder(values: Mapping[str, str]) -> Path:
    """Absolute path of the store that `values` name, or of the default one below the current folder."""
    return Path(values.get("MGC_STORE") or DEFAULT_STORE).expanduser().absolute()


def from_environment() -> Settings:
    """Read settings from the environment.

    Raises:
        SettingsError: as `from_values` and `executor_name`, and for a variable that looks like one of ours and is none.
    """
    if message := mistyped(os.environ):
        raise SettingsError(message)
    executor_name(os.environ)
    return from_values(os.environ)
