"""What a training job may ask for: the settings of a run as frozen dataclasses, and their checked reading.

Imports no torch, so that a plan can check its settings anywhere. A new model adds its settings to
`mgc_models.config.models`, a new kind of input to `mgc_models.config.inputs`; the parser needs no change.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from mgc_models.config.inputs import INPUTS, InputSettings
from mgc_models.config.models import AlnetSettings, BertSettings, InceptionV4Settings, ModelSettings
from mgc_models.config.parsing import Minimum, SpecError, parse
from mgc_models.config.sections import (
    AudioSettings,
    EvaluateSettings,
    LossSettings,
    PlateauSettings,
    PretrainSettings,
    TextSettings,
    TrainSettings,
    VectorsSettings,
    WordsSettings,
)

_Section = TypeVar("_Section")


@dataclass(frozen=True)
class Settings:
    """Everything that can change a result; a section that a stage or model has no use for may be left out."""

    seed: Annotated[int, Minimum(0)]
    label_scope_policy: Literal["drop_labels", "drop_samples"]
    model: ModelSettings
    audio: AudioSettings | None = None
    text: TextSettings | None = None
    words: WordsSettings | None = None
    vectors: VectorsSettings | None = None
    pretrain: PretrainSettings | None = None
    train: TrainSettings | None = None
    loss: LossSettings | None = None
    evaluate: EvaluateSettings | None = None

    def input_section(self, name: str) -> InputSettings:
        """The section that describes an input of the model.

        Raises:
            SpecError: if it is missing.
        """
        key = INPUTS[name].section
        section: InputSettings = required(getattr(self, key), key)
        return section

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the stored features that the model reads, sorted."""
        return tuple(sorted({self.input_section(name).feature for name in self.model.inputs}))


def required(section: _Section | None, key: str) -> _Section:
    """The section, when it is there.

    Raises:
        SpecError: if it is not.
    """
    if section is None:
        raise SpecError(key, "a table of settings", "nothing (the section is missing)")
    return section


def parse_settings(raw: Mapping[str, Any], stage: str) -> Settings:
    """Read settings, and check that they go together and suffice for a stage.

    Args:
        raw: The resolved settings.
        stage: `pretrain` or `finetune`.

    Raises:
        SpecError: for an unknown or missing key, a wrong type or a value out of range; names the dotted key.
    """
    settings: Settings = parse(Settings, raw, "")
    for name in settings.model.inputs:
        settings.input_section(name)
    if settings.audio and settings.audio.standardise == "fixed":
        for key in ("mean", "std"):
            if getattr(settings.audio, key) is None:
                raise SpecError(f"audio.{key}", "a value with standardise fixed", "nothing (the key is missing)")
    if stage == "pretrain":
        _check_pretrain(required(settings.pretrain, "pretrain"))
        _check_accumulate("pretrain", required(settings.pretrain, "pretrain"), settings.model)
    else:
        _check_train(required(settings.train, "train"), required(settings.loss, "loss"))
        _check_accumulate("train", required(settings.train, "train"), settings.model)
        required(settings.evaluate, "evaluate")
    return settings


def _check_accumulate(key: str, section: PretrainSettings | TrainSettings, model: ModelSettings) -> None:
    if model.batch_norm and section.gradient_accumulation_steps > 1:
        why = f"model {model.name} has batch normalisation, and a part's statistics are not those of the whole batch"
        raise SpecError(f"{key}.gradient_accumulation_steps", f"1 ({why})", section.gradient_accumulation_steps)


def _check_pretrain(section: PretrainSettings) -> None:
    if max(section.betas) >= 1:
        raise SpecError("pretrain.betas", "numbers below 1", list(section.betas))
    for key in ("mask_audio", "mask_lyrics"):
        if getattr(section, key) >= 1:
            raise SpecError(f"pretrain.{key}", "a share below 1", getattr(section, key))
    if not section.contrastive_weight and not section.reconstruction_weight:
        raise SpecError("pretrain.contrastive_weight", "a weight above 0 here or in reconstruction_weight", 0.0)


def _check_train(section: TrainSettings, loss: LossSettings) -> None:
    if max(section.betas) >= 1:
        raise SpecError("train.betas", "numbers below 1", list(section.betas))
    if section.plateau and section.lr_milestones:
        raise SpecError("train.lr_milestones", "no lr_milestones beside a plateau", list(section.lr_milestones))
    if loss.classification == "cross_entropy" and section.selection != "f1":
        raise SpecError("train.selection", "f1 where tracks have one genre each", section.selection)
    if section.plateau and section.plateau.factor >= 1:
        raise SpecError("train.plateau.factor", "a number below 1", section.plateau.factor)


__all__ = [
    "AlnetSettings",
    "AudioSettings",
    "BertSettings",
    "DataSpec",
    "EvaluateSettings",
    "FinetuneRun",
    "InceptionV4Settings",
    "JobSpec",
    "LossSettings",
    "ModelSettings",
    "PlateauSettings",
    "PretrainData",
    "PretrainRun",
    "PretrainSettings",
    "Settings",
    "Source",
    "SpecError",
    "TextSettings",
    "TrainSettings",
    "VectorsSettings",
    "WordsSettings",
    "parse_job",
    "parse_run",
    "parse_settings",
    "required",
]

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class DataSpec:
    """Where the tracks of an evaluation come from.

    Attributes:
        corpus: Of the tracks.
        dataset: Whose features they have.
        scheme: Of the split.
        fold: Which fold is the test part; with `train_validation_test` 0.
        tracks: Path below the store.
        corpus_hash: Of the tracks file.
        split: `folds`: one fold is the test part, all others train; `train_validation_test`: folds 0, 1 and 2 are
            these parts.
    """

    corpus: str
    dataset: str
    scheme: str
    fold: Annotated[int, Minimum(0)]
    tracks: str
    corpus_hash: str
    split: Literal["folds", "train_validation_test"] = "folds"


