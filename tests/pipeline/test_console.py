"""What the main job prints: few lines, in words, and one screen at the end; by pipe and on a terminal."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.pipeline.harness import ROOT, Checkout, checkout

pytestmark = pytest.mark.pipeline
PHASES = ["raw", "tracks", "corpora", "genres", "features", "plan", "training", "results", "report"]
RUN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}|\b[0-9a-f]{16}\b")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


def test_the_main_job_prints_a_line_per_phase_and_per_run_and_nothing_else(finished: Checkout) -> None:
    lines = finished.first.stderr.splitlines()
    runs = [line for line in lines if re.fullmatch(r"  \w+ · .+: .*\d(\.\d)? s", line)]
    progress = [line for line in lines if " left" in line or re.search(r"\d+ of \d+ \w+$", line)]
    warnings = [line for line in lines if line.startswith("warning: ")]
    phases = [line.split()[0] for line in lines if line.split()[0] in PHASES]
    assert sorted(phases) == sorted(PHASES)
    assert len(runs) == len(list(finished.store.root.glob("runs/*/result.json")))
    assert len(lines) <= len(runs) + len(progress) + len(warnings) + len(phases) + 2
    assert [line for line in runs if line.startswith("  jiang2024 · bert · fold 3 of 5: accuracy ")]
    assert max(len(line) for line in runs + progress + phases) < 100
    assert not RUN_ID.search(finished.first.stderr + finished.first.stdout)


def test_the_decoders_notes_on_broken_audio_are_in_the_rejects_and_not_between_the_lines(finished: Checkout) -> None:
    assert not re.search(r"Illegal Audio|resync|Xing", finished.first.stderr + finished.first.stdout)


def test_the_last_screen_has_the_main_table_counts_and_where_to_look(finished: Checkout) -> None:
    screen = finished.first.stdout
    assert screen.count("jiang2024_table_6_9") == 1
    assert re.search(r"ALNet.* 35\.58 ± 0\.32 +\d+\.\d+ ± \d", screen)
    assert "quoted by the source" in screen
    assert "dagster job execute -j jiang2024_extra" in screen
    assert str(finished.store.report) in screen
    assert "make ui" in screen


def test_the_event_log_keeps_the_full_lines(finished: Checkout) -> None:
    logs = b"".join(path.read_bytes() for path in (finished.store.root / "dagster").rglob("*.db*"))
    assert b"samples/s" in logs


def test_a_second_run_says_that_nothing_changed(finished: Checkout) -> None:
    done = finished.job()
    lines = done.stderr.splitlines()
    assert done.returncode == 0
    assert len(lines) <= len(PHASES) + 2 + sum(line.startswith("warning: ") for line in lines)
    assert sum(line.endswith("nothing changed") for line in lines) == len(PHASES) - 1  # raw only locates
    assert "35.58" in done.stdout


def test_a_failure_is_one_sentence_with_what_to_do_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "songs").mkdir()
    done = checkout(tmp_path, MGC_MUSIC4ALL_DIR=str(tmp_path / "songs")).job("data")
    assert done.returncode == 1
    assert re.search(r"failed: core/rejects_readable: Music4All .*id_information\.csv", done.stderr)
    assert "dagster job execute -j data" in done.stderr
    assert not re.search(r"Traceback|Stack Trace|not executed", done.stderr + done.stdout, re.IGNORECASE)
    assert len(done.stderr.splitlines()) < 12  # a line for each phase, and four


@pytest.mark.parametrize("width", [80, 140])
def test_on_a_terminal_the_last_screen_fits_it(finished: Checkout, width: int) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    command = [str(Path(sys.executable).with_name("dagster")), "job", "execute", "-j", "report"]
    environment = {k: v for k, v in finished.environment.items() if k not in {"COLUMNS", "LINES"}}
    process = subprocess.Popen(command, cwd=ROOT, env={**environment, "TERM": "xterm"}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # how a terminal ends
        while chunk := os.read(ours, 4096):
            seen += chunk
    os.close(ours)
    assert process.wait(60) == 0
    lines = [ESCAPE.sub("", line).rstrip() for line in seen.decode().split("\n")]
    assert max(len(line) for line in lines if str(finished.store.root) not in line) <= width
    assert [line for line in lines if line.startswith("ALNet") and "35.58 ± 0.32" in line]
