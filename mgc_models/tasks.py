"""What the loop learns: today the classification of genres, with a contrastive term where both modalities are there."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from mgc_models.data import Batch, TrackData
from mgc_models.loop import Task
from mgc_models.losses import classification_loss, contrastive_loss
from mgc_models.spec import LossSettings


def classification_task(data: TrackData, train_rows: Tensor, settings: LossSettings) -> Task:
    """Learn the genres of some tracks from random crops.

    The loss is binary cross-entropy, plus `contrastive_weight` times thesis Eq. 4.18 for a model that gives an
    embedding of both modalities (ALNet, thesis section 5.3: 0.05).

    Args:
        data: Inputs and labels of all tracks.
        train_rows: Which tracks to train on, int64 [n], on the device.
        settings: Weight and temperature.
    """

    def batch(samples: Tensor, positions: Tensor) -> Batch:
        rows = train_rows[samples]
        return data.batch(rows, data.random_starts(rows, positions))

    return Task(len(train_rows), batch, partial(_classification_losses, settings))


def _classification_losses(settings: LossSettings, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
    output = model(**batch.inputs)
    classification = classification_loss(output.logits, batch.labels)
    if not settings.contrastive_weight or output.audio_embedding is None or output.text_embedding is None:
        return {"loss": classification}
    contrastive, accuracy = contrastive_loss(output.audio_embedding, output.text_embedding, settings.temperature)
    return {
        "loss": classification + settings.contrastive_weight * contrastive,
        "classification_loss": classification,
        "contrastive_loss": contrastive,
        "contrastive_accuracy": accuracy,
        # Guessing is right for one track of every batch, also of a smaller last one.
        "contrastive_chance": torch.full_like(accuracy, 1 / len(batch.labels)),
    }
