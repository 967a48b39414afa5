"""How a run is followed from outside, and how it learns that it should stop."""

import json
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

LOG = logging.getLogger("mgc_models.train")


@dataclass(frozen=True)
class EventLog:
    """`events.jsonl`: one JSON object per line, appended while a run goes on. Differs between equal runs."""

    path: Path
    writes: bool = True

    def write(self, event: str, **values: float | str) -> None:
        """Append one event with the present time, if this process is the one that writes."""
        if not self.writes:
            return
        line = json.dumps({"time": datetime.now(UTC).isoformat(), "event": event, **values})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def times(self, event: str) -> list[str]:
        """When each event of a kind happened, oldest first; a line that a kill cut short is skipped."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            if record.get("event") == event:
                found.append(record["time"])
        return found


def watch_for_stop() -> Callable[[], str | None]:
    """Begin to watch for SIGTERM, SIGINT and the end of the process that started this one.

    A worker whose parent was killed must not go on beside the one that the next start brings.

    Returns:
        A function that gives the reason to stop, or None. It costs one system call, so it can be asked at every step.
    """
    parent = os.getppid()
    received: list[str] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, remember)
    signal.signal(signal.SIGINT, remember)

    def reason() -> str | None:
        if received:
            return f"{received[0]} was received"
        return None if os.getppid() == parent else f"the process that started it ({parent}) is gone"

    return reason


def duration(seconds: float) -> str:
    """Seconds as a reader wants them: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
