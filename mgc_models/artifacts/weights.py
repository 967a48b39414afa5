"""Files of weights: read one, compare every key and shape with a module, then copy."""

import hashlib
import json
import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from mgc_models.artifacts.run_folder import WEIGHTS, require_whole
from mgc_models.errors import RunError, WeightsError
from warehouse.store import replacing

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


def described(name: str, file: Path) -> str:
    """Name and checksum of a file, for the record of how a model started; no path, which differs between machines."""
    with file.open("rb") as stream:
        return f"{name}(sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()[:8]})"


# safetensors keeps its metadata in an unordered map: with one key only, equal weights give equal bytes.
_PREPROCESSING = "preprocessing"


def fits(model: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    """Whether a state dict has exactly the model's tensors, in their shapes."""
    own = {name: tensor.shape for name, tensor in model.state_dict().items()}
    return own == {name: tensor.shape for name, tensor in weights.items()}


def save_weights(path: Path, model: nn.Module, preprocessing: Mapping[str, Any], without: Collection[str] = ()) -> None:
    """Write final weights as safetensors, with what their inputs need in the metadata; equal weights give equal bytes.

    Args:
        path: Where to.
        model: Its state dict is stored.
        preprocessing: JSON values: features, normalisation, tokenizer, genres, model settings.
        without: Names that training alone needs.
    """
    state = {name: tensor for name, tensor in model.state_dict().items() if name not in without}
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}
    metadata = {_PREPROCESSING: json.dumps(preprocessing, sort_keys=True)}
    with replacing(path) as temporary:
        temporary.write_bytes(to_safetensors(tensors, metadata))


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_weights` wrote: the state dict and the preprocessing.

    Raises:
        WeightsError: if the file is missing, is no safetensors file or lacks the preprocessing.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except _DAMAGED as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from error
    if _PREPROCESSING not in metadata:
        raise WeightsError(f"{path}: expected the metadata key {_PREPROCESSING!r}, found {sorted(metadata)}")
    try:
        preprocessing = dict(json.loads(metadata[_PREPROCESSING]))
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path}: its metadata are damaged: {_PREPROCESSING} is no JSON object ({error})") from error
    return tensors, preprocessing


def read_run_weights(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the weights of a finished run, if they are those that it left, as `read_weights`.

    Raises:
        WeightsError: as `read_weights`, or if their bytes are others.
    """
    try:
        require_whole(folder, WEIGHTS)
    except RunError as error:
        raise WeightsError(str(error)) from error
    return read_weights(folder / WEIGHTS)
