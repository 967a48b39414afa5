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
from mgc_models.data.lyrics import token_table
from mgc_models.data.tracks import read_tracks, split_rows
from mgc_models.errors import DataError
from mgc_models.evaluation.inference import predict_logits
from mgc_models.features.lyrics.tokens import save_tokenizer, wordpiece_tokenizer
from mgc_models.models.common import ModelOutput
from tests.unit.mgc_models.tiny_job import GENRES, VOCABULARY, make_store, write_tokens, write_tracks
from warehouse.shards.reader import open_feature

CPU = torch.device("cpu")
SETTINGS = AudioSettings("fbank_16k", crop_frames=100, mean=-5.0, std=4.0)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def tracks(store):
    return read_tracks(store.root / "training_inputs/tiny.parquet")


@pytest.fixture(scope="module")
def reader(store):
    return open_feature(store.feature("fbank_16k", "music4all"))


def _data(reader, tracks, resident=True, frames=100, heard=None):
    settings = AudioSettings("fbank_16k", frames, heard, SETTINGS.mean, SETTINGS.std)
    bank = frame_store(stored_feature([(reader, tracks.ids)]), CPU, resident)
    normalizer = Normalizer(SETTINGS.mean, SETTINGS.std)
    return TrackData(tracks, torch.from_numpy(tracks.labels), bank, normalizer, audio_settings=settings)


def _fold(fold):
    return DataSpec("m4a", "music4all", "random5", fold, "training_inputs/tiny.parquet", "tiny")


def test_tracks_are_read_with_labels_folds_and_genres(tracks):
    assert tracks.genres == tuple(GENRES)
    assert [np.flatnonzero(row).tolist() for row in tracks.labels[:5]] == [[0], [1], [0, 2], [0, 1], []]
    fold = split_rows(tracks, _fold(1), "drop_labels")
    assert fold.test.tolist() == list(range(1, 26, 3))
    assert sorted([*fold.train, *fold.test]) == list(range(26))
    kept = split_rows(tracks, _fold(1), "drop_samples")
    assert sorted([*kept.train, *kept.test]) == [row for row in range(26) if row % 4 != 3]


def test_a_fold_that_is_not_there_is_refused(tracks):
    with pytest.raises(DataError, match=r"fold 5.*found 26, 0.*\[0, 1, 2\]"):
        split_rows(tracks, _fold(5), "drop_labels")


def _rewrite(path, change):
    pq.write_table(change(pq.read_table(path)), path)


