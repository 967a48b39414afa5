"""Every model of the registry at a tiny size, with a handful of tracks to learn: what tests over all models share.

A new model adds a case here; `test_processes.py` says so when it is missing. Models and inputs are float64 and drop
nothing out, so that equal computations agree far beyond float32's rounding, on any machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args, get_type_hints

import numpy as np
import torch
from torch import Tensor, nn

from mgc_models.config.inputs import INPUTS
from mgc_models.config.models import ModelSettings
from mgc_models.config.sections import AudioSettings, LossSettings, PretrainSettings
from mgc_models.data.batches import Normalizer, TrackData
from mgc_models.data.frames import FrameStore
from mgc_models.data.lyrics import TokenTable, WordTable, WordVectorTable
from mgc_models.data.shape import DataShape, GenreGraph
from mgc_models.data.tracks import Tracks
from mgc_models.models import build_model
from mgc_models.training.objectives import Task, classification_task, pretraining_task
from mgc_models.training.step import TEMPERATURE
from warehouse.parsing import parse

REGISTERED = {get_args(get_type_hints(kind)["name"])[0]: kind for kind in get_args(ModelSettings)}
TRACKS, GENRES = 7, 4
_TOKENS, _VOCABULARY = 10, 60
_LINES, _WORDS_PER_LINE, _WORDS = 3, 4, 11
_VECTORS, _LAYERS, _WIDTH = 5, 3, 5

_BERT = {"layers": 1, "hidden": 16, "heads": 2, "intermediate": 24}
_INCEPTION = {"width": 0.04, "blocks": [1, 1, 1]}
_RESNET = {"audio_channels": [4, 6, 8, 10], "audio_blocks": [1, 1, 1, 1]}
_ALNET = {
    "name": "alnet", **_INCEPTION, **_BERT, "fusion_width": 12, "fusion_heads": 2, "fusion_intermediate": 20,
    "dropout": 0.1,
}  # fmt: skip
_MAE = {
    "name": "jiang_mae", "modalities": ["audio", "lyrics"], "encoder_layers": 1, "joint_layers": 1,
    "decoder_layers": 1, "hidden": 16, "heads": 2, "intermediate": 24, "decoder_hidden": 8, "decoder_heads": 2,
}  # fmt: skip
_RU = {
    "name": "ru_mgc", **_RESNET, **_BERT, "width": 12, "text_pooling": "cls", "contrastive_width": 7, "scma": True,
    "fusion_layers": 1, "fusion_heads": 3, "fusion_intermediate": 20, "dropout": 0.1, "gcem": True, "gcn_hidden": 9,
    "gcn_slope": 0.2, "gcn_output": "classifier", "node_features": "centred_names",
}  # fmt: skip
_PANDEYA = {
    "name": "pandeya", **_RESNET, "han_hidden": 5, "han_attention": 6, "han_dropout": 0.2, "joint": 8, "dropout": 0.5,
    "emotion": True,
}  # fmt: skip
_HAN = {
    "name": "han_cnn", "modalities": ["audio", "lyrics"], "input_pool": [2, 2], "channels": [3, 4], "kernels": [7, 5],
    "pools": [2, 1], "audio_vector": 6, "dropout": 0.5, "hidden": 3, "attention": 4, "lyrics_dropout": 0.2,
    "train_words": True,
}  # fmt: skip
_WONG = {
    "name": "wong_chemelli", "modalities": ["audio", "lyrics"], "channels": [3, 4], "audio_vector": 5, "hidden": 3,
    "layers": 2, "lyrics_dropout": 0.3, "pooling": "mean", "lyrics_vector": 6, "dense": 7, "dropout": 0.5,
}  # fmt: skip
_PRETRAIN = {
    "epochs": 1, "batch_size": TRACKS, "learning_rate": 1e-3, "betas": (0.9, 0.999), "weight_decay": 0.0,
    "lyrics_weight": 20.0, "mask_audio": 0.5, "mask_lyrics": 0.5,
}  # fmt: skip
_ALIGNED = {"contrastive_weight": 0.5, "temperature": 0.07, "learnable_temperature": True}


def model_settings(raw: Mapping[str, Any]) -> Any:
    """Settings of the `[model]` table of a job, read."""
    return parse(REGISTERED[raw["name"]], raw, "model")


@dataclass(frozen=True)
class Case:
    """One model with what it learns: settings of `[model]`, what differs from them, `[loss]` or `[pretrain]`, crop."""

    model: Mapping[str, Any]
    changes: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, Any] = field(default_factory=dict)
    pretrain: Mapping[str, Any] | None = None
    crop: tuple[int, int] = (40, 36)

    @property
    def settings(self) -> Any:
        """The settings of the model."""
        return model_settings({**self.model, **self.changes})


_SMALLEST, _PATCHES = (75, 75), (64, 32)  # of Inception-v4; whole patches
_AUDIO, _LYRICS = {"modalities": ["audio"]}, {"modalities": ["lyrics"]}
_NO_DECODER = {"decoder_layers": 0}
CASES = {
    "inception_v4": Case({"name": "inception_v4", **_INCEPTION}, crop=_SMALLEST),
    "bert": Case({"name": "bert", **_BERT}),
    "alnet": Case(_ALNET, loss={"contrastive_weight": 0.05}, crop=_SMALLEST),
    "jiang_mae-pretraining": Case(_MAE, pretrain={}, crop=_PATCHES),
    "jiang_mae-pretraining-own_choices": Case(
        _MAE,
        {"text_position": "bert_learned", "bert_embedding_norm": True, "lyrics_masking": "tokens"},
        pretrain={"contrastive_direction": "both", "audio_reduction": "mean", "norm_pixels": False},
        crop=_PATCHES,
    ),
    "jiang_mae-pretraining-contrast": Case(_MAE, _NO_DECODER, pretrain={"reconstruction_weight": 0.0}, crop=_PATCHES),
    "jiang_mae-pretraining-audio": Case(_MAE, _AUDIO, pretrain={}, crop=_PATCHES),
    "jiang_mae-fine-tuning": Case(_MAE, crop=_PATCHES),
    "jiang_mae-fine-tuning-lyrics": Case(_MAE, {**_LYRICS, "classifier_hidden": 9}, crop=_PATCHES),
    "ru_mgc": Case(_RU, loss=_ALIGNED),
    "ru_mgc-without_loss": Case(_RU),
    "ru_mgc-without_scma": Case(_RU, {"scma": False}, loss=_ALIGNED),
    "ru_mgc-without_gcem": Case(_RU, {"gcem": False}, loss=_ALIGNED),
    "ru_mgc-label_attention": Case(_RU, {"gcn_output": "label_attention"}, loss=_ALIGNED),
    "ru_mgc-mean_and_one_hot": Case(_RU, {"text_pooling": "mean", "node_features": "one_hot"}, loss=_ALIGNED),
    "santana": Case({"name": "santana", "channels": [4, 6, 8], "dropout": 0.5}),
    "pandeya": Case(_PANDEYA, loss={"emotion_weight": 0.7}),
    "han_cnn": Case(_HAN, loss={"classification": "cross_entropy"}),
    "han_cnn-audio": Case(_HAN, _AUDIO),
    "han_cnn-lyrics": Case(_HAN, {**_LYRICS, "train_words": False}),
    "wong_chemelli": Case(_WONG, loss={"classification": "cross_entropy"}),
    "wong_chemelli-audio": Case(_WONG, _AUDIO),
    "wong_chemelli-lyrics": Case(_WONG, {**_LYRICS, "pooling": "last"}),
}


def tiny(name: str) -> tuple[nn.Module, Task, TrackData]:
    """A model of a case, what it learns, and its tracks; always the same numbers."""
    return built(CASES[name])


def built(case: Case) -> tuple[nn.Module, Task, TrackData]:
    """The same of a case that is not among `CASES`."""
    random = torch.Generator().manual_seed(11)
    data = _data(case.crop, random)
    sizes = DataShape(
        n_genres=0 if case.pretrain is not None else GENRES,
        n_bands=case.crop[1],
        n_frames=case.crop[0],
        vocab_size=_VOCABULARY,
        word_table=_word_table(random),
        vector_layers=_LAYERS,
        vector_width=_WIDTH,
        genre_graph=_genre_graph(random),
    )
    torch.manual_seed(0)
    model = _without_dropout(build_model(case.settings, sizes)).double()
    data = _read_by(case.settings, data)
    if case.pretrain is not None:
        return model, pretraining_task(data, PretrainSettings(**{**_PRETRAIN, **case.pretrain}), model), data
    loss = LossSettings(**{"classification": "bce", **case.loss})
    if loss.classification == "cross_entropy":
        tracks = data.tracks.single_label()
        data = replace(data, tracks=tracks, labels=torch.from_numpy(tracks.labels))
    if loss.learnable_temperature:
        model.register_parameter(TEMPERATURE, nn.Parameter(torch.tensor(loss.temperature).double().log()))
    return model, classification_task(data, np.arange(TRACKS), loss), data


def _word_table(random: torch.Generator) -> Tensor:
    return torch.randn(_WORDS, _WIDTH, generator=random)


def _genre_graph(random: torch.Generator) -> GenreGraph:
    vectors = torch.randn(GENRES, 6, generator=random)
    return GenreGraph(tuple("abcd"), torch.rand(GENRES, GENRES, generator=random), vectors)


def _without_dropout(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0
    return model


def _data(crop: tuple[int, int], random: torch.Generator) -> TrackData:
    """Tracks whose lyrics differ in length; the third has none, and the emotion of the second is not known."""
    frames, bands = crop
    lengths = torch.tensor([5, _TOKENS, 2, 9, 3, 7, 4])
    labels = torch.rand(TRACKS, GENRES, generator=random) < 0.4
    labels[:, 0] |= ~labels.any(1)
    words = torch.randint(1, _WORDS, (TRACKS, _LINES, _WORDS_PER_LINE), generator=random)
    words[2] = words[0, 1:] = words[3, :, 2:] = 0
    vectors = torch.randn(TRACKS, _VECTORS, _LAYERS * _WIDTH, generator=random)
    first = labels.int().argmax(1).numpy()
    emotion = torch.rand(TRACKS, 2, generator=random).numpy()
    emotion[1] = float("nan")
    tracks = Tracks(
        tuple(f"t{number}" for number in range(TRACKS)), labels.numpy(), np.zeros(TRACKS, np.int64),
        np.ones(TRACKS, bool), tuple("abcd"), first, emotion,
    )  # fmt: skip
    return TrackData(
        tracks,
        labels,
        audio=_bank(torch.randn(TRACKS, frames, bands, generator=random)),
        normalizer=Normalizer(0.1, 2.0),
        tokens=TokenTable(
            None, _VOCABULARY, torch.randint(5, _VOCABULARY, (TRACKS, _TOKENS), generator=random), lengths
        ),
        words=WordTable(None, words, (words > 0).flatten(1).any(1), torch.empty(0)),
        word_vectors=WordVectorTable(_bank(vectors), _LAYERS, _WIDTH, lengths.clamp(max=_VECTORS) - 2, _VECTORS),
        audio_settings=AudioSettings("tiny", frames),
    )


def _bank(frames: Tensor) -> FrameStore:
    """A feature that lies in memory as a whole."""

    def pieces(rows: Tensor, starts: Tensor, count: int, slices: Sequence[slice]) -> Any:
        del starts  # every track is one crop long
        yield from (frames[rows[chosen], :count].double() for chosen in slices)

    return FrameStore(None, torch.full((len(frames),), frames.shape[1]), pieces, resident=True)


def _read_by(settings: Any, data: TrackData) -> TrackData:
    """What the model of some settings takes of the data."""
    return replace(data, **{name: None for name in INPUTS if name not in settings.inputs})
