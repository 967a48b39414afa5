"""Wong and Chemelli 2023: stacked LSTMs on word vectors, a CNN on the spectrogram, joined (section 2)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mgc_models.config.models import WongChemelliSettings
from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models.common import (
    LyricsOrNone,
    ModelOutput,
    checked_modalities,
    masked_mean,
    positions_below,
    required_audio,
    run_packed,
)


class ScalarMix(nn.Module):
    """Learned mean of the layers of contextual word vectors (Peters et al. 2018, Eq. 1): gamma * sum_k s_k h_k."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(()))

    def forward(self, vectors: Tensor) -> Tensor:
        """Mix `[B, L, layers, D]` into `[B, L, D]`; s is the softmax of the weights."""
        return self.gamma * torch.einsum("blkd,k->bld", vectors, torch.softmax(self.weights, 0))


class WordLstm(nn.Module):
    """Mixed word vectors through bidirectional LSTMs to one vector: `[B, L, layers, D]` to `[B, lyrics_vector]`.

    Args:
        settings: Sizes.
        vector_layers: Layers of a stored word vector.
        vector_width: Width of one layer.
    """

    def __init__(self, settings: WongChemelliSettings, vector_layers: int, vector_width: int) -> None:
        super().__init__()
        self.mix = ScalarMix(vector_layers)
        self.lstm = nn.LSTM(
            vector_width,
            settings.hidden,
            settings.layers,
            batch_first=True,
            bidirectional=True,
            dropout=settings.lyrics_dropout if settings.layers > 1 else 0.0,
        )
        self.pooling = settings.pooling
        self.project = nn.Linear(2 * settings.hidden, settings.lyrics_vector)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Read the words where `mask [B, L]` is true."""
        states, _, lengths = run_packed(self.lstm, self.mix(vectors), mask)
        if self.pooling == "mean":
            pooled = masked_mean(states, positions_below(lengths, mask.shape[1]))
        else:
            forward, backward = states.chunk(2, -1)
            last = (lengths.clamp(min=1) - 1)[:, None, None].expand(-1, 1, forward.shape[-1])
            pooled = torch.cat([forward.gather(1, last).squeeze(1), backward[:, 0]], 1)
        return torch.relu(self.project(pooled))


class ImageCnn(nn.Module):
    """CNN on the spectrogram as on a picture: blocks that halve both sides, then the mean over what is left.

    Args:
        channels: Of each block.
        width: Length of the output.

    Attributes:
        smallest: Frames, and bands, that the blocks need.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.smallest = 2 ** len(channels)
        self.blocks = nn.Sequential(
            *(_block(*sizes) for sizes in zip((1, *channels[:-1]), channels, strict=True)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.project = nn.Linear(channels[-1], width)

    def forward(self, audio: Tensor) -> Tensor:
        """Vectors `[B, width]` of spectrograms `[B, T, bands]`."""
        return torch.relu(self.project(self.blocks(audio.unsqueeze(1))))


def _block(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    )


class WongChemelli(nn.Module):
    """The fused model, or one of its branches.

    Args:
        settings: Sizes.
        shape: Layers and width of the stored word vectors, if `settings.modalities` has lyrics.

    Attributes:
        starts: What its word vectors are from, for the record.

    Raises:
        ModelError: if settings and data do not go together.
    """

    def __init__(self, settings: WongChemelliSettings, shape: DataShape) -> None:
        super().__init__()
        modalities = checked_modalities(settings.modalities)
        self.audio = ImageCnn(settings.channels, settings.audio_vector) if "audio" in modalities else None
        self.lyrics = _lstm(settings, shape) if "lyrics" in modalities else None
        self.lyrics_or_none = LyricsOrNone(settings.lyrics_vector) if self.lyrics else None
        self.starts = {"word_vectors": shape.vector_source} if self.lyrics and shape.vector_source else {}
        width = (settings.audio_vector if self.audio else 0) + (settings.lyrics_vector if self.lyrics else 0)
        self.head = nn.Sequential(
            nn.Linear(width, settings.dense), nn.ReLU(), nn.Dropout(settings.dropout),
            nn.Linear(settings.dense, shape.n_genres),
        )  # fmt: skip

    def forward(
        self,
        audio: Tensor | None = None,
        word_vectors: Tensor | None = None,
        word_mask: Tensor | None = None,
        has_lyrics: Tensor | None = None,
    ) -> ModelOutput:
        """Classify tracks.

        Args:
            audio: Spectrograms `[B, T, bands]`.
            word_vectors: Vectors of the principal words, `[B, L, layers, D]`.
            word_mask: bool `[B, L]`, true where there is a word; the others change nothing.
            has_lyrics: bool `[B]`; where false, a learned vector stands for the lyrics. None: where there is a word.

        Raises:
            ModelError: if an input that the model needs is missing or does not fit.
        """
        audio_features = text_features = None
        if self.audio is not None:
            audio_features = self.audio(required_audio(audio, self.audio.smallest))
        if self.lyrics is not None and self.lyrics_or_none is not None:
            vectors, mask = _required_vectors(word_vectors, word_mask)
            there = mask.any(1)
            text_features = self.lyrics_or_none(
                self.lyrics(vectors, mask), there if has_lyrics is None else there & has_lyrics
            )
        logits = self.head(torch.cat([vector for vector in (audio_features, text_features) if vector is not None], 1))
        return ModelOutput(logits, audio_features, text_features)


def _lstm(settings: WongChemelliSettings, shape: DataShape) -> WordLstm:
    if shape.vector_layers is None or shape.vector_width is None:
        raise ModelError("model.name = 'wong_chemelli' reads lyrics: expected layers and width of stored word vectors")
    return WordLstm(settings, shape.vector_layers, shape.vector_width)


def _required_vectors(vectors: Tensor | None, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    if vectors is None or mask is None:
        raise ModelError("this model reads lyrics, and the batch has none; expected word_vectors and word_mask")
    if vectors.ndim != 4 or mask.shape != vectors.shape[:2] or not mask.numel():
        raise ModelError(
            f"word_vectors {list(vectors.shape)} and word_mask {list(mask.shape)}: expected [B, L, layers, D] and "
            "[B, L], with L at least 1"
        )
    return vectors, mask