BROKEN = {
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is damaged: it cannot be read"),
    "missing": (lambda path: path.unlink(), "no such file"),
    "renamed column": (
        lambda path: _rewrite(path, lambda table: table.rename_columns(["id", *table.column_names[1:]])),
        "missing track_id",
    ),
    "no genres": (lambda path: _rewrite(path, lambda table: table.replace_schema_metadata({})), "genre names"),
    "unknown label": (lambda path: write_tracks(path, ["a"], [[4]]), "labels from 0 to 3, found 4"),
    "same id": (lambda path: write_tracks(path, ["a", "a"], [[0], [1]]), "once"),
    "null": (
        lambda path: _rewrite(path, lambda table: table.set_column(2, "fold", pa.nulls(len(table), pa.int32()))),
        "column fold has 26 nulls",
    ),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_tracks_file_is_refused_by_name(tmp_path, damage):
    path = make_store(tmp_path).root / "training_inputs/tiny.parquet"
    break_it, message = BROKEN[damage]
    break_it(path)
    with pytest.raises(DataError, match=message) as caught:
        read_tracks(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("resident", [True, False])
def test_crops_are_zero_padded_and_then_normalised(reader, tracks, resident):
    data = _data(reader, tracks, resident)
    rows = torch.arange(len(tracks.ids))
    starts = data.random_starts(rows, torch.linspace(0, 1 - 1e-9, len(rows), dtype=torch.float64))
    (batch,) = data.batches(rows, starts, [slice(None)])
    assert batch.inputs["audio"].shape == (26, 100, 128)
    for row, track_id in enumerate(tracks.ids):
        whole = reader.read(track_id).astype(np.float32)
        start = int(starts[row])
        padded = np.zeros((100, 128), dtype=np.float32)
        padded[: min(100, len(whole))] = whole[start : start + 100]
        assert start + 100 <= max(100, len(whole))
        np.testing.assert_allclose(batch.inputs["audio"][row], (padded + 5.0) / 4.0, rtol=1e-6)
    assert batch.labels.tolist() == tracks.labels.astype(float).tolist()


def test_random_crops_reach_both_ends_and_the_centre_crop_is_central(reader, tracks):
    data = _data(reader, tracks)
    rows = torch.arange(26)
    room = (data.audio.lengths - 100).clamp(min=0)
    assert data.random_starts(rows, torch.zeros(26, dtype=torch.float64)).tolist() == [0] * 26
    assert data.random_starts(rows, torch.full((26,), 1 - 2**-53, dtype=torch.float64)).tolist() == room.tolist()
    assert data.centre_starts(rows).tolist() == (room // 2).tolist()


def test_tokens_have_their_frame_are_cut_and_padded(store, tracks):
    reader = open_feature(store.feature("lyric_tokens", "music4all"))
    inputs = token_table(stored_feature([(reader, tracks.ids)]), 12, CPU).batch(torch.arange(26))
    ids, mask = inputs["tokens"], inputs["token_mask"]
    for row, track_id in enumerate(tracks.ids):
        words = reader.read(track_id).reshape(-1).tolist()[:10]
        expected = [2, *words, 3]  # [CLS], words, [SEP]
        assert ids[row].tolist() == expected + [0] * (12 - len(expected))
        assert mask[row].sum() == len(expected)
    assert ids.dtype == torch.int64


def test_tokens_outside_their_vocabulary_are_refused(tmp_path):
    write_tokens(tmp_path, [("a", np.array([9], np.int32))], VOCABULARY[:9])
    with pytest.raises(DataError, match="ids from 0 to 8, found 0 to 9"):
        token_table(stored_feature([(open_feature(tmp_path), ["a"])]), 8, CPU)


def test_tokens_beside_another_tokenizer_are_refused(tmp_path):
    write_tokens(tmp_path, [("a", np.array([9], np.int32))])
    save_tokenizer(wordpiece_tokenizer(VOCABULARY[::-1]), tmp_path / "tokenizer.json")
    with pytest.raises(DataError, match="expected the tokenizer of the stored tokens"):
        token_table(stored_feature([(open_feature(tmp_path), ["a"])]), 8, CPU)


def test_a_track_without_its_feature_is_named(reader):
    with pytest.raises(DataError, match=r"fbank_16k: expected 2 tracks, 1 are missing, the first is 'nobody'"):
        stored_feature([(reader, ["t00", "nobody"])])


def _mean_model():
    """A model whose logits are the mean of the crop: right crops give right logits."""

    class Output:
        def __init__(self, logits):
            self.logits = logits

    class Mean(torch.nn.Module):
        def forward(self, audio):
            return Output(audio.mean(dim=(1, 2), keepdim=False)[:, None])

    return Mean()


@pytest.mark.parametrize(("crops", "frames"), [("centre", 50), ("all", 50), ("all", 150)])
def test_every_test_track_is_predicted_from_its_crops(reader, tracks, crops, frames, runtime):
    data = _data(reader, tracks, frames=frames)
    rows = np.arange(1, 26, 2)
    logits = predict_logits(_mean_model(), data, rows, crops, 4, runtime, "run0")
    assert logits.shape == (13, 1)
    for row, logit in zip(rows, logits[:, 0], strict=True):
        whole = np.pad(reader.read(tracks.ids[row]).astype(np.float64), ((0, frames), (0, 0)))
        length = len(whole) - frames
        firsts = [max(0, length - frames) // 2] if crops == "centre" else range(0, max(length - frames, 0) + 1, frames)
        means = [((whole[first : first + frames] + 5) / 4).mean() for first in firsts]
        assert logit == pytest.approx(np.mean(means), rel=1e-4)


def test_a_model_is_tested_without_dropout_whatever_it_did_before(reader, tracks, runtime):
    class Dropping(type(_mean_model())):
        def __init__(self):
            super().__init__()
            self.dropout = torch.nn.Dropout(0.5)

        def forward(self, audio):
            return super().forward(self.dropout(audio))

    data, rows = _data(reader, tracks), np.arange(4)
    found = predict_logits(Dropping().train(), data, rows, "centre", 4, runtime, "run0")
    np.testing.assert_array_equal(found, predict_logits(_mean_model(), data, rows, "centre", 4, runtime, "run0"))


@pytest.mark.parametrize("resident", [True, False])
def test_a_crop_is_padded_behind_the_frames_that_are_heard(reader, tracks, resident):
    """5 s of the thesis are 498 frames of a clip, padded to 512; here 60 padded to 64."""
    data, plain = (_data(reader, tracks, resident, frames, heard) for frames, heard in ((64, 60), (60, None)))
    rows = torch.arange(10)
    room = data.audio.lengths[rows] - 60
    starts = data.random_starts(rows, torch.full((10,), 0.999, dtype=torch.float64))
    assert starts.tolist() == room.clamp(min=0).tolist(), "the latest crop ends with the clip"
    assert data.centre_starts(rows).tolist() == (room.clamp(min=0) // 2).tolist()
    (padded,), (heard,) = (list(one.batches(rows, starts, [slice(0, 10)])) for one in (data, plain))
    assert torch.equal(padded.inputs["audio"][:, :60], heard.inputs["audio"])
    assert (padded.inputs["audio"][:, 60:] == (0 - SETTINGS.mean) / SETTINGS.std).all()


def test_test_scores_come_from_float32_passes_where_training_has_bfloat16(reader, tracks, runtime):
    class HalfPrecision(type(runtime)):
        def autocast(self):
            return torch.autocast("cpu", dtype=torch.bfloat16)

    class Genres(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(128, 4)

        def forward(self, audio):
            return ModelOutput(self.linear(audio.mean(1)))

    torch.manual_seed(0)
    model, data, rows = Genres(), _data(reader, tracks), np.arange(12)
    half = HalfPrecision(**vars(runtime))
    logits = [predict_logits(model, data, rows, "centre", 4, one, "run0") for one in (runtime, half)]
    assert (logits[0] == logits[1]).all()
    with half.autocast():
        assert model(torch.ones(1, 5, 128)).logits.dtype == torch.bfloat16
