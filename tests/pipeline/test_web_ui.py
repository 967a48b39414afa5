"""The web UI as a user starts and reads it: `make ui`, plain `dagster dev`, the pages, the launchpad, the end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.harness import Checkout, checkout
from tests.pipeline.web_ui import BIN, WebUI, free_port, page, serving, wait_until

pytestmark = [pytest.mark.pipeline, pytest.mark.browser]
LOCATION = "pipelines.definitions"
REPOSITORY = {"key": ".dagster/repository", "value": f"__repository__@{LOCATION}"}  # what a job's page filters by


def launch(web_ui: WebUI, path: str, button: str, *, edit: tuple[str, str] | None = None) -> None:
    """Press a button of a page, after typing something behind a text on it."""
    before = len(web_ui.runs())
    with page(web_ui, path) as tab:
        if edit:
            tab.get_by_text(edit[0]).first.click()
            tab.keyboard.press("End")
            tab.keyboard.type(edit[1])
        tab.get_by_role("button", name=button).first.click()
        wait_until(lambda: len(web_ui.runs()) > before, "the page started no run")


def test_make_ui_serves_runs_what_is_asked_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    # This environment is taken as it is: make must not install into it in the middle of a test.
    command = ["make", "--old-file=.venv/.installed", "ui", f"PORT={port}", f"BIN={BIN}"]
    place = checkout(tmp_path, MGC_PROFILE="smoke")
    with serving(place, command, port) as web_ui:
        assert {"full_repro", "data", "report"} <= web_ui.jobs()
        launch(web_ui, "assets/raw/configuration", "Materialize")
        run = web_ui.ended_run()
        assert run["status"] == "SUCCESS"
        assert (run["tags"]["mgc/profile"], run["tags"]["mgc/store"]) == ("smoke", str(place.store.root))
        web_ui.interrupt()
        wait_until(lambda: not web_ui.processes(), "Ctrl-C left processes behind", timeout_s=40)
    log = (tmp_path / "web_ui.log").read_text()
    assert "Serving dagster-webserver" in log
    assert "dagster.yaml" not in log  # what is read is its copy beside the store


def appears(tab: Any, words: str) -> bool:
    """Whether a text is seen on a page within a minute."""
    from playwright.sync_api import Error

    try:
        tab.get_by_text(words).first.wait_for(timeout=60_000)
    except Error:
        return False
    return True


@pytest.fixture(scope="module")
def web_ui(finished: Checkout) -> Iterator[WebUI]:
    """Plain `dagster dev` over the store and the history of the finished run."""
    port = free_port()
    with serving(finished, [BIN / "dagster", "dev", "--port", str(port)], port) as started:
        yield started


def test_runs_of_the_command_line_belong_to_their_job_and_name_their_settings(
    web_ui: WebUI, finished: Checkout
) -> None:
    run = web_ui.runs(pipelineName="full_repro", tags=[REPOSITORY], statuses=["SUCCESS"])[-1]
    assert run["repositoryOrigin"] == {"repositoryLocationName": LOCATION}  # what the timeline groups by
    tags = run["tags"]
    assert (tags["mgc/profile"], tags["mgc/data"]) == ("smoke", "real")
    assert tags["mgc/store"] == str(finished.store.root)
    assert {"mgc/version", "mgc/commit"} <= set(tags)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("asset-groups", ["raw", "corpora", "training", "report"]),
        ("runs", ["full_repro", "Success", "mgc/profile: smoke", "mgc/data: real"]),
        (f"locations/{LOCATION}/jobs/full_repro/runs", ["Success", "mgc/profile: smoke"]),
        ("overview/timeline", [LOCATION, "full_repro"]),
        ("assets/raw/configuration?view=overview", ["data_kind", "profile", "store", "version"]),
        ("assets/corpus/steps", ["What each filter of each corpus took and left", "rows_out", "Row count"]),
        ("assets/finetune/jiang2024_alnet?view=overview", ["table_6_9", "PyTorch", "status"]),
        (f"locations/{LOCATION}/jobs/full_repro/playground", ["profile", "smoke", "music4all_dir", "gpus"]),
    ],
)
def test_a_page_shows_what_a_user_looks_for(web_ui: WebUI, path: str, words: list[str]) -> None:
    with page(web_ui, path) as tab:
        assert [word for word in words if not appears(tab, word)] == []


def test_the_launchpad_explains_its_settings(web_ui: WebUI, finished: Checkout) -> None:
    with page(web_ui, f"locations/{LOCATION}/jobs/data/playground") as tab:
        tab.get_by_text(str(finished.store.root)).first.click()
        assert appears(tab, "Prefilled from MGC_BERT")


def test_what_is_edited_in_the_launchpad_takes_effect_and_never_splits_results_from_their_history(
    web_ui: WebUI, finished: Checkout
) -> None:
    store = str(finished.store.root)
    launch(web_ui, f"locations/{LOCATION}/jobs/data/playground", "Launch Run", edit=(store, "-other"))
    run = web_ui.ended_run(pipelineName="data")
    assert run["status"] == "FAILURE"
    assert run["tags"]["mgc/store"] == f"{store}-other"
    assert f"MGC_STORE={store}-other dagster dev" in errors_of(web_ui, run["runId"])
    assert not Path(f"{store}-other").exists()


def errors_of(web_ui: WebUI, run_id: str) -> str:
    query = """query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
        ... on ExecutionStepFailureEvent { error { message } } } } } }"""
    events = web_ui.ask(query, run=run_id)["logsForRun"]["events"]
    return "\n".join(event["error"]["message"] for event in events if event.get("error"))
