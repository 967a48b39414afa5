"""Batches of a run's tracks: crops of spectrograms, tokens, words, labels."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat

import torch
import torch.nn.functional as F
from torch import Tensor

from mgc_models.config.run import required
from mgc_models.config.sections import AudioSettings
from mgc_models.data.frames import FrameStore
from mgc_models.data.lyrics import TokenTable, WordTable, WordVectorTable
from mgc_models.data.tracks import Tracks

_LARGEST_NOISE = 0.1  # of CAV-MAE's src/dataloader.py


@dataclass(frozen=True)
class Batch:
    """Inputs and labels on the device.

    Attributes:
        inputs: What the model is called with, by keyword: `audio` float32 [B, T, bands], normalised; `tokens` int64
            [B, L] and `token_mask` [B, L], True where there is a token; and so on (see `models.build_model`).
        labels: 0 or 1, float32 [B, C].
        targets: What else may be learnt: `emotion` float32 [B, 2], NaN where unknown.
        noise: What decides which patches and tokens a pretraining masks, uniform in [0, 1).
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    targets: dict[str, Tensor] = field(default_factory=dict)
    noise: Mapping[str, Tensor] = field(default_factory=dict)

    def part(self, chosen: slice) -> "Batch":
        """Some of the samples."""
        groups = (self.inputs, self.targets, self.noise)
        inputs, targets, noise = ({name: value[chosen] for name, value in group.items()} for group in groups)
        return Batch(inputs, self.labels[chosen], targets, noise)

    def with_noise(self, noise: Mapping[str, Tensor]) -> "Batch":
        """The same samples with the numbers that decide what is masked."""
        return replace(self, noise=noise)


@dataclass(frozen=True)
class Normalizer:
    """Shift and scale of spectrograms after padding: numbers, or one per band, `[bands]`."""

    mean: float | Tensor
    std: float | Tensor

    def __call__(self, raw: Tensor) -> Tensor:
        """Normalise in place, [B, T, bands]."""
        return raw.sub_(self.mean).div_(self.std)


@dataclass(frozen=True, eq=False)
class TrackData:
    """Everything that batches are made of; None for what a model does not read.

    Attributes:
        tracks: Which tracks.
        labels: Their genres, bool [N, C], on the device.
        audio: Spectrograms.
        normalizer: Of the spectrograms.
        tokens: Lyrics as tokens.
        words: Lyrics as lines of words.
        word_vectors: Lyrics as vectors of words.
        audio_settings: Crop length and augmentation.
    """

    tracks: Tracks
    labels: Tensor
    audio: FrameStore | None = None
    normalizer: Normalizer | None = None
    tokens: TokenTable | None = None
    words: WordTable | None = None
    word_vectors: WordVectorTable | None = None
    audio_settings: AudioSettings | None = None

    @property
    def crop_frames(self) -> int:
        """Length of a crop."""
        return required(self.audio_settings, "audio").crop_frames

    @property
    def audio_frames(self) -> int:
        """Frames of a crop that come from the clip; what follows them is padding."""
        settings = required(self.audio_settings, "audio")
        return settings.audio_frames or settings.crop_frames

    @property
    def lyrics(self) -> tuple[TokenTable | WordTable | WordVectorTable, ...]:
        """The tables of lyrics that there are."""
        return tuple(table for table in (self.tokens, self.words, self.word_vectors) if table is not None)

    @property
    def emotion(self) -> Tensor | None:
        """Valence and energy, float32 [N, 2], NaN where unknown."""
        return None if self.tracks.emotion is None else torch.from_numpy(self.tracks.emotion)

    @property
    def has_lyrics(self) -> Tensor | None:
        """Whether a track has lyrics, [N]: as the model sees it, else as the tracks file says; None if neither does."""
        for table in (self.words, self.word_vectors):
            if table is not None:
                return table.has_lyrics
        return None if self.tracks.has_lyrics is None else torch.from_numpy(self.tracks.has_lyrics)

    def batches(self, rows: Tensor, starts: Tensor | None, slices: Sequence[slice]) -> Generator[Batch, None, None]:
        """One batch for each slice of some tracks; what must be read from files is read ahead.

        Args:
            rows: Which tracks, int64 [n], on the CPU.
            starts: First frame of each crop, int64 [n], on the CPU; unused without audio.
            slices: Which of the rows go together.
        """
        on_device = rows.to(self.labels.device)
        emotion = None if self.emotion is None else self.emotion.to(self.labels.device)
        for chosen, audio, vectors in zip(
            slices, self._crops(rows, starts, slices), self._vectors(rows, slices), strict=False
        ):
            own = on_device[chosen]
            inputs = {name: value for table in self.lyrics for name, value in table.batch(own).items()}
            if audio is not None:
                inputs["audio"] = audio
            if vectors is not None:
                inputs["word_vectors"] = vectors
            yield Batch(inputs, self.labels[own].float(), {} if emotion is None else {"emotion": emotion[own]})

    def _crops(self, rows: Tensor, starts: Tensor | None, slices: Sequence[slice]) -> Iterator[Tensor] | Iterator[None]:
        if self.audio is None or starts is None or self.normalizer is None:
            return repeat(None, len(slices))
        pieces = self.audio.pieces(rows, starts, self.audio_frames, slices)
        if missing := self.crop_frames - self.audio_frames:
            padding = self.audio.padding
            pieces = (F.pad(piece, (0, 0, 0, missing), value=padding) for piece in pieces)
        return map(self.normalizer, pieces)

    def _vectors(self, rows: Tensor, slices: Sequence[slice]) -> Iterator[Tensor] | Iterator[None]:
        if self.word_vectors is None:
            return repeat(None, len(slices))
        table = self.word_vectors
        found = table.frames.pieces(rows, torch.zeros_like(rows), table.max_words, slices)
        return (piece.unflatten(2, (table.layers, table.dimension)) for piece in found)

    def random_starts(self, rows: Tensor, positions: Tensor) -> Tensor | None:
        """First frames from uniform numbers: 0 is the earliest crop, just below 1 the latest; [n]."""
        if self.audio is None:
            return None
        room = (self.audio.lengths[rows] - self.audio_frames).clamp(min=0)
        return (positions * (room + 1)).long()

    def centre_starts(self, rows: Tensor) -> Tensor | None:
        """First frames of the middle crops, [n]."""
        if self.audio is None:
            return None
        return (self.audio.lengths[rows] - self.audio_frames).clamp(min=0) // 2

    def augmented(self, batch: Batch, uniform: Callable[..., Tensor]) -> Batch:
        """Add noise and roll in time as CAV-MAE does (src/dataloader.py), where the settings want it.

        Args:
            batch: What was fetched.
            uniform: Gives uniform numbers for its samples, [B, *shape].
        """
        settings, audio = self.audio_settings, batch.inputs.get("audio")
        if settings is None or audio is None or not (settings.augment_noise or settings.augment_roll):
            return batch
        if settings.augment_noise:
            loudness = uniform(1, 1) * _LARGEST_NOISE
            audio = audio + uniform(*audio.shape[1:]) * loudness
        if settings.augment_roll:
            frames = torch.arange(audio.shape[1], device=audio.device)
            # By up to a whole crop in either direction; a roll is a shift modulo the length.
            shift = (uniform() * audio.shape[1]).long()
            index = (frames - shift[:, None]) % audio.shape[1]
            audio = audio.gather(1, index[:, :, None].expand_as(audio))
        return replace(batch, inputs={**batch.inputs, "audio": audio})