@dataclass(frozen=True)
class Source:
    """One corpus that a pretraining takes all tracks of.

    Attributes:
        corpus: Name of the corpus.
        dataset: Dataset of its tracks and features.
        tracks: Path of the training-inputs file, below the store.
        corpus_hash: Hash of track ids and feature shards.
    """

    corpus: str
    dataset: str
    tracks: str
    corpus_hash: str


@dataclass(frozen=True)
class PretrainData:
    """Where the tracks of a pretraining come from; tracks of `exclude_fold` are left out of every source."""

    sources: tuple[Source, ...]
    exclude_fold: Annotated[int | None, Minimum(0)] = None


@dataclass(frozen=True)
class FinetuneRun:
    """One setting trained and tested on one fold; `pretrained` is the run whose weights it starts from."""

    run_id: str
    work: str
    setting_id: str
    stage: Literal["finetune"]
    profile: str
    data_kind: Literal["sample", "real"]
    settings: Settings
    data: DataSpec
    weights: Mapping[str, str | None]
    pretrained: str | None = None


@dataclass(frozen=True)
class PretrainRun:
    """One pretraining, without labels and without a test part."""

    run_id: str
    work: str
    setting_id: str
    stage: Literal["pretrain"]
    profile: str
    data_kind: Literal["sample", "real"]
    settings: Settings
    data: PretrainData
    weights: Mapping[str, str | None]
    pretrained: str | None = None


@dataclass(frozen=True)
class JobSpec:
    """A list of runs and how to execute them; what stands here beside `runs` cannot change what is computed.

    Attributes:
        store: Absolute path of the store.
        device: `auto`, `cpu`, `cuda` or `cuda:<n>`.
        runs: The runs as plain mappings, read one by one with `parse_run`.
        checkpoint_every_s: Longest time between two resume states within an epoch; 0 writes one at every step.
        compile: Whether the forward pass goes through `torch.compile`; None: on a CUDA device, for long runs.
        precision: `auto`: bf16 on a CUDA device that has it; `float32` everywhere.
        threads: CPU threads of a process, or None for torch's own choice.
        workers: Processes that train side by side, for runs that are too small to fill a machine; a failed run then
            does not keep the others.
    """

    store: str
    device: str
    runs: tuple[Mapping[str, Any], ...]
    checkpoint_every_s: Annotated[float, Minimum(0)] = 60.0
    compile: bool | None = None
    precision: Literal["auto", "float32"] = "auto"
    threads: Annotated[int | None, Minimum(1)] = None
    workers: Annotated[int, Minimum(1)] = 1


def parse_run(raw: Mapping[str, Any]) -> FinetuneRun | PretrainRun:
    """Read one run of a job.

    Raises:
        SpecError: for an unknown or missing key, a wrong type or a value out of range; names the dotted key.
    """
    kinds = {"finetune": FinetuneRun, "pretrain": PretrainRun}
    stage = raw.get("stage", "finetune") if isinstance(raw, Mapping) else "finetune"
    if stage not in kinds:
        raise SpecError("stage", f"one of {', '.join(kinds)}", stage)
    run: FinetuneRun | PretrainRun = parse(kinds[stage], raw, "")
    try:
        parse_settings(raw["settings"], stage)
    except SpecError as error:
        raise error.below("settings") from error
    if not _RUN_ID.fullmatch(run.run_id):
        raise SpecError("run_id", "letters, digits, '.', '_' and '-'", run.run_id)
    if isinstance(run, FinetuneRun):
        _check_run(run)
    else:
        if run.pretrained is not None:
            raise SpecError("pretrained", "nothing in a pretraining", run.pretrained)
        _check_sources(run.data)
    return run


def _check_run(run: FinetuneRun) -> None:
    if run.pretrained is not None and not _RUN_ID.fullmatch(run.pretrained):
        raise SpecError("pretrained", "a run id", run.pretrained)
    _check_path(run.data.tracks, "data.tracks")
    if run.data.split == "train_validation_test":
        if run.data.fold:
            raise SpecError("data.fold", "0 with split train_validation_test", run.data.fold)
        return
    train, evaluate = run.settings.train, run.settings.evaluate
    for key, wanted in (
        ("train.checkpoint", train and train.checkpoint == "best"),
        ("train.early_stopping_patience", train and train.early_stopping_patience),
        ("evaluate.tune_threshold", evaluate and evaluate.tune_threshold),
    ):
        if wanted:
            raise SpecError(f"settings.{key}", "a validation part (data.split train_validation_test)", "split folds")


def _check_sources(data: PretrainData) -> None:
    if not data.sources:
        raise SpecError("data.sources", "at least one corpus", [])
    for number, source in enumerate(data.sources):
        _check_path(source.tracks, f"data.sources[{number}].tracks")


def _check_path(path: str, key: str) -> None:
    if path.startswith("/") or ".." in path.split("/"):
        raise SpecError(key, "a path below the store", path)


def parse_job(raw: Any) -> tuple[JobSpec, tuple[FinetuneRun | PretrainRun, ...]]:
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
