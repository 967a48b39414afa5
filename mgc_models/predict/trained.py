"""A trained model, ready to classify: its weights, and what turns songs into its inputs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from mgc_models.artifacts.run_folder import WEIGHTS
from mgc_models.artifacts.weights import fits, read_run_weights
from mgc_models.config.inputs import INPUTS
from mgc_models.data.batches import Normalizer
from mgc_models.data.shape import DataShape
from mgc_models.embeddings.base import ContextualWordEmbedder
from mgc_models.embeddings.open import VARIABLES, EmbedderOptions, embedder_identity, embedder_label, open_embedder
from mgc_models.errors import ModelError, RunError, TokenizerError, WeightsError
from mgc_models.features.lyrics.tokens import load_tokenizer
from mgc_models.features.lyrics.vocabulary import Vocabulary, read_vocabulary
from mgc_models.models import build_model
from mgc_models.models.genre_gcn import stored_graph
from mgc_models.predict.metadata import Metadata, read_metadata
from mgc_models.predict.runs import FinishedRun


@dataclass(frozen=True)
class TrainedModel:
    """A model on its device.

    Attributes:
        run: Where it is from.
        metadata: What it takes.
        network: With its weights, not training.
        device: Where it lies.
    """

    run: FinishedRun
    metadata: Metadata
    network: nn.Module
    device: torch.device

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of a model that reads tokens."""
        try:
            return load_tokenizer(self.run.folder / "tokenizer.json")
        except TokenizerError as error:
            raise RunError(str(error)) from error

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of a model that reads words or their vectors."""
        inputs = self.metadata.inputs
        return read_vocabulary(self.run.folder, inputs["words" if "words" in inputs else "word_vectors"].spec)

    @cached_property
    def embedder(self) -> ContextualWordEmbedder:
        """The network that gives words their vectors, for a model that reads those.

        Raises:
            RunError: if the network that gave them in training is not configured or not the same.
        """
        settings = self.metadata.inputs["word_vectors"].spec.settings
        backend, label = settings["backend"], settings["source"]
        source = os.environ.get(VARIABLES[backend]) if backend in VARIABLES else None
        options = EmbedderOptions(
            tuple(settings.get("bert_layers", ())), settings.get("bert_pooling", "first"), self.device.type
        )
        try:
            found = embedder_label(backend, embedder_identity(backend, source) if source else "")
            if found != label:
                here = f"{found} ({source})" if source else "none"
                raise RunError(
                    f"run {self.run.run_id}: its words got their vectors from {label}, and here there is {here}. "
                    f"Set {VARIABLES[backend]} to the network of training."
                )
            return open_embedder(backend, source, self.vocabulary.word_vectors, options)
        except (WeightsError, TokenizerError) as error:
            raise RunError(str(error)) from error

    @cached_property
    def normalizer(self) -> Normalizer:
        """The normalizer of a model that takes audio."""
        raw = self.metadata.inputs["audio"].raw
        if raw["standardise"] == "bands":
            mean, std = (torch.tensor(raw[name], device=self.device) for name in ("band_mean", "band_std"))
            return Normalizer(mean, std)
        return Normalizer(raw["mean"], raw["std"])


def load_trained(run: FinishedRun, device: torch.device) -> TrainedModel:
    """Load the model of a run.

    Raises:
        RunError: if the weights are missing or damaged, lack their metadata, or do not go with them or with this code.
    """
    try:
        weights, raw = read_run_weights(run.folder)
        metadata = read_metadata(raw, run.folder)
        network = build_model(metadata.model, _sizes(metadata, weights))
    except (WeightsError, ModelError) as error:
        raise RunError(str(error)) from error
    if not fits(network, weights):
        raise RunError(
            f"{run.folder / WEIGHTS}: the weights have other shapes than the model that their metadata "
            "describe. Use the version of the code that trained it, or train again."
        )
    network.load_state_dict(weights)
    trained = TrainedModel(run, metadata, network.to(device).eval(), device)
    for name in metadata.inputs:
        _ = getattr(trained, INPUTS[name].prepared_by)  # what cannot be opened is said before the first song is read
    return trained


def _sizes(metadata: Metadata, weights: Mapping[str, Tensor]) -> DataShape:
    """Sizes as training had them; tables that came from data are in the weights, so only their shapes matter."""
    inputs = metadata.inputs
    vectors = inputs["word_vectors"].spec.settings if "word_vectors" in inputs else {}
    return DataShape(
        n_genres=len(metadata.genres),
        n_bands=inputs["audio"].spec.width if "audio" in inputs else None,
        n_frames=inputs["audio"].section.crop_frames if "audio" in inputs else None,
        vocab_size=inputs["tokens"].raw["vocab_size"] if "tokens" in inputs else None,
        word_table=next((table for name, table in weights.items() if name.endswith("words.weight")), None),
        vector_layers=vectors.get("layers"),
        vector_width=vectors.get("dimension"),
        genre_graph=stored_graph(weights, metadata.genres),
    )
