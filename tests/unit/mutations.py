"""`python -m tests.unit.mutations ROOT`: change each data file of a copy in turn; prints which fingerprints changed.

A process per change, forked before any code of the copy is imported, so that what is read at import counts too.
"""

import importlib
import json
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = ("warehouse", "mgc_models", "pipelines")
THIRD_PARTY = (
    "duckdb",
    "jinja2",
    "matplotlib.figure",
    "numpy",
    "polars",
    "pyarrow.parquet",
    "rapidfuzz",
    "scipy.sparse",
    "tqdm",
)
# Tried in this order, not on comments: what decides, a number, the text of something described, any text.
PLACES = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^((?:epochs|printed_tracks) = )(\d+)",
        r"^(?!#|gpu_hours|source|title)([^#\n]*?)(\d+\.\d+)",
        r"^(?!#)([\w.\" ]+ = \[?)(\d+)(?=[,\s\]])",
        r'^(?!#)((?:label|licence|description|meaning) = ")',
        r'^(?!#)([^"\n]*")(?=[A-Za-z])',
    )
]
# Where the first such place is not what the file is about.
INSTEAD = {
    "mgc_models/features/specs.toml": {
        "low_hz = 20.0": "low_hz = 21.0",
        "max_tokens = 512": "max_tokens = 511",
        "least_count = 2": "least_count = 3",
        "words_per_line = 20": "words_per_line = 21",
        "words_kept = 200": "words_kept = 201",
    },
    "pipelines/matching/rules.toml": {'connectives = ["and"]': 'connectives = ["and", "or"]'},
    "pipelines/sample/catalogues.toml": {"Fiancée of the Storm": "Fiancé of the Storm"},
    "pipelines/features/features.toml": {'msd = ["fbank_16k"]': 'msd = ["logmel_22k"]'},
    "pipelines/experiments/planted/profiles/sample.toml": {"# The": "[ru_mgc]\n'train.epochs' = 7\n# The"},
    "pipelines/experiments/profiles/paper.toml": {"# The works' own": "[bert]\n'train.epochs' = 7\n# The works' own"},
}


def data_files(root: Path) -> list[str]:
    """Every file of the packages that is no code, below the root; not what a run left in the default store."""
    found = [path.relative_to(root) for package in PACKAGES for path in (root / package).rglob("*") if path.is_file()]
    kept = [path for path in found if path.suffix not in (".py", ".pyc") and path.parts[:2] != ("warehouse", "store")]
    return sorted(path.as_posix() for path in kept)


def changed_text(name: str, text: str) -> str:
    """The content of a file with one value changed; one that is no TOML gets another line."""
    if name in INSTEAD:
        for old, new in INSTEAD[name].items():
            if old not in text:
                raise ValueError(f"{name}: {old!r} is not there any more; correct INSTEAD")
            text = text.replace(old, new, 1)
        return text
    if not name.endswith(".toml"):
        return text + "zzz\n"
    for place in PLACES:
        if found := place.search(text):
            value = str(float(found[2]) + 1 if "." in found[2] else int(found[2]) + 1) if place.groups == 2 else "x"
            return text[: found.end(1)] + value + text[found.end(place.groups) :]
    raise ValueError(f"{name}: nothing to change was found; say in INSTEAD what to change")


@contextmanager
def replaced(path: Path, text: str) -> Iterator[None]:
    """A file with another content for a while."""
    before = path.read_bytes()
    path.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_bytes(before)


def fingerprints() -> dict[str, str]:
    """What `pipelines.dependencies` finds in a process of its own; its error, if it fails."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writes, "w") as pipe:
            try:
                json.dump(importlib.import_module("pipelines.dependencies").fingerprints(), pipe)
            except Exception:  # noqa: BLE001 - the parent shows it
                json.dump({"error": traceback.format_exc()}, pipe)
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        found: dict[str, str] = json.load(pipe)
    os.waitpid(child, 0)
    if "error" in found:
        raise RuntimeError(found["error"])
    return found


def main(root: Path) -> dict[str, list[str]]:
    """By data file, the names of the fingerprints that change with it."""
    sys.path.insert(0, str(root))
    for module in THIRD_PARTY:
        importlib.import_module(module)
    before = fingerprints()
    return {name: changed_by(root, name, before) for name in data_files(root)}


def changed_by(root: Path, name: str, before: dict[str, str]) -> list[str]:
    """Names of the fingerprints that change with a file; what went wrong, where the changed file cannot be read."""
    path = root / name
    try:
        with replaced(path, changed_text(name, path.read_text(encoding="utf-8"))):
            after = fingerprints()
    except (RuntimeError, ValueError) as error:
        return [f"failed: {error}"]
    return sorted(key for key in before if after[key] != before[key])


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1])), sys.stdout)
