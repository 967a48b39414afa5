"""A prediction reads a song as the pipelines read a track: the same text, the same bits of the spectrogram."""

import numpy as np
import soundfile

from mgc_models.predict.songs import read_lyrics, read_spectrogram
from pipelines.datasets import lyrics_files
from pipelines.features.audio_tasks import AudioFile, ShardTask
from pipelines.features.audio_worker import make_shards
from pipelines.features.config import spectrogram_specs
from warehouse.shards.reader import open_feature


def test_spectrograms_are_those_of_the_shards(tmp_path):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.mp3", 0.2 * rng.normal(size=(44_100 * 3, 2)), 44_100)
    size = (tmp_path / "a.mp3").stat().st_size
    specs = spectrogram_specs("music4all") + spectrogram_specs("fma")
    shards = tuple((spec, tmp_path / spec.name / "shard-00000.parquet") for spec in specs)
    files = (AudioFile("a", "a.mp3", size, 0),)
    make_shards(ShardTask(0, shards, tmp_path / "note.json", tmp_path, 1.0, files, ""))
    for spec, path in shards:
        stored = open_feature(path.parent)
        found, notes = read_spectrogram(tmp_path / "a.mp3", stored.spec.settings)
        assert notes == ()
        assert found.tobytes() == stored.read("a").tobytes()
        assert found.dtype == np.float16
        assert stored.spec == spec


def test_lyrics_are_those_of_core_lyrics(tmp_path):
    text = "\ufeffOne line\r\nTwo lines\r\n\r\none LINE \r\n\r\nThree\rfour\n"
    (tmp_path / "a.txt").write_bytes(text.encode())
    (row,), rejects = lyrics_files.read_lyrics(lyrics_files.LyricsTask(tmp_path, "lyrics", [("a", "a.txt")]))
    assert not rejects
    assert read_lyrics(tmp_path / "a.txt") == row.lyrics == "One line\nTwo lines\n\nThree\nfour"
