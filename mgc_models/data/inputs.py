"""Opens each kind of input of a model (`mgc_models.config.inputs`) for all tracks of a run."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from mgc_models.data.features import FeatureView
from mgc_models.data.frames import FrameStore, frame_store
from mgc_models.data.lyrics import TokenTable, WordTable, WordVectorTable, token_table, word_table, word_vector_table

Table = FrameStore | TokenTable | WordTable | WordVectorTable

OPENERS: Mapping[str, Callable[[FeatureView, Any, torch.device], Table]] = {
    "audio": lambda stored, _section, device: frame_store(stored, device),
    "tokens": lambda stored, section, device: token_table(stored, section.max_tokens, device),
    "words": lambda stored, section, device: word_table(stored, section.lines, section.words_per_line, device),
    "word_vectors": lambda stored, section, device: word_vector_table(stored, section.max_words, device),
}
"""By name of the input, what opens its stored feature as the section of the settings says."""
