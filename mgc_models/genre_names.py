"""Vectors of genre names from a pretrained BERT: the node features of a genre graph (Ru 2023)."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import BertModel

from mgc_models.features.tokens import encode, load_tokenizer, special_ids
from mgc_models.hub import bert_folder, bert_sizes
from mgc_models.models.bert import bert_encoder
from mgc_models.weights import load_pretrained


@torch.inference_mode()
def name_vectors(source: str, names: Sequence[str]) -> NDArray[np.float64]:
    """Mean over a name's tokens, without [CLS] and [SEP], of BERT's last layer.

    Args:
        source: Local folder or hub name of a BERT checkpoint (`MGC_BERT`).
        names: Genre names.

    Returns:
        `[names, hidden]`.

    Raises:
        WeightsError: if the checkpoint cannot be read.
        TokenizerError: if it has no tokenizer that can be read.
    """
    bert = load_bert(source)
    tokenizer = load_tokenizer(bert_folder(source))
    special = special_ids(tokenizer)
    vectors = np.zeros((len(names), bert.config.hidden_size))
    for row, name in enumerate(names):  # one by one: no padding, and a batch would change the last bits
        ids = encode(tokenizer, name, max_tokens=bert.config.max_position_embeddings - 2).tolist() or [special.unk]
        states = bert(input_ids=torch.tensor([[special.cls, *ids, special.sep]])).last_hidden_state
        vectors[row] = states[0, 1:-1].mean(dim=0).double().numpy()
    return vectors


def load_bert(source: str) -> BertModel:
    """A checkpoint in the sizes that it states, ready to be read from.

    Raises:
        WeightsError: if it cannot be read.
    """
    bert = bert_encoder(**bert_sizes(source))
    load_pretrained(nn.ModuleDict({"bert": bert}), {"bert": source})
    return bert.eval()
