import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warehouse.bench import measure
from warehouse.shards.reader import open_feature
from warehouse.shards.writer import FeatureSpec, ShardError, verify_shard, write_shard

FBANK = FeatureSpec("fbank_16k", "float16", 4, {"rate_hz": 16000})
TOKENS = FeatureSpec("lyric_tokens", "int32", 1, {"max_tokens": 512})


def spectrograms(count, first=0):
    rng = np.random.default_rng(first)
    return {f"t{first + i}": rng.standard_normal((int(rng.integers(0, 9)), 4)).astype(np.float16) for i in range(count)}


@pytest.fixture
def folder(tmp_path):
    write_shard(tmp_path / "shard-00000.parquet", FBANK, spectrograms(20).items())
    write_shard(tmp_path / "shard-00001.parquet", FBANK, spectrograms(5, first=20).items())
    return tmp_path


def test_every_track_reads_back_from_its_place_and_from_any_parquet_reader(folder):
    arrays = {**spectrograms(20), **spectrograms(5, first=20)}
    reader = pickle.loads(pickle.dumps(open_feature(folder)))  # noqa: S301
    assert reader.track_ids == list(arrays)
    assert reader.spec.hash == FBANK.hash
    assert reader.lengths.tolist() == [len(array) for array in arrays.values()]
    for track_id, array in arrays.items():
        assert np.array_equal(reader.read(track_id), array)
        assert not reader.read(track_id).flags.writeable
    plain = pq.read_table(folder / "shard-00000.parquet")
    assert plain["data"][3].as_py() == arrays["t3"].tobytes()


@given(lengths=st.lists(st.integers(0, 40), max_size=40), start=st.integers(0, 40), length=st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_any_crop_equals_the_slice_and_a_crop_outside_is_refused(tmp_path_factory, lengths, start, length):
    folder = tmp_path_factory.mktemp("f")
    arrays = {f"t{i}": np.arange(i, i + total, dtype=np.int32) for i, total in enumerate(lengths)}
    write_shard(folder / "shard-00000.parquet", TOKENS, arrays.items())
    reader = open_feature(folder)
    for track_id, array in arrays.items():
        if start + length > len(array):
            with pytest.raises(ShardError, match=f"has length {len(array)}"):
                reader.read(track_id, start, length)
        else:
            assert np.array_equal(reader.read(track_id, start, length)[:, 0], array[start : start + length])


def test_equal_rows_give_equal_bytes_and_the_checksum_is_of_the_file(folder):
    first = (folder / "shard-00000.parquet").read_bytes()
    info = write_shard(folder / "again.parquet", FBANK, spectrograms(20).items())
    assert (folder / "again.parquet").read_bytes() == first
    assert (info.rows, info.bytes) == (20, len(first))
    verify_shard(folder / "shard-00000.parquet", info.sha256)
    (folder / "again.parquet").write_bytes(first[:200] + b"\0" + first[201:])
    with pytest.raises(ShardError, match=r"again\.parquet.*dagster job execute -j data"):
        verify_shard(folder / "again.parquet", info.sha256)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((3, 4), np.float32), "expected float16, found float32"),
        (np.zeros((3, 5), np.float16), r"expected shape \[length, 4\], found \[3, 5\]"),
        (np.zeros(4, np.float16), r"found \[4\]"),
        (np.full((1, 4), np.inf, np.float16), "4 of 4 values are not finite"),
    ],
)
def test_an_array_that_is_not_the_feature_is_refused_and_nothing_is_left(tmp_path, array, says):
    with pytest.raises(ShardError, match=says):
        write_shard(tmp_path / "shard-00000.parquet", FBANK, [("t", array)])
    assert list(tmp_path.iterdir()) == []


def test_a_track_twice_is_refused_within_and_across_shards(folder):
    row = ("t3", np.zeros((1, 4), np.float16))
    with pytest.raises(ShardError, match="'t3' comes twice"):
        write_shard(folder / "x.parquet", FBANK, [row, row])
    write_shard(folder / "shard-00002.parquet", FBANK, [row])
    with pytest.raises(ShardError, match=r"'t3' is in .*00000.* and in .*00002"):
        open_feature(folder)


def test_shards_of_two_specifications_are_refused(folder):
    other = FeatureSpec("fbank_16k", "float16", 4, {"rate_hz": 8000})
    write_shard(folder / "shard-00002.parquet", other, [("z", np.zeros((1, 4), np.float16))])
    with pytest.raises(ShardError, match=r"00002.*8000.*16000.*dagster job execute -j data"):
        open_feature(folder)


def test_an_unknown_track_an_empty_folder_and_another_parquet_file_are_named(folder, tmp_path):
    with pytest.raises(ShardError, match="holds 25 tracks, and 'nobody' is not one"):
        open_feature(folder).read("nobody")
    with pytest.raises(ShardError, match="No shards in"):
        open_feature(tmp_path / "none")
    pq.write_table(pa.table({"track_id": ["x"]}), folder / "shard-00000.parquet")
    with pytest.raises(ShardError, match=r"shard-00000\.parquet is damaged or is no shard: expected columns"):
        open_feature(folder)


@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), keep=st.booleans())
@example(position=0.421875, flip=128, keep=True)  # the footer puts an empty array behind the end of the file
@example(position=0.03125, flip=1, keep=True)  # one track id becomes another of the same shard
@settings(max_examples=100, deadline=None)
def test_a_damaged_shard_is_refused_or_still_gives_arrays_of_the_right_shape(tmp_path_factory, position, flip, keep):
    path = tmp_path_factory.mktemp("f") / "shard-00000.parquet"
    write_shard(path, FBANK, spectrograms(20).items())
    damaged = bytearray(path.read_bytes())
    at = int(position * len(damaged))
    damaged[at] ^= flip
    path.write_bytes(damaged if keep else damaged[:at])
    try:
        reader = open_feature(path.parent)
        for track_id, length in zip(reader.track_ids, reader.lengths, strict=True):
            assert reader.read(track_id).shape == (length, 4)
    except ShardError as error:
        assert "shard-00000.parquet" in str(error)


def test_data_that_no_longer_lie_where_the_footer_says_are_refused(folder):
    path = folder / "shard-00000.parquet"
    content = bytearray(path.read_bytes())
    array = spectrograms(20)["t3"]
    size_at = content.index(array.tobytes()) - 4
    content[size_at] += 1
    path.write_bytes(content)
    with pytest.raises(ShardError, match=r"shard-00000\.parquet is damaged at track 't3'"):
        open_feature(folder).read("t3")


def test_a_shard_replaced_after_opening_is_noticed_but_views_already_given_stay(folder):
    reader = open_feature(folder)
    before = reader.read("t1")
    copy = before.copy()
    write_shard(folder / "shard-00001.parquet", FBANK, spectrograms(5, first=30).items())
    with pytest.raises(ShardError, match="was replaced after the feature was opened"):
        reader.read("t20")
    assert np.array_equal(before, copy)
    assert open_feature(folder).read("t30").shape[1] == 4


def test_random_crops_are_not_slower_than_a_decoded_row_group_would_be(tmp_path):
    assert measure(tmp_path, tracks=32, crops=2000).ratio > 0.25  # decoding row groups gives about 0.14
