"""Published weights into models: which source feeds which part of which model."""

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn

from mgc_models.artifacts.weights import described, load_checked, read_state
from mgc_models.errors import WeightsError
from mgc_models.models.jiang_mae.model import JiangMae
from mgc_models.pretrained.bert import load_bert, load_bert_layers
from mgc_models.pretrained.cavmae import load_cavmae

__all__ = ["WeightsError", "load_checked", "load_pretrained", "read_state"]

_HEAD = "last_linear."
_INSTEAD = {"cavmae": "cavmae_nonorm"}
_FIRST_KERNELS = "0.conv.weight"


def load_pretrained(model: nn.Module, sources: Mapping[str, str | None]) -> str:
    """Replace a model's random weights by the published ones that are given.

    Args:
        model: What `build_model` returned. Its audio network is `features`, its lyrics network `bert`; or a `JiangMae`.
            Its `starts`, if it has any, are added to what is returned.
        sources: `bert`: local folder or hub name; `inception_v4`: a file of timm; `cavmae`: a file of CAV-MAE, in whose
            place `cavmae_nonorm` is taken where it is given; None or absent: stays random.

    Returns:
        How the model now starts: `random`, or `bert=<name>(sha256:<8 digits>) inception_v4=random` and the like.

    Raises:
        WeightsError: if a source cannot be read, or differs from the model in a key, shape or size.
    """
    starts = {}
    for part, (target, load) in _parts(model).items():
        source = sources.get(_INSTEAD.get(part, part)) or sources.get(part)
        starts[part] = load(target, source) if source else "random"
    starts |= getattr(model, "starts", {})  # what a model says of itself: choices that depend on what the data had
    if not set(starts.values()) - {"random"}:
        return "random"
    return " ".join(f"{part}={start}" for part, start in starts.items())


def _parts(model: nn.Module) -> Mapping[str, tuple[nn.Module, Callable[..., str]]]:
    """Source -> the module that it feeds, and how."""
    if isinstance(model, JiangMae):
        return {"cavmae": (model, load_cavmae)} | ({"bert": (model, load_bert_layers)} if model.lyrics else {})
    networks = {"bert": ("bert", load_bert), "inception_v4": ("features", _load_inception)}
    return {part: (getattr(model, name), load) for part, (name, load) in networks.items() if hasattr(model, name)}


def _load_inception(features: nn.Module, source: str) -> str:
    """Load timm's Inception-v4 without its head; a one-channel model gets the sum of the colour kernels, as in timm."""
    file = Path(source).expanduser()
    state = {key.removeprefix("features."): value for key, value in read_state(file).items()}
    kernels = state.get(_FIRST_KERNELS)
    if kernels is not None and kernels.ndim == 4 and features.get_parameter(_FIRST_KERNELS).shape[1] == 1:
        state[_FIRST_KERNELS] = kernels.sum(1, keepdim=True)
    # Files older than torch 0.4.1 have no batch counters; nothing reads them.
    counters = {key for key in features.state_dict() if key.endswith("num_batches_tracked")} - state.keys()
    try:
        load_checked(features, state, counters, {key for key in state if key.startswith(_HEAD)})
    except WeightsError as error:
        raise WeightsError(
            f"MGC_INCEPTION_V4 = {source!r} does not fit the model. Published weights need model.width = 1.0 and "
            f"model.blocks = [4, 7, 3] (MGC_PROFILE=paper has them); unset the variable for other sizes. {error}"
        ) from error
    return described(file.name, file)
