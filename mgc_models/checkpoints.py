"""Resume states of unfinished runs, and the weights of finished ones."""

import json
import logging
import pickle
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mgc_models.errors import WeightsError
from warehouse.store import replacing

RESUME_FORMAT = 2
# What zipfile, the unpickler and torch raise for one damage or another.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
# safetensors keeps its metadata in an unordered map: with one key only, equal weights give equal bytes.
_PREPROCESSING = "preprocessing"


def write_resume(path: Path, state: Mapping[str, Any]) -> None:
    """Write a resume state in place of the last one, in one step."""
    with replacing(path) as temporary:
        torch.save({"format": RESUME_FORMAT, **state}, temporary)


def read_resume(path: Path, run_id: str, log: logging.Logger) -> dict[str, Any] | None:
    """Read a resume state.

    Returns:
        The state, or None if there is none or it cannot be used; the log then says that the run starts anew.
    """
    if not path.exists():
        return None
    try:
        state = _read_checked(path)
    except _DAMAGE as error:
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        log.warning("run %s: %s cannot be read (%s); the run starts from the beginning", run_id, path, reason)
        return None
    found = (state.get("format"), state.get("run_id")) if isinstance(state, dict) else None
    if found != (RESUME_FORMAT, run_id):
        log.warning(
            "run %s: %s: expected format and run %s, found %s; the run starts from the beginning",
            run_id,
            path,
            (RESUME_FORMAT, run_id),
            found,
        )
        return None
    return state


def _read_checked(path: Path) -> Any:
    # torch writes a zip archive with checksums and does not look at them when it reads one.
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
    return torch.load(path, map_location="cpu", weights_only=True)


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
        temporary.write_bytes(save(tensors, metadata))


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_weights` wrote: the state dict and the preprocessing.

    Raises:
        WeightsError: if the file is missing, is no safetensors file or lacks the preprocessing.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from error
    if _PREPROCESSING not in metadata:
        raise WeightsError(f"{path}: expected the metadata key {_PREPROCESSING!r}, found {sorted(metadata)}")
    return tensors, json.loads(metadata[_PREPROCESSING])
