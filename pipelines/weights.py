"""Which pretrained weights a configuration lacks, and what its results lack for it."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pipelines.config import WEIGHT_VARIABLES, Settings
from warehouse.parsing import read

_FILE = Path(__file__).with_name("weights.toml")
PUBLISHED_SIZES = "paper"
"""The profile whose models are large enough for published weights."""


@cache
def _about() -> Mapping[str, Mapping[str, str]]:
    return read(_FILE, dict[str, dict[str, str]])


def missing_weights(settings: Settings) -> list[str]:
    """One sentence for each pretrained source that is not configured: what it changes, and where researchers get it.

    Profiles of tiny models take no published weights, and lack none.
    """
    if settings.profile != PUBLISHED_SIZES:
        return []
    return [
        f"{variable} is not set: {about['without']}. Expected: {about['what']}, from {about['from']}."
        for name, variable in WEIGHT_VARIABLES.items()
        if name not in settings.weights
        for about in [_about()[name]]
    ]
