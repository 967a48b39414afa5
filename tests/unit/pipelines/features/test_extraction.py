"""Extraction: every file audited once, shards resumable and the same whatever happened on the way."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from mgc_models.errors import TokenizerError
from pipelines import parallel
from pipelines.corpora.build import build_corpus
from pipelines.corpora.config import load_corpus
from pipelines.datasets import music4all
from pipelines.datasets.common import DatasetError
from pipelines.datasets.ingest import build_tracks
from pipelines.features import audio, audio_blocks, tokens
from pipelines.features.audio_blocks import Block
from pipelines.features.audio_sources import music4all_source
from pipelines.lyrics.language import build_languages
from pipelines.lyrics.music4all import build_lyrics
from pipelines.tables import read_frame
from tests.unit.pipelines.tiny_music4all import ENGLISH, TRACKS, write_audio, write_music4all
from warehouse.shards.reader import open_feature
from warehouse.store import Store
from warehouse.tables import write_table

ROOT = Path(__file__).parents[4]
EXTRACT = (
    "import sys; from pathlib import Path; from pipelines.datasets import music4all; "
    "from pipelines.features.audio import build_audio; from pipelines.features.audio_sources import music4all_source; "
    "from warehouse.store import Store\n"
    "if __name__ == '__main__':\n"
    "    store = Store(Path(sys.argv[1]))\n"
    "    build_audio(store, music4all_source(store, music4all.locate(Path(sys.argv[2]))), lambda line: None)\n"
)


def silent(_: str) -> None:
    return


def prepared(root: Path, store_root: Path) -> tuple[Store, music4all.Layout]:
    store, layout = Store(store_root), music4all.locate(root)
    build_tracks(store, layout)
    return store, layout


def extract(store: Store, layout: music4all.Layout, log: Callable[[str], None] = silent) -> bool:
    return audio.build_audio(store, music4all_source(store, layout), log)


def contents(store: Store) -> dict[str, str]:
    """Checksums of everything but the notes, which hold times of change."""
    return {
        path.relative_to(store.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("tables", "features")
        for path in sorted((store.root / folder).rglob("*.*"))
        if path.is_file()
    }


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The tiny dataset with one audio file of every unusable kind."""
    root = write_music4all(tmp_path / "m4a")
    audio = root / "audios"
    whole = (audio / "aaa1.wav").read_bytes()
    (audio / "aaa2.wav").write_bytes(b"no audio at all " * 50)
    (audio / "aaa3.wav").write_bytes(b"")
    write_audio(audio / "bbb1.wav", 0.4)
    write_audio(audio / "bbb2.wav", 1.5, amplitude=0.0)
    (audio / "bbb3.wav").unlink()
    (audio / "ccc1.wav").write_bytes(whole[: int(len(whole) * 0.8)])
    write_audio(audio / "stranger.wav", 1.0)
    (audio / "notes.pdf").write_bytes(b"%PDF")
    return root


