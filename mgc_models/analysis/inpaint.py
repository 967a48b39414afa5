"""`python -m mgc_models.analysis.inpaint JOB.json`: hide parts of songs and let a pretrained model fill them in.

What the source shows as pictures (thesis Table 6.10), and the error behind them; and what it says of hidden words
(section 6.3).
"""

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mgc_models.config.run import PretrainRun, required
from mgc_models.config.sections import PretrainSettings
from mgc_models.errors import DataError, DeviceError, ModelError, TokenizerError, WeightsError
from mgc_models.execution.run_log import logging_to_dagster_or_terminal
from warehouse.parsing import Above, Below, FileError, Minimum, read
from warehouse.shards.writer import ShardError
from warehouse.store import Store, replacing

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from mgc_models.data.batches import Batch, TrackData

OUTPUT = "inpainting.parquet"
_DONE, _FAILED, _BAD_JOB = 0, 1, 2
_BATCH = 32
_IMAGES = ("original", "hidden", "filled")
_WORDS = ("words_hidden", "words_right", "stop_words_right")


@dataclass(frozen=True)
class InpaintJob:
    """A job of inpainting: which run, tracks and masking ratios.

    Attributes:
        store: Absolute path of the store.
        device: `auto`, `cpu`, `cuda` or `cuda:<n>`.
        run: A finished pretraining.
        ratios: Shares of patches to hide, one after the other, and of words, in turns of their own; what a lower one
            hides, a higher one hides too.
        tracks: How many tracks of the first corpus, in the order of their ids.
        pictures: Of how many of these the spectrograms are written too.
        threads: CPU threads, or None for torch's own choice.
    """

    store: str
    device: str
    run: PretrainRun
    ratios: Annotated[tuple[float, ...], Above(0), Below(1)]
    tracks: Annotated[int, Minimum(1)]
    pictures: Annotated[int, Minimum(0)]
    threads: Annotated[int | None, Minimum(1)] = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see `--help`.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m mgc_models.analysis.inpaint",
        description="Hide parts of spectrograms and let a pretrained model fill them in.",
        epilog=f"Leaves {OUTPUT} beside the run's weights: mean squared error of hidden patches by track and ratio, "
        "and some spectrograms. Exit status: 0 done, 1 failed, 2 the job cannot be read.",
    )
    parser.add_argument("job", type=Path, metavar="JOB.json", help="written by the pipelines")
    path = parser.parse_args(arguments).job
    with logging_to_dagster_or_terminal() as log:
        try:
            job = read(path, InpaintJob)
        except FileError as error:
            log.error("%s", error)  # noqa: TRY400 - one line for the user, no traceback
            return _BAD_JOB
        run = job.run
        try:
            rows = inpaint(job)
        except (DataError, DeviceError, ModelError, ShardError, TokenizerError, WeightsError, OSError) as error:
            log.error("run %s: %s", run.run_id, error)  # noqa: TRY400
            return _FAILED
        write(Store(Path(job.store)).run(run.run_id) / OUTPUT, rows)
        log.info("run %s: filled in %d spectrograms at ratios %s", run.run_id, job.tracks, list(job.ratios))
    return _DONE


def inpaint(job: InpaintJob) -> list[dict[str, Any]]:
    """Fill in the middle crops of some tracks.

    Returns:
        One mapping per track and ratio: track_id, mask_ratio, mse over the hidden cells of the normalised spectrogram,
        bands; of the words hidden in its lyrics at that ratio words_hidden, words_right, and how many of these are
        stop words, stop_words_right (None for a model without lyrics); and for the first tracks original, hidden and
        filled, cells in the order of frames, else None.

    Raises:
        ModelError: if the model cannot inpaint (it needs audio and `pretrain.norm_pixels = false`).
        DataError, ShardError, TokenizerError, WeightsError: if something stored cannot be used.
    """
    import torch  # noqa: PLC0415 - takes seconds to load, and a bad job should be told at once

    from mgc_models.training.run import seed_of  # noqa: PLC0415

    if job.threads:
        torch.set_num_threads(job.threads)
    ids, data, model = _load(job)
    settings = required(job.run.settings.pretrain, "pretrain")
    rows = torch.arange(min(job.tracks, len(ids)))
    slices = [slice(first, first + _BATCH) for first in range(0, len(rows), _BATCH)]
    found, stops = [], _stop_ids(job)
    for ratio in job.ratios:
        masking = dataclasses.replace(settings, mask_audio=ratio)
        random, words_random = (torch.Generator().manual_seed(seed_of(job.run) + turn) for turn in (0, 1))
        for chosen, batch in zip(slices, data.batches(rows, data.centre_starts(rows), slices), strict=True):
            filled = _fill(model, batch, masking, random)
            guessed = _guess(model, batch, dataclasses.replace(settings, mask_lyrics=ratio), words_random, stops)
            for place, row in enumerate(rows[chosen].tolist()):
                cells = [one[place].flatten().cpu().tolist() if row < job.pictures else None for one in filled.images]
                found.append(
                    {
                        "track_id": ids[row],
                        "mask_ratio": ratio,
                        "mse": float(filled.mse[place]),
                        "bands": filled.images[0].shape[-1],
                        **{name: counts and counts[place] for name, counts in guessed.items()},
                        **dict(zip(_IMAGES, cells, strict=True)),
                    }
                )
    return found


