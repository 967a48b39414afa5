"""The weights of a finished pretraining into a model that is fine-tuned."""

import json
from pathlib import Path

from torch import nn

from mgc_models.artifacts.run_folder import RESULT
from mgc_models.artifacts.weights import load_checked, read_state
from mgc_models.errors import WeightsError

_CLASSIFIER, _DECODER = "classifier.", "decoder."


def load_run(model: nn.Module, folder: Path) -> str:
    """Start from a finished pretraining: all weights but its decoder go to the model, all but the classifier come so.

    Args:
        model: What `build_model` returned for a classification.
        folder: The folder of the pretraining's run.

    Returns:
        How the model now starts: `pretrained=<run_id>(<how that started>)`.

    Raises:
        WeightsError: if the run is not finished, or its weights do not fit.
    """
    result = folder / RESULT
    if not result.is_file():
        raise WeightsError(f"pretrained = {folder.name}: the run is not finished; {result} is missing. Train it first.")
    state = read_state(folder / "model.safetensors")
    try:
        load_checked(
            model,
            state,
            {name for name in model.state_dict() if name.startswith(_CLASSIFIER)},
            {name for name in state if name.startswith(_DECODER)},
        )
    except WeightsError as error:
        raise WeightsError(f"pretrained = {folder.name} does not fit the model. {error}") from error
    return f"pretrained={folder.name}({json.loads(result.read_text(encoding='utf-8'))['init']})"
