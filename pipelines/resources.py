"""The settings as a Dagster resource: read from `MGC_*` when the code location loads, editable in the launchpad."""

import os

import dagster as dg

from pipelines.settings import Settings, SettingsError, from_values
from pipelines.stages.common import open_store
from warehouse.store import Store, StoreError


class MgcResource(dg.ConfigurableResource):
    """Datasets, pretrained weights, profile, store and accelerators.

    Each field is the value of the environment variable named beside it in `from_environment`; empty means unset.
    """

    music4all_dir: str = ""
    msd_dir: str = ""
    genius_csv: str = ""
    fma_dir: str = ""
    fma_lyrics_dir: str = ""
    bert: str = ""
    cavmae: str = ""
    inception_v4: str = ""
    word2vec: str = ""
    elmo_dir: str = ""
    profile: str = ""
    store: str = ""
    gpus: str = ""

    @classmethod
    def from_environment(cls) -> "MgcResource":
        """Defaults for the launchpad, taken from the environment."""
        return cls(**{name: os.environ.get(f"MGC_{name.upper()}", "") for name in cls.model_fields})

    def settings(self) -> Settings:
        """Resolve the configuration.

        Raises:
            dagster.Failure: with one message for the user when a value cannot be used.
        """
        try:
            return from_values({f"MGC_{name.upper()}": getattr(self, name) for name in type(self).model_fields})
        except SettingsError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error

    def open_store(self) -> Store:
        """The store, claimed for the kind of data and the profile that are configured.

        Raises:
            dagster.Failure: when it belongs to others, or holds a dataset that is no longer configured.
        """
        try:
            return open_store(self.settings())
        except StoreError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
