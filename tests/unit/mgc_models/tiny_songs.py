"""Songs as files - WAV and text - and a store with the features that the pipelines would make of them."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import soundfile

from mgc_models.embeddings.open import StaticEmbedder, lyric_vectors
from mgc_models.features.audio.decoding import decode
from mgc_models.features.audio.spectrograms import spectrograms
from mgc_models.features.config import feature_settings
from mgc_models.features.lyrics.text import clean_lyrics
from mgc_models.features.lyrics.tokens import build_wordpiece, encode, save_tokenizer, wordpiece_tokenizer
from mgc_models.features.lyrics.vocabulary import read_vocabulary, write_vocabulary
from mgc_models.features.lyrics.word_vectors import line_rows
from tests.unit.mgc_models.tiny_job import GENRES, INCEPTION, write_tracks
from warehouse.shards.writer import FeatureSpec, write_shard
from warehouse.store import Store

TRACKS = Path("training_inputs/songs.parquet")
WORDS = ["love", "night", "river", "fire", "money", "street", "dance", "tear", "gold", "rain"]
SONGS = 9
LINES, WORDS_PER_LINE = 6, 4

MAE = {
    "name": "jiang_mae", "modalities": ["audio", "lyrics"], "encoder_layers": 1, "joint_layers": 1,
    "decoder_layers": 1, "hidden": 16, "heads": 2, "intermediate": 16, "decoder_hidden": 8, "decoder_heads": 2,
}  # fmt: skip
RU = {
    "name": "ru_mgc", "audio_channels": [2, 3, 4, 4], "audio_blocks": [1, 1, 1, 1], "layers": 1, "hidden": 8,
    "heads": 2, "intermediate": 8, "width": 6, "text_pooling": "cls", "contrastive_width": 5, "scma": True,
    "fusion_layers": 1, "fusion_heads": 3, "fusion_intermediate": 8, "dropout": 0.1, "gcem": True, "gcn_hidden": 4,
    "gcn_slope": 0.2, "gcn_output": "classifier", "node_features": "names",
}  # fmt: skip
PANDEYA = {
    "name": "pandeya", "audio_channels": [2, 3, 4, 4], "audio_blocks": [1, 1, 1, 1], "han_hidden": 3,
    "han_attention": 4, "han_dropout": 0.1, "joint": 6, "dropout": 0.1, "emotion": False,
}  # fmt: skip
HAN = {
    "name": "han_cnn", "modalities": ["audio", "lyrics"], "input_pool": [8, 2], "channels": [3], "kernels": [5],
    "pools": [2], "audio_vector": 6, "dropout": 0.1, "hidden": 3, "attention": 4, "lyrics_dropout": 0.1,
    "train_words": True,
}  # fmt: skip
WONG = {
    "name": "wong_chemelli", "modalities": ["audio", "lyrics"], "channels": [3, 4], "audio_vector": 5, "hidden": 3,
    "layers": 1, "lyrics_dropout": 0.1, "pooling": "mean", "lyrics_vector": 6, "dense": 7, "dropout": 0.1,
}  # fmt: skip
BERT = {"name": "bert", "layers": 1, "hidden": 16, "heads": 2, "intermediate": 16}
ALNET = {**BERT, **INCEPTION, "name": "alnet", "fusion_width": 16, "fusion_heads": 2, "fusion_intermediate": 16} | {
    "dropout": 0.1
}


def write_songs(folder):
    """Write song0.wav, song0.txt, ...: from 1.2 s to 4 s, some stereo, at two rates; some lines are repeated."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    for number in range(SONGS):
        rate, seconds = (16_000, 44_100)[number % 2], 1.2 + 0.35 * number
        tone = np.sin(np.arange(int(rate * seconds)) * (0.02 + 0.01 * (number % 4)))
        noise = rng.normal(scale=0.2, size=(len(tone), 1 + number % 2))
        soundfile.write(folder / f"song{number}.wav", 0.3 * tone[:, None] + noise, rate)
        lines = [" ".join(rng.choice(WORDS, size=int(rng.integers(2, 7)))).capitalize() for _ in range(7)]
        text = "\r\n".join([*lines[:4], "", lines[1], *lines[4:]])
        (folder / f"song{number}.txt").write_bytes(("\ufeff" * (number % 2) + text).encode())
    return folder


