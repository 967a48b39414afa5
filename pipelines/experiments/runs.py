"""Turns settings and pretrainings into runs, and names each run by what can change its result."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mgc_models.config.run import DataSpec, FinetuneRun, PretrainData, PretrainRun, Settings, Source
from pipelines.config import DataKind
from pipelines.experiments.plan import IMPLEMENTED, Plan, Pretraining, Setting
from pipelines.experiments.schema import FINETUNE, PRETRAIN
from warehouse.store import FORMAT_VERSION


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


TRAINING_VERSION = 4
"""Raised when the training code changes what equal settings come to; finished runs are then trained anew."""
RUN_ID_LENGTH = 16


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


def run_id_of(
    settings: Settings,
    data: Mapping[str, Any],
    weights: Mapping[str, str | None],
    pretrained: str | None = None,
) -> str:
    """Name a run by everything that can change its result, and nothing else.

    Args:
        settings: As training reads them; what an experiment leaves to a default counts too.
        data: What it is trained on: names, hashes and fold, no paths.
        weights: Identity of each pretrained source; None where the run starts from random weights.
        pretrained: run_id of the pretraining it starts from.
    """
    return sha256_of(
        {
            "settings": asdict(settings),
            "data": data,
            "weights": weights,
            "pretrained": pretrained,
            "formats": {"store": FORMAT_VERSION, "training": TRAINING_VERSION},
        }
    )[:RUN_ID_LENGTH]


def weights_of(setting: Setting, weights: Mapping[str, str]) -> dict[str, str | None]:
    """Where each pretrained source that the model can use is; None where it starts from random weights.

    A pretraining that predicts patches as they are starts from the checkpoint that did, where there is one.
    """
    used = weights if setting.init == "configured" else {}
    pretrain = setting.settings.pretrain
    is_plain = pretrain is not None and not pretrain.norm_pixels
    left = "cavmae" if is_plain and used.get("cavmae_nonorm") else "cavmae_nonorm"
    return {name: None if name == left else used.get(name) for name in IMPLEMENTED[setting.model]}


def identities(sources: Mapping[str, str | None]) -> dict[str, str | None]:
    """What each pretrained source is, wherever it lies."""
    return {name: source and weight_identity(source) for name, source in sources.items()}


def pretrain_runs(
    plan: Plan, pretraining: Pretraining, sources: Sequence[Source], weights: Mapping[str, str], data_kind: DataKind
) -> list[PretrainRun]:
    """The runs of a pretraining: one, or one for every fold that is left out.

    Args:
        plan: The plan.
        pretraining: One of it.
        sources: Its corpora and where they lie.
        weights: Local path or hub name per pretrained source, as configured.
        data_kind: `sample` or `real`.
    """
    places = weights_of(pretraining.setting, weights)
    content = [{"corpus": source.corpus, "corpus_hash": source.corpus_hash} for source in sources]
    return [
        PretrainRun(
            run_id=run_id_of(
                pretraining.settings,
                {"sources": content, **({} if fold is None else {"exclude_fold": fold})},
                identities(places),
            ),
            work=pretraining.work,
            setting_id=pretraining.name,
            stage=PRETRAIN,
            profile=plan.profile,
            data_kind=data_kind,
            settings=pretraining.settings,
            data=PretrainData(tuple(sources), fold),
            weights=places,
        )
        for fold in pretraining.folds
    ]


def runs_for(
    plan: Plan,
    setting_id: str,
    data: TrainingData,
    weights: Mapping[str, str],
    data_kind: DataKind,
    pretrained: Sequence[str] = (),
) -> list[FinetuneRun]:
    """The runs of one setting, one per fold or seed, in their order.

    Args:
        plan: The plan.
        setting_id: A setting of it.
        data: Corpus, split and where they lie.
        weights: Local path or hub name per pretrained source, as configured; only those the model uses are taken.
        data_kind: `sample` or `real`.
        pretrained: run_ids of its pretraining: none, one for all folds, or one per fold.
    """
    setting = plan.settings[setting_id]
    sources = weights_of(setting, weights)
    content = identities(sources)
    runs = []
    for fold, seed in setting.repetitions:
        settings = replace(setting.settings, seed=seed)
        start = pretrained[min(fold, len(pretrained) - 1)] if pretrained else None
        spec = DataSpec(data.corpus, data.dataset, data.scheme, fold, data.tracks, data.corpus_hash, setting.data.split)
        named = {name: value for name, value in vars(spec).items() if name not in ("dataset", "tracks")}
        runs.append(
            FinetuneRun(
                run_id=run_id_of(settings, named, content, start),
                work=setting.work,
                setting_id=setting.setting_id,
                stage=FINETUNE,
                profile=plan.profile,
                data_kind=data_kind,
                settings=settings,
                data=spec,
                weights=sources,
                pretrained=start,
            )
        )
    return runs
