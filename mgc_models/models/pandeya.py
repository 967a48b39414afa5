"""The audio-and-lyrics baseline in Ru et al. 2023: Pandeya et al. 2021, a residual CNN and a HAN joined late.

Its sizes could not be read (docs/decisions/ru2023.md#compared-models).
"""

import torch
from torch import Tensor, nn

from mgc_models.config.models import PandeyaSettings
from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models.common import ModelOutput, required_audio
from mgc_models.models.han import HierarchicalAttention
from mgc_models.models.resnet import SMALLEST_SIDE, ResNet


class Pandeya(nn.Module):
    """Pooled audio and lyrics side by side, a dense layer, and a head each for genres and emotion.

    Args:
        settings: Sizes.
        shape: Number of genres and the table of word vectors.

    Raises:
        ModelError: if the data have no table of words.
    """

    def __init__(self, settings: PandeyaSettings, shape: DataShape) -> None:
        super().__init__()
        if shape.word_table is None:
            raise ModelError("model.name = 'pandeya' reads words: expected the vectors of a vocabulary")
        self.resnet = ResNet(settings.audio_channels, settings.audio_blocks)
        self.han = HierarchicalAttention(
            shape.word_table, settings.han_hidden, settings.han_attention, settings.han_dropout
        )
        width = self.resnet.out_channels + self.han.width
        self.joint = nn.Sequential(nn.Linear(width, settings.joint), nn.ReLU(), nn.Dropout(settings.dropout))
        self.genres = nn.Linear(settings.joint, shape.n_genres)
        self.emotion = nn.Linear(settings.joint, 2) if settings.emotion else None

    def forward(self, audio: Tensor | None, words: Tensor | None, has_lyrics: Tensor | None = None) -> ModelOutput:
        """Classify pairs of spectrogram and lyrics.

        Args:
            audio: `[B, T, bands]`, normalised; T and bands at least 33.
            words: `[B, lines, words]` int64 rows of the word table, 0 where there is none. Of a track without any the
                lyrics are the zero vector.
            has_lyrics: Not used: `words` says it too.

        Returns:
            Logits `[B, C]`, both modalities before they are joined, and with the emotion head valence and energy
            `[B, 2]`, between 0 and 1 as Spotify gives them.

        Raises:
            ModelError: if an input is missing or does not fit.
        """
        del has_lyrics
        if words is None:
            raise ModelError("this model reads lyrics, and the batch has none; expected words [B, lines, words]")
        image = required_audio(audio, SMALLEST_SIDE).transpose(1, 2).unsqueeze(1)
        audio_features = self.resnet(image).mean((2, 3))
        text_features, _, _ = self.han(words)
        joint = self.joint(torch.cat((audio_features, text_features), 1))
        emotion = None if self.emotion is None else torch.sigmoid(self.emotion(joint))
        return ModelOutput(self.genres(joint), audio_features, text_features, emotion)
