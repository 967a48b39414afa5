"""Vectors of genre names: from MGC_BERT where it is set (torch is loaded only then), else from the names' letters."""

from collections.abc import Sequence
from typing import NamedTuple

from mgc_models.embeddings.open import embedder_identity
from mgc_models.errors import WeightsError
from pipelines.datasets.common import DatasetError
from pipelines.genres.correlation import Matrix, ngram_vectors

BERT, NGRAMS = "bert", "character_ngrams"


class NameVectors(NamedTuple):
    """Vectors `[names, width]`, and where they come from, as genre.correlation.name_vectors says."""

    source: str
    vectors: Matrix


def vectors_identity(bert: str | None) -> list[str]:
    """Identify the source of the vectors: equal identities give equal vectors.

    Raises:
        DatasetError: if the checkpoint cannot be found.
    """
    if not bert:
        return [NGRAMS]
    try:
        return [BERT, embedder_identity("bert", bert)]
    except WeightsError as error:
        raise DatasetError(str(error)) from error


def name_vectors(names: Sequence[str], bert: str | None) -> NameVectors:
    """Vectors of genre names.

    Args:
        names: The genres.
        bert: Folder or hub name of a BERT checkpoint; None: hashed character n-grams.

    Raises:
        DatasetError: if the checkpoint cannot be used.
    """
    if not bert:
        return NameVectors(NGRAMS, ngram_vectors(names))
    from mgc_models.embeddings.bert import name_vectors as from_bert  # noqa: PLC0415
    from mgc_models.errors import TokenizerError  # noqa: PLC0415

    try:
        return NameVectors(BERT, from_bert(bert, names))
    except (TokenizerError, WeightsError) as error:
        raise DatasetError(str(error)) from error
