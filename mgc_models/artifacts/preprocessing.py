"""The preprocessing of inputs, as it is stored with the weights that were trained on them."""

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mgc_models.config.inputs import INPUTS
from mgc_models.config.run import FinetuneRun, PretrainRun
from mgc_models.data.batches import Normalizer, TrackData
from mgc_models.data.frames import FrameStore
from mgc_models.data.inputs import Table
from mgc_models.data.lyrics import TOKENIZER_FILE, TokenTable
from warehouse.store import Store, replacing


def preprocessing(run: FinetuneRun | PretrainRun, data: TrackData) -> dict[str, Any]:
    """The metadata of a run's `model.safetensors`: model, genres, and per input its feature and settings."""
    settings = run.settings
    content: dict[str, Any] = {"genres": list(data.tracks.genres), "model": asdict(settings.model)}
    if settings.evaluate is not None and settings.loss is not None:
        content["threshold_logit"] = settings.evaluate.threshold_logit
        content["crops"] = settings.evaluate.crops
        content["classification"] = settings.loss.classification
    for name in settings.model.inputs:
        table = getattr(data, name)
        section, spec = asdict(settings.input_section(name)), {"settings": dict(table.spec.settings)}
        content[INPUTS[name].section] = {**section, **spec, **_fitted(table, data.normalizer)}
    return content


def _fitted(table: Table, normalizer: Normalizer | None) -> dict[str, Any]:
    """Give what the data say of an input: size of the vocabulary, or width; mean and deviation of every band."""
    if isinstance(table, TokenTable):
        return {"tokenizer_file": TOKENIZER_FILE, "vocab_size": table.vocab_size}
    said: dict[str, Any] = {"width": table.spec.width}
    if isinstance(table, FrameStore) and normalizer and isinstance(normalizer.mean, Tensor):
        said |= {"band_mean": normalizer.mean.tolist(), "band_std": torch.as_tensor(normalizer.std).tolist()}
    return said


def keep_files(run: FinetuneRun, store: Store) -> None:
    """Put the tokenizer and the vocabulary of the lyrics features of a run into its folder.

    They are hard links where the file system has them, so they take no room; a feature that is made anew gets new files
    and leaves these. What they should be is in the metadata of the weights, by SHA-256.

    Args:
        run: The run.
        store: Has its features and its folder.
    """
    for name in run.settings.model.inputs:
        file, feature = INPUTS[name].file, run.settings.input_section(name).feature
        source = store.feature(feature, run.data.dataset) / file.name if file else None
        if source and source.is_file():
            with replacing(store.run(run.run_id) / source.name) as temporary:
                _link_or_copy(source, temporary)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
