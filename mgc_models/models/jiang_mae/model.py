"""The thesis' own model (chapter 4): masked and contrastive pretraining on audio and lyrics, then classification."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from mgc_models.config.models import JiangMaeSettings
from mgc_models.config.sections import PretrainSettings
from mgc_models.errors import ModelError
from mgc_models.models.common import ModelOutput, required_audio, required_text
from mgc_models.models.jiang_mae.decoder import Decoder
from mgc_models.models.jiang_mae.encoders import (
    BERT_POSITIONS,
    AudioEncoder,
    JointEncoder,
    LyricsEncoder,
    Stream,
    joined,
    pooled,
)
from mgc_models.models.jiang_mae.losses import (
    FilledWords,
    Inpainting,
    PretrainOutput,
    audio_reconstruction_loss,
    lyrics_reconstruction_loss,
)
from mgc_models.models.jiang_mae.masking import (
    PATCH,
    MaskedModality,
    mask_audio,
    mask_lyrics,
    patch_columns,
    standardised,
    to_patches,
)
from mgc_models.models.jiang_mae.transformer import MAX_POSITIONS

_EMBEDDING_STD = 0.02  # of CAV-MAE's modality and mask tokens, and of BERT's embeddings


def classifier(settings: JiangMaeSettings, n_genres: int) -> nn.Sequential:
    """Norm and linear layer from `[B, hidden]` to `[B, C]`, with a hidden layer between if the settings say so."""
    norm = nn.LayerNorm(settings.hidden)
    if not settings.classifier_hidden:
        return nn.Sequential(norm, nn.Linear(settings.hidden, n_genres))
    hidden = nn.Linear(settings.hidden, settings.classifier_hidden)
    return nn.Sequential(norm, hidden, nn.GELU(), nn.Linear(settings.classifier_hidden, n_genres))


def check_sizes(settings: JiangMaeSettings, n_bands: int, vocab_size: int | None) -> None:
    """Raise ModelError where settings and data do not go together."""
    if not settings.modalities or len(set(settings.modalities)) < len(settings.modalities):
        raise ModelError(f"model.modalities = {list(settings.modalities)}: expected audio, lyrics or both, each once")
    for width, heads in (("hidden", "heads"), ("decoder_hidden", "decoder_heads")):
        size, parts = getattr(settings, width), getattr(settings, heads)
        if size % parts or size % 4:
            raise ModelError(f"model.{width} ({size}) must be divisible by 4 and by model.{heads} ({parts})")
    if "audio" in settings.modalities and (n_bands < PATCH or n_bands % PATCH):
        raise ModelError(f"a spectrogram of {n_bands} bands: expected a multiple of {PATCH}")
    if settings.text_position == "bert_learned" and settings.text_scale != "none":
        raise ModelError(
            "model.text_scale is for sinusoidal positions; with text_position = 'bert_learned' set it to 'none'"
        )
    if "lyrics" in settings.modalities and not vocab_size:
        raise ModelError("model.name = 'jiang_mae' reads lyrics: expected the vocabulary size of a tokenizer")


def initialise(model: nn.Module) -> None:
    """Initialise as CAV-MAE: Xavier for matrices, zero for biases, N(0, 0.02) for embeddings and marks."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=_EMBEDDING_STD)
    for name, parameter in model.named_parameters():
        if "modality" in name or name.endswith(("mask_token", "token_type")):
            nn.init.normal_(parameter, std=_EMBEDDING_STD)


class _Seen(NamedTuple):
    """One masked modality: its slots, the encoder's states `[B, K, D]`, and what is to be predicted."""

    part: MaskedModality
    states: Tensor
    target: Tensor


