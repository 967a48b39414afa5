"""Words of lyrics: what a vocabulary counts and what a model looks up."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
    """Words of a line or text, in lower case, letters and digits with apostrophes inside (`don't`)."""
    return _WORD.findall(unicodedata.normalize("NFC", text).replace("’", "'").lower())
