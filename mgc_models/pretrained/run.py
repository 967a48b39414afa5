"""The weights of a finished pretraining into a model that is fine-tuned."""

from pathlib import Path

from torch import nn

from mgc_models.artifacts.run_folder import RESULT, WEIGHTS, is_finished, read_json, require_whole
from mgc_models.artifacts.weights import load_checked, read_state
from mgc_models.errors import RunError, WeightsError

_CLASSIFIER, _DECODER = "classifier.", "decoder."


def load_run(model: nn.Module, folder: Path) -> str:
    """Start from a finished pretraining: all weights but its decoder go to the model, all but the classifier come so.

    Args:
        model: What `build_model` returned for a classification.
        folder: The folder of the pretraining's run.

    Returns:
        How the model now starts: `pretrained=<run_id>(<how that started>)`.

    Raises:
        WeightsError: if the run is not finished, its files are damaged, or its weights do not fit.
    """
    if not is_finished(folder):
        result = folder / RESULT
        raise WeightsError(f"pretrained = {folder.name}: the run is not finished; {result} is missing. Train it first.")
    try:
        require_whole(folder, WEIGHTS)
        init = read_json(folder, RESULT)["init"]
    except RunError as error:
        raise WeightsError(str(error)) from error
    state = read_state(folder / WEIGHTS)
    try:
        load_checked(
            model,
            state,
            {name for name in model.state_dict() if name.startswith(_CLASSIFIER)},
            {name for name in state if name.startswith(_DECODER)},
        )
    except WeightsError as error:
        raise WeightsError(f"pretrained = {folder.name} does not fit the model. {error}") from error
    return f"pretrained={folder.name}({init})"
