"""Finds what is written in lyrics and not sung: section headers, repetition marks, the rest of a copied Genius page.

Every rule goes by a convention of transcribers that is named beside it (docs/decisions/lyrics.md#annotations).
Where it is open whether words are sung, they stay.
"""

import re

_NUMBER = r"(?:\d{1,2}|[ivx]{1,4}|one|two|three|four|five|six)"
_TIMES = r"(?:[x×]\s?\d{1,2}|\d{1,2}\s?[x×])"
# Names that are no word of a song when they stand in brackets: Genius' own, then those of its other languages.
_SECTIONS = (
    "verse", "chorus", "pre-?chorus", "post-?chorus", "hook", "pre-?hook", "post-?hook", "bridge", "intro", "outro",
    "interlude", "refrain", "instrumental(?: break| outro| intro)?", "(?:guitar|piano|drum) solo",
    "couplet", "pré-refrain", "verso", "(?:pre-?)?coro", "estribillo", "puente", "refrão", "strofa", "ritornello",
    "strophe", "kehrvers",
)  # fmt: skip
_JOINED = r"(?:[^\[\]\n]*(?:[&,+/]|\band|\bwith|\bfeat\.?|\bft\.?)[^\S\n]*\n)"
_SECTION = rf"(?:{'|'.join(_SECTIONS)})(?: {_NUMBER})?(?: ?\(?{_TIMES}\)?)?"
_NAMES = r"(?:\s?[:–—-][^\[\]\n]*)?"
_INSIDE = r"[^\[\]\n]*"
_BLANKS = r"[^\S\n]{0,4}"  # no more, so that a long run of them costs no time

_LINE_ENDS = re.compile(r"\r\n?")
_RULES = tuple(
    (re.compile(pattern, flags), replacement)
    for pattern, flags, replacement in (
        # `80 ContributorsTranslationsEspañolItalianoOne Step Closer Lyrics[Verse 1]`, at times with a description that
        # ends in `Read More`: the head of a copied Genius page.
        (r"\A\s*\d+ Contributors?[^\n]*?Lyrics(?:[^\n]*?Read More)?", 0, ""),
        # `See Eminem LiveGet tickets as low as $45`: an advertisement on the page.
        (r"See (?:(?!See )[^\n]){1,80}?Live\s*Get tickets as low as \$\d+", 0, ""),
        # `You might also like[Chorus]`, `nightYou might also likeI walk`: the page's offer, always without a space to
        # what is sung; on a line of its own only in front of a header.
        (r"You might also like(?=\s*\[)|(?<=[\w.,!?)])You might also like|You might also like(?=[A-Z])", 0, ""),
        # `night12Embed`, `1.2KEmbedShare URLCopyEmbedCopy`: a count of readers and a button, at the end of the page.
        (r"(?:\d{1,6}(?:\.\d)?K?|(?<![^\S\n]))Embed(?:Share ?URLCopyEmbedCopy)?\s*\Z", 0, ""),
        # `[Verse 1: Name &` and `Name]` on the next line: a header over two or three lines.
        (rf"^[^\S\n]*\[{_SECTION}:{_JOINED}{{1,2}}{_INSIDE}\]:?[^\S\n]*\n?", re.I | re.M, ""),
        # `[Chorus]`, `[Produced by Just Blaze]`, `[Intro] [Method Man]:`: lines of nothing but brackets.
        (rf"^[^\S\n]*(?:\[{_INSIDE}\](?:[^\S\n]|[:,.|–—-])*)+$\n?", re.M, ""),
        # `Chorus:`, `Verse 2:`, `[Chorus`, `Hook x2]`: a header whose brackets are missing, alone on its line.
        (rf"^[^\S\n]*(?:{_SECTION}\s*:|\[{_SECTION}\s*:?|{_SECTION}\s*:?\])[^\S\n]*$\n?", re.I | re.M, ""),
        # `[Verse 1] I walk alone`, `I love you [Chorus: Name & Name]`: a header beside what is sung.
        (rf"{_BLANKS}\[ ?{_SECTION}{_NAMES} ?\]:?{_BLANKS}", re.I, " "),
        # `Na na na [x2]`, `(2x)`, `(Repeat x3)`: how often something is sung.
        (rf"{_BLANKS}(?:\[(?:repeat )?{_TIMES}\]|\((?:repeat )?{_TIMES}\)){_BLANKS}", re.I, " "),
        (rf"^[^\S\n]*{_TIMES}[^\S\n]*$\n?", re.I | re.M, ""),
        # `[?]`, `[...]`: words that nobody made out.
        (rf"{_BLANKS}\[[^\w\n]{{0,20}}\]{_BLANKS}", 0, " "),
    )
)


def without_annotations(text: str) -> str:
    """Cut what is written in lyrics and not sung; the other words stay, in their order and lines.

    Doing it twice changes nothing more, and the text never gets longer. Words in square brackets beside sung ones stay
    unless they are a section's name, a repetition mark or none at all; words in round brackets are sung.
    """
    text = _LINE_ENDS.sub("\n", text)
    while (cut := _cut_once(text)) != text:  # what is cut can join what was apart: `[[x2]Chorus]`
        text = cut
    return text


def _cut_once(text: str) -> str:
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
