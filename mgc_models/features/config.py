"""Settings of the features, as plain data that can be read without torch (specs.toml)."""

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from warehouse.parsing import read

SPECS_FILE = Path(__file__).with_name("specs.toml")
MIN_DURATION_S = 1.0  # shorter files are marked `short` and not used


@cache
def load_specs() -> Mapping[str, Mapping[str, Any]]:
    """Settings of every named feature."""
    return read(SPECS_FILE, dict[str, dict[str, Any]])


def feature_settings(name: str) -> Mapping[str, Any]:
    """Settings of one named feature, for example `logmel_22k`.

    Raises:
        KeyError: for an unknown name; the message lists the known ones.
    """
    specs = load_specs()
    if name not in specs:
        raise KeyError(f"no feature {name!r} in {SPECS_FILE.name}; expected one of {', '.join(specs)}")
    return specs[name]


def padding_value(settings: Mapping[str, Any]) -> float:
    """Give the value behind the end of a clip in a crop of a spectrogram, before it is normalised.

    Args:
        settings: Of a spectrogram. `padding` is a number, or `floor`: the logarithm of its `floor`, which is silence.
            Without it, 0.

    Raises:
        ValueError: if `padding` is neither a number nor `floor`.
    """
    padding = settings.get("padding", 0.0)
    if padding == "floor":
        return math.log(settings["floor"])
    return float(padding)


FBANK_16K: Final = feature_settings("fbank_16k")
