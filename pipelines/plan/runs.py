"""Turns a setting into runs, and names each by what can change its result."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.plan.models import IMPLEMENTED
from pipelines.plan.schema import Plan
from warehouse.store import FORMAT_VERSION

TRAINING_VERSION = 1
"""Raised when the training code changes what equal settings come to; finished runs are then trained anew."""
RUN_ID_LENGTH = 16
STAGE = "evaluate"


@dataclass(frozen=True)
class TrainingData:
    """What a run trains on.

    Attributes:
        corpus: Name of the corpus.
        dataset: Dataset of its tracks and features.
        scheme: Split scheme.
        corpus_hash: Hash of track ids, labels, folds and feature shards.
        tracks: Path of the training-inputs file, below the store.
        fold_tracks: Tracks that have a label in scope, per fold.
    """

    corpus: str
    dataset: str
    scheme: str
    corpus_hash: str
    tracks: str
    fold_tracks: Mapping[int, int]


def canonical_json(value: Any) -> str:
    """JSON with one spelling for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def weight_identity(source: str) -> str:
    """What a pretrained source is, wherever it lies: a hash of its bytes, or the name on the hub.

    Args:
        source: A file, a folder (every file in it counts, under its name below the folder) or a hub name.
    """
    path = Path(source).expanduser()
    if not path.exists():
        return f"hub:{source}"
    files = [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file())
    digests = {
        "" if path.is_file() else found.relative_to(path).as_posix(): _file_sha256(
            found, found.stat().st_size, found.stat().st_mtime_ns
        )
        for found in files
    }
    return f"sha256:{sha256_of(digests)}"


@lru_cache(maxsize=256)
def _file_sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run_id_of(settings: Mapping[str, Any], data: Mapping[str, Any], weights: Mapping[str, str | None]) -> str:
    """Name a run by everything that can change its result, and nothing else.

    Args:
        settings: Resolved settings.
        data: The run's data; its paths do not count.
        weights: Identity of each pretrained source; None where the run starts from random weights.
    """
    return sha256_of(
        {
            "settings": settings,
            "data": {key: data[key] for key in ("corpus", "corpus_hash", "scheme", "fold")},
            "weights": weights,
            "formats": {"store": FORMAT_VERSION, "training": TRAINING_VERSION},
        }
    )[:RUN_ID_LENGTH]


def runs_for(
    plan: Plan, setting_id: str, data: TrainingData, weights: Mapping[str, str], data_kind: str
) -> list[dict[str, Any]]:
    """The runs of one setting, one per fold, as `mgc_models.train` reads them.

    Args:
        plan: The plan.
        setting_id: A setting whose model exists.
        data: Corpus, split and where they lie.
        weights: Local path or hub name per pretrained source, as configured; only those the model uses are taken.
        data_kind: `sample` or `real`.

    Returns:
        One RUN mapping per fold, in fold order.
    """
    setting = plan.settings[setting_id]
    sources = {name: weights.get(name) for name in IMPLEMENTED[setting.model]}
    identities = {name: source and weight_identity(source) for name, source in sources.items()}
    runs = []
    for fold in range(setting.folds):
        fold_data = {
            "corpus": data.corpus,
            "dataset": data.dataset,
            "scheme": data.scheme,
            "fold": fold,
            "tracks": data.tracks,
            "corpus_hash": data.corpus_hash,
        }
        runs.append(
            {
                "run_id": run_id_of(setting.settings, fold_data, identities),
                "work": setting.work,
                "setting_id": setting.setting_id,
                "stage": STAGE,
                "profile": plan.profile,
                "data_kind": data_kind,
                "settings": setting.settings,
                "data": fold_data,
                "weights": sources,
            }
        )
    return runs
