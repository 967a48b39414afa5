"""The web UI in a real browser: the graph, a run of it, and what an asset's page tells."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.harness import ROOT, Checkout

pytestmark = [pytest.mark.pipeline, pytest.mark.browser]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def server(finished: Checkout) -> Iterator[str]:
    """Dagster's web server on a free port, over the history of the finished run."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("dagster-webserver")), "-m", "pipelines.definitions", "-p", str(port)]
    address = f"http://127.0.0.1:{port}"
    child = subprocess.Popen(
        command, cwd=ROOT, env=dict(finished.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_it_answers(address)
        yield address
    finally:
        child.terminate()
        child.wait(timeout=30)


def wait_until_it_answers(address: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            urllib.request.urlopen(f"{address}/server_info", timeout=5).read()  # noqa: S310 - our own server
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, "the web server did not start"
            time.sleep(0.5)
        else:
            return


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("asset-groups", ["raw", "corpora", "training", "report"]),
        ("runs", ["full_repro", "Success"]),
        ("assets/corpus/steps", ["What each filter of each corpus took and left", "rows_out", "Row count"]),
        ("assets/evaluate/jiang2024_alnet?view=overview", ["table_6_9", "PyTorch", "status"]),
    ],
)
def test_a_page_shows_what_a_user_looks_for(server: str, page: str, words: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1500, "height": 950})
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(f"{server}/{page}")
        for word in words:
            tab.get_by_text(word).first.wait_for(timeout=30_000)
        browser.close()
    assert errors == []
