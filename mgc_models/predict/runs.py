"""The finished runs of a store, and what their models can be given. Imports no torch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgc_models.artifacts.run_folder import RESULT, SPEC, is_finished, read_json
from mgc_models.config.inputs import INPUTS
from mgc_models.config.models import ModelSettings
from mgc_models.config.run import FinetuneRun, parse_run
from mgc_models.errors import RunError
from mgc_models.predict.preference import preference
from warehouse.parsing import SpecError
from warehouse.store import Store

AUDIO, LYRICS = frozenset({"audio"}), frozenset({"lyrics"})
HOW_TO_FILL = (
    "Run `make repro` (or `dagster job execute -j full_repro`) to train some, or name another store with --store."
)


@dataclass(frozen=True)
class FinishedRun:
    """A run with weights.

    Attributes:
        folder: Its folder.
        spec: What was asked for.
        accuracy: On its test part, as a share; None where there was nothing to score.
    """

    folder: Path
    spec: FinetuneRun
    accuracy: float | None

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.spec.run_id

    @property
    def parts(self) -> frozenset[str]:
        """The parts that its model was trained on: `audio`, `lyrics` or both."""
        return parts_of(self.spec.settings.model)

    @property
    def takes(self) -> tuple[frozenset[str], ...]:
        """The sets of parts that its model can be given: all its parts, or those that it can do with."""
        spared = [part for part in _spared(self.spec.settings.model) if part in self.parts]
        return self.parts, *(self.parts - {part} for part in spared if self.parts - {part})

    @property
    def demonstration(self) -> bool:
        """Whether its genres are those of the sample corpus, which is made up."""
        return self.spec.data_kind == "sample"

    @property
    def description(self) -> str:
        """The run in words, without its id."""
        spec = self.spec
        return (
            f"{spec.settings.model.name} ({spec.setting_id}, {spec.data.corpus}, fold {spec.data.fold}, "
            f"profile {spec.profile})"
        )


def parts_of(model: ModelSettings) -> frozenset[str]:
    """Give the parts that a model is trained on: `audio`, `lyrics` or both."""
    return frozenset(INPUTS[name].modality for name in model.inputs)


def _spared(model: ModelSettings) -> tuple[str, ...]:
    """Parts that a model of both can do without: either of jiang_mae, lyrics where something stands for none."""
    if model.name == "jiang_mae":
        return "lyrics", "audio"
    return tuple(INPUTS[name].modality for name in model.inputs if INPUTS[name].optional)


def in_words(parts: Iterable[str]) -> str:
    """`audio and lyrics`, `audio alone` or `lyrics alone`."""
    names = sorted(parts)
    return " and ".join(names) if len(names) > 1 else f"{names[0]} alone"


def read_run(folder: Path) -> FinishedRun:
    """Read what a finished run says of itself.

    Raises:
        RunError: if it is not finished, has no genres, or its files cannot be read.
    """
    if not is_finished(folder):
        raise RunError(f"run {folder.name}: not finished ({RESULT} is missing). Run its job again; it goes on.")
    try:
        spec = parse_run(read_json(folder, SPEC))
        accuracy = _accuracy(read_json(folder, RESULT))
    except SpecError as error:
        raise RunError(f"run {folder.name}: made with other settings than this code knows ({error})") from error
    if not isinstance(spec, FinetuneRun):
        raise RunError(f"run {folder.name}: a pretraining, which knows no genres. Use a run that started from it.")
    return FinishedRun(folder, spec, accuracy)


def _accuracy(result: Mapping[str, Any]) -> float | None:
    """The accuracy in a result; None where there is none."""
    scores = result.get("scores")
    found = scores.get("accuracy") if isinstance(scores, dict) else None
    return float(found) if isinstance(found, int | float) else None


def finished_runs(store: Store) -> tuple[list[FinishedRun], list[str]]:
    """All runs of a store that can be used, the preferred first, and why others that are finished cannot."""
    runs, refused = [], []
    for result in sorted(store.root.glob(f"runs/*/{RESULT}")):
        try:
            runs.append(read_run(result.parent))
        except RunError as error:
            if "a pretraining" not in str(error):
                refused.append(str(error))
    return sorted(runs, key=lambda run: preference(run.spec)), refused


def find_run(name: str, store: Store) -> FinishedRun:
    """The run of this id in the store, or in the folder of this name.

    Raises:
        RunError: if there is none, or as `read_run`.
    """
    folder = store.run(name)
    if "/" in name or not folder.is_dir():
        folder = Path(name).expanduser().absolute()
    if not (folder / SPEC).is_file():
        raise RunError(
            f"run {name}: neither in {store.root} nor a folder of a run. `python -m mgc_models.predict --list` shows "
            "the runs of a store; --store names another."
        )
    return read_run(folder)
