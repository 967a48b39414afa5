"""Why a model said what it said of a song: the attention of a hierarchical network, or each modality alone."""

from typing import Any

import numpy as np
import torch

from mgc_models.features.lyrics.text import words
from mgc_models.features.lyrics.word_vectors import UNKNOWN
from mgc_models.models.han import HierarchicalAttention
from mgc_models.predict.classify import Prediction, logits_of, probabilities
from mgc_models.predict.inputs import ReadSong, track_data
from mgc_models.predict.runs import in_words
from mgc_models.predict.trained import TrainedModel

SHOWN_GENRES = 5


def explain(prediction: Prediction, trained: TrainedModel, crops: str) -> dict[str, Any]:
    """Explain what a model said of one song.

    Returns:
        `attention`: the lines that were read, each with its weight in the song and those of its words in the line
        (Nandy 2021, Eq. 2 to 4), for a model with a hierarchical attention network. `alone`: probabilities of the most
        probable genres from each modality alone, for a model that can do with one. `none`: why there is nothing.
    """
    networks = [module for module in trained.network.modules() if isinstance(module, HierarchicalAttention)]
    if networks and prediction.read.lyrics is not None:
        return {"attention": _attention(prediction.read, trained, networks[0])}
    if networks:
        return {"none": "the song was given without lyrics, and the attention of this model is over lyrics"}
    if alone := _alone(prediction, trained, crops):
        return {"alone": alone}
    name = trained.metadata.model.name
    return {"none": f"{name} has no attention over words, and was not given two modalities of which one would do"}


@torch.no_grad()
def _attention(song: ReadSong, trained: TrainedModel, network: HierarchicalAttention) -> list[dict[str, Any]]:
    table = track_data([song], trained).words
    if table is None or song.lyrics is None:
        return []
    _, word_weights, line_weights = network(table.indices.long())
    section = trained.metadata.inputs["words"].section
    lines = [line for line in song.lyrics.splitlines() if words(line)][: section.lines]
    return [
        {
            "line": line,
            "weight": weight,
            "words": [
                {"word": word, "weight": share, "known": row != UNKNOWN}
                for word, share, row in zip(words(line), shares, rows, strict=False)
            ],
        }
        for line, weight, shares, rows in zip(
            lines, line_weights[0].tolist(), word_weights[0].tolist(), table.indices[0].tolist(), strict=False
        )
    ]


def _alone(prediction: Prediction, trained: TrainedModel, crops: str) -> dict[str, dict[str, float]]:
    """Probabilities of the song's most probable genres from a part of what was given."""
    best = np.argsort(-prediction.logits, kind="stable")[:SHOWN_GENRES]
    single_label, genres = trained.metadata.single_label, trained.metadata.genres
    found = {}
    for parts in trained.run.takes:
        if parts < prediction.parts:
            (logits,) = logits_of([prediction.read.only(parts)], trained, crops)
            shares = probabilities(logits, single_label=single_label)
            found[in_words(parts)] = {genres[place]: float(shares[place]) for place in best}
    return found
