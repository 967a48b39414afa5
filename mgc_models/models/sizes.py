"""What the stored features and genres say about the shape of a model."""

from dataclasses import dataclass

from torch import Tensor

from mgc_models.genre_graph import GenreGraph


@dataclass(frozen=True, eq=False)
class DataSizes:
    """Sizes and tables that a model takes from its data; None for what it does not read.

    Attributes:
        n_genres: Number of outputs C.
        n_bands: Of the spectrogram.
        n_frames: Of a crop.
        vocab_size: Of the tokenizer.
        word_table: Vectors of words, float32 `[2 + V, D]`: padding (zeros), unknown, then the vocabulary.
        vector_layers: Layers of a stored word vector.
        vector_width: Width of one layer of it.
        genre_graph: Correlation and name vectors of the genres.
    """

    n_genres: int
    n_bands: int | None = None
    n_frames: int | None = None
    vocab_size: int | None = None
    word_table: Tensor | None = None
    vector_layers: int | None = None
    vector_width: int | None = None
    genre_graph: GenreGraph | None = None
