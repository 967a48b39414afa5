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
    """The optimiser of a model's parameters, with groups for a pretrained encoder and a head of their own rates.

    Raises:
        ModelError: if `encoder_learning_rate` is set and the model names no `pretrained_encoder`, or `head_rate_ratio`
            is not 1 and it names no `new_head`.
    """
    groups = _groups(model, settings)
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimiser == "sgd":
        nesterov = settings.momentum > 0
        return SGD(groups, lr=rate, momentum=settings.momentum, weight_decay=decay, nesterov=nesterov, fused=fused)
    kind = AdamW if settings.optimiser == "adamw" else Adam
    return kind(groups, lr=rate, betas=settings.betas, weight_decay=decay, fused=fused)


def _groups(model: nn.Module, settings: TrainSettings) -> list[dict[str, Any]]:
    """Parameters by rate, those with `learning_rate` first."""
    own: list[tuple[str, float]] = []
    if settings.encoder_learning_rate is not None:
        own.append((_pretrained_encoder(model, settings.encoder_learning_rate), settings.encoder_learning_rate))
    if settings.head_rate_ratio != 1:
        own.append((_head(model, settings.head_rate_ratio), settings.head_rate_ratio * settings.learning_rate))
    groups: list[dict[str, Any]] = [
        {"params": list(model.get_submodule(name).parameters()), "lr": rate} for name, rate in own
    ]
    known = {id(parameter) for group in groups for parameter in group["params"]}
    return [{"params": [parameter for parameter in model.parameters() if id(parameter) not in known]}, *groups]


def _pretrained_encoder(model: nn.Module, rate: float) -> str:
    name = getattr(model, "pretrained_encoder", None)
    if name is None:
        raise ModelError(
            f"train.encoder_learning_rate is {rate}, and {type(model).__name__} has no pretrained encoder; leave the "
            "setting out"
        )
    return str(name)


def _head(model: nn.Module, ratio: float) -> str:
    name = getattr(model, "new_head", None)
    if name is None:
        raise ModelError(
            f"train.head_rate_ratio is {ratio:g}, and {type(model).__name__} names no new_head; set it to 1"
        )
    return str(name)


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
