"""Optimisers and learning rate schedules, as the settings name them."""

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import MultiStepLR, ReduceLROnPlateau

from mgc_models.config.sections import PretrainSettings, TrainSettings
from mgc_models.errors import ModelError

Schedule = MultiStepLR | ReduceLROnPlateau


def pretraining_as_training(settings: PretrainSettings) -> TrainSettings:
    """The part of a pretraining's settings that says how weights are fitted: Adam and a stepped rate."""
    return TrainSettings(
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
        lr_milestones=settings.lr_milestones,
        lr_gamma=settings.lr_gamma,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
    )


def build_optimiser(model: nn.Module, settings: TrainSettings, *, fused: bool) -> Optimizer:
    """The optimiser of a model's parameters, with a group of its own for a pretrained encoder that has its own rate.

    Raises:
        ModelError: if `encoder_learning_rate` is set and the model names no `pretrained_encoder`.
    """
    groups = _groups(model, settings)
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimiser == "sgd":
        nesterov = settings.momentum > 0
        return SGD(groups, lr=rate, momentum=settings.momentum, weight_decay=decay, nesterov=nesterov, fused=fused)
    kind = AdamW if settings.optimiser == "adamw" else Adam
    return kind(groups, lr=rate, betas=settings.betas, weight_decay=decay, fused=fused)


def _groups(model: nn.Module, settings: TrainSettings) -> list[dict[str, Any]]:
    if settings.encoder_learning_rate is None:
        return [{"params": list(model.parameters())}]
    name = getattr(model, "pretrained_encoder", None)
    if name is None:
        raise ModelError(
            f"train.encoder_learning_rate is {settings.encoder_learning_rate}, and {type(model).__name__} has no "
            "pretrained encoder; leave the setting out"
        )
    inside = list(model.get_submodule(name).parameters())
    known = {id(parameter) for parameter in inside}
    outside = [parameter for parameter in model.parameters() if id(parameter) not in known]
    return [{"params": outside}, {"params": inside, "lr": settings.encoder_learning_rate}]


def build_schedule(optimiser: Optimizer, settings: TrainSettings) -> Schedule:
    """Milestones, or a plateau of the training loss."""
    if settings.plateau is None:
        return MultiStepLR(optimiser, list(settings.lr_milestones), settings.lr_gamma)
    patience, factor = settings.plateau.patience, settings.plateau.factor
    return ReduceLROnPlateau(optimiser, "min", factor=factor, patience=patience, threshold=0.0, threshold_mode="abs")


def advance(schedule: Schedule, loss: float) -> None:
    """End an epoch.

    Args:
        schedule: What sets the next epoch's rate.
        loss: Mean training loss of the epoch.
    """
    if isinstance(schedule, ReduceLROnPlateau):
        schedule.step(loss)
    else:
        schedule.step()
