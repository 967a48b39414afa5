"""langdetect is the reference: every language it lists, and its probability to the last bit, is found."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langdetect import DetectorFactory, detect_langs, detector_factory
from langdetect.detector import Detector
from langdetect.lang_detect_exception import LangDetectException

from pipelines.lyrics.langdetect_fast import MAX_CHARACTERS, TRIALS, language_probabilities, load_model
from pipelines.sample.planting import planted

SEED = 0
LINES = [*planted("words")["lines"], *(line for lines in planted("languages").values() for line in lines)]
SCRIPTS = """
Привет, как дела сегодня
我們今天去學校讀書
我们今天去学校读书
今日は学校へ行きます
カラオケ
오늘 학교에 갑니다
ㄅㄆㄇ
Καλημέρα σας
مرحبا بكم في بلدنا
سلام خوبی؟ خیلی
שלום לכולם
नमस्ते दुनिया
สวัสดีครับ
Hôm nay tôi đi học ở trường
și țară
""".strip().split("\n")
OTHER_SCRIPTS = [*SCRIPTS, "Ho\u0302m nay to\u0302i", "AI\u0300 A\u0301nh", "我们 hello 今天", "Привет hello world"]
CASES = ["HELLO World", "McDONALD", "ÀÉÎ ÕÜ", "ǅungla", "𝐀𝐁𝐂 𝐝𝐞𝐟", "\U00010400\U00010401"]
NO_WORDS = ["12 34", "  ", "\n\n", "\t", "🎵🎶", "\ud800", "\x00", "[\\]^_`", "b\u0300\u0300\u0300", "x²µªº", "«»—…"]
ADDRESSES = ["http://example.org/a?b=c#d", "https://x", "hello@example.org", "a@b", "@"]
ODDITIES = [*CASES, *NO_WORDS, *ADDRESSES, "la la"]


@cache
def profiles() -> detector_factory.DetectorFactory:
    """langdetect's own profiles of 55 languages."""
    detector_factory.init_factory()
    return detector_factory._factory


def reference(text: str) -> dict[str, float] | None:
    """What langdetect lists, None where it finds no features."""
    DetectorFactory.seed = SEED
    try:
        return {found.lang: found.prob for found in detect_langs(text)}
    except LangDetectException as error:
        assert str(error) == "No features in text."
        return None


def ours(texts: list[str]) -> list[dict[str, float] | None]:
    codes = load_model().languages
    return [
        row if row is None else {c: p for c, p in zip(codes, row.tolist(), strict=True) if p > Detector.PROB_THRESHOLD}
        for row in language_probabilities(texts, SEED)
    ]


def assert_same(texts: list[str]) -> None:
    assert ours(texts) == [reference(text) for text in texts]


pieces = st.one_of(
    st.sampled_from(LINES),
    st.sampled_from(OTHER_SCRIPTS),
    st.sampled_from(ODDITIES),
    st.text(max_size=12),
    st.text(alphabet="aeouyAEOUY \u00e2\u0103\u01b0\u0300\u0301\u0303\u0309\u0323", max_size=12),
    st.lists(st.sampled_from(sorted(profiles().word_lang_prob_map)), max_size=8).map("".join),
)
mixtures = st.tuples(st.lists(pieces, max_size=8), st.sampled_from(["", " ", "\n"])).map(lambda t: t[1].join(t[0]))


@given(texts=st.lists(mixtures, max_size=6))
@settings(max_examples=100, deadline=None)
@example(texts=[])
@example(texts=["", " ", "12 34 !!", "🎵", "a", "é", "我", "A", "AB", "aB", "ABc dE"])
@example(
    texts=["https" + "://" + "a" * 40, "a" * 63 + "@" + "b" * 20 + " bonjour", "hello world https://de.example/ich-bin"]
)
def test_any_texts(texts: list[str]) -> None:
    assert_same(texts)


def test_every_line_of_the_sample_and_every_script_alone() -> None:
    assert_same([*LINES, *OTHER_SCRIPTS, *ODDITIES])


@pytest.mark.parametrize("language", profiles().langlist)
def test_every_language_of_the_profiles(language: str) -> None:
    """Text made of a language's own frequent n-grams, alone and beside as much English."""
    column = profiles().langlist.index(language)
    grams = profiles().word_lang_prob_map
    text = " ".join(sorted(grams, key=lambda gram: grams[gram][column])[-300:])
    assert_same([text, text[:15], text + " the quick brown fox" * 20, text.upper(), text.title()])


def test_text_is_cut_where_langdetect_cuts_it() -> None:
    french = "Je marche tout seul dans les rues de la ville. "
    english = "I walk alone along the streets of the town.   "
    start = (english * 300)[: MAX_CHARACTERS - 20]
    assert_same([start + french * 300, french + english * 400, " " * MAX_CHARACTERS + french])
    assert ours([" " * MAX_CHARACTERS + french]) == [None]


def test_constants_are_langdetects() -> None:
    detector = profiles().create()
    assert (detector.n_trial, detector.max_text_length, detector.alpha) == (TRIALS, MAX_CHARACTERS, 0.5)
    assert detector.prior_map is None


@pytest.mark.parametrize("limit", [0, 1, 5, 12])
def test_text_that_stays_undecided_is_given_up_where_langdetect_does(monkeypatch, limit: int) -> None:
    monkeypatch.setattr(Detector, "ITERATION_LIMIT", limit)
    assert_same([*LINES[:10], *OTHER_SCRIPTS, "la la", "".join(LINES)])


def test_answers_follow_the_seed_alone() -> None:
    texts = ["la la la la", "ma na na", LINES[0]]
    there = [row.tolist() for row in language_probabilities(texts, SEED)]
    assert [row.tolist() for row in language_probabilities(texts[::-1], SEED)][::-1] == there
    assert [row.tolist() for row in language_probabilities(texts, SEED + 1)] != there


def test_lyrics_of_the_sample(sample_corpus) -> None:
    root, _ = sample_corpus
    assert_same([path.read_bytes().decode("utf-8", "replace") for path in sorted(root.rglob("lyrics/*"))])


def test_real_lyrics(shared_real: Path) -> None:
    files = sorted((shared_real / "music4all_jamendo" / "lyrics").iterdir())
    assert files
    assert_same([path.read_text(encoding="utf-8", errors="replace") for path in files])
