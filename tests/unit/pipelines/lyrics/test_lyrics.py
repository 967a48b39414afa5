"""Lyrics: repetitions go, everything else stays in order; every file ends in a row."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgc_models.features.lyrics.text import deduplicate
from pipelines.datasets.lyrics_files import LyricsTask, read_lyrics

CHORUS = "Oh my love\nStay with me"


def test_paragraphs_and_lines_keep_their_first_occurrence() -> None:
    text = f"First line\nFirst line \n\n{CHORUS}\n\nSecond verse\noh MY love\n\n{CHORUS.upper()}\n\n"
    found = deduplicate(text)
    assert found.text == f"First line\n\n{CHORUS}\n\nSecond verse"
    assert (found.lines_before, found.lines_after) == (8, 4)
    assert (found.words_before, found.words_after) == (21, 10)


def by_paragraphs_then_lines(text: str) -> str:
    """The two steps in the order of the sources, written down plainly."""
    paragraphs = [[line.strip() for line in part.split("\n") if line.strip()] for part in re.split(r"\n\s*\n", text)]
    kept: list[list[str]] = []
    for paragraph in paragraphs:
        if [line.lower() for line in paragraph] not in [[line.lower() for line in other] for other in kept]:
            kept.append(paragraph)
    seen: set[str] = set()
    for paragraph in kept:
        paragraph[:] = [line for line in paragraph if not (line.lower() in seen or seen.add(line.lower()))]
    return "\n\n".join("\n".join(paragraph) for paragraph in kept if paragraph)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", "a", "A ", "b c", "d", " d"]), max_size=30))
def test_lines_alone_remove_what_paragraphs_and_lines_would(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert deduplicate(text).text == by_paragraphs_then_lines(text)


@settings(deadline=None)
@given(st.text())
def test_any_text_survives_and_sizes_never_grow(text: str) -> None:
    found = deduplicate(text)
    assert found.lines_after <= found.lines_before
    assert found.words_after <= found.words_before
    assert deduplicate(found.text) == (
        found.text,
        found.words_after,
        found.words_after,
        found.lines_after,
        found.lines_after,
    )


@pytest.mark.parametrize(
    ("content", "status", "encoding", "reason"),
    [
        (b"Hello there\n", "ok", "utf-8", None),
        (b"\xef\xbb\xbfHello there\r\n", "ok", "utf-8", None),
        ("Corazón\n".encode("latin-1"), "ok", "latin-1", "decoded_as_latin_1"),
        (b"", "empty", "utf-8", "lyrics_empty"),
        (b" \n\t\r\n", "empty", "utf-8", "lyrics_empty"),
        (b"[Instrumental]\n", "empty", "utf-8", "lyrics_empty"),
        ("Hello".encode("utf-16"), "undecodable", None, "lyrics_undecodable"),
        (None, "missing", None, "lyrics_missing"),
    ],
)
def test_every_kind_of_file_ends_in_a_row(
    tmp_path: Path, content: bytes | None, status: str, encoding: str | None, reason: str | None
) -> None:
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    rows, rejects = read_lyrics(LyricsTask(tmp_path, "lyrics", [("a", "a.txt" if content is not None else None)]))
    assert (rows[0].lyrics_status, rows[0].encoding) == (status, encoding)
    assert [reject.reason for reject in rejects] == ([reason] if reason else [])
    assert (rows[0].lyrics is not None) == (status == "ok")
    assert "\ufeff" not in (rows[0].lyrics or "")


def test_a_folder_in_place_of_a_file_is_on_record(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    rows, rejects = read_lyrics(LyricsTask(tmp_path, "lyrics", [("a", "a.txt")]))
    assert rows[0].lyrics_status == "undecodable"
    assert rejects[0].reason == "lyrics_undecodable"
    assert str(tmp_path) not in str(rejects)
