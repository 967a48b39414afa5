"""Nandy 2021: a CNN along time on the spectrogram, hierarchical attention on the lyrics, both vectors concatenated."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mgc_models.config.models import HanCnnSettings
from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models.common import LyricsOrNone, ModelOutput, checked_modalities, required_audio
from mgc_models.models.han import PAD, HierarchicalAttention


class TimeBlock(nn.Sequential):
    """Convolution of each band along time, ReLU, then batch normalisation, maximum over frames, dropout (section 5.1).

    Maps `[B, in, bands, T]` to `[B, out, bands, T // pool]`; without pooling there is no dropout either.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, pool: int, dropout: float) -> None:
        pooling = [nn.MaxPool2d((1, pool)), nn.Dropout(dropout)] if pool > 1 else []
        super().__init__(
            nn.Conv2d(in_channels, out_channels, (1, kernel), padding="same"),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(out_channels),
            *pooling,
        )


class TimeCnn(nn.Module):
    """CNN on a spectrogram: blocks along time, one convolution over all bands, the maximum over time.

    Args:
        bands: Of the spectrogram.
        input_pool: Bands and frames that are averaged into one pixel.
        channels: Of each block.
        kernels: Frames under the kernel of each block.
        pools: Frames that each block joins.
        width: Length of the output.
        dropout: After each pooling.
    """

    def __init__(
        self,
        bands: int,
        input_pool: tuple[int, int],
        channels: Sequence[int],
        kernels: Sequence[int],
        pools: Sequence[int],
        width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        if not len(channels) == len(kernels) == len(pools):
            raise ModelError(
                f"model.channels, model.kernels and model.pools have {len(channels)}, {len(kernels)} and {len(pools)} "
                "values; expected one of each for every block"
            )
        if bands < input_pool[0]:
            raise ModelError(f"model.input_pool joins {input_pool[0]} bands; the spectrogram has {bands}")
        self.input_pool = input_pool
        self.bands, self.smallest = bands, input_pool[1] * math.prod(pools)
        self.blocks = nn.Sequential(
            *(TimeBlock(*sizes, dropout) for sizes in zip((1, *channels[:-1]), channels, kernels, pools, strict=True))
        )
        self.collapse = nn.Conv2d(channels[-1], width, (bands // input_pool[0], 1))
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, audio: Tensor) -> Tensor:
        """Vectors `[B, width]` of spectrograms `[B, T, bands]`.

        Raises:
            ModelError: for other bands than it was built for, or fewer frames than are pooled into one.
        """
        if audio.shape[2] != self.bands or audio.shape[1] < self.smallest:
            raise ModelError(
                f"spectrogram {list(audio.shape)}: expected [B, T, {self.bands}] with T at least {self.smallest}"
            )
        image = F.avg_pool2d(audio.unsqueeze(1), self.input_pool[::-1]).transpose(2, 3).contiguous()
        maps = self.norm(torch.relu(self.collapse(self.blocks(image))))
        return self.dropout(maps.amax((2, 3)))


class HanCnn(nn.Module):
    """The fused model, or one of its branches.

    Args:
        settings: Sizes.
        shape: Bands of the spectrogram and the table of word vectors, as far as `settings.modalities` need them.

    Attributes:
        audio: The CNN; None without audio.
        lyrics: The hierarchical attention network; None without lyrics.
        starts: What its word vectors start from, for the record.

    Raises:
        ModelError: if settings and data do not go together.
    """

    def __init__(self, settings: HanCnnSettings, shape: DataShape) -> None:
        super().__init__()
        modalities = checked_modalities(settings.modalities)
        self.audio = _cnn(settings, shape) if "audio" in modalities else None
        self.lyrics = _han(settings, shape) if "lyrics" in modalities else None
        self.lyrics_or_none = LyricsOrNone(2 * settings.hidden) if self.lyrics else None
        self.starts = {"words": shape.word_source} if self.lyrics and shape.word_source else {}
        width = (settings.audio_vector if self.audio else 0) + (2 * settings.hidden if self.lyrics else 0)
        self.classifier = nn.Linear(width, shape.n_genres)

    def forward(
        self, audio: Tensor | None = None, words: Tensor | None = None, has_lyrics: Tensor | None = None
    ) -> ModelOutput:
        """Classify tracks.

        Args:
            audio: Spectrograms `[B, T, bands]`.
            words: Rows of the word table, int64 `[B, lines, words]`, 0 where there is no word.
            has_lyrics: bool `[B]`; where false, a learned vector stands for the lyrics. None: where there is a word.

        Raises:
            ModelError: if an input that the model needs is missing or too small.
        """
        audio_features = text_features = None
        if self.audio is not None:
            audio_features = self.audio(required_audio(audio, 1))
        if self.lyrics is not None and self.lyrics_or_none is not None:
            if words is None:
                raise ModelError("this model reads lyrics, and the batch has none; expected words [B, lines, words]")
            there = (words != PAD).flatten(1).any(1)
            text_features = self.lyrics_or_none(
                self.lyrics(words)[0], there if has_lyrics is None else there & has_lyrics
            )
        logits = self.classifier(
            torch.cat([vector for vector in (audio_features, text_features) if vector is not None], 1)
        )
        return ModelOutput(logits, audio_features, text_features)


def _cnn(settings: HanCnnSettings, shape: DataShape) -> TimeCnn:
    if shape.n_bands is None:
        raise ModelError("model.name = 'han_cnn' takes audio: expected the number of bands of a spectrogram")
    return TimeCnn(
        shape.n_bands,
        settings.input_pool,
        settings.channels,
        settings.kernels,
        settings.pools,
        settings.audio_vector,
        settings.dropout,
    )


def _han(settings: HanCnnSettings, shape: DataShape) -> HierarchicalAttention:
    if shape.word_table is None:
        raise ModelError("model.name = 'han_cnn' reads lyrics: expected a table of word vectors")
    return HierarchicalAttention(
        shape.word_table,
        settings.hidden,
        settings.attention,
        settings.lyrics_dropout,
        train_words=settings.train_words,
    )
