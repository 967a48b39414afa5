"""Runs when a Dagster command is started in the repository root, before Dagster itself is imported.

`mgc_dagster_default.pth` calls `prepare` (docs/decisions/running-jobs.md). Standard library only: it runs at the start
of every process of Dagster, the children of `dagster dev` included, which find everything done.
"""

import logging
import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import NoReturn

from pipelines.config import SettingsError, from_environment
from pipelines.devices import slots
from warehouse.claim import require_claim
from warehouse.store import Store, StoreError, replacing

INSTANCE = Path("dagster.yaml")  # of the repository root, where the command was started
ONE_SLOT = b"default_limit: 1"  # of pool `gpu`
HISTORY = "dagster"
MODULE = "pipelines.definitions"
# These read no [tool.dagster] of pyproject.toml. `dagster dev` and the rest do, and `dagster dev` even hangs where the
# variable is set: its web server then gets the module twice, and dies of a usage error.
WITHOUT_PROJECT_FILE = (["job", "execute"], ["job", "scaffold_config"], ["asset", "materialize"], ["asset", "list"])
# Seconds between the looks of `dagster dev` at its code server, which it starts again where it is gone. With the usual
# 5 that often happened in the middle of Ctrl-C, and left a process for 45 s (its patience without being looked at).
LOOK_AFTER_CODE_SERVER = ("DAGSTER_CODE_SERVER_AUTO_RESTART_INTERVAL", "20")
QUESTIONS = {"--help", "--version"}
# These may start a job, which must find a store of its own kind of data and profile.
STARTING_JOBS = {"job", "asset", "dev", "launch"}


def history(store: Path) -> Path:
    """Folder of Dagster's run history of a store: results and what tells of them stay together."""
    return store / HISTORY


def prepare() -> None:
    """Check the settings, keep the run history with the store, and set what single commands need.

    Ends the process with status 2 and one sentence when the settings cannot be used.
    """
    arguments = sys.argv[1:]
    if arguments[:1] == ["api"] or QUESTIONS.intersection(arguments):  # api: a child of a command that was checked
        return
    try:
        settings = from_environment()
        if STARTING_JOBS.intersection(arguments[:1]):
            require_claim(Store(settings.store), settings.data_kind, settings.profile)
        place_history(settings.store, os.environ)
    except (SettingsError, StoreError) as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{error.filename} cannot be written ({error.strerror}). Set MGC_STORE to a folder that can.")
    adapt_to_command(arguments, os.environ)


def place_history(store: Path, environment: MutableMapping[str, str]) -> None:
    """Point DAGSTER_HOME at the store's own folder, which gets the configuration of the checkout.

    There, as many trainings go on at once as this host has devices for. A DAGSTER_HOME of the user's own stays as it
    is.
    """
    home = history(store)
    if environment.setdefault("DAGSTER_HOME", str(home)) != str(home):
        return
    content = INSTANCE.read_bytes().replace(ONE_SLOT, ONE_SLOT[:-1] + str(slots(environment)).encode())
    copy = home / INSTANCE.name
    if not copy.exists() or copy.read_bytes() != content:
        with replacing(copy) as temporary:
            temporary.write_bytes(content)


def adapt_to_command(arguments: Sequence[str], environment: MutableMapping[str, str]) -> None:
    """Name the code location to those commands that do not find it by themselves; let `dev` end in peace."""
    if arguments[:1] == ["dev"]:
        environment.setdefault(*LOOK_AFTER_CODE_SERVER)
        logging.getLogger("dagster").addFilter(_is_news)
    if list(arguments[:2]) in WITHOUT_PROJECT_FILE:
        environment.setdefault("DAGSTER_MODULE_NAME", MODULE)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line is none of the warning that dagster.yaml here is not read; its copy in the store is."""
    return "Found a dagster instance configuration value" not in record.getMessage()


def _stop(message: str) -> NoReturn:
    # An exception in a .pth, SystemExit too, would end in a dump of the interpreter or be passed over.
    sys.stderr.write(f"error: {message}\n")
    sys.stderr.flush()
    os._exit(2)
