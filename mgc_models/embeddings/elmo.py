"""Word vectors from a released ELMo model (MGC_ELMO_DIR)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mgc_models.embeddings.base import Embedded
from mgc_models.embeddings.elmo_files import ElmoOptions, elmo_files, read_options, read_weights
from mgc_models.embeddings.elmo_model import ElmoBiLm, batch_ids
from mgc_models.execution.runtime import choose_device


@dataclass(frozen=True, eq=False)
class ElmoEmbedder:
    """Reads the words of a song as one sentence; a batch starts from a zero state."""

    options: ElmoOptions
    model: ElmoBiLm
    device: torch.device

    @property
    def layers(self) -> int:
        """Layer of the characters, and each LSTM."""
        return self.options.layers

    @property
    def dimension(self) -> int:
        """Width of a vector: both directions."""
        return self.options.dimension

    @torch.inference_mode()
    def embed(self, songs: Sequence[Sequence[str]]) -> Embedded:
        """Give vectors float32 `[B, T, layers, D]`, zero behind the last word, and the mask `[B, T]` of the words."""
        ids = batch_ids(songs, self.options.word_characters).to(self.device)
        vectors, mask = self.model(ids)
        return vectors.float().cpu().numpy(), mask.cpu().numpy()


def open_elmo(folder: Path, device: str) -> ElmoEmbedder:
    """Load a release.

    Raises:
        WeightsError: if its files are missing, damaged, or do not fit together.
    """
    options_file, weights_file = elmo_files(folder)
    options = read_options(options_file)
    chosen = choose_device(device)
    model = ElmoBiLm(options, read_weights(weights_file, options)).eval().to(chosen)
    return ElmoEmbedder(options, model, chosen)
