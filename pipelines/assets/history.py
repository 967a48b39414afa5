"""Writes into Dagster's run history the settings and code of a run, as tags, and the job that it belongs to."""

import contextlib
import functools
import importlib.metadata
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from pipelines.config import Settings
from pipelines.startup import MODULE

CHECKOUT = Path(__file__).parents[2]
DISTRIBUTION = "mgc-repro"
REPOSITORY = "__repository__"  # Dagster's name for the definitions of a module
TAG_PREFIX = "mgc/"


@functools.cache
def code_tags() -> Mapping[str, str]:
    """Version of the project, and commit of the checkout (`-dirty` where a file differs from it), as far as known."""
    tags = {}
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        tags["version"] = importlib.metadata.version(DISTRIBUTION)
    git = shutil.which("git")
    if git and (CHECKOUT / ".git").exists():
        command = [git, "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--exclude", "*"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        tags |= {"commit": found.stdout.strip()} if found.returncode == 0 else {}
    return tags


def run_tags(settings: Settings) -> dict[str, str]:
    """Tags of a run with these settings: profile, kind of data, store, version and commit."""
    values = {"profile": settings.profile, "data": settings.data_kind, "store": str(settings.store), **code_tags()}
    return {f"{TAG_PREFIX}{name}": value for name, value in values.items()}


def record_start(instance: dg.DagsterInstance, run_id: str, tags: Mapping[str, str]) -> None:
    """Tag a run, and give one of the command line the origin that it lacks.

    The web UI finds the runs of a job, and draws the timeline, by the code location that a run came from; those of
    `dagster job execute` and `dg launch` carry none.
    """
    run = instance.get_run_by_id(run_id)
    if run is None:  # a resource that is tried outside a run
        return
    repository = code_location()
    if run.remote_job_origin is None:
        tags = {**tags, REPOSITORY_LABEL_TAG: repository.get_label()}
    if tags.items() <= run.tags.items():  # in a later step's own process
        return
    instance.add_run_tags(run_id, tags)
    tagged = instance.get_run_by_id(run_id)
    if tagged and tagged.remote_job_origin is None:
        instance.run_storage.replace_job_origin(tagged, repository.get_job_origin(run.job_name))


def code_location() -> RemoteRepositoryOrigin:
    """Give the code location that `dagster dev` says the jobs of this project come from."""
    target = LoadableTargetOrigin(module_name=MODULE, working_directory=str(CHECKOUT))
    return RemoteRepositoryOrigin(ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=MODULE), REPOSITORY)
