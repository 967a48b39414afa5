"""What a batch holds: lines of words, vectors of words, crops by band, emotions; and what the tracks file says."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from mgc_models.config.run import DataSpec
from mgc_models.config.sections import AudioSettings
from mgc_models.data.batches import Normalizer, TrackData
from mgc_models.data.features import stored_feature
from mgc_models.data.frames import frame_store
from mgc_models.data.lyrics import word_table, word_vector_table
from mgc_models.data.tracks import genre_graph, read_tracks, split_rows, without_fold
from mgc_models.errors import DataError
from mgc_models.features.audio.spectrograms import DEFINITIONS
from mgc_models.features.config import feature_settings
from mgc_models.training.objectives import StepRandom
from tests.unit.mgc_models.tiny_job import TRACKS, make_store, write_vectors, write_words
from warehouse.shards.reader import open_feature
from warehouse.shards.writer import FeatureSpec, write_shard

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def tracks(store):
    return read_tracks(store.root / TRACKS)


def with_lyrics(tracks):
    """Every track but each third has lyrics."""
    return [(number, name) for number, name in enumerate(tracks.ids) if number % 3]


def stored(store, feature, ids, **options):
    return stored_feature([(open_feature(store.feature(feature, "music4all")), ids)], **options)


def one_batch(data, rows):
    (batch,) = data.batches(torch.tensor(rows), None, [slice(None)])
    return batch.inputs


def labels_of(tracks):
    return torch.from_numpy(tracks.labels)


def test_words_are_cut_and_padded_and_a_track_without_lyrics_has_none(store, tracks):
    arrays = write_words(store, with_lyrics(tracks))
    words = word_table(stored(store, "lyric_lines", tracks.ids, may_lack=True), 2, 3, CPU)
    inputs = one_batch(TrackData(tracks, labels_of(tracks), words=words), [5, 3, 1])
    assert inputs["words"].shape == (3, 2, 3)
    assert inputs["words"].dtype == torch.int64
    assert inputs["has_lyrics"].tolist() == [True, False, True]
    assert not inputs["words"][1].any()
    for place, row in ((0, 5), (2, 1)):
        expected = np.zeros((2, 3), int)
        kept = arrays[tracks.ids[row]][:2, :3]
        expected[: len(kept)] = kept
        assert inputs["words"][place].tolist() == expected.tolist()
    assert words.table.shape == (8, 5)
    assert not words.table[0].any()
    assert words.table[1].any()


def test_words_beyond_the_vocabulary_or_beside_another_are_refused(store, tracks):
    write_words(store, with_lyrics(tracks))
    feature = stored(store, "lyric_lines", tracks.ids, may_lack=True)
    other = replace(feature, spec=replace(feature.spec, settings={"vocabulary_sha256": "0"}))
    with pytest.raises(DataError, match="another vocabulary"):
        word_table(other, 2, 3, CPU)
    with pytest.raises(DataError, match="lyric_lines: expected 26 tracks, 9 are missing, the first is 't00'"):
        stored(store, "lyric_lines", tracks.ids)


@pytest.mark.parametrize("resident", [True, False])
def test_vectors_of_words_have_layers_a_mask_and_zeros_behind_the_end(store, tracks, resident):
    arrays = write_vectors(store, with_lyrics(tracks))
    vectors = word_vector_table(stored(store, "word_vectors", tracks.ids, may_lack=True), 3, CPU, resident)
    rows = list(range(26))
    inputs = one_batch(TrackData(tracks, labels_of(tracks), word_vectors=vectors), rows)
    assert inputs["word_vectors"].shape == (26, 3, 2, 3)
    for row in rows:
        array = arrays.get(tracks.ids[row], np.zeros((0, 6)))[:3]
        assert inputs["word_mask"][row].sum() == len(array)
        assert inputs["has_lyrics"][row] == bool(len(array))
        np.testing.assert_array_equal(inputs["word_vectors"][row, : len(array)].flatten(1), array)
        assert not inputs["word_vectors"][row, len(array) :].any()


def test_read_ahead_gives_the_batches_in_order_and_stops_with_its_reader(store, tracks):
    bank = frame_store(stored(store, "fbank_16k", tracks.ids), CPU, resident=False)
    rows, starts = torch.randperm(26), torch.zeros(26, dtype=torch.int64)
    slices = [slice(first, first + 3) for first in range(0, 26, 3)]
    whole = next(frame_store(bank.stored, CPU, resident=True).pieces(rows, starts, 30, [slice(None)]))
    for chosen, piece in zip(slices, bank.pieces(rows, starts, 30, slices), strict=True):
        assert torch.equal(piece, whole[chosen])
    begun = bank.pieces(rows, starts, 30, slices)
    next(begun)
    begun.close()


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("feature", ["fbank_16k", "logmel_22k", "spec_500x1500"])
def test_a_short_clip_is_followed_by_what_its_spectrogram_calls_silence(tmp_path, feature, resident):
    """Zeros before normalisation for CAV-MAE's fbank, as its code has them; the floor for both log-mel images."""
    settings = feature_settings(feature)
    spec = FeatureSpec(feature, "float16", settings["bands"], dict(settings))
    silent, short = (np.zeros(rate := settings["sample_rate_hz"], np.float32), noise(rate))
    arrays = [DEFINITIONS[settings["definition"]](wave, settings).astype(np.float16) for wave in (silent, short)]
    write_shard(tmp_path / "shard-00000.parquet", spec, zip("ab", arrays, strict=True))
    bank = frame_store(stored_feature([(open_feature(tmp_path), ["a", "b"])]), CPU, resident)
    crop = next(bank.pieces(torch.tensor([1]), torch.tensor([0]), 1500, [slice(None)]))[0]
    heard = 1 + 22_050 // 441 if feature == "spec_500x1500" else len(arrays[1])
    assert heard < 1500
    assert (crop[heard:] == (0.0 if feature == "fbank_16k" else float(arrays[0][0, 0]))).all()
    np.testing.assert_array_equal(crop[:heard], arrays[1][:heard])


