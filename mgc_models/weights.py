"""Pretrained weights into models: read a file, check every key and shape, then copy."""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from mgc_models.errors import WeightsError
from mgc_models.hub import bert_folder, weights_file

__all__ = ["WeightsError", "load_checked", "load_pretrained", "read_state"]

_HEAD = "last_linear."
_FIRST_KERNELS = "0.conv.weight"
# Parts of published BERT files that a classifier has no use for: the pretraining heads, and a buffer of old versions.
_BERT_UNUSED = ("cls.", "pooler.", "embeddings.position_ids")
# What torch's restricted unpickler and safetensors raise, depending on where a file is damaged.
_DAMAGED = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    UnpicklingError,
    SafetensorError,
    struct.error,
)
_BERT_SIZES = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "the tokenizer's vocabulary": "vocab_size",
    "activation": "hidden_act",
}


def load_pretrained(model: nn.Module, sources: Mapping[str, str | None]) -> str:
    """Replace a model's random weights by the published ones that are given.

    Args:
        model: What `build_model` returned. Its audio network is `features`, its lyrics network `bert`; its `starts`, if
            it has any, are added to what is returned.
        sources: `bert`: local folder or hub name; `inception_v4`: a file of timm; None or absent: stays random.

    Returns:
        How the model now starts: `random`, or `bert=<name>(sha256:<8 digits>) inception_v4=random` and the like.

    Raises:
        WeightsError: if a source cannot be read, or differs from the model in a key, shape or size.
    """
    starts = {}
    for part, attribute, load in (("bert", "bert", _load_bert), ("inception_v4", "features", _load_inception)):
        if hasattr(model, attribute):
            source = sources.get(part)
            starts[part] = load(getattr(model, attribute), source) if source else "random"
    starts |= getattr(model, "starts", {})  # what a model says of itself: choices that depend on what the data had
    if set(starts.values()) == {"random"}:
        return "random"
    return " ".join(f"{part}={start}" for part, start in starts.items())


def load_checked(
    module: nn.Module, state: Mapping[str, Tensor], expected_missing: set[str], expected_left_over: set[str]
) -> None:
    """Copy a state dict into a module if the two differ exactly as expected; copy nothing otherwise.

    Args:
        module: Receives the weights.
        state: Name to tensor.
        expected_missing: Names of the module that the state must not have.
        expected_left_over: Names of the state that the module must not have.

    Raises:
        WeightsError: listing every other name that is missing or left over, and every shape that differs.
    """
    own = module.state_dict()
    missing, left_over = own.keys() - state.keys(), state.keys() - own.keys()
    shared = sorted(own.keys() & state.keys())
    problems = [
        *(f"missing in the file: {key}" for key in sorted(missing - expected_missing)),
        *(f"not in the model: {key}" for key in sorted(left_over - expected_left_over)),
        *(f"expected to be missing, but in the file: {key}" for key in sorted(expected_missing - missing)),
        *(f"expected to be left over, but absent or used: {key}" for key in sorted(expected_left_over - left_over)),
        *(
            f"shape of {key}: model {list(own[key].shape)}, file {list(state[key].shape)}"
            for key in shared
            if own[key].shape != state[key].shape
        ),
    ]
    if problems:
        raise WeightsError(f"{len(problems)} differences between model and weights:\n  " + "\n  ".join(problems))
    module.load_state_dict({key: state[key] for key in shared}, strict=False)


def read_state(file: Path) -> dict[str, Tensor]:
    """Tensors of a `.safetensors` file or of a pickled state dict (`.pth`, `.pt`, `.bin`), which is read weights-only.

    A `state_dict` entry around the tensors and a `module.` prefix, as DataParallel leaves it, are taken off.

    Raises:
        WeightsError: if the file is missing, damaged, or no state dict.
    """
    if not file.is_file():
        raise WeightsError(f"{file}: no such file; expected a .safetensors file or a state dict (.pth, .pt, .bin)")
    try:
        state: Any = _read_tensors(file)
    except _DAMAGED as error:
        raise WeightsError(f"{file}: damaged, or no file of weights ({type(error).__name__}: {error})") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{file}: expected a mapping of names to tensors, found {type(state).__name__}")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _read_tensors(file: Path) -> object:
    if file.suffix == ".safetensors":
        return load_file(file)
    return torch.load(file, map_location="cpu", weights_only=True)


def _load_inception(features: nn.Module, source: str) -> str:
    """Load timm's Inception-v4 without its head; a one-channel model gets the sum of the colour kernels, as in timm."""
    file = Path(source).expanduser()
    state = {key.removeprefix("features."): value for key, value in read_state(file).items()}
    kernels = state.get(_FIRST_KERNELS)
    if kernels is not None and kernels.ndim == 4 and features.get_parameter(_FIRST_KERNELS).shape[1] == 1:
        state[_FIRST_KERNELS] = kernels.sum(1, keepdim=True)
    # Files older than torch 0.4.1 have no batch counters; nothing reads them.
    counters = {key for key in features.state_dict() if key.endswith("num_batches_tracked")} - state.keys()
    try:
        load_checked(features, state, counters, {key for key in state if key.startswith(_HEAD)})
    except WeightsError as error:
        raise WeightsError(
            f"MGC_INCEPTION_V4 = {source!r} does not fit the model. Published weights need model.width = 1.0 and "
            f"model.blocks = [4, 7, 3] (MGC_PROFILE=paper has them); unset the variable for other sizes. {error}"
        ) from error
    return _described(file.name, file)


def _load_bert(bert: BertModel, source: str) -> str:
    folder = bert_folder(source)
    _check_sizes(bert, folder)
    file = weights_file(folder)
    state = {_bert_name(key): value for key, value in read_state(file).items()}
    unused = {key for key in state if key.startswith(_BERT_UNUSED)}
    try:
        load_checked(bert, state, set(), unused)
    except WeightsError as error:
        raise WeightsError(f"MGC_BERT = {source!r} ({file.name}) does not fit the model. {error}") from error
    return _described(Path(source).name, file)


def _bert_name(key: str) -> str:
    """Today's name of a parameter: the original conversion said gamma and beta, and had the model's name in front."""
    key = key.removeprefix("bert.")
    return key.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _check_sizes(bert: BertModel, folder: Path) -> None:
    try:
        config = json.loads((folder / "config.json").read_text())
    except ValueError as error:
        raise WeightsError(f"{folder / 'config.json'}: not JSON ({error})") from error
    if config.get("model_type", "bert") != "bert":
        raise WeightsError(f"{folder}: a checkpoint of type {config['model_type']!r}; MGC_BERT expects 'bert'")
    found = vars(BertConfig()) | config  # a key that config.json leaves out has the library's default
    differences = [
        f"{name}: settings {getattr(bert.config, key)}, checkpoint {found[key]}"
        for name, key in _BERT_SIZES.items()
        if getattr(bert.config, key) != found[key]
    ]
    if differences:
        raise WeightsError(
            f"{folder}: sizes differ from the [model] settings ({'; '.join(differences)}). Set the settings to the "
            "checkpoint's sizes (MGC_PROFILE=paper has those of bert-base-uncased), use the checkpoint's own "
            "tokenizer, or unset MGC_BERT."
        )


def _described(name: str, file: Path) -> str:
    with file.open("rb") as stream:
        return f"{name}(sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()[:8]})"
