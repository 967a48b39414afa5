"""The sections of a run's settings beside `[model]`, as frozen dataclasses. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from warehouse.parsing import Above, Below, Minimum

Direction = Literal["lyrics", "audio", "both"]


@dataclass(frozen=True)
class AudioSettings:
    """Spectrogram feature and its crop.

    Attributes:
        feature: Name of the stored feature.
        crop_frames: Length of a crop, as the model sees it.
        audio_frames: Frames of a crop that come from the clip; padding fills the rest. None: all of them.
        mean: Subtracted from every cell after padding; needed with `fixed`.
        std: Divides what is left; needed with `fixed`.
        standardise: `fixed`: by mean and std above; `bands`: by those of every band over the training part, which
            training computes.
        augment_noise: Whether training adds noise as CAV-MAE does: u1 * u2 / 10, u1 in [0, 1) per cell, u2 per clip.
        augment_roll: Whether training rolls a crop in time by a random number of frames, as CAV-MAE does.
    """

    feature: str
    crop_frames: Annotated[int, Minimum(1)]
    audio_frames: Annotated[int | None, Minimum(1)] = None
    mean: float | None = None
    std: Annotated[float | None, Above(0)] = None
    standardise: Literal["fixed", "bands"] = "fixed"
    augment_noise: bool = False
    augment_roll: bool = False


@dataclass(frozen=True)
class TextSettings:
    """Token feature; `max_tokens` counts [CLS] and [SEP]."""

    feature: str
    max_tokens: Annotated[int, Minimum(3)]


@dataclass(frozen=True)
class WordsSettings:
    """Feature with the lyrics' lines of word indices, and how many lines and words of each are read."""

    feature: str
    lines: Annotated[int, Minimum(1)]
    words_per_line: Annotated[int, Minimum(1)]


@dataclass(frozen=True)
class VectorsSettings:
    """Feature with the vectors of the lyrics' principal words, and how many are read."""

    feature: str
    max_words: Annotated[int, Minimum(1)]


@dataclass(frozen=True)
class PretrainSettings:
    """Self-supervised pretraining (thesis chapter 4): Adam, a stepped rate, and the parts of the loss.

    Attributes:
        enabled: Whether a plan pretrains at all.
        corpora: Corpora that a plan takes the tracks of.
        epochs: Passes over the tracks.
        batch_size: Tracks of a step; each is contrasted with all others of it.
        learning_rate: Of Adam.
        betas: Of Adam.
        weight_decay: Of Adam.
        lr_milestones: Epochs after which the rate is multiplied by `lr_gamma`.
        lr_gamma: Of the learning rate.
        mask_audio: Share of the patches that are masked.
        mask_lyrics: Share of the tokens that are masked.
        contrastive_weight: Of the contrastive loss; 0 leaves it and its passes out.
        contrastive_direction: What the softmax runs over (see `losses.contrastive_loss`).
        reconstruction_weight: Of the masked data loss, thesis lambda_r; 0 leaves it and its passes out.
        lyrics_weight: Of the lyrics within it, thesis lambda_t.
        audio_reduction: Squared errors of a clip: `sum` (thesis Eq. 4.10) or `mean` (CAV-MAE).
        lyrics_reduction: Cross-entropies of the masked words: `song`: mean within each song, then over songs (thesis
            Eq. 4.13); `batch`: mean over all words of the batch.
        norm_pixels: Whether every target patch is standardised.
        temperature: Divides the similarities.
        exclude_test_fold: Whether a plan pretrains once for every fold, without its test part.
        gradient_accumulation_steps: Parts that a batch is worked through in; changes the memory, not the loss. It is 1
            for a model with batch normalisation.
    """

    epochs: Annotated[int, Minimum(1)]
    batch_size: Annotated[int, Minimum(1)]
    learning_rate: Annotated[float, Above(0)]
    betas: Annotated[tuple[float, float], Minimum(0), Below(1)]
    weight_decay: Annotated[float, Minimum(0)]
    enabled: bool = True
    corpora: tuple[str, ...] = ()
    lr_milestones: Annotated[tuple[int, ...], Minimum(1)] = ()
    lr_gamma: Annotated[float, Above(0)] = 1.0
    mask_audio: Annotated[float, Minimum(0), Below(1)] = 0.75
    mask_lyrics: Annotated[float, Minimum(0), Below(1)] = 0.75
    contrastive_weight: Annotated[float, Minimum(0)] = 1.0
    contrastive_direction: Direction = "lyrics"
    reconstruction_weight: Annotated[float, Minimum(0)] = 1.0
    lyrics_weight: Annotated[float, Minimum(0)] = 1000.0
    audio_reduction: Literal["sum", "mean"] = "sum"
    lyrics_reduction: Literal["batch", "song"] = "batch"
    norm_pixels: bool = True
    temperature: Annotated[float, Above(0)] = 0.05
    exclude_test_fold: bool = False
    gradient_accumulation_steps: Annotated[int, Minimum(1)] = 1