def test_every_file_is_audited_and_nothing_becomes_zeros(broken: Path, tmp_path: Path) -> None:
    store, layout = prepared(broken, tmp_path / "store")
    assert extract(store, layout)
    audit = {row["track_id"]: row for row in read_frame(store, "core.audio_files").iter_rows(named=True)}
    assert {track_id: row["audio_status"] for track_id, row in audit.items()} == {
        "aaa1": "ok",
        "aaa2": "unreadable",
        "aaa3": "unreadable",
        "bbb1": "short",
        "bbb2": "silent",
        "bbb3": "missing",
        "ccc1": "ok",
        "ccc2": "ok",
    }
    assert audit["aaa1"]["duration_s"] == 1.5
    assert (audit["aaa1"]["sample_rate_hz"], audit["aaa1"]["channels"]) == (16_000, 1)
    assert audit["aaa1"]["sha256"] == hashlib.sha256((broken / "audios" / "aaa1.wav").read_bytes()).hexdigest()
    reader = open_feature(store.feature("fbank_16k", "music4all"))
    assert sorted(reader.track_ids) == ["aaa1", "ccc1", "ccc2"]
    frames = reader.read("aaa1")
    assert frames.shape == (1 + (24_000 - 400) // 160, 128)
    assert np.std(frames.astype(np.float32)) > 0.1


def test_what_is_wrong_with_audio_is_on_record_without_a_path_of_this_machine(broken: Path, tmp_path: Path) -> None:
    store, layout = prepared(broken, tmp_path / "store")
    extract(store, layout)
    rejects = read_frame(store, "core.rejects").filter(pl.col("stage") == "audio")
    assert dict(rejects.select("source_file", "reason").rows()) == {
        "audios/aaa2.wav": "audio_unreadable",
        "audios/aaa3.wav": "audio_unreadable",
        "audios/bbb1.wav": "audio_short",
        "audios/bbb2.wav": "audio_silent",
        "audios/bbb3.mp3": "audio_missing",
        "audios/ccc1.wav": "audio_truncated",
        "audios/notes.pdf": "unexpected_file",
        "audios/stranger.wav": "not_in_id_information",
    }
    assert not [line for line in rejects["detail"] if str(tmp_path) in line]


def test_the_notes_of_a_decoder_are_in_the_rejects_and_not_on_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = write_music4all(tmp_path / "m4a")
    path = (root / "audios" / "aaa1.wav").rename(root / "audios" / "aaa1.mp3")
    soundfile.write(path, np.sin(np.arange(66_150) / 9.0), 22_050, format="MP3")
    content = bytearray(path.read_bytes())
    content[4000:5000] = bytes(1000)
    path.write_bytes(content)
    store, layout = prepared(root, tmp_path / "store")
    extract(store, layout)
    (detail,) = read_frame(store, "core.rejects").filter(source_file="audios/aaa1.mp3")["detail"]
    assert "Illegal Audio-MPEG-Header" in detail
    assert "Illegal" not in capfd.readouterr().err


def test_blocks_made_apart_are_gathered_without_work(broken: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(audio, "TRACKS_PER_SHARD", 3)
    monkeypatch.setattr(audio, "SHARDS_PER_BLOCK", 2)
    monkeypatch.setattr(parallel, "available_cores", lambda: 1)
    whole, layout = prepared(broken, tmp_path / "whole")
    extract(whole, layout)
    store, layout = prepared(broken, tmp_path / "store")
    source = music4all_source(store, layout)
    assert audio.open_blocks(store, source) == [0, 1]
    audio.extract_blocks(store, source, [1], silent)
    assert audio.open_blocks(store, source) == [0]
    audio_blocks.deal_blocks(store, "run", dealt := [Block("music4all", 0), Block("music4all", 1)])
    assert audio_blocks.dealt_blocks(store, "run") == dealt
    with pytest.raises(DatasetError, match="1 of 2 blocks of shards were not made: music4all 0"):
        audio_blocks.require_made(dealt, {Block("music4all", 0)})
    with pytest.raises(DatasetError, match="the step `blocks` of this run writes it"):
        audio_blocks.dealt_blocks(store, "another run")
    audio.extract_blocks(store, source, [0], silent)
    assert audio.open_blocks(store, source) == []
    said: list[str] = []
    assert extract(store, layout, said.append)
    assert "0 of 3 shards to make" in said[0]
    assert contents(store) == contents(whole)


def test_two_stores_get_the_same_bytes(broken: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(broken, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    stores = []
    for number, root in enumerate((broken, copy)):
        store, layout = prepared(root, tmp_path / f"store{number}")
        extract(store, layout)
        stores.append(store)
    assert contents(stores[0]) == contents(stores[1])


def test_nothing_is_done_twice_and_a_change_is_noticed(broken: Path, tmp_path: Path) -> None:
    store, layout = prepared(broken, tmp_path / "store")
    extract(store, layout)
    assert not extract(store, layout)
    write_audio(broken / "audios" / "aaa2.wav", 2.0)
    assert extract(store, layout)
    assert "aaa2" in open_feature(store.feature("fbank_16k", "music4all"))
    shard = next(store.feature("fbank_16k", "music4all").glob("shard-*.parquet"))
    shard.unlink()
    assert extract(store, layout)
    assert shard.is_file()


def test_if_no_file_decodes_the_decoder_is_suspected(tmp_path: Path) -> None:
    root = write_music4all(tmp_path / "m4a")
    for path in (root / "audios").iterdir():
        path.write_bytes(b"junk")
    store, layout = prepared(root, tmp_path / "store")
    with pytest.raises(DatasetError, match=r"None of the 8 audio files .* soundfile"):
        extract(store, layout)
    assert not list((store.root / "state").rglob("shard-*.json"))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 tracks: three shards, so that worker processes are used."""
    tracks = {f"t{number:02}": ("rock", "en", ENGLISH, 1.0 + number / 100) for number in range(48)}
    return write_music4all(tmp_path_factory.mktemp("many") / "m4a", tracks)


def start(store: Store, root: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", EXTRACT, str(store.root), str(root)], cwd=ROOT)


def wait_until(condition: Callable[[], object], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """Processes below `pid`, from /proc."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(status.parent.name)] = int(fields[1])
    return [child for child, parent in parents.items() if parent == pid]


@pytest.fixture(scope="module")
def whole(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """What two extractions leave that were started at once."""
    store, _ = prepared(many, tmp_path_factory.mktemp("whole"))
    processes = [start(store, many), start(store, many)]
    assert [process.wait(timeout=240) for process in processes] == [0, 0]
    return store


def test_two_extractions_at_once_end_with_whole_shards(many: Path, whole: Store) -> None:
    assert not extract(whole, music4all.locate(many))
    assert len(open_feature(whole.feature("fbank_16k", "music4all"))) == 48


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find worker processes")
def test_killed_extraction_goes_on_and_leaves_no_worker_behind(many: Path, whole: Store, tmp_path: Path) -> None:
    killed, layout = prepared(many, tmp_path / "killed")
    process = start(killed, many)
    notes = killed.root / "state" / "audio" / "music4all"
    wait_until(lambda: list(notes.glob("shard-*.json")))
    workers = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not [pid for pid in workers if (Path("/proc") / str(pid)).exists()], timeout_s=20)
    done = {path: path.stat().st_mtime_ns for path in notes.glob("shard-*.json")}
    lines: list[str] = []
    extract(killed, layout, lines.append)
    assert f"{len(done)} are there" in lines[0]
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert contents(killed) == contents(whole)


def test_a_note_cut_short_only_costs_its_shard(broken: Path, tmp_path: Path) -> None:
    store, layout = prepared(broken, tmp_path / "store")
    extract(store, layout)
    before = contents(store)
    note = next((store.root / "state").rglob("shard-00000.json"))
    note.write_bytes(note.read_bytes()[:100])
    (store.root / "state" / "music4all-audio.json").write_text("{")
    assert extract(store, layout)
    assert contents(store) == before
    assert json.loads(note.read_text())


def test_a_flipped_byte_only_costs_its_shard(broken: Path, tmp_path: Path) -> None:
    store, layout = prepared(broken, tmp_path / "store")
    extract(store, layout)
    sound = contents(store)
    shard = min(store.root.glob("features/*/*/shard-*.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    said: list[str] = []
    assert extract(store, layout, said.append)
    assert any("1 of " in line and "shards to make" in line for line in said)
    assert contents(store) == sound


@pytest.fixture
def selected(tmp_path: Path) -> Store:
    """A store with everything that tokens are made of."""
    root = write_music4all(tmp_path / "m4a")
    store, layout = prepared(root, tmp_path / "store")
    build_lyrics(store, layout, silent)
    build_languages(store, silent)
    extract(store, layout)
    build_corpus(store, load_corpus("m4a"), "real")
    return store


def test_tokens_of_all_lyrics_with_a_vocabulary_of_the_corpus(selected: Store) -> None:
    assert tokens.build_tokens(selected, None, silent)
    folder = selected.feature("lyric_tokens", "music4all")
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    reader = open_feature(folder)
    assert sorted(reader.track_ids) == sorted(set(TRACKS) - {"bbb3"})
    assert "river" in vocabulary
    assert "noche" not in vocabulary
    names = {number: piece for piece, number in vocabulary.items()}
    assert [names[number] for number in reader.read("aaa1")[:4, 0]] == ["the", "river", "keeps", "running"]
    assert not tokens.build_tokens(selected, None, silent)
    (folder / "tokenizer.json").unlink()
    assert tokens.build_tokens(selected, None, silent)


def test_tokens_with_the_tokenizer_of_a_checkpoint(selected: Store, tmp_path: Path) -> None:
    checkpoint = tmp_path / "bert"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "river"]
    (checkpoint / "vocab.txt").write_text("\n".join(pieces) + "\n")
    tokens.build_tokens(selected, None, silent)
    assert tokens.build_tokens(selected, str(checkpoint), silent)
    reader = open_feature(selected.feature("lyric_tokens", "music4all"))
    assert reader.read("aaa1")[:3, 0].tolist() == [5, 6, 1]
    assert not tokens.build_tokens(selected, str(checkpoint), silent)
    (checkpoint / "vocab.txt").write_text("\n".join([*pieces, "keeps"]) + "\n")
    assert tokens.build_tokens(selected, str(checkpoint), silent)


def test_a_checkpoint_that_is_not_there_stops_with_its_variable(selected: Store, tmp_path: Path) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(DatasetError, match="MGC_BERT"):
        tokens.build_tokens(selected, str(tmp_path / "nowhere"), silent)


def test_matched_lyrics_get_the_same_vocabulary_under_the_ids_of_their_audio(selected: Store) -> None:
    tokens.build_tokens(selected, None, silent)
    songs = {
        "track_id": ["T1", "T2"],
        "dataset": "msd",
        "matched_dataset": "genius",
        "matched_track_id": ["7", "8"],
        "kind": "exact",
        "score": 1.0,
        "genres": [["pop"], []],
    }
    write_table(selected, "corpus.msd_genius", pl.DataFrame(songs, schema_overrides={"genres": pl.List(pl.String)}))
    ours = pl.read_parquet(selected.table("core.lyrics") / "music4all.parquet").filter(track_id="aaa1")
    own = [ours.with_columns(dataset=pl.lit("genius"), track_id=pl.lit(name)) for name in ("7", "8", "9")]
    write_table(selected, "core.lyrics", pl.concat(own), part="genius")
    corpus = load_corpus("msd_genius")
    assert tokens.build_matched_tokens(selected, corpus, silent)
    theirs, music4all_tokens = (open_feature(selected.feature("lyric_tokens", name)) for name in ("msd", "music4all"))
    assert list(theirs.track_ids) == ["T1", "T2"]
    assert theirs.spec.hash == music4all_tokens.spec.hash
    assert (theirs.read("T2") == music4all_tokens.read("aaa1")).all()
    assert not tokens.build_matched_tokens(selected, corpus, silent)
    (selected.feature("lyric_tokens", "music4all") / "tokenizer.json").write_text("{}")
    with pytest.raises(TokenizerError):
        tokens.build_matched_tokens(selected, corpus, silent)