class JiangMae(nn.Module):
    """Encoders, and for pretraining the decoder or for classification the classifier.

    Args:
        settings: Sizes and open choices.
        n_genres: Outputs C; 0: no classifier, and the decoder instead (unless `decoder_layers` is 0).
        n_bands: Of the spectrogram; a multiple of 16.
        vocab_size: Of the tokenizer; None for a model without lyrics.

    Attributes:
        audio: E_a, or None.
        lyrics: E_t, or None.
        joint: E_j.
        decoder: D_j with its heads, or None.
        classifier: Norm and linear layer, or None.

    Raises:
        ModelError: for sizes that do not go together.
    """

    new_head: ClassVar[str] = "classifier"

    def __init__(self, settings: JiangMaeSettings, n_genres: int, n_bands: int, vocab_size: int | None) -> None:
        super().__init__()
        check_sizes(settings, n_bands, vocab_size)
        self.settings = settings
        self.bands = n_bands
        words = vocab_size or 0
        self.audio = AudioEncoder(settings) if "audio" in settings.modalities else None
        self.lyrics = LyricsEncoder(settings, words) if "lyrics" in settings.modalities else None
        self.joint = JointEncoder(settings)
        self.decoder = Decoder(settings, words) if settings.decoder_layers and not n_genres else None
        self.classifier = classifier(settings, n_genres) if n_genres else None
        initialise(self)

    def patches(self, crop_frames: int) -> int:
        """Patches of a crop, and so columns of its noise.

        Raises:
            ModelError: if the frames do not make whole patches.
        """
        return patch_columns(crop_frames) * (self.bands // PATCH)

    def forward(
        self, audio: Tensor | None = None, tokens: Tensor | None = None, token_mask: Tensor | None = None
    ) -> ModelOutput:
        """Classify clips, lyrics or pairs of them without masking (thesis Eq. 4.20 to 4.23).

        A model of both modalities that is given one takes that one's stream and norms.

        Args:
            audio: `[B, T, bands]`, normalised; T a multiple of 16.
            tokens: `[B, L]` int64.
            token_mask: `[B, L]` bool, true for real tokens; the others change nothing.

        Returns:
            Logits `[B, C]`.

        Raises:
            ModelError: if there is no classifier, or the inputs do not fit the model.
        """
        if self.classifier is None:
            raise ModelError("a model without classifier (n_genres = 0) was asked for genres")
        if audio is None and tokens is None:
            raise ModelError(f"a batch without audio and lyrics; expected {' or '.join(self.settings.modalities)}")
        streams = []
        if audio is not None:
            streams.append(self._whole_audio(audio))
        if tokens is not None:
            streams.append(self._whole_lyrics(tokens, token_mask))
        stream = streams[0] if len(streams) == 1 else joined(streams)
        (states,) = self.joint([stream])
        return ModelOutput(self.classifier(pooled(states, stream.valid)))

    def pretrain(
        self,
        inputs: Mapping[str, Tensor],
        audio_noise: Tensor | None,
        text_noise: Tensor | None,
        settings: PretrainSettings,
    ) -> PretrainOutput:
        """Mask a batch and compute the parts of the pretraining loss (thesis section 4.2).

        Only what the settings weigh is computed: no decoder without `reconstruction_weight`, no single streams without
        `contrastive_weight`. Shapes follow from the inputs' shapes alone, and nothing waits for the device.

        Args:
            inputs: `audio [B, T, bands]`, `tokens [B, L]`, `token_mask [B, L]`, as far as the model reads them.
            audio_noise: Uniform numbers below 1, `[B, patches(T)]`; the smallest are kept. None without audio.
            text_noise: The same for slots of lyrics, `[B, L]`.
            settings: Masking ratios, weights and the kind of audio loss.

        Raises:
            ModelError: if an input is missing or does not fit, or a reconstruction is asked of a model without decoder.
        """
        seen = self._masked(inputs, audio_noise, text_noise, settings)
        single = [Stream(one.part.modality, one.states, one.part.kept_real) for one in seen]
        contrast = settings.contrastive_weight > 0 and len(single) > 1
        reconstruct = settings.reconstruction_weight > 0
        streams = ([joined(single)] if reconstruct else []) + (single if contrast else [])
        if not streams:
            raise ModelError(
                "neither a contrastive_weight (for two modalities) nor a reconstruction_weight: no loss is left"
            )
        states = self.joint(streams)
        losses = self._reconstruction(seen, states[0], settings) if reconstruct else {}
        if not contrast:
            return PretrainOutput(**losses)
        audio, text = (pooled(own, stream.valid) for own, stream in zip(states[-2:], single, strict=True))
        return PretrainOutput(audio, text, **losses)

    def reconstruct(
        self, inputs: Mapping[str, Tensor], audio_noise: Tensor, text_noise: Tensor | None, settings: PretrainSettings
    ) -> Inpainting:
        """Fill in the masked patches of spectrograms (thesis Table 6.10); arguments as for `pretrain`.

        Raises:
            ModelError: as `pretrain`, and for a model that was trained on standardised patches: those have no level.
        """
        if settings.norm_pixels or "audio" not in self.settings.modalities:
            raise ModelError("inpainting needs a model with audio, pretrained with pretrain.norm_pixels = false")
        seen = self._masked(inputs, audio_noise, text_noise, settings)
        masked, prediction = seen[0].part.masked, self._predictions(seen)[0]
        patches = to_patches(inputs["audio"])
        filled = patches.scatter(1, _wide(masked, patches), prediction.to(patches.dtype))
        return Inpainting(filled, torch.zeros_like(patches[..., 0], dtype=torch.bool).scatter(1, masked, True))

    def fill_words(
        self, inputs: Mapping[str, Tensor], audio_noise: Tensor | None, text_noise: Tensor, settings: PretrainSettings
    ) -> FilledWords:
        """Guess the masked words of lyrics (thesis section 6.3); arguments and errors as for `pretrain`."""
        if self.lyrics is None:
            raise ModelError("filling in words needs a model with lyrics")
        seen = self._masked(inputs, audio_noise, text_noise, settings)
        real = seen[-1].part.masked_real
        if real is None:
            raise ModelError("filling in words needs to know which tokens are padding")
        return FilledWords(self._predictions(seen)[-1].argmax(-1), seen[-1].target, real)

    def _predictions(self, seen: Sequence[_Seen]) -> list[Tensor]:
        (states,) = self.joint([joined([Stream(one.part.modality, one.states, one.part.kept_real) for one in seen])])
        return self._heads(states, [one.part for one in seen])

    def _whole_audio(self, audio: Tensor) -> Stream:
        encoder, patches, columns = self._patches(audio)
        slots = torch.arange(patches.shape[1], device=patches.device)
        return Stream("audio", encoder(patches, slots, columns), None)

    def _whole_lyrics(self, tokens: Tensor, token_mask: Tensor | None) -> Stream:
        encoder, tokens, real = self._tokens(tokens, token_mask)
        slots = torch.arange(tokens.shape[1], device=tokens.device)
        return Stream("lyrics", encoder(tokens, slots, tokens.shape[1], real), real)

    def _masked(
        self,
        inputs: Mapping[str, Tensor],
        audio_noise: Tensor | None,
        text_noise: Tensor | None,
        settings: PretrainSettings,
    ) -> list[_Seen]:
        seen = []
        if self.audio is not None:
            encoder, patches, columns = self._patches(inputs.get("audio"))
            part = mask_audio(_noise(audio_noise, patches.shape[:2], "audio"), settings.mask_audio, columns)
            states = encoder(patches.gather(1, _wide(part.kept, patches)), part.kept, columns)
            target = patches.gather(1, _wide(part.masked, patches))
            seen.append(_Seen(part, states, standardised(target) if settings.norm_pixels else target))
        if self.lyrics is not None:
            words, tokens, real = self._tokens(inputs.get("tokens"), inputs.get("token_mask"))
            noise = _noise(text_noise, tokens.shape, "lyrics")
            part = mask_lyrics(noise, real, settings.mask_lyrics, self.settings.lyrics_masking)
            states = words(tokens.gather(1, part.kept), part.kept, part.columns, part.kept_real)
            seen.append(_Seen(part, states, tokens.gather(1, part.masked)))
        return seen

    def _reconstruction(self, seen: Sequence[_Seen], states: Tensor, settings: PretrainSettings) -> dict[str, Tensor]:
        losses = {}
        for one, prediction in zip(seen, self._heads(states, [one.part for one in seen]), strict=True):
            if one.part.masked_real is None:
                losses["audio_loss"] = audio_reconstruction_loss(prediction, one.target, settings.audio_reduction)
            else:
                losses["lyrics_loss_sum"], losses["lyrics_count"] = lyrics_reconstruction_loss(
                    prediction, one.target, one.part.masked_real, settings.lyrics_reduction
                )
        return losses

    def _heads(self, states: Tensor, parts: Sequence[MaskedModality]) -> list[Tensor]:
        if self.decoder is None:
            raise ModelError(
                "a reconstruction was asked of a model without decoder (n_genres > 0 or decoder_layers = 0)"
            )
        hidden = self.decoder(states, parts)
        return [self.decoder.heads[part.modality](own) for part, own in zip(parts, hidden, strict=True)]

    def _patches(self, audio: Tensor | None) -> tuple[AudioEncoder, Tensor, int]:
        if self.audio is None:
            raise ModelError("audio was given to a model with modalities = ['lyrics']")
        audio = required_audio(audio, PATCH)
        if audio.shape[2] != self.bands:
            raise ModelError(f"a spectrogram of {audio.shape[2]} bands: the model was built for {self.bands}")
        columns = patch_columns(audio.shape[1])
        if columns > MAX_POSITIONS:
            raise ModelError(f"a crop of {audio.shape[1]} frames: expected at most {MAX_POSITIONS * PATCH}")
        return self.audio, to_patches(audio), columns

    def _tokens(self, tokens: Tensor | None, token_mask: Tensor | None) -> tuple[LyricsEncoder, Tensor, Tensor]:
        if self.lyrics is None:
            raise ModelError("lyrics were given to a model with modalities = ['audio']")
        learned = self.settings.text_position == "bert_learned"
        tokens, token_mask = required_text(tokens, token_mask, BERT_POSITIONS if learned else MAX_POSITIONS)
        return self.lyrics, tokens, token_mask


def _wide(slots: Tensor, patches: Tensor) -> Tensor:
    return slots.unsqueeze(-1).expand(-1, -1, patches.shape[-1])


def _noise(noise: Tensor | None, shape: Sequence[int], modality: str) -> Tensor:
    if noise is None or noise.shape != tuple(shape):
        found = "nothing" if noise is None else list(noise.shape)
        raise ModelError(f"masking {modality}: expected noise {list(shape)}, found {found}")
    return noise
