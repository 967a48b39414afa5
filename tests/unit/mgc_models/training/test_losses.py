import math

import pytest
import torch

from mgc_models.training.losses import contrastive_loss, emotion_error, multi_label_losses, single_label_losses


def test_the_classification_loss_is_the_mean_cross_entropy_of_all_cells():
    logits, labels = torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]])
    expected = (math.log(2) + math.log(1 + math.exp(2))) / 2
    assert multi_label_losses(logits, labels).item() == pytest.approx(expected)


def test_the_classification_loss_of_eq_4_24_is_the_sum_over_genres():
    logits, labels = torch.randn(4, 7), torch.rand(4, 7).round()
    probability = logits.sigmoid()
    cells = labels * probability.log() + (1 - labels) * (1 - probability).log()
    torch.testing.assert_close(multi_label_losses(logits, labels, "sum"), -cells.sum(1))
    torch.testing.assert_close(multi_label_losses(logits, labels), -cells.mean(1))


def test_the_softmax_of_the_contrastive_loss_runs_over_lyrics():
    """Eq. 4.18 by hand. One lyrics vector that both clips resemble makes the two directions differ."""
    audio = torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    text = torch.tensor([[2.0, 0.0], [1.0, 0.0]])
    tau, half = 0.5, math.sqrt(0.5)
    rows = [[1.0, 1.0], [half, half]]
    terms = [math.log(sum(math.exp(s / tau) for s in row)) - row[k] / tau for k, row in enumerate(rows)]
    loss, _ = contrastive_loss(audio, text, tau)
    assert loss.item() == pytest.approx(sum(terms) / 2, rel=1e-6)
    other_way, _ = contrastive_loss(text, audio, tau)
    assert loss.item() != pytest.approx(other_way.item(), rel=1e-3)


def test_contrastive_accuracy_counts_clips_nearest_to_their_own_lyrics():
    text = torch.eye(4)
    _, accuracy = contrastive_loss(text[[0, 1, 3, 2]], text, 0.05)
    assert accuracy.item() == 0.5
    loss, accuracy = contrastive_loss(text * 7, text, 0.05)
    assert accuracy.item() == 1.0
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_the_directions_of_the_contrastive_loss_swap_anchor_and_candidates():
    torch.manual_seed(0)
    audio, text = torch.randn(5, 4), torch.randn(5, 4)
    swapped = contrastive_loss(text, audio, 0.3, "lyrics")
    found = contrastive_loss(audio, text, 0.3, "audio")
    assert [value.item() for value in found] == pytest.approx([value.item() for value in swapped])
    both = contrastive_loss(audio, text, 0.3, "both")
    mean = [(a + b).item() / 2 for a, b in zip(found, contrastive_loss(audio, text, 0.3), strict=True)]
    assert [value.item() for value in both] == pytest.approx(mean)


def test_single_label_losses_are_categorical_cross_entropies_per_track():
    logits, labels = torch.randn(3, 4), torch.eye(4)[[2, 0, 3]]
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([2, 0, 3]), reduction="none")
    torch.testing.assert_close(single_label_losses(logits, labels), expected)


def test_unknown_emotions_count_for_nothing_and_leave_finite_gradients():
    predicted = torch.tensor([[0.5, 0.5], [0.0, 1.0], [9.0, 9.0]], requires_grad=True)
    targets = torch.tensor([[0.0, math.nan], [1.0, 1.0], [math.nan, math.nan]])
    total, known = emotion_error(predicted, targets)
    assert (total.item(), known.item()) == (0.25 + 1.0, 3)
    total.backward()
    assert predicted.grad.tolist() == [[1.0, 0.0], [-2.0, 0.0], [0.0, 0.0]]
