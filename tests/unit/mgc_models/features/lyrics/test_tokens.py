"""Vocabulary and tokens: the same from the same texts, and as bert-base-uncased would read them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertTokenizer

from mgc_models.errors import TokenizerError
from mgc_models.features.lyrics.tokens import (
    SPECIAL_TOKENS,
    build_wordpiece,
    encode,
    load_tokenizer,
    save_tokenizer,
    special_ids,
    wordpiece_tokenizer,
)

TEXTS = [
    "The night is young, and so are we\nthe night, the night",
    "Don't stop – Élodie's café 中文 ♥",
    "la la la la la",
    "we are THE champions",
    "",
]


def test_the_vocabulary_is_specials_characters_then_words_by_frequency() -> None:
    vocab = build_wordpiece(TEXTS, 200)
    assert tuple(vocab[:5]) == SPECIAL_TOKENS
    assert len(vocab) == len(set(vocab)) <= 200
    assert {"a", "##a", "中", "♥", "elodie", "cafe"} <= set(vocab)
    words = [piece for piece in vocab[5:] if len(piece.removeprefix("##")) > 1]
    assert words[:4] == ["la", "the", "night", "are"]  # 5, 5, 3, 2: ties by the word itself


@settings(max_examples=30, deadline=None)
@given(data=st.data(), texts=st.lists(st.text(max_size=60), max_size=12), size=st.integers(9, 300))
def test_any_order_of_any_texts_gives_the_same_vocabulary(data: st.DataObject, texts: list[str], size: int) -> None:
    vocab = build_wordpiece(texts, size)
    assert vocab == build_wordpiece(iter(data.draw(st.permutations(texts))), size)
    assert len(set(vocab)) == len(vocab) <= size
    tokenizer = wordpiece_tokenizer(vocab)
    for text in texts:
        ids = encode(tokenizer, text, max_tokens=20)
        assert ids.dtype == np.int32
        assert len(ids) <= 20
        assert not set(ids.tolist()) & {0, 2, 3, 4}, "only [UNK] of the special tokens can come out of a text"


def test_tokens_are_those_of_bert_on_the_same_vocabulary(tmp_path: Path) -> None:
    vocab = build_wordpiece(TEXTS, 120)
    (tmp_path / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
    bert = BertTokenizer(vocab=str(tmp_path / "vocab.txt"))
    for text in [*TEXTS, "nightly unseenword", "x" * 101]:
        assert encode(load_tokenizer(tmp_path), text).tolist() == bert(text, add_special_tokens=False)["input_ids"]


def test_every_source_of_a_tokenizer_gives_the_same_ids(tmp_path: Path) -> None:
    vocab = build_wordpiece(TEXTS, 120)
    saved, folder = tmp_path / "ours" / "tokenizer.json", tmp_path / "bert"
    save_tokenizer(wordpiece_tokenizer(vocab), saved)
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(vocab), encoding="utf-8")
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(tmp_path / "hub")
    text = "The [MASK] night: CAFÉ [SEP]"
    ids = [
        encode(load_tokenizer(path), text).tolist() for path in (saved, folder, folder / "vocab.txt", tmp_path / "hub")
    ]
    assert ids[0] == ids[1] == ids[2] == ids[3]
    assert special_ids(load_tokenizer(saved)) == (0, 1, 2, 3, 4)


def test_saved_bytes_are_equal_and_survive_a_round_trip(tmp_path: Path) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.json"]
    save_tokenizer(wordpiece_tokenizer(build_wordpiece(TEXTS, 120)), files[0])
    save_tokenizer(wordpiece_tokenizer(build_wordpiece(TEXTS[::-1], 120)), files[1])
    save_tokenizer(load_tokenizer(files[0]), files[2])
    assert files[0].read_bytes() == files[1].read_bytes() == files[2].read_bytes()


def test_a_cased_checkpoint_keeps_its_case(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, "The", "the"]), encoding="utf-8")
    assert encode(load_tokenizer(tmp_path), "The the").tolist() == [6, 6]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    assert encode(load_tokenizer(tmp_path), "The the").tolist() == [5, 6]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.txt", b"\n".join([b"[PAD]", b"a", b"a"]), "'a' occurs more than once"),
        ("vocab.txt", b"just\nwords", r"has no \[PAD\]"),
        ("vocab.txt", b"\xff\xfe\x00", "not a UTF-8 text file"),
        ("tokenizer.json", b"{}", "not a tokenizer.json"),
        ("tokenizer.json", b'{"truncated', "not a tokenizer.json"),
        ("README.md", b"nothing", "no tokenizer at .*MGC_BERT"),
    ],
)
def test_what_is_no_tokenizer_says_so(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TokenizerError, match=message):
        load_tokenizer(tmp_path)


def test_too_small_a_vocabulary_is_refused() -> None:
    with pytest.raises(TokenizerError, match="vocab_size = 8: expected at least 9"):
        build_wordpiece(TEXTS, 8)
