"""Where each dataset lies, configured or generated, as its reader finds it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.datasets import fma, genius, msd, music4all
from pipelines.datasets.errors import DatasetError
from pipelines.settings import Settings
from pipelines.stages.common import dataset_root
from pipelines.stages.tracks import Layout
from warehouse.store import Store

FMA_LYRICS = "fma_lyrics"
LOCATE: Mapping[str, Callable[[Path], Layout]] = {
    music4all.DATASET: music4all.locate,
    msd.DATASET: msd.locate,
    fma.DATASET: fma.locate,
}


def locate(store: Store, settings: Settings, dataset: str) -> Layout:
    """Find a dataset and check its files.

    Raises:
        DatasetError: if a file is missing or has another form.
    """
    root = dataset_root(store, settings, dataset)
    if dataset == genius.DATASET:
        return genius_layout(store, settings)
    return LOCATE[dataset](root)


def genius_layout(store: Store, settings: Settings) -> genius.Layout:
    """Find Genius' CSV; a mended copy of it goes to the store's state folder."""
    return genius.locate(dataset_root(store, settings, genius.DATASET), store.root / "state" / genius.DATASET)


def lyrics_folder(store: Store, settings: Settings) -> Path:
    """The folder of a user's lyrics of FMA tracks.

    Raises:
        DatasetError: if it is no folder.
    """
    folder = dataset_root(store, settings, FMA_LYRICS)
    if not folder.is_dir():
        raise DatasetError(
            f"MGC_FMA_LYRICS_DIR points at {folder}, which is no folder; expected <track_id>.txt in one."
        )
    return folder
