"""The reader of word2vec's binary format: both ways of ending a vector, and every way a file may be broken."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgc_models.errors import WeightsError
from mgc_models.features.lyrics import word2vec
from mgc_models.features.lyrics.word2vec import read_word2vec

# 0x20202020 and 0x0a0a0a0a are vectors full of spaces and of line breaks.
TRAPS = np.frombuffer(b" " * 8 + b"\n" * 4, "<f4")
VECTORS = {"</s>": np.array([1, 2, 3], "f4"), "new_york": TRAPS, "café": np.array([-1, 0, 0.5], "f4")}


def write(path: Path, vectors: Mapping[str, np.ndarray], *, end: bytes = b"", head: bytes | None = None) -> Path:
    dimensions = len(next(iter(vectors.values())))
    head = f"{len(vectors)} {dimensions}\n".encode() if head is None else head
    path.write_bytes(head + b"".join(w.encode() + b" " + v.astype("<f4").tobytes() + end for w, v in vectors.items()))
    return path


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_only_the_wanted_words_are_read_whichever_way_vectors_end(tmp_path: Path, end: bytes) -> None:
    path = write(tmp_path / "v.bin", VECTORS, end=end)
    dimensions, found = read_word2vec(path, {"café", "new_york", "nowhere"})
    assert dimensions == 3
    assert {word: vector.tobytes() for word, vector in found.items()} == {
        word: VECTORS[word].tobytes() for word in ("café", "new_york")
    }


def test_the_compressed_file_as_downloaded_is_read(tmp_path: Path) -> None:
    plain = write(tmp_path / "v.bin", VECTORS)
    packed = tmp_path / "v.bin.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_word2vec(packed, {"café"})[1]["café"].tolist() == [-1, 0, 0.5]
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(WeightsError, match=r"cannot be read to its end|breaks off"):
        read_word2vec(packed, {"café"})


@settings(max_examples=30, deadline=None)
@given(
    words=st.lists(st.text(st.characters(exclude_characters=" \n", exclude_categories=["Cs"]), min_size=1), min_size=1,
                   max_size=20, unique=True),
    chunk=st.integers(1, 64),
    end=st.sampled_from([b"", b"\n"]),
)  # fmt: skip
def test_chunks_may_end_anywhere(tmp_path_factory, words: list[str], chunk: int, end: bytes) -> None:
    rng = np.random.default_rng(len(words))
    vectors = {word: rng.standard_normal(5).astype("f4") for word in words}
    path = write(tmp_path_factory.mktemp("w") / "v.bin", vectors, end=end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word2vec, "_CHUNK_BYTES", chunk)
        _, found = read_word2vec(path, words)
    assert {word: vector.tolist() for word, vector in found.items()} == {w: v.tolist() for w, v in vectors.items()}


@pytest.mark.parametrize("cut", [1, 5, 12, 20, 30])
def test_a_truncated_file_is_refused_even_if_the_wanted_word_was_there(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "v.bin", VECTORS)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(WeightsError, match=r"v\.bin: expected 3 words of 3 values, .* in word [23]"):
        read_word2vec(path, {"</s>"})


@pytest.mark.parametrize("head", [b"", b"3\n", b"three 3\n", b"3 0\n", b"3 3", b"the 0.1 0.2 0.3\n", b"\x80\x04\x95"])
def test_a_wrong_header_is_refused(tmp_path: Path, head: bytes) -> None:
    with pytest.raises(WeightsError, match=r"expected a first line `<words> <dimensions>`.*MGC_WORD2VEC"):
        read_word2vec(write(tmp_path / "v.bin", VECTORS, head=head), {"café"})


def test_a_header_that_promises_less_or_the_text_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="goes on after the 2 words"):
        read_word2vec(write(tmp_path / "v.bin", VECTORS, head=b"2 3\n"), {"café"})
    text = tmp_path / "v.txt"
    text.write_text("2 300\n" + "\n".join(f"w{n} " + " ".join(["0.123456"] * 300) for n in range(2)))
    with pytest.raises(WeightsError, match=r"text format|another format"):
        read_word2vec(text, {"w0"})


def test_of_a_repeated_word_the_first_counts_and_nan_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "v.bin", VECTORS)
    path.write_bytes(b"4 3\n" + path.read_bytes()[4:] + b"</s> " + np.full(3, np.nan, "<f4").tobytes())
    assert read_word2vec(path, {"</s>"})[1]["</s>"].tolist() == [1, 2, 3]
    with pytest.raises(WeightsError, match="'broken' holds values that are not finite"):
        read_word2vec(write(tmp_path / "n.bin", {"broken": np.array([1, np.inf], "f4")}), {"broken"})
