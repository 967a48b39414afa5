"""The objectives of training: the classification of genres, and the self-supervised pretraining on audio and lyrics."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mgc_models.config.sections import LossSettings, PretrainSettings
from mgc_models.data.batches import Batch, TrackData
from mgc_models.errors import DataError, ModelError
from mgc_models.training.losses import emotion_error, multi_label_losses, single_label_losses


@dataclass(frozen=True)
class LossTerms:
    """The terms of the loss that a forward pass gives for some samples.

    Attributes:
        sums: Named sums over the samples, scalars with gradients.
        counts: What each is to be divided by, in all parts together; scalars without gradients.
        audio_embedding: Audio embeddings for the contrastive loss, [b, D], or None.
        text_embedding: Those of the lyrics, [b, D], or None.
    """

    sums: Mapping[str, Tensor]
    counts: Mapping[str, Tensor]
    audio_embedding: Tensor | None = None
    text_embedding: Tensor | None = None


@dataclass(frozen=True)
class ContrastiveTerm:
    """Weight, temperature and direction of the contrastive loss; a model's `log_temperature` goes before the second."""

    weight: float
    temperature: float
    direction: str


@dataclass(frozen=True)
class StepRandom:
    """Random numbers of one step, drawn for the whole batch, so that they do not depend on how it is divided.

    Attributes:
        generator: On the device.
        total: Samples in the whole batch.
        own: Slice of the batch that this process computes.
    """

    generator: torch.Generator
    total: int
    own: slice

    def uniform(self, *shape: int) -> Tensor:
        """Numbers in [0, 1), float32 [own samples, *shape]."""
        generator = self.generator
        return torch.rand((self.total, *shape), generator=generator, device=generator.device)[self.own]


@dataclass(frozen=True)
class Task:
    """An objective of training.

    Attributes:
        samples: Training samples, numbered from 0.
        batches: Gives one batch for each slice of an order: (order int64 [n], uniform numbers for the crops float64
            [n], both on the CPU; slices).
        forward: Gives the loss terms of a batch: (what `entry` gave, batch).
        weights: Weight of every named mean in the loss.
        contrast: The contrastive term, or None.
        entry: What of a model is called, and compiled.
        randomise: Adds to a batch what is drawn at every step.
        counts_known: Whether every count is the number of samples, and so known before the forward pass.
    """

    samples: int
    batches: Callable[[Tensor, Tensor, Sequence[slice]], Generator[Batch, None, None]]
    forward: Callable[[Callable[..., Any], Batch], LossTerms]
    weights: Mapping[str, float]
    contrast: ContrastiveTerm | None = None
    entry: Callable[[nn.Module], Callable[..., Any]] = lambda model: model
    randomise: Callable[[Batch, StepRandom], Batch] = lambda batch, _: batch
    counts_known: bool = True

    @property
    def needs_first_pass(self) -> bool:
        """Whether a part of a batch must know what a forward pass gives for the others."""
        return self.contrast is not None or not self.counts_known


def classification_task(data: TrackData, train_rows: NDArray[np.int64], settings: LossSettings) -> Task:
    """Learn the genres of some tracks from random crops.

    The loss is the cross-entropy, binary or categorical; plus `contrastive_weight` times thesis Eq. 4.18 where audio
    and lyrics are read (ALNet, thesis section 5.3: 0.05); plus `emotion_weight` times the squared error of valence and
    energy, over the tracks for which they are known.

    Args:
        data: Inputs and labels of all tracks.
        train_rows: Which tracks to train on, [n].
        settings: Weights and temperature.

    Raises:
        DataError: if an emotion is to be learnt and no track has one.
    """
    weights = {"classification_loss": 1.0}
    if settings.emotion_weight:
        if data.emotion is None:
            raise DataError("loss.emotion_weight is above 0: expected a column emotion in the tracks file, found none")
        weights["emotion_loss"] = settings.emotion_weight
    contrasts = bool(settings.contrastive_weight and data.audio is not None and data.lyrics)
    contrast = ContrastiveTerm(settings.contrastive_weight, settings.temperature, settings.contrastive_direction)
    return Task(
        samples=len(train_rows),
        batches=partial(_random_crops, data, torch.from_numpy(train_rows)),
        forward=partial(_classify, settings, contrasts),
        # A loss of one part only is reported once.
        weights=weights if contrasts or settings.emotion_weight else {"loss": 1.0},
        contrast=contrast if contrasts else None,
        randomise=partial(_augment, data),
        counts_known=not settings.emotion_weight,
    )


def _random_crops(
    data: TrackData, rows: Tensor, order: Tensor, positions: Tensor, slices: Sequence[slice]
) -> Generator[Batch, None, None]:
    chosen = rows[order]
    return data.batches(chosen, data.random_starts(chosen, positions), slices)


