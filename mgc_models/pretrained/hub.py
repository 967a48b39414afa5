"""Finds a BERT checkpoint: a local folder, or a model of the Hugging Face hub by name. Imports no torch."""

import json
import os
from pathlib import Path

from huggingface_hub import snapshot_download

from mgc_models.errors import WeightsError

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
_VOCABULARY_FILES = ("tokenizer.json", "vocab.txt")
_CHECKPOINT = f"config.json, {' or '.join(WEIGHT_FILES)} and {' or '.join(_VOCABULARY_FILES)}"
_SIZES = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "vocab_size": "vocab_size",
}
_OFFLINE_VALUES = {"1", "ON", "YES", "TRUE"}


def bert_folder(source: str) -> Path:
    """Folder with the `config.json`, weights and vocabulary of a BERT checkpoint.

    Args:
        source: What `MGC_BERT` names: a local folder, or a hub name such as `google-bert/bert-base-uncased`, which is
            taken from the local cache, and else downloaded unless `HF_HUB_OFFLINE` is set.

    Raises:
        WeightsError: if it is neither; the message names `MGC_BERT` and the local alternative.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return _checked(folder)
    try:
        return _from_hub(source)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"MGC_BERT = {source!r}: no folder of this name, and not loadable from the Hugging Face hub "
            f"({type(error).__name__}{'; HF_HUB_OFFLINE is set' if _offline() else ''}). Set MGC_BERT to a local "
            f"folder with {_CHECKPOINT}, or unset it to start from random weights."
        ) from error


def bert_sizes(source: str) -> dict[str, int]:
    """Sizes of a checkpoint, from its config.json: layers, hidden, heads, intermediate, vocab_size.

    Raises:
        WeightsError: if there is no such checkpoint, or its configuration lacks one of them.
    """
    file = bert_folder(source) / "config.json"
    try:
        config = json.loads(file.read_text())
        return {name: int(config[key]) for name, key in _SIZES.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{file}: expected {', '.join(_SIZES.values())} as JSON, found otherwise ({error!r})"
        ) from error


def weights_file(folder: Path) -> Path:
    """The file with the weights in a checkpoint folder.

    Raises:
        WeightsError: if there is none.
    """
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"{folder}: holds neither {' nor '.join(WEIGHT_FILES)}; MGC_BERT needs one of them")


def _checked(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise WeightsError(
            f"MGC_BERT = {str(folder)!r}: the folder has no config.json; expected a BERT checkpoint: {_CHECKPOINT}"
        )
    return folder


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in _OFFLINE_VALUES


def _from_hub(name: str) -> Path:
    """The cached copy if it is whole: it costs no request and no retries without a network."""
    try:
        folder = Path(snapshot_download(name, local_files_only=True))
        weights_file(_checked(folder))
    except (FileNotFoundError, WeightsError):
        if _offline():
            raise
        return _download(name)
    return folder


def _download(name: str) -> Path:
    folder = Path(snapshot_download(name, allow_patterns=["config.json", WEIGHT_FILES[0], *_VOCABULARY_FILES]))
    if not (folder / WEIGHT_FILES[0]).is_file():
        snapshot_download(name, allow_patterns=[WEIGHT_FILES[1]])
    return _checked(folder)
