"""Decoding: what is there comes back as it is, what is not there is an error with a reason, never zeros."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mgc_models.features.audio.decoding import AudioError, decode, resample, to_mono, waveform
from mgc_models.features.config import FBANK_16K

RATE_HZ = 22_050


def tone(seconds: float = 4.0, channels: int = 2) -> np.ndarray:
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return np.stack([0.4 * np.sin(2 * np.pi * (330 + 110 * c) * time_s) for c in range(channels)]).astype(np.float32)


@pytest.fixture(params=["wav", "flac", "ogg", "mp3"])
def audio_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"tone.{request.param}"
    soundfile.write(path, tone().T, RATE_HZ)
    return path


def test_a_whole_file_comes_back_in_full(audio_file: Path) -> None:
    decoded = decode(audio_file)
    assert decoded.sample_rate_hz == RATE_HZ
    assert decoded.samples.dtype == np.float32
    assert not decoded.truncated
    np.testing.assert_allclose(decoded.samples, tone(), atol=0.05)
    np.testing.assert_allclose(decoded.samples, soundfile.read(audio_file, dtype="float32")[0].T, atol=1e-6)
    np.testing.assert_array_equal(decoded.samples, decode(audio_file).samples)


def test_what_a_decoder_says_of_a_file_is_kept_with_it_and_not_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tone.mp3"
    soundfile.write(path, tone().T, RATE_HZ)
    assert decode(path).notes == ""
    content = bytearray(path.read_bytes())
    content[8000:8400] = bytes(400)
    path.write_bytes(content)
    assert "Illegal Audio-MPEG-Header" in decode(path).notes
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_truncated_file_gives_what_is_there_and_says_so(audio_file: Path, share: float) -> None:
    whole = decode(audio_file)
    content = audio_file.read_bytes()
    audio_file.write_bytes(content[: int(len(content) * share)])
    try:
        decoded = decode(audio_file)
    except AudioError as error:  # a short Ogg file may end inside its first page
        assert audio_file.suffix == ".ogg"
        assert error.reason == "empty"
        return
    assert decoded.truncated
    length = decoded.samples.shape[1]
    assert 0.05 * whole.samples.shape[1] < length < 0.9 * whole.samples.shape[1]
    np.testing.assert_allclose(decoded.samples[:, : length - 4096], whole.samples[:, : length - 4096], atol=1e-4)


@pytest.mark.parametrize("suffix", ["mp3", "wav", "flac", "ogg"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"<html>404</html>" * 99, "unreadable"), (bytes(5000), "unreadable"), (b"ID3", "unreadable")],
)
def test_what_is_no_audio_is_named_without_its_path(tmp_path: Path, suffix: str, content: bytes, reason: str) -> None:
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(content)
    with pytest.raises(AudioError) as caught:
        decode(path)
    assert caught.value.reason == reason
    assert str(len(content)) in caught.value.detail
    assert str(tmp_path) not in str(caught.value)


def test_missing_files_folders_and_empty_or_broken_samples_each_have_their_reason(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.zeros((0, 2)), RATE_HZ)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan, np.inf]), RATE_HZ, subtype="FLOAT")
    reasons = {}
    for name in ("absent.mp3", ".", "none.wav", "nan.wav"):
        with pytest.raises(AudioError) as caught:
            decode(tmp_path / name)
        reasons[name] = caught.value.reason
    assert reasons == {"absent.mp3": "missing", ".": "unreadable", "none.wav": "empty", "nan.wav": "not_finite"}


def variable_rate_mp3(path: Path) -> tuple[bytes, int]:
    """A file whose loudness, and with it the bit rate, changes; its bytes and where its length tag is."""
    quiet_then_loud = np.concatenate([np.zeros(10 * RATE_HZ), np.random.default_rng(0).normal(0, 0.2, 10 * RATE_HZ)])
    soundfile.write(path, quiet_then_loud, RATE_HZ, bitrate_mode="VARIABLE")
    content = path.read_bytes()
    return content, content.index(b"Xing")


def test_an_mp3_without_a_length_tag_is_not_called_truncated(tmp_path: Path) -> None:
    path = tmp_path / "vbr.mp3"
    content, tag = variable_rate_mp3(path)
    path.write_bytes(content[content.index(b"\xff", tag) :])
    decoded = decode(path)
    assert decoded.samples.shape[1] >= 20 * RATE_HZ
    assert not decoded.truncated
    path.write_bytes(b"ID3\x03\0\0\0\0\x0f\x76" + bytes(2038) + content[: len(content) // 2])
    assert decode(path).truncated, "an ID3 tag in front does not hide the length"


def test_a_header_that_promises_terabytes_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "liar.mp3"
    content, tag = variable_rate_mp3(path)
    path.write_bytes(content[: tag + 8] + b"\x7f\xff\xff\xff" + content[tag + 12 :])
    with pytest.raises(AudioError, match=r"unreadable: 56,097,532 s .* at most 1,800 s are decoded"):
        decode(path)


def test_a_flac_without_a_length_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "pipe.flac"
    soundfile.write(path, tone().T, RATE_HZ)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the 36 bits of STREAMINFO that count the samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(AudioError, match="FLAC header does not say how long"):
        decode(path)


def test_mono_is_the_mean_or_the_first_channel() -> None:
    samples = np.array([[1, 0, 1], [0, 0, 1]], np.float32)
    np.testing.assert_array_equal(to_mono(samples, "mean"), [0.5, 0, 1])
    np.testing.assert_array_equal(to_mono(samples, "first"), samples[0])
    with pytest.raises(ValueError, match=r"mono = 'left': expected 'mean' or 'first'"):
        to_mono(samples, "left")


@pytest.mark.parametrize("from_hz", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_resampling_keeps_a_tone_and_its_length(from_hz: int) -> None:
    at = [np.sin(2 * np.pi * 500 * np.arange(2 * rate) / rate).astype(np.float32) for rate in (from_hz, 16_000)]
    ours = resample(at[0], from_hz, 16_000)
    assert ours.shape == (32_000,)
    np.testing.assert_allclose(ours[1000:-1000], at[1][1000:-1000], atol=2e-3)
    both = resample(np.stack([at[0], -at[0]]), from_hz, 16_000)
    np.testing.assert_array_equal(both, np.stack([ours, -ours]))


def test_a_waveform_follows_the_feature_settings(audio_file: Path) -> None:
    ours = waveform(decode(audio_file), FBANK_16K)
    assert ours.dtype == np.float32
    assert abs(len(ours) - 4 * 16_000) <= 1
    with pytest.raises(ValueError, match="expected 'soxr_hq'"):
        waveform(decode(audio_file), {**FBANK_16K, "resampler": "nearest"})


@pytest.mark.parametrize(
    ("folder", "pattern", "count"), [("librosa_audio", "*.ogg", 6), ("music4all_jamendo", "audios/*.mp3", 13)]
)
def test_real_files_decode_whole(shared_real: Path, folder: str, pattern: str, count: int) -> None:
    files = sorted((shared_real / folder).glob(pattern))
    assert len(files) >= count
    for file in files:
        decoded = decode(file)
        assert not decoded.truncated, file.name
        assert decoded.samples.shape[1] > 20 * decoded.sample_rate_hz
        assert np.abs(decoded.samples).max() > 0.05


def test_only_this_module_needs_the_audio_libraries() -> None:
    code = (
        "import sys; sys.modules['soundfile'] = sys.modules['soxr'] = None\n"
        "import mgc_models.features.audio.fbank, mgc_models.features.lyrics.tokens\n"
        "import mgc_models.models, mgc_models.pretrained.load"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_tokens_and_checkpoint_folders_need_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import mgc_models.features.audio.decoding, mgc_models.features.config\n"
        "import mgc_models.features.lyrics.tokens, mgc_models.pretrained.hub"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
