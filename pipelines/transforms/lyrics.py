"""Lyrics without what Genius puts between their lines."""

import re

SECTION_HEADER = re.compile(r"^[^\S\n]*\[.*\][^\S\n]*$\n?", re.MULTILINE)


def without_section_headers(text: str) -> str:
    """Remove the lines that only name a section, such as `[Chorus]`, which Genius puts between the lines sung."""
    return SECTION_HEADER.sub("", text)
