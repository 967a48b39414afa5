"""What names a run: canonical JSON, hashes, and the content of pretrained weights."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from mgc_models.spec import Settings
from mgc_models.spec_parser import parse


def canonical_json(value: Any) -> str:
    """JSON with one spelling for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def settings_identity(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as training reads them: what they leave out has its default, so a changed default is another run.

    Args:
        settings: Resolved settings of a model that exists.

    Raises:
        mgc_models.spec.SpecError: if training would refuse them.
    """
    return asdict(parse(Settings, settings, ""))


def weight_identity(source: str) -> str:
    """What a pretrained source is, wherever it lies: a hash of its bytes, or the name on the hub.

    Args:
        source: A file, a folder (every file in it counts, under its name below the folder) or a hub name.
    """
    path = Path(source).expanduser()
    if not path.exists():
        return f"hub:{source}"
    files = [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file())
    digests = {
        "" if path.is_file() else found.relative_to(path).as_posix(): _file_sha256(
            found, found.stat().st_size, found.stat().st_mtime_ns
        )
        for found in files
    }
    return f"sha256:{sha256_of(digests)}"


@lru_cache(maxsize=256)
def _file_sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
