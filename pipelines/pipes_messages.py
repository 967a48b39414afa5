"""Messages of a child process, read line by whole line.

Dagster's own reader takes what a file holds at the moment as a line, also the beginning of one that another process is
just writing; it then stops reading, and the rest of the progress is lost. With several processes writing at once that
was seen after some two thousand lines.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
from dagster._core.pipes.context import PipesMessageHandler
from dagster_pipes import PipesDefaultMessageWriter, PipesMessage, PipesParams

from pipelines.progress import FromRun, tell

_LOOK_S = 0.02


class WholeLineReader(dg.PipesMessageReader):
    """Follows the file that a child appends its messages to."""

    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Iterator[PipesParams]:
        """Hand on messages while the block runs, and what is left at its end."""
        with TemporaryDirectory(prefix="mgc-messages-") as folder:
            path = Path(folder) / "messages"
            path.touch()
            ended = threading.Event()
            thread = threading.Thread(target=_follow, args=(path, handler, ended), daemon=True)
            thread.start()
            try:
                yield {PipesDefaultMessageWriter.FILE_PATH_KEY: os.fspath(path)}
            finally:
                ended.set()
                thread.join()

    def no_messages_debug_text(self) -> str:
        """What to say when a child never said anything."""
        return "No message came from the child process; it may have stopped before its first line."


def _follow(path: Path, handler: PipesMessageHandler, ended: threading.Event) -> None:
    try:
        with path.open("rb") as file:
            for line in whole_lines(file.read, ended):
                _hand_on(json.loads(line), handler)
    except Exception:
        handler.report_pipes_framework_exception("reading the messages of a child process", sys.exc_info())
        raise


def _hand_on(message: PipesMessage, handler: PipesMessageHandler) -> None:
    """Give what a training run says of itself to who watches, now; Dagster would keep it until the child has ended."""
    if message.get("method") == "report_custom_message":
        values = dict((message["params"] or {})["payload"])
        tell(FromRun(values.pop("run_id"), values.pop("event"), values))
    else:
        handler.handle_message(message)


def whole_lines(read: Callable[[], bytes], ended: threading.Event) -> Iterator[bytes]:
    """Lines as they become whole.

    Args:
        read: Gives what was appended since it was called last.
        ended: Set when nothing more will be appended.
    """
    rest = b""
    while True:
        last = ended.is_set()
        *lines, rest = (rest + read()).split(b"\n")
        yield from lines
        if last:
            return
        if not lines:
            ended.wait(_LOOK_S)
