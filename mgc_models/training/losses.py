"""Loss functions; every one takes logits or embeddings in any precision and computes in float32."""

import torch
import torch.nn.functional as F
from torch import Tensor


def multi_label_losses(logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    """Binary cross-entropy on logits of every track, [B].

    Args:
        logits: Model outputs before the sigmoid, [B, C].
        labels: 0 or 1, [B, C].
        reduction: Over genres: `mean`, or `sum` (thesis Eq. 4.24).
    """
    losses = F.binary_cross_entropy_with_logits(logits.float(), labels.float(), reduction="none")
    return losses.sum(dim=1) if reduction == "sum" else losses.mean(dim=1)


def single_label_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Categorical cross-entropy of every track, [B].

    Args:
        logits: Model outputs before the softmax, [B, C].
        labels: 1 for the one genre of a track, else 0, [B, C].
    """
    return -(labels.float() * F.log_softmax(logits.float(), dim=1)).sum(dim=1)


def emotion_error(predicted: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the squared errors of valence and energy, and how many of them are known.

    Args:
        predicted: Model outputs, [B, 2].
        targets: Valence and energy, NaN where unknown, [B, 2].
    """
    known = targets.isfinite()
    errors = predicted.float() - torch.where(known, targets.float(), 0.0)
    return (errors.square() * known).sum(), known.sum()


def contrastive_loss(
    audio: Tensor, text: Tensor, temperature: float | Tensor, direction: str = "lyrics"
) -> tuple[Tensor, Tensor]:
    """Contrastive audio-lyrics loss on cosine similarity.

    Args:
        audio: One vector per clip, [B, D].
        text: One vector per lyrics, [B, D]; row k belongs to clip k.
        temperature: Divides the similarities; 0.05 in the thesis.
        direction: What the softmax runs over. `lyrics`: each clip is the anchor and all lyrics are its candidates
            (thesis Eq. 4.18); `audio`: the other way round (CAV-MAE's own code); `both`: the mean of the two.

    Returns:
        The loss, and the contrastive accuracy: the share of anchors more similar to their own partner than to all
        others (by chance 1 / B).
    """
    similarity = F.normalize(audio.float(), dim=-1) @ F.normalize(text.float(), dim=-1).T / temperature
    if direction == "both":
        one, other = _over_columns(similarity), _over_columns(similarity.T)
        return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2
    return _over_columns(similarity if direction == "lyrics" else similarity.T)


def _over_columns(similarity: Tensor) -> tuple[Tensor, Tensor]:
    own = torch.arange(len(similarity), device=similarity.device)
    accuracy = (similarity.detach().argmax(dim=-1) == own).float().mean()
    return F.cross_entropy(similarity, own), accuracy
