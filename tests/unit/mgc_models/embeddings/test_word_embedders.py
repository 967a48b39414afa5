"""Principal words, and their vectors from each backend (ELMo's have a file of their own)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mgc_models.embeddings.bert import open_bert
from mgc_models.embeddings.open import EmbedderOptions, StaticEmbedder, embedder_shape
from mgc_models.errors import WeightsError
from mgc_models.features.lyrics.keywords import keywords, stop_words
from mgc_models.features.lyrics.tokens import save_tokenizer, wordpiece_tokenizer
from mgc_models.features.lyrics.word_vectors import WordVectors
from mgc_models.models.bert import bert_encoder

DOCUMENTS = {"the": 100, "river": 10, "gold": 2, "night": 50, "home": 60, "love": 90}
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ri", "##ver", "gold", "night"]


def test_the_words_of_highest_tf_idf_stay_in_their_order() -> None:
    lyrics = "The night, the river\nlove love love and Gold, home again (unheard) night"
    assert "the" in stop_words()
    assert keywords(lyrics, DOCUMENTS, 100, 200) == ["night", "river", "love", "gold", "home"]
    # weights: night 2 log 2, river log 10, love 3 log(10/9), gold log 50, home log(10/6)
    assert keywords(lyrics, DOCUMENTS, 100, 3) == ["night", "river", "gold"]
    assert keywords("gold home", DOCUMENTS, 100, None) == ["gold", "home"]
    assert keywords("The the of", DOCUMENTS, 100, None) == ["the", "the", "of"]
    assert keywords("", DOCUMENTS, 100, 3) == []


def test_static_vectors_are_the_same_in_every_song() -> None:
    vectors = WordVectors(("gold", "river"), np.arange(8, dtype=np.float32).reshape(4, 2))
    found, mask = StaticEmbedder(vectors).embed([["river", "gold"], ["gold"], []])
    assert found.shape == (3, 2, 1, 2)
    assert mask.tolist() == [[True, True], [True, False], [False, False]]
    assert found[0, :, 0].tolist() == [[6, 7], [4, 5]]
    assert found[1, 0, 0].tolist() == [4, 5]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    bert = bert_encoder(layers=2, hidden=16, heads=2, intermediate=32, vocab_size=len(PIECES))
    folder = tmp_path_factory.mktemp("bert")
    (folder / "config.json").write_text(json.dumps(bert.config.to_dict()))
    save_tokenizer(wordpiece_tokenizer(PIECES), folder / "tokenizer.json")
    save_file(bert.state_dict(), folder / "model.safetensors")
    return folder


def test_bert_gives_the_states_of_a_words_pieces(checkpoint: Path) -> None:
    source = str(checkpoint)
    first, mean = (open_bert(source, (), pooling, "cpu") for pooling in ("first", "mean"))
    assert embedder_shape("bert", source, WordVectors((), np.zeros((2, 0), np.float32)), EmbedderOptions()) == (3, 16)
    found, mask = first.embed([["gold", "river", "zouk"], ["night"]])
    assert (found.shape, mask.tolist()) == ((2, 3, 3, 16), [[True, True, True], [True, False, False]])
    assert not found[1, 1:].any()
    with torch.inference_mode():
        states = first.bert(input_ids=torch.tensor([[2, 7, 5, 6, 1, 3]]), output_hidden_states=True).hidden_states
    for layer in range(3):
        np.testing.assert_allclose(found[0, :, layer], states[layer][0, [1, 2, 4]], rtol=1e-5, atol=1e-6)
    pooled = mean.embed([["gold", "river", "zouk"]])[0]
    np.testing.assert_allclose(pooled[0, 1, 2], states[2][0, 2:4].mean(0), rtol=1e-5, atol=1e-6)
    last = open_bert(source, (-1,), "first", "cpu").embed([["gold", "river", "zouk"]])[0]
    np.testing.assert_array_equal(last[0, :, 0], found[0, :, 2])


def test_a_song_longer_than_berts_positions_is_read_in_parts(checkpoint: Path) -> None:
    embedder = open_bert(str(checkpoint), (-1,), "first", "cpu")
    embedder.bert.config.max_position_embeddings = 6
    found, mask = embedder.embed([["gold", "river", "river", "night"]])
    assert mask.all()
    np.testing.assert_array_equal(found[0, :2], embedder.embed([["gold", "river"]])[0][0])
    np.testing.assert_array_equal(found[0, 2:], embedder.embed([["river", "night"]])[0][0])


def test_layers_that_the_checkpoint_does_not_have_are_refused(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match="layers from -3 to 2"):
        open_bert(str(checkpoint), (-4,), "first", "cpu")
