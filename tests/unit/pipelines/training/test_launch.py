import json
import threading
from pathlib import Path

from pipelines.training.launch import WholeLineReader, whole_lines


def test_the_beginning_of_a_line_waits_for_its_end():
    pieces = iter([b'{"method": "lo', b"", b'g"}\n{"method": "opened"}\n{"me', b'thod": "closed"}\n'])
    ended = threading.Event()

    def read():
        piece = next(pieces, None)
        if piece is None:
            ended.set()
        return piece or b""

    assert [json.loads(line)["method"] for line in whole_lines(read, ended)] == ["log", "opened", "closed"]


class Handler:
    def __init__(self):
        self.messages, self.errors = [], []

    def handle_message(self, message):
        self.messages.append(message)

    def report_pipes_framework_exception(self, origin, error):
        self.errors.append((origin, error))


def test_lines_of_several_writers_all_arrive(tmp_path: Path):
    handler = Handler()
    with WholeLineReader(tmp_path / "jobs").read_messages(handler) as params:
        assert tmp_path in Path(params["path"]).parents
        writers = [threading.Thread(target=_write_in_halves, args=(params["path"], number)) for number in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    assert sorted(message["n"] for message in handler.messages) == sorted(list(range(4)) * 50)
    assert not handler.errors


LOCK = threading.Lock()


def _write_in_halves(path, number):
    """As another process sees a line that the kernel has stored only the first page of."""
    line = json.dumps({"n": number, "text": "x" * 300}) + "\n"
    for _ in range(50):
        with LOCK, Path(path).open("a", buffering=1 << 16) as file:
            file.write(line[:100])
            file.flush()
            file.write(line[100:])