def _load(job: InpaintJob) -> "tuple[tuple[str, ...], TrackData, nn.Module]":
    """Track ids and inputs of the run's first corpus, and its model."""
    from mgc_models.artifacts.weights import read_run_weights  # noqa: PLC0415
    from mgc_models.data.load import Cache, CorpusSlice, DataContext, data_sizes, load_data  # noqa: PLC0415
    from mgc_models.data.tracks import read_tracks  # noqa: PLC0415
    from mgc_models.execution.runtime import choose_device  # noqa: PLC0415
    from mgc_models.models import build_model  # noqa: PLC0415

    store, device, run = Store(Path(job.store)), choose_device(job.device), job.run
    source = run.data.sources[0]
    tracks = read_tracks(store.root / source.tracks).unlabelled()
    part = CorpusSlice(source.dataset, tracks, source.tracks)
    data = load_data(run.settings, [part], np.arange(len(tracks.ids)), DataContext(store, device, Cache()))
    model = build_model(run.settings.model, data_sizes(data))
    if not hasattr(model, "reconstruct"):
        raise ModelError(f"model {run.settings.model.name} cannot fill in spectrograms")
    model.load_state_dict(read_run_weights(store.run(run.run_id))[0])
    return tracks.ids, data, model.to(device).eval()


def _stop_ids(job: InpaintJob) -> "Tensor":
    """Ids of the stop words in the vocabulary of the run's lyrics, and of all that is no word; none without lyrics."""
    import torch  # noqa: PLC0415

    from mgc_models.data.lyrics import TOKENIZER_FILE  # noqa: PLC0415
    from mgc_models.features.lyrics.keywords import stop_words  # noqa: PLC0415
    from mgc_models.features.lyrics.tokens import SPECIAL_TOKENS, load_tokenizer  # noqa: PLC0415

    run = job.run
    if "tokens" not in run.settings.model.inputs:
        return torch.empty(0, dtype=torch.int64)
    feature = required(run.settings.text, "text").feature
    folder = Store(Path(job.store)).feature(feature, run.data.sources[0].dataset)
    vocabulary = load_tokenizer(folder / TOKENIZER_FILE).get_vocab()
    ids = [vocabulary[word] for word in (*SPECIAL_TOKENS, *sorted(stop_words())) if word in vocabulary]
    punctuation = [number for word, number in vocabulary.items() if not any(sign.isalnum() for sign in word)]
    return torch.tensor(sorted({*ids, *punctuation}), dtype=torch.int64)


def _guess(
    model: Any, batch: "Batch", settings: PretrainSettings, random: "torch.Generator", stops: "Tensor"
) -> dict[str, list[int] | None]:
    """Counts for each song: hidden words, those that the model guesses, and how many of these are stop words."""
    import torch  # noqa: PLC0415

    audio, tokens = batch.inputs["audio"], batch.inputs.get("tokens")
    if tokens is None:
        return dict.fromkeys(_WORDS)
    patches = model.patches(audio.shape[1])
    audio_noise, text_noise = (
        torch.rand(len(tokens), count, generator=random).to(tokens.device) for count in (patches, tokens.shape[1])
    )
    with torch.no_grad():
        filled = model.fill_words(batch.inputs, audio_noise, text_noise, settings)
    right = filled.real & (filled.words == filled.truth)
    among = right & torch.isin(filled.truth, stops.to(tokens.device))
    return {name: mask.sum(1).tolist() for name, mask in zip(_WORDS, (filled.real, right, among), strict=True)}


class _Filled(NamedTuple):
    """Errors `[B]`, and original, hidden and filled spectrograms `[B, T, bands]`."""

    mse: "Tensor"
    images: "tuple[Tensor, Tensor, Tensor]"


def _fill(model: Any, batch: "Batch", settings: PretrainSettings, random: "torch.Generator") -> _Filled:
    import torch  # noqa: PLC0415

    from mgc_models.models.jiang_mae.masking import to_patches, to_spectrogram  # noqa: PLC0415

    audio, tokens = batch.inputs["audio"], batch.inputs.get("tokens")
    truth = to_patches(audio)
    audio_noise = torch.rand(*truth.shape[:2], generator=random).to(audio.device)
    text_noise = None if tokens is None else torch.rand(*tokens.shape, generator=random).to(audio.device)
    with torch.no_grad():
        output = model.reconstruct(batch.inputs, audio_noise, text_noise, settings)
    filled = output.patches.float()
    errors = (filled - truth).square().mean(dim=-1) * output.masked
    mse = errors.sum(dim=1) / output.masked.sum(dim=1).clamp(min=1)
    hidden = output.masked[..., None].expand_as(truth).float()
    original, masked, shown = (to_spectrogram(one, audio.shape[-1]) for one in (truth, hidden, filled))
    return _Filled(mse, (original, masked, shown))


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what `inpaint` returned as Parquet, in one step."""
    cells = pa.list_(pa.float32())
    schema = pa.schema(
        {"track_id": pa.string(), "mask_ratio": pa.float64(), "mse": pa.float64(), "bands": pa.int32()}
        | dict.fromkeys(_WORDS, pa.int64())
        | dict.fromkeys(_IMAGES, cells)
    )
    table = pa.Table.from_pylist(list(rows), schema=schema)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


if __name__ == "__main__":
    sys.exit(main())
