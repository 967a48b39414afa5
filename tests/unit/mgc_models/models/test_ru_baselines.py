"""The two compared models of Ru 2023."""

import pytest
import torch

from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models import build_model
from tests.unit.mgc_models.tiny_models import model_settings

SANTANA = {"name": "santana", "channels": [4, 6, 8], "dropout": 0.5}
PANDEYA = {
    "name": "pandeya",
    "audio_channels": [4, 6, 8, 10],
    "audio_blocks": [1, 1, 1, 1],
    "han_hidden": 5,
    "han_attention": 6,
    "han_dropout": 0.5,
    "joint": 11,
    "dropout": 0.5,
    "emotion": True,
}


def build(settings: dict) -> torch.nn.Module:
    torch.manual_seed(0)
    table = torch.cat((torch.zeros(1, 8), torch.randn(20, 8)))
    return build_model(model_settings(settings), DataShape(n_genres=4, n_bands=40, n_frames=48, word_table=table))


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    words = torch.randint(1, 21, (3, 4, 5))
    words[0, 2:], words[2] = 0, 0  # the first has two lines, the last no lyrics
    return {"audio": torch.randn(3, 48, 40), "words": words}


def test_santana_hears_and_halves_until_a_point_is_left() -> None:
    model = build(SANTANA).train()
    for shape in ((3, 48, 40), (1, 8, 8)):
        output = model(audio=torch.randn(shape))
        assert output.logits.shape == (shape[0], 4)
        output.logits.sum().backward()
        assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    with pytest.raises(ModelError, match="at least 8"):
        model(audio=torch.randn(3, 48, 7))


def test_pandeya_joins_both_modalities(batch) -> None:
    model = build(PANDEYA).eval()
    base = model(**batch)
    assert base.logits.shape == (3, 4)
    assert not torch.allclose(base.logits, model(**batch | {"audio": batch["audio"] + 1}).logits)
    other = model(**batch | {"words": (batch["words"] != 0) * 7}).logits
    assert not torch.allclose(base.logits[:2], other[:2])
    torch.testing.assert_close(base.logits[2], other[2])


def test_pandeya_without_lyrics_and_with_a_last_batch_of_one(batch) -> None:
    model = build(PANDEYA).train()
    alone = {name: value[2:] for name, value in batch.items()}
    output = model(**alone)
    (output.logits.sum() + output.emotion.sum()).backward()
    assert torch.equal(output.text_embedding, torch.zeros(1, 10))
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_the_emotion_head_is_a_switch_and_gives_shares(batch) -> None:
    with_head, without = build(PANDEYA).eval(), build(PANDEYA | {"emotion": False}).eval()
    emotion = with_head(**batch).emotion
    assert emotion.shape == (3, 2)
    assert ((emotion > 0) & (emotion < 1)).all()
    assert without(**batch).emotion is None
    torch.testing.assert_close(with_head(**batch).logits, without(**batch).logits, rtol=0, atol=0)


def test_what_pandeya_lacks_is_named(batch) -> None:
    with pytest.raises(ModelError, match="expected the vectors of a vocabulary"):
        build_model(model_settings(PANDEYA), DataShape(4))
    with pytest.raises(ModelError, match="reads lyrics, and the batch has none"):
        build(PANDEYA)(batch["audio"], None)
