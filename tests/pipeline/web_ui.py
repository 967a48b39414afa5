"""Starts the web UI as a user does, asks it, opens it in Chromium, and ends it as Ctrl-C does."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.harness import ROOT, Checkout

BIN = Path(sys.executable).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
RUNS = """query($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs { results {
    runId jobName status runConfigYaml tags { key value } repositoryOrigin { repositoryLocationName } } } } }"""
JOBS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@dataclass(frozen=True)
class WebUI:
    """A web UI that serves: its address, and the process that a user started."""

    address: str
    process: subprocess.Popen[bytes]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Answer of the GraphQL interface that the pages themselves use."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.address}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)["data"]

    def jobs(self) -> set[str]:
        """Names of the jobs that it lists."""
        nodes = self.ask(JOBS)["repositoriesOrError"].get("nodes", [])
        return {job["name"] for node in nodes for job in node["jobs"]}

    def runs(self, **chosen: Any) -> list[dict[str, Any]]:
        """Runs of the history that a filter of the pages finds, the latest first; tags as a mapping."""
        found = self.ask(RUNS, filter=chosen)["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def ended_run(self, **chosen: Any) -> dict[str, Any]:
        """The latest run, once it has ended."""
        wait_until(lambda: any(run["status"] in ENDED for run in self.runs(**chosen)[:1]), "the run did not end")
        return self.runs(**chosen)[0]

    def interrupt(self) -> None:
        """Ctrl-C: the signal goes to every process of the terminal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def processes(self) -> list[str]:
        """Command lines of those of its processes that are alive."""
        return [command for command, session in living_processes() if session == self.process.pid]


def living_processes() -> Iterator[tuple[str, int]]:
    """Command line and session of every process."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, session, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it ended meanwhile
            continue
        if state != "Z":
            yield command, int(session)


@contextmanager
def serving(place: Checkout, command: Sequence[str | Path], port: int) -> Iterator[WebUI]:
    """Start `command` in the repository root; ready when it lists `full_repro`."""
    environment = {**place.environment, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    log = place.store.root.with_name("web_ui.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    web_ui = WebUI(f"http://127.0.0.1:{port}", process)
    try:
        wait_until(lambda: _answers(web_ui), f"{command} does not serve; see {log}")
        yield web_ui
    finally:
        if web_ui.processes():
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def page(web_ui: WebUI, path: str) -> Iterator[Any]:
    """A page in Chromium; it must raise no error of its own."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1500, "height": 950})
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(f"{web_ui.address}/{path}")
        yield tab
        browser.close()
    assert errors == []


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(true: Callable[[], bool], otherwise: str, timeout_s: float = 120.0) -> None:
    """Wait until something is true.

    Raises:
        AssertionError: with `otherwise`, if it does not become so.
    """
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.3)


def _answers(web_ui: WebUI) -> bool:
    assert web_ui.process.poll() is None, "it ended by itself"
    try:
        return "full_repro" in web_ui.jobs()
    except (urllib.error.URLError, OSError):
        return False
