"""The ELMo reader against the released format written out by hand: character CNN, highway, LSTM cell, clipping."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mgc_models.embeddings import elmo_files
from mgc_models.embeddings.elmo_files import ElmoOptions, expected_shapes, lstm_group, read_options
from mgc_models.embeddings.elmo_model import CharacterEncoder, ElmoBiLm, ProjectedLstm, batch_ids, character_ids
from mgc_models.errors import WeightsError

OPTIONS = ElmoOptions(261, 3, ((1, 2), (3, 4)), "relu", 2, 10, 4, 5, 2, 0.4, 0.3)
RELEASED = {
    "char_cnn": {
        "activation": "relu", "embedding": {"dim": 3}, "filters": [[1, 2], [3, 4]], "max_characters_per_token": 10,
        "n_characters": 262, "n_highway": 2,
    },
    "lstm": {
        "cell_clip": 0.4, "dim": 5, "n_layers": 2, "proj_clip": 0.3, "projection_dim": 4, "use_skip_connections": True,
    },
}  # fmt: skip


def weights(scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(0, scale, shape).astype(np.float32) for name, shape in expected_shapes(OPTIONS).items()}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(inputs: np.ndarray, w: dict[str, np.ndarray], group: str) -> np.ndarray:
    """TensorFlow's LSTMCell with projection: gates i, j, f, o; 1 added to f's bias; memory and output clipped."""
    kernel, projection = (w[f"{group}/{name}"].astype(np.float64) for name in ("W_0", "W_P_0"))
    b_i, b_j, b_f, b_o = np.split(w[f"{group}/B"], 4)
    bias = np.concatenate([b_i, b_j, b_f + np.float32(1), b_o]).astype(np.float64)
    memory, output, outputs = np.zeros(OPTIONS.cell), np.zeros(OPTIONS.projection), []
    for step in inputs:
        i, j, f, o = np.split(np.concatenate([step, output]) @ kernel + bias, 4)
        memory = np.clip(sigmoid(f) * memory + sigmoid(i) * np.tanh(j), -0.4, 0.4)
        output = np.clip((sigmoid(o) * np.tanh(memory)) @ projection, -0.3, 0.3)
        outputs.append(output)
    return np.stack(outputs)


def encoder_by_hand(ids: list[int], w: dict[str, np.ndarray]) -> np.ndarray:
    table = np.concatenate([np.zeros((1, 3)), w["char_embed"]]).astype(np.float64)
    letters, parts = table[ids], []
    for number, (width, count) in enumerate(OPTIONS.filters):
        kernel, bias = w[f"CNN/W_cnn_{number}"][0], w[f"CNN/b_cnn_{number}"]
        windows = [letters[place : place + width] for place in range(len(ids) - width + 1)]
        found = np.stack([np.einsum("wd,wdc->c", window, kernel) + bias for window in windows])
        assert found.shape[1] == count
        parts.append(np.maximum(found.max(0), 0))
    states = np.concatenate(parts)
    for number in range(OPTIONS.highways):
        part = {name: w[f"CNN_high_{number}/{name}"] for name in ("W_transform", "b_transform", "W_carry", "b_carry")}
        gate = sigmoid(states @ part["W_carry"] + part["b_carry"])
        states = gate * np.maximum(states @ part["W_transform"] + part["b_transform"], 0) + (1 - gate) * states
    return states @ w["CNN_proj/W_proj"] + w["CNN_proj/b_proj"]


def test_the_lstm_is_the_hand_computed_cell_and_both_clips_take_part() -> None:
    w, group = weights(), lstm_group(0, 0)
    inputs = np.random.default_rng(1).normal(size=(6, 4))
    cell = ProjectedLstm(OPTIONS, w, group).double()
    expected = lstm_by_hand(inputs, w, group)
    np.testing.assert_allclose(cell(torch.tensor(inputs)[None])[0].detach(), expected, rtol=0, atol=1e-12)
    assert (np.abs(expected) == 0.3).any()
    assert (np.abs(expected) < 0.3).any()


def test_a_word_is_encoded_as_by_hand_and_the_highway_carries_by_the_negated_gate() -> None:
    w = weights(0.5)
    ids = character_ids("héy", 10)
    assert ids == [259, 105, 196, 170, 122, 260, 261, 261, 261, 261]
    encoder = CharacterEncoder(OPTIONS, w).double()
    found = encoder(torch.tensor([ids]))[0].detach()
    np.testing.assert_allclose(found, encoder_by_hand(ids, w), rtol=0, atol=1e-12)


def test_long_words_are_cut_and_sentence_marks_are_words() -> None:
    assert character_ids("abcdefghijklm", 10) == [259, *[ord(letter) + 1 for letter in "abcdefgh"], 260]
    ids = batch_ids([["a"], ["b", "c"]], 10)
    assert ids.shape == (2, 4, 10)
    assert ids[0, 0, :4].tolist() == [259, 257, 260, 261]
    assert ids[0, 2, :4].tolist() == [259, 258, 260, 261]
    assert not ids[0, 3].any()


def test_the_language_model_adds_layers_to_their_inputs_and_forgets_between_batches() -> None:
    w = weights(0.5)
    model = ElmoBiLm(OPTIONS, w).double().eval()
    song = ["river", "of", "gold"]
    with torch.inference_mode():
        vectors, mask = model(batch_ids([song, ["no"]], 10))
        alone, _ = model(batch_ids([["no"]], 10))
        again, _ = model(batch_ids([song, ["no"]], 10))
    assert mask.tolist() == [[True, True, True], [True, False, False]]
    words = np.stack([encoder_by_hand(row, w) for row in batch_ids([song], 10)[0].tolist()])
    forward, backward = words, words[::-1]
    layers = [np.concatenate([words, words], 1)]
    for layer in range(2):
        ahead, behind = (
            lstm_by_hand(states, w, lstm_group(direction, layer))
            for direction, states in enumerate((forward, backward))
        )
        forward, backward = (ahead + forward, behind + backward) if layer else (ahead, behind)
        layers.append(np.concatenate([forward, backward[::-1]], 1))
    np.testing.assert_allclose(vectors[0], np.stack(layers, 1)[1:-1], rtol=0, atol=1e-12)
    torch.testing.assert_close(vectors[1, :1], alone[0], rtol=0, atol=1e-12)
    assert not vectors[1, 1:].any()
    assert torch.equal(vectors, again)


def write_release(folder: Path, **changes: Any) -> dict[str, np.ndarray]:
    h5py = pytest.importorskip("h5py", reason="h5py, the extra that reads ELMo's weights, is not installed")
    w = weights() | changes
    folder.mkdir(exist_ok=True)
    (folder / "elmo_tiny_options.json").write_text(json.dumps(RELEASED))
    with h5py.File(folder / "elmo_tiny_weights.hdf5", "w") as file:
        for name, values in w.items():
            if values is not None:
                file[name] = values
    return w


def test_a_release_is_read_from_its_files(tmp_path: Path) -> None:
    w = write_release(tmp_path)
    from mgc_models.embeddings.open import EmbedderOptions, embedder_shape, open_embedder
    from mgc_models.features.lyrics.word_vectors import WordVectors

    nothing = WordVectors((), np.zeros((2, 0), np.float32))
    options = EmbedderOptions(device="cpu")
    assert embedder_shape("elmo", str(tmp_path), nothing, options) == (3, 8)
    vectors, mask = open_embedder("elmo", str(tmp_path), nothing, options).embed([["river"], []])
    expected, _ = ElmoBiLm(OPTIONS, w).eval()(batch_ids([["river"], []], 10))
    np.testing.assert_array_equal(vectors, expected.detach())
    assert mask.tolist() == [[True], [False]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"CNN_high_1/b_carry": None}, "missing: CNN_high_1/b_carry"),
        ({"char_embed": np.zeros((262, 3), np.float32)}, r"shape of char_embed: expected \[261, 3\], found \[262, 3\]"),
        ({"CNN_proj/b_proj": np.full(4, np.nan, np.float32)}, "not finite: CNN_proj/b_proj"),
    ],
)
def test_weights_that_are_not_whole_are_one_clear_error(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write_release(tmp_path, **changes)
    options_file, weights_file = elmo_files.elmo_files(tmp_path)
    with pytest.raises(WeightsError, match=rf"1 differences[\s\S]*{message}[\s\S]*MGC_ELMO_DIR"):
        elmo_files.read_weights(weights_file, read_options(options_file))


def test_a_file_cut_short_is_one_clear_error(tmp_path: Path) -> None:
    write_release(tmp_path)
    _, weights_file = elmo_files.elmo_files(tmp_path)
    whole = weights_file.read_bytes()
    weights_file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="cut short, or no HDF5 file"):
        elmo_files.read_weights(weights_file, OPTIONS)


def test_options_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"expected one options.json, found none"):
        elmo_files.elmo_files(tmp_path)
    file = tmp_path / "options.json"
    file.write_text(json.dumps(RELEASED | {"lstm": RELEASED["lstm"] | {"use_skip_connections": False}}))
    with pytest.raises(WeightsError, match="use_skip_connections"):
        read_options(file)
    file.write_text("{}")
    with pytest.raises(WeightsError, match="options of an ELMo release"):
        read_options(file)
    file.write_text(json.dumps(RELEASED))
    assert read_options(file) == OPTIONS
