"""Hierarchical attention on lyrics: words to lines, lines to a song (Yang et al. 2016; Nandy 2021, section 5.2).

The levels are the same module on other inputs. All lines of a batch go through the word level at once, and a padded
position takes no part in anything: sequences are packed, and weights outside the mask are exactly zero.
"""

import torch
from torch import Tensor, nn

from mgc_models.errors import ModelError
from mgc_models.models.common import positions_below, run_packed

PAD = 0  # index of the word table that stands for no word


class Attention(nn.Module):
    """Weighted sum of states, the weights learned (Nandy 2021, Eq. 2 to 4).

    Args:
        width: Of a state h_i.
        size: Of u_i, the state as the attention sees it.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, size)  # W_a, b_a
        self.context = nn.Linear(size, 1, bias=False)  # u_a

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Sum the states `[R, T, width]` over the positions where `mask [R, T]` is true.

        Returns:
            s `[R, width]` and alpha `[R, T]`, which sums to 1; both zero where the mask is true nowhere.
        """
        scores = self.context(torch.tanh(self.hidden(states))).squeeze(-1).float()
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, 1) * mask
        return torch.einsum("rt,rtd->rd", weights.to(states.dtype), states), weights


class AttentiveGRU(nn.Module):
    """Bidirectional GRU and attention over what it gives: one level of the hierarchy.

    Args:
        width: Of the inputs.
        hidden: Units of the GRU in each direction.
        attention: Size of the attention.
    """

    def __init__(self, width: int, hidden: int, attention: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        self.attention = Attention(2 * hidden, attention)

    def forward(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read the inputs `[R, T, width]` where `mask [R, T]` is true, as if the others were not there.

        Returns:
            Vectors `[R, 2 * hidden]` and weights `[R, T]`; both zero where the mask is true nowhere.
        """
        states, order, lengths = run_packed(self.gru, inputs, mask)
        vectors, weights = self.attention(states, positions_below(lengths, mask.shape[1]))
        return vectors, torch.zeros_like(weights).scatter(1, order, weights)


class HierarchicalAttention(nn.Module):
    """Hierarchical attention network: `[B, lines, n]` words to a vector of each song.

    Args:
        word_table: Vectors of the words, float32 `[V + 2, D]`: row 0 stands for no word, row 1 for all unknown words.
        hidden: Units of each GRU in each direction.
        attention: Size of the attention on both levels.
        dropout: Share of the line vectors, and of the song vectors, that is dropped in training.
        train_words: Whether the word vectors are trained too.

    Attributes:
        width: 2 * hidden, of the vectors.
    """

    def __init__(
        self, word_table: Tensor, hidden: int, attention: int, dropout: float, *, train_words: bool = True
    ) -> None:
        super().__init__()
        self.width = 2 * hidden
        self.words = nn.Embedding.from_pretrained(word_table.float().clone(), freeze=not train_words, padding_idx=PAD)
        self.word_level = AttentiveGRU(word_table.shape[1], hidden, attention)
        self.line_level = AttentiveGRU(self.width, hidden, attention)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read songs.

        Args:
            words: Rows of the word table, int64 `[B, lines, n]`; 0 where there is no word. A line without words, and a
                song without lines, get the zero vector and zero weights.

        Returns:
            Song vectors `[B, 2 * hidden]`, weights of the words in their lines `[B, lines, n]`, and weights of the
            lines in their songs `[B, lines]`.

        Raises:
            ModelError: for another shape.
        """
        if words.ndim != 3 or not words.numel():
            raise ModelError(f"words {list(words.shape)}: expected [B, lines, words], none of them 0")
        mask = words != PAD
        lines, word_weights = self.word_level(self.words(words.flatten(0, 1)), mask.flatten(0, 1))
        lines = self.dropout(lines).unflatten(0, words.shape[:2])
        songs, line_weights = self.line_level(lines, mask.any(-1))
        return self.dropout(songs), word_weights.view(words.shape), line_weights
