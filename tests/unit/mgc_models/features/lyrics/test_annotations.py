"""What is not sung is cut from lyrics, and every sung word stays."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mgc_models.features.lyrics.annotations import without_annotations
from mgc_models.features.lyrics.text import clean_lyrics, words

GENIUS_PAGE = """\
80 ContributorsTranslationsEspañolItalianoTürkçeDeutschNight Walk Lyrics[Produced by A. Nother]

[Verse 1: Jay & Kay]
I walk alone at night
See Jay & Kay LiveGet tickets as low as $45You might also like[Chorus: Jay]
Oh my love (oh my love)
Stay with [?] me

[Verse 2: Jay,
Kay & Others]
You might also like it12Embed"""

CONVENTIONS = {
    "header beside the words": ("[Verse 1] I walk alone at night [x2]", "I walk alone at night"),
    "header in the middle": ("Oh oh oh I [Verse 1:] If I wrote a book", "Oh oh oh I If I wrote a book"),
    "header with names": ("[Hook: Jay & Kay] Stay with me", "Stay with me"),
    "several headers": ("[Intro] [Method Man]:\nYo", "Yo"),
    "header of another language": ('[Letra de "Noche"]\n[Coro 2x]\nHola', "Hola"),
    "unclosed header": ("[Chorus\nStay with me\nVerse 2]\nI walk", "Stay with me\nI walk"),
    "header without brackets": ("Chorus:\nStay with me", "Stay with me"),
    "repetition marks": ("Na na na (x2)\nHey 2x\nx4\nHo [2x] ho", "Na na na\nHey 2x\nHo ho"),
    "nested": ("[[x2]Chorus] Stay [...] here", "Stay here"),
    "windows line ends": ("[Chorus]\r\nStay\r\n\r\nwith me\r\n", "Stay\n\nwith me"),
    "a whole page": (
        GENIUS_PAGE,
        "I walk alone at night\nOh my love (oh my love)\nStay with me\n\nYou might also like it",
    ),
    "a larger count": ("I walk alone1.2KEmbedShare URLCopyEmbedCopy", "I walk alone"),
}


@pytest.mark.parametrize("case", CONVENTIONS)
def test_conventions_of_transcribers_go_and_the_song_stays(case):
    text, expected = CONVENTIONS[case]
    assert clean_lyrics(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "She said [whispered words] go",
        "(Stay with me)",
        "You might also like it",
        "(You might also like me)",
        "Embed my heart",
        "Hop out the X5",
        "Building bridges: one by one",
        "See me live\nContributors we are",
        "[I love you\nstay with me",
        "Break [my heart] again",
    ],
)
def test_what_may_be_sung_stays(text):
    assert without_annotations(text) == text


SUNG = st.text("abcdefghijklmnopqrstuvwxyzéñ'", min_size=1, max_size=9).filter(lambda word: words(word) == [word])
ANNOTATIONS = st.sampled_from(
    ["[Verse 1]", "[Chorus: Jay & Kay]", "[x2]", "(x3)", "(2x)", "[?]", "[...]", "[Hook x2]:", "[Refrain]", "[[Intro]]"]
)


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.booleans(), SUNG, ANNOTATIONS), max_size=5), max_size=6))
def test_every_word_outside_brackets_survives_in_its_line(lines):
    text = "\n".join(" ".join(note if is_note else word for is_note, word, note in line) for line in lines)
    sung = [spoken for line in lines if (spoken := [word for is_note, word, _ in line if not is_note])]
    found = [spoken for line in without_annotations(text).split("\n") if (spoken := words(line))]
    assert found == sung


PIECES = st.sampled_from(
    [
        "[", "]", "(", ")", "x2", "Chorus", "Verse 1", ":", " ", "\n", "\r\n", "\t", "\u2005", "night", "Jay &", "?",
        "12Embed", "Lyrics", "You might also like", "3 Contributors", "See Jay Live", "Get tickets as low as $45",
        "Read More",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=25).map("".join)))
@example("See 0Live \rGet tickets as low as $0")  # the space before the line end goes with the repetitions
def test_a_second_time_changes_nothing_and_no_text_gets_longer(text):
    once = without_annotations(text)
    assert without_annotations(once) == once
    assert len(once) <= len(text)
    cleaned = clean_lyrics(text).text
    assert clean_lyrics(cleaned).text == cleaned


def test_long_runs_of_blanks_and_brackets_cost_no_time():
    for text in (" " * 200_000, "[" * 200_000, "1" * 200_000, "[Chorus: a,\n" * 20_000, "See " * 50_000):
        assert without_annotations(f"{text}\nstay").endswith("stay")
