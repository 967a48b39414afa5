"""Identifiers from files are data: one that could leave its folder, or hide there, is refused."""

import re

MAX_ID_LENGTH = 128
SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def is_safe_id(track_id: str) -> bool:
    """Whether an identifier can be a file name on every system: letters, digits, `_`, `-`, and `.` but not in front."""
    return len(track_id) <= MAX_ID_LENGTH and SAFE_ID.fullmatch(track_id) is not None
