"""The vocabulary that lies beside stored lyrics: words in the order of their numbers, with what a model needs of them.

It makes a feature's folder whole: the numbers in its shards mean nothing without it, and a new song can be turned into
the same numbers or vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mgc_models.errors import DataError
from mgc_models.features.lyrics.word_vectors import WordVectors, with_head
from warehouse.shards.writer import FeatureSpec
from warehouse.store import file_sha256, replacing

FILE = "vocabulary.parquet"
_SCHEMA = pa.schema(
    [
        pa.field("word", pa.string(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
        pa.field("vector", pa.list_(pa.field("element", pa.float32(), nullable=False)), nullable=False),
    ]
)


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words and what is known of them.

    Attributes:
        words: Most frequent first.
        documents: Lyrics that hold each word, int64 `[V]`.
        total: Lyrics that were counted.
        vectors: float32 `[V, D]`; D is 0 where the vectors come from a network.
    """

    words: tuple[str, ...]
    documents: NDArray[np.int64]
    total: int
    vectors: NDArray[np.float32]

    @cached_property
    def document_counts(self) -> dict[str, int]:
        """Word -> lyrics that hold it."""
        return dict(zip(self.words, self.documents.tolist(), strict=True))

    @cached_property
    def word_vectors(self) -> WordVectors:
        """The words with the matrix `[V + 2, D]` that a model starts from."""
        return WordVectors(self.words, with_head(self.vectors))


def write_vocabulary(
    path: Path, words: Sequence[str], documents: Sequence[int], total: int, vectors: NDArray[np.float32]
) -> str:
    """Write a vocabulary; returns the SHA-256 of the file. Equal vocabularies give equal bytes."""
    width = vectors.shape[1]
    offsets = np.arange(len(words) + 1, dtype=np.int32) * width
    column = pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(vectors.reshape(-1), pa.float32()), type=_SCHEMA.field("vector").type
    )
    metadata = {"total": str(total), "dimensions": str(width)}
    table = pa.table(
        [pa.array(words, pa.string()), pa.array(documents, pa.int64()), column], _SCHEMA.with_metadata(metadata)
    )
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", version="2.6")
    return file_sha256(path)


def read_vocabulary(folder: Path, spec: FeatureSpec) -> Vocabulary:
    """Read the vocabulary of a stored feature.

    Args:
        folder: `<store>/features/<feature>/<dataset>`.
        spec: Of the shards there.

    Raises:
        DataError: if it is missing, damaged, or not the one that the shards were made with.
    """
    path = folder / FILE
    remedy = f"Delete {folder} and run `dagster job execute -j data`."
    try:
        found = file_sha256(path)
        if found != spec.settings["vocabulary_sha256"]:
            raise DataError(f"{path}: SHA-256 {found}, and {spec.name} was made with another vocabulary. {remedy}")
        table = pq.read_table(path)
        metadata = table.schema.metadata
        total, width = int(metadata[b"total"]), int(metadata[b"dimensions"])
        vectors = table["vector"].combine_chunks().flatten().to_numpy().astype(np.float32)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise DataError(f"{path}: no vocabulary that can be read ({error!r}). {remedy}") from error
    return Vocabulary(
        tuple(table["word"].to_pylist()), table["documents"].to_numpy(), total, vectors.reshape(table.num_rows, width)
    )
