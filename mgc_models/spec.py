"""What a training job may ask for: the settings of a run as frozen dataclasses, and their checked reading.

Imports no torch, so that a plan can check its settings anywhere. A new stage (pretraining) adds its sections to
`Settings` and its models to `ModelSettings`; the parser needs no change.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from mgc_models.spec_parser import Above, Minimum, SpecError, parse

__all__ = ["JobSpec", "RunSpec", "Settings", "SpecError", "parse_job", "parse_run"]

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class InceptionV4Settings:
    """Inception-v4 on the spectrogram; `width` multiplies every channel count, `blocks` counts A, B and C blocks."""

    modalities: ClassVar[tuple[str, ...]] = ("audio",)
    name: Literal["inception_v4"]
    width: Annotated[float, Above(0)]
    blocks: Annotated[tuple[int, int, int], Minimum(0)]


@dataclass(frozen=True)
class BertSettings:
    """BERT on the lyrics."""

    modalities: ClassVar[tuple[str, ...]] = ("text",)
    name: Literal["bert"]
    layers: Annotated[int, Minimum(1)]
    hidden: Annotated[int, Minimum(1)]
    heads: Annotated[int, Minimum(1)]
    intermediate: Annotated[int, Minimum(1)]


@dataclass(frozen=True)
class AlnetSettings:
    """ALNet: Inception-v4 and BERT fused by one transformer encoder layer (thesis section 5.3)."""

    modalities: ClassVar[tuple[str, ...]] = ("audio", "text")
    name: Literal["alnet"]
    width: Annotated[float, Above(0)]
    blocks: Annotated[tuple[int, int, int], Minimum(0)]
    layers: Annotated[int, Minimum(1)]
    hidden: Annotated[int, Minimum(1)]
    heads: Annotated[int, Minimum(1)]
    intermediate: Annotated[int, Minimum(1)]
    fusion_width: Annotated[int, Minimum(1)]
    fusion_heads: Annotated[int, Minimum(1)]
    fusion_intermediate: Annotated[int, Minimum(1)]
    dropout: Annotated[float, Minimum(0)]


ModelSettings = InceptionV4Settings | BertSettings | AlnetSettings


@dataclass(frozen=True)
class AudioSettings:
    """Spectrogram feature and its crop; `mean` and `std` normalise after zero-padding."""

    feature: str
    crop_frames: Annotated[int, Minimum(1)]
    mean: float
    std: Annotated[float, Above(0)]


@dataclass(frozen=True)
class TextSettings:
    """Token feature; `max_tokens` counts [CLS] and [SEP]."""

    feature: str
    max_tokens: Annotated[int, Minimum(3)]


@dataclass(frozen=True)
class TrainSettings:
    """Adam and its MultiStepLR; `milestones` are epochs after which the rate is multiplied by `decay`."""

    epochs: Annotated[int, Minimum(1)]
    batch_size: Annotated[int, Minimum(1)]
    learning_rate: Annotated[float, Above(0)]
    betas: Annotated[tuple[float, float], Minimum(0)]
    weight_decay: Annotated[float, Minimum(0)]
    milestones: Annotated[tuple[int, ...], Minimum(1)]
    decay: Annotated[float, Above(0)]


@dataclass(frozen=True)
class LossSettings:
    """Classification loss, and the weight and temperature of the contrastive one (thesis Eq. 4.18)."""

    classification: Literal["bce"]
    contrastive_weight: Annotated[float, Minimum(0)]
    temperature: Annotated[float, Above(0)]


@dataclass(frozen=True)
class EvaluateSettings:
    """A genre is predicted when its logit exceeds `threshold_logit`; `crops` says which part of a clip is heard."""

    threshold_logit: float
    crops: Literal["centre", "all"]


@dataclass(frozen=True)
class Settings:
    """Everything that can change a result."""

    seed: Annotated[int, Minimum(0)]
    label_scope_policy: Literal["drop_labels", "drop_samples"]
    model: ModelSettings
    audio: AudioSettings
    text: TextSettings
    train: TrainSettings
    loss: LossSettings
    evaluate: EvaluateSettings


@dataclass(frozen=True)
class DataSpec:
    """Where a run's tracks come from; `tracks` is a path below the store."""

    corpus: str
    dataset: str
    scheme: str
    fold: Annotated[int, Minimum(0)]
    tracks: str
    corpus_hash: str


@dataclass(frozen=True)
class RunSpec:
    """One setting trained on one fold."""

    run_id: str
    work: str
    setting_id: str
    stage: Literal["evaluate"]
    profile: str
    data_kind: Literal["sample", "real"]
    settings: Settings
    data: DataSpec
    weights: Mapping[str, str | None]


@dataclass(frozen=True)
class JobSpec:
    """A list of runs and how to execute them; what stands here beside `runs` cannot change what is computed.

    Attributes:
        store: Absolute path of the store.
        device: `auto`, `cpu`, `cuda` or `cuda:<n>`.
        runs: The runs as plain mappings, read one by one with `parse_run`.
        checkpoint_every_s: Longest time between two resume states within an epoch; 0 writes one at every step.
        compile: Whether the training step goes through `torch.compile`.
        threads: CPU threads, or None for torch's own choice.
    """

    store: str
    device: str
    runs: tuple[Mapping[str, Any], ...]
    checkpoint_every_s: Annotated[float, Minimum(0)] = 60.0
    compile: bool = False
    threads: Annotated[int | None, Minimum(1)] = None


def parse_run(raw: Mapping[str, Any]) -> RunSpec:
    """Read one run of a job.

    Raises:
        SpecError: for an unknown or missing key, a wrong type or a value out of range; names the dotted key.
    """
    run: RunSpec = parse(RunSpec, raw, "")
    if not _RUN_ID.fullmatch(run.run_id):
        raise SpecError("run_id", "letters, digits, '.', '_' and '-'", run.run_id)
    if run.data.tracks.startswith("/") or ".." in run.data.tracks.split("/"):
        raise SpecError("data.tracks", "a path below the store", run.data.tracks)
    if max(run.settings.train.betas) >= 1:
        raise SpecError("settings.train.betas", "numbers below 1", list(run.settings.train.betas))
    return run


def parse_job(raw: Any) -> tuple[JobSpec, tuple[RunSpec, ...]]:
    """Read a job and all its runs.

    Raises:
        SpecError: as `parse_run`; the key begins with `runs[<number>]`. Also for two runs with one id.
    """
    job: JobSpec = parse(JobSpec, raw, "")
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", job.device):
        raise SpecError("device", "auto, cpu, cuda or cuda:<number>", job.device)
    runs = []
    for number, run in enumerate(job.runs):
        try:
            runs.append(parse_run(run))
        except SpecError as error:
            raise error.below(f"runs[{number}]") from error
    ids = [run.run_id for run in runs]
    for number, run_id in enumerate(ids):
        if run_id in ids[:number]:
            raise SpecError(f"runs[{number}].run_id", "an id that no earlier run has", run_id)
    return job, tuple(runs)
