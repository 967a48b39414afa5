"""What the assets of the data part share: one way to run a pass of a dataset and to report it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import dagster as dg

from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import table_results
from pipelines.config import Settings
from pipelines.corpora.config import CorpusError
from pipelines.datasets import music4all
from pipelines.datasets.common import DatasetError, as_text
from pipelines.datasets.unreadable import on_record
from pipelines.incremental import Outputs
from pipelines.parallel import WorkerError
from pipelines.tables import dataset_root, not_there, write_empty
from warehouse.contract import ContractError
from warehouse.shards.writer import ShardError
from warehouse.store import Store, StoreError

Build = Callable[[Store, Settings], bool]


@contextmanager
def clear_failures() -> Iterator[None]:
    """Turn the errors that are meant for the user into failures that show their message first."""
    try:
        yield
    except (DatasetError, CorpusError, WorkerError, ContractError, ShardError, StoreError, OSError) as error:
        raise dg.Failure(description=as_text(str(error)), allow_retries=False) from error


def run_pass(
    context: dg.AssetExecutionContext,
    mgc: MgcResource,
    outputs: Outputs,
    build: Build,
    dataset: str = music4all.DATASET,
    *,
    reads: bool = False,
) -> tuple[Store, bool, dict[str, str]]:
    """Run one pass over a dataset, or write its tables empty where it is not there.

    Args:
        context: Of the step.
        mgc: The settings.
        outputs: Table -> part that the pass writes.
        build: The pass.
        dataset: What it is a pass over.
        reads: Whether it reads files of the dataset; that they cannot be read is then put on record.

    Returns:
        The store, whether nothing was to do, and the status for the metadata.
    """
    settings, store = mgc.settings(), mgc.open_store()
    done = False
    with clear_failures():
        if not not_there(store, settings, dataset):
            with on_record(store, settings, dataset) if reads else nullcontext():
                done = build(store, settings)
        reason = not_there(store, settings, dataset)
        done = write_empty(store, outputs) if reason else done
    status = reason or "done"
    context.log.info("%s: %s", ", ".join(outputs), status if done else "nothing changed")
    return store, not done, {"status": status}


def pass_results(
    context: dg.AssetExecutionContext,
    mgc: MgcResource,
    outputs: Outputs,
    tables: Sequence[str],
    build: Build,
    *,
    reads: bool = False,
) -> Iterator[dg.MaterializeResult]:
    """Run one pass over Music4All and report `tables`, those of its outputs that are assets of this step."""
    store, skipped, metadata = run_pass(context, mgc, outputs, build, reads=reads)
    yield from table_results(store, tables, metadata=metadata, skipped=skipped)


def music4all_layout(store: Store, settings: Settings) -> music4all.Layout:
    """Locate the configured (or generated) Music4All."""
    return music4all.locate(dataset_root(store, settings, music4all.DATASET))
