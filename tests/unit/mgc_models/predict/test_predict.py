"""`python -m mgc_models.predict`: the answers of evaluation, from the files of songs."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from mgc_models import train
from mgc_models.artifacts.weights import read_weights, save_weights
from mgc_models.predict.cli import main
from tests.unit.mgc_models.tiny_job import GENRES, REPOSITORY, write_job
from tests.unit.mgc_models.tiny_songs import RUNS, make_song_store, write_songs
from warehouse.store import Store

ALL = [run["run_id"] for run in RUNS]


@pytest.fixture(scope="session")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs") / "songs")


@pytest.fixture(scope="session")
def store(tmp_path_factory, songs):
    """A store with one trained run of every model, whose features are gone."""
    store = make_song_store(tmp_path_factory.mktemp("store"), songs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "watch_for_stop", lambda: lambda: None)
        assert train.main([str(write_job(store, RUNS))]) == 0
    shutil.rmtree(store.root / "features")
    return store


@pytest.fixture
def predict(store, capfd, monkeypatch):
    """Run the command; gives its exit status, lines and complaints."""
    monkeypatch.delenv("MGC_BERT", raising=False)

    def run(*arguments, root=None):
        status = main([*map(str, arguments), "--store", str(root or store.root), "--device", "cpu"])
        out, err = capfd.readouterr()
        return status, out.splitlines(), err

    return run


def answers(lines):
    return [json.loads(line) for line in lines]


def shares(content):
    return {entry["genre"]: entry["probability"] for entry in content["genres"]}


@pytest.mark.parametrize("run_id", ALL)
def test_every_model_says_of_files_what_it_said_in_evaluation(predict, store, songs, run_id):
    told = pq.read_table(store.run(run_id) / "predictions.parquet").to_pydict()
    audio = [songs / f"{name}.wav" for name in told["track_id"]]
    texts = [songs / f"{name}.txt" for name in told["track_id"]]
    files = [] if run_id in {"bert", "han_reads"} else audio
    lyrics = [] if run_id == "inception" else ["--lyrics", *texts]
    status, lines, _ = predict(*files, *lyrics, "--run", run_id, "--json")
    assert status == 0
    logits = np.array(told["scores"], np.float32).astype(np.float64)
    single = run_id in {"han", "han_reads"}
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) if single else 1 / (1 + np.exp(-logits))
    for content, values, row in zip(answers(lines), expected, logits, strict=True):
        found = shares(content)
        assert list(found.values()) == sorted(found.values(), reverse=True)
        # evaluation's logits bit by bit: what is left are the last digits of the exponential
        np.testing.assert_allclose([found[genre] for genre in GENRES], values, rtol=1e-12)
        above = [GENRES[row.argmax()]] if single else [genre for genre, x in zip(GENRES, row, strict=True) if x > -1.5]
        assert {entry["genre"] for entry in content["genres"] if entry["predicted"]} == set(above)
        assert content["demonstration"] is True


def test_many_files_are_classified_as_one_by_one_with_lyrics_from_a_folder(predict, songs):
    files = [songs / f"song{number}.wav" for number in range(4)]
    status, lines, _ = predict(*files, "--lyrics-dir", songs, "--run", "mae", "--json")
    assert status == 0
    for path, content in zip(files, answers(lines), strict=True):
        assert content["lyrics"] == str(path.with_suffix(".txt"))
        _, alone, _ = predict(path, "--lyrics", path.with_suffix(".txt"), "--run", "mae", "--json")
        assert shares(answers(alone)[0]) == pytest.approx(shares(content), rel=1e-5)


def test_a_model_that_can_do_with_one_part_is_given_what_is_there(predict, songs, tmp_path):
    files = [songs / "song0.wav", songs / "song1.wav"]
    shutil.copy(songs / "song1.txt", tmp_path)
    for run_id in ("mae", "han", "wong", "pandeya"):
        allowed = ["--lyrics-dir", tmp_path, "--missing-lyrics", "allow"]
        status, lines, _ = predict(*files, *allowed, "--run", run_id, "--json")
        assert status == 0
        assert [content["used"] for content in answers(lines)] == [["audio"], ["audio", "lyrics"]]
        _, alone, _ = predict(*files, "--run", run_id, "--json")
        assert shares(answers(alone)[0]) == pytest.approx(shares(answers(lines)[0]), rel=1e-5)
        assert shares(answers(alone)[1]) != pytest.approx(shares(answers(lines)[1]), rel=1e-5)
    status, lines, _ = predict("--lyrics", songs / "song0.txt", "--run", "mae", "--json")
    assert (status, answers(lines)[0]["used"]) == (0, ["lyrics"])


def test_the_terminal_marks_genres_and_says_what_was_used(predict, songs):
    status, lines, _ = predict(songs / "song0.wav", "--run", "mae", "--top", 2)
    assert status == 0
    assert "run mae: jiang_mae (jiang2024_mae, m4a, fold 0, profile sample)" in lines
    assert any("sample corpus" in line and "demonstration" in line for line in lines)
    assert any(line.startswith("  * ") and "%" in line for line in lines)
    status, lines, _ = predict(songs / "song0.wav", songs / "song1.wav", "--run", "mae")
    assert [line.split()[0] for line in lines[-2:]] == ["song0.wav", "song1.wav"]
    assert all(line.endswith("(from audio alone)") for line in lines[-2:])
    _, lines, _ = predict(songs / "song0.wav", "--lyrics", songs / "song0.txt", "--run", "inception")
    assert "the model takes audio alone; lyrics given beside it: not used" in lines


def test_without_a_run_the_one_trained_on_what_is_given_is_taken(predict, songs):
    song, text = songs / "song0.wav", songs / "song0.txt"
    for given, model, rule in (
        ([song], "inception_v4", "another model of jiang2024: no run of a proposed one fits; it was trained on audio"),
        (["--lyrics", text], "bert", "another model of jiang2024"),
        (
            [song, "--lyrics", text],
            "jiang_mae",
            "the model that jiang2024 proposes; it was trained on audio and lyrics",
        ),
    ):
        _, lines, err = predict(*given, "--json")
        assert answers(lines)[0]["model"] == model
        assert f"chosen: {rule}" in err


def test_a_better_score_on_a_test_fold_chooses_no_run(predict, store, songs, tmp_path):
    other = Store(tmp_path)
    for run_id, accuracy in (("alnet", 0.99), ("mae", 0.01), ("inception", 0.5)):
        folder = shutil.copytree(store.run(run_id), other.run(run_id))
        (folder / "SHA256SUMS").unlink()  # as a run of an earlier version
        result = json.loads((folder / "result.json").read_text())
        result["scores"]["accuracy"] = accuracy
        (folder / "result.json").write_text(json.dumps(result))
    given = [songs / "song0.wav", "--lyrics", songs / "song0.txt"]
    assert answers(predict(*given, "--json", root=tmp_path)[1])[0]["run"] == "mae"


def test_explain_takes_a_run_that_can_explain_and_says_so(predict, songs):
    text = ["--lyrics", songs / "song1.txt"]
    assert answers(predict(*text, "--json")[1])[0]["run"] == "bert"
    _, lines, err = predict(*text, "--explain", "--json")
    assert answers(lines)[0]["run"] == "han_reads"
    assert "attention" in answers(lines)[0]["explanation"]
    assert "one that can explain its answer" in err
    _, lines, _ = predict(songs / "song1.wav", *text, "--explain", "--json")
    assert "alone" in answers(lines)[0]["explanation"]


def test_explain_shows_the_attention_to_lines_and_words(predict, songs):
    for run_id in ("han", "pandeya"):
        _, lines, _ = predict(
            songs / "song1.wav", "--lyrics", songs / "song1.txt", "--run", run_id, "--explain", "--json"
        )
        read = answers(lines)[0]["explanation"]["attention"]
        assert len(read) == 6
        assert sum(line["weight"] for line in read) == pytest.approx(1, abs=1e-5)
        for line in read:
            assert 0 < len(line["words"]) <= 4
            assert line["line"].lower().startswith(" ".join(word["word"] for word in line["words"]))
            assert sum(word["weight"] for word in line["words"]) == pytest.approx(1, abs=1e-5)
        known = {word["word"]: word["known"] for line in read for word in line["words"]}
        assert known.pop("rain", False) is False
        assert all(known.values())
    _, lines, _ = predict(songs / "song1.wav", "--lyrics", songs / "song1.txt", "--run", "han", "--explain")
    assert any("lines with most weight" in line for line in lines)


def test_explain_gives_each_modality_alone_where_the_model_can_and_says_when_there_is_nothing(predict, songs):
    files = [songs / "song1.wav", "--lyrics", songs / "song1.txt"]
    _, lines, _ = predict(*files, "--run", "mae", "--explain", "--json")
    alone = answers(lines)[0]["explanation"]["alone"]
    heard = shares(answers(predict(songs / "song1.wav", "--run", "mae", "--json")[1])[0])
    assert alone["audio alone"] == pytest.approx(heard, rel=1e-5)
    assert set(alone) == {"audio alone", "lyrics alone"}
    _, lines, _ = predict(*files, "--run", "alnet", "--explain")
    assert any("no explanation: alnet has no attention" in line for line in lines)


def test_lyrics_that_the_model_hardly_knows_get_a_note(predict, songs, tmp_path):
    (tmp_path / "strange.txt").write_text("Love and other words\n")
    song = [songs / "song1.wav", "--run", "han", "--lyrics"]
    assert "  note: the model knows 1 of 4 words of the lyrics" in predict(*song, tmp_path / "strange.txt")[1]
    assert not any("note" in line for line in predict(*song, songs / "song1.txt")[1])


def _bad_songs(folder, songs):
    (folder / "text.wav").write_text("no audio")
    (folder / "utf16.txt").write_text("la la", encoding="utf-16")
    (folder / "latin.txt").write_bytes("déjà vu".encode("latin-1"))
    (folder / "empty.txt").write_text(" \n")
    soundfile.write(folder / "short.wav", np.ones(4000), 16_000)
    soundfile.write(folder / "silent.wav", np.zeros(32_000), 16_000)
    loud = np.where(np.arange(32_000) == 9, 1e30, 0.1).astype(np.float32)
    soundfile.write(folder / "loud.wav", loud, 16_000, subtype="FLOAT")
    os.mkfifo(folder / "fifo")
    (folder / "device").symlink_to("/dev/zero")
    (folder / "long.txt").write_text("la la\n" * 200_000)
    good, text = songs / "song0.wav", songs / "song0.txt"
    return {
        (folder / "text.wav", text): "text.wav: 8 bytes that are no audio",
        (folder / "absent.wav", text): "absent.wav: no such file",
        (folder / "short.wav", text): "short.wav: 0.250 s, at least 1 s are needed",
        (folder / "silent.wav", text): "silent.wav: 2.000 s of silence",
        (good, folder / "latin.txt"): "latin.txt: not UTF-8 text (byte 1)",
        (good, folder / "utf16.txt"): "utf16.txt: not UTF-8 text",
        (good, folder / "empty.txt"): "empty.txt: empty",
        (good, folder / "absent.txt"): "absent.txt: no such file",
        (good, folder): "a folder where a file is expected",
        (folder / "loud.wav", text): "loud.wav: samples of up to 1e+30 times full scale",
        (folder / "fifo", text): "fifo: a FIFO where a file is expected",
        (folder / "device", text): "device: a device where a file is expected",
        (good, folder / "fifo"): "fifo: a FIFO where a file is expected",
        (good, folder / "long.txt"): "long.txt: 1,200,000 bytes, at most 1,048,576 are read",
    }


def test_a_bad_file_costs_one_line_and_the_others_go_on(predict, songs, tmp_path):
    bad = _bad_songs(tmp_path, songs)
    pairs = [(songs / "song1.wav", songs / "song1.txt"), *bad, (songs / "song2.wav", songs / "song2.txt")]
    arguments = [*(audio for audio, _ in pairs), "--lyrics", *(text for _, text in pairs), "--run", "alnet"]
    status, lines, err = predict(*arguments, "--json")
    assert status == 1
    contents = answers(lines)
    assert ["error" in content for content in contents] == [False, *[True] * len(bad), False]
    for content, message in zip(contents[1:-1], bad.values(), strict=True):
        assert message in content["error"]
    assert len([line for line in err.splitlines() if line.startswith("failed: ")]) == len(bad)
    assert "Traceback" not in err


def test_a_song_without_a_file_in_the_folder_of_lyrics_is_one_failure(predict, songs, tmp_path):
    shutil.copy(songs / "song1.txt", tmp_path)
    files = [songs / "song0.wav", songs / "song1.wav", "--lyrics-dir", tmp_path]
    for run in ([], ["--run", "mae"], ["--run", "inception"]):
        status, lines, err = predict(*files, *run, "--json")
        assert status == 1
        assert ["error" in content for content in answers(lines)] == [True, False]
        assert f"song0.wav: no lyrics in {tmp_path}: expected song0.txt" in err
    status, lines, err = predict(*files, "--missing-lyrics", "allow", "--run", "alnet", "--json")
    assert status == 1
    assert "error" not in answers(lines)[1]
    assert "song0.wav: the model needs audio and lyrics; there is audio alone" in err
    status, lines, _ = predict(*files, "--missing-lyrics", "allow", "--run", "mae")
    assert status == 0
    assert "(from audio alone)" in lines[-2]


def test_a_run_that_cannot_take_what_is_given_names_those_that_can(predict, songs):
    status, lines, err = predict(songs / "song0.wav", "--run", "alnet")
    assert (status, lines) == (2, [])
    assert "run alnet: alnet needs audio and lyrics, and is given audio alone" in err
    assert "jiang_mae" in err
    assert "--run mae" in err
    assert len(err.splitlines()) == 1


@pytest.fixture
def copied(store, tmp_path):
    """A run folder to damage."""

    def copy(run_id):
        return shutil.copytree(store.run(run_id), tmp_path / "runs" / run_id)

    return copy


def _change(folder, change):
    path = folder / "model.safetensors"
    weights, raw = read_weights(path)
    change(raw)
    from torch import nn

    holder = nn.Module()
    holder.state_dict = lambda: weights
    save_weights(path, holder, raw)


def _other_band(raw):
    raw["audio"]["settings"]["shift_ms"] = 5.0


def _padded_otherwise(raw):
    del raw["audio"]["settings"]["padding"]


def _fewer_genres(raw):
    raw["genres"] = raw["genres"][:2]


def _append(path):
    path.write_bytes(path.read_bytes() + b" ")


def _without_metadata(folder):
    from safetensors.torch import save_file

    weights, _ = read_weights(folder / "model.safetensors")
    save_file(weights, folder / "model.safetensors")


def _unknown_setting(folder):
    spec = json.loads((folder / "spec.json").read_text())
    spec["settings"]["model"]["wings"] = 2
    (folder / "spec.json").write_text(json.dumps(spec))


def _from_a_network(raw):
    raw["vectors"]["settings"] |= {"backend": "bert", "source": "bert(sha256:0123abcd)"}


def _other_stop_words(raw):
    raw["vectors"]["settings"]["stop_words_sha256"] = "0123456789abcdef"


MISFITS = {
    "other stop words": ("wong", lambda f: _change(f, _other_stop_words), "another stop_words.txt than this code has"),
    "no network": ("wong", lambda f: _change(f, _from_a_network), "from bert(sha256:0123abcd), and here there is none"),
    "another feature": ("alnet", lambda f: _change(f, _other_band), "another fbank_16k than this code makes: shift_ms"),
    "another padding": ("han", lambda f: _change(f, _padded_otherwise), "padding = None, here 'floor'"),
    "no genres": ("alnet", lambda f: _change(f, lambda raw: raw.pop("genres")), "its metadata lack 'genres'"),
    "other shapes": ("alnet", lambda f: _change(f, _fewer_genres), "the weights have other shapes"),
    "no metadata": ("alnet", _without_metadata, "expected the metadata key 'preprocessing'"),
    "damaged": ("alnet", lambda f: (f / "model.safetensors").write_bytes(b"{}"), "not a readable safetensors file"),
    "another tokenizer": ("alnet", lambda f: _append(f / "tokenizer.json"), "tokenizer.json: not the one"),
    "no tokenizer": ("alnet", lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json: missing"),
    "another vocabulary": ("han", lambda f: _append(f / "vocabulary.parquet"), "vocabulary.parquet: not the one"),
    "unfinished": ("alnet", lambda f: (f / "result.json").unlink(), "not finished"),
    "unknown setting": ("alnet", _unknown_setting, "made with other settings than this code knows"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_refused_in_one_line(predict, songs, copied, tmp_path, case):
    run_id, damage, message = MISFITS[case]
    folder = copied(run_id)
    (folder / "SHA256SUMS").unlink()  # as a run of an earlier version, or of other code
    damage(folder)
    status, lines, err = predict(songs / "song0.wav", "--lyrics", songs / "song0.txt", "--run", folder, root=tmp_path)
    assert (status, lines) == (2, [])
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", ["model.safetensors", "spec.json", "result.json", "tokenizer.json"])
def test_a_flipped_byte_of_a_run_is_refused_by_name(predict, songs, copied, tmp_path, name):
    folder = copied("alnet")
    content = bytearray((folder / name).read_bytes())
    content[-20] ^= 1
    (folder / name).write_bytes(content)
    status, lines, err = predict(songs / "song0.wav", "--lyrics", songs / "song0.txt", "--run", folder, root=tmp_path)
    assert (status, lines) == (2, [])
    assert f"{folder / name}" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"{}", b"[" * 100_000, b'{"scores": []}', b"\xff\xfe", b'{"a": "\xed\xa0\x80"}']
)
@pytest.mark.parametrize("name", ["spec.json", "result.json"])
def test_a_damaged_run_is_one_line_of_the_list_and_not_its_end(predict, store, tmp_path, name, content):
    for run_id in ("alnet", "bert"):
        shutil.copytree(store.run(run_id), Store(tmp_path).run(run_id))
    (tmp_path / "runs" / "alnet" / name).write_bytes(content)
    status, lines, err = predict("--list", "--json", root=tmp_path)
    assert (status, [json.loads(line)["run"] for line in lines]) == (0, ["bert"])
    refused = [line for line in err.splitlines() if line.startswith("left out: ")]
    assert len(refused) == 1
    assert str(tmp_path / "runs" / "alnet" / name) in refused[0]


def test_a_run_folder_may_lie_anywhere(predict, songs, copied, tmp_path):
    status, _, _ = predict(songs / "song0.wav", "--run", copied("mae"), root=tmp_path / "nothing")
    assert status == 0


def test_an_empty_store_says_what_to_do(predict, songs, tmp_path):
    status, _, err = predict(songs / "song0.wav", root=tmp_path)
    assert status == 2
    assert "the store holds none" in err
    assert "dagster job execute" in err
    status, lines, err = predict("--list", root=tmp_path)
    assert (status, lines) == (2, [])
    assert "no finished run in" in err
    assert "make repro" in err
    status, _, err = predict(songs / "song0.wav", "--run", "nobody", root=tmp_path)
    assert status == 2
    assert "run nobody: neither in" in err


@pytest.mark.parametrize(
    "arguments", [[], ["a.wav", "--lyrics", "a.txt", "b.txt"], ["--lyrics-dir", "."], ["a.wav", "--top", "0"]]
)
def test_files_that_do_not_go_together_are_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_list_and_help(predict, capfd):
    status, lines, err = predict("--list")
    assert status == 0
    assert {line.split()[0] for line in lines[1:]} == set(ALL)
    assert "audio+lyrics | audio | lyrics" in next(line for line in lines if line.startswith("mae "))
    assert "demonstration" in err
    assert {content["run"] for content in answers(predict("--list", "--json")[1])} == set(ALL)
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capfd.readouterr().out
    assert all(word in text for word in ("--lyrics-dir", "--run", "exit status", "--explain", "which run"))


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--list"], 0, "inception_v4"),
        (["absent.mp3"], 1, "failed: absent.mp3: no such file"),
        (["absent.mp3", "--lyrics", "absent.txt", "--explain"], 1, "failed: absent.mp3: no such file"),
        ([b"caf\xe9.mp3", "--json"], 1, '"audio": "caf\\udce9.mp3"'),
        ([__file__, "--lyrics-dir", "tests"], 1, "no lyrics in tests: expected test_predict.txt"),
    ],
)
def test_the_real_command_lists_runs_and_tells_of_missing_files_without_loading_torch(store, arguments, status, told):
    code = (
        "import sys; from mgc_models.predict.cli import main; status = main(sys.argv[1:]);"
        "print(status, sorted(set(sys.modules) & {'torch', 'transformers', 'dagster', 'duckdb', 'polars'}))"
    )
    command = [sys.executable, "-c", code, *arguments, "--store", str(store.root)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert told in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"{status} []"
