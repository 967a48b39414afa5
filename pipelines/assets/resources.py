"""The settings as a Dagster resource: read from `MGC_*` when the code location loads, editable in the launchpad."""

import os
from pathlib import Path

import dagster as dg
from pydantic import Field

from pipelines.assets.history import record_start, run_tags
from pipelines.config import Settings, SettingsError, from_values, store_folder
from pipelines.startup import history
from pipelines.tables import open_store
from warehouse.store import Store, StoreError
from warehouse.variables import PREFIX, VARIABLES


def _setting(name: str) -> str:
    """A field, explained as its variable is; empty means unset."""
    return Field(default="", description=f"{VARIABLES[name]} Prefilled from {name}.")


class MgcResource(dg.ConfigurableResource):
    """Datasets, pretrained weights, profile, store and accelerators; empty means unset."""

    music4all_dir: str = _setting("MGC_MUSIC4ALL_DIR")
    msd_dir: str = _setting("MGC_MSD_DIR")
    genius_csv: str = _setting("MGC_GENIUS_CSV")
    fma_dir: str = _setting("MGC_FMA_DIR")
    fma_lyrics_dir: str = _setting("MGC_FMA_LYRICS_DIR")
    bert: str = _setting("MGC_BERT")
    cavmae: str = _setting("MGC_CAVMAE")
    cavmae_nonorm: str = _setting("MGC_CAVMAE_NONORM")
    inception_v4: str = _setting("MGC_INCEPTION_V4")
    word2vec: str = _setting("MGC_WORD2VEC")
    elmo_dir: str = _setting("MGC_ELMO_DIR")
    profile: str = _setting("MGC_PROFILE")
    store: str = _setting("MGC_STORE")
    gpus: str = _setting("MGC_GPUS")
    nodes: str = _setting("MGC_NODES")

    @classmethod
    def from_environment(cls) -> "MgcResource":
        """The values in force: those of the environment, and the defaults of what it leaves open."""
        defaults = {"profile": Settings.profile, "gpus": str(Settings.gpus), "nodes": str(Settings.nodes)}
        found = {name: os.environ.get(_variable(name)) or defaults.get(name, "") for name in cls.model_fields}
        return cls(**found | {"store": str(store_folder(os.environ))})

    def values(self) -> dict[str, str]:
        """Each field with its value, as the launchpad shows it."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def store_path(self) -> Path:
        """Absolute path of the store, whether or not the other values can be used."""
        return store_folder({_variable("store"): self.store})

    def differences(self, other: "MgcResource") -> list[str]:
        """`name=value` of each field that differs from `other`."""
        return [f"{name}={value!r}" for name, value in self.values().items() if value != other.values()[name]]

    def settings(self) -> Settings:
        """Resolve the configuration.

        Raises:
            dagster.Failure: with one message for the user when a value cannot be used.
        """
        try:
            return from_values({_variable(name): value for name, value in self.values().items()})
        except SettingsError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error

    def open_store(self) -> Store:
        """The store, claimed for the kind of data and the profile that are configured.

        Raises:
            dagster.Failure: when it belongs to others, holds a dataset that is no longer configured, or the run's
                history is kept with another store.
        """
        settings = self.settings()
        _refuse_store_without_history(settings)
        try:
            return open_store(settings)
        except StoreError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error

    def tags(self) -> dict[str, str]:
        """Tags of a run with these values; none where they cannot be used, which the first asset then says."""
        try:
            return run_tags(self.settings())
        except dg.Failure:
            return {}

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Tag the run with the values in force, which may be the launchpad's."""
        if context.instance and context.run_id:
            record_start(context.instance, context.run_id, self.tags())


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _refuse_store_without_history(settings: Settings) -> None:
    """Stop a run whose launchpad names another store than the one that its history goes to."""
    kept_with = store_folder(os.environ)
    if os.environ.get("DAGSTER_HOME") == str(history(kept_with)) and settings.store != kept_with:
        raise dg.Failure(
            description=f"This run is configured for store {settings.store}, and its history is kept with store "
            f"{kept_with}; results and history stay together. To work in that store: "
            f"MGC_STORE={settings.store} dagster dev",
            allow_retries=False,
        )
