"""`python -m mgc_models.analysis.genre_embeddings RUN_FOLDER OUT.parquet`: genres beside their graph convolution.

Beyond the source: Ru et al. 2023 show no picture of their genres. It starts from the weights of a finished run alone.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from mgc_models.artifacts.weights import read_run_weights
from mgc_models.errors import ModelError, WeightsError
from mgc_models.execution.run_log import logging_to_dagster_or_terminal
from mgc_models.models.genre_gcn import GenreGCN, stored_graph
from warehouse.store import replacing

SCHEMA = pa.schema(
    [
        pa.field("genre", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("x", pa.float64(), nullable=False),
        pa.field("y", pa.float64(), nullable=False),
    ]
)
DIGITS = 6
_TIE = 1e-6  # difference of spreads, as a share of the largest, that is none
_GCN = "classifier.gcn."


@torch.no_grad()
def genre_embeddings(model: nn.Module) -> tuple[Tensor, Tensor]:
    """The genres of a trained model as its graph convolution gets them and as it leaves them.

    Args:
        model: `ru_mgc` with `gcem`.

    Returns:
        Node features `[C, D]` and what classifies (or, with label attention, asks) `[C, E]`.

    Raises:
        ModelError: if the model has no graph convolution.
    """
    gcn = next((module for module in model.modules() if isinstance(module, GenreGCN)), None)
    if gcn is None:
        raise ModelError("expected a model with a graph convolution over genres (model.gcem = true), found none")
    return gcn.nodes, gcn()


def stored_embeddings(folder: Path) -> tuple[tuple[str, ...], Tensor, Tensor]:
    """Genre names, and `genre_embeddings`, of a finished run.

    Args:
        folder: Of the run; only its `model.safetensors` is read.

    Raises:
        WeightsError: if the weights cannot be read.
        ModelError: if the model has no graph convolution.
    """
    weights, preprocessing = read_run_weights(folder)
    graph = stored_graph(weights, preprocessing["genres"])
    if graph is None:
        raise ModelError(f"{folder}: expected a model with a graph convolution over genres (model.gcem = true)")
    state = {key.removeprefix(_GCN): value for key, value in weights.items() if key.startswith(_GCN)}
    hidden, out_width = state["second.weight"].shape
    # The stored nodes are taken as they are: whatever was done to them is done.
    gcn = GenreGCN(graph, "names", hidden=hidden, out_width=out_width, slope=preprocessing["model"]["gcn_slope"])
    gcn.load_state_dict(state)
    return graph.names, *genre_embeddings(gcn)


def plane(vectors: Tensor) -> Tensor:
    """First two principal components, `[C, 2]` of `[C, D]`, rounded; zeros where there are fewer.

    An axis may point either way: here towards its farthest genre. Axes of equal spread could be turned at will, so they
    are left at zero: one-hot genres, which are all equally far apart, lie on one point.
    """
    centred = vectors.double() - vectors.double().mean(0)
    left, spread, _ = torch.linalg.svd(centred, full_matrices=False)
    steps = -torch.diff(spread, append=spread.new_zeros(1)) > _TIE * spread[0]
    own = steps & torch.cat((steps.new_ones(1), steps[:-1]))
    points = (left * spread * own)[:, :2]
    points = nn.functional.pad(points, (0, 2 - points.shape[1]))
    farthest = points.gather(0, points.abs().argmax(0, keepdim=True))
    return (points * torch.where(farthest < 0, -1.0, 1.0)).round(decimals=DIGITS) + 0.0  # no negative zero


def write_embeddings(folder: Path, out: Path) -> None:
    """Write the plane of both stages, one row per genre and stage.

    Raises:
        WeightsError, ModelError: as `stored_embeddings`.
    """
    names, before, after = stored_embeddings(folder)
    rows = [
        {"genre": name, "stage": stage, "x": x, "y": y}
        for stage, vectors in (("before", before), ("after", after))
        for name, (x, y) in zip(names, plane(vectors).tolist(), strict=True)
    ]
    with replacing(out) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), temporary, compression="zstd", version="2.6")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit status: 0, or 1 with a message on the standard error stream.
    """
    parser = argparse.ArgumentParser(
        prog="python -m mgc_models.analysis.genre_embeddings",
        description="Write the genres of a finished run of ru_mgc before and after the graph convolution, on a plane.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="holds model.safetensors")
    parser.add_argument("out", type=Path, metavar="OUT.parquet", help="columns genre, stage (before, after), x, y")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the last bits of a decomposition depend on it
    with logging_to_dagster_or_terminal() as log:
        try:
            write_embeddings(given.folder, given.out)
        except (ModelError, WeightsError, OSError) as error:
            log.error("%s", error)  # noqa: TRY400 - one line for the user, no traceback
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
