"""What inputs must go through before stored weights may see them."""

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from mgc_models.config.run import PretrainRun, RunSpec, required
from mgc_models.data.batches import TrackData
from mgc_models.data.lyrics import TOKENIZER_FILE
from mgc_models.features.lyrics import vocabulary
from warehouse.store import Store, replacing


def preprocessing(run: RunSpec | PretrainRun, data: TrackData) -> dict[str, Any]:
    """The metadata of a run's `model.safetensors`: model, genres, and per input its feature and settings."""
    settings = run.settings
    content: dict[str, Any] = {"genres": list(data.tracks.genres), "model": asdict(settings.model)}
    if settings.evaluate is not None and settings.loss is not None:
        content["threshold_logit"] = settings.evaluate.threshold_logit
        content["crops"] = settings.evaluate.crops
        content["classification"] = settings.loss.classification
    if data.audio:
        spec = {"width": data.audio.spec.width, "settings": dict(data.audio.spec.settings)}
        content["audio"] = {**asdict(required(settings.audio, "audio")), **spec, **_bands(data)}
    if data.tokens:
        tokenizer = {"tokenizer_file": TOKENIZER_FILE, "vocab_size": data.tokens.vocab_size}
        section = asdict(required(settings.text, "text"))
        content["text"] = {**section, **tokenizer, "settings": dict(data.tokens.spec.settings)}
    if data.words:
        spec = {"width": data.words.spec.width, "settings": dict(data.words.spec.settings)}
        content["words"] = {**asdict(required(settings.words, "words")), **spec}
    if data.vectors:
        spec = {"width": data.vectors.frames.spec.width, "settings": dict(data.vectors.frames.spec.settings)}
        content["vectors"] = {**asdict(required(settings.vectors, "vectors")), **spec}
    return content


def _bands(data: TrackData) -> dict[str, list[float]]:
    """Mean and standard deviation of every band, where they were computed from the training part."""
    normalizer = data.normalizer
    if normalizer is None or not isinstance(normalizer.mean, Tensor) or not isinstance(normalizer.std, Tensor):
        return {}
    return {"band_mean": normalizer.mean.tolist(), "band_std": normalizer.std.tolist()}


FILES = (TOKENIZER_FILE, vocabulary.FILE)


def keep_files(run: RunSpec, store: Store) -> None:
    """Put the tokenizer and the vocabulary of the lyrics features of a run into its folder.

    They are hard links where the file system has them, so they take no room; a feature that is made anew gets new files
    and leaves these. What they should be is in the metadata of the weights, by SHA-256.

    Args:
        run: The run.
        store: Has its features and its folder.
    """
    settings = run.settings
    sections = {"tokens": settings.text, "words": settings.words, "word_vectors": settings.vectors}
    read = [section for name, section in sections.items() if section and name in settings.model.inputs]
    for section in read:
        for source in (store.feature(section.feature, run.data.dataset) / name for name in FILES):
            if source.is_file():
                with replacing(store.run(run.run_id) / source.name) as temporary:
                    _link_or_copy(source, temporary)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
