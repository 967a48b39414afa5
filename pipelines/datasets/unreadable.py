"""A dataset that cannot be read stops no other: why is on record in core.rejects, and its tables stay as they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mgc_models.regular_files import why
from pipelines.config import DATASET_VARIABLES, Settings
from pipelines.datasets.common import DatasetError, Reject, as_text, rejects_frame
from pipelines.tables import dataset_root, unreadable, unreadable_part
from warehouse.store import Store
from warehouse.tables import write_table

REASON = "dataset_unreadable"


@contextmanager
def on_record(store: Store, settings: Settings, dataset: str) -> Iterator[None]:
    """Put on record that a dataset cannot be read, instead of stopping what does not depend on it.

    `pipelines.tables.not_there` gives the reason from then on, until `forget`.
    """
    try:
        yield
    except DatasetError as error:
        record(store, dataset, str(error))
    except OSError as error:
        if not _is_about(error, dataset_root(store, settings, dataset)):
            raise
        record(store, dataset, _in_words(error))


def record(store: Store, dataset: str, message: str) -> None:
    """Write why a dataset cannot be read."""
    rejects = rejects_frame(dataset, "dataset", [Reject(REASON, None, None, None, message)])
    write_table(store, "core.rejects", rejects, part=unreadable_part(dataset), inputs=message)


def forget(store: Store, dataset: str) -> None:
    """Remove what is on record, before a dataset is tried again."""
    (store.table("core.rejects") / f"{unreadable_part(dataset)}.parquet").unlink(missing_ok=True)


def messages(store: Store) -> list[str]:
    """Why each of the datasets that could not be read could not."""
    return [message for dataset in DATASET_VARIABLES if (message := unreadable(store, dataset))]


def _is_about(error: OSError, root: Path) -> bool:
    named = error.filename
    return isinstance(named, str) and Path(named).is_relative_to(root)


def _in_words(error: OSError) -> str:
    return f"{as_text(str(error.filename))} cannot be read: {why(error)}. Mend that file, and run again."
