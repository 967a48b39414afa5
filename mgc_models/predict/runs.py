"""The finished runs of a store, what their models can be given, and which one is used. Imports no torch."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mgc_models.errors import RunError
from mgc_models.run_folder import RESULT, is_finished
from mgc_models.spec import ModelSettings, RunSpec, SpecError, parse_run
from warehouse.store import Store

AUDIO, LYRICS = frozenset({"audio"}), frozenset({"lyrics"})
BOTH = AUDIO | LYRICS
# The order of preference; what is not named here comes last.
_WORKS = ("jiang2024", "ru2023", "nandy2021", "wongchemelli2023")
_PROFILES = ("paper", "sample")


@dataclass(frozen=True)
class FinishedRun:
    """A run with weights.

    Attributes:
        folder: Its folder.
        spec: What was asked for.
        accuracy: On its test part, as a share; None where there was nothing to score.
    """

    folder: Path
    spec: RunSpec
    accuracy: float | None

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.spec.run_id

    @property
    def parts(self) -> frozenset[str]:
        """What its model was trained on: `audio`, `lyrics` or both."""
        return parts_of(self.spec.settings.model)

    @property
    def takes(self) -> tuple[frozenset[str], ...]:
        """What its model can be given: all its parts, or those that it can do with."""
        model = self.spec.settings.model
        return self.parts, *(self.parts - {spared} for spared in _spared(model) if self.parts - {spared})

    @property
    def demonstration(self) -> bool:
        """Whether its genres are those of the sample corpus, which is made up."""
        return self.spec.data_kind == "sample"

    @property
    def description(self) -> str:
        """In words, without its id."""
        spec = self.spec
        return (
            f"{spec.settings.model.name} ({spec.setting_id}, {spec.data.corpus}, fold {spec.data.fold}, "
            f"profile {spec.profile})"
        )


def parts_of(model: ModelSettings) -> frozenset[str]:
    """What a model is trained on: `audio`, `lyrics` or both."""
    return frozenset(map(part_of_input, model.inputs))


def part_of_input(name: str) -> str:
    """`audio` or `lyrics`: what an input of a model is made of."""
    return "audio" if name == "audio" else "lyrics"


def _spared(model: ModelSettings) -> tuple[str, ...]:
    """Parts that a model of both can do without: either of jiang_mae, lyrics where something stands for none."""
    if model.name == "jiang_mae":
        return "lyrics", "audio"
    return ("lyrics",) if {"words", "word_vectors"} & set(model.inputs) else ()


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
        spec = parse_run(json.loads((folder / "spec.json").read_text(encoding="utf-8")))
        scores = json.loads((folder / RESULT).read_text(encoding="utf-8")).get("scores", {})
    except (OSError, ValueError, SpecError) as error:
        raise RunError(f"run {folder.name}: made with other settings than this code knows ({error})") from error
    if not isinstance(spec, RunSpec):
        raise RunError(f"run {folder.name}: a pretraining, which knows no genres. Use a run that started from it.")
    return FinishedRun(folder, spec, scores.get("accuracy"))


def finished_runs(store: Store) -> tuple[list[FinishedRun], list[str]]:
    """All runs of a store that can be used, the preferred first, and why others that are finished cannot."""
    runs, refused = [], []
    for result in sorted(store.root.glob(f"runs/*/{RESULT}")):
        try:
            runs.append(read_run(result.parent))
        except RunError as error:
            if "a pretraining" not in str(error):
                refused.append(str(error))
    return sorted(runs, key=_preference), refused


def _preference(run: FinishedRun) -> tuple[int, int, float, str]:
    return _place(_PROFILES, run.spec.profile), _place(_WORKS, run.spec.work), -(run.accuracy or 0.0), run.run_id


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def find_run(name: str, store: Store) -> FinishedRun:
    """The run of this id in the store, or in the folder of this name.

    Raises:
        RunError: if there is none, or as `read_run`.
    """
    folder = store.run(name)
    if "/" in name or not folder.is_dir():
        folder = Path(name).expanduser().absolute()
    if not (folder / "spec.json").is_file():
        raise RunError(
            f"run {name}: neither in {store.root} nor a folder of a run. `python -m mgc_models.predict --list` shows "
            "the runs of a store; --store names another."
        )
    return read_run(folder)


def choose_run(runs: Sequence[FinishedRun], given: frozenset[str]) -> FinishedRun:
    """The first run, in order of preference, whose model was trained on exactly what is given.

    If there is none, the first that can do with it; and if there is none of those, the first that needs only a part
    of it.

    Raises:
        RunError: if no run can use what is given.
    """
    for usable in (_trained_on, _can_do_with, _needs_a_part_of):
        if found := next((run for run in runs if usable(run, given)), None):
            return found
    raise RunError(
        f"no finished run can use {in_words(given)}; "
        + (f"there are {len(runs)} that need something else" if runs else "the store holds none")
        + ". Train one (`dagster job execute -j full_repro`), or name another store with --store."
    )


def check_usable(run: FinishedRun, given: frozenset[str], runs: Sequence[FinishedRun]) -> None:
    """Refuse a run that cannot use what is given.

    Raises:
        RunError: names what it needs, and runs that would do.
    """
    if any(take <= given for take in run.takes):
        return
    others = [other for other in runs if any(take <= given for take in other.takes)]
    models = ", ".join(dict.fromkeys(other.spec.settings.model.name for other in others))
    instead = f"Models that can: {models}; for example --run {others[0].run_id}" if others else "No run here can"
    raise RunError(
        f"run {run.run_id}: {run.spec.settings.model.name} needs {' or '.join(map(in_words, run.takes))}, and is given "
        f"{in_words(given)}. {instead}."
    )


def _trained_on(run: FinishedRun, given: frozenset[str]) -> bool:
    return run.parts == given


def _can_do_with(run: FinishedRun, given: frozenset[str]) -> bool:
    return given in run.takes


def _needs_a_part_of(run: FinishedRun, given: frozenset[str]) -> bool:
    return any(take < given for take in run.takes)
