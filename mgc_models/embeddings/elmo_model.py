"""ELMo's bidirectional language model (Peters et al. 2018), with the weights of the public release.

torch's LSTM with projections would be the cell but for the clipping of memory and output, so the cell is written here.
The original carries the state of its LSTMs from one batch to the next; here every batch starts from zero.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mgc_models.embeddings.elmo_files import ElmoOptions, lstm_group

Weights = Mapping[str, NDArray[np.float32]]

# A character is a byte; these mark the ends of a sentence and of a word. All are stored one higher: 0 is none.
SENTENCE_BEGIN, SENTENCE_END, WORD_BEGIN, WORD_END, WORD_PAD = 256, 257, 258, 259, 260
_FORGET_BIAS = 1.0  # TensorFlow adds it in the cell, so it is not in the file


def character_ids(word: str | int, length: int) -> list[int]:
    """Ids `[length]` of a word's UTF-8 bytes between marks, or of a sentence mark given by its id."""
    content = [word] if isinstance(word, int) else list(word.encode("utf-8", "ignore")[: length - 2])
    marked = [WORD_BEGIN, *content, WORD_END]
    return [value + 1 for value in (*marked, *[WORD_PAD] * (length - len(marked)))]


def batch_ids(songs: Sequence[Sequence[str]], length: int) -> Tensor:
    """Character ids int64 `[B, T + 2, length]` of word lists, each between sentence marks; 0 behind its end."""
    longest = max((len(song) for song in songs), default=0)
    ids = torch.zeros(len(songs), longest + 2, length, dtype=torch.int64)
    for row, song in zip(ids, songs, strict=True):
        marked: list[str | int] = [SENTENCE_BEGIN, *song, SENTENCE_END]
        row[: len(marked)] = torch.tensor([character_ids(word, length) for word in marked])
    return ids


class CharacterEncoder(nn.Module):
    """A vector of each word from its characters: convolutions, maximum, highway layers, projection."""

    def __init__(self, options: ElmoOptions, weights: Weights) -> None:
        super().__init__()
        table = torch.from_numpy(weights["char_embed"])
        self.characters = nn.Buffer(torch.cat([torch.zeros(1, table.shape[1]), table]))
        self.activation = {"relu": torch.relu, "tanh": torch.tanh}[options.activation]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(options.character_width, count, width) for width, count in options.filters
        )
        width = sum(count for _, count in options.filters)
        self.highways = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(options.highways))
        self.project = nn.Linear(width, options.projection)
        for number, convolution in enumerate(self.convolutions):
            kernel = weights[f"CNN/W_cnn_{number}"][0].transpose(2, 1, 0)
            _set(convolution, kernel, weights[f"CNN/b_cnn_{number}"])
        for number, highway in enumerate(self.highways):
            # The file's gate g lets the new value through; the negated one, 1 - g = sigmoid(-x), carries the old.
            part = f"CNN_high_{number}/"
            kernel = np.concatenate([weights[f"{part}W_transform"].T, -weights[f"{part}W_carry"].T])
            _set(highway, kernel, np.concatenate([weights[f"{part}b_transform"], -weights[f"{part}b_carry"]]))
        _set(self.project, weights["CNN_proj/W_proj"].T, weights["CNN_proj/b_proj"])

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors `[N, P]` of words `[N, characters]`."""
        letters = self.characters[ids].transpose(1, 2)
        states = torch.cat([self.activation(convolution(letters).amax(2)) for convolution in self.convolutions], 1)
        for highway in self.highways:
            new, carry = highway(states).chunk(2, 1)
            carry = torch.sigmoid(carry)
            states = carry * states + (1 - carry) * torch.relu(new)
        return self.project(states)


class ProjectedLstm(nn.Module):
    """One LSTM with projected output, both memory and output clipped, from a zero state."""

    def __init__(self, options: ElmoOptions, weights: Weights, group: str) -> None:
        super().__init__()
        self.cell_clip, self.projection_clip = options.cell_clip, options.projection_clip
        width, cell = options.projection, options.cell
        self.inputs = nn.Linear(width, 4 * cell, bias=False)
        self.recurrent = nn.Linear(width, 4 * cell)
        self.project = nn.Linear(cell, width, bias=False)
        kernel, bias = weights[f"{group}/W_0"].T, weights[f"{group}/B"].copy()
        bias[2 * cell : 3 * cell] += _FORGET_BIAS
        _set(self.inputs, kernel[:, :width])
        _set(self.recurrent, kernel[:, width:], bias)
        _set(self.project, weights[f"{group}/W_P_0"].T)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs `[B, T, P]` of inputs `[B, T, P]`, read from the first on."""
        gates = self.inputs(inputs)
        output = inputs.new_zeros(len(inputs), inputs.shape[2])
        memory = inputs.new_zeros(len(inputs), self.project.in_features)
        outputs = []
        for step in gates.unbind(1):
            entry, new, forget, out = (step + self.recurrent(output)).chunk(4, 1)
            memory = torch.sigmoid(entry) * torch.tanh(new) + torch.sigmoid(forget) * memory
            memory = _clipped(memory, self.cell_clip)
            output = _clipped(self.project(torch.sigmoid(out) * torch.tanh(memory)), self.projection_clip)
            outputs.append(output)
        return torch.stack(outputs, 1)


