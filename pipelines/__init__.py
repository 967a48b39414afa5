"""Dagster pipelines: from the datasets as downloaded to a warehouse of printed and reproduced numbers."""

from mgc_models import _torchaudio_stub

_torchaudio_stub.install()
