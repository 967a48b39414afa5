"""The shape of a model as far as the stored features and genres decide it."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class GenreGraph:
    """Genres as nodes; rows and columns are in genre order.

    Attributes:
        names: Genre names.
        correlation: float32 `[C, C]`, from the co-occurrences of the training part alone.
        node_features: float32 `[C, D]`, vectors of the names; None where there are none.
    """

    names: tuple[str, ...]
    correlation: Tensor
    node_features: Tensor | None


@dataclass(frozen=True, eq=False)
class DataShape:
    """Sizes and tables that a model takes from its data; None for what it does not read.

    Attributes:
        n_genres: Number of outputs C.
        n_bands: Of the spectrogram.
        n_frames: Of a crop.
        vocab_size: Of the tokenizer.
        word_table: Vectors of words, float32 `[2 + V, D]`: padding (zeros), unknown, then the vocabulary.
        word_source: Where the vectors of words are from, for the record: `corpus` or `word2vec`.
        vector_layers: Layers of a stored word vector.
        vector_width: Width of one layer of it.
        vector_source: Where stored word vectors are from, for the record: `static`, or a network and its checksum.
        genre_graph: Correlation and name vectors of the genres.
    """

    n_genres: int
    n_bands: int | None = None
    n_frames: int | None = None
    vocab_size: int | None = None
    word_table: Tensor | None = None
    word_source: str | None = None
    vector_layers: int | None = None
    vector_width: int | None = None
    vector_source: str | None = None
    genre_graph: GenreGraph | None = None
