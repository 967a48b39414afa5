"""Vectors of genre names from a pretrained BERT: the node features of a genre graph (Ru 2023)."""

import json
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import BertModel

from mgc_models.errors import WeightsError
from mgc_models.features.tokens import encode, load_tokenizer, special_ids
from mgc_models.hub import bert_folder
from mgc_models.models.bert import bert_encoder
from mgc_models.weights import load_pretrained

_SIZES = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "vocab_size": "vocab_size",
}


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
    bert = _load(source)
    tokenizer = load_tokenizer(bert_folder(source))
    special = special_ids(tokenizer)
    vectors = np.zeros((len(names), bert.config.hidden_size))
    for row, name in enumerate(names):  # one by one: no padding, and a batch would change the last bits
        ids = encode(tokenizer, name, max_tokens=bert.config.max_position_embeddings - 2).tolist() or [special.unk]
        states = bert(input_ids=torch.tensor([[special.cls, *ids, special.sep]])).last_hidden_state
        vectors[row] = states[0, 1:-1].mean(dim=0).double().numpy()
    return vectors


def _load(source: str) -> BertModel:
    folder = bert_folder(source)
    try:
        config = json.loads((folder / "config.json").read_text())
        sizes = {name: int(config[key]) for name, key in _SIZES.items()}
    except (ValueError, KeyError) as error:
        raise WeightsError(
            f"{folder / 'config.json'}: expected {', '.join(_SIZES.values())} as JSON, found otherwise ({error!r})"
        ) from error
    bert = bert_encoder(**sizes)
    load_pretrained(nn.ModuleDict({"bert": bert}), {"bert": source})
    return bert.eval()
