"""ALNet: both modalities matter, padding does not, and training and evaluation agree."""

import pytest
import torch

from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models import build_model
from tests.unit.mgc_models.tiny_models import model_settings

TINY = {
    "name": "alnet",
    "width": 0.125,
    "blocks": [1, 1, 1],
    "layers": 1,
    "hidden": 32,
    "heads": 2,
    "intermediate": 64,
    "fusion_width": 48,
    "fusion_heads": 4,
    "fusion_intermediate": 96,
    "dropout": 0.1,
}
SIZES = DataShape(6, n_bands=128, vocab_size=90)


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(model_settings(TINY), SIZES).eval()


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    mask = torch.arange(10) < torch.tensor([4, 10, 2])[:, None]
    return torch.randn(3, 128, 128), torch.randint(5, 90, (3, 10)), mask


def test_the_output_is_logits_and_one_vector_for_each_modality(model: torch.nn.Module, batch: tuple) -> None:
    logits, audio, text, emotion = model(*batch)
    assert logits.shape == (3, 6)
    assert audio.shape == text.shape == (3, 48)
    assert emotion is None


@pytest.mark.parametrize("gradients", [True, False])
def test_masked_positions_change_nothing(model: torch.nn.Module, batch: tuple, gradients: bool) -> None:
    audio, tokens, mask = batch
    other = torch.where(mask, tokens, torch.randint(5, 90, tokens.shape))
    with torch.set_grad_enabled(gradients):
        results = [model(audio, these, mask) for these in (tokens, other)]
        short = model(audio[:1], tokens[:1, :4], mask[:1, :4])
    for one, two, cut in zip(*(result[:3] for result in (*results, short)), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
        torch.testing.assert_close(one[:1], cut, rtol=1e-5, atol=1e-5)


def test_each_modality_reaches_the_logits_but_not_the_other_s_vector(model: torch.nn.Module, batch: tuple) -> None:
    audio, tokens, mask = batch
    base, other_audio = model(*batch), model(audio + torch.randn_like(audio), tokens, mask)
    other_text = model(audio, (tokens + 1) % 90, mask)
    assert not torch.allclose(base.logits, other_audio.logits)
    assert not torch.allclose(base.logits, other_text.logits)
    torch.testing.assert_close(base.text_embedding, other_audio.text_embedding, rtol=0, atol=0)
    torch.testing.assert_close(base.audio_embedding, other_text.audio_embedding, rtol=0, atol=0)


def test_lyrics_without_a_single_token_give_finite_numbers_and_gradients(model: torch.nn.Module, batch: tuple) -> None:
    audio, tokens, mask = batch
    mask = mask.clone()
    mask[0] = False
    output = model.train()(audio, tokens, mask)
    (output.logits.sum() + output.text_embedding.sum() + output.audio_embedding.sum()).backward()
    assert output.logits.isfinite().all()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())


def test_the_fused_layer_is_the_same_with_and_without_gradients(model: torch.nn.Module, batch: tuple) -> None:
    with_gradients = model(*batch).logits
    with torch.inference_mode():
        torch.testing.assert_close(model(*batch).logits, with_gradients, rtol=1e-5, atol=1e-5)


def test_every_parameter_learns(batch: tuple) -> None:
    torch.manual_seed(0)
    model = build_model(model_settings(TINY), SIZES)
    output = model(*batch)
    (output.logits.square().sum() + output.text_embedding.square().sum()).backward()
    silent = [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
    # Adding the same number to every key of an attention moves no softmax, so its gradient is zero by construction.
    assert [name for name in silent if not name.endswith("key.bias")] == []


def test_at_the_paper_s_sizes_only_the_map_is_projected() -> None:
    paper = TINY | {"width": 1.0, "blocks": [4, 7, 3], "layers": 12, "hidden": 768, "heads": 12, "intermediate": 3072}
    paper |= {"fusion_width": 768, "fusion_heads": 12, "fusion_intermediate": 3072}
    with torch.device("meta"):
        model = build_model(model_settings(paper), DataShape(50, n_bands=128, vocab_size=30522))
    assert list(model.text_projection.parameters()) == []
    assert model.audio_projection.weight.shape == (768, 1536, 1, 1)


def test_what_does_not_fit_is_named(model: torch.nn.Module, batch: tuple) -> None:
    audio, tokens, mask = batch
    with pytest.raises(ModelError, match="reads audio, and the batch has none"):
        model(None, tokens, mask)
    with pytest.raises(ModelError, match="reads lyrics, and the batch has none"):
        model(audio, None, None)
    with pytest.raises(ModelError, match=r"model.fusion_width \(48\) must be divisible by model.fusion_heads \(7\)"):
        build_model(model_settings({**TINY, "fusion_heads": 7}), SIZES)
