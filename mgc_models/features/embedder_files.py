"""Which network gives words their vectors: the files that decide it, and the text that stands for them. No torch."""

import hashlib
import json
from pathlib import Path

from mgc_models.features.elmo_files import elmo_files
from warehouse.store import file_sha256

VARIABLES = {"elmo": "MGC_ELMO_DIR", "bert": "MGC_BERT"}
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")


def embedder_identity(backend: str, source: str) -> str:
    """SHA-256 over the files of a network: equal on every machine that has the same files.

    Args:
        backend: `elmo` or `bert`.
        source: The folder of MGC_ELMO_DIR, or the folder or hub name of MGC_BERT.

    Raises:
        WeightsError: if files are missing; the message names the variable.
    """
    hashes = [file_sha256(file) for file in _files(backend, source)]
    return hashlib.sha256(json.dumps([hashes], separators=(",", ":")).encode()).hexdigest()


def embedder_label(backend: str, identity: str) -> str:
    """What stands in a feature's settings for the network: its kind and the beginning of its identity."""
    return f"{backend}(sha256:{identity[:8]})" if identity else backend


def _files(backend: str, source: str) -> list[Path]:
    if backend == "elmo":
        return elmo_files(Path(source).expanduser())
    from mgc_models.hub import bert_folder, weights_file  # noqa: PLC0415 - loads the library of the hub

    folder = bert_folder(source)
    there = [folder / name for name in _TOKENIZER_FILES if (folder / name).is_file()]
    return [folder / "config.json", weights_file(folder), *there]
