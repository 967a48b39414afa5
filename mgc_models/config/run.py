"""What a training job may ask for: the settings of a run as frozen dataclasses, and their checked reading.

Imports no torch, so that a plan can check its settings anywhere. A new model adds its settings to
`mgc_models.config.models`, a new kind of input to `mgc_models.config.inputs` and to `Settings` here; the parser needs
no change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar, cast

from mgc_models.config.inputs import INPUTS, InputSettings
from mgc_models.config.models import ModelSettings
from mgc_models.config.sections import (
    AudioSettings,
    EvaluateSettings,
    LossSettings,
    PretrainSettings,
    TextSettings,
    TrainSettings,
    VectorsSettings,
    WordsSettings,
)
from warehouse.parsing import MISSING, Minimum, Pattern, SpecError, parse

_Section = TypeVar("_Section")
VALIDATED: Final = "train_validation_test"  # the split that has a validation part


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
        raise SpecError(key, "a table of settings", MISSING)
    return section


def parse_settings(raw: Mapping[str, Any], stage: str, split: str = VALIDATED) -> Settings:
    """Read settings, and check that they go together and suffice for a stage.

    Args:
        raw: The resolved settings.
        stage: `pretrain` or `finetune`.
        split: Of the data, as in `DataSpec`.

    Raises:
        SpecError: for an unknown or missing key, a wrong type or a value out of range; names the dotted key.
    """
    settings = parse(Settings, raw)
    check_settings(settings, stage, split)
    return settings


def check_settings(settings: Settings, stage: str, split: str = VALIDATED) -> None:
    """Check that settings go together and suffice for a stage; arguments and errors as for `parse_settings`."""
    for name in settings.model.inputs:
        settings.input_section(name)
    if settings.audio:
        _check_audio(settings.audio)
    if stage == "pretrain":
        pretrain = required(settings.pretrain, "pretrain")
        _check_accumulate("pretrain", pretrain, settings.model)
        if not pretrain.contrastive_weight and not pretrain.reconstruction_weight:
            raise SpecError("pretrain.contrastive_weight", "a weight above 0 here or in reconstruction_weight", 0.0)
    else:
        _check_train(settings, split)


def _check_train(settings: Settings, split: str) -> None:
    train = required(settings.train, "train")
    _check_accumulate("train", train, settings.model)
    if train.plateau and train.lr_milestones:
        raise SpecError("train.lr_milestones", "no lr_milestones beside a plateau", list(train.lr_milestones))
    loss = required(settings.loss, "loss")
    if loss.classification == "cross_entropy" and train.selection != "f1":
        raise SpecError("train.selection", "f1 where tracks have one genre each", train.selection)
    evaluate = required(settings.evaluate, "evaluate")
    for key, wanted in (
        ("train.checkpoint", train.checkpoint == "best"),
        ("train.early_stopping_patience", train.early_stopping_patience > 0),
        ("evaluate.tune_threshold", evaluate.tune_threshold),
    ):
        if wanted and split != VALIDATED:
            raise SpecError(key, f"a validation part (data.split {VALIDATED})", f"split {split}")


def _check_audio(section: AudioSettings) -> None:
    if section.standardise == "fixed":
        for key in ("mean", "std"):
            if getattr(section, key) is None:
                raise SpecError(f"audio.{key}", "a value with standardise fixed", MISSING)
    if section.audio_frames is not None and section.audio_frames > section.crop_frames:
        raise SpecError("audio.audio_frames", f"at most crop_frames ({section.crop_frames})", section.audio_frames)


def _check_accumulate(key: str, section: PretrainSettings | TrainSettings, model: ModelSettings) -> None:
    if model.batch_norm and section.gradient_accumulation_steps > 1:
        why = f"model {model.name} has batch normalisation, and a part's statistics are not those of the whole batch"
        raise SpecError(f"{key}.gradient_accumulation_steps", f"1 ({why})", section.gradient_accumulation_steps)


RunId = Annotated[str, Pattern(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a run id: letters, digits, '.', '_' and '-'")]
StorePath = Annotated[str, Pattern(r"(?!/)(?!(.*/)?\.\.(/|$)).*", "a path below the store")]


@dataclass(frozen=True)
class DataSpec:
    """Where the tracks of an evaluation come from.

    Attributes:
        corpus: Name of the corpus.
        dataset: Dataset that supplies the features.
        scheme: Name of the split scheme.
        fold: Which fold is the test part; with `train_validation_test` 0.
        tracks: Path below the store.
        corpus_hash: Hash of everything that the run reads of its corpus.
        split: `folds`: one fold is the test part, all others train; `train_validation_test`: folds 0, 1 and 2 are
            these parts.
    """

    corpus: str
    dataset: str
    scheme: str
    fold: Annotated[int, Minimum(0)]
    tracks: StorePath
    corpus_hash: str
    split: Literal["folds", "train_validation_test"] = "folds"

    def __post_init__(self) -> None:
        """Refuse another fold than the test part."""
        if self.split == VALIDATED and self.fold:
            raise SpecError("fold", f"0 with split {VALIDATED}", self.fold)


@dataclass(frozen=True)
class Source:
    """One corpus that a pretraining takes all tracks of.

    Attributes:
        corpus: Name of the corpus.
        dataset: Dataset of its tracks and features.
        tracks: Path of the training-inputs file, below the store.
        corpus_hash: Hash of everything that the run reads of its corpus: ids, labels, folds, features, graph.
    """

    corpus: str
    dataset: str
    tracks: StorePath
    corpus_hash: str


@dataclass(frozen=True)
class PretrainData:
    """Where the tracks of a pretraining come from; tracks of `exclude_fold` are left out of every source."""

    sources: tuple[Source, ...]
    exclude_fold: Annotated[int | None, Minimum(0)] = None

    def __post_init__(self) -> None:
        """Refuse a pretraining on nothing."""
        if not self.sources:
            raise SpecError("sources", "at least one corpus", [])


@dataclass(frozen=True)
class FinetuneRun:
    """One setting trained and tested on one fold, or with one seed on a split of three parts.

    `pretrained` is the run whose weights it starts from.
    """

    run_id: RunId
    work: str
    setting_id: str
    stage: Literal["finetune"]
    profile: str
    data_kind: Literal["sample", "real"]
    settings: Settings
    data: DataSpec
    weights: Mapping[str, str | None]
    pretrained: RunId | None = None

    def __post_init__(self) -> None:
        """Refuse settings that do not suffice, or that ask for a validation part where the split has none."""
        _check_of_run(self.settings, self.stage, self.data.split)


@dataclass(frozen=True)
class PretrainRun:
    """One pretraining, without labels and without a test part."""

    run_id: RunId
    work: str
    setting_id: str
    stage: Literal["pretrain"]
    profile: str
    data_kind: Literal["sample", "real"]
    settings: Settings
    data: PretrainData
    weights: Mapping[str, str | None]
    pretrained: str | None = None

    def __post_init__(self) -> None:
        """Refuse settings that do not suffice for a pretraining, and a pretraining of it."""
        _check_of_run(self.settings, self.stage, VALIDATED)
        if self.pretrained is not None:
            raise SpecError("pretrained", "nothing in a pretraining", self.pretrained)


def _check_of_run(settings: Settings, stage: str, split: str) -> None:
    try:
        check_settings(settings, stage, split)
    except SpecError as error:
        raise error.below("settings") from error


Run = FinetuneRun | PretrainRun


@dataclass(frozen=True)
class JobSpec:
    """A list of runs and how to execute them; the rest changes results in their last digits at most.

    Attributes:
        store: Absolute path of the store.
        device: `auto`, `cpu`, `cuda` or `cuda:<n>`.
        runs: In the order in which they are trained.
        checkpoint_every_s: Longest time between two resume states within an epoch; 0 writes one at every step.
        compile: Whether the forward pass goes through `torch.compile`; None: on a CUDA device, for long runs.
        precision: `auto`: bf16 on a CUDA device that has it; `float32` everywhere.
        threads: CPU threads of a process, or None for torch's own choice.
        workers: Processes that train side by side, for runs that are too small to fill a machine; a failed run then
            does not stop the others.
    """

    store: str
    device: Annotated[str, Pattern(r"auto|cpu|cuda(:\d+)?", "auto, cpu, cuda or cuda:<number>")]
    runs: tuple[Run, ...]
    checkpoint_every_s: Annotated[float, Minimum(0)] = 60.0
    compile: bool | None = None
    precision: Literal["auto", "float32"] = "auto"
    threads: Annotated[int | None, Minimum(1)] = None
    workers: Annotated[int, Minimum(1)] = 1

    def __post_init__(self) -> None:
        """Refuse two runs with one id."""
        ids = [run.run_id for run in self.runs]
        for number, run_id in enumerate(ids):
            if run_id in ids[:number]:
                raise SpecError(f"runs[{number}].run_id", "an id that no earlier run has", run_id)


def parse_run(raw: Any) -> Run:
    """Read one run, of the stage that it names.

    Raises:
        SpecError: for an unknown or missing key, a wrong type or a value out of range; names the dotted key.
    """
    return cast("Run", parse(cast("type", Run), raw))
