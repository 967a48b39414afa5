"""Names and shapes of published weights, as data (`tests/fixtures/published_weights`), and files that have them."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

# What `load_state_dict` says of a model on the device that holds no numbers.
on_no_device = pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")
Shapes = dict[str, tuple[int, ...]]
_FOLDER = Path(__file__).parents[2] / "fixtures" / "published_weights"
_NUMBER = re.compile(r"\.(\d+)\.")


def published(name: str) -> Shapes:
    """Name in the file to shape; each list says where it is from."""
    found = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return {key: tuple(shape) for key, shape in found["shapes"].items()}


def full_size(shapes: Mapping[str, tuple[int, ...]], path: Path) -> Path:
    """A file of zeros with these names and shapes, of a few kilobytes: every tensor is one number, repeated."""
    torch.save({key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}, path)
    return path


def kept_layers(shapes: Mapping[str, tuple[int, ...]], blocks: str, kept: Iterable[int]) -> Shapes:
    """Without the layers of `blocks` that are not kept; those that are get numbers from 0."""
    places = {old: new for new, old in enumerate(kept)}
    chosen: Shapes = {}
    for key, shape in shapes.items():
        number = _NUMBER.search(key)
        if not key.startswith(f"{blocks}.") or number is None:
            chosen[key] = shape
        elif int(number[1]) in places:
            chosen[_NUMBER.sub(f".{places[int(number[1])]}.", key, count=1)] = shape
    return chosen


def random_tensors(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Numbers of which no two are alike, so that equality after loading means something."""
    torch.manual_seed(seed)
    return {
        key: torch.tensor(7) if key.endswith("num_batches_tracked") else torch.randn(shape)
        for key, shape in shapes.items()
    }