def make_song_store(root, songs):
    """A store with every feature of the songs, made as the pipelines make them."""
    store, ids = Store(root), [f"song{number}" for number in range(SONGS)]
    texts = [clean_lyrics((songs / f"{name}.txt").read_text(encoding="utf-8-sig")).text for name in ids]
    for name in ("fbank_16k", "logmel_22k"):
        spec = FeatureSpec(name, "float16", 128, dict(feature_settings(name)))
        arrays = [spectrograms(decode(songs / f"{song}.wav"), [spec.settings])[0] for song in ids]
        _shard(store, spec, zip(ids, arrays, strict=True))
    _tokens(store, ids, texts)
    _words(store, ids, texts)
    labels = [[number % 3] + [3] * (number % 2) for number in range(SONGS)]
    write_tracks(root / TRACKS, ids, labels)
    correlation = np.full((4, 4), 0.1) + np.eye(4)
    table = pq.read_table(root / TRACKS)
    metadata = {
        "genres": json.dumps(GENRES),
        "genre_correlation": json.dumps({"corpus": {"0": correlation.tolist()}}),
        "genre_name_vectors": json.dumps(np.random.default_rng(1).normal(size=(4, 5)).tolist()),
    }
    pq.write_table(table.replace_schema_metadata(metadata), root / TRACKS)
    return store


def _shard(store, spec, rows):
    write_shard(store.feature(spec.name, "music4all") / "shard-00000.parquet", spec, rows)


def _tokens(store, ids, texts):
    tokenizer = wordpiece_tokenizer(build_wordpiece(texts, 60))
    path = store.feature("lyric_tokens", "music4all") / "tokenizer.json"
    save_tokenizer(tokenizer, path)
    settings = {"max_tokens": 512, "tokenizer_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    rows = [(name, encode(tokenizer, text)) for name, text in zip(ids, texts, strict=True)]
    _shard(store, FeatureSpec("lyric_tokens", "int32", 1, settings), rows)


def _words(store, ids, texts):
    documents = [sum(word in text.lower() for text in texts) for word in WORDS]
    vectors = np.random.default_rng(2).normal(size=(len(WORDS), 5)).astype(np.float32)
    for name in ("lyric_lines_m4a", "principal_vectors"):
        folder = store.feature(name, "music4all")
        digest = write_vocabulary(folder / "vocabulary.parquet", WORDS[:-1], documents[:-1], SONGS, vectors[:-1])
        settings = {"vocabulary_sha256": digest}
        spec = FeatureSpec(name, "int32", WORDS_PER_LINE, settings | {"lines": LINES})
        if name == "principal_vectors":
            shape = {"backend": "static", "source": "static", "words_kept": 3, "layers": 1, "dimension": 5}
            spec = FeatureSpec(name, "float16", 5, settings | shape)
        vocabulary = read_vocabulary(folder, spec)
        if name == "principal_vectors":
            arrays = lyric_vectors(texts, vocabulary, StaticEmbedder(vocabulary.word_vectors), 3)
        else:
            arrays = [line_rows(text, vocabulary.word_vectors, LINES, WORDS_PER_LINE) for text in texts]
        _shard(store, spec, zip(ids, arrays, strict=True))


def song_run(run_id, model, *, audio=None, loss="bce", crops="centre", **changes):
    """A run on fold 0 of the songs; `audio` replaces settings of its spectrogram."""
    settings = {
        "seed": 0,
        "label_scope_policy": "drop_labels",
        "model": dict(model),
        "audio": {"feature": "fbank_16k", "crop_frames": 96, "mean": -5.081, "std": 4.4849} | (audio or {}),
        "text": {"feature": "lyric_tokens", "max_tokens": 16},
        "words": {"feature": "lyric_lines_m4a", "lines": LINES, "words_per_line": WORDS_PER_LINE},
        "vectors": {"feature": "principal_vectors", "max_words": 3},
        "train": {"epochs": 1, "batch_size": 6, "learning_rate": 1e-3},
        "loss": {"classification": loss},
        "evaluate": {"threshold_logit": -1.5, "crops": crops},
    }
    return {
        "run_id": run_id,
        "work": "jiang2024",
        "setting_id": f"setting_{run_id}",
        "stage": "finetune",
        "profile": "sample",
        "data_kind": "sample",
        "settings": settings,
        "data": {
            "corpus": "m4a", "dataset": "music4all", "scheme": "random5", "fold": 0, "tracks": str(TRACKS),
            "corpus_hash": "tiny",
        },
        "weights": {},
        "pretrained": None,
    } | changes  # fmt: skip


BANDS = {"feature": "logmel_22k", "crop_frames": 64, "standardise": "bands", "mean": None, "std": None}
LOGMEL = {"feature": "logmel_22k", "crop_frames": 64, "mean": -5.0, "std": 4.0}
RUNS = [
    song_run("alnet", ALNET),
    song_run("bert", BERT),
    song_run("han", HAN, audio=LOGMEL, loss="cross_entropy", work="nandy2021"),
    song_run("han_reads", HAN | {"modalities": ["lyrics"]}, loss="cross_entropy", work="nandy2021"),
    song_run("inception", INCEPTION, crops="all"),
    song_run("mae", MAE, setting_id="jiang2024_mae"),
    song_run("pandeya", PANDEYA, audio=LOGMEL, work="ru2023"),
    song_run("ru", RU, audio=BANDS, work="ru2023"),
    song_run("wong", WONG, audio=LOGMEL, work="wongchemelli2023"),
]