@dataclass(frozen=True)
class PlateauSettings:
    """The rate is multiplied by `factor` once the training loss has not fallen for more than `patience` epochs."""

    patience: Annotated[int, Minimum(0)]
    factor: Annotated[float, Above(0), Below(1)]


@dataclass(frozen=True)
class TrainSettings:
    """How weights are fitted.

    Attributes:
        epochs: Passes over the training part, at most.
        batch_size: Tracks of a step.
        learning_rate: Of all parameters but those of a pretrained encoder, if that has a rate of its own.
        betas: Of Adam and AdamW.
        weight_decay: Added to the gradient by adam and sgd, taken from the weights by adamw.
        lr_milestones: Epochs after which the rate is multiplied by `lr_gamma`.
        lr_gamma: Of the learning rate.
        optimiser: adam, adamw or sgd (Nesterov).
        momentum: Of sgd.
        encoder_learning_rate: Of the model's pretrained lyrics encoder; None: the same as all others.
        head_rate_ratio: Rate of the classifier, which no pretraining has seen, over `learning_rate`.
        plateau: Lowers the rate when learning stalls, instead of lr_milestones.
        selection: The score on the validation part by which epochs are compared: `f1` at the threshold of [evaluate],
            `f1_tuned` at the threshold that is best there, or `map`, which needs no threshold.
        checkpoint: Weights that are kept. `last`: those after the last epoch; `best`: of the epoch whose validation
            score is best.
        early_stopping_patience: Epochs without a better validation score after which training ends; 0: never. Epochs
            before the first score above 0 do not count.
        gradient_accumulation_steps: Parts that a batch is worked through in; changes the memory, not the loss. It is 1
            for a model with batch normalisation.
    """

    epochs: Annotated[int, Minimum(1)]
    batch_size: Annotated[int, Minimum(1)]
    learning_rate: Annotated[float, Above(0)]
    betas: Annotated[tuple[float, float], Minimum(0), Below(1)] = (0.9, 0.999)
    weight_decay: Annotated[float, Minimum(0)] = 0.0
    lr_milestones: Annotated[tuple[int, ...], Minimum(1)] = ()
    lr_gamma: Annotated[float, Above(0)] = 1.0
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    momentum: Annotated[float, Minimum(0)] = 0.9
    encoder_learning_rate: Annotated[float | None, Above(0)] = None
    head_rate_ratio: Annotated[float, Above(0)] = 1.0
    plateau: PlateauSettings | None = None
    selection: Literal["f1", "f1_tuned", "map"] = "f1"
    checkpoint: Literal["last", "best"] = "last"
    early_stopping_patience: Annotated[int, Minimum(0)] = 0
    gradient_accumulation_steps: Annotated[int, Minimum(1)] = 1


@dataclass(frozen=True)
class LossSettings:
    """What is minimised when genres are learnt.

    Attributes:
        classification: `bce`: every genre by itself; `cross_entropy`: the first genre of a track is its class.
        genre_reduction: Of the binary cross-entropies of a track: `sum` over genres (thesis Eq. 4.24) or their `mean`.
        contrastive_weight: Of the contrastive loss (thesis Eq. 4.18, 5.10).
        temperature: Divides the similarities; where it is learnt, it starts from here.
        learnable_temperature: Whether the temperature is a parameter.
        contrastive_direction: What the softmax runs over (see `losses.contrastive_loss`).
        emotion_weight: Of the squared error of valence and energy, for a model that regresses them.
    """

    classification: Literal["bce", "cross_entropy"]
    genre_reduction: Literal["mean", "sum"] = "mean"
    contrastive_weight: Annotated[float, Minimum(0)] = 0.0
    temperature: Annotated[float, Above(0)] = 0.05
    learnable_temperature: bool = False
    contrastive_direction: Direction = "lyrics"
    emotion_weight: Annotated[float, Minimum(0)] = 0.0


@dataclass(frozen=True)
class EvaluateSettings:
    """How a trained model is tested.

    Attributes:
        threshold_logit: A genre is predicted when its logit is greater.
        crops: `centre`: the middle crop is heard; `all`: every crop, one after the other.
        tune_threshold: Whether metrics at the threshold that is best on the validation part are reported too.
    """

    threshold_logit: float
    crops: Literal["centre", "all"]
    tune_threshold: bool = False
