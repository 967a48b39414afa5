"""ALNet, the two-modality baseline of the thesis (section 5.3): Inception-v4 and BERT under one transformer layer."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from mgc_models.config.models import AlnetSettings
from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models.bert import hidden_states, lyrics_encoder
from mgc_models.models.common import ModelOutput, masked_mean, required_audio
from mgc_models.models.inception_v4 import SMALLEST_SIDE, check_bands, inception_features

_EMBEDDING_STD = 0.02  # of BERT's own embeddings


class ALNet(nn.Module):
    """Audio tokens and lyric tokens, each marked with its modality, fused by one transformer encoder layer.

    The thesis names the parts, width and heads, not how they are joined: post-norm layer and masked mean are ours.

    Args:
        settings: Sizes.
        shape: Number of genres, bands of the spectrogram, vocabulary of the tokenizer.

    Attributes:
        features: Inception-v4 without its head, from `[B, 1, bands, T]` to `[B, channels, h, w]`.
        bert: The lyrics encoder.

    Raises:
        ModelError: if the heads do not divide the width, or the number of bands is unsuitable.
    """

    pretrained_encoder: ClassVar[str] = "bert"
    new_head: ClassVar[str] = "classifier"

    def __init__(self, settings: AlnetSettings, shape: DataShape) -> None:
        super().__init__()
        width, heads = settings.fusion_width, settings.fusion_heads
        if width % heads:
            raise ModelError(f"model.fusion_width ({width}) must be divisible by model.fusion_heads ({heads})")
        check_bands(shape)
        self.features, channels = inception_features(1, settings.width, settings.blocks)
        self.bert = lyrics_encoder(settings, shape)
        self.audio_projection = nn.Conv2d(channels, width, 1)
        self.text_projection = nn.Identity() if settings.hidden == width else nn.Linear(settings.hidden, width)
        self.modality_audio = nn.Parameter(torch.randn(width) * _EMBEDDING_STD)
        self.modality_text = nn.Parameter(torch.randn(width) * _EMBEDDING_STD)
        self.fusion = nn.TransformerEncoderLayer(
            width, heads, settings.fusion_intermediate, settings.dropout, activation="gelu", batch_first=True
        )
        self.classifier = nn.Linear(width, shape.n_genres)

    def forward(
        self, audio: Tensor | None = None, tokens: Tensor | None = None, token_mask: Tensor | None = None
    ) -> ModelOutput:
        """Classify pairs of spectrogram and lyrics.

        Args:
            audio: `[B, T, bands]`, normalised; T and bands at least 75.
            tokens: `[B, L]` int64, at most 512.
            token_mask: `[B, L]` bool, true for real tokens; padding is ignored.

        Returns:
            Logits `[B, C]`, and the mean of each modality's tokens before fusion, `[B, fusion_width]` each, for the
            contrastive loss (thesis Eq. 4.18).

        Raises:
            ModelError: if an input is missing or does not fit.
        """
        image = required_audio(audio, SMALLEST_SIDE).transpose(1, 2).unsqueeze(1)
        audio_tokens = self.audio_projection(self.features(image)).flatten(2).transpose(1, 2)
        states, mask = hidden_states(self.bert, tokens, token_mask)
        text_tokens = self.text_projection(states)
        joint = torch.cat((audio_tokens + self.modality_audio, text_tokens + self.modality_text), 1)
        joint_mask = torch.cat((mask.new_ones(audio_tokens.shape[:2]), mask), 1)
        fused = self.fusion(joint, src_key_padding_mask=~joint_mask)
        logits = self.classifier(masked_mean(fused, joint_mask))
        return ModelOutput(logits, audio_tokens.mean(1), masked_mean(text_tokens, mask))
