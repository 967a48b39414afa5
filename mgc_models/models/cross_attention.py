"""Two symmetric cross-modal attentions (SCMA): the multi-modal fusion of Ru et al. 2023.

The source says "two symmetric cross-modal attention" and no more; the layer here is the decoder half of a transformer
without self-attention, post-norm (docs/decisions/ru2023.md#cross-modal-attention).
"""

from torch import Tensor, nn

from mgc_models.errors import ModelError


class CrossAttention(nn.Module):
    """One direction: a sequence asks the other one, then a feed-forward network; each with residual and LayerNorm."""

    def __init__(self, width: int, heads: int, intermediate: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.norm1 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, intermediate), nn.GELU(), nn.Dropout(dropout), nn.Linear(intermediate, width)
        )
        self.norm2 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, context: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Let every query gather from the context.

        Args:
            queries: `[B, Lq, width]`.
            context: `[B, Lk, width]`, keys and values.
            hidden: `[B, Lk]` bool, true where the context must not be looked at; not everywhere in any row.

        Returns:
            `[B, Lq, width]`.
        """
        gathered, _ = self.attention(queries, context, context, key_padding_mask=hidden, need_weights=False)
        states = self.norm1(queries + self.dropout(gathered))
        return self.norm2(states + self.dropout(self.feed_forward(states)))


class SymmetricCrossAttention(nn.Module):
    """Layers of two cross-attentions side by side, each reading what the other read before: audio', lyrics'."""

    def __init__(self, layers: int, width: int, heads: int, intermediate: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ModelError(f"model.width ({width}) must be divisible by model.fusion_heads ({heads})")
        sizes = (width, heads, intermediate, dropout)
        self.audio = nn.ModuleList(CrossAttention(*sizes) for _ in range(layers))
        self.lyrics = nn.ModuleList(CrossAttention(*sizes) for _ in range(layers))

    def forward(self, audio: Tensor, lyrics: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Exchange information between the modalities.

        Args:
            audio: `[B, T, width]`, without padding.
            lyrics: `[B, L, width]`.
            mask: `[B, L]` bool, true for real tokens, of which every row has one. The others change nothing in audio',
                and their own states in lyrics' mean nothing.

        Returns:
            audio' `[B, T, width]` and lyrics' `[B, L, width]`.
        """
        for listen, read in zip(self.audio, self.lyrics, strict=True):
            audio, lyrics = listen(audio, lyrics, ~mask), read(lyrics, audio)
        return audio, lyrics
