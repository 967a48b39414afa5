"""Tensors: features, models, losses, metrics, training, evaluation. Needs neither dagster nor duckdb nor polars."""

from mgc_models import _torchaudio_stub

_torchaudio_stub.install()