class ElmoBiLm(nn.Module):
    """The language model: words to one vector per layer."""

    def __init__(self, options: ElmoOptions, weights: Weights) -> None:
        super().__init__()
        self.encoder = CharacterEncoder(options, weights)
        self.directions = nn.ModuleList(
            nn.ModuleList(
                ProjectedLstm(options, weights, lstm_group(direction, layer)) for layer in range(options.lstm_layers)
            )
            for direction in range(2)
        )

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Read sentences.

        Args:
            ids: Character ids `[B, T + 2, characters]`, as `batch_ids` gives them.

        Returns:
            Vectors `[B, T, layers, 2P]`, without the sentence marks and zero behind each sentence, and mask `[B, T]`.
        """
        there = (ids > 0).any(2)
        words = torch.zeros(*there.shape, self.encoder.project.out_features, device=ids.device)
        words = words.to(self.encoder.project.weight.dtype)
        words[there] = self.encoder(ids[there])
        lengths = there.sum(1)
        reversal = _reversed_within(lengths, there.shape[1])
        layers = [torch.cat([words, words], 2)]
        forward, backward = words, _reordered(words, reversal)
        for number, (ahead, behind) in enumerate(zip(*self.directions, strict=True)):
            # From the second layer on, a layer's input is added to its output.
            forward = ahead(forward) + (forward if number else 0)
            backward = behind(backward) + (backward if number else 0)
            layers.append(torch.cat([forward, _reordered(backward, reversal)], 2))
        inner = torch.arange(there.shape[1] - 2, device=ids.device) < (lengths - 2)[:, None]
        return torch.stack(layers, 2)[:, 1:-1] * inner[:, :, None, None], inner


def _reversed_within(lengths: Tensor, count: int) -> Tensor:
    """Indices `[B, count]` that turn the first `lengths[b]` positions round and leave those behind where they are."""
    places = torch.arange(count, device=lengths.device).expand(len(lengths), -1)
    return torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)


def _reordered(states: Tensor, order: Tensor) -> Tensor:
    return states.gather(1, order[:, :, None].expand_as(states))


def _clipped(values: Tensor, bound: float | None) -> Tensor:
    return values.clamp(-bound, bound) if bound else values


def _set(layer: nn.Module, weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> None:
    with torch.no_grad():
        layer.get_parameter("weight").copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        if bias is not None:
            layer.get_parameter("bias").copy_(torch.from_numpy(np.ascontiguousarray(bias)))