def _augment(data: TrackData, batch: Batch, draws: StepRandom) -> Batch:
    return data.augmented(batch, draws.uniform)


def _classify(settings: LossSettings, contrasts: bool, call: Callable[..., Any], batch: Batch) -> LossTerms:
    output = call(**batch.inputs)
    if settings.classification == "bce":
        classification = multi_label_losses(output.logits, batch.labels, settings.genre_reduction).sum()
    else:
        classification = single_label_losses(output.logits, batch.labels).sum()
    count = torch.full_like(classification.detach(), len(batch.labels))
    sums = {"classification_loss": classification}
    counts = {"classification_loss": count}
    if settings.emotion_weight:
        if output.emotion is None:
            raise ModelError("loss.emotion_weight is above 0, and the model regresses no emotion; switch one of them")
        sums["emotion_loss"], counts["emotion_loss"] = emotion_error(output.emotion, batch.targets["emotion"])
    if not contrasts:
        both = {"loss": classification}, {"loss": count}
        return LossTerms(*both) if len(sums) == 1 else LossTerms(sums, counts)
    if output.audio_embedding is None or output.text_embedding is None:
        raise ModelError("loss.contrastive_weight is above 0, and the model gives no pair of embeddings; set it to 0")
    return LossTerms(sums, counts, output.audio_embedding, output.text_embedding)


def pretraining_task(data: TrackData, settings: PretrainSettings, model: nn.Module) -> Task:
    """Learn from all tracks without labels: thesis Eq. 4.19, L = L_c + lambda_r (L_a + lambda_t L_t).

    The model offers `pretrain(inputs, audio_noise, text_noise, settings) -> PretrainOutput` and `patches(crop_frames)`
    (see `models.jiang_mae`). The lyrics loss is the cross-entropy averaged over the masked tokens of each song or of
    the batch (Eq. 4.13); the audio loss that of every clip averaged over the batch. A part with weight 0 is left out,
    with its passes.

    Args:
        data: Inputs of all tracks.
        settings: Weights, masks, temperature.
        model: The model to pretrain; it gives the number of patches.
    """
    reconstructs = settings.reconstruction_weight > 0
    contrasts = bool(settings.contrastive_weight and data.audio is not None and data.tokens is not None)
    weights = {}
    if reconstructs and data.audio is not None:
        weights["audio_loss"] = settings.reconstruction_weight
    if reconstructs and data.tokens is not None and settings.lyrics_weight:
        weights["lyrics_loss"] = settings.reconstruction_weight * settings.lyrics_weight
    if not weights and not contrasts:
        raise ModelError("pretrain: with these weights and modalities nothing is left to learn")
    rows = torch.arange(len(data.labels))
    return Task(
        samples=len(rows),
        batches=partial(_random_crops, data, rows),
        forward=partial(_pretrain, settings, tuple(weights)),
        weights=weights,
        contrast=ContrastiveTerm(settings.contrastive_weight, settings.temperature, settings.contrastive_direction)
        if contrasts
        else None,
        entry=_pretrain_call,
        randomise=partial(_mask, data, _patches(data, model)),
        counts_known="lyrics_loss" not in weights,
    )


def _pretrain_call(model: nn.Module) -> Callable[..., Any]:
    return model.pretrain  # type: ignore[return-value]


def _patches(data: TrackData, model: nn.Module) -> int:
    return model.patches(data.crop_frames) if data.audio is not None else 0  # type: ignore[operator]


def _mask(data: TrackData, patches: int, batch: Batch, draws: StepRandom) -> Batch:
    """Add the noise that decides what is masked: the patches and tokens with the smallest numbers are kept."""
    noise = {}
    if data.audio is not None:
        noise["audio_noise"] = draws.uniform(patches)
    if data.tokens is not None:
        noise["text_noise"] = draws.uniform(batch.inputs["tokens"].shape[1])
    return data.augmented(batch.with_noise(noise), draws.uniform)


def _pretrain(settings: PretrainSettings, names: Sequence[str], call: Callable[..., Any], batch: Batch) -> LossTerms:
    output = call(batch.inputs, batch.noise.get("audio_noise"), batch.noise.get("text_noise"), settings)
    sums, counts = {}, {}
    if "audio_loss" in names:
        sums["audio_loss"] = output.audio_loss.float().sum()
        counts["audio_loss"] = torch.full_like(sums["audio_loss"].detach(), len(batch.labels))
    if "lyrics_loss" in names:
        sums["lyrics_loss"], counts["lyrics_loss"] = output.lyrics_loss_sum.float(), output.lyrics_count
    return LossTerms(sums, counts, output.audio_embedding, output.text_embedding)
