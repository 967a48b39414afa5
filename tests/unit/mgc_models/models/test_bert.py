"""BERT on lyrics: padding changes nothing, and inputs that do not fit are named."""

import pytest
import torch

from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models import build_model
from tests.unit.mgc_models.tiny_models import model_settings

TINY = {"name": "bert", "layers": 2, "hidden": 32, "heads": 2, "intermediate": 64}


def test_paper_sizes_are_bert_base() -> None:
    paper = {"name": "bert", "layers": 12, "hidden": 768, "heads": 12, "intermediate": 3072}
    with torch.device("meta"):
        model = build_model(model_settings(paper), DataShape(50, vocab_size=30522))
    # bert-base-uncased has 109,482,240 with its pooler of 768 x 768 + 768
    assert sum(parameter.numel() for parameter in model.bert.parameters()) == 109_482_240 - 590_592
    assert model.bert.config._attn_implementation == "sdpa"


def test_the_output_is_logits_and_the_state_of_the_first_token() -> None:
    model = build_model(model_settings(TINY), DataShape(7, vocab_size=90)).eval()
    tokens = torch.randint(5, 90, (3, 12))
    logits, audio, text, _ = model(tokens, torch.ones(3, 12, dtype=torch.bool))
    assert logits.shape == (3, 7)
    assert audio is None
    assert text.shape == (3, 32)
    torch.testing.assert_close(model.classifier(text), logits)


@pytest.mark.parametrize("training", [False, True])
def test_masked_positions_change_nothing(training: bool) -> None:
    torch.manual_seed(0)
    model = build_model(model_settings(TINY), DataShape(5, vocab_size=90))
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    model.train(training)
    tokens = torch.randint(5, 90, (4, 12))
    mask = torch.arange(12) < torch.tensor([3, 12, 1, 7])[:, None]
    other = torch.where(mask, tokens, torch.randint(5, 90, (4, 12)))
    logits = model(tokens, mask).logits
    torch.testing.assert_close(model(other, mask).logits, logits, rtol=0, atol=0)
    short = model(tokens[:1, :3], mask[:1, :3]).logits
    torch.testing.assert_close(short, logits[:1], rtol=1e-5, atol=1e-6)
    changed = model(torch.where(torch.arange(12) == 2, 5 + (tokens - 4) % 85, tokens), mask).logits
    assert not torch.allclose(changed[0], logits[0]), "an unmasked position must matter"


def test_what_does_not_fit_is_named() -> None:
    model = build_model(model_settings(TINY), DataShape(5, vocab_size=90))
    tokens = torch.zeros(1, 513, dtype=torch.int64)
    with pytest.raises(ModelError, match=r"tokens \[1, 513\].*L from 1 to 512"):
        model(tokens, tokens.bool())
    with pytest.raises(ModelError, match=r"tokens \[1, 5\] and token_mask \[1, 4\]"):
        model(tokens[:, :5], tokens[:, :4].bool())
    with pytest.raises(ModelError, match="reads lyrics, and the batch has none"):
        model()
    with pytest.raises(ModelError, match="expected the vocabulary size"):
        build_model(model_settings(TINY), DataShape(5))
    with pytest.raises(ModelError, match=r"model.hidden \(32\) must be divisible by model.heads \(5\)"):
        build_model(model_settings({**TINY, "heads": 5}), DataShape(5, vocab_size=90))
