"""Loss functions; every one takes logits or embeddings in any precision and computes in float32."""

import torch
import torch.nn.functional as F
from torch import Tensor


def classification_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy on logits, averaged over tracks and genres.

    Args:
        logits: Model outputs before the sigmoid, [B, C].
        labels: 0 or 1, [B, C].
    """
    return F.binary_cross_entropy_with_logits(logits.float(), labels.float())


def contrastive_loss(audio: Tensor, text: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Contrastive audio-lyrics loss of thesis Eq. 4.18.

    Each clip is the anchor and the lyrics of the batch are its candidates (softmax over lyrics), on cosine similarity.
    The direction is the thesis'; CAV-MAE's own code takes the softmax over audio.

    Args:
        audio: One vector per clip, [B, D].
        text: One vector per lyrics, [B, D]; row k belongs to clip k.
        temperature: Divides the similarities; 0.05 in the thesis.

    Returns:
        The loss, and the contrastive accuracy: the share of clips more similar to their own lyrics than to all
        others (by chance 1 / B).
    """
    similarity = F.normalize(audio.float(), dim=-1) @ F.normalize(text.float(), dim=-1).T / temperature
    own = torch.arange(len(similarity), device=similarity.device)
    accuracy = (similarity.detach().argmax(dim=-1) == own).float().mean()
    return F.cross_entropy(similarity, own), accuracy
