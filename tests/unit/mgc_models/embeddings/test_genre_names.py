"""Vectors of genre names from a BERT checkpoint: each name for itself, its own tokens only."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mgc_models.embeddings.bert import name_vectors
from mgc_models.errors import WeightsError
from mgc_models.features.lyrics.tokens import save_tokenizer, wordpiece_tokenizer
from mgc_models.models.bert import bert_encoder

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "indie", "rock", "soul"]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    bert = bert_encoder(layers=2, hidden=32, heads=2, intermediate=64, vocab_size=len(VOCABULARY))
    folder = tmp_path / "bert-tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(bert.config.to_dict()))
    save_tokenizer(wordpiece_tokenizer(VOCABULARY), folder / "tokenizer.json")
    save_file(bert.state_dict(), folder / "model.safetensors")
    return folder


def test_a_name_is_the_mean_of_its_tokens_whatever_stands_beside_it(checkpoint: Path) -> None:
    vectors = name_vectors(str(checkpoint), ["indie rock", "soul", "", "zouk"])
    assert vectors.shape == (4, 32)
    assert np.isfinite(vectors).all()
    np.testing.assert_array_equal(vectors[1], name_vectors(str(checkpoint), ["soul"])[0])
    np.testing.assert_array_equal(vectors[2], vectors[3])  # neither has a token of the vocabulary
    assert not np.allclose(vectors[0], vectors[1])


def test_a_checkpoint_that_is_none_is_refused(checkpoint: Path) -> None:
    (checkpoint / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"config\.json: expected num_hidden_layers"):
        name_vectors(str(checkpoint), ["rock"])
