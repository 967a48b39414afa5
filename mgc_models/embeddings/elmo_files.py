"""The two files of a released ELMo model: options.json, and weights.hdf5 as the TensorFlow original wrote it.

Peters et al. 2018. The layout is that of the public release. Imports no torch; h5py where it is used.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgc_models.errors import WeightsError

OPTIONS_FILE, WEIGHTS_FILE = "options.json", "weights.hdf5"
_REMEDY = (
    "Set MGC_ELMO_DIR to a folder with both files of one release, or unset it to use vectors counted from the lyrics."
)
_GATES = 4  # input, new memory, forget, output: TensorFlow's order, in which they stay


@dataclass(frozen=True)
class ElmoOptions:
    """Sizes of a released model.

    Attributes:
        characters: Rows of the character table in the file.
        character_width: Width of a character's vector.
        filters: (width, count) of the convolutions over characters.
        activation: After them, `relu` or `tanh`.
        highways: Highway layers.
        word_characters: Characters of a word that are read, with the marks around it.
        projection: Width of a direction's output P.
        cell: Width of an LSTM's memory.
        lstm_layers: LSTMs on top of each other, in each direction.
        cell_clip: Bound of the memory; None: none.
        projection_clip: Bound of the output; None: none.
    """

    characters: int
    character_width: int
    filters: tuple[tuple[int, int], ...]
    activation: str
    highways: int
    word_characters: int
    projection: int
    cell: int
    lstm_layers: int
    cell_clip: float | None
    projection_clip: float | None

    @property
    def layers(self) -> int:
        """Vectors of a word: of its characters, and of each LSTM."""
        return self.lstm_layers + 1

    @property
    def dimension(self) -> int:
        """Width of a vector: both directions."""
        return 2 * self.projection


def elmo_files(folder: Path) -> list[Path]:
    """Give options.json and weights.hdf5 of a folder, also where a release's name stands before them.

    Raises:
        WeightsError: if one is missing, or there are several.
    """
    found = []
    for name in (OPTIONS_FILE, WEIGHTS_FILE):
        files = sorted(folder.glob(f"*{name}"))
        if len(files) != 1:
            there = ", ".join(file.name for file in files) or "none"
            raise WeightsError(f"MGC_ELMO_DIR = {str(folder)!r}: expected one {name}, found {there}. {_REMEDY}")
        found.append(files[0])
    return found


def read_options(file: Path) -> ElmoOptions:
    """Read options.json.

    Raises:
        WeightsError: if it is damaged, or describes a model that is not read here.
    """
    try:
        options = json.loads(file.read_text(encoding="utf-8"))
        characters, lstm = options["char_cnn"], options["lstm"]
        read = ElmoOptions(
            characters=261,
            character_width=int(characters["embedding"]["dim"]),
            filters=tuple((int(width), int(count)) for width, count in characters["filters"]),
            activation=characters["activation"],
            highways=int(characters["n_highway"]),
            word_characters=int(characters["max_characters_per_token"]),
            projection=int(lstm["projection_dim"]),
            cell=int(lstm["dim"]),
            lstm_layers=int(lstm["n_layers"]),
            cell_clip=lstm.get("cell_clip"),
            projection_clip=lstm.get("proj_clip"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{file}: expected the options of an ELMo release as JSON ({error!r}). {_REMEDY}") from error
    if not lstm.get("use_skip_connections") or read.activation not in ("relu", "tanh"):
        raise WeightsError(
            f"{file}: expected use_skip_connections = true and activation relu or tanh, found "
            f"{lstm.get('use_skip_connections')!r} and {read.activation!r}. {_REMEDY}"
        )
    return read


def expected_shapes(options: ElmoOptions) -> dict[str, tuple[int, ...]]:
    """Name and shape of every dataset of weights.hdf5."""
    width = sum(count for _, count in options.filters)
    shapes: dict[str, tuple[int, ...]] = {"char_embed": (options.characters, options.character_width)}
    for number, (characters, count) in enumerate(options.filters):
        shapes[f"CNN/W_cnn_{number}"] = (1, characters, options.character_width, count)
        shapes[f"CNN/b_cnn_{number}"] = (count,)
    for number in range(options.highways):
        for gate in ("transform", "carry"):
            shapes[f"CNN_high_{number}/W_{gate}"] = (width, width)
            shapes[f"CNN_high_{number}/b_{gate}"] = (width,)
    shapes |= {"CNN_proj/W_proj": (width, options.projection), "CNN_proj/b_proj": (options.projection,)}
    for direction in range(2):
        for layer in range(options.lstm_layers):
            cell = lstm_group(direction, layer)
            shapes[f"{cell}/W_0"] = (2 * options.projection, _GATES * options.cell)
            shapes[f"{cell}/B"] = (_GATES * options.cell,)
            shapes[f"{cell}/W_P_0"] = (options.cell, options.projection)
    return shapes


def lstm_group(direction: int, layer: int) -> str:
    """Group of one LSTM; direction 0 reads forward, 1 backward."""
    return f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"


def read_weights(file: Path, options: ElmoOptions) -> Mapping[str, NDArray[np.float32]]:
    """Read every dataset of weights.hdf5.

    Raises:
        WeightsError: if h5py is missing, the file is damaged, or datasets are not as expected; lists all of those.
    """
    h5py = _h5py()
    expected = expected_shapes(options)
    problems, weights = [], {}
    try:
        with h5py.File(file, "r") as found:
            for name, shape in expected.items():
                dataset = found.get(name)
                if not isinstance(dataset, h5py.Dataset):
                    problems.append(f"missing: {name}")
                elif dataset.shape != shape:
                    problems.append(f"shape of {name}: expected {list(shape)}, found {list(dataset.shape)}")
                else:
                    weights[name] = np.asarray(dataset[...], np.float32)
    except (OSError, RuntimeError, KeyError) as error:
        raise WeightsError(f"{file}: cut short, or no HDF5 file ({error}). {_REMEDY}") from error
    problems += [f"not finite: {name}" for name, values in weights.items() if not np.isfinite(values).all()]
    if problems:
        raise WeightsError(
            f"{file}: {len(problems)} differences from its options:\n  " + "\n  ".join(problems) + f"\n{_REMEDY}"
        )
    return weights


def _h5py() -> Any:
    try:
        import h5py  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise WeightsError(
            "MGC_ELMO_DIR is set, and h5py, which reads its weights, is not installed: "
            "`python -m pip install 'mgc-repro[elmo]'`, or unset the variable."
        ) from error
    return h5py
