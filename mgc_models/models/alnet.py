"""ALNet, the two-modality baseline of the thesis (section 5.3): Inception-v4 and BERT under one transformer layer."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from transformers import BertModel

from mgc_models.errors import ModelError
from mgc_models.models.bert import hidden_states
from mgc_models.models.common import ModelOutput, masked_mean, required_audio
from mgc_models.models.inception_v4 import SMALLEST_SIDE

_EMBEDDING_STD = 0.02  # of BERT's own embeddings


class ALNet(nn.Module):
    """Audio tokens and lyric tokens, each marked with its modality, fused by one transformer encoder layer.

    The thesis names the parts, width and heads; how they are joined is a default (post-norm layer, masked mean).

    Attributes:
        features: Inception-v4 without its head, from `[B, 1, bands, T]` to `[B, channels, h, w]`.
        bert: The lyrics encoder.
    """

    pretrained_encoder: ClassVar[str] = "bert"

    def __init__(
        self,
        n_genres: int,
        features: nn.Sequential,
        feature_channels: int,
        bert: BertModel,
        *,
        fusion_width: int,
        fusion_heads: int,
        fusion_intermediate: int,
        dropout: float,
    ) -> None:
        super().__init__()
        if fusion_width % fusion_heads:
            raise ModelError(
                f"model.fusion_width ({fusion_width}) must be divisible by model.fusion_heads ({fusion_heads})"
            )
        text_width = bert.config.hidden_size
        self.features = features
        self.bert = bert
        self.audio_projection = nn.Conv2d(feature_channels, fusion_width, 1)
        self.text_projection = nn.Identity() if text_width == fusion_width else nn.Linear(text_width, fusion_width)
        self.modality_audio = nn.Parameter(torch.randn(fusion_width) * _EMBEDDING_STD)
        self.modality_text = nn.Parameter(torch.randn(fusion_width) * _EMBEDDING_STD)
        self.fusion = nn.TransformerEncoderLayer(
            fusion_width, fusion_heads, fusion_intermediate, dropout, activation="gelu", batch_first=True
        )
        self.classifier = nn.Linear(fusion_width, n_genres)

    def forward(
        self, audio: Tensor | None = None, tokens: Tensor | None = None, token_mask: Tensor | None = None
    ) -> ModelOutput:
        """Classify pairs of spectrogram and lyrics.

        Args:
            audio: `[B, T, bands]`, normalised; T and bands at least 75.
            tokens: `[B, L]` int64, at most 512.
            token_mask: `[B, L]` bool, true for real tokens; the others change nothing.

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