def noise(length):
    return np.random.default_rng(0).normal(scale=0.1, size=length).astype(np.float32)


def test_bands_are_standardised_by_the_training_part_alone(store, tracks):
    bank = frame_store(stored(store, "fbank_16k", tracks.ids), CPU)
    rows = np.array([1, 4, 7])
    frames = np.concatenate([bank.stored.read(row).astype(np.float64) for row in rows])
    mean, std = bank.statistics(rows)
    np.testing.assert_allclose(mean, frames.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(std, frames.std(axis=0), rtol=1e-9)
    normalizer = Normalizer(torch.from_numpy(mean).float(), torch.from_numpy(std).float())
    settings = AudioSettings("fbank_16k", 30, standardise="bands")
    data = TrackData(tracks, labels_of(tracks), audio=bank, normalizer=normalizer, audio_settings=settings)
    (batch,) = data.batches(torch.tensor([2]), torch.tensor([5]), [slice(None)])
    expected = (bank.stored.read(2, 5, 30).astype(np.float64) - mean) / std
    np.testing.assert_allclose(batch.inputs["audio"][0], expected, atol=1e-5)


def test_augmentation_rolls_in_time_and_adds_a_little_noise(store, tracks):
    bank = frame_store(stored(store, "fbank_16k", tracks.ids), CPU)

    def audio(**changes):
        settings = AudioSettings("fbank_16k", 30, 0.0, 1.0, **changes)
        data = TrackData(
            tracks, labels_of(tracks), audio=bank, normalizer=Normalizer(0.0, 1.0), audio_settings=settings
        )
        (batch,) = data.batches(torch.arange(8), torch.zeros(8, dtype=torch.int64), [slice(None)])
        draws = StepRandom(torch.Generator().manual_seed(1), 8, slice(0, 8))
        return data.augmented(batch, draws.uniform).inputs["audio"]

    plain, rolled, noisy = audio(), audio(augment_roll=True), audio(augment_noise=True)
    shifts = [
        [k for k in range(30) if torch.equal(one.roll(k, 0), other)] for one, other in zip(plain, rolled, strict=True)
    ]
    assert all(len(found) == 1 for found in shifts)
    assert len({found[0] for found in shifts}) > 3
    added = noisy - plain
    assert added.min() >= 0
    assert added.amax(dim=(1, 2)).max() <= 0.1001
    assert added.amax(dim=(1, 2)).unique().numel() == 8


def test_what_is_drawn_does_not_depend_on_how_a_batch_is_divided():
    whole, second = (
        StepRandom(torch.Generator().manual_seed(5), 6, own).uniform(3) for own in (slice(0, 6), slice(2, 4))
    )
    assert torch.equal(whole[2:4], second)


def _extend(path, target, columns, metadata):
    table = pq.read_table(path)
    for name, values in columns.items():
        table = table.append_column(name, values)
    stored_metadata = {**table.schema.metadata, **{key: json.dumps(value) for key, value in metadata.items()}}
    pq.write_table(table.replace_schema_metadata(stored_metadata), target)
    return target


def test_emotion_and_lyrics_columns_are_read(store, tmp_path):
    emotion = pa.array([None, [0.25, 0.5], [0.1, None]] + [[0.0, 1.0]] * 23, pa.list_(pa.float32()))
    columns = {"emotion": emotion, "has_lyrics": pa.array([True, None] + [False] * 24)}
    found = read_tracks(_extend(store.root / TRACKS, tmp_path / "t.parquet", columns, {}))
    assert np.isnan(found.emotion[0]).all()
    assert found.emotion[1].tolist() == [0.25, 0.5]
    assert np.isnan(found.emotion[2]).tolist() == [False, True]
    assert found.has_lyrics[:3].tolist() == [True, False, False]
    data = TrackData(found, labels_of(found))
    (batch,) = data.batches(torch.tensor([1, 0]), None, [slice(None)])
    assert batch.targets["emotion"].shape == (2, 2)
    assert len(without_fold(found, 0).emotion) == 17


def test_the_first_genre_of_a_track_is_its_class(tracks):
    """In the file's order: every fifth track has no genre."""
    single = tracks.single_label()
    assert single.labels.sum(axis=1).tolist() == [int(number % 5 != 4) for number in range(26)]
    assert [int(np.flatnonzero(row)[0]) for row in single.labels[:4]] == tracks.first[:4].tolist() == [0, 1, 0, 0]
    fold = split_rows(single, DataSpec("m4a", "x", "y", 0, "t", "h"), "drop_labels", single_label=True)
    assert all(number % 5 != 4 for part in (fold.train, fold.test) for number in part)


def test_folds_can_be_three_parts(tracks):
    spec = DataSpec("m4a", "x", "y", 0, "t", "h", "train_validation_test")
    fold = split_rows(tracks, spec, "drop_labels")
    parts = (fold.train, fold.validation, fold.test)
    assert [part.tolist() for part in parts] == [list(range(number, 26, 3)) for number in range(3)]
    assert not len(split_rows(tracks, replace(spec, split="folds"), "drop_labels").validation)


def test_the_genre_graph_is_that_of_the_fold(store, tmp_path):
    correlation = {"0": np.eye(4).tolist(), "1": np.full((4, 4), 0.5).tolist()}
    readings = {"corpus": correlation, "lift": {"1": np.eye(4).tolist()}}
    metadata = {"genre_correlation": readings, "genre_name_vectors": np.ones((4, 7)).tolist()}
    path = _extend(store.root / TRACKS, tmp_path / "t.parquet", {}, metadata)
    graph = genre_graph(path, read_tracks(path), 1)
    assert graph.correlation.tolist() == correlation["1"]
    assert graph.node_features.shape == (4, 7)
    assert graph.names == ("rock", "pop", "jazz", "polka")
    assert genre_graph(path, read_tracks(path), 1, "lift").correlation.tolist() == np.eye(4).tolist()
    assert genre_graph(path, read_tracks(path), 2, "identity").correlation.tolist() == np.eye(4).tolist()
    with pytest.raises(DataError, match="4 x 4 matrix of corpus, fold 2, found none"):
        genre_graph(path, read_tracks(path), 2)
    plain = store.root / TRACKS
    with pytest.raises(DataError, match="expected metadata genre_correlation"):
        genre_graph(plain, read_tracks(plain), 0)
