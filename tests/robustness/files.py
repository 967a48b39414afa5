"""Mutators of the files of single tracks - audio and lyrics -, of file kinds and of file names."""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from tests.robustness.mutators import ANYTHING, Mutator, flipped

File = Mutator[Path]
RATE_HZ = 16_000
# None of these is a name that a dataset gives.
ODD_NAMES = (
    b"caf\xe9", b"\xff\xfe", b"a\nb", b" ", b"-rf", b"CON", b"'; DROP TABLE x; --", b"x" * 200, "e\u0301".encode(),
    "\u202e3pm.".encode(), b"\x1b[31m", b"%s", b"a\\b", b"\xed\xa0\x80", "１２".encode(), b"9" * 200,
)  # fmt: skip


def wav(samples: np.ndarray, rate_hz: int = RATE_HZ) -> Callable[[Path, Random], Path]:
    """Replace a file by a WAV file of floats, whatever its name says."""

    def change(path: Path, _: Random) -> Path:
        soundfile.write(path, samples.astype(np.float32), rate_hz, subtype="FLOAT", format="WAV")
        return path

    return change


def spiked(value: float) -> np.ndarray:
    """Noise of two seconds with one sample of some value."""
    samples = np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ)
    samples[RATE_HZ] = value
    return samples


def content(make: Callable[[bytes, Random], bytes]) -> Callable[[Path, Random], Path]:
    """Replace the content of a file."""

    def change(path: Path, random: Random) -> Path:
        path.write_bytes(make(path.read_bytes(), random))
        return path

    return change


def kind(make: Callable[[Path], None]) -> Callable[[Path, Random], Path]:
    """Replace a file by something that is none."""

    def change(path: Path, _: Random) -> Path:
        path.unlink()
        make(path)
        return path

    return change


def other_kinds(reasons: tuple[str, ...]) -> list[File]:
    """What may lie where a file should."""
    return [
        Mutator("FIFO", kind(os.mkfifo), reasons),
        Mutator("link to a device", kind(lambda path: path.symlink_to("/dev/zero")), reasons),
        Mutator("link to a FIFO", kind(_linked_fifo), reasons),
        Mutator("link that leads nowhere", kind(lambda path: path.symlink_to("nowhere")), (*reasons, "audio_missing")),
        Mutator("link to itself", kind(lambda path: path.symlink_to(path.name)), reasons),
    ]


def _linked_fifo(path: Path) -> None:
    fifo = path.with_name(f".{path.name}.fifo")
    os.mkfifo(fifo)
    path.symlink_to(fifo.name)


def audio(missing: tuple[str, ...]) -> list[File]:
    """Of a clip; `missing` is on record where it is not there, and nothing where the dataset promises none."""
    broken, ramp = ("audio_unreadable",), np.linspace(-1, 1, 3 * RATE_HZ)
    return [
        Mutator("empty", content(lambda _content, _random: b""), broken),
        Mutator("random", content(lambda _content, random: random.randbytes(3000)), broken),
        Mutator("text", content(lambda _content, _random: b"<html>404 Not Found</html>" * 40), broken),
        Mutator("zeros", content(lambda _content, _random: bytes(10_000)), broken),
        Mutator("absurd amplitude", wav(spiked(1e30)), broken, weight=2),
        Mutator("largest float", wav(spiked(3.4e38)), broken),
        Mutator("infinite", wav(spiked(np.inf)), broken),
        Mutator("not a number", wav(spiked(np.nan)), broken),
        Mutator("integers as floats", wav(ramp * 32767)),
        Mutator("tiny", wav(ramp * 1e-38)),
        Mutator("silent", wav(np.zeros(2 * RATE_HZ)), ("audio_silent",)),
        Mutator("short", wav(ramp[: RATE_HZ // 2]), ("audio_short",)),
        Mutator("no sample", wav(ramp[:0]), broken),
        Mutator("one hertz", wav(ramp, 1), broken),
        Mutator("many channels", wav(np.stack([ramp] * 32, axis=1))),
        Mutator("an hour", _an_hour, broken, weight=0.1),
        Mutator("a length that lies", content(_lying_wav), ANYTHING),
        Mutator("cut", content(lambda content, random: content[: random.randrange(len(content) + 1)]), ANYTHING),
        Mutator("bits", content(flipped), ANYTHING, weight=3),
        Mutator("torn", content(_torn), ANYTHING, weight=2),
        Mutator("large tag", content(lambda content, _random: b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + content), ANYTHING),
        Mutator("gone", kind(lambda _: None), missing),
        *other_kinds(broken),
    ]


def _an_hour(path: Path, _: Random) -> Path:
    soundfile.write(path, np.zeros(8000 * 3600, np.int16), 8000, format="FLAC")
    return path


def _lying_wav(_: bytes, random: Random) -> bytes:
    size = random.choice([0, 1, 2**31, 2**32 - 1])
    rate = random.choice([0, 1, 16_000, 2**32 - 1])
    form = struct.pack("<HHIIHH", 1, random.choice([0, 1, 2, 65535]), rate, rate, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", size)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", size)
        + bytes(4000)
    )


def _torn(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content) + 1)
    return content[:at] + random.randbytes(random.randint(1, 2000)) + content[at + random.randint(0, 2000) :]


def lyrics(missing: tuple[str, ...]) -> list[File]:
    """Of a lyrics file; `missing` as in `audio`."""
    broken, empty = ("lyrics_undecodable",), ("lyrics_empty",)
    return [
        Mutator("empty", content(lambda _content, _random: b""), empty),
        Mutator("white space", content(lambda _content, _random: b" \r\n\t" * 50), empty),
        Mutator("annotations", content(lambda _content, _random: b"[Chorus]\n[Verse 2]\n"), empty),
        Mutator("Latin-1", content(lambda content, _random: content + b"\ncaf\xe9"), ("decoded_as_latin_1",)),
        Mutator("surrogates", content(lambda content, _random: content + b"\n\xed\xa0\x80"), ("decoded_as_latin_1",)),
        Mutator("UTF-16", content(lambda content, _random: content.decode("latin-1").encode("utf-16")), broken),
        Mutator("NUL", content(lambda content, _random: content + b"\0"), broken),
        Mutator("too long", content(lambda _content, _random: b"la la\n" * 400_000), broken, weight=0.5),
        Mutator("one long line", content(lambda _content, _random: b"word " * 100_000), (), weight=0.3),
        Mutator(
            "marks", content(lambda content, _random: "\ufeff".encode() + content + "\n\u202e\u2028e\u0301\n".encode())
        ),
        Mutator("line ends", content(lambda content, _random: content.replace(b"\n", b"\r\n") + b"\rla")),
        Mutator("random", content(lambda _content, random: random.randbytes(500)), ANYTHING),
        Mutator("bits", content(flipped), ANYTHING, weight=2),
        Mutator("gone", kind(lambda _: None), missing),
        Mutator("folder", kind(Path.mkdir), broken),
        *other_kinds(broken),
    ]


def add_odd_file(folder: Path, suffix: str, random: Random) -> str:
    """Put a file of a hostile name into a folder; returns the name as it is told."""
    name = os.fsdecode(random.choice(ODD_NAMES)) + f"{random.randrange(1000)}{suffix}"
    (folder / name).write_bytes(b"ID3")
    return name
