"""The two models with an optional lyrics branch: han_cnn (Nandy 2021) and wong_chemelli."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models import build_model
from mgc_models.models.wong_chemelli import ScalarMix
from tests.unit.mgc_models.tiny_models import model_settings

HAN_CNN: dict[str, Any] = {
    "name": "han_cnn", "modalities": ["audio", "lyrics"], "input_pool": [2, 2], "channels": [3, 4], "kernels": [7, 5],
    "pools": [2, 1], "audio_vector": 6, "dropout": 0.5, "hidden": 3, "attention": 4, "lyrics_dropout": 0.2,
    "train_words": True,
}  # fmt: skip
WONG: dict[str, Any] = {
    "name": "wong_chemelli", "modalities": ["audio", "lyrics"], "channels": [3, 4], "audio_vector": 5, "hidden": 3,
    "layers": 2, "lyrics_dropout": 0.3, "pooling": "mean", "lyrics_vector": 6, "dense": 7, "dropout": 0.5,
}  # fmt: skip
SIZES = DataShape(n_genres=4, n_bands=20, word_table=torch.randn(11, 5), vector_layers=3, vector_width=5)


def inputs(model: dict[str, Any]) -> dict[str, Tensor]:
    torch.manual_seed(1)
    given = {"audio": torch.randn(2, 16, 20), "has_lyrics": torch.tensor([True, True])}
    if model["name"] == "han_cnn":
        return given | {"words": torch.randint(1, 11, (2, 3, 4))}
    return given | {"word_vectors": torch.randn(2, 5, 3, 5), "word_mask": torch.ones(2, 5, dtype=torch.bool)}


def build(model: dict[str, Any], **changes: Any) -> nn.Module:
    torch.manual_seed(0)
    return build_model(model_settings(model | changes), SIZES).eval()


@pytest.mark.parametrize("model", [HAN_CNN, WONG], ids=lambda model: model["name"])
def test_each_branch_alone_and_both(model: dict[str, Any]) -> None:
    given = inputs(model)
    fused = build(model)(**given)
    assert fused.logits.shape == (2, 4)
    heard = build(model, modalities=["audio"])(audio=given["audio"])
    assert heard.text_embedding is None
    torch.testing.assert_close(heard.audio_embedding.shape, fused.audio_embedding.shape)
    del given["audio"]
    read = build(model, modalities=["lyrics"])(**given)
    assert read.audio_embedding is None
    assert read.text_embedding.shape == (2, 6)


@pytest.mark.parametrize("model", [HAN_CNN, WONG], ids=lambda model: model["name"])
def test_tracks_without_lyrics_share_one_learned_vector(model: dict[str, Any]) -> None:
    given = inputs(model)
    network = build(model)
    with torch.no_grad():
        network.lyrics_or_none.none.fill_(0.5)
    has = given.pop("has_lyrics")
    without = network(**given, has_lyrics=torch.zeros_like(has))
    assert without.text_embedding.tolist() == [[0.5] * 6] * 2
    empty = dict(given)
    name = "words" if model["name"] == "han_cnn" else "word_mask"
    empty[name] = torch.zeros_like(given[name])
    # lyrics that hold no word are no lyrics, whatever is said of them
    for said in ({}, {"has_lyrics": has}):
        torch.testing.assert_close(network(**empty, **said).logits, without.logits)
    assert not torch.equal(network(**given, has_lyrics=has).text_embedding, without.text_embedding)
    network.train()(**given, has_lyrics=torch.tensor([True, False])).logits.sum().backward()
    assert network.lyrics_or_none.none.grad.any()


def test_the_cnn_sees_each_band_along_time_and_forgets_where_in_time_it_was() -> None:
    network = build(HAN_CNN, modalities=["audio"], input_pool=[1, 1], pools=[1, 1])
    block = network.audio.blocks[0]
    assert [type(layer) for layer in block] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d]
    assert block[0].kernel_size == (1, 7)
    image = torch.zeros(1, 1, 20, 16)
    image[0, 0, 5, 8] = 1
    changed = (block(image) - block(torch.zeros_like(image))).abs().amax((0, 1)) > 0
    assert changed.any(1).nonzero().flatten().tolist() == [5]
    pooled = build(HAN_CNN, modalities=["audio"]).audio.blocks[0]
    assert [type(layer) for layer in pooled][3:] == [nn.MaxPool2d, nn.Dropout]
    audio = torch.zeros(1, 40, 20)
    audio[0, 12:14] = torch.randn(2, 20)
    torch.testing.assert_close(network(audio=audio.roll(8, 1)).logits, network(audio=audio).logits)


def test_scalar_mix_is_that_of_elmo() -> None:
    mix = ScalarMix(3)
    with torch.no_grad():
        mix.weights.copy_(torch.tensor([0.0, 1.0, -1.0]))
        mix.gamma.fill_(2.0)
    vectors = torch.randn(1, 2, 3, 4)
    s = torch.tensor([0.0, 1.0, -1.0]).exp() / torch.tensor([0.0, 1.0, -1.0]).exp().sum()
    torch.testing.assert_close(mix(vectors), 2 * sum(s[k] * vectors[:, :, k] for k in range(3)))


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_words_behind_the_mask_change_nothing(pooling: str) -> None:
    network = build(WONG, modalities=["lyrics"], pooling=pooling)
    given = inputs(WONG)
    vectors, mask = given["word_vectors"], given["word_mask"].clone()
    mask[0, 3:] = False
    found = network(word_vectors=vectors, word_mask=mask).logits
    vectors = vectors.clone()
    vectors[0, 3:] = 9
    torch.testing.assert_close(network(word_vectors=vectors, word_mask=mask).logits, found)
    short = network(word_vectors=vectors[:1, :3], word_mask=mask[:1, :3]).logits
    torch.testing.assert_close(short, found[:1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modalities": []}, "one or both of audio, lyrics"),
        ({"modalities": ["audio", "audio"]}, "one or both of audio, lyrics"),
        ({"kernels": [3]}, "one of each for every block"),
        ({"input_pool": [30, 1]}, "joins 30 bands"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_model(model_settings(HAN_CNN | changes), SIZES)


def test_inputs_that_do_not_fit_are_refused() -> None:
    network = build(HAN_CNN)
    with pytest.raises(ModelError, match=r"expected words"):
        network(audio=torch.zeros(1, 16, 20))
    with pytest.raises(ModelError, match=r"expected \[B, T, 20\] with T at least 4"):
        network(audio=torch.zeros(1, 3, 20), words=torch.ones(1, 1, 1, dtype=torch.int64))
    with pytest.raises(ModelError, match="word_vectors and word_mask"):
        build(WONG)(audio=torch.zeros(1, 16, 20))
