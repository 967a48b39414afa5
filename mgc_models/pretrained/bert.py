"""BERT checkpoints: whole, or their first layers for the lyrics encoder of the thesis' model."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from mgc_models.artifacts.weights import described, load_checked, read_state
from mgc_models.errors import WeightsError
from mgc_models.models.jiang_mae.encoders import LyricsEncoder
from mgc_models.models.jiang_mae.model import JiangMae
from mgc_models.pretrained.hub import bert_folder, weights_file

# Parts of published BERT files that a classifier has no use for: the pretraining heads, and a buffer of old versions.
_BERT_UNUSED = ("cls.", "pooler.", "embeddings.position_ids")
_BERT_SIZES = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "the tokenizer's vocabulary": "vocab_size",
    "activation": "hidden_act",
}
_KINDS = ("weight", "bias")
# What the lyrics encoder may leave behind.
_KNOWN = re.compile(
    r"cls\.|pooler\.|embeddings\.(position_ids|(position|token_type)_embeddings\.weight|LayerNorm\.(weight|bias))$"
    r"|encoder\.layer\.\d+\.(attention\.self\.(query|key|value)|attention\.output\.(dense|LayerNorm)"
    r"|intermediate\.dense|output\.(dense|LayerNorm))\.(weight|bias)$"
)
_BLOCK = {
    "attention.out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
    "norm2": "output.LayerNorm",
}


def load_bert(bert: BertModel, source: str) -> str:
    """Load a checkpoint of exactly the model's size; returns its name and checksum.

    Raises:
        WeightsError: if it cannot be read or differs from the model.
    """
    folder = bert_folder(source)
    _check_sizes(folder, {name: getattr(bert.config, key) for name, key in _BERT_SIZES.items()})
    file, state = _read(folder)
    try:
        load_checked(bert, state, set(), {key for key in state if key.startswith(_BERT_UNUSED)})
    except WeightsError as error:
        raise WeightsError(f"MGC_BERT = {source!r} ({file.name}) does not fit the model. {error}") from error
    return described(Path(source).name, file)


def load_bert_layers(model: JiangMae, source: str) -> str:
    """Load word embeddings and the first layers into the lyrics encoder of the thesis' model (section 5.2.1).

    BERT's later layers stay behind; its learned positions, token type and embedding norm too, unless the settings have
    them. Returns name and checksum.

    Raises:
        WeightsError: if it cannot be read, has too few layers, or differs from the model.
    """
    if model.lyrics is None:
        raise WeightsError("a model without lyrics takes nothing from MGC_BERT")
    settings, folder = model.settings, bert_folder(source)
    sizes = {"hidden": settings.hidden, "heads": settings.heads, "intermediate": settings.intermediate}
    vocabulary = {"the tokenizer's vocabulary": model.lyrics.words.num_embeddings, "activation": "gelu"}
    _check_sizes(folder, sizes | vocabulary)
    file, state = _read(folder)
    try:
        own, used = _lyrics_state(model.lyrics, state)
        rest = {key: value for key, value in state.items() if key not in used}
        load_checked(model.lyrics, own | rest, {"modality"}, {key for key in rest if _KNOWN.match(key)})
    except WeightsError as error:
        raise WeightsError(f"MGC_BERT = {source!r} ({file.name}) does not fit the model. {error}") from error
    return described(Path(source).name, file)


def _lyrics_state(lyrics: LyricsEncoder, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], set[str]]:
    """The tensors of a BERT checkpoint under the lyrics encoder's names, and the names that they come from."""
    sources: dict[str, tuple[str, ...]] = {"words.weight": ("embeddings.word_embeddings.weight",)}
    if lyrics.learned_positions is not None:
        sources["learned_positions.weight"] = ("embeddings.position_embeddings.weight",)
    if lyrics.embedding_norm is not None:
        sources["token_type"] = ("embeddings.token_type_embeddings.weight",)
        sources |= {f"embedding_norm.{kind}": (f"embeddings.LayerNorm.{kind}",) for kind in _KINDS}
    for number in range(len(lyrics.blocks)):
        own, theirs = f"blocks.{number}", f"encoder.layer.{number}"
        for kind in _KINDS:
            sources |= {f"{own}.{ours}.{kind}": (f"{theirs}.{name}.{kind}",) for ours, name in _BLOCK.items()}
            sources[f"{own}.attention.qkv.{kind}"] = tuple(
                f"{theirs}.attention.self.{name}.{kind}" for name in ("query", "key", "value")
            )
    used = {name for names in sources.values() for name in names}
    if missing := sorted(used - state.keys()):
        raise WeightsError(f"missing in the file: {', '.join(missing)}")
    own_state = {name: torch.cat([state[key] for key in keys]) for name, keys in sources.items()}
    if "token_type" in own_state:
        own_state["token_type"] = own_state["token_type"][0]  # of a first sentence, as lyrics are
    return own_state, used


def _read(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    file = weights_file(folder)
    return file, {_bert_name(key): value for key, value in read_state(file).items()}


def _bert_name(key: str) -> str:
    """Today's name of a parameter: the original conversion said gamma and beta, and had the model's name in front."""
    key = key.removeprefix("bert.")
    return key.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _check_sizes(folder: Path, wanted: Mapping[str, object]) -> None:
    """Compare the sizes that a model needs, by their names in `_BERT_SIZES`, with those of a checkpoint."""
    try:
        config = json.loads((folder / "config.json").read_text())
    except ValueError as error:
        raise WeightsError(f"{folder / 'config.json'}: not JSON ({error})") from error
    if config.get("model_type", "bert") != "bert":
        raise WeightsError(f"{folder}: a checkpoint of type {config['model_type']!r}; MGC_BERT expects 'bert'")
    found = vars(BertConfig()) | config  # a key that config.json leaves out has the library's default
    differences = [
        f"{name}: settings {size}, checkpoint {found[_BERT_SIZES[name]]}"
        for name, size in wanted.items()
        if size != found[_BERT_SIZES[name]]
    ]
    if differences:
        raise WeightsError(
            f"{folder}: sizes differ from the [model] settings ({'; '.join(differences)}). Set the settings to the "
            "checkpoint's sizes (MGC_PROFILE=paper has those of bert-base-uncased), use the checkpoint's own "
            "tokenizer, or unset MGC_BERT."
        )
