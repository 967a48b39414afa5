"""What the pretraining and the inpainting of the thesis' model return."""

from typing import NamedTuple

from torch import Tensor


class PretrainOutput(NamedTuple):
    """What the pretraining losses are made of; None for what the settings or the modalities leave out.

    Attributes:
        audio_embedding: Mean of the audio stream's visible tokens, `[B, D]` (thesis Eq. 4.16), not normalised.
        text_embedding: Mean of the lyrics stream's visible real tokens, `[B, D]` (Eq. 4.17).
        audio_loss: Squared error of each clip's masked patches, `[B]` (Eq. 4.10).
        lyrics_loss_sum: Cross-entropy summed over the batch's masked real tokens, `[]` (Eq. 4.13).
        lyrics_count: How many those are, float32 `[]`; may be 0.
    """

    audio_embedding: Tensor | None = None
    text_embedding: Tensor | None = None
    audio_loss: Tensor | None = None
    lyrics_loss_sum: Tensor | None = None
    lyrics_count: Tensor | None = None


class Inpainting(NamedTuple):
    """A batch of spectrograms with their masked patches filled in.

    Attributes:
        patches: `[B, n, 256]`: predicted where masked, as given elsewhere.
        masked: bool `[B, n]`.
    """

    patches: Tensor
    masked: Tensor
