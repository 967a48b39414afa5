"""WordPiece tokens of lyrics, with the normalisation of bert-base-uncased.

The vocabulary for runs without a BERT checkpoint is counted here: the trainer of the tokenizers library gives another
vocabulary on every run.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from mgc_models.errors import TokenizerError
from warehouse.store import replacing

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_MAX_WORD_CHARACTERS = 100  # longer words become [UNK], as in BERT


class SpecialIds(NamedTuple):
    """Ids of BERT's special tokens in one vocabulary."""

    pad: int
    unk: int
    cls: int
    sep: int
    mask: int


def build_wordpiece(texts: Iterable[str], vocab_size: int) -> list[str]:
    """Count a WordPiece vocabulary: special tokens, characters (alone and as `##` pieces), most frequent words.

    Characters are sorted by frequency, words likewise, ties by the string itself, so that equal texts in any order
    give an equal list. Characters take at most half of the list; a rarer one becomes [UNK].

    Args:
        texts: Lyrics.
        vocab_size: Largest number of pieces; fewer are returned if the texts hold fewer.

    Raises:
        TokenizerError: if `vocab_size` leaves no room for characters and words.
    """
    room = vocab_size - len(SPECIAL_TOKENS)
    if room < 4:
        raise TokenizerError(f"vocab_size = {vocab_size}: expected at least {len(SPECIAL_TOKENS) + 4}")
    words = _count_words(texts)
    letters: Counter[str] = Counter()
    for word, count in words.items():
        for letter in word:
            letters[letter] += count
    characters = _most_frequent(letters)[: room // 4]
    pieces = [*SPECIAL_TOKENS, *characters, *(f"##{character}" for character in characters)]
    taken = set(pieces)
    return pieces + [word for word in _most_frequent(words) if word not in taken][: vocab_size - len(pieces)]


def _count_words(texts: Iterable[str]) -> Counter[str]:
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    return words


def _most_frequent(counts: Counter[str]) -> list[str]:
    return [item for item, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]


def wordpiece_tokenizer(vocab: list[str], *, lowercase: bool = True) -> Tokenizer:
    """Tokenizer over a vocabulary in id order.

    Raises:
        TokenizerError: if a piece occurs twice or a special token is missing.
    """
    ids = {piece: index for index, piece in enumerate(vocab)}
    if len(ids) != len(vocab):
        twice = next(piece for index, piece in enumerate(vocab) if ids[piece] != index)
        raise TokenizerError(f"vocabulary of {len(vocab)} pieces: {twice!r} occurs more than once")
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=_MAX_WORD_CHARACTERS))  # noqa: S106 - a token of text
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special_ids(tokenizer)
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """Load a saved `tokenizer.json`, a `vocab.txt`, or whichever of them a local BERT folder holds.

    A text that spells out a special token, such as `[MASK]`, is tokenised like any other text.

    Raises:
        TokenizerError: if nothing usable is there.
    """
    path = Path(path)
    tokenizer = _read_vocabulary(_vocabulary_file(path))
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()
    special_ids(tokenizer)
    return tokenizer


def _vocabulary_file(path: Path) -> Path:
    candidates = [path / "tokenizer.json", path / "vocab.txt"] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise TokenizerError(
        f"no tokenizer at {path}: expected a tokenizer.json, a vocab.txt, or a folder that holds one of them. "
        "Set MGC_BERT to a local folder of bert-base-uncased, or unset it to count a vocabulary from the lyrics."
    )


def _read_vocabulary(file: Path) -> Tokenizer:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TokenizerError(f"{file}: not a UTF-8 text file ({error})") from error
    if file.suffix == ".json":
        return _parse_tokenizer(file, text)
    try:
        return wordpiece_tokenizer(text.removesuffix("\n").split("\n"), lowercase=_lowercase(file.parent))
    except TokenizerError as error:
        raise TokenizerError(f"{file}: {error}") from error


def _parse_tokenizer(file: Path, text: str) -> Tokenizer:
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises no narrower class for a file that it cannot parse
        raise TokenizerError(f"{file}: not a tokenizer.json of the tokenizers library ({error})") from error


def _lowercase(folder: Path) -> bool:
    """Read from the checkpoint's own settings whether it is uncased; without any, as bert-base-uncased."""
    settings = folder / "tokenizer_config.json"
    return bool(json.loads(settings.read_text()).get("do_lower_case", True)) if settings.is_file() else True


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Write `tokenizer.json`: equal tokenizers give equal bytes."""
    with replacing(Path(path)) as temporary:
        temporary.write_text(tokenizer.to_str(pretty=True) + "\n", encoding="utf-8", newline="\n")


def encode(tokenizer: Tokenizer, text: str, max_tokens: int = 512) -> NDArray[np.int32]:
    """Ids int32 `[L]` of a text, L at most `max_tokens`, without [CLS] and [SEP]."""
    return np.asarray(tokenizer.encode(text, add_special_tokens=False).ids[:max_tokens], dtype=np.int32)


def special_ids(tokenizer: Tokenizer) -> SpecialIds:
    """Ids of the special tokens.

    Raises:
        TokenizerError: if the vocabulary lacks one of them.
    """
    ids = {token: tokenizer.token_to_id(token) for token in SPECIAL_TOKENS}
    if missing := [token for token, index in ids.items() if index is None]:
        raise TokenizerError(
            f"vocabulary of {tokenizer.get_vocab_size()} pieces has no {', '.join(missing)}; expected BERT's special "
            f"tokens {', '.join(SPECIAL_TOKENS)}. Use the vocabulary of a BERT checkpoint."
        )
    return SpecialIds(*(index for index in ids.values() if index is not None))
